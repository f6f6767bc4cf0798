//! Tasks that are never given away.

use std::rc::Rc;
use std::time::Duration;

use ringpool::{Balance, Pool, balance, spawn, spawn_local, spawn_on, switch_to, yield_now};

use crate::common::{here, limit, rounds};

fn eager_pool() -> Pool {
    Pool::builder().threads(2).shed_beyond(Duration::ZERO).build().expect("a pool")
}

/// Something for the other ring to take, as long as it is there.
fn restless() -> Vec<ringpool::Task<()>> {
    let restless = |_| {
        spawn(async {
            loop {
                yield_now().await;
            }
        })
    };
    (0..4).map(restless).collect()
}

async fn stays_on(ring: usize) {
    for _ in 0..rounds(2_000) {
        assert_eq!(here(), Some(ring));
        yield_now().await;
    }
}

#[test]
fn a_task_that_was_put_somewhere_stays_there() {
    let _limit = limit();
    let pool = eager_pool();
    pool.block_on(async {
        let others = restless();
        let placed: Vec<_> = (0..6)
            .map(|number| spawn_on(&pool.runtime(number % 2), stays_on(number % 2)))
            .collect();
        stays_on(0).await;
        for task in placed {
            task.await.expect("it ends");
        }
        let taken = pool.runtime(1).metrics().sheds_in + pool.runtime(0).metrics().sheds_in;
        assert!(taken > 0, "the others have been given away meanwhile");
        drop(others);
    });
}

#[test]
fn a_local_task_stays() {
    let _limit = limit();
    let pool = eager_pool();
    pool.block_on(async {
        let others = restless();
        let outer = spawn_on(&pool.runtime(1), async {
            let locals: Vec<_> = (0..6)
                .map(|_| {
                    let shared = Rc::new(1);
                    spawn_local(async move {
                        stays_on(1).await;
                        *shared
                    })
                })
                .collect();
            for task in locals {
                assert_eq!(task.await.expect("it ends"), 1);
            }
        });
        outer.await.expect("it ends");
        drop(others);
    });
}

#[test]
fn a_task_that_has_switched_stays_where_it_went() {
    let _limit = limit();
    let pool = eager_pool();
    let there = pool.runtime(1);
    pool.block_on(async {
        let others = restless();
        let switching: Vec<_> = (0..6)
            .map(|_| {
                let there = there.clone();
                spawn(async move {
                    switch_to(&there).await.expect("the ring runs");
                    stays_on(1).await;
                })
            })
            .collect();
        for task in switching {
            task.await.expect("it ends");
        }
        drop(others);
    });
}

#[test]
fn by_hand_means_by_hand() {
    let _limit = limit();
    let pool =
        Pool::builder().threads(2).balance(Balance::Manual).shed_beyond(Duration::ZERO).build();
    let pool = pool.expect("a pool");
    pool.block_on(async {
        let tasks: Vec<_> = (0..20).map(|_| spawn(stays_on(0))).collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
    assert_eq!(pool.runtime(1).metrics().sheds_in, 0);
}

#[test]
fn a_balance_point_lets_others_run_and_costs_no_turn_if_there_are_none() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let polls = || pool.runtime(0).metrics().polls;
        let before = polls();
        for _ in 0..100 {
            balance().await;
        }
        assert_eq!(polls(), before, "nobody waited");
        let task = spawn(async {});
        balance().await;
        assert!(task.is_finished());
        // Messages, timers and completions count too.
        let from_outside = pool.runtime(0);
        let sending = std::thread::spawn(move || from_outside.spawn(async {}));
        let task = sending.join().expect("it does not panic");
        balance().await;
        balance().await;
        assert!(task.is_finished());
        let timer = spawn(ringpool::time::sleep(Duration::from_millis(1)));
        while !timer.is_finished() {
            balance().await;
        }
        let read = spawn(ringpool::fs::read("/proc/version"));
        while !read.is_finished() {
            balance().await;
        }
    });
    // On a thread without a ring there is nobody to wait.
    futures::executor::block_on(balance());
}
