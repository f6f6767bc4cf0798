//! Tasks that are given away, and come to their end all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ringpool::{Channel, Pool, RuntimeMetrics, op, spawn, spawn_on, yield_now};

use crate::common::{Count, is_emulated, limit, limit_of, rounds, shut_down, until};

/// A pool that lays out all but one task.
fn eager_pool(threads: usize) -> Pool {
    Pool::builder().threads(threads).shed_beyond(Duration::ZERO).build().expect("a pool")
}

/// The one that computes only ends when the others have: each of them has to run elsewhere.
#[test]
fn those_beside_one_that_computes_for_long_are_run_by_the_other_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    for count in 1..=64 {
        for place in [0, 1, count / 2, count] {
            let done = Arc::new(AtomicUsize::new(0));
            pool.block_on(async {
                let mut tasks: Vec<_> = Vec::new();
                for number in 0..=count {
                    let done = done.clone();
                    tasks.push(if number == place {
                        spawn(async move { wait_for(&done, count) })
                    } else {
                        spawn(async move { done.fetch_add(1, Ordering::SeqCst) < count })
                    });
                }
                for task in tasks {
                    assert!(task.await.expect("it ends"), "{count} beside one at {place}");
                }
            });
        }
    }
}

/// A ring looks at what the kernel has done for it before it takes from others, but not for ever.
#[test]
fn a_ring_whose_operations_complete_at_once_takes_from_others_too() {
    let _limit = limit();
    let pool = Pool::new(2);
    for _ in 0..rounds(100) {
        let done = Arc::new(AtomicUsize::new(0));
        let is_over = done.clone();
        let reading = pool.runtime(1).spawn(async move {
            while is_over.load(Ordering::SeqCst) == 0 {
                op::nop().await.expect("a nop does not fail");
            }
        });
        let born_together = async move {
            let waits = done.clone();
            let computing = spawn(async move {
                // How many there are by then is of no interest.
                let _ = wait_for(&waits, 1);
                waits.load(Ordering::SeqCst) > 0
            });
            let others = [(); 4].map(|()| {
                let done = done.clone();
                spawn(async move { done.fetch_add(1, Ordering::SeqCst) })
            });
            assert!(computing.await.expect("it ends"), "the others were not run meanwhile");
            for other in others {
                other.await.expect("it ends");
            }
        };
        pool.runtime(0).spawn(born_together).wait().expect("it ends");
        reading.wait().expect("it ends");
    }
}

/// Computes until `done` is `count`.
fn wait_for(done: &AtomicUsize, count: usize) -> bool {
    let started = Instant::now();
    while done.load(Ordering::SeqCst) < count && started.elapsed() < Duration::from_secs(20) {
        std::hint::spin_loop();
    }
    done.load(Ordering::SeqCst) == count
}

/// Of what a task makes ready before it goes on computing, one task may stay behind it.
#[test]
fn those_that_a_task_spawns_before_it_computes_do_not_wait_for_it() {
    let _limit = limit();
    let pool = Pool::new(2);
    for count in [2, 3, 17] {
        let done = Arc::new(AtomicUsize::new(0));
        pool.block_on(async {
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let done = done.clone();
                    spawn(async move { done.fetch_add(1, Ordering::SeqCst) })
                })
                .collect();
            assert!(wait_for(&done, count - 1), "{count}");
            for task in tasks {
                task.await.expect("it ends");
            }
        });
    }
}

#[test]
fn tasks_that_are_given_to_and_fro_lose_nothing_and_double_nothing() {
    let given: Option<u64> = std::env::var("RINGPOOL_SHEDS").ok().map(|text| text.parse().unwrap());
    let wanted = given.unwrap_or(if is_emulated() { 500 } else { 20_000 });
    let _limit = limit_of(Duration::from_secs(60 + wanted / 5_000));
    let pool = eager_pool(3);
    let sheds = || sum_of(&pool, |metrics| metrics.sheds_in);
    let (begun, ended) = (Count::new(), Count::new());
    let mut born = 0;
    pool.block_on(async {
        while sheds() < wanted {
            let tasks: Vec<_> = (0..50)
                .map(|number| {
                    let (begun, ended) = (begun.clone(), ended.clone());
                    spawn(async move {
                        begun.add();
                        for _ in 0..number % 5 {
                            yield_now().await;
                        }
                        ended.add();
                        number
                    })
                })
                .collect();
            born += tasks.len();
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.expect("it ends"), number);
            }
            assert_eq!((begun.get(), ended.get()), (born, born));
        }
    });
    // All that was laid out has been taken, by others or by those who laid it out.
    assert_eq!(sum_of(&pool, |metrics| metrics.sheds_out), sheds());
    assert_eq!(sum_of(&pool, |metrics| metrics.tasks_alive), 0);
}

