use crate::support::{ByHand, Drops, Random, seed};
use futures::executor::block_on;
use ringpool::channel::oneshot::{self, RecvError, RecvTimeoutError, TryRecvError};
use ringpool::{Pool, spawn_on, switch_to};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

#[test]
fn a_value_that_was_sent_before_is_received_at_once() {
    let (sender, receiver) = oneshot::channel();
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(ByHand::new(receiver).finish(), Ok(7));
}

#[test]
fn a_receiver_that_waits_is_woken_once_by_the_value() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = ByHand::waiting(receiver);
    assert!(receiver.poll().is_pending());
    assert_eq!(sender.send("news"), Ok(()));
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.finish(), Ok("news"));
}

#[test]
fn a_sender_that_is_dropped_ends_the_wait() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let receiver = ByHand::waiting(receiver);
    drop(sender);
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.finish(), Err(RecvError));
}

#[test]
fn a_value_nobody_wants_comes_back() {
    let drops = Drops::new(2);
    let (sender, receiver) = oneshot::channel();
    drop(receiver);
    let back = sender.send(drops.item(0)).unwrap_err();
    assert_eq!((back.number, drops.of(0)), (0, 0));
    drop(back);
    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    drop(sender.send(drops.item(1)).unwrap_err());
    assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
    drops.assert_once_each(2);
}

#[test]
fn a_value_that_is_never_received_is_dropped_with_the_receiver() {
    let drops = Drops::new(1);
    let (sender, receiver) = oneshot::channel();
    sender.send(drops.item(0)).unwrap();
    assert_eq!(drops.of(0), 0);
    drop(receiver);
    drops.assert_once_each(1);
}

#[test]
fn a_value_sent_before_a_close_can_still_be_received() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(7).unwrap();
    receiver.close();
    receiver.close();
    assert!(!receiver.is_empty());
    assert_eq!(block_on(&mut receiver), Ok(7));
    assert!(receiver.is_empty() && receiver.is_terminated());
}

#[test]
fn a_receiver_that_closed_itself_ends_without_a_value() {
    let (sender, mut receiver) = oneshot::channel::<u8>();
    receiver.close();
    assert!(sender.is_closed());
    assert_eq!(block_on(&mut receiver), Err(RecvError));
    assert!(receiver.is_terminated());
    drop(receiver);
    assert_eq!(sender.send(1), Err(1));
}

#[test]
fn try_recv_tells_not_yet_from_never() {
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    let (sender, mut receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert!(receiver.is_terminated());
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    let (sender, mut receiver) = oneshot::channel();
    let given_up = ByHand::waiting(&mut receiver);
    drop(given_up);
    sender.send(7).unwrap();
    assert_eq!(block_on(&mut receiver), Ok(7));
}

#[test]
fn a_receiver_polled_after_its_end_says_so() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(7).unwrap();
    assert_eq!(block_on(&mut receiver), Ok(7));
    let again = catch_unwind(AssertUnwindSafe(|| ByHand::new(&mut receiver).poll().is_ready()));
    let text = *again.unwrap_err().downcast::<&str>().unwrap();
    assert!(text.contains("after it has completed"), "{text}");
}

#[test]
fn a_sender_learns_that_nobody_wants_the_value() {
    for by_close in [true, false] {
        let (mut sender, mut receiver) = oneshot::channel::<u8>();
        assert!(!sender.is_closed());
        let closed = ByHand::waiting(sender.closed());
        if by_close {
            receiver.close();
        } else {
            drop(receiver);
        }
        assert_eq!(closed.wakes(), 1);
        closed.finish();
        assert!(sender.is_closed());
        block_on(sender.closed());
    }
}

#[test]
fn a_wait_for_the_close_that_is_dropped_or_leaked_disturbs_nobody() {
    let (mut sender, receiver) = oneshot::channel();
    drop(ByHand::waiting(sender.closed()));
    ByHand::waiting(sender.closed()).leak();
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(block_on(receiver), Ok(7));
    let (mut sender, receiver) = oneshot::channel::<u8>();
    drop(ByHand::waiting(sender.closed()));
    drop(receiver);
    assert!(sender.is_closed());
}

#[test]
fn the_last_waker_is_the_one_woken() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = ByHand::waiting(receiver);
    let elsewhere = Arc::new(crate::support::WakeCount::default());
    assert!(receiver.poll_with(&Waker::from(Arc::clone(&elsewhere))).is_pending());
    sender.send(7).unwrap();
    assert_eq!((receiver.wakes(), elsewhere.get()), (0, 1));
    assert_eq!(receiver.finish(), Ok(7));
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_does_not_harm_the_other_half() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = ByHand::new(receiver);
    assert!(receiver.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    assert_eq!(sender.send(7), Ok(()));
    assert_eq!(receiver.finish(), Ok(7));
    let (mut sender, receiver) = oneshot::channel::<u8>();
    let waker = Waker::from(Arc::new(Panicking));
    assert!(sender.poll_closed(&mut Context::from_waker(&waker)).is_pending());
    drop(receiver);
    assert_eq!(sender.send(7), Err(7));
}

