//! The workloads without any runtime: what the kernel and the processors themselves need.
//!
//! Plain threads, and rings that are told by hand what to do next. What needs a scheduler of tasks
//! has no floor, and is not here.

mod cancelling;
mod computing;
mod files;
mod hops;
mod multishot;
mod provided;
mod ring;
mod server;
mod services;
mod slots;
mod threads;

use std::process::ExitCode;

use workload::Work::{Counted, Server};

fn main() -> ExitCode {
    workload::program::main(&[
        ("spawn-on", Counted(hops::cache_line)),
        ("spawn-on-asleep", Counted(hops::ring_messages)),
        ("channel-round-trip", Counted(hops::cache_line)),
        ("channel-round-trip-asleep", Counted(hops::ring_messages)),
        ("spawn-blocking", Counted(threads::park)),
        ("spawn-blocking-asleep", Counted(threads::park)),
        ("cold-start", Counted(hops::cold_start)),
        ("idle", Counted(threads::idle)),
        ("cancel", Counted(cancelling::cancel)),
        ("read", Counted(files::read)),
        ("copy", Counted(files::copy)),
        ("fan", Counted(computing::fan)),
        ("compute", Counted(computing::compute)),
        ("echo", Server(services::echo)),
        ("echo-multishot", Server(multishot::echo)),
        ("http", Server(services::http)),
        ("accept", Server(services::accept)),
        ("hotspot", Server(services::hotspot)),
        ("connections", Server(multishot::echo)),
    ])
}
