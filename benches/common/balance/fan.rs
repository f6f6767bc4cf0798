//! A task that spawns others, and awaits them all.

use super::computing::Load;
use crate::common::measure::{Cost, repeat};
use crate::common::runtimes::{Waiting, pool, tokio_two_workers};

/// Where the tasks are born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Born {
    /// On the ring of the task that spawns them.
    Here,
    /// Half of them on each of two rings, where they stay.
    HalfOnEach,
}

/// On two rings; an iteration is all tasks of the load.
pub(crate) fn ringpool(load: &'static Load, born: Born, iterations: u64) -> Cost {
    let pool = pool(2, Waiting::Default);
    let rings = [pool.runtime(0), pool.runtime(1)];
    let body = repeat(1, iterations, async move || {
        let spawn = |number: usize| {
            let task = async move { load.run(number) };
            match born {
                Born::Here => ringpool::spawn(task),
                Born::HalfOnEach => ringpool::spawn_on(&rings[number % 2], task),
            }
        };
        let tasks: Vec<_> = load.tasks().map(spawn).collect();
        let mut sum = 0_u64;
        for task in tasks {
            sum = sum.wrapping_add(task.await.expect("it ends"));
        }
        load.check(sum);
    });
    pool.runtime(0).spawn(body).wait().expect("the sums are right")
}

/// Two workers of one runtime; the tasks are spawned from one of them.
pub(crate) fn tokio(load: &'static Load, iterations: u64) -> Cost {
    let runtime = tokio_two_workers();
    let body = repeat(1, iterations, async move || {
        let spawn = |number: usize| tokio::spawn(async move { load.run(number) });
        let tasks: Vec<_> = load.tasks().map(spawn).collect();
        let mut sum = 0_u64;
        for task in tasks {
            sum = sum.wrapping_add(task.await.expect("it ends"));
        }
        load.check(sum);
    });
    runtime.block_on(async { tokio::spawn(body).await.expect("the sums are right") })
}
