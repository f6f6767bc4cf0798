//! A bounded channel between the two threads.

use std::hint::black_box;

use ringpool::{Channel, spawn_on};
use tokio::sync::mpsc;

use super::measure::{Cost, Stopwatch, repeat};
use super::runtimes::{TokioNeighbour, Waiting, on_tokio, pool};

const CAPACITY: usize = 1024;
const WARM_UP: u64 = 2_000;

/// A message there and another one back.
pub(crate) fn ringpool_round_trip(waiting: Waiting, iterations: u64) -> Cost {
    let pool = pool(2, waiting);
    let (there_to, there_from) = Channel::bounded(CAPACITY).split();
    let (back_to, back_from) = Channel::bounded(CAPACITY).split();
    let echo = spawn_on(&pool.runtime(1), async move {
        while let Ok(number) = there_from.recv().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    let cost = pool.block_on(repeat(WARM_UP, iterations, async move || {
        there_to.send(1u64).await.expect("somebody receives");
        black_box(back_from.recv().await.expect("somebody sends"));
    }));
    echo.wait().expect("it ends with the channel");
    cost
}

/// Two current-thread runtimes: the same.
pub(crate) fn tokio_round_trip(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let (there_to, mut there_from) = mpsc::channel(CAPACITY);
    let (back_to, mut back_from) = mpsc::channel(CAPACITY);
    neighbour.handle.spawn(async move {
        while let Some(number) = there_from.recv().await {
            back_to.send(number).await.expect("somebody receives");
        }
    });
    on_tokio(repeat(WARM_UP, iterations, async move || {
        there_to.send(1u64).await.expect("somebody receives");
        black_box(back_from.recv().await.expect("somebody sends"));
    }))
}

/// Messages from the other ring, as many as come.
pub(crate) fn ringpool_one_way(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Default);
    let (sender, receiver) = Channel::bounded(CAPACITY).split();
    let producer = spawn_on(&pool.runtime(1), async move {
        for number in 0..WARM_UP + iterations {
            sender.send(number).await.expect("somebody receives");
        }
    });
    let cost = pool.block_on(async {
        for _ in 0..WARM_UP {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        let watch = Stopwatch::start();
        for _ in 0..iterations {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        watch.stop()
    });
    producer.wait().expect("it ends");
    cost
}

/// Two current-thread runtimes: the same.
pub(crate) fn tokio_one_way(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    neighbour.handle.spawn(async move {
        for number in 0..WARM_UP + iterations {
            sender.send(number).await.expect("somebody receives");
        }
    });
    on_tokio(async move {
        for _ in 0..WARM_UP {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        let watch = Stopwatch::start();
        for _ in 0..iterations {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        watch.stop()
    })
}

/// The same without a limit: the sender never waits.
pub(crate) fn ringpool_one_way_unbounded(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Default);
    let (sender, receiver) = Channel::unbounded().split();
    let producer = spawn_on(&pool.runtime(1), async move {
        for number in 0..WARM_UP + iterations {
            sender.try_send(number).expect("somebody receives");
        }
    });
    let cost = pool.block_on(async {
        for _ in 0..WARM_UP {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        let watch = Stopwatch::start();
        for _ in 0..iterations {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        watch.stop()
    });
    producer.wait().expect("it ends");
    cost
}

/// Two current-thread runtimes: the same.
pub(crate) fn tokio_one_way_unbounded(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    neighbour.handle.spawn(async move {
        for number in 0..WARM_UP + iterations {
            sender.send(number).expect("somebody receives");
        }
    });
    on_tokio(async move {
        for _ in 0..WARM_UP {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        let watch = Stopwatch::start();
        for _ in 0..iterations {
            black_box(receiver.recv().await.expect("somebody sends"));
        }
        watch.stop()
    })
}
