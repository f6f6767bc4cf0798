//! The workloads on monoio.

mod files;
mod hops;
mod local;
mod many;
mod servers;
mod threads;

use std::process::ExitCode;

use workload::Work::{Counted, Server};

/// Nothing waits awake here: what the suite also measures asleep is the same twice.
fn main() -> ExitCode {
    workload::program::main(&[
        ("spawn-on", Counted(hops::spawn_on)),
        ("spawn-on-asleep", Counted(hops::spawn_on)),
        ("batch", Counted(hops::batch)),
        ("channel-round-trip", Counted(hops::channel_round_trip)),
        ("channel-round-trip-asleep", Counted(hops::channel_round_trip)),
        ("channel-one-way", Counted(hops::channel_one_way)),
        ("local-spawn", Counted(local::spawn)),
        ("yield", Counted(local::yield_alone)),
        ("yield-many", Counted(local::yield_many)),
        ("timer", Counted(local::timer)),
        ("spawn-blocking", Counted(local::call_blocking)),
        ("spawn-blocking-asleep", Counted(local::call_blocking)),
        ("cold-start", Counted(local::cold_start)),
        ("idle", Counted(local::idle)),
        ("read", Counted(files::read)),
        ("copy", Counted(files::copy)),
        ("fan", Counted(many::fan)),
        ("compute", Counted(many::compute)),
        ("cancel", Counted(many::cancel)),
        ("storm", Counted(many::storm)),
        ("timers", Counted(many::timers)),
        ("parked", Counted(many::parked)),
        ("echo", Server(servers::echo)),
        ("http", Server(servers::http)),
        ("accept", Server(servers::accept)),
        ("hotspot", Server(servers::hotspot)),
        ("connections", Server(servers::connections)),
    ])
}
