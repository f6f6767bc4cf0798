//! On one thread; and what it takes to have two of them.

use std::hint::black_box;
use std::time::Duration;

use ringpool::Pool;
use ringpool::time::sleep;
use workload::polling::poll_once;
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::{AWAKE, pool};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);

/// Spawns a task here and awaits it.
pub(crate) fn spawn(job: &Job) -> Cost {
    pool(1, AWAKE).block_on(repeat(WARM_UP, job.count, async || {
        black_box(ringpool::spawn(async { 1_u64 }).await.expect("it ends"));
    }))
}

/// Lets the others run, of whom there are none.
pub(crate) fn yield_now(job: &Job) -> Cost {
    pool(1, AWAKE).block_on(repeat(WARM_UP, job.count, async || ringpool::yield_now().await))
}

/// So many tasks as the depth says each let the others run, again and again.
pub(crate) fn yield_many(job: &Job) -> Cost {
    pool(1, AWAKE).block_on(async {
        yield_all(job.depth, 1).await;
        let watch = Stopwatch::start();
        yield_all(job.depth, job.count).await;
        watch.stop()
    })
}

async fn yield_all(tasks: usize, turns: u64) {
    let spawn = |_| {
        ringpool::spawn(async move {
            for _ in 0..turns {
                ringpool::yield_now().await;
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
    pool(1, AWAKE).block_on(repeat(WARM_UP, job.count, async || poll_once(sleep(FAR)).await))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub(crate) fn spawn_blocking(waits_awake: Option<Duration>, job: &Job) -> Cost {
    pool(1, waits_awake).block_on(repeat(WARM_UP, job.count, async || {
        black_box(ringpool::spawn_blocking(|| 1_u64).await.expect("it ends"));
    }))
}

/// Starts two rings, has a task run on each, and stops them.
pub(crate) fn cold_start(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        let pool = pool(2, AWAKE);
        pool.block_on(async {
            let there = ringpool::spawn_on(&pool.runtime(1), async { 1_u64 });
            assert_eq!(there.await.expect("it ends"), 1);
        });
    })
}

/// Two rings that were busy a moment ago have nothing to do.
pub(crate) fn idle(pool: Pool) -> Cost {
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..WARM_UP {
            ringpool::spawn_on(&there, async {}).await.expect("it ends");
        }
    });
    let watch = Stopwatch::start();
    std::thread::sleep(IDLE);
    watch.stop()
}
