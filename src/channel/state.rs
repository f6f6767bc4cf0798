//! What the lock of a channel guards, and the decisions taken under it.
//!
//! Every method is a pure step: it moves items and wakers between the queue, the two lines and its
//! caller, and runs no user code. What is to be woken or dropped is returned, for after the lock.
//!
//! Between two steps these hold:
//! * if anybody waits, both ends of the ring are guarded, so that all others come here too;
//! * if senders wait, the ring is full (a freed place is given to the first of them at once);
//! * if receivers wait, there is no item to have (an item is given to the first of them at once);
//! * if the channel is closed, the sending end is guarded; if items were given back, the receiving
//!   end is.
//!
//! Nobody is lined up before the guard is on and the ring has been looked at once more. A guard
//! that is not needed any more may stay: who finds it takes the lock, and takes it away. It is left
//! on after a waiter was served, since that one is likely to wait again (a ping-pong).
//!
//! Waiting senders are woken one by one, each as soon as its item is inside. To hold wakes back
//! until half of the ring is free would save some, but two tasks that wait for each other could
//! then wait for ever: the receiver for an answer of the sender, and the sender for its wake.

use std::collections::VecDeque;
use std::task::Waker;

use super::ring::{Caller, PushRefused, Ring};
use super::wakes::Wakes;
use crate::line::{Key, Line, Removed};

/// An item on its way to a receiver that waited, numbered in the order of the hand-offs so that
/// it finds its old place if that receiver gives up.
pub(super) struct HandedOff<T> {
    number: u64,
    pub(super) item: T,
}

/// How a receiver that waited was served; `None` if the channel closed.
pub(super) type Received<T> = Option<HandedOff<T>>;
/// How a sender that waited was served; the item comes back if the channel closed.
pub(super) type Sent<T> = Result<(), T>;

