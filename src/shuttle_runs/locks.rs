//! Locks, permits and signals between tasks that move and are cancelled while they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;

use super::rings::Rings;
use super::{below, try_schedules};
use crate::sync::{Mutex, Notify, Semaphore};
use crate::{Task, switch_to, yield_now};

/// Ends or cancels them in turn, and says how many ended by themselves.
fn end_somehow(tasks: Vec<Task<()>>) -> usize {
    let outcomes = tasks.into_iter().map(|task| {
        if below(2) == 0 {
            (0..below(6)).for_each(|_| thread::yield_now());
            return block_on(task.cancel()).is_some();
        }
        block_on(task).expect("it ends");
        true
    });
    outcomes.filter(|has_ended| *has_ended).count()
}

#[test]
fn a_lock_is_held_by_one_and_passed_on_whoever_is_cancelled() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let mutex = Arc::new(Mutex::new(0));
        let held = Arc::new(AtomicBool::new(false));
        let tasks = (0..4).map(|_| {
            let (mutex, held, there) = (mutex.clone(), held.clone(), rings.any().clone());
            rings.any().spawn(async move {
                for _ in 0..2 {
                    let mut guard = mutex.lock().await;
                    assert!(!held.swap(true, Ordering::SeqCst), "two hold the lock");
                    let before = *guard;
                    *guard = before + 1;
                    held.store(false, Ordering::SeqCst);
                    switch_to(&there).await.expect("the ring runs");
                }
            })
        });
        let tasks = tasks.collect();
        let ended = end_somehow(tasks);
        assert!(*block_on(mutex.lock()) >= 2 * ended);
        rings.stop();
    });
}

#[test]
fn permits_come_back_whoever_is_cancelled() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let semaphore = Arc::new(Semaphore::new(3));
        let taken = Arc::new(AtomicUsize::new(0));
        let tasks = (0..4).map(|number| {
            let (semaphore, taken) = (semaphore.clone(), taken.clone());
            let count = 1 + number % 3;
            rings.any().spawn(async move {
                for _ in 0..2 {
                    let permits = semaphore.acquire_many(count).await.expect("it is open");
                    let before = taken.fetch_add(count as usize, Ordering::SeqCst);
                    assert!(before + count as usize <= 3, "more than there are");
                    taken.fetch_sub(count as usize, Ordering::SeqCst);
                    yield_now().await;
                    drop(permits);
                }
            })
        });
        let tasks = tasks.collect();
        end_somehow(tasks);
        assert_eq!(semaphore.available_permits(), 3);
        rings.stop();
    });
}

/// As many signals as there are waits: each that a cancelled one was given goes to another.
#[test]
fn a_signal_is_not_lost_with_the_one_who_is_cancelled() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let notify = Arc::new(Notify::new());
        let wait = || {
            let notify = notify.clone();
            rings.any().spawn(async move { notify.notified().await })
        };
        let (stays, goes) = (wait(), wait());
        let notifier = {
            let notify = notify.clone();
            rings.any().spawn(async move { notify.notify_one() })
        };
        let was_told = block_on(goes.cancel()).is_some();
        block_on(notifier).expect("it ends");
        if was_told {
            notify.notify_one();
        }
        block_on(stays).expect("the signal that the other one did not take");
        rings.stop();
    });
}
