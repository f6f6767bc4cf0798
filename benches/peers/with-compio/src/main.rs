//! The workloads on compio.

mod files;
mod hops;
mod local;
mod many;
mod servers;

use std::collections::HashSet;
use std::num::{NonZeroU16, NonZeroUsize};
use std::process::ExitCode;

use compio::dispatcher::Dispatcher;
use compio::driver::ProactorBuilder;
use compio::runtime::Runtime;
use workload::Work::{Counted, Server};
use workload::processors::{cores, on_core};

fn main() -> ExitCode {
    // Compio never waits awake, so that the workloads that must not are the same as the others.
    workload::program::main(&[
        ("spawn-on", Counted(hops::spawn_on)),
        ("spawn-on-asleep", Counted(hops::spawn_on)),
        ("batch", Counted(hops::batch)),
        ("channel-round-trip", Counted(hops::channel_round_trip)),
        ("channel-round-trip-asleep", Counted(hops::channel_round_trip)),
        ("channel-one-way", Counted(hops::channel_one_way)),
        ("local-spawn", Counted(local::spawn)),
        ("yield", Counted(local::yield_once)),
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
        ("echo-multishot", Server(servers::echo_multishot)),
        ("http", Server(servers::http)),
        ("accept", Server(servers::accept)),
        ("hotspot", Server(servers::hotspot)),
        ("connections", Server(servers::echo_multishot)),
    ])
}

/// What a ring is made of: one thread alone submits, and what is complete waits until that thread
/// asks for it.
fn proactor() -> ProactorBuilder {
    let mut builder = ProactorBuilder::new();
    builder.single_issuer(true).defer_taskrun(true);
    builder
}

/// A runtime, for the thread that calls.
fn runtime(proactor: ProactorBuilder) -> Runtime {
    Runtime::builder().with_proactor(proactor).build().expect("io_uring works here")
}

/// Runs a future on the first processor, and gives what it gives: as compio's own `main` does,
/// right in `block_on`, which for most of the workloads takes fewer system calls than a task.
fn run<T, F>(body: impl FnOnce() -> F + Send) -> T
where
    T: Send,
    F: Future<Output = T>,
{
    run_with(proactor(), body)
}

/// The same, with a ring of other making.
fn run_with<T, F>(proactor: ProactorBuilder, body: impl FnOnce() -> F + Send) -> T
where
    T: Send,
    F: Future<Output = T>,
{
    on_core(0, || runtime(proactor).block_on(async { body().await }))
}

/// The same as a task, which has its turn again once all other tasks have had theirs. What is right
/// in `block_on` has one after 61 of them.
fn run_task<T, F>(body: impl FnOnce() -> F + Send) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    run(|| async { compio::runtime::spawn(body()).await.expect("it ends") })
}

/// A thread on the second processor that runs what is sent there, and which compio's own
/// dispatcher makes.
fn second() -> Dispatcher {
    dispatcher(vec![cores()[1]], true)
}

/// A thread on each of those processors, all of which take from one queue: as many tasks as there
/// are, or one after the other.
fn dispatcher(cores: Vec<usize>, concurrent: bool) -> Dispatcher {
    let threads = NonZeroUsize::new(cores.len()).expect("there is a processor");
    Dispatcher::builder()
        .worker_threads(threads)
        .concurrent(concurrent)
        .thread_affinity(move |index| HashSet::from([cores[index]]))
        .proactor_builder(proactor())
        .build()
        .expect("io_uring works here")
}

/// The same as [`proactor`] with provided buffers.
fn proactor_with_buffers(buffers: u16, len: usize) -> ProactorBuilder {
    let mut builder = proactor();
    let buffers = NonZeroU16::new(buffers).expect("there are some");
    builder.buffer_pool_size(buffers).buffer_pool_buffer_len(len);
    builder
}

/// Lets the other tasks run; compio leaves that to others.
async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if has_yielded {
            return std::task::Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
