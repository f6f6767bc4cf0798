//! Loom models of the semaphore, the mutex and the lock of many readers: every interleaving of the
//! small situations in which a wake or a permit could be lost, or two have what is for one.
//!
//! A lost wake shows as a deadlock of the model, a lost permit as a wrong count, and two holders at
//! a time as loom's complaint about its cell.

use std::pin::{Pin, pin};
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::waiting::Wait;
use super::{Mutex, RwLock, RwLockWriteGuard, Semaphore};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A value whose users loom watches.
struct Watched(UnsafeCell<u32>);

// SAFETY: loom complains if two threads are at it at a time.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&self) {
        // SAFETY: loom has just seen that nobody else is at it.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: as above, for those who write.
        self.0.with(|value| unsafe { *value })
    }
}

#[test]
fn one_at_a_time_has_the_mutex_and_each_gets_it() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(Watched::new()));
        let adder = |mutex: Arc<Mutex<Watched>>| move || block_on(mutex.lock()).add();
        let one = thread::spawn(adder(Arc::clone(&mutex)));
        let two = thread::spawn(adder(Arc::clone(&mutex)));
        adder(Arc::clone(&mutex))();
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(mutex.try_lock().unwrap().get(), 3);
    });
}

#[test]
fn a_lock_that_is_tried_is_had_by_one_at_a_time() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(Watched::new()));
        let other = Arc::clone(&mutex);
        let thread = thread::spawn(move || other.try_lock().map(|guard| guard.add()).is_ok());
        block_on(mutex.lock()).add();
        let expected = 1 + u32::from(thread.join().unwrap());
        assert_eq!(mutex.try_lock().unwrap().get(), expected);
    });
}

/// Locks now, and gives what unlocks again, wherever it is called.
fn lock_for_another_thread(mutex: &StdArc<Mutex<()>>) -> impl FnOnce() + use<> {
    let guard = StdArc::clone(mutex).try_lock_owned().unwrap();
    move || drop(guard)
}

#[test]
fn a_lock_handed_to_a_wait_that_is_dropped_goes_to_the_next() {
    loom::model(|| {
        let mutex = StdArc::new(Mutex::new(()));
        let unlocked_elsewhere = lock_for_another_thread(&mutex);
        let mut dropped = Box::pin(mutex.lock());
        assert!(poll_once(dropped.as_mut()).is_pending());
        let unlock = thread::spawn(unlocked_elsewhere);
        let other = StdArc::clone(&mutex);
        let next = thread::spawn(move || drop(block_on(other.lock())));
        drop(dropped);
        unlock.join().unwrap();
        next.join().unwrap();
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn a_wait_whose_time_is_up_has_the_lock_or_leaves_it_to_others() {
    loom::model(|| {
        let mutex = StdArc::new(Mutex::new(()));
        let unlock = thread::spawn(lock_for_another_thread(&mutex));
        {
            let mut late = mutex.lock();
            match late.poll_wait(Waker::noop()) {
                Poll::Ready(guard) => drop(guard),
                Poll::Pending => drop(late.give_up()),
            }
        }
        unlock.join().unwrap();
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn a_wait_that_changes_its_waker_is_woken_by_one_of_them() {
    loom::model(|| {
        let mutex = StdArc::new(Mutex::new(()));
        let unlock = thread::spawn(lock_for_another_thread(&mutex));
        let mut waiting = pin!(mutex.lock());
        if poll_once(waiting.as_mut()).is_pending() {
            drop(block_on(waiting));
        }
        unlock.join().unwrap();
    });
}

#[test]
fn a_wait_for_two_permits_gets_them_from_two_threads() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let adder = |semaphore: Arc<Semaphore>| move || semaphore.add_permits(1);
        let one = thread::spawn(adder(Arc::clone(&semaphore)));
        let two = thread::spawn(adder(Arc::clone(&semaphore)));
        let permits = block_on(semaphore.acquire_many(2)).unwrap();
        assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 0));
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn a_wish_for_one_behind_a_dropped_wish_for_two_is_served() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut large = Box::pin(semaphore.acquire_many(2));
        assert!(poll_once(large.as_mut()).is_pending());
        let other = Arc::clone(&semaphore);
        let small = thread::spawn(move || block_on(other.acquire()).unwrap().forget());
        let other = Arc::clone(&semaphore);
        let adder = thread::spawn(move || other.add_permits(1));
        drop(large);
        adder.join().unwrap();
        small.join().unwrap();
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn a_close_ends_a_wait_that_a_permit_is_on_the_way_to() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let other = Arc::clone(&semaphore);
        let closer = thread::spawn(move || other.close());
        let other = Arc::clone(&semaphore);
        let adder = thread::spawn(move || other.add_permits(1));
        let is_acquired = block_on(semaphore.acquire()).map(|permit| permit.forget()).is_ok();
        closer.join().unwrap();
        adder.join().unwrap();
        assert_eq!(semaphore.available_permits(), usize::from(!is_acquired));
        assert!(semaphore.is_closed() && block_on(semaphore.acquire()).is_err());
    });
}

#[test]
fn permits_that_are_forgotten_are_not_given_to_somebody_too() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = Arc::clone(&semaphore);
        let thread = thread::spawn(move || other.forget_permits(1));
        let mut wait = pin!(semaphore.acquire());
        let is_acquired = match poll_once(wait.as_mut()) {
            Poll::Ready(permit) => {
                permit.unwrap().forget();
                true
            }
            Poll::Pending => false,
        };
        assert_eq!(usize::from(is_acquired) + thread.join().unwrap(), 1);
    });
}

#[test]
fn readers_are_never_in_with_a_writer() {
    loom::model(|| {
        let lock = Arc::new(RwLock::new(Watched::new()));
        let reader = |lock: Arc<RwLock<Watched>>| move || block_on(lock.read()).get();
        let one = thread::spawn(reader(Arc::clone(&lock)));
        let two = thread::spawn(reader(Arc::clone(&lock)));
        block_on(lock.write()).add();
        assert!(one.join().unwrap() <= 1);
        assert!(two.join().unwrap() <= 1);
        assert_eq!(reader(lock)(), 1);
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    loom::model(|| {
        let lock = Arc::new(RwLock::new(()));
        let _reading = lock.try_read().unwrap();
        let mut writer = Box::pin(lock.write());
        assert!(poll_once(writer.as_mut()).is_pending());
        let other = Arc::clone(&lock);
        let reader = thread::spawn(move || drop(block_on(other.read())));
        drop(writer);
        reader.join().unwrap();
    });
}

#[test]
fn a_writer_that_becomes_a_reader_lets_readers_in_and_no_writer() {
    loom::model(|| {
        let lock = Arc::new(RwLock::new(Watched::new()));
        let writer = lock.try_write().unwrap();
        let other = Arc::clone(&lock);
        let reader = thread::spawn(move || block_on(other.read()).get());
        let other = Arc::clone(&lock);
        let second = thread::spawn(move || block_on(other.write()).add());
        writer.add();
        let downgraded = RwLockWriteGuard::downgrade(writer);
        assert_eq!(downgraded.get(), 1);
        drop(downgraded);
        assert!(reader.join().unwrap() >= 1);
        second.join().unwrap();
    });
}