pub(super) struct State<T> {
    closed: bool,
    /// Whether the two ends of the ring are guarded.
    guard: Guard,
    /// Items given back by receivers that gave up, oldest first; all are older than the ring's.
    returned: VecDeque<HandedOff<T>>,
    hand_offs: u64,
    pub(super) senders: Line<T, Sent<T>>,
    pub(super) receivers: Line<(), Received<T>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Guard {
    senders: bool,
    receivers: bool,
}

/// What became of an item somebody wants to send.
pub(super) enum Offered<T> {
    Sent,
    Closed(T),
    Full(T),
    /// It waits in line with its item.
    Waiting(Key),
}

/// What became of the wish to receive.
pub(super) enum Taken<T> {
    Item(T),
    Closed,
    Empty,
    /// It waits in line.
    Waiting(Key),
}

impl<T> State<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            closed: false,
            guard: Guard { senders: capacity == 0, receivers: capacity == 0 },
            returned: VecDeque::new(),
            hand_offs: 0,
            senders: Line::new(),
            receivers: Line::new(),
        }
    }

    /// Sends `item`, or lines it up if there is no room and a `waker` to wake. A waker that was
    /// not needed stays with the caller; the one returned is to be woken.
    pub(super) fn send(
        &mut self,
        ring: &Ring<T>,
        item: T,
        waker: &mut Option<Waker>,
    ) -> (Offered<T>, Option<Waker>) {
        if self.closed {
            return (Offered::Closed(item), None);
        }
        if !self.receivers.is_empty() {
            return (Offered::Sent, self.hand_off(item));
        }
        if waker.is_some() {
            self.guard_both(ring);
        }
        let item = match self.push_behind_others(ring, item) {
            Ok(()) => return (Offered::Sent, None),
            Err(item) => item,
        };
        match waker.take() {
            Some(waker) => (Offered::Waiting(self.senders.push_back(item, waker)), None),
            None => {
                self.settle_guard(ring);
                (Offered::Full(item), None)
            }
        }
    }

    /// Receives an item, or lines up if there is none and a `waker` to wake.
    pub(super) fn receive(
        &mut self,
        ring: &Ring<T>,
        waker: &mut Option<Waker>,
    ) -> (Taken<T>, Option<Waker>) {
        if let Some(returned) = self.returned.pop_front() {
            self.settle_guard(ring);
            return (Taken::Item(returned.item), None);
        }
        if waker.is_some() {
            self.guard_both(ring);
        }
        if let Ok(item) = ring.pop(Caller::LockHolder) {
            return (Taken::Item(item), self.fill_freed_place(ring));
        }
        // Senders that wait at an empty ring are those of a channel without places.
        if let (Some(item), woken) = self.take_from_sender() {
            return (Taken::Item(item), woken);
        }
        if self.closed {
            self.settle_guard(ring);
            return (Taken::Closed, None);
        }
        match waker.take() {
            Some(waker) => (Taken::Waiting(self.receivers.push_back((), waker)), None),
            None => {
                self.settle_guard(ring);
                (Taken::Empty, None)
            }
        }
    }

    /// Takes a sender out of the line.
    pub(super) fn abandon_sender(&mut self, ring: &Ring<T>, key: Key) -> Removed<T, Sent<T>> {
        let removed = self.senders.remove(key);
        self.settle_guard(ring);
        removed
    }

    /// Takes a receiver out of the line. An item it was handed is the caller's now.
    pub(super) fn finish_receiver(&mut self, ring: &Ring<T>, key: Key) -> Removed<(), Received<T>> {
        let removed = self.receivers.remove(key);
        self.settle_guard(ring);
        removed
    }

    /// Takes a receiver out of the line. What it was handed and did not take goes to the next in
    /// line, or to where it came from, the front.
    pub(super) fn abandon_receiver(
        &mut self,
        ring: &Ring<T>,
        key: Key,
    ) -> (Removed<(), Received<T>>, Option<Waker>) {
        let (removed, woken) = match self.receivers.remove(key) {
            Removed::Served(Some(handed)) => (Removed::Served(None), self.give_back(handed)),
            removed => (removed, None),
        };
        self.settle_guard(ring);
        (removed, woken)
    }

    /// Closes; returns the wakers of everybody who waited.
    pub(super) fn close(&mut self, ring: &Ring<T>) -> Wakes {
        self.closed = true;
        let mut woken = Wakes::default();
        std::iter::from_fn(|| self.senders.serve_first(Err)).for_each(|w| woken.add(Some(w)));
        std::iter::from_fn(|| self.receivers.serve_first(|()| None))
            .for_each(|waker| woken.add(Some(waker)));
        self.settle_guard(ring);
        woken
    }

    /// Takes out what nobody can receive any more, to be dropped after the lock.
    pub(super) fn take_all(&mut self, ring: &Ring<T>) -> (Vec<T>, VecDeque<HandedOff<T>>) {
        let items = std::iter::from_fn(|| ring.pop(Caller::LockHolder).ok()).collect();
        (items, std::mem::take(&mut self.returned))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many items were given back.
    pub(super) fn returned(&self) -> usize {
        self.returned.len()
    }

    fn give_back(&mut self, handed: HandedOff<T>) -> Option<Waker> {
        if !self.receivers.is_empty() {
            return self.receivers.serve_first(|()| Some(handed));
        }
        let place = self.returned.partition_point(|other| other.number < handed.number);
        self.returned.insert(place, handed);
        None
    }

    fn hand_off(&mut self, item: T) -> Option<Waker> {
        let number = self.hand_offs;
        self.hand_offs += 1;
        self.receivers.serve_first(|()| Some(HandedOff { number, item }))
    }

    /// Puts an item into the ring, unless others wait for that.
    fn push_behind_others(&mut self, ring: &Ring<T>, item: T) -> Result<(), T> {
        if !self.senders.is_empty() {
            return Err(item);
        }
        match ring.push(item, Caller::LockHolder) {
            Ok(()) => {
                self.settle_guard(ring);
                Ok(())
            }
            Err(PushRefused::Full(item) | PushRefused::TakeLock(item)) => Err(item),
        }
    }

    /// Gives the place that just got free to the first waiting sender.
    fn fill_freed_place(&mut self, ring: &Ring<T>) -> Option<Waker> {
        let (Some(item), woken) = self.take_from_sender() else {
            self.settle_guard(ring);
            return None;
        };
        let pushed = ring.push(item, Caller::LockHolder);
        assert!(pushed.is_ok(), "while the ring is guarded nobody else takes the freed place");
        woken
    }

    fn take_from_sender(&mut self) -> (Option<T>, Option<Waker>) {
        let mut brought = None;
        let woken = self.senders.serve_first(|item| {
            brought = Some(item);
            Ok(())
        });
        (brought, woken)
    }

    fn guard_both(&mut self, ring: &Ring<T>) {
        self.set_guard(ring, Guard { senders: true, receivers: true });
    }

    /// Guards what has to be guarded, and nothing else.
    fn settle_guard(&mut self, ring: &Ring<T>) {
        let waiting = !self.senders.is_empty() || !self.receivers.is_empty();
        let always = waiting || ring.capacity() == 0;
        let senders = always || self.closed;
        let receivers = always || !self.returned.is_empty();
        self.set_guard(ring, Guard { senders, receivers });
    }

    fn set_guard(&mut self, ring: &Ring<T>, guard: Guard) {
        if self.guard.senders != guard.senders {
            ring.guard_senders(guard.senders);
        }
        if self.guard.receivers != guard.receivers {
            ring.guard_receivers(guard.receivers);
        }
        self.guard = guard;
    }
}
