//! The workloads on tokio, with the workers of one runtime, of which nobody chooses the one that
//! runs a task.

use std::process::ExitCode;

use with_tokio::{MultiThread, files, hops, local, many, servers};
use workload::Work::{Counted, Server};

/// Nothing waits awake here: what the suite also measures asleep is the same twice. There is no
/// channel between threads: both of its ends come to be on one worker, whatever one does.
fn main() -> ExitCode {
    workload::program::main(&[
        ("batch", Counted(hops::batch::<MultiThread>)),
        ("local-spawn", Counted(local::spawn::<MultiThread>)),
        ("yield", Counted(local::yield_alone::<MultiThread>)),
        ("yield-many", Counted(local::yield_many::<MultiThread>)),
        ("timer", Counted(local::timer::<MultiThread>)),
        ("spawn-blocking", Counted(local::call_blocking::<MultiThread>)),
        ("spawn-blocking-asleep", Counted(local::call_blocking::<MultiThread>)),
        ("cold-start", Counted(local::cold_start::<MultiThread>)),
        ("idle", Counted(local::idle::<MultiThread>)),
        ("read", Counted(files::read::<MultiThread>)),
        ("copy", Counted(files::copy::<MultiThread>)),
        ("fan", Counted(many::fan::<MultiThread>)),
        ("compute", Counted(many::compute::<MultiThread>)),
        ("cancel", Counted(many::cancel::<MultiThread>)),
        ("storm", Counted(many::storm::<MultiThread>)),
        ("timers", Counted(many::timers::<MultiThread>)),
        ("parked", Counted(many::parked::<MultiThread>)),
        ("echo", Server(servers::echo::<MultiThread>)),
        ("http", Server(servers::http::<MultiThread>)),
        ("accept", Server(servers::accept::<MultiThread>)),
        ("hotspot", Server(servers::hotspot::<MultiThread>)),
        ("connections", Server(servers::connections::<MultiThread>)),
    ])
}
