//! From one thread to the other: a task born there, a task that goes there, many tasks at once.

use std::hint::black_box;

use ringpool::{spawn_on, switch_to};

use super::measure::{Cost, Pauses, Stopwatch, repeat};
use super::runtimes::{TokioNeighbour, Waiting, on_tokio, pool, tokio_two_workers};

/// Tasks of one batch.
pub(crate) const BATCH: u64 = 20_000;
/// Operations before the clock starts: caches are filled, and a pool that may wait awake does.
const WARM_UP: u64 = 500;

/// Spawns a task on the other ring and awaits it.
pub(crate) fn ringpool_spawn_on(waiting: Waiting, iterations: u64) -> Cost {
    let pool = pool(2, waiting);
    let there = pool.runtime(1);
    pool.block_on(repeat(WARM_UP, iterations, async move || {
        black_box(spawn_on(&there, async { 1u64 }).await.expect("it ends"));
    }))
}

/// The same between pauses in which the calling thread computes and the other one sleeps.
pub(crate) fn ringpool_spawn_on_after_gap(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Asleep);
    let there = pool.runtime(1);
    pool.block_on(after_gaps(iterations, async move || {
        black_box(spawn_on(&there, async { 1u64 }).await.expect("it ends"));
    }))
}

/// The running task goes to the other ring and comes back.
pub(crate) fn ringpool_switch(waiting: Waiting, iterations: u64) -> Cost {
    let pool = pool(2, waiting);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(repeat(WARM_UP, iterations, async move || {
        switch_to(&there).await.expect("the ring runs");
        switch_to(&here).await.expect("the ring runs");
    }))
}

/// The same between pauses in which the calling thread computes and the other one sleeps.
pub(crate) fn ringpool_switch_after_gap(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Asleep);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(after_gaps(iterations, async move || {
        switch_to(&there).await.expect("the ring runs");
        switch_to(&here).await.expect("the ring runs");
    }))
}

/// Two current-thread runtimes: spawns a task on the other one and awaits it.
pub(crate) fn tokio_spawn_on(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let there = neighbour.handle.clone();
    on_tokio(repeat(WARM_UP, iterations, async move || {
        black_box(there.spawn(async { 1u64 }).await.expect("it ends"));
    }))
}

/// The same between pauses in which the calling thread computes and the other one sleeps.
pub(crate) fn tokio_spawn_on_after_gap(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let there = neighbour.handle.clone();
    on_tokio(after_gaps(iterations, async move || {
        black_box(there.spawn(async { 1u64 }).await.expect("it ends"));
    }))
}

/// Spawns a batch of tasks on the other ring, then awaits them all.
pub(crate) fn ringpool_batch(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Default);
    let there = pool.runtime(1);
    let mut tasks = Vec::with_capacity(BATCH as usize);
    pool.block_on(repeat(1, iterations, async move || {
        tasks.extend((0..BATCH).map(|number| spawn_on(&there, async move { number })));
        for task in tasks.drain(..) {
            black_box(task.await.expect("it ends"));
        }
    }))
}

/// Two current-thread runtimes: spawns a batch on the other one, then awaits all.
pub(crate) fn tokio_batch(iterations: u64) -> Cost {
    let neighbour = TokioNeighbour::start();
    let there = neighbour.handle.clone();
    let mut tasks = Vec::with_capacity(BATCH as usize);
    on_tokio(repeat(1, iterations, async move || {
        tasks.extend((0..BATCH).map(|number| there.spawn(async move { number })));
        for task in tasks.drain(..) {
            black_box(task.await.expect("it ends"));
        }
    }))
}

/// Spawns a batch of tasks on both rings in turn, then awaits them all.
pub(crate) fn ringpool_batch_for_both(iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Default);
    let rings = [pool.runtime(0), pool.runtime(1)];
    let mut tasks = Vec::with_capacity(BATCH as usize);
    pool.block_on(repeat(1, iterations, async move || {
        let ring_of = |number: u64| &rings[number as usize % 2];
        tasks.extend((0..BATCH).map(|number| spawn_on(ring_of(number), async move { number })));
        for task in tasks.drain(..) {
            black_box(task.await.expect("it ends"));
        }
    }))
}

/// Two workers of one runtime: spawns a batch on one of them, then awaits all.
pub(crate) fn tokio_batch_for_both(iterations: u64) -> Cost {
    let runtime = tokio_two_workers();
    let mut tasks = Vec::with_capacity(BATCH as usize);
    let body = repeat(1, iterations, async move || {
        tasks.extend((0..BATCH).map(|number| tokio::spawn(async move { number })));
        for task in tasks.drain(..) {
            black_box(task.await.expect("it ends"));
        }
    });
    runtime.block_on(async { tokio::spawn(body).await.expect("the body does not panic") })
}

/// As `repeat`, with a pause before each operation that is not counted.
async fn after_gaps(iterations: u64, mut operation: impl AsyncFnMut()) -> Cost {
    let mut pauses = Pauses::default();
    let watch = Stopwatch::start();
    for _ in 0..iterations {
        pauses.pause();
        operation().await;
    }
    watch.stop() - pauses.cost()
}
