//! What the lock of a channel guards, and the decisions taken under it.
//!
//! Every method is a pure step: it moves items and wakers between the queue, the two lines and its
//! caller, and runs no user code. What is to be woken or dropped is returned, for after the lock.
//!
//! Between two steps these hold:
//! * if senders wait, the queue is full (a freed place is given to the first of them at once);
//! * if receivers wait, there is no item to have (an item is given to the first of them at once).

use std::collections::VecDeque;
use std::task::Waker;

use super::waiters::{Key, Line, Removed};

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
    queue: VecDeque<T>,
    capacity: usize,
    closed: bool,
    /// Items given back by receivers that gave up, oldest first; all are older than the queue.
    returned: VecDeque<HandedOff<T>>,
    hand_offs: u64,
    pub(super) senders: Line<T, Sent<T>>,
    pub(super) receivers: Line<(), Received<T>>,
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
            queue: VecDeque::with_capacity(capacity),
            capacity,
            closed: false,
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
        item: T,
        waker: &mut Option<Waker>,
    ) -> (Offered<T>, Option<Waker>) {
        if self.closed {
            return (Offered::Closed(item), None);
        }
        if !self.receivers.is_empty() {
            return (Offered::Sent, self.hand_off(item));
        }
        if self.queue.len() < self.capacity {
            self.queue.push_back(item);
            return (Offered::Sent, None);
        }
        match waker.take() {
            Some(waker) => (Offered::Waiting(self.senders.push_back(item, waker)), None),
            None => (Offered::Full(item), None),
        }
    }

    /// Receives an item, or lines up if there is none and a `waker` to wake.
    pub(super) fn receive(&mut self, waker: &mut Option<Waker>) -> (Taken<T>, Option<Waker>) {
        if let Some(returned) = self.returned.pop_front() {
            return (Taken::Item(returned.item), None);
        }
        if let Some(item) = self.queue.pop_front() {
            return (Taken::Item(item), self.fill_freed_place());
        }
        if let (Some(item), woken) = self.take_from_sender() {
            return (Taken::Item(item), woken);
        }
        if self.closed {
            return (Taken::Closed, None);
        }
        match waker.take() {
            Some(waker) => (Taken::Waiting(self.receivers.push_back((), waker)), None),
            None => (Taken::Empty, None),
        }
    }

    /// Takes a receiver out of the line. What it was handed and did not take goes to the next in
    /// line, or to where it came from, the front.
    pub(super) fn abandon_receiver(
        &mut self,
        key: Key,
    ) -> (Removed<(), Received<T>>, Option<Waker>) {
        match self.receivers.remove(key) {
            Removed::Served(Some(handed)) => (Removed::Served(None), self.give_back(handed)),
            removed => (removed, None),
        }
    }

    fn give_back(&mut self, handed: HandedOff<T>) -> Option<Waker> {
        if !self.receivers.is_empty() {
            return self.receivers.serve_first(|()| Some(handed));
        }
        let place = self
            .returned
            .partition_point(|other| other.number < handed.number);
        self.returned.insert(place, handed);
        None
    }

    /// Closes; returns the wakers of everybody who waited.
    pub(super) fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        let mut woken = Vec::new();
        woken.extend(std::iter::from_fn(|| self.senders.serve_first(Err)));
        woken.extend(std::iter::from_fn(|| self.receivers.serve_first(|()| None)));
        woken
    }

    /// Takes out what nobody can receive any more, to be dropped after the lock.
    pub(super) fn take_all(&mut self) -> (VecDeque<T>, VecDeque<HandedOff<T>>) {
        (
            std::mem::take(&mut self.queue),
            std::mem::take(&mut self.returned),
        )
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.returned.len()
    }

    fn hand_off(&mut self, item: T) -> Option<Waker> {
        let number = self.hand_offs;
        self.hand_offs += 1;
        self.receivers
            .serve_first(|()| Some(HandedOff { number, item }))
    }

    fn fill_freed_place(&mut self) -> Option<Waker> {
        let (item, woken) = self.take_from_sender();
        self.queue.extend(item);
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
}
