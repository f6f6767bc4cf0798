//! The workloads on tokio, with a current-thread runtime for each thread.

use std::process::ExitCode;

use with_tokio::{CurrentThread, files, hops, local, many, servers};
use workload::Work::{Counted, Server};

/// Nothing waits awake here: what the suite also measures asleep is the same twice.
fn main() -> ExitCode {
    workload::program::main(&[
        ("spawn-on", Counted(hops::spawn_on::<CurrentThread>)),
        ("spawn-on-asleep", Counted(hops::spawn_on::<CurrentThread>)),
        ("batch", Counted(hops::batch::<CurrentThread>)),
        ("channel-round-trip", Counted(hops::channel_round_trip::<CurrentThread>)),
        ("channel-round-trip-asleep", Counted(hops::channel_round_trip::<CurrentThread>)),
        ("channel-one-way", Counted(hops::channel_one_way::<CurrentThread>)),
        ("local-spawn", Counted(local::spawn::<CurrentThread>)),
        ("yield", Counted(local::yield_alone::<CurrentThread>)),
        ("yield-many", Counted(local::yield_many::<CurrentThread>)),
        ("timer", Counted(local::timer::<CurrentThread>)),
        ("spawn-blocking", Counted(local::call_blocking::<CurrentThread>)),
        ("spawn-blocking-asleep", Counted(local::call_blocking::<CurrentThread>)),
        ("cold-start", Counted(local::cold_start::<CurrentThread>)),
        ("idle", Counted(local::idle::<CurrentThread>)),
        ("read", Counted(files::read::<CurrentThread>)),
        ("copy", Counted(files::copy::<CurrentThread>)),
        ("fan", Counted(many::fan::<CurrentThread>)),
        ("compute", Counted(many::compute::<CurrentThread>)),
        ("cancel", Counted(many::cancel::<CurrentThread>)),
        ("storm", Counted(many::storm::<CurrentThread>)),
        ("timers", Counted(many::timers::<CurrentThread>)),
        ("parked", Counted(many::parked::<CurrentThread>)),
        ("echo", Server(servers::echo::<CurrentThread>)),
        ("http", Server(servers::http::<CurrentThread>)),
        ("accept", Server(servers::accept::<CurrentThread>)),
        ("hotspot", Server(servers::hotspot::<CurrentThread>)),
        ("connections", Server(servers::connections::<CurrentThread>)),
    ])
}
