//! What the lock of a channel guards, and the decisions taken under it.
//!
//! Every method is a pure step: it moves items and wakers between the queue, the two lines and its
//! caller, and runs no user code. What is to be woken or dropped is returned, for after the lock.
//!
//! Between two steps these hold:
//! * if anybody waits, both ends of the ring are guarded, so that all others come here too;
//! * if senders or reservers wait, there is no free place (one is given to the first at once);
//! * if receivers wait, there is no item to have (an item is given to the first of them at once);
//! * if the channel is closed, or places are reserved, or items are in the spill, the sending end
//!   is guarded; if items were given back, the receiving end is.
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
use super::spill::Spill;
use crate::line::{Key, Line, Removed};
use crate::wakes::Wakes;

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

/// What a waiting sender brought.
pub(super) struct Offer<T> {
    turn: Turn,
    pub(super) item: T,
}

/// Who waits for a place, with an item or for a permit, is served in the order of the turns.
pub(super) type Turn = u64;

pub(super) struct State<T> {
    pub(super) closed: bool,
    /// Whether nobody is left to receive.
    pub(super) deserted: bool,
    /// Whether the two ends of the ring are guarded.
    guard: Guard,
    /// Items given back by receivers that gave up, oldest first; all are older than the ring's.
    returned: VecDeque<HandedOff<T>>,
    hand_offs: u64,
    /// What an unbounded channel holds beyond its ring, all younger than what is in there.
    spill: Option<Spill<T>>,
    /// How many places are held by permits.
    pub(super) reserved: usize,
    next_turn: Turn,
    pub(super) senders: Line<Offer<T>, Sent<T>>,
    /// Who waits for a permit, and whether it got one or found the channel closed.
    pub(super) reservers: Line<Turn, bool>,
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
    /// The state of a channel with a ring of so many `places`.
    pub(super) fn new(places: usize, is_bounded: bool) -> Self {
        Self {
            closed: false,
            deserted: false,
            guard: Guard { senders: places == 0, receivers: places == 0 },
            returned: VecDeque::new(),
            hand_offs: 0,
            spill: (!is_bounded).then(Spill::new),
            reserved: 0,
            next_turn: 0,
            senders: Line::new(),
            reservers: Line::new(),
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
        if self.has_receiver_for_item(ring) {
            return (Offered::Sent, self.hand_off(item));
        }
        if !self.is_bounded() {
            self.push_or_spill(ring, item);
            return (Offered::Sent, None);
        }
        if waker.is_some() {
            self.guard_both(ring);
        }
        let item = match self.push_behind_others(ring, item) {
            Ok(()) => return (Offered::Sent, None),
            Err(item) => item,
        };
        match waker.take() {
            Some(waker) => {
                let turn = self.take_turn();
                (Offered::Waiting(self.senders.push_back(Offer { turn, item }, waker)), None)
            }
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
    ) -> (Taken<T>, Wakes) {
        let mut woken = Wakes::new();
        if let Some(returned) = self.returned.pop_front() {
            self.settle_guard(ring);
            return (Taken::Item(returned.item), woken);
        }
        if waker.is_some() {
            self.guard_both(ring);
        }
        if let Some(item) = self.pop_or_refill(ring) {
            self.give_free_place(ring, &mut woken);
            self.settle_guard(ring);
            return (Taken::Item(item), woken);
        }
        // Senders wait at an empty ring if it has no places, or all of them are reserved. Without
        // places a reserver that came first is to have this receiver, if it waits.
        let is_reservers = ring.capacity() == 0 && waker.is_some() && self.is_reservers_turn();
        if !is_reservers && let Some(item) = self.take_from_sender(&mut woken) {
            return (Taken::Item(item), woken);
        }
        if self.is_ended() {
            self.settle_guard(ring);
            return (Taken::Closed, woken);
        }
        let Some(waker) = waker.take() else {
            self.settle_guard(ring);
            return (Taken::Empty, woken);
        };
        let key = self.receivers.push_back((), waker);
        self.give_free_place(ring, &mut woken);
        (Taken::Waiting(key), woken)
    }

    /// Takes a sender out of the line.
    pub(super) fn abandon_sender(
        &mut self,
        ring: &Ring<T>,
        key: Key,
    ) -> Removed<Offer<T>, Sent<T>> {
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

    /// Closes; returns the wakers of everybody who waited. Receivers wait on for what permits may
    /// bring.
    pub(super) fn close(&mut self, ring: &Ring<T>) -> Wakes {
        self.closed = true;
        let mut woken = Wakes::new();
        while let Some(waker) = self.senders.serve_first(|offer| Err(offer.item)) {
            woken.add(Some(waker));
        }
        while let Some(waker) = self.reservers.serve_first(|_| false) {
            woken.add(Some(waker));
        }
        self.end_receivers(&mut woken);
        self.settle_guard(ring);
        woken
    }

    /// Tells waiting receivers that nothing comes any more, if that is so.
    pub(super) fn end_receivers(&mut self, woken: &mut Wakes) {
        if self.is_ended() {
            while let Some(waker) = self.receivers.serve_first(|()| None) {
                woken.add(Some(waker));
            }
        }
    }

    /// Takes out what nobody can receive any more, to be dropped after the lock.
    pub(super) fn take_all(&mut self, ring: &Ring<T>) -> (Vec<T>, VecDeque<HandedOff<T>>) {
        self.deserted = true;
        let items = std::iter::from_fn(|| self.pop_or_refill(ring)).collect();
        (items, std::mem::take(&mut self.returned))
    }

    /// Whether nothing can be sent any more, not even by a permit.
    fn is_ended(&self) -> bool {
        self.closed && self.reserved == 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many items there are to be had.
    pub(super) fn len(&self, ring: &Ring<T>) -> usize {
        ring.len() + self.returned.len() + self.spill.as_ref().map_or(0, Spill::len)
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.spill.is_none()
    }

    /// Gives an item to the next in line, or puts it where it came from.
    pub(super) fn give_back(&mut self, handed: HandedOff<T>) -> Option<Waker> {
        if !self.receivers.is_empty() {
            return self.receivers.serve_first(|()| Some(handed));
        }
        let place = self.returned.partition_point(|other| other.number < handed.number);
        self.returned.insert(place, handed);
        None
    }

    /// Gives an item to the first waiting receiver.
    pub(super) fn hand_off(&mut self, item: T) -> Option<Waker> {
        let handed = self.number(item);
        self.receivers.serve_first(|()| Some(handed))
    }

    /// Numbers an item that goes to a receiver without a place.
    pub(super) fn number(&mut self, item: T) -> HandedOff<T> {
        self.hand_offs += 1;
        HandedOff { number: self.hand_offs, item }
    }

    pub(super) fn take_turn(&mut self) -> Turn {
        self.next_turn += 1;
        self.next_turn
    }

    /// Whether the next free place is for who waits for a permit, and not for who has an item.
    pub(super) fn is_reservers_turn(&self) -> bool {
        let offer = self.senders.first().map(|offer| offer.turn);
        self.reservers.first().is_some_and(|turn| offer.is_none_or(|other| *turn < other))
    }

    /// Puts an item into the ring, unless others wait for that or the places are reserved.
    fn push_behind_others(&mut self, ring: &Ring<T>, item: T) -> Result<(), T> {
        let is_first = self.senders.is_empty() && self.reservers.is_empty();
        // With reserved places the sending end is guarded, so the room cannot get less.
        if !is_first || (self.reserved > 0 && !self.has_room(ring)) {
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

    /// Puts an item into a place that is free for certain.
    pub(super) fn push_into_free_place(&mut self, ring: &Ring<T>, item: T) {
        let pushed = ring.push(item, Caller::LockHolder);
        assert!(pushed.is_ok(), "while the ring is guarded nobody else takes a free place");
    }

    /// Puts an item into an unbounded channel.
    pub(super) fn push_or_spill(&mut self, ring: &Ring<T>, item: T) {
        // The guard first: nobody may get into the ring past what is in the spill.
        self.guard_senders(ring);
        let spill = self.spill.as_mut().expect("only an unbounded channel spills");
        if spill.len() > 0 {
            spill.push_back(item);
        } else if let Err(PushRefused::Full(item) | PushRefused::TakeLock(item)) =
            ring.push(item, Caller::LockHolder)
        {
            spill.push_back(item);
        }
        self.settle_guard(ring);
    }

    /// Takes the oldest item. If the ring is empty, as much of the spill goes into it as fits, for
    /// receivers who then need no lock.
    fn pop_or_refill(&mut self, ring: &Ring<T>) -> Option<T> {
        if let Ok(item) = ring.pop(Caller::LockHolder) {
            return Some(item);
        }
        let oldest = self.spill.as_mut()?.pop_front()?;
        for _ in 0..ring.capacity() {
            let Some(item) = self.spill.as_mut().and_then(Spill::pop_front) else { break };
            self.push_into_free_place(ring, item);
        }
        Some(oldest)
    }

    /// Takes the item of the first waiting sender.
    pub(super) fn take_from_sender(&mut self, woken: &mut Wakes) -> Option<T> {
        let mut brought = None;
        woken.add(self.senders.serve_first(|offer| {
            brought = Some(offer.item);
            Ok(())
        }));
        brought
    }

    pub(super) fn guard_both(&mut self, ring: &Ring<T>) {
        self.set_guard(ring, Guard { senders: true, receivers: true });
    }

    pub(super) fn guard_senders(&mut self, ring: &Ring<T>) {
        self.set_guard(ring, Guard { senders: true, ..self.guard });
    }

    /// Guards what has to be guarded, and nothing else.
    pub(super) fn settle_guard(&mut self, ring: &Ring<T>) {
        let to_send = !self.senders.is_empty() || !self.reservers.is_empty();
        let always = to_send || !self.receivers.is_empty() || ring.capacity() == 0;
        let is_special = match &self.spill {
            Some(spill) => spill.len() > 0,
            None => self.reserved > 0,
        };
        let senders = always || self.closed || is_special;
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
