//! Loom models: every interleaving of the two halves.
//!
//! A lost wake shows as a deadlock of the model, a lost value as a wrong result or a leak, and a
//! race on a place as loom's own complaint.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{RecvError, TryRecvError, channel};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn oneshot_a_receiver_going_to_sleep_is_woken_by_the_value() {
    loom::model(|| {
        let (sender, receiver) = channel();
        let thread = thread::spawn(move || sender.send(Arc::new(7)).unwrap());
        assert_eq!(block_on(receiver).map(|value| *value), Ok(7));
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_a_receiver_going_to_sleep_is_told_that_the_sender_is_gone() {
    loom::model(|| {
        let (sender, receiver) = channel::<u8>();
        let thread = thread::spawn(move || drop(sender));
        assert_eq!(block_on(receiver), Err(RecvError));
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_a_receiver_that_changes_its_waker_is_woken() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || sender.send(7).unwrap());
        match poll_once(pin!(&mut receiver)) {
            Poll::Ready(value) => assert_eq!(value, Ok(7)),
            Poll::Pending => assert_eq!(block_on(receiver), Ok(7)),
        }
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_a_value_beside_a_receiver_that_is_dropped_comes_back_or_is_dropped() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let value = Arc::new(());
        let ours = Arc::clone(&value);
        let thread = thread::spawn(move || drop(sender.send(value)));
        let _ = poll_once(pin!(&mut receiver));
        drop(receiver);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&ours), 1);
    });
}

#[test]
fn oneshot_a_value_beside_a_close_comes_back_or_is_received() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let thread = thread::spawn(move || sender.send(7));
        receiver.close();
        let received = receiver.try_recv();
        match thread.join().unwrap() {
            Ok(()) => assert_eq!(received, Ok(7)),
            Err(7) => assert_eq!(received, Err(TryRecvError::Closed)),
            Err(other) => panic!("not what was sent: {other}"),
        }
    });
}

#[test]
fn oneshot_a_sender_going_to_sleep_is_told_that_the_receiver_is_gone() {
    loom::model(|| {
        let (mut sender, receiver) = channel::<u8>();
        let thread = thread::spawn(move || drop(receiver));
        block_on(sender.closed());
        assert_eq!(sender.send(1), Err(1));
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_both_sides_wait_and_both_end_it() {
    loom::model(|| {
        let (mut sender, mut receiver) = channel();
        let value = Arc::new(());
        let ours = Arc::clone(&value);
        let thread = thread::spawn(move || {
            let closed = sender.poll_closed(&mut Context::from_waker(Waker::noop()));
            let sent = sender.send(value);
            assert!(closed.is_pending() || sent.is_err(), "closed stays closed");
        });
        let received = poll_once(pin!(&mut receiver));
        drop((received, receiver));
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&ours), 1);
    });
}
