//! `Condvar`, by hand, between rings, and with plain threads.

use crate::common::{Count, limit, panic_of, rounds};
use crate::support::ByHand;
use ringpool::sync::{Condvar, Mutex, MutexGuard};
use ringpool::{Pool, spawn_on, switch_to};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

fn locked(mutex: &Mutex<u32>) -> MutexGuard<'_, u32> {
    mutex.try_lock().expect("nobody has it")
}

#[test]
fn a_wait_unlocks_and_has_locked_again_when_it_is_over() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let mut wait = ByHand::new(changed.wait(locked(&value)));
    assert!(value.try_lock().is_err(), "until the first poll");
    assert!(wait.poll().is_pending());
    *locked(&value) = 2;
    changed.notify_one();
    let guard = wait.finish();
    assert_eq!(*guard, 2);
    assert!(value.try_lock().is_err());
}

#[test]
fn waits_are_notified_in_the_order_of_arrival() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let waits = [(); 3].map(|()| ByHand::waiting(changed.wait(locked(&value))));
    for wait in &waits {
        assert_eq!(wait.wakes(), 0);
        changed.notify_one();
        assert_eq!(wait.wakes(), 1);
    }
    waits.into_iter().for_each(|wait| drop(wait.finish()));
}

#[test]
fn a_notification_when_nobody_waits_is_lost() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    changed.notify_one();
    changed.notify_all();
    let wait = ByHand::waiting(changed.wait(locked(&value)));
    assert_eq!(wait.wakes(), 0);
}

#[test]
fn all_are_notified_and_go_on_one_after_the_other() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let first = ByHand::waiting(changed.wait(locked(&value)));
    let mut second = ByHand::waiting(changed.wait(locked(&value)));
    changed.notify_all();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    let guard = first.finish();
    assert!(second.poll().is_pending(), "the first has the lock");
    drop(guard);
    drop(second.finish());
    let late = ByHand::waiting(changed.wait(locked(&value)));
    assert_eq!(late.wakes(), 0);
}

#[test]
fn a_dropped_wait_leaves_the_line_and_the_mutex_unlocked() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let first = ByHand::waiting(changed.wait(locked(&value)));
    let second = ByHand::waiting(changed.wait(locked(&value)));
    drop(first);
    drop(locked(&value));
    changed.notify_one();
    assert_eq!(second.wakes(), 1);
    drop(second.finish());
    drop(changed.wait(locked(&value)));
    drop(locked(&value));
}

#[test]
fn a_dropped_wait_that_was_notified_notifies_the_next() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let first = ByHand::waiting(changed.wait(locked(&value)));
    let second = ByHand::waiting(changed.wait(locked(&value)));
    changed.notify_one();
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.finish());
}

#[test]
fn a_wait_that_is_dropped_while_it_locks_again_notifies_the_next_and_leaves_that_line() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let mut first = ByHand::waiting(changed.wait(locked(&value)));
    let second = ByHand::waiting(changed.wait(locked(&value)));
    let guard = locked(&value);
    changed.notify_one();
    assert!(first.poll().is_pending());
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(guard);
    drop(second.finish());
    drop(locked(&value));
}

#[test]
fn a_dropped_wait_passes_nothing_on_if_all_were_notified() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let first = ByHand::waiting(changed.wait(locked(&value)));
    changed.notify_all();
    let late = ByHand::waiting(changed.wait(locked(&value)));
    drop(first);
    assert_eq!(late.wakes(), 0);
}

#[test]
fn a_forgotten_wait_takes_one_notification_with_it_and_no_lock() {
    let shared: &'static (Mutex<u32>, Condvar) =
        Box::leak(Box::new((Mutex::new(1), Condvar::new())));
    ByHand::waiting(shared.1.wait(locked(&shared.0))).leak();
    let waiting = ByHand::waiting(shared.1.wait(locked(&shared.0)));
    shared.1.notify_one();
    assert_eq!(waiting.wakes(), 0);
    shared.1.notify_one();
    drop(waiting.finish());
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let mut first = ByHand::new(changed.wait(locked(&value)));
    assert!(first.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let second = ByHand::waiting(changed.wait(locked(&value)));
    changed.notify_all();
    drop(first.finish());
    drop(second.finish());
}

#[test]
fn a_wait_while_goes_on_only_when_the_condition_is_over() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let mut wait = ByHand::waiting(changed.wait_while(locked(&value), |value| *value < 3));
    *locked(&value) = 2;
    changed.notify_one();
    assert!(wait.poll().is_pending());
    *locked(&value) = 3;
    changed.notify_one();
    assert_eq!(*wait.finish(), 3);
    let now = changed.wait_while(locked(&value), |value| *value < 3);
    assert_eq!(*ByHand::new(now).finish(), 3);
}

