//! On one thread; and what it takes to have two of them.

use std::hint::black_box;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use monoio::blocking::DefaultThreadPool;
use monoio::time::sleep;
use workload::polling::poll_once;
use workload::processors::{on_core, unpin};
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::threads::{OtherThread, builder, run, yield_now};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);
/// Monoio wants to be told how many threads for blocking work there are: one a processor.
const BLOCKING_THREADS: usize = 2;

/// Spawns a task here and awaits it.
pub(crate) fn spawn(job: &Job) -> Cost {
    run(|| {
        repeat(WARM_UP, job.count, async || {
            black_box(monoio::spawn(async { 1_u64 }).await);
        })
    })
}

/// Lets the others run, of whom there are none.
pub(crate) fn yield_alone(job: &Job) -> Cost {
    run(|| repeat(WARM_UP, job.count, yield_now))
}

/// So many tasks as the depth says each let the others run, again and again.
pub(crate) fn yield_many(job: &Job) -> Cost {
    run(|| async {
        yield_all(job.depth, 1).await;
        let watch = Stopwatch::start();
        yield_all(job.depth, job.count).await;
        watch.stop()
    })
}

/// Has so many tasks each let the others run so many times.
async fn yield_all(tasks: usize, turns: u64) {
    let spawn = |_| {
        monoio::spawn(async move {
            for _ in 0..turns {
                yield_now().await;
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(spawn).collect();
    for task in tasks {
        task.await;
    }
}

/// Makes a timer, polls it once and drops it.
pub(crate) fn timer(job: &Job) -> Cost {
    run(|| repeat(WARM_UP, job.count, async || poll_once(sleep(FAR)).await))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub(crate) fn call_blocking(job: &Job) -> Cost {
    // Its threads run where the one runs that makes it.
    unpin();
    let threads = Box::new(DefaultThreadPool::new(BLOCKING_THREADS));
    on_core(0, || {
        let builder = builder().enable_timer().attach_thread_pool(threads);
        let mut runtime = builder.build().expect("io_uring works here");
        runtime.block_on(repeat(WARM_UP, job.count, async || {
            let called = monoio::spawn_blocking(|| 1_u64).await;
            black_box(called.expect("it ends"));
        }))
    })
}

/// Starts two threads with a runtime, has a task run on each, and stops them.
pub(crate) fn cold_start(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        let there = OtherThread::start(1);
        run(|| async {
            assert_eq!(there.spawn(async { 1_u64 }).await.expect("it ends"), 1);
        });
    })
}

/// Two threads that were busy a moment ago have nothing to do.
pub(crate) fn idle(_job: &Job) -> Cost {
    let (here, there) = (OtherThread::start(0), Arc::new(OtherThread::start(1)));
    let (done_to, done_from) = mpsc::channel();
    here.spawn_detached({
        let there = there.clone();
        async move {
            for _ in 0..WARM_UP {
                there.spawn(async {}).await.expect("it ends");
            }
            done_to.send(()).expect("the starter waits");
        }
    });
    done_from.recv().expect("it was busy");
    let watch = Stopwatch::start();
    std::thread::sleep(IDLE);
    watch.stop()
}
