//! Many short tasks on both threads: nothing to even out, so nothing to pay for it.

use ringpool::Balance;

use crate::common::measure::{Cost, Stopwatch};
use crate::common::runtimes::{Waiting, pool_with, tokio_two_workers};

/// That a task on each thread spawns and awaits.
pub(crate) const TASKS: u64 = 10_000;
const YIELDS: usize = 3;

pub(crate) fn ringpool(balance: Balance, iterations: u64) -> Cost {
    let pool = pool_with(2, Waiting::Default, |builder| builder.balance(balance));
    let rings = [pool.runtime(0), pool.runtime(1)];
    pool.block_on(async {
        let mut cost = Cost::default();
        for count in [1, iterations] {
            let watch = Stopwatch::start();
            for root in rings.each_ref().map(|ring| ring.spawn(ringpool_root(count))) {
                root.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    })
}

async fn ringpool_root(iterations: u64) {
    let mut tasks = Vec::with_capacity(TASKS as usize);
    for _ in 0..iterations {
        tasks.extend((0..TASKS).map(|_| {
            ringpool::spawn(async {
                for _ in 0..YIELDS {
                    ringpool::yield_now().await;
                }
            })
        }));
        for task in tasks.drain(..) {
            task.await.expect("it ends");
        }
    }
}

pub(crate) fn tokio(iterations: u64) -> Cost {
    let runtime = tokio_two_workers();
    let body = async move {
        let mut cost = Cost::default();
        for count in [1, iterations] {
            let watch = Stopwatch::start();
            for root in [(); 2].map(|()| tokio::spawn(tokio_root(count))) {
                root.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    };
    runtime.block_on(async { tokio::spawn(body).await.expect("the body does not panic") })
}

async fn tokio_root(iterations: u64) {
    let mut tasks = Vec::with_capacity(TASKS as usize);
    for _ in 0..iterations {
        tasks.extend((0..TASKS).map(|_| {
            tokio::spawn(async {
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
            })
        }));
        for task in tasks.drain(..) {
            task.await.expect("it ends");
        }
    }
}
