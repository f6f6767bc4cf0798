//! Loom models: a change, a close or the last receiver's end beside somebody going to sleep.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use super::{RecvError, channel};

#[test]
fn watch_a_receiver_going_to_sleep_is_woken_by_a_change() {
    loom::model(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            sender.send_replace(1);
            sender
        });
        assert_eq!(block_on(receiver.changed()), Ok(()));
        assert_eq!(*receiver.borrow_and_update(), 1);
        thread.join().unwrap();
    });
}

#[test]
fn watch_two_changes_are_seen_and_then_the_close() {
    loom::model(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            sender.send_replace(1);
            sender.send_modify(|value| *value = 2);
        });
        let mut last = 0;
        while block_on(receiver.changed()).is_ok() {
            let value = *receiver.borrow_and_update();
            assert!(value > last || value == 2, "{value} after {last}");
            last = value;
        }
        assert_eq!(last, 2, "the last value is seen before the close");
        thread.join().unwrap();
    });
}

#[test]
fn watch_two_receivers_are_both_woken() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let (sender, mut receiver) = channel(0);
        let mut other = receiver.clone();
        let thread = thread::spawn(move || block_on(other.wait_for(|value| *value == 1)).is_ok());
        sender.send_replace(1);
        assert_eq!(block_on(receiver.changed()), Ok(()));
        assert!(thread.join().unwrap());
    });
}

#[test]
fn watch_a_receiver_going_to_sleep_is_woken_by_the_close() {
    loom::model(|| {
        let (sender, mut receiver) = channel(0);
        let other = sender.clone();
        let thread = thread::spawn(move || drop(sender));
        drop(other);
        assert_eq!(block_on(receiver.changed()), Err(RecvError));
        thread.join().unwrap();
    });
}

#[test]
fn watch_a_wait_that_is_dropped_takes_nothing_from_the_next() {
    loom::model(|| {
        let (sender, mut receiver) = channel(0);
        let thread = thread::spawn(move || {
            sender.send_replace(1);
            sender
        });
        let seen = {
            let wait = pin!(receiver.changed());
            wait.poll(&mut Context::from_waker(Waker::noop()))
        };
        match seen {
            Poll::Ready(changed) => assert_eq!(changed, Ok(())),
            Poll::Pending => assert_eq!(block_on(receiver.changed()), Ok(())),
        }
        assert_eq!(*receiver.borrow(), 1);
        thread.join().unwrap();
    });
}

#[test]
fn watch_a_sender_going_to_sleep_is_told_that_nobody_watches() {
    loom::model(|| {
        let (sender, receiver) = channel(0);
        let other = receiver.clone();
        let thread = thread::spawn(move || drop(receiver));
        drop(other);
        block_on(sender.closed());
        assert!(sender.send(1).is_err());
        thread.join().unwrap();
    });
}
