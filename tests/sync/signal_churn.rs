//! Waits that are dropped at random moments, on rings and threads at once: nothing may be lost,
//! and nothing doubled.

use crate::common::{Count, limit, rounds};
use crate::support::{ByHand, Random, seed};
use ringpool::sync::{Barrier, BarrierWait, Condvar, Event, Mutex, Notify, OnceCell};
use ringpool::{Pool, spawn_on, switch_to, yield_now};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Polls at most `polls` times, with a turn of the ring in between, and drops the future then.
async fn with_patience<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = futures::poll!(future.as_mut()) {
            return Some(output);
        }
        yield_now().await;
    }
    None
}

/// There is one token: who has it is alone.
#[derive(Default)]
struct Alone(AtomicBool);

impl Alone {
    fn enter(&self) {
        assert!(!self.0.swap(true, Ordering::SeqCst), "there are two tokens");
    }

    fn leave(&self) {
        assert!(self.0.swap(false, Ordering::SeqCst));
    }
}

/// What passes one token on: an automatic event, and a notification, can.
trait Token: Send + Sync + 'static {
    fn give(&self);
    fn has(&self) -> bool;
    fn take(&self) -> impl Future<Output = ()> + Send;
    fn take_in(&self, limit: Duration) -> bool;
}

impl Token for Event {
    fn give(&self) {
        self.set();
    }
    fn has(&self) -> bool {
        self.try_wait()
    }
    fn take(&self) -> impl Future<Output = ()> + Send {
        self.wait()
    }
    fn take_in(&self, limit: Duration) -> bool {
        self.wait_timeout(limit).is_ok()
    }
}

impl Token for Notify {
    fn give(&self) {
        self.notify_one();
    }
    fn has(&self) -> bool {
        self.try_notified()
    }
    fn take(&self) -> impl Future<Output = ()> + Send {
        self.notified()
    }
    fn take_in(&self, limit: Duration) -> bool {
        self.notified_timeout(limit).is_ok()
    }
}

fn one_token_goes_round(token: impl Token) {
    let _limit = limit();
    let (pool, seed) = (Pool::new(2), seed());
    let shared = Arc::new((token, Alone::default()));
    let passes = Count::new();
    let tasks: Vec<_> = (0..6)
        .map(|index| {
            let (shared, passes) = (Arc::clone(&shared), passes.clone());
            let rings = pool.runtimes().to_vec();
            spawn_on(&pool.runtime(index % 2), async move {
                let mut random = Random::new(seed ^ index as u64);
                for _ in 0..rounds(2000) {
                    if with_patience(shared.0.take(), random.below(4)).await.is_some() {
                        shared.1.enter();
                        passes.add();
                        if random.below(4) == 0 {
                            switch_to(&rings[random.below(2)]).await.unwrap();
                        }
                        shared.1.leave();
                        shared.0.give();
                    }
                }
            })
        })
        .collect();
    shared.0.give();
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for round in 0..rounds(500) {
                    let limit = Duration::from_micros(20 * (round as u64 % 3));
                    if shared.0.take_in(limit) {
                        shared.1.enter();
                        passes.add();
                        shared.1.leave();
                        shared.0.give();
                    }
                }
            });
        }
    });
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert!(shared.0.has(), "the token is lost after {} passes", passes.get());
    assert!(!shared.0.has(), "the token has doubled");
    assert!(passes.get() > 0);
}

#[test]
fn an_automatic_event_is_never_lost_nor_doubled_by_waits_that_are_dropped() {
    one_token_goes_round(Event::auto());
}

#[test]
fn a_notification_is_never_lost_nor_doubled_by_waits_that_are_dropped() {
    one_token_goes_round(Notify::new());
}

#[test]
fn cancelled_tasks_leave_a_notification_to_those_that_are_left() {
    let _limit = limit();
    let (pool, notify) = (Pool::new(2), Arc::new(Notify::new()));
    let mut random = Random::new(seed());
    for _ in 0..rounds(200) {
        let woken = Count::new();
        let wait = |ring| {
            let (notify, woken) = (Arc::clone(&notify), woken.clone());
            spawn_on(&pool.runtime(ring), async move {
                notify.notified().await;
                woken.add();
            })
        };
        let mut tasks: Vec<_> = (0..4).map(|index| wait(index % 2)).collect();
        let cancelled = tasks.swap_remove(random.below(4));
        notify.notify_one();
        let mut expected = 1;
        // If the cancel came too late, that task has had the notification, and another is due.
        if pool.block_on(cancelled.cancel()).is_some() {
            notify.notify_one();
            expected += 1;
        }
        for _ in &tasks {
            woken.reaches(expected);
            expected += 1;
            notify.notify_one();
        }
        tasks.into_iter().for_each(|task| task.wait().unwrap());
        assert!(notify.try_notified());
    }
}

