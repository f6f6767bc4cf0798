//! From one thread to the other.

use std::hint::black_box;
use std::time::Duration;

use ringpool::{Channel, switch_to};
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::{AWAKE, pool};

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
const CAPACITY: usize = 1024;

/// Spawns a task on the other ring and awaits it.
pub(crate) fn spawn_on(waits_awake: Option<Duration>, job: &Job) -> Cost {
    let pool = pool(2, waits_awake);
    let there = pool.runtime(1);
    pool.block_on(repeat(WARM_UP, job.count, async move || {
        black_box(ringpool::spawn_on(&there, async { 1_u64 }).await.expect("it ends"));
    }))
}

/// The running task goes to the other ring and comes back.
pub(crate) fn switch(waits_awake: Option<Duration>, job: &Job) -> Cost {
    let pool = pool(2, waits_awake);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(repeat(WARM_UP, job.count, async move || {
        switch_to(&there).await.expect("the ring runs");
        switch_to(&here).await.expect("the ring runs");
    }))
}

/// Spawns a batch of tasks on the other ring, then awaits them all.
pub(crate) fn batch(job: &Job) -> Cost {
    let pool = pool(2, AWAKE);
    let there = pool.runtime(1);
    let mut tasks = Vec::with_capacity(BATCH as usize);
    pool.block_on(repeat(1, job.count, async move || {
        tasks.extend((0..BATCH).map(|number| ringpool::spawn_on(&there, async move { number })));
        let mut sum = 0;
        for task in tasks.drain(..) {
            sum += task.await.expect("it ends");
        }
        assert_eq!(sum, BATCH * (BATCH - 1) / 2, "a task did not run, or twice");
    }))
}

/// A message there and another one back.
pub(crate) fn channel_round_trip(waits_awake: Option<Duration>, job: &Job) -> Cost {
    let pool = pool(2, waits_awake);
    let (there_to, there_from) = Channel::bounded(CAPACITY).split();
    let (back_to, back_from) = Channel::bounded(CAPACITY).split();
    let echo = ringpool::spawn_on(&pool.runtime(1), async move {
        while let Ok(number) = there_from.recv().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    let mut number = 0_u64;
    let cost = pool.block_on(repeat(WARM_UP, job.count, async move || {
        number += 1;
        there_to.send(number).await.expect("somebody receives");
        assert_eq!(back_from.recv().await.expect("somebody sends"), number);
    }));
    echo.wait().expect("it ends with the channel");
    cost
}

/// Messages from the other ring, as many as come.
pub(crate) fn channel_one_way(job: &Job) -> Cost {
    let pool = pool(2, AWAKE);
    let (sender, receiver) = Channel::bounded(CAPACITY).split();
    let count = job.count;
    let producer = ringpool::spawn_on(&pool.runtime(1), async move {
        for number in 0..WARM_UP + count {
            sender.send(number).await.expect("somebody receives");
        }
    });
    let cost = pool.block_on(async {
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.recv().await.expect("somebody sends"), expected);
        }
        watch.stop()
    });
    producer.wait().expect("it ends");
    cost
}
