//! From one thread to the other.

use std::hint::black_box;

use futures_channel::mpsc;
use futures_util::{SinkExt, StreamExt};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::threads::{OtherThread, run};

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
const CAPACITY: usize = 1024;

/// Spawns a task on the other thread and awaits it.
pub(crate) fn spawn_on(job: &Job) -> Cost {
    let there = &OtherThread::start(1);
    run(|| {
        repeat(WARM_UP, job.count, async move || {
            black_box(there.spawn(async { 1_u64 }).await.expect("it ends"));
        })
    })
}

/// Spawns a batch of tasks on the other thread, then awaits them all.
pub(crate) fn batch(job: &Job) -> Cost {
    let there = &OtherThread::start(1);
    run(|| {
        let mut tasks = Vec::with_capacity(BATCH as usize);
        repeat(1, job.count, async move || {
            tasks.extend((0..BATCH).map(|number| there.spawn(async move { number })));
            let mut sum = 0;
            for task in tasks.drain(..) {
                sum += task.await.expect("it ends");
            }
            assert_eq!(sum, BATCH * (BATCH - 1) / 2, "a task did not run, or twice");
        })
    })
}

/// A message there and another one back.
///
/// Monoio has no channels; all wakers work from another thread.
pub(crate) fn channel_round_trip(job: &Job) -> Cost {
    let there = OtherThread::start(1);
    let (mut there_to, mut there_from) = mpsc::channel(CAPACITY);
    let (mut back_to, mut back_from) = mpsc::channel(CAPACITY);
    there.spawn_detached(async move {
        while let Some(number) = there_from.next().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    run(|| {
        let mut number = 0_u64;
        repeat(WARM_UP, job.count, async move || {
            number += 1;
            there_to.send(number).await.expect("somebody receives");
            assert_eq!(back_from.next().await.expect("somebody sends"), number);
        })
    })
}

/// Messages from the other thread, as many as come.
pub(crate) fn channel_one_way(job: &Job) -> Cost {
    let there = OtherThread::start(1);
    let (mut sender, mut receiver) = mpsc::channel(CAPACITY);
    let count = job.count;
    there.spawn_detached(async move {
        for number in 0..WARM_UP + count {
            sender.feed(number).await.expect("somebody receives");
        }
    });
    run(|| async move {
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.next().await.expect("somebody sends"), expected);
        }
        watch.stop()
    })
}
