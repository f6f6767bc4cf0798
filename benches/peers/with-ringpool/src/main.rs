//! The workloads on ringpool.

mod files;
mod hops;
mod local;
mod many;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use ringpool::{Builder, Pinning, Pool};
use workload::Work::{Counted, Server};
use workload::processors::cores;

fn main() -> ExitCode {
    workload::program::main(&[
        ("spawn-on", Counted(|job| hops::spawn_on(AWAKE, job))),
        ("spawn-on-asleep", Counted(|job| hops::spawn_on(ASLEEP, job))),
        ("switch", Counted(|job| hops::switch(AWAKE, job))),
        ("switch-asleep", Counted(|job| hops::switch(ASLEEP, job))),
        ("batch", Counted(hops::batch)),
        ("channel-round-trip", Counted(|job| hops::channel_round_trip(AWAKE, job))),
        ("channel-round-trip-asleep", Counted(|job| hops::channel_round_trip(ASLEEP, job))),
        ("channel-one-way", Counted(hops::channel_one_way)),
        ("local-spawn", Counted(local::spawn)),
        ("yield", Counted(local::yield_now)),
        ("yield-many", Counted(local::yield_many)),
        ("timer", Counted(local::timer)),
        ("spawn-blocking", Counted(|job| local::spawn_blocking(AWAKE, job))),
        ("spawn-blocking-asleep", Counted(|job| local::spawn_blocking(ASLEEP, job))),
        ("cold-start", Counted(local::cold_start)),
        ("idle", Counted(|_| local::idle(pool(2, AWAKE)))),
        ("idle-awake", Counted(|_| local::idle(busy_pool(2)))),
        ("read", Counted(files::read)),
        ("copy", Counted(files::copy)),
        ("fan", Counted(many::fan)),
        ("compute", Counted(many::compute)),
        ("cancel", Counted(many::cancel)),
        ("storm", Counted(many::storm)),
        ("timers", Counted(many::timers)),
        ("parked", Counted(many::parked)),
        ("rings", Counted(many::rings)),
        ("echo", Server(servers::echo)),
        ("echo-awake", Server(servers::echo_awake)),
        ("echo-multishot-awake", Server(servers::echo_multishot_awake)),
        ("echo-multishot", Server(servers::echo_multishot)),
        ("http", Server(servers::http)),
        ("accept", Server(servers::accept)),
        ("hotspot", Server(servers::hotspot)),
        ("connections", Server(servers::echo_multishot)),
    ])
}

/// How long a ring waits awake: the builder's default.
const AWAKE: Option<Duration> = None;
/// Not at all.
const ASLEEP: Option<Duration> = Some(Duration::ZERO);

/// A pool of rings, one to a processor.
fn pool(rings: usize, waits_awake: Option<Duration>) -> Pool {
    let mut builder = of_rings(rings);
    if let Some(limit) = waits_awake {
        builder = builder.spin_before_sleep(limit);
    }
    builder.build().expect("io_uring works here")
}

/// The same of rings that never sleep.
fn busy_pool(rings: usize) -> Pool {
    of_rings(rings).busy_poll(true).build().expect("io_uring works here")
}

fn of_rings(rings: usize) -> Builder {
    Pool::builder().threads(rings).pinning(Pinning::Cores(cores().to_vec()))
}
