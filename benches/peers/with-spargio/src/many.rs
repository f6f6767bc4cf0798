//! Many tasks at once.

use std::sync::Arc;
use std::time::Duration;

use spargio::{JoinHandle, RuntimeHandle, sleep};
use workload::compute::{EVEN, Load, SHORT};
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::local::shard;
use crate::{AWAKE, RING_ENTRIES, block_on, block_on_runtime, runtime};

/// Short tasks, half of them on each shard.
pub(crate) fn fan(job: &Job) -> Cost {
    let (count, load): (_, &'static Load) = (job.count, &SHORT);
    block_on(2, AWAKE, move |handle| async move {
        repeat(10, count, async || {
            let spawn = |number: usize| {
                let task = handle.spawn_pinned(number as u16 % 2, async move { load.run(number) });
                task.expect("the shard runs")
            };
            load.check(sum(load.tasks().map(spawn).collect()).await);
        })
        .await
    })
}

/// Tasks that compute, all spawned by a task on one of two shards: stealable ones, which spargio
/// gives to both in turns, and which are stolen only until they begin.
pub(crate) fn compute(job: &Job) -> Cost {
    let (count, load): (_, &'static Load) = (job.count, &EVEN);
    block_on(2, AWAKE, move |handle| async move {
        repeat(1, count, async || {
            let spawn = |number: usize| {
                handle.spawn_stealable(async move { load.run(number) }).expect("there is room")
            };
            load.check(sum(load.tasks().map(spawn).collect()).await);
        })
        .await
    })
}

async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("it ends"));
    }
    sum
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads that are none of the runtime's spawn tasks on one shard, as fast as they can.
pub(crate) fn storm(job: &Job) -> Cost {
    let runtime = runtime(1, AWAKE, RING_ENTRIES);
    let handle = runtime.handle();
    let ran = Arc::new(Tally::new());
    repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        let task = async move { ran.add() };
                        // It goes on without its handle.
                        drop(handle.spawn_pinned(0, task).expect("the shard runs"));
                    }
                });
            }
        });
        ran.wait();
    })
}

/// Tasks that sleep at once, from one to a hundred milliseconds.
const SLEEPERS: u64 = 100_000;
/// So many are spawned before the shard has its turn: it would lose completions if more of them
/// came at once than its queue has room for, and the tasks would sleep for ever.
const SPAWNED_AT_ONCE: u64 = 10_000;
const RING_ENTRIES_OF_TIMERS: u32 = 32_768;

pub(crate) fn timers(job: &Job) -> Cost {
    let (count, runtime) = (job.count, runtime(1, AWAKE, RING_ENTRIES_OF_TIMERS));
    block_on_runtime(&runtime, move |handle| async move {
        repeat(0, count, async || {
            let mut tasks = Vec::with_capacity(SLEEPERS as usize);
            for number in 0..SLEEPERS {
                tasks.push(shard().spawn_local(async move {
                    sleep(Duration::from_millis(1 + number % 100)).await;
                    1
                }));
                if (number + 1).is_multiple_of(SPAWNED_AT_ONCE) {
                    turn(&handle).await;
                }
            }
            let mut sum = 0;
            for task in tasks {
                sum += task.await.expect("it ends");
            }
            assert_eq!(sum, SLEEPERS);
        })
        .await
    })
}

/// Waits until the shard has given to the kernel what its tasks want from it: only then it takes
/// what was spawned from elsewhere.
pub(crate) async fn turn(handle: &RuntimeHandle) {
    handle.spawn_pinned(0, async {}).expect("the shard runs").await.expect("it ends");
}

/// What tasks need that wait for something that never comes.
pub(crate) fn parked(job: &Job) -> Cost {
    let count = job.count;
    block_on(1, AWAKE, move |handle| async move {
        let shard = shard();
        let park = |_| shard.spawn_local(std::future::pending::<()>());
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(count as usize + 100);
        tasks.extend((0..100).map(park));
        turn(&handle).await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..count).map(park));
        turn(&handle).await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}
