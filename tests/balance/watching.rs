//! Idle rings are not overlooked, however little there is to do at a time, and nothing that lies on
//! a shelf is forgotten.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ringpool::{Pinning, Pool, run_on, spawn, spawn_local, spawn_on, switch_to, yield_now};

use crate::common::{Count, here, limit, rounds, until};

fn pool_of(threads: usize) -> Pool {
    Pool::builder().threads(threads).pinning(Pinning::None).build().expect("a pool")
}

fn eager_pool_of(threads: usize) -> Pool {
    let builder = Pool::builder().threads(threads).pinning(Pinning::None);
    builder.shed_beyond(Duration::ZERO).build().expect("a pool")
}

/// So many short tasks that new ones are taken for short.
async fn get_used_to_short_tasks() {
    for _ in 0..rounds(400) {
        let tasks: Vec<_> = (0..10).map(|_| spawn(async {})).collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    }
}

/// Each of them has to be on a ring of its own.
async fn all_compute_at_once(count: usize) {
    let begun = Count::new();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let begun = begun.clone();
            spawn(async move {
                begun.add();
                begun.reaches(count);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
}

#[test]
fn a_burst_of_long_tasks_is_spread_over_all_rings_of_a_new_pool() {
    let _limit = limit();
    let pool = pool_of(4);
    pool.block_on(async {
        for _ in 0..rounds(20) {
            all_compute_at_once(4).await;
        }
    });
}

#[test]
fn a_burst_of_long_tasks_is_spread_over_all_rings_that_are_used_to_short_ones() {
    let _limit = limit();
    let pool = pool_of(4);
    pool.block_on(async {
        for _ in 0..rounds(10) {
            get_used_to_short_tasks().await;
            all_compute_at_once(4).await;
        }
    });
}

/// The ring that was woken for the first has something to do when the second comes.
#[test]
fn who_comes_while_the_ring_that_was_woken_computes_is_found_by_a_third() {
    let _limit = limit();
    let pool = pool_of(4);
    pool.block_on(async {
        for _ in 0..rounds(10) {
            get_used_to_short_tasks().await;
            let (first, second) = (Count::new(), Count::new());
            let kept = spawn(async {});
            let (begun, other) = (first.clone(), second.clone());
            let one = spawn(async move {
                begun.add();
                other.reaches(1);
            });
            first.reaches(1);
            let begun = second.clone();
            let two = spawn(async move { begun.add() });
            second.reaches(1);
            for task in [kept, one, two] {
                task.await.expect("it ends");
            }
        }
    });
}

#[test]
fn there_may_be_more_rings_than_a_word_has_bits() {
    let _limit = limit();
    let pool = pool_of(70);
    pool.block_on(all_compute_at_once(70));
}

/// They come in one list with a task that makes others all the time, which stay where they are and
/// make movable ones.
#[test]
fn what_came_from_another_ring_is_not_passed_over_for_ever() {
    let _limit = limit();
    for pool in [pool_of(2), eager_pool_of(2)] {
        let polled = Count::new();
        let is_over = Arc::new(AtomicBool::new(false));
        pool.block_on(async {
            let (blocked, open) = (Count::new(), Count::new());
            let (begun, end) = (blocked.clone(), open.clone());
            let block = spawn_on(&pool.runtime(1), async move {
                begun.add();
                end.reaches(1);
            });
            blocked.reaches(1);
            let kept = spawn(async {});
            let busy = is_over.clone();
            let maker = spawn(async move { (0..4).for_each(|_| make_tasks_until(busy.clone())) });
            let strangers: Vec<_> = (0..5)
                .map(|_| {
                    let polled = polled.clone();
                    spawn(async move { polled.add() })
                })
                .collect();
            // The other ring takes them all when it has nothing else to do.
            open.add();
            polled.reaches(5);
            is_over.store(true, Ordering::SeqCst);
            for task in strangers.into_iter().chain([kept, maker, block]) {
                task.await.expect("it ends");
            }
        });
    }
}

fn make_tasks_until(is_over: Arc<AtomicBool>) {
    let making = async move {
        while !is_over.load(Ordering::SeqCst) {
            spawn(async {}).detach();
            yield_now().await;
        }
    };
    spawn_local(making).detach();
}

#[test]
fn a_switch_to_where_one_is_binds_as_any_other() {
    let _limit = limit();
    let pool = eager_pool_of(2);
    pool.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                spawn(async move {
                    let ring = ringpool::current().expect("a ring");
                    if number % 2 == 0 {
                        switch_to(&ring).await.expect("the ring runs");
                        stays(ring.index()).await;
                    } else {
                        run_on(&ring, stays(ring.index())).await.expect("the ring runs");
                        stays(ring.index()).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it ends");
        }
    });
}

async fn stays(ring: usize) {
    for _ in 0..rounds(1_000) {
        assert_eq!(here(), Some(ring));
        yield_now().await;
    }
}

/// What is known of dumps and loads does not change whose turn it is.
#[test]
fn who_looks_at_the_tasks_again_and_again_holds_nothing_up() {
    let _limit = limit();
    let pool = eager_pool_of(2);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let dump = pool.dump();
                let ids: HashSet<_> = dump.tasks().map(|task| task.id).collect();
                assert_eq!(ids.len(), dump.tasks().count(), "a task is there twice: {dump}");
            }
        });
        pool.block_on(async {
            for _ in 0..rounds(200) {
                let tasks: Vec<_> = (0..50).map(|_| spawn(yield_now())).collect();
                for task in tasks {
                    task.await.expect("it ends");
                }
            }
        });
        is_over.store(true, Ordering::SeqCst);
    });
    until(|| pool.metrics().total().tasks_alive == 0);
}
