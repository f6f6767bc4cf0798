//! On one executor; and what it takes to have two of them.

use std::hint::black_box;
use std::time::Duration;

use futures_channel::oneshot;
use glommio::timer::sleep;
use workload::polling::poll_once;
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::hops::run_with_second;
use crate::{executor, run};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);

/// Spawns a task here and awaits it.
pub(crate) fn spawn(job: &Job) -> Cost {
    let count = job.count;
    run(move || {
        repeat(WARM_UP, count, async || {
            black_box(glommio::spawn_local(async { 1_u64 }).await);
        })
    })
}

/// Lets the others run, of whom there are none.
pub(crate) fn yield_now(job: &Job) -> Cost {
    let count = job.count;
    run(move || repeat(WARM_UP, count, async || glommio::executor().yield_now().await))
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
        glommio::spawn_local(async move {
            for _ in 0..turns {
                glommio::executor().yield_now().await;
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
    let count = job.count;
    run(move || repeat(WARM_UP, count, async || poll_once(sleep(FAR)).await))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub(crate) fn spawn_blocking(job: &Job) -> Cost {
    let count = job.count;
    run(move || {
        repeat(WARM_UP, count, async || {
            black_box(glommio::executor().spawn_blocking(|| 1_u64).await);
        })
    })
}

/// Starts two executors, has a task run on each, and stops them.
pub(crate) fn cold_start(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        let (answer, answered) = oneshot::channel();
        let there = executor(1).spawn(|| async {
            glommio::spawn_local(async { answer.send(1_u64) }).await.expect("somebody waits");
        });
        let here = executor(0).make().expect("io_uring works here");
        here.run(async {
            assert_eq!(glommio::spawn_local(answered).await, Ok(1));
        });
        there.expect("io_uring works here").join().expect("it ends");
    })
}

/// Two executors that were busy a moment ago have nothing to do.
pub(crate) fn idle(_job: &Job) -> Cost {
    run_with_second(|there| async move {
        for _ in 0..WARM_UP {
            there.spawn(|| async {}).await.expect("it ends");
        }
        // This thread waits in its ring, as it does in any other idle time.
        let watch = Stopwatch::start();
        sleep(IDLE).await;
        watch.stop()
    })
}
