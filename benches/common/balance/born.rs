//! Many short tasks on both threads, or some that stay for long: nothing to even out, so nothing to
//! pay for it.

use ringpool::Balance;

use crate::common::measure::{Cost, Stopwatch};
use crate::common::runtimes::{Waiting, pool_with, tokio_two_workers};

/// Tasks that a task on each thread spawns and awaits, again and again, and how often they yield.
#[derive(Clone, Copy)]
pub(crate) struct Birth {
    pub(crate) tasks: u64,
    pub(crate) yields: u64,
}

pub(crate) fn ringpool(birth: Birth, balance: Balance, iterations: u64) -> Cost {
    let pool = pool_with(2, Waiting::Default, |builder| builder.balance(balance));
    let rings = [pool.runtime(0), pool.runtime(1)];
    pool.block_on(async {
        let mut cost = Cost::default();
        for count in [1, iterations] {
            let watch = Stopwatch::start();
            for root in rings.each_ref().map(|ring| ring.spawn(ringpool_root(birth, count))) {
                root.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    })
}

async fn ringpool_root(birth: Birth, iterations: u64) {
    let mut tasks = Vec::with_capacity(birth.tasks as usize);
    for _ in 0..iterations {
        tasks.extend((0..birth.tasks).map(|_| {
            ringpool::spawn(async move {
                for _ in 0..birth.yields {
                    ringpool::yield_now().await;
                }
            })
        }));
        for task in tasks.drain(..) {
            task.await.expect("it ends");
        }
    }
}

pub(crate) fn tokio(birth: Birth, iterations: u64) -> Cost {
    let runtime = tokio_two_workers();
    let body = async move {
        let mut cost = Cost::default();
        for count in [1, iterations] {
            let watch = Stopwatch::start();
            for root in [(); 2].map(|()| tokio::spawn(tokio_root(birth, count))) {
                root.await.expect("it ends");
            }
            cost = watch.stop();
        }
        cost
    };
    runtime.block_on(async { tokio::spawn(body).await.expect("the body does not panic") })
}

async fn tokio_root(birth: Birth, iterations: u64) {
    let mut tasks = Vec::with_capacity(birth.tasks as usize);
    for _ in 0..iterations {
        tasks.extend((0..birth.tasks).map(|_| {
            tokio::spawn(async move {
                for _ in 0..birth.yields {
                    tokio::task::yield_now().await;
                }
            })
        }));
        for task in tasks.drain(..) {
            task.await.expect("it ends");
        }
    }
}
