//! The workloads on spargio.
//!
//! Left out: `cancel`, since a receive that is dropped stays under way, and takes the bytes that
//! come later; and `echo-multishot`, since a multishot receive gives nothing before it has a number
//! of bytes, and is cancelled then: there is one for each message, not one for each connection.

mod files;
mod hops;
mod local;
mod many;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use spargio::{IdleStrategy, Runtime, RuntimeHandle};
use workload::Work::{Counted, Server};
use workload::processors::cores;

fn main() -> ExitCode {
    workload::program::main(&[
        ("spawn-on", Counted(|job| hops::spawn_on(AWAKE, job))),
        ("spawn-on-asleep", Counted(|job| hops::spawn_on(ASLEEP, job))),
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
        ("idle", Counted(local::idle)),
        ("read", Counted(files::read)),
        ("copy", Counted(files::copy)),
        ("fan", Counted(many::fan)),
        ("compute", Counted(many::compute)),
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

/// A shard with nothing to do looks for work again and again: the default.
const AWAKE: IdleStrategy = IdleStrategy::BackendDefault;
/// It sleeps between two looks: there is nothing that would wake it.
const ASLEEP: IdleStrategy = IdleStrategy::Sleep(Duration::from_micros(50));
/// Completions that do not fit into the queue, which is twice as long, would never be seen.
const RING_ENTRIES: u32 = 4096;

/// Shards, one to a processor, with the flags of spargio's own benchmarks of files and sockets.
fn runtime(shards: usize, idle: IdleStrategy, ring_entries: u32) -> Runtime {
    let builder = Runtime::builder()
        .shards(shards)
        .thread_affinity(cores())
        .idle_strategy(idle)
        .ring_entries(ring_entries)
        .io_uring_throughput_mode(None);
    builder.build().expect("io_uring works here")
}

/// Runs a future on the first of so many shards.
fn block_on<F, T>(
    shards: usize,
    idle: IdleStrategy,
    main: impl FnOnce(RuntimeHandle) -> F + Send + 'static,
) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    block_on_runtime(&runtime(shards, idle, RING_ENTRIES), main)
}

/// Runs a future on the first shard of a runtime.
fn block_on_runtime<F, T>(
    runtime: &Runtime,
    main: impl FnOnce(RuntimeHandle) -> F + Send + 'static,
) -> T
where
    F: Future<Output = T> + 'static,
    T: Send + 'static,
{
    let handle = runtime.handle();
    let task = runtime.handle().spawn_local_on(0, move |_| main(handle));
    futures_executor::block_on(task.expect("the shard runs")).expect("it ends")
}
