//! The workloads on glommio.

mod files;
mod hops;
mod local;
mod many;
mod servers;

use std::process::ExitCode;

use glommio::{LocalExecutorBuilder, Placement, PoolPlacement};
use workload::Work::{Counted, Server};
use workload::processors::cores;

fn main() -> ExitCode {
    // Glommio waits awake only if told to, so that the workloads that must not are the same as the
    // others.
    workload::program::main(&[
        ("spawn-on", Counted(hops::spawn_on)),
        ("spawn-on-asleep", Counted(hops::spawn_on)),
        ("batch", Counted(hops::batch)),
        ("channel-round-trip", Counted(hops::channel_round_trip)),
        ("channel-round-trip-asleep", Counted(hops::channel_round_trip)),
        ("channel-one-way", Counted(hops::channel_one_way)),
        ("local-spawn", Counted(local::spawn)),
        ("yield", Counted(local::yield_now)),
        ("yield-many", Counted(local::yield_many)),
        ("timer", Counted(local::timer)),
        ("spawn-blocking", Counted(local::spawn_blocking)),
        ("spawn-blocking-asleep", Counted(local::spawn_blocking)),
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

/// Memory for direct reads and writes of an executor: the least there can be, since it is
/// registered with three rings at each start, and no workload has any.
const IO_MEMORY: usize = 64 << 10;
/// What a ring takes at once: for as many connections as there are.
const RING_DEPTH: usize = 1024;

/// An executor on the first (0) or the second (1) processor.
fn executor(which: usize) -> LocalExecutorBuilder {
    // Its thread for blocking work is as free as the one from which it is started.
    LocalExecutorBuilder::new(Placement::Fixed(cores()[which]))
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
        .ring_depth(RING_DEPTH)
        .io_memory(IO_MEMORY)
}

/// Runs a future on an executor on the first processor, and gives what it gives.
fn run<T, F>(body: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    executor(0).spawn(body).expect("io_uring works here").join().expect("it ends")
}
