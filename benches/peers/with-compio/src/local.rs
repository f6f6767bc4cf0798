//! On one thread; and what it takes to have two of them.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use compio::driver::{AsyncifyPool, ProactorBuilder};
use compio::time::sleep;
use futures_channel::oneshot;
use workload::polling::poll_once;
use workload::processors::pin;
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::{proactor, run, run_with, runtime, second, yield_now};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);
/// Threads for blocking work, more than are needed at once.
const BLOCKING_THREADS: usize = 4;

/// Spawns a task here and awaits it.
pub(crate) fn spawn(job: &Job) -> Cost {
    let count = job.count;
    run(move || {
        repeat(WARM_UP, count, async || {
            black_box(compio::runtime::spawn(async { 1_u64 }).await.expect("it ends"));
        })
    })
}

/// Lets the others run, of whom there are none.
pub(crate) fn yield_once(job: &Job) -> Cost {
    let count = job.count;
    run(move || repeat(WARM_UP, count, async || yield_now().await))
}

/// So many tasks as the depth says each let the others run, again and again.
pub(crate) fn yield_many(job: &Job) -> Cost {
    let (depth, count) = (job.depth, job.count);
    run(move || async move {
        yield_all(depth, 1).await;
        let watch = Stopwatch::start();
        yield_all(depth, count).await;
        watch.stop()
    })
}

/// Has so many tasks yield so many times each.
async fn yield_all(tasks: usize, turns: u64) {
    let spawn = |_| {
        compio::runtime::spawn(async move {
            for _ in 0..turns {
                yield_now().await;
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(spawn).collect();
    for task in tasks {
        task.await.expect("it ends");
    }
}

/// Makes a timer, polls it once and drops it.
pub(crate) fn timer(job: &Job) -> Cost {
    let count = job.count;
    run(move || repeat(WARM_UP, count, async || poll_once(sleep(FAR)).await))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub(crate) fn spawn_blocking(job: &Job) -> Cost {
    let count = job.count;
    run_with(with_free_threads(), move || {
        repeat(WARM_UP, count, async || {
            let answer = compio::runtime::spawn_blocking(|| 1_u64);
            black_box(answer.await.expect("it ends"));
        })
    })
}

/// A ring whose threads for blocking work may run on both processors.
///
/// Compio starts such a thread from whoever needs it, with the affinity of that one; hence all of
/// them are started from here, before anybody is pinned.
fn with_free_threads() -> ProactorBuilder {
    let pool = AsyncifyPool::new(BLOCKING_THREADS, Duration::from_secs(60));
    let all_there = Arc::new(Barrier::new(BLOCKING_THREADS + 1));
    for _ in 0..BLOCKING_THREADS {
        let all_there = all_there.clone();
        let sent = pool.dispatch(move || _ = all_there.wait());
        sent.expect("not all of them are there yet");
    }
    all_there.wait();
    let mut builder = proactor();
    builder.reuse_thread_pool(pool);
    builder
}

/// Starts two runtimes, has a task run on each, and stops them.
pub(crate) fn cold_start(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        let (answer, answered) = oneshot::channel();
        // A thread of our own: the dispatcher starts yet another one to be stopped.
        let there = std::thread::spawn(|| {
            pin(1);
            runtime(proactor()).block_on(async {
                let task = compio::runtime::spawn(async { answer.send(1_u64) });
                task.await.expect("it ends").expect("somebody waits");
            });
        });
        pin(0);
        runtime(proactor()).block_on(async {
            let task = compio::runtime::spawn(answered);
            assert_eq!(task.await.expect("it ends"), Ok(1));
        });
        there.join().expect("it ends");
    })
}

/// Two threads that were busy a moment ago have nothing to do.
pub(crate) fn idle(_job: &Job) -> Cost {
    let there = second();
    run(move || async move {
        for _ in 0..WARM_UP {
            there.dispatch(|| async {}).expect("it runs").await.expect("it ends");
        }
        // This thread waits in its ring, as it does in any other idle time.
        let watch = Stopwatch::start();
        sleep(IDLE).await;
        watch.stop()
    })
}
