//! What the handles of one channel share: the slots, and behind one lock where the next item goes,
//! who receives it, and who waits for it.
//!
//! Who sends takes the lock; who receives takes it only when its slot does not have the item. An
//! item is put in under the lock, and in the same step all who wait are served: so who looks under
//! the lock and finds nothing is in line before the next item comes.
//!
//! A receiver that was woken leaves its served entry in the line until it has to wait again, or
//! goes: then it holds the lock anyway.

use std::task::{Poll, Waker};

use super::error::TryRecvError;
use super::look::LookPolicy;
use super::slot::{MAX_RECEIVERS, Share, Slot};
use crate::line::Polled;
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::sync::waiting::{Begun, Locked, Place, WaitList};
use crate::wakes::discard;

type LockedTail = Locked<Tail, (), ()>;

pub(super) struct Shared<T> {
    slots: Box<[Slot<T>]>,
    tail: WaitList<Tail, (), ()>,
    /// Senders that wait until there is no receiver.
    leaving: WaitList<(), (), ()>,
    senders: AtomicUsize,
}

/// A position counts all items from the beginning, and may overflow; each has its slot.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    position: u64,
    index: usize,
}

struct Tail {
    /// Where the next item goes.
    next: Cursor,
    receivers: u32,
    is_closed: bool,
}

/// What a receiver finds when its slot does not have the item.
enum Found {
    /// It came meanwhile.
    Item,
    Nothing(TryRecvError),
}

