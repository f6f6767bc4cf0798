//! On one thread; and what it takes to have two of them.

use std::hint::black_box;
use std::time::Duration;

use tokio::task::{spawn_blocking, yield_now};
use tokio::time::sleep;
use workload::polling::poll_once;
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::Threads;

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);

/// Spawns a task here and awaits it.
pub fn spawn<T: Threads>(job: &Job) -> Cost {
    T::start(1).run(repeat(WARM_UP, job.count, async || {
        black_box(tokio::spawn(async { 1_u64 }).await.expect("it ends"));
    }))
}

/// Lets the others run, of whom there are none.
pub fn yield_alone<T: Threads>(job: &Job) -> Cost {
    T::start(1).run(repeat(WARM_UP, job.count, async || yield_now().await))
}

/// So many tasks as the depth says each let the others run, again and again.
pub fn yield_many<T: Threads>(job: &Job) -> Cost {
    let (depth, count) = (job.depth, job.count);
    T::start(1).run(async move {
        yield_all(depth, 1).await;
        let watch = Stopwatch::start();
        yield_all(depth, count).await;
        watch.stop()
    })
}

/// Has so many tasks each let the others run so many times.
async fn yield_all(tasks: usize, turns: u64) {
    let spawn = |_| {
        tokio::spawn(async move {
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
pub fn timer<T: Threads>(job: &Job) -> Cost {
    T::start(1).run(repeat(WARM_UP, job.count, async || poll_once(sleep(FAR)).await))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub fn call_blocking<T: Threads>(job: &Job) -> Cost {
    T::start(1).run(repeat(WARM_UP, job.count, async || {
        black_box(spawn_blocking(|| 1_u64).await.expect("it ends"));
    }))
}

/// Starts two threads, has a task run on each, and stops them.
///
/// Workers of one runtime run both tasks wherever they like.
pub fn cold_start<T: Threads>(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        let threads = T::start(2);
        let there = threads.handle(1).clone();
        threads.run(async move {
            assert_eq!(there.spawn(async { 1_u64 }).await.expect("it ends"), 1);
        });
    })
}

/// Two threads that were busy a moment ago have nothing to do.
pub fn idle<T: Threads>(_job: &Job) -> Cost {
    let threads = T::start(2);
    let there = threads.handle(1).clone();
    threads.run(async move {
        for _ in 0..WARM_UP {
            there.spawn(async {}).await.expect("it ends");
        }
    });
    let watch = Stopwatch::start();
    std::thread::sleep(IDLE);
    watch.stop()
}
