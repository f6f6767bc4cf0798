//! Loom models of the condition variable. A lost notification shows as a deadlock of the model.

use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Condvar, Mutex};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn whoever_waits_for_a_value_sees_it_change() {
    for notifies_unlocked in [false, true] {
        loom::model(move || {
            let shared = Arc::new((Mutex::new(0), Condvar::new()));
            let changing = Arc::clone(&shared);
            let thread = thread::spawn(move || {
                let mut value = block_on(changing.0.lock());
                *value = 1;
                if notifies_unlocked {
                    drop(value);
                }
                changing.1.notify_one();
            });
            let value = block_on(shared.0.lock());
            let value = block_on(shared.1.wait_while(value, |value| *value == 0));
            assert_eq!(*value, 1);
            drop(value);
            thread.join().unwrap();
        });
    }
}

#[test]
fn all_who_wait_are_notified() {
    model_of_three(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let threads = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let value = block_on(shared.0.lock());
                drop(block_on(shared.1.wait_while(value, |value| *value == 0)));
            })
        });
        *block_on(shared.0.lock()) = 1;
        shared.1.notify_all();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_notification_of_a_wait_that_is_dropped_goes_to_the_next() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let mut first = Box::pin(shared.1.wait(shared.0.try_lock().unwrap()));
        assert!(poll_once(first.as_mut()).is_pending());
        let mut next = Box::pin(shared.1.wait(shared.0.try_lock().unwrap()));
        assert!(poll_once(next.as_mut()).is_pending());
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            *block_on(other.0.lock()) = 1;
            other.1.notify_one();
        });
        // It is notified before, after, or has the lock to wait for.
        let done = poll_once(first.as_mut()).is_ready();
        drop(first);
        if !done {
            assert_eq!(*block_on(next), 1);
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_wait_that_is_dropped_while_it_locks_again_passes_its_notification_on() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let mut first = Box::pin(shared.1.wait(shared.0.try_lock().unwrap()));
        assert!(poll_once(first.as_mut()).is_pending());
        let waiting = Arc::clone(&shared);
        let guard = shared.0.try_lock().unwrap();
        let mut next = Box::pin(shared.1.wait(guard));
        assert!(poll_once(next.as_mut()).is_pending());
        let guard = shared.0.try_lock().unwrap();
        shared.1.notify_one();
        assert!(poll_once(first.as_mut()).is_pending(), "it waits for the lock");
        let thread = thread::spawn(move || {
            let value = block_on(waiting.0.lock());
            drop(value);
        });
        drop(first);
        drop(guard);
        drop(block_on(next));
        thread.join().unwrap();
    });
}
