//! The mutex between plain threads, tasks on several rings, and other executors.

use crate::common::{limit, rounds};
use crate::support::{ByHand, Random, seed};
use ringpool::Pool;
use ringpool::sync::{Mutex, TimedOut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// What two holders at a time would spoil: both halves are changed, one after the other.
#[derive(Default)]
struct Pair(usize, usize);

impl Pair {
    fn add(&mut self) {
        assert_eq!(self.0, self.1);
        self.0 += 1;
        std::hint::spin_loop();
        self.1 += 1;
    }
}

async fn add_often(mutex: &Mutex<Pair>, count: usize, is_slow: bool) {
    for number in 0..count {
        let mut pair = mutex.lock().await;
        pair.add();
        if is_slow && number % 16 == 0 {
            ringpool::yield_now().await;
        }
    }
}

#[test]
fn plain_threads_wait_for_each_other() {
    let _limit = limit();
    let (threads, each) = (4, rounds(2000));
    let mutex = Mutex::new(Pair::default());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..each).for_each(|_| mutex.lock_blocking().add()));
        }
    });
    assert_eq!(mutex.into_inner().0, threads * each);
}

#[test]
fn tasks_on_all_rings_threads_and_another_executor_share_it() {
    let _limit = limit();
    let each = rounds(1000);
    let pool = Pool::new(2);
    let mutex = Arc::new(Mutex::new(Pair::default()));
    thread::scope(|scope| {
        scope.spawn(|| (0..each).for_each(|_| mutex.lock_blocking().add()));
        scope.spawn(|| futures::executor::block_on(add_often(&mutex, each, false)));
        scope.spawn(|| {
            for _ in 0..each {
                while mutex
                    .lock_timeout(Duration::from_micros(50))
                    .map(|mut pair| pair.add())
                    .is_err()
                {}
            }
        });
        pool.block_on(async {
            let tasks: Vec<_> = (0..4)
                .map(|number| {
                    let mutex = Arc::clone(&mutex);
                    let ring = pool.runtime(number % 2);
                    ringpool::spawn_on(&ring, async move { add_often(&mutex, each, true).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    assert_eq!(mutex.try_lock().unwrap().0, 7 * each);
}

#[test]
fn tasks_that_wander_between_the_rings_share_it() {
    let _limit = limit();
    let each = rounds(300);
    let pool = Pool::new(3);
    let mutex = Arc::new(Mutex::new(Pair::default()));
    pool.block_on(async {
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                let (mutex, rings) = (Arc::clone(&mutex), pool.runtimes().to_vec());
                ringpool::spawn_on(&pool.runtime(number % 3), async move {
                    for round in 0..each {
                        let mut pair = mutex.lock().await;
                        pair.add();
                        if round % 3 == 0 {
                            ringpool::switch_to(&rings[(number + round) % 3]).await.unwrap();
                        }
                        drop(pair);
                        ringpool::switch_to(&rings[(number + round / 2) % 3]).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(mutex.try_lock().unwrap().0, 6 * each);
}

#[test]
fn five_hundred_generations_each_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for _ in 0..rounds(500) {
            let mutex = Arc::new(Mutex::new(Pair::default()));
            let tasks: Vec<_> = (0..4)
                .map(|number| {
                    let mutex = Arc::clone(&mutex);
                    let ring = pool.runtime(number % 2);
                    ringpool::spawn_on(&ring, async move { add_often(&mutex, 3, false).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(Arc::into_inner(mutex).unwrap().into_inner().0, 12);
        }
    });
}

/// Locks, or gives up waiting at random; says how often it had the lock.
fn lock_or_give_up(mutex: &Mutex<Pair>, mut random: Random, count: usize) -> usize {
    let mut had = 0;
    for _ in 0..count {
        let mut wait = ByHand::new(mutex.lock());
        for _ in 0..=random.below(10) {
            if let Poll::Ready(mut pair) = wait.poll() {
                pair.add();
                had += 1;
                break;
            }
            thread::yield_now();
        }
    }
    had
}

#[test]
fn waits_that_are_given_up_at_random_lose_no_wake() {
    let _limit = limit();
    let seed = seed();
    let mutex = Mutex::new(Pair::default());
    let done = AtomicBool::new(false);
    let had = thread::scope(|scope| {
        let patient = scope.spawn(|| {
            let mut had = 0;
            while !done.load(Ordering::SeqCst) {
                mutex.lock_blocking().add();
                had += 1;
            }
            had
        });
        let impatient: Vec<_> = (0..2)
            .map(|number| {
                let random = Random::new(seed.wrapping_add(number));
                let mutex = &mutex;
                scope.spawn(move || lock_or_give_up(mutex, random, rounds(2000)))
            })
            .collect();
        let had: usize = impatient.into_iter().map(|thread| thread.join().unwrap()).sum();
        done.store(true, Ordering::SeqCst);
        had + patient.join().unwrap()
    });
    assert_eq!(mutex.into_inner().0, had);
}

#[test]
fn tasks_cancelled_while_they_wait_lose_no_wake() {
    let _limit = limit();
    let pool = Pool::new(2);
    let mutex = Arc::new(Mutex::new(Pair::default()));
    let seed = seed();
    pool.block_on(async {
        let mut random = Random::new(seed);
        for _ in 0..rounds(200) {
            let mut tasks: Vec<_> = (0..6)
                .map(|number| {
                    let mutex = Arc::clone(&mutex);
                    let ring = pool.runtime(number % 2);
                    ringpool::spawn_on(&ring, async move { add_often(&mutex, 4, true).await })
                })
                .collect();
            for _ in 0..3 {
                let cancelled = tasks.swap_remove(random.below(tasks.len()));
                let _ = cancelled.cancel().await;
            }
            for task in tasks {
                task.await.unwrap();
            }
        }
        let pair = mutex.lock().await;
        assert_eq!(pair.0, pair.1);
    });
}

#[test]
fn a_thread_waits_for_the_lock_no_longer_than_it_may() {
    let _limit = limit();
    let mutex = Mutex::new(());
    let guard = mutex.lock_timeout(Duration::ZERO).expect("it was free");
    let too_late: Result<_, TimedOut> = mutex.lock_timeout(Duration::from_millis(2));
    let error = std::io::Error::from(too_late.unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let behind = ByHand::waiting(mutex.lock());
    drop(guard);
    assert_eq!(behind.wakes(), 1, "who gave up is not in the way");
    drop(behind.finish());
    thread::scope(|scope| {
        let guard = mutex.lock_blocking();
        let thread = scope.spawn(|| mutex.lock_timeout(Duration::MAX).is_ok());
        drop(guard);
        assert!(thread.join().unwrap());
    });
}

#[test]
fn a_guard_may_be_dropped_on_another_thread() {
    let _limit = limit();
    let mutex = Mutex::new(Pair::default());
    thread::scope(|scope| {
        let mut guard = mutex.lock_blocking();
        scope.spawn(move || guard.add());
        mutex.lock_blocking().add();
    });
    assert_eq!(mutex.into_inner().0, 2);
}

#[test]
fn threads_keep_guards_that_borrow_nothing() {
    let _limit = limit();
    let (threads, each) = (3, rounds(500));
    let mutex = Arc::new(Mutex::new(Pair::default()));
    let threads = (0..threads).map(|_| {
        let mutex = Arc::clone(&mutex);
        thread::spawn(move || {
            for _ in 0..each {
                let mut guard = Arc::clone(&mutex).lock_owned_blocking();
                guard.add();
                thread::spawn(move || drop(guard));
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    let count = threads.len();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(mutex.lock_blocking().0, count * each);
}
