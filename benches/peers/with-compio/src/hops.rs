//! From one thread to the other: by a dispatcher, of which the other thread is the only one.

use std::hint::black_box;

use futures_channel::mpsc;
use futures_util::{SinkExt, StreamExt};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::{run, second};

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
const CAPACITY: usize = 1024;

/// Spawns a task on the other thread and awaits it.
pub(crate) fn spawn_on(job: &Job) -> Cost {
    let count = job.count;
    let there = second();
    run(move || {
        repeat(WARM_UP, count, async move || {
            let answer = there.dispatch(|| async { 1_u64 }).expect("it runs");
            black_box(answer.await.expect("it ends"));
        })
    })
}

/// Spawns a batch of tasks on the other thread, then awaits them all.
pub(crate) fn batch(job: &Job) -> Cost {
    let count = job.count;
    let there = second();
    run(move || {
        let mut tasks = Vec::with_capacity(BATCH as usize);
        repeat(1, count, async move || {
            let spawn = |number| there.dispatch(move || async move { number }).expect("it runs");
            tasks.extend((0..BATCH).map(spawn));
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
/// Compio has no channels between threads; those of `futures` are the ones its examples use.
pub(crate) fn channel_round_trip(job: &Job) -> Cost {
    let count = job.count;
    let there = second();
    let (mut there_to, mut there_from) = mpsc::channel(CAPACITY);
    let (mut back_to, mut back_from) = mpsc::channel(CAPACITY);
    let echo = there.dispatch(move || async move {
        while let Some(number) = there_from.next().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    let echo = echo.expect("it runs");
    run(move || async move {
        let mut number = 0_u64;
        let cost = repeat(WARM_UP, count, async || {
            number += 1;
            there_to.send(number).await.expect("somebody receives");
            assert_eq!(back_from.next().await, Some(number));
        })
        .await;
        drop(there_to);
        echo.await.expect("it ends with the channel");
        cost
    })
}

/// Messages from the other thread, as many as come.
pub(crate) fn channel_one_way(job: &Job) -> Cost {
    let count = job.count;
    let there = second();
    let (mut sender, mut receiver) = mpsc::channel(CAPACITY);
    let producer = there.dispatch(move || async move {
        for number in 0..WARM_UP + count {
            sender.send(number).await.expect("somebody receives");
        }
    });
    let producer = producer.expect("it runs");
    run(move || async move {
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.next().await, Some(expected));
        }
        let cost = watch.stop();
        producer.await.expect("it ends");
        cost
    })
}