fn sum_of(pool: &Pool, number: impl Fn(RuntimeMetrics) -> u64) -> u64 {
    pool.runtimes().iter().map(|runtime| number(runtime.metrics())).sum()
}

#[test]
fn wakes_find_tasks_that_are_given_away() {
    let _limit = limit();
    let pool = eager_pool(2);
    let items = rounds(5_000);
    pool.block_on(async {
        let pairs: Vec<_> = (0..8)
            .map(|_| {
                let (to, from) = Channel::bounded(1).split();
                let sender = spawn(async move {
                    for item in 0..items {
                        to.send(item).await.expect("the channel is open");
                    }
                });
                let receiver = spawn(async move {
                    for item in 0..items {
                        assert_eq!(from.recv().await, Ok(item));
                        yield_now().await;
                    }
                });
                (sender, receiver)
            })
            .collect();
        for (sender, receiver) in pairs {
            sender.await.expect("it ends");
            receiver.await.expect("it ends");
        }
    });
}

#[test]
fn a_task_that_is_given_away_is_cancelled_wherever_it_is() {
    let _limit = limit();
    let pool = eager_pool(2);
    let dropped = Count::new();
    let count = rounds(2_000);
    pool.block_on(async {
        let other = pool.runtime(1);
        for turn in 0..count {
            let victims = [(); 3].map(|()| {
                let guard = dropped.on_drop();
                spawn(async move {
                    let _guard = guard;
                    loop {
                        yield_now().await;
                    }
                })
            });
            for _ in 0..turn % 4 {
                yield_now().await;
            }
            let [first, second, third] = victims;
            drop(first);
            assert_eq!(second.cancel().await, None);
            let cancelling = spawn_on(&other, async move { third.cancel().await });
            assert_eq!(cancelling.await.expect("it ends"), None);
        }
    });
    shut_down(&pool);
    assert_eq!(dropped.get(), 3 * count);
}

#[test]
fn a_pool_stops_while_tasks_are_given_to_and_fro() {
    let _limit = limit();
    for _ in 0..rounds(50) {
        let pool = eager_pool(3);
        let dropped = Count::new();
        let guards: Vec<_> = (0..30).map(|_| dropped.on_drop()).collect();
        // All of them are born on one ring.
        pool.block_on(async {
            for guard in guards {
                let restless = async move {
                    let _guard = guard;
                    loop {
                        yield_now().await;
                    }
                };
                spawn(restless).detach();
            }
        });
        until(|| sum_of(&pool, |metrics| metrics.sheds_in) > 0);
        shut_down(&pool);
        assert_eq!(dropped.get(), 30);
    }
}

/// With one that stays always ready, and more movable ones than are kept.
#[test]
fn nobody_starves_on_a_ring_that_gives() {
    let _limit = limit();
    let pool = eager_pool(2);
    let polls = Arc::new([const { AtomicUsize::new(0) }; 9]);
    let is_over = || polls.iter().all(|polls| polls.load(Ordering::Relaxed) >= rounds(2_000));
    pool.block_on(async {
        let here = pool.runtime(0);
        let looping = |number: usize| {
            let polls = polls.clone();
            async move {
                loop {
                    polls[number].fetch_add(1, Ordering::Relaxed);
                    yield_now().await;
                }
            }
        };
        let stay: Vec<_> = (0..3).map(|number| spawn_on(&here, looping(number))).collect();
        let move_about: Vec<_> = (3..9).map(|number| spawn(looping(number))).collect();
        while !is_over() {
            yield_now().await;
        }
        drop((stay, move_about));
    });
}