/// A queue of at most four, as one builds it with two condition variables.
#[derive(Default)]
struct Queue {
    items: Mutex<VecDeque<usize>>,
    has_room: Condvar,
    has_items: Condvar,
}

impl Queue {
    async fn push(&self, item: usize) {
        let full = |items: &mut VecDeque<usize>| items.len() == 4;
        self.has_room.wait_while(self.items.lock().await, full).await.push_back(item);
        self.has_items.notify_one();
    }

    fn push_blocking(&self, item: usize) {
        let full = |items: &mut VecDeque<usize>| items.len() == 4;
        self.has_room.wait_while_blocking(self.items.lock_blocking(), full).push_back(item);
        self.has_items.notify_one();
    }

    async fn pop(&self) -> usize {
        let empty = |items: &mut VecDeque<usize>| items.is_empty();
        let item = self.has_items.wait_while(self.items.lock().await, empty).await.pop_front();
        self.has_room.notify_one();
        item.expect("it is not empty")
    }

    fn pop_blocking(&self) -> usize {
        let empty = |items: &mut VecDeque<usize>| items.is_empty();
        let limit = Duration::from_secs(50);
        let items = self.items.lock_blocking();
        let (mut items, result) = self.has_items.wait_timeout_while(items, limit, empty);
        assert!(!result.timed_out());
        let item = items.pop_front();
        drop(items);
        self.has_room.notify_one();
        item.expect("it is not empty")
    }
}

#[test]
fn a_queue_of_two_conditions_passes_everything_between_moving_tasks_and_threads() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (queue, sum, count) = (Arc::new(Queue::default()), Count::new(), rounds(1000));
    let tasks: Vec<_> = (0..2)
        .flat_map(|ring| {
            let (pushing, popping, sum) = (Arc::clone(&queue), Arc::clone(&queue), sum.clone());
            let rings = pool.runtimes().to_vec();
            let push = spawn_on(&pool.runtime(ring), async move {
                for item in 0..count {
                    pushing.push(item).await;
                }
            });
            let pop = spawn_on(&pool.runtime(1 - ring), async move {
                for _ in 0..count {
                    let item = popping.pop().await;
                    sum.add();
                    switch_to(&rings[item % 2]).await.unwrap();
                }
            });
            [push, pop]
        })
        .collect();
    std::thread::scope(|threads| {
        threads.spawn(|| (0..count).for_each(|item| queue.push_blocking(item)));
        threads.spawn(|| {
            for _ in 0..count {
                queue.pop_blocking();
                sum.add();
            }
        });
    });
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!(sum.get(), 3 * count);
    assert!(queue.items.try_lock().unwrap().is_empty());
}

#[test]
fn a_wait_with_a_limit_has_the_lock_again_when_it_gives_up() {
    let (value, changed) = (Mutex::new(1), Condvar::new());
    let (guard, result) = changed.wait_timeout(locked(&value), Duration::from_millis(5));
    assert!(result.timed_out() && value.try_lock().is_err());
    let (guard, result) = changed.wait_timeout_while(guard, Duration::ZERO, |value| *value == 1);
    assert!(result.timed_out());
    let (guard, result) = changed.wait_timeout_while(guard, Duration::ZERO, |value| *value == 2);
    assert!(!result.timed_out());
    drop(guard);
    let wait = ByHand::waiting(changed.wait(locked(&value)));
    changed.notify_one();
    assert_eq!(wait.wakes(), 1, "those that gave up are not in line any more");
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics_and_unlocks() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (value, changed) = (Mutex::new(1), Condvar::new());
        let guard = value.lock().await;
        let text = panic_of(move || drop(changed.wait_blocking(guard)));
        assert!(text.contains("await `wait`"), "{text}");
        assert_eq!(*value.lock().await, 1);
    });
}