#[test]
fn condition_variables_lose_no_notification_by_waits_that_are_dropped() {
    let _limit = limit();
    let (pool, seed) = (Pool::new(2), seed());
    let shared = Arc::new((Mutex::new(0_usize), Condvar::new()));
    let (taken, items) = (Count::new(), rounds(1000));
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let (shared, taken) = (Arc::clone(&shared), taken.clone());
            spawn_on(&pool.runtime(index % 2), async move {
                let mut random = Random::new(seed ^ index as u64);
                let mut left = items;
                while left > 0 {
                    let wait = async {
                        let guard = shared.0.lock().await;
                        let mut guard = shared.1.wait_while(guard, |items| *items == 0).await;
                        *guard -= 1;
                    };
                    // Mostly impatient; whoever is patient must not wait in vain.
                    let polls = if random.below(8) == 0 { usize::MAX } else { random.below(3) };
                    if with_patience(wait, polls).await.is_some() {
                        taken.add();
                        left -= 1;
                    }
                }
            })
        })
        .collect();
    for _ in 0..4 * items {
        *shared.0.lock_blocking() += 1;
        shared.1.notify_one();
    }
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!((taken.get(), *shared.0.lock_blocking()), (4 * items, 0));
}

#[test]
fn a_cell_gets_its_value_however_many_give_up_while_they_make_it() {
    let _limit = limit();
    let (pool, seed) = (Pool::new(2), seed());
    for round in 0..rounds(200) as u64 {
        let (cell, making) = (Arc::new(OnceCell::new()), Arc::new(Alone::default()));
        let tasks: Vec<_> = (0..6)
            .map(|index| {
                let (cell, making) = (Arc::clone(&cell), Arc::clone(&making));
                spawn_on(&pool.runtime(index % 2), async move {
                    let mut random = Random::new(seed ^ (round * 8 + index as u64));
                    loop {
                        let (turns, fails) = (random.below(3), random.below(3) == 0);
                        let make = async {
                            making.enter();
                            let _leaves = Leaves(&making);
                            for _ in 0..turns {
                                yield_now().await;
                            }
                            if fails { Err(()) } else { Ok(index) }
                        };
                        let value = cell.get_or_try_init(|| make);
                        if let Some(Ok(value)) = with_patience(value, random.below(4)).await {
                            return *value;
                        }
                    }
                })
            })
            .collect();
        let value = *cell.wait_blocking();
        assert!(tasks.into_iter().all(|task| task.wait().unwrap() == value));
    }
}

struct Leaves<'a>(&'a Alone);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[test]
fn a_barrier_counts_as_a_plain_number_does_beside_it() {
    let mut random = Random::new(seed());
    for _ in 0..rounds(200) {
        let count = 1 + random.below(5);
        let barrier = Barrier::new(count);
        let mut waiting: Vec<ByHand<BarrierWait<'_>>> = Vec::new();
        let mut free: Vec<ByHand<BarrierWait<'_>>> = Vec::new();
        for _ in 0..100 {
            match random.below(4) {
                0 if !waiting.is_empty() => drop(waiting.swap_remove(random.below(waiting.len()))),
                1 if !free.is_empty() => {
                    let result = free.swap_remove(random.below(free.len()));
                    if random.below(2) == 0 {
                        assert!(!result.finish().is_leader());
                    }
                }
                2 => {
                    let is_full = waiting.len() + 1 == count;
                    assert_eq!(barrier.try_wait().is_some(), is_full);
                    if is_full {
                        free.append(&mut waiting);
                    }
                }
                _ => {
                    let mut wait = ByHand::new(barrier.wait());
                    match wait.poll() {
                        Poll::Pending => waiting.push(wait),
                        Poll::Ready(result) => {
                            assert!(result.is_leader() && waiting.len() + 1 == count);
                            free.append(&mut waiting);
                        }
                    }
                    assert!(waiting.len() < count);
                }
            }
        }
    }
}
