//! Loom models: the sender overwriting while receivers claim, clone, go to sleep and go away.
//!
//! A lost wake shows as a deadlock of the model, a lost or doubled item as a wrong count, and a
//! race on an item as loom's own complaint: items are loom cells that a clone reads.

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Receiver, RecvError, TryRecvError, channel};

/// An item whose reads and writes loom watches, and which counts its own kind.
struct Watched {
    number: UnsafeCell<u32>,
    alive: Arc<()>,
}

impl Watched {
    fn new(number: u32, alive: &Arc<()>) -> Self {
        Self { number: UnsafeCell::new(number), alive: Arc::clone(alive) }
    }

    fn number(&self) -> u32 {
        // SAFETY: only the drop of the item writes.
        self.number.with(|number| unsafe { *number })
    }
}

impl Clone for Watched {
    fn clone(&self) -> Self {
        thread::yield_now();
        Self::new(self.number(), &self.alive)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // SAFETY: borrowed exclusively.
        self.number.with_mut(|number| unsafe { *number = u32::MAX });
    }
}

// SAFETY: the cell is read when shared, and written by its owner only; what the models are to show.
unsafe impl Sync for Watched {}

/// Receives until the channel is closed; what was received, and how many were missed.
fn drain(mut receiver: Receiver<Watched>) -> (Vec<u32>, u64) {
    let (mut numbers, mut missed) = (Vec::new(), 0);
    loop {
        match block_on(receiver.recv()) {
            Ok(item) => numbers.push(item.number()),
            Err(RecvError::Lagged(count)) => missed += count,
            Err(RecvError::Closed) => return (numbers, missed),
        }
    }
}

fn assert_all_accounted_for((numbers, missed): (Vec<u32>, u64), sent: u64) {
    assert_eq!(numbers.len() as u64 + missed, sent, "{numbers:?} and {missed} missed");
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(numbers.last().is_none_or(|last| u64::from(*last) == sent - 1));
}

fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn broadcast_a_receiver_going_to_sleep_is_woken_and_misses_nothing() {
    loom::model(|| {
        let alive = Arc::new(());
        let (sender, receiver) = channel(2);
        let of_sender = Arc::clone(&alive);
        let thread = thread::spawn(move || {
            for number in 0..2 {
                assert!(sender.send(Watched::new(number, &of_sender)).is_ok());
            }
        });
        let (numbers, missed) = drain(receiver);
        assert_eq!((numbers, missed), (vec![0, 1], 0));
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "all items were dropped");
    });
}

#[test]
fn broadcast_a_receiver_that_is_overtaken_is_told_how_far() {
    loom::model(|| {
        let alive = Arc::new(());
        let (sender, receiver) = channel(1);
        let of_sender = Arc::clone(&alive);
        let thread = thread::spawn(move || {
            for number in 0..3 {
                assert!(sender.send(Watched::new(number, &of_sender)).is_ok());
            }
        });
        assert_all_accounted_for(drain(receiver), 3);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "all items were dropped");
    });
}

#[test]
fn broadcast_two_receivers_clone_while_the_sender_overwrites() {
    model_of_three(|| {
        let alive = Arc::new(());
        let (sender, receiver) = channel(1);
        let other = sender.subscribe();
        assert!(sender.send(Watched::new(0, &alive)).is_ok());
        let thread = thread::spawn(move || drain(other));
        let threads = [thread, thread::spawn(move || drain(receiver))];
        assert!(sender.send(Watched::new(1, &alive)).is_ok());
        drop(sender);
        for thread in threads {
            assert_all_accounted_for(thread.join().unwrap(), 2);
        }
        assert_eq!(Arc::strong_count(&alive), 1, "all items were dropped");
    });
}

#[test]
fn broadcast_a_receiver_that_goes_gives_up_its_share() {
    model_of_three(|| {
        let alive = Arc::new(());
        let (sender, mut receiver) = channel(1);
        let going = sender.subscribe();
        assert!(sender.send(Watched::new(0, &alive)).is_ok());
        let of_sender = Arc::clone(&alive);
        let goes = thread::spawn(move || drop(going));
        let sends = thread::spawn(move || {
            let _ = sender.send(Watched::new(1, &of_sender));
            sender
        });
        let first = receiver.try_recv();
        assert!(!matches!(first, Err(TryRecvError::Empty | TryRecvError::Closed)));
        drop((first, receiver));
        goes.join().unwrap();
        let sender = sends.join().unwrap();
        assert_eq!(Arc::strong_count(&alive), 1, "nobody can receive what is left");
        drop(sender);
    });
}

#[test]
fn broadcast_a_close_wakes_a_receiver_going_to_sleep() {
    loom::model(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        let thread = thread::spawn(move || drop(sender));
        assert_eq!(block_on(receiver.recv()), Err(RecvError::Closed));
        thread.join().unwrap();
    });
}

#[test]
fn broadcast_a_sender_going_to_sleep_is_told_that_nobody_listens() {
    loom::model(|| {
        let (sender, receiver) = channel::<u8>(1);
        let thread = thread::spawn(move || drop(receiver));
        block_on(sender.closed());
        assert!(sender.send(1).is_err());
        thread.join().unwrap();
    });
}
