//! The places of a channel: who may have one, and what permits do with theirs.
//!
//! A reserved place is a number, not a certain slot: the ring holds so many items less while it is
//! reserved, and since the sending end is guarded all that time, every sender sees that. Who waits
//! for a place stands in one of two lines, with an item or without; their turns make them one.
//!
//! A channel of capacity 0 has as many places as receivers wait. A permit there is for a receiver
//! that has come, and what comes later does not get that one. If it has gone when the item comes,
//! the item goes where its own would be that a receiver was handed and did not take: to the next
//! receiver, for whom it is kept.

use std::task::Waker;

use super::ring::Ring;
use super::state::State;
use crate::line::{Key, Removed};
use crate::wakes::Wakes;

/// What became of the wish for a permit.
pub(super) enum Reserved {
    Granted,
    Closed,
    Full,
    /// It waits in line.
    Waiting(Key),
}

impl<T> State<T> {
    /// Reserves a place, or lines up if there is none and a `waker` to wake.
    pub(super) fn reserve(&mut self, ring: &Ring<T>, waker: &mut Option<Waker>) -> Reserved {
        if self.closed {
            return Reserved::Closed;
        }
        if waker.is_some() {
            self.guard_both(ring);
        } else {
            self.guard_senders(ring);
        }
        let is_first = self.senders.is_empty() && self.reservers.is_empty();
        if is_first && self.has_room(ring) {
            self.reserved += 1;
            self.settle_guard(ring);
            return Reserved::Granted;
        }
        let Some(waker) = waker.take() else {
            self.settle_guard(ring);
            return Reserved::Full;
        };
        let turn = self.take_turn();
        Reserved::Waiting(self.reservers.push_back(turn, waker))
    }

    /// Takes a reserver out of the line. A place that it got is the caller's now.
    pub(super) fn finish_reserver(&mut self, ring: &Ring<T>, key: Key) -> Removed<u64, bool> {
        let removed = self.reservers.remove(key);
        self.settle_guard(ring);
        removed
    }

    /// Uses a reserved place. An item that nobody can receive any more comes back.
    pub(super) fn send_reserved(&mut self, ring: &Ring<T>, item: T) -> (Option<T>, Wakes) {
        let mut woken = Wakes::new();
        let mut left = None;
        if self.deserted {
            left = Some(item);
        } else if !self.receivers.is_empty() {
            woken.add(self.hand_off(item));
        } else if !self.is_bounded() {
            self.push_or_spill(ring, item);
        } else if ring.capacity() == 0 {
            let handed = self.number(item);
            woken.add(self.give_back(handed));
        } else {
            self.push_into_free_place(ring, item);
        }
        self.release(ring, &mut woken);
        (left, woken)
    }

    /// Counts a permit less. Its place, if it is still free, is for who is first in line.
    pub(super) fn release(&mut self, ring: &Ring<T>, woken: &mut Wakes) {
        self.reserved -= 1;
        self.give_free_place(ring, woken);
        self.end_receivers(woken);
        self.settle_guard(ring);
    }

    /// Gives the place that may have got free to the first in line for one.
    pub(super) fn give_free_place(&mut self, ring: &Ring<T>, woken: &mut Wakes) {
        let is_nobody = self.senders.is_empty() && self.reservers.is_empty();
        if is_nobody || !self.has_room(ring) {
            return;
        }
        if self.is_reservers_turn() {
            self.reserved += 1;
            woken.add(self.reservers.serve_first(|_| true));
        } else if let Some(item) = self.take_from_sender(woken) {
            if ring.capacity() == 0 {
                woken.add(self.hand_off(item));
            } else {
                self.push_into_free_place(ring, item);
            }
        }
    }

    /// Whether a receiver waits who can be given an item at once, without a place.
    pub(super) fn has_receiver_for_item(&self, ring: &Ring<T>) -> bool {
        let promised = if ring.capacity() == 0 { self.reserved } else { 0 };
        self.receivers.len() > promised
    }

    /// Whether a place is free. Exact as long as both ends are guarded.
    pub(super) fn has_room(&self, ring: &Ring<T>) -> bool {
        match ring.capacity() {
            _ if !self.is_bounded() => true,
            0 => self.receivers.len() > self.reserved,
            capacity => ring.len() + self.reserved < capacity,
        }
    }
}
