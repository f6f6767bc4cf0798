//! Wakers are anybody's: they may panic, and use the lock that wakes them.

use crate::support::ByHand;
use ringpool::sync::{Mutex, RwLock, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let bad = Waker::from(Arc::new(Panicking));
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    let mut first = ByHand::new(mutex.lock());
    assert!(first.poll_with(&bad).is_pending());
    drop(guard);
    drop(first.finish());

    let semaphore = Semaphore::new(0);
    let mut waits: Vec<_> = (0..3).map(|_| ByHand::new(semaphore.acquire())).collect();
    assert!(waits[0].poll_with(&bad).is_pending());
    assert!(waits[1].poll_with(&bad).is_pending());
    assert!(waits[2].poll().is_pending());
    semaphore.add_permits(3);
    assert_eq!(waits[2].wakes(), 1);
    assert!(waits.into_iter().all(|wait| wait.finish().is_ok()));

    let lock = RwLock::new(());
    let writer = lock.try_write().unwrap();
    let mut readers: Vec<_> = (0..2).map(|_| ByHand::new(lock.read())).collect();
    assert!(readers[0].poll_with(&bad).is_pending());
    assert!(readers[1].poll().is_pending());
    drop(writer);
    assert_eq!(readers[1].wakes(), 1);
    readers.into_iter().for_each(|reader| drop(reader.finish()));
    assert!(lock.try_write().is_ok());
}

/// A waker whose clone panics.
static TABLE: RawWakerVTable =
    RawWakerVTable::new(|_| panic!("as the test wants it"), |_| {}, |_| {}, |_| {});

#[test]
fn a_waker_that_panics_when_cloned_loses_no_place_and_no_permit() {
    // SAFETY: the table's functions ignore their pointer, and are safe to call from any thread.
    let bad = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut wait = ByHand::new(mutex.lock());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.poll_with(&bad).is_ready())).is_err());
    assert!(wait.poll().is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.poll_with(&bad).is_ready())).is_err());
    drop(guard);
    assert_eq!(wait.wakes(), 1, "the earlier waker is still in place");
    drop(wait.finish());
    assert!(mutex.try_lock().is_ok());
}

/// Counts drops of wakers, each of which uses the semaphore; under the lock that would hang.
struct UsesIt(Arc<Semaphore>, Arc<AtomicUsize>);

impl UsesIt {
    fn use_it(&self) {
        drop(self.0.try_acquire());
        self.0.forget_permits(0);
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for UsesIt {
    fn wake(self: Arc<Self>) {
        self.use_it();
    }
}

impl Drop for UsesIt {
    fn drop(&mut self) {
        self.use_it();
    }
}

#[test]
fn wakers_are_woken_and_dropped_outside_of_the_lock() {
    let _limit = crate::common::limit();
    let semaphore = Arc::new(Semaphore::new(0));
    let uses = Arc::new(AtomicUsize::new(0));
    let waker = || Waker::from(Arc::new(UsesIt(Arc::clone(&semaphore), Arc::clone(&uses))));

    let mut replaced = ByHand::new(semaphore.acquire());
    assert!(replaced.poll_with(&waker()).is_pending());
    assert!(replaced.poll().is_pending());
    assert_eq!(uses.load(Ordering::SeqCst), 1);

    let mut abandoned = ByHand::new(semaphore.acquire());
    assert!(abandoned.poll_with(&waker()).is_pending());
    drop(abandoned);
    assert_eq!(uses.load(Ordering::SeqCst), 2);

    let mut woken = ByHand::new(semaphore.acquire());
    assert!(woken.poll_with(&waker()).is_pending());
    semaphore.add_permits(2);
    assert_eq!(uses.load(Ordering::SeqCst), 4, "a wake and a drop");
    drop(replaced.finish().unwrap());
    drop(woken.finish().unwrap());

    let permits = semaphore.try_acquire_many(2).unwrap();
    let mut closed = ByHand::new(semaphore.acquire());
    assert!(closed.poll_with(&waker()).is_pending());
    semaphore.close();
    assert_eq!(uses.load(Ordering::SeqCst), 6);
    drop(permits);
    assert!(closed.finish().is_err());
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_woken() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut moved = ByHand::waiting(mutex.lock());
    let uses = Arc::new(AtomicUsize::new(0));
    let elsewhere = Waker::from(Arc::new(UsesIt(Arc::new(Semaphore::new(0)), Arc::clone(&uses))));
    assert!(moved.poll_with(&elsewhere).is_pending());
    drop(guard);
    assert_eq!((moved.wakes(), uses.load(Ordering::SeqCst)), (0, 1));
    drop(moved.finish());
}
