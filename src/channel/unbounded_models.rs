//! Loom models of the unbounded channel. Its ring has one place here, so that what is modelled is
//! how items get into the spill and out of it.

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Channel, RecvError, SendError, TryRecvError};

#[test]
fn items_come_out_in_order_while_they_spill_over() {
    loom::model(|| {
        let (sender, receiver) = Channel::unbounded().split();
        let thread = thread::spawn(move || (1..=3).for_each(|n| sender.try_send(n).unwrap()));
        for number in 1..=3 {
            assert_eq!(block_on(receiver.recv()), Ok(number));
        }
        assert_eq!(block_on(receiver.recv()), Err(RecvError));
        thread.join().unwrap();
    });
}

#[test]
fn what_spilled_over_is_found_by_who_does_not_wait() {
    loom::model(|| {
        let (sender, receiver) = Channel::unbounded().split();
        (1..=2).for_each(|number| sender.try_send(number).unwrap());
        let thread = thread::spawn(move || sender.try_send(3).unwrap());
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Ok(2));
        let third = receiver.try_recv();
        thread.join().unwrap();
        match third {
            Ok(number) => assert_eq!(number, 3),
            Err(TryRecvError::Empty | TryRecvError::Closed) => {
                assert_eq!(receiver.try_recv(), Ok(3));
            }
        }
    });
}

/// Three threads have too many interleavings for more than two preemptions.
fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn the_order_of_each_sender_is_kept() {
    loom::model(|| {
        let channel = Channel::unbounded();
        let other = channel.clone();
        let thread = thread::spawn(move || (0..2).for_each(|n| other.try_send(n).unwrap()));
        (10..12).for_each(|number| channel.try_send(number).unwrap());
        let mut next = [0, 10];
        for _ in 0..4 {
            let number: usize = block_on(channel.recv()).unwrap();
            let expected = &mut next[number / 10];
            assert_eq!(number, *expected);
            *expected += 1;
        }
        thread.join().unwrap();
    });
}

#[test]
fn receivers_share_what_spilled_over() {
    model_of_three(|| {
        let channel = Arc::new(Channel::unbounded());
        (1..=2).for_each(|number| channel.try_send(number).unwrap());
        let threads = [(); 2].map(|()| {
            let channel = Arc::clone(&channel);
            thread::spawn(move || block_on(channel.recv()).unwrap())
        });
        channel.try_send(4).unwrap();
        let sum: i32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum + channel.try_recv().unwrap(), 7);
        assert!(channel.is_empty());
    });
}

#[test]
fn a_close_beside_a_send_loses_no_accepted_item() {
    loom::model(|| {
        let channel = Channel::unbounded();
        channel.try_send(1).unwrap();
        let closing = channel.clone();
        let thread = thread::spawn(move || closing.close());
        let sent = block_on(channel.send(2));
        thread.join().unwrap();
        assert_eq!(channel.try_recv(), Ok(1));
        match sent {
            Ok(()) => assert_eq!(channel.try_recv(), Ok(2)),
            Err(SendError(item)) => assert_eq!(item, 2),
        }
        assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
    });
}
