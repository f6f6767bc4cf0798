//! From one thread to the other.

use std::hint::black_box;

use tokio::sync::mpsc;
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::Threads;

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
const CAPACITY: usize = 1024;

/// Spawns a task on the other runtime and awaits it.
pub fn spawn_on<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let there = threads.handle(1).clone();
    threads.run(repeat(WARM_UP, job.count, async move || {
        black_box(there.spawn(async { 1_u64 }).await.expect("it ends"));
    }))
}

/// Spawns a batch of tasks on the other thread, then awaits them all.
pub fn batch<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let there = threads.handle(1).clone();
    let mut tasks = Vec::with_capacity(BATCH as usize);
    threads.run(repeat(1, job.count, async move || {
        tasks.extend((0..BATCH).map(|number| there.spawn(async move { number })));
        let mut sum = 0;
        for task in tasks.drain(..) {
            sum += task.await.expect("it ends");
        }
        assert_eq!(sum, BATCH * (BATCH - 1) / 2, "a task did not run, or twice");
    }))
}

/// A message there and another one back.
pub fn channel_round_trip<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let (there_to, mut there_from) = mpsc::channel(CAPACITY);
    let (back_to, mut back_from) = mpsc::channel(CAPACITY);
    let echo = threads.handle(1).spawn(async move {
        while let Some(number) = there_from.recv().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    let mut number = 0_u64;
    let cost = threads.run(repeat(WARM_UP, job.count, async move || {
        number += 1;
        there_to.send(number).await.expect("somebody receives");
        assert_eq!(back_from.recv().await.expect("somebody sends"), number);
    }));
    threads.handle(1).block_on(echo).expect("it ends with the channel");
    cost
}

/// Messages from the other thread, as many as come.
pub fn channel_one_way<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    let count = job.count;
    let producer = threads.handle(1).spawn(async move {
        for number in 0..WARM_UP + count {
            sender.send(number).await.expect("somebody receives");
        }
    });
    let cost = threads.run(async move {
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.recv().await.expect("somebody sends"), expected);
        }
        watch.stop()
    });
    threads.handle(1).block_on(producer).expect("it ends");
    cost
}
