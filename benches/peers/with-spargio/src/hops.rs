//! From one thread to the other.

use std::future::poll_fn;
use std::hint::black_box;

use futures_channel::mpsc::{self, Sender};
use futures_util::StreamExt;
use spargio::IdleStrategy;
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::{AWAKE, block_on};

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
/// Beside the one message that each sender has room for.
const CAPACITY: usize = 1023;

/// Spawns a task on the other shard and awaits it.
pub(crate) fn spawn_on(idle: IdleStrategy, job: &Job) -> Cost {
    let count = job.count;
    block_on(2, idle, move |handle| async move {
        repeat(WARM_UP, count, async || {
            let there = handle.spawn_pinned(1, async { 1_u64 }).expect("the shard runs");
            black_box(there.await.expect("it ends"));
        })
        .await
    })
}

/// Spawns a batch of tasks on the other shard, then awaits them all.
pub(crate) fn batch(job: &Job) -> Cost {
    let count = job.count;
    block_on(2, AWAKE, move |handle| async move {
        let mut tasks = Vec::with_capacity(BATCH as usize);
        repeat(1, count, async || {
            let spawn = |number| handle.spawn_pinned(1, async move { number });
            tasks.extend((0..BATCH).map(|number| spawn(number).expect("the shard runs")));
            let mut sum = 0;
            for task in tasks.drain(..) {
                sum += task.await.expect("it ends");
            }
            assert_eq!(sum, BATCH * (BATCH - 1) / 2, "a task did not run, or twice");
        })
        .await
    })
}

/// Sends a message when there is room for it.
async fn send(sender: &mut Sender<u64>, number: u64) {
    poll_fn(|cx| sender.poll_ready(cx)).await.expect("somebody receives");
    sender.start_send(number).expect("there is room");
}

/// A message there and another one back, over channels that are not spargio's: its own messages are
/// slower, of 32 bits, and dropped where there is no room for them.
pub(crate) fn channel_round_trip(idle: IdleStrategy, job: &Job) -> Cost {
    let count = job.count;
    block_on(2, idle, move |handle| async move {
        let (mut there_to, mut there_from) = mpsc::channel(CAPACITY);
        let (mut back_to, mut back_from) = mpsc::channel(CAPACITY);
        let echo = handle.spawn_pinned(1, async move {
            while let Some(number) = there_from.next().await {
                send(&mut back_to, number).await;
            }
        });
        let mut number = 0_u64;
        let cost = repeat(WARM_UP, count, async || {
            number += 1;
            send(&mut there_to, number).await;
            assert_eq!(back_from.next().await, Some(number));
        })
        .await;
        drop(there_to);
        echo.expect("the shard runs").await.expect("it ends with the channel");
        cost
    })
}

/// Messages from the other shard, as many as come.
pub(crate) fn channel_one_way(job: &Job) -> Cost {
    let count = job.count;
    block_on(2, AWAKE, move |handle| async move {
        let (mut sender, mut receiver) = mpsc::channel(CAPACITY);
        let producer = handle.spawn_pinned(1, async move {
            for number in 0..WARM_UP + count {
                send(&mut sender, number).await;
            }
        });
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.next().await, Some(expected));
        }
        let cost = watch.stop();
        producer.expect("the shard runs").await.expect("it ends");
        cost
    })
}
