//! On one thread; and what it takes to have two of them.

use std::future::poll_fn;
use std::hint::black_box;
use std::task::Poll;
use std::time::Duration;

use spargio::{IdleStrategy, ShardCtx};
use workload::polling::poll_once;
use workload::rounds::{repeat, repeat_calls};
use workload::{Cost, Job, Stopwatch};

use crate::many::turn;
use crate::{AWAKE, RING_ENTRIES, block_on, block_on_runtime, runtime};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_millis(500);

/// The shard that the calling task is on.
pub(crate) fn shard() -> ShardCtx {
    ShardCtx::current().expect("tasks are on shards")
}

/// Lets the others run. Spargio has no such function: this is the one that its users write.
async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Spawns a task here and awaits it.
pub(crate) fn spawn(job: &Job) -> Cost {
    let count = job.count;
    block_on(1, AWAKE, move |_| async move {
        let shard = shard();
        repeat(WARM_UP, count, async || {
            black_box(shard.spawn_local(async { 1_u64 }).await.expect("it ends"));
        })
        .await
    })
}

/// Lets the others run, of whom there are none.
pub(crate) fn yield_now(job: &Job) -> Cost {
    let count = job.count;
    block_on(1, AWAKE, move |_| repeat(WARM_UP, count, async || let_others_run().await))
}

/// So many tasks as the depth says each let the others run, again and again.
pub(crate) fn yield_many(job: &Job) -> Cost {
    let (depth, count) = (job.depth, job.count);
    block_on(1, AWAKE, move |_| async move {
        yield_all(depth, 1).await;
        let watch = Stopwatch::start();
        yield_all(depth, count).await;
        watch.stop()
    })
}

async fn yield_all(tasks: usize, turns: u64) {
    let shard = shard();
    let spawn = |_| {
        shard.spawn_local(async move {
            for _ in 0..turns {
                let_others_run().await;
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
    block_on(1, AWAKE, move |handle| async move {
        repeat(WARM_UP, 0, async || poll_once(spargio::sleep(FAR)).await).await;
        let watch = Stopwatch::start();
        for _ in 0..count {
            poll_once(spargio::sleep(FAR)).await;
        }
        // The kernel gets the timers when the running task pauses: that belongs to their cost.
        turn(&handle).await;
        watch.stop()
    })
}

/// Calls a closure on a thread for blocking work, which is a new one each time, and awaits it.
pub(crate) fn spawn_blocking(idle: IdleStrategy, job: &Job) -> Cost {
    let count = job.count;
    block_on(1, idle, move |handle| async move {
        repeat(WARM_UP, count, async || {
            let there = handle.spawn_blocking(|| 1_u64).expect("there are threads");
            black_box(there.await.expect("it ends"));
        })
        .await
    })
}

/// Starts two shards, has a task run on each, and stops them.
pub(crate) fn cold_start(job: &Job) -> Cost {
    repeat_calls(1, job.count, || {
        block_on(2, AWAKE, |handle| async move {
            let there = handle.spawn_pinned(1, async { 1_u64 }).expect("the shard runs");
            assert_eq!(there.await.expect("it ends"), 1);
        });
    })
}

/// Two shards that were busy a moment ago have nothing to do.
pub(crate) fn idle(_job: &Job) -> Cost {
    let runtime = runtime(2, AWAKE, RING_ENTRIES);
    block_on_runtime(&runtime, |handle| async move {
        for _ in 0..WARM_UP {
            handle.spawn_pinned(1, async {}).expect("the shard runs").await.expect("it ends");
        }
    });
    let watch = Stopwatch::start();
    std::thread::sleep(IDLE);
    watch.stop()
}
