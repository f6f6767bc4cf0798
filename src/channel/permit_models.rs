//! Loom models of permits and weak handles: a place that is lost shows as a send that is refused,
//! a lost wake as a deadlock.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use super::{Channel, RecvError, SendError, TryRecvError, TrySendError};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_permit_dropped_beside_a_close_ends_a_waiting_receiver() {
    loom::model(|| {
        let (sender, receiver) = Channel::<u8>::bounded(1).split();
        let closing = sender.clone();
        let permit = sender.try_reserve_owned().unwrap();
        let thread = thread::spawn(move || drop(permit));
        closing.close();
        assert_eq!(block_on(receiver.recv()), Err(RecvError));
        thread.join().unwrap();
    });
}

#[test]
fn an_item_of_a_permit_beside_a_close_arrives() {
    for capacity in [1, 2] {
        loom::model(move || {
            let (sender, receiver) = Channel::bounded(capacity).split();
            let closing = sender.clone();
            let permit = sender.try_reserve_owned().unwrap();
            let thread = thread::spawn(move || drop(permit.send(7)));
            closing.close();
            assert_eq!(block_on(receiver.recv()), Ok(7));
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            thread.join().unwrap();
        });
    }
}

#[test]
fn an_item_of_a_permit_beside_the_last_receiver_is_dropped() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        let item = std::sync::Arc::new(());
        let copy = std::sync::Arc::clone(&item);
        let permit = sender.try_reserve_owned().unwrap();
        let thread = thread::spawn(move || permit.send(copy));
        drop(receiver);
        let sender = thread.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&item), 1);
        assert!(sender.is_closed());
    });
}

#[test]
fn a_place_handed_to_a_reserve_that_is_dropped_meanwhile_is_free() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        let permit = sender.clone().try_reserve_owned().unwrap();
        let thread = thread::spawn(move || drop(permit));
        {
            let mut reserve = pin!(sender.reserve());
            let _ = poll_once(reserve.as_mut());
        }
        thread.join().unwrap();
        assert_eq!(sender.try_send(7), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(7));
    });
}

#[test]
fn a_place_goes_past_a_reserve_that_is_dropped_to_the_next_in_line() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        sender.try_send(1).unwrap();
        let next = sender.clone();
        let thread = thread::spawn(move || block_on(next.send(2)));
        {
            let mut reserve = pin!(sender.reserve());
            assert!(poll_once(reserve.as_mut()).is_pending());
            assert_eq!(receiver.try_recv(), Ok(1));
        }
        assert_eq!(thread.join().unwrap(), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

#[test]
fn a_reserve_going_to_sleep_is_woken_by_a_receive() {
    for capacity in [1, 2] {
        loom::model(move || {
            let (sender, receiver) = Channel::bounded(capacity).split();
            for number in 0..capacity {
                sender.try_send(number).unwrap();
            }
            let thread = thread::spawn(move || {
                assert_eq!(receiver.try_recv(), Ok(0));
                receiver
            });
            block_on(sender.reserve()).unwrap().send(capacity);
            let receiver = thread.join().unwrap();
            for number in 1..=capacity {
                assert_eq!(receiver.try_recv(), Ok(number));
            }
        });
    }
}

#[test]
fn a_reserve_without_places_meets_its_receiver() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(0).split();
        let thread = thread::spawn(move || block_on(sender.reserve()).unwrap().send(7));
        assert_eq!(block_on(receiver.recv()), Ok(7));
        thread.join().unwrap();
    });
}

#[test]
fn an_item_of_a_permit_is_kept_if_its_receiver_gives_up_meanwhile() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(0).split();
        let mut receive = Box::pin(receiver.recv());
        assert!(poll_once(receive.as_mut()).is_pending());
        let permit = sender.clone().try_reserve_owned().unwrap();
        let thread = thread::spawn(move || drop(permit.send(7)));
        drop(receive);
        thread.join().unwrap();
        assert_eq!(receiver.try_recv(), Ok(7));
        assert_eq!(sender.try_send(8), Err(TrySendError::Full(8)));
    });
}

#[test]
fn a_place_is_reserved_or_used_and_never_both() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        let other = sender.clone();
        let thread = thread::spawn(move || other.try_send(1).is_ok());
        let is_reserved = match sender.try_reserve() {
            Ok(permit) => {
                permit.send(2);
                true
            }
            Err(_) => false,
        };
        let is_sent = thread.join().unwrap();
        assert_ne!(is_reserved, is_sent);
        assert_eq!(receiver.try_recv(), Ok(if is_sent { 1 } else { 2 }));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_sender_upgraded_beside_the_last_drop_is_of_an_open_channel() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        let weak = sender.downgrade();
        let thread = thread::spawn(move || drop(sender));
        let is_sent = match weak.upgrade() {
            Some(sender) => {
                assert_eq!(block_on(sender.send(7)), Ok::<_, SendError<i32>>(()));
                true
            }
            None => false,
        };
        thread.join().unwrap();
        let received = block_on(receiver.recv());
        assert_eq!(received, if is_sent { Ok(7) } else { Err(RecvError) });
        assert!(receiver.is_closed());
    });
}
