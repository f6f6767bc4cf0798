//! Loom models of notifications. A lost one shows as a deadlock of the model.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::Notify;

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_task_going_to_sleep_is_notified_and_sees_what_came_before() {
    loom::model(|| {
        let shared = Arc::new((Notify::new(), UnsafeCell::new(0)));
        let notifying = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            // SAFETY: the one who reads waits for the notification first.
            notifying.1.with_mut(|value| unsafe { *value = 7 });
            notifying.0.notify_one();
        });
        block_on(shared.0.notified());
        // SAFETY: written before the notification, and by nobody else.
        assert_eq!(shared.1.with(|value| unsafe { *value }), 7);
        thread.join().unwrap();
    });
}

#[test]
fn whoever_was_there_before_all_are_notified_goes_on() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let waiting = notify.notified();
        let notifying = Arc::clone(&notify);
        let thread = thread::spawn(move || notifying.notify_waiters());
        block_on(waiting);
        thread.join().unwrap();
        assert!(!notify.try_notified());
    });
}

#[test]
fn a_notification_of_a_future_that_is_dropped_meanwhile_is_stored() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let notifying = Arc::clone(&notify);
        let thread = thread::spawn(move || notifying.notify_one());
        let got = {
            let mut wait = pin!(notify.notified());
            poll_once(wait.as_mut()).is_ready()
        };
        thread.join().unwrap();
        assert_eq!(notify.try_notified(), !got);
    });
}

#[test]
fn a_notification_of_a_future_that_is_dropped_goes_to_the_next() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut first = Box::pin(notify.notified());
        assert!(poll_once(first.as_mut()).is_pending());
        let next = Arc::clone(&notify);
        let thread = thread::spawn(move || block_on(next.notified()));
        notify.notify_one();
        drop(first);
        thread.join().unwrap();
        assert!(!notify.try_notified());
    });
}

#[test]
fn one_and_all_at_the_same_time_lose_nothing() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut enabled = pin!(notify.notified());
        assert!(!enabled.as_mut().enable());
        let notifying = Arc::clone(&notify);
        let thread = thread::spawn(move || notifying.notify_waiters());
        notify.notify_one();
        thread.join().unwrap();
        assert!(poll_once(enabled.as_mut()).is_ready());
        // `enabled` had one of the two; the one for somebody is left if it was served by the other.
        let mut next = pin!(notify.notified());
        let left = poll_once(next.as_mut()).is_ready();
        assert!(!left || !notify.try_notified());
    });
}

#[test]
fn two_tasks_and_two_notifications_all_go_on() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let notify = Arc::new(Notify::new());
        let threads = [(); 2].map(|()| {
            let notify = Arc::clone(&notify);
            thread::spawn(move || {
                block_on(notify.notified());
                notify.notify_one();
            })
        });
        notify.notify_one();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(notify.try_notified());
    });
}