impl<T> Shared<T> {
    /// One sender and one receiver exist already.
    pub(super) fn new(capacity: usize, first: u64) -> (Self, Cursor) {
        let before_the_first = first.wrapping_sub(1);
        let next = Cursor { position: first, index: 0 };
        let shared = Self {
            slots: (0..capacity).map(|_| Slot::new(before_the_first)).collect(),
            tail: WaitList::new(Tail { next, receivers: 1, is_closed: false }),
            leaving: WaitList::new(()),
            senders: AtomicUsize::new(1),
        };
        (shared, next)
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(super) fn after(&self, cursor: Cursor) -> Cursor {
        let index = if cursor.index + 1 == self.slots.len() { 0 } else { cursor.index + 1 };
        Cursor { position: cursor.position.wrapping_add(1), index }
    }

    /// Sends to all receivers there are; says how many, or gives the item back if there is none.
    pub(super) fn send(&self, item: T) -> Result<usize, T> {
        let (sent, overwritten) = self.tail.with(|locked, wakes| {
            let tail = &mut locked.state;
            if tail.receivers == 0 {
                return (Err(item), None);
            }
            let (next, receivers) = (tail.next, tail.receivers);
            // SAFETY: we hold the lock.
            let old = unsafe { self.slots[next.index].put(next.position, item, receivers) };
            tail.next = self.after(next);
            locked.serve_all(wakes, |()| ());
            (Ok(receivers as usize), old)
        });
        drop(overwritten);
        sent
    }

    /// Claims the item at the cursor, and moves the cursor on.
    ///
    /// # Safety
    ///
    /// The cursor is the caller's own, of a receiver that is counted.
    #[inline]
    pub(super) unsafe fn claim(&self, cursor: &mut Cursor) -> Option<Share<T>> {
        // SAFETY: a receiver is counted from before its first position on, and its cursor passes
        // each position once.
        let share = unsafe { self.slots[cursor.index].claim(cursor.position) }?;
        *cursor = self.after(*cursor);
        Some(share)
    }

    /// The item at the cursor, without waiting.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim).
    pub(super) unsafe fn try_claim(&self, cursor: &mut Cursor) -> Result<Share<T>, TryRecvError> {
        loop {
            // SAFETY: as for this function.
            if let Some(share) = unsafe { self.claim(cursor) } {
                return Ok(share);
            }
            if let Found::Nothing(error) = self.tail.with(|locked, _| self.find(locked, cursor)) {
                return Err(error);
            }
        }
    }

    /// One poll of the wait for the item at the cursor.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim).
    #[inline]
    pub(super) unsafe fn poll_claim(
        &self,
        cursor: &mut Cursor,
        place: &mut Place,
        policy: &mut LookPolicy,
        waker: &Waker,
    ) -> Poll<Result<Share<T>, TryRecvError>> {
        loop {
            // SAFETY: as for this function.
            if let Some(share) = unsafe { self.claim(cursor) } {
                return Poll::Ready(Ok(share));
            }
            if policy.look(|| self.slots[cursor.index].has(cursor.position)) {
                continue;
            }
            match self.find_or_line_up(cursor, place, waker) {
                Found::Item => {}
                Found::Nothing(TryRecvError::Empty) => return Poll::Pending,
                Found::Nothing(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn find_or_line_up(&self, cursor: &mut Cursor, place: &mut Place, waker: &Waker) -> Found {
        let mut fresh = Some(waker.clone());
        let (found, unused) = self.tail.with(|locked, _| {
            let found = self.find(locked, cursor);
            if matches!(found, Found::Nothing(TryRecvError::Empty)) {
                line_up(locked, place, &mut fresh);
            }
            (found, fresh)
        });
        unused.into_iter().for_each(discard);
        found
    }

    /// Where the cursor stands; one that has fallen behind is moved to the oldest item.
    fn find(&self, locked: &LockedTail, cursor: &mut Cursor) -> Found {
        let tail = &locked.state;
        let behind = tail.next.position.wrapping_sub(cursor.position);
        if behind == 0 {
            let closed = tail.is_closed;
            return Found::Nothing(if closed { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        let Some(missed @ 1..) = behind.checked_sub(self.capacity()) else { return Found::Item };
        // The oldest item lies where the next one goes.
        cursor.position = cursor.position.wrapping_add(missed);
        cursor.index = tail.next.index;
        Found::Nothing(TryRecvError::Lagged(missed))
    }

    /// Ends a wait.
    pub(super) fn leave(&self, place: &mut Place) {
        self.tail.leave(place, |_, _, _| ());
    }

    pub(super) fn add_receiver(&self) -> Cursor {
        let added = self.tail.with(|locked, _| {
            let tail = &mut locked.state;
            let is_room = tail.receivers < MAX_RECEIVERS;
            tail.receivers += u32::from(is_room);
            is_room.then_some(tail.next)
        });
        added.expect("a broadcast channel has at most 1,073,741,823 receivers")
    }

    /// A receiver goes, and gives up what it has not received.
    ///
    /// # Safety
    ///
    /// As for [`claim`](Self::claim); the cursor is not used any more.
    pub(super) unsafe fn remove_receiver(&self, mut cursor: Cursor) {
        let (until, is_last) = self.tail.with(|locked, _| {
            locked.state.receivers -= 1;
            (locked.state.next.position, locked.state.receivers == 0)
        });
        if is_last {
            self.leaving.with(|locked, wakes| locked.serve_all(wakes, |()| ()));
        }
        let mut left = Vec::new();
        while until.wrapping_sub(cursor.position).wrapping_sub(1) < u64::MAX / 2 {
            // SAFETY: as for this function; items after `until` are not counted for us.
            match unsafe { self.try_claim(&mut cursor) } {
                Ok(share) => left.extend(share.give_up()),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        // Dropped as one, which goes on with the others if the drop of one item panics.
        drop(left);
    }

    /// One poll of the wait for the last receiver to go.
    pub(super) fn poll_deserted(&self, place: &mut Place, waker: &Waker) -> Poll<()> {
        loop {
            if self.receivers() == 0 {
                self.leave_leaving(place);
                return Poll::Ready(());
            }
            std::task::ready!(self.leaving.poll(place, waker, |_, _| match self.receivers() {
                0 => Begun::Done(()),
                _ => Begun::Wait(()),
            }));
        }
    }

    pub(super) fn leave_leaving(&self, place: &mut Place) {
        self.leaving.leave(place, |_, _, _| ());
    }

    pub(super) fn receivers(&self) -> usize {
        self.tail.with(|locked, _| locked.state.receivers as usize)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.with(|locked, _| locked.state.is_closed)
    }

    /// How many items were sent since the one at the cursor, that one included.
    pub(super) fn behind(&self, cursor: Cursor) -> u64 {
        self.tail.with(|locked, _| locked.state.next.position.wrapping_sub(cursor.position))
    }

    /// How many items some receiver has not received; older ones were received by all.
    pub(super) fn awaited(&self) -> usize {
        self.tail.with(|locked, _| {
            let (newer, older) = self.slots.split_at(locked.state.next.index);
            let is_received = |slot: &Slot<T>| !slot.is_awaited();
            let received = match older.partition_point(is_received) {
                all if all == older.len() => all + newer.partition_point(is_received),
                some => some,
            };
            self.slots.len() - received
        })
    }

    pub(super) fn senders(&self) -> usize {
        // Ordering: Acquire, partner of the Release in `remove_sender`.
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed, since the new one is made from one that keeps the count above 0.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel, each decrement with the last one, so that closing is last of all.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.tail.with(|locked, wakes| {
                locked.state.is_closed = true;
                locked.serve_all(wakes, |()| ());
            });
        }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Dropped as one vector, which goes on with the others if the drop of one item panics.
        drop(self.slots.iter_mut().filter_map(Slot::clear).collect::<Vec<_>>());
    }
}

/// Puts the waker into the line, where the receiver may have a place already. What is left in
/// `waker` is to be dropped after the lock.
fn line_up(locked: &mut LockedTail, place: &mut Place, waker: &mut Option<Waker>) {
    let Some(fresh) = waker.take() else { return };
    if let Place::InLine(key) = *place {
        match locked.line.poll(key, &fresh) {
            Polled::Waiting => {
                *waker = Some(fresh);
                return;
            }
            Polled::WakerChanged => {
                *waker = Some(locked.line.set_waker(key, fresh));
                return;
            }
            Polled::Served(()) => {}
        }
    }
    *place = Place::InLine(locked.line.push_back((), fresh));
}