struct PanicsWhenDropped(#[expect(dead_code, reason = "a value with a size")] u64);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_value_whose_drop_panics_leaves_the_sender_whole() {
    let (sender, receiver) = oneshot::channel();
    assert!(sender.send(PanicsWhenDropped(1)).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
}

#[test]
fn values_of_every_size_and_alignment_arrive() {
    #[derive(Debug, PartialEq, Clone, Copy)]
    #[repr(align(256))]
    struct Strict(u8);
    let (sender, receiver) = oneshot::channel();
    sender.send(Strict(7)).unwrap();
    assert_eq!(block_on(receiver), Ok(Strict(7)));
    let (sender, receiver) = oneshot::channel();
    sender.send(()).unwrap();
    assert_eq!(block_on(receiver), Ok(()));
    let (sender, receiver) = oneshot::channel();
    sender.send([7_u8; 5_000]).unwrap();
    assert_eq!(block_on(receiver), Ok([7; 5_000]));
}

#[test]
fn threads_wait_for_a_value_and_for_a_limited_time() {
    let (sender, mut receiver) = oneshot::channel();
    let short = Duration::from_millis(1);
    assert_eq!(receiver.recv_timeout(short), Err(RecvTimeoutError::Timeout));
    let thread = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
    sender.send(7).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(7));
    let (sender, receiver) = oneshot::channel::<u8>();
    let thread = thread::spawn(move || receiver.recv_blocking());
    drop(sender);
    assert_eq!(thread.join().unwrap(), Err(RecvError));
    let (sender, mut receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert_eq!(receiver.recv_timeout(short), Err(RecvTimeoutError::Closed));
}

#[test]
fn a_thread_of_a_ring_is_not_blocked() {
    let _limit = crate::common::limit();
    let text = Pool::new(1).block_on(async {
        let (_sender, receiver) = oneshot::channel::<u8>();
        crate::common::panic_of(|| receiver.recv_blocking())
    });
    assert!(text.contains("must not block"), "{text}");
}

#[test]
fn answers_cross_the_rings_while_their_tasks_move() {
    let _limit = crate::common::limit();
    let pool = Pool::new(2);
    let rounds = crate::common::rounds(2_000);
    pool.block_on(async {
        let (here, there) = (pool.runtime(0), pool.runtime(1));
        for round in 0..rounds {
            let (sender, mut receiver) = oneshot::channel();
            let answerer = spawn_on(&there, async move { sender.send(round).unwrap() });
            if round % 2 == 0 {
                let polled = futures::poll!(&mut receiver);
                switch_to(if round % 4 == 0 { &there } else { &here }).await.unwrap();
                if let std::task::Poll::Ready(received) = polled {
                    assert_eq!(received, Ok(round));
                    answerer.await.unwrap();
                    continue;
                }
            }
            assert_eq!(receiver.await, Ok(round));
            answerer.await.unwrap();
        }
    });
}

#[test]
fn halves_that_end_at_any_moment_account_for_every_value() {
    let _limit = crate::common::limit();
    let seed = seed();
    let count = crate::common::rounds(5_000);
    let drops = Drops::new(count);
    let (halves, to_send) = std::sync::mpsc::channel::<(usize, oneshot::Sender<_>)>();
    let received = thread::scope(|scope| {
        let drops = &drops;
        scope.spawn(move || {
            let mut random = Random::new(seed);
            for (number, mut sender) in to_send {
                if random.below(4) == 0 {
                    let _ = sender.poll_closed(&mut Context::from_waker(Waker::noop()));
                }
                let item = drops.item(number);
                if random.below(8) != 0 {
                    drop(sender.send(item));
                }
            }
        });
        let mut random = Random::new(seed + 1);
        let mut received = 0;
        for number in 0..count {
            let (sender, mut receiver) = oneshot::channel();
            halves.send((number, sender)).unwrap();
            match random.below(5) {
                0 => drop(receiver),
                1 => {
                    receiver.close();
                    received += usize::from(receiver.try_recv().is_ok());
                }
                2 => drop(ByHand::new(&mut receiver).poll()),
                3 => drop(receiver.recv_timeout(Duration::from_micros(5))),
                _ => received += usize::from(block_on(receiver).is_ok()),
            }
        }
        drop(halves);
        received
    });
    assert!(received > 0);
    drops.assert_once_each(count);
}
