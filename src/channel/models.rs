//! Loom models: every interleaving of the small situations in which a wake or an item could be
//! lost.
//!
//! A lost wake shows as a deadlock of the model, a lost item as a wrong result, and a race on a
//! slot as loom's own complaint.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Channel, RecvError, SendError, TryRecvError, TrySendError};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_receiver_going_to_sleep_is_woken_by_a_send() {
    for capacity in [0, 1, 2] {
        loom::model(move || {
            let (sender, receiver) = Channel::bounded(capacity).split();
            let thread = thread::spawn(move || block_on(sender.send(7)));
            assert_eq!(block_on(receiver.recv()), Ok(7));
            assert_eq!(thread.join().unwrap(), Ok(()));
        });
    }
}

#[test]
fn a_receiver_that_waits_gets_all_items_in_order() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(2).split();
        let thread = thread::spawn(move || {
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap();
        });
        assert_eq!(block_on(receiver.recv()), Ok(1));
        assert_eq!(block_on(receiver.recv()), Ok(2));
        assert_eq!(block_on(receiver.recv()), Err(RecvError));
        thread.join().unwrap();
    });
}

#[test]
fn a_sender_going_to_sleep_is_woken_by_a_receive() {
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
            assert_eq!(block_on(sender.send(capacity)), Ok(()));
            let receiver = thread.join().unwrap();
            for number in 1..=capacity {
                assert_eq!(receiver.try_recv(), Ok(number));
            }
        });
    }
}

#[test]
fn an_item_is_not_lost_with_a_receive_that_is_dropped_meanwhile() {
    for capacity in [0, 1] {
        loom::model(move || {
            let (sender, receiver) = Channel::bounded(capacity).split();
            let thread = thread::spawn(move || (sender.try_send(7), sender));
            let mut taken = {
                let mut receive = pin!(receiver.recv());
                match poll_once(receive.as_mut()) {
                    Poll::Ready(item) => item.ok(),
                    Poll::Pending => None,
                }
            };
            let (sent, _sender) = thread.join().unwrap();
            taken = taken.or(receiver.try_recv().ok());
            match sent {
                Ok(()) => assert_eq!(taken, Some(7)),
                Err(TrySendError::Full(7)) => assert_eq!((taken, capacity), (None, 0)),
                Err(error) => panic!("not to be expected: {error}"),
            }
        });
    }
}

#[test]
fn an_item_of_a_receive_that_is_dropped_wakes_the_next_in_line() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        let next = receiver.clone();
        let thread = thread::spawn(move || block_on(next.recv()));
        let mut receive = Box::pin(receiver.recv());
        let first = poll_once(receive.as_mut());
        assert_eq!(first, Poll::Pending);
        sender.try_send(7).unwrap();
        drop(receive);
        assert_eq!(thread.join().unwrap(), Ok(7));
    });
}

#[test]
fn a_send_that_is_dropped_meanwhile_was_sent_or_was_not() {
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        sender.try_send(1).unwrap();
        let thread = thread::spawn(move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        });
        let mut sent = {
            let mut send = pin!(sender.send(2));
            poll_once(send.as_mut()).is_ready()
        };
        let receiver = thread.join().unwrap();
        sent |= !receiver.is_empty();
        sender.try_send(3).unwrap_or_else(|_| assert!(sent));
        assert_eq!(receiver.try_recv(), Ok(if sent { 2 } else { 3 }));
    });
}

#[test]
fn a_close_beside_a_send_loses_no_accepted_item() {
    loom::model(|| {
        let channel = Channel::bounded(1);
        let closing = channel.clone();
        let thread = thread::spawn(move || closing.close());
        let sent = block_on(channel.send(7));
        thread.join().unwrap();
        match sent {
            Ok(()) => assert_eq!(channel.try_recv(), Ok(7)),
            Err(SendError(item)) => assert_eq!(item, 7),
        }
        assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(channel.try_send(8), Err(TrySendError::Closed(8)));
    });
}

#[test]
fn a_close_wakes_a_receiver_and_a_sender_going_to_sleep() {
    loom::model(|| {
        let (sender, receiver) = Channel::<u8>::bounded(1).split();
        let thread = thread::spawn(move || drop(sender));
        assert_eq!(block_on(receiver.recv()), Err(RecvError));
        thread.join().unwrap();
    });
    loom::model(|| {
        let (sender, receiver) = Channel::bounded(1).split();
        sender.try_send(1).unwrap();
        let thread = thread::spawn(move || drop(receiver));
        assert_eq!(block_on(sender.send(2)), Err(SendError(2)));
        thread.join().unwrap();
    });
}

/// Three threads that all may sleep have too many interleavings for more than two preemptions.
fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn two_senders_and_one_receiver_pass_everything() {
    for capacity in [0, 1] {
        model_of_three(move || {
            let channel = Arc::new(Channel::bounded(capacity));
            let threads = [1, 2].map(|number| {
                let channel = Arc::clone(&channel);
                thread::spawn(move || block_on(channel.send(number)).unwrap())
            });
            let sum = block_on(channel.recv()).unwrap() + block_on(channel.recv()).unwrap();
            assert_eq!(sum, 3);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}

#[test]
fn two_receivers_share_what_one_sender_sends() {
    model_of_three(|| {
        let channel = Arc::new(Channel::bounded(2));
        let threads = [(); 2].map(|()| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || block_on(channel.recv()).unwrap())
        });
        channel.try_send(1).unwrap();
        channel.try_send(2).unwrap();
        let sum: i32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, 3);
    });
}

#[test]
fn a_send_that_came_first_is_seen_by_who_comes_later() {
    loom::model(|| {
        let channel = Channel::bounded(2);
        let other = channel.clone();
        let thread = thread::spawn(move || other.try_send(1).unwrap());
        channel.try_send(2).unwrap();
        // Ours is inside, perhaps behind one that is still being put in.
        let first = channel.try_recv().unwrap();
        thread.join().unwrap();
        assert_eq!(first + channel.try_recv().unwrap(), 3);
        assert_eq!(channel.len(), 0);
    });
}
