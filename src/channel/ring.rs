//! The places for items: a ring of slots that senders and receivers use without the lock.
//!
//! Two words count the claims: `tail` those of senders, `head` those of receivers. A claim is one
//! compare-and-exchange that moves a word on by one place; the slot is then the claimer's alone
//! until it writes the slot's stamp, which tells the next claimer that the slot is theirs.
//!
//! A position is a lap and an index in one number, counted in steps of two, so that bit 0 is free:
//!
//! | word            | bits 1..          | bit 0                                                 |
//! |-----------------|-------------------|-------------------------------------------------------|
//! | `tail`          | next to fill      | `GUARDED`: senders have to take the lock              |
//! | `head`          | next to empty     | `GUARDED`: receivers have to take the lock            |
//! | stamp of a slot | whose turn it is  | `FILLED`: the item of that position is inside         |
//!
//! The stamp of a slot goes from `position` (free for that position) to `position | FILLED` and on
//! to `position + one lap`, for ever.
//!
//! Why `GUARDED` is a bit of the same word, and not a flag beside it: a claim that was made before
//! the bit was set is seen by whoever sets it, since it is in the value the setting returns; and
//! any later claim fails, since the word is not what it expected. One word, no fence, no race in
//! which a sender misses a receiver that is going to sleep while the receiver misses the item.

use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::{UnsafeCell, spin_loop, yield_now};

const GUARDED: usize = 1;
const FILLED: usize = 1;
const STEP: usize = 2;

pub(super) struct Ring<T> {
    tail: Padded<AtomicUsize>,
    head: Padded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    one_lap: usize,
}

struct Slot<T> {
    stamp: AtomicUsize,
    item: UnsafeCell<MaybeUninit<T>>,
}

/// Keeps what the two ends write from sharing a cache line (or the pair that is fetched together).
#[repr(align(128))]
struct Padded<T>(T);

// SAFETY: a slot's item is touched only by the thread that claimed the slot, and the stamp orders
// one claimer before the next; so items go from thread to thread, which `T: Send` allows, and are
// never shared.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; a shared ring lets threads move items in and out, never look at them in place.
unsafe impl<T: Send> Sync for Ring<T> {}

// No user code runs while a slot is claimed, so a panic never leaves the ring half changed.
impl<T> RefUnwindSafe for Ring<T> {}
impl<T> UnwindSafe for Ring<T> {}

/// Who is asking.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Does not hold the lock, and is refused while the ring is guarded.
    Anybody,
    /// Holds the lock of the channel.
    LockHolder,
}

/// Why an item was not taken.
pub(super) enum PushRefused<T> {
    Full(T),
    /// The ring is guarded, or somebody was stopped amid an operation: take the lock.
    TakeLock(T),
}

/// Why there is no item to be had.
pub(super) enum PopRefused {
    Empty,
    /// The ring is guarded, or somebody was stopped amid an operation: take the lock.
    TakeLock,
}

impl<T> Ring<T> {
    /// A ring without places is always full and empty; it starts guarded.
    pub(super) fn new(capacity: usize) -> Self {
        let new_slot = |index: usize| Slot {
            stamp: AtomicUsize::new(index * STEP),
            item: UnsafeCell::new(MaybeUninit::uninit()),
        };
        let slots: Box<[Slot<T>]> = (0..capacity).map(new_slot).collect();
        let word = if capacity == 0 { GUARDED } else { 0 };
        Self {
            tail: Padded(AtomicUsize::new(word)),
            head: Padded(AtomicUsize::new(word)),
            // A lap is longer than the ring, so that a full ring differs from an empty one.
            one_lap: (capacity + 1).next_power_of_two() * STEP,
            slots,
        }
    }

    #[inline]
    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Puts an item into the next free place.
    #[inline]
    pub(super) fn push(&self, item: T, caller: Caller) -> Result<(), PushRefused<T>> {
        let mut patience = Patience::new();
        // Ordering: Relaxed; the claim below fails if this is out of date.
        let mut tail = self.tail.0.load(Ordering::Relaxed);
        loop {
            if caller == Caller::Anybody && tail & GUARDED != 0 {
                return Err(PushRefused::TakeLock(item));
            }
            let position = tail & !GUARDED;
            let Some(slot) = self.slots.get(self.index(position)) else {
                return Err(PushRefused::Full(item));
            };
            // Ordering: Acquire, with the Release of the receiver that emptied the slot.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == position {
                let next = self.next(position) | (tail & GUARDED);
                match claim(&self.tail.0, tail, next) {
                    Ok(()) => {
                        // SAFETY: the stamp says that the slot is free for `position`, and the
                        // claim that `position` is ours; nobody else touches the slot before
                        // the stamp changes.
                        slot.item.with_mut(|place| unsafe { (*place).write(item) });
                        // Ordering: Release, with the Acquire of the receiver.
                        slot.stamp.store(position | FILLED, Ordering::Release);
                        return Ok(());
                    }
                    Err(current) => {
                        tail = current;
                        continue;
                    }
                }
            }
            // Ordering: Acquire, with the Release of a receiver's claim, so that a claim that
            // came before this call is not missed.
            let head = self.head.0.load(Ordering::Acquire) & !GUARDED;
            if head == position.wrapping_sub(self.one_lap) {
                return Err(PushRefused::Full(item));
            }
            // A receiver has claimed the slot and is about to let go of it, or we are late.
            if patience.is_over(caller) {
                return Err(PushRefused::TakeLock(item));
            }
            tail = self.tail.0.load(Ordering::Relaxed);
        }
    }

    /// Takes the oldest item.
    #[inline]
    pub(super) fn pop(&self, caller: Caller) -> Result<T, PopRefused> {
        let mut patience = Patience::new();
        // Ordering: Relaxed; the claim below fails if this is out of date.
        let mut head = self.head.0.load(Ordering::Relaxed);
        loop {
            if caller == Caller::Anybody && head & GUARDED != 0 {
                return Err(PopRefused::TakeLock);
            }
            let position = head & !GUARDED;
            let Some(slot) = self.slots.get(self.index(position)) else {
                return Err(PopRefused::Empty);
            };
            // Ordering: Acquire, with the Release of the sender that filled the slot.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == position | FILLED {
                let next = self.next(position) | (head & GUARDED);
                match claim(&self.head.0, head, next) {
                    Ok(()) => {
                        // SAFETY: the stamp says that the item of `position` is inside, and the
                        // claim that `position` is ours; it is read once, since the stamp changes.
                        let item = slot.item.with(|place| unsafe { (*place).assume_init_read() });
                        let free = position.wrapping_add(self.one_lap);
                        // Ordering: Release, with the Acquire of the next sender.
                        slot.stamp.store(free, Ordering::Release);
                        return Ok(item);
                    }
                    Err(current) => {
                        head = current;
                        continue;
                    }
                }
            }
            // Ordering: Acquire, with the Release of a sender's claim, so that a claim that came
            // before this call is not missed.
            let tail = self.tail.0.load(Ordering::Acquire);
            if tail & !GUARDED == position {
                // With the sending end guarded, only the lock can tell whether it is closed.
                return Err(match caller {
                    Caller::Anybody if tail & GUARDED != 0 => PopRefused::TakeLock,
                    _ => PopRefused::Empty,
                });
            }
            // A sender has claimed the slot and is about to fill it, or we are late.
            if patience.is_over(caller) {
                return Err(PopRefused::TakeLock);
            }
            head = self.head.0.load(Ordering::Relaxed);
        }
    }

    /// Makes senders take the lock, or lets them go without. For the holder of the lock.
    pub(super) fn guard_senders(&self, on: bool) {
        set_guard(&self.tail.0, on);
    }

    /// Makes receivers take the lock, or lets them go without. For the holder of the lock.
    pub(super) fn guard_receivers(&self, on: bool) {
        set_guard(&self.head.0, on);
    }

    /// Whether anybody has to take the lock now.
    #[inline]
    pub(super) fn is_guarded(&self) -> bool {
        // Ordering: Acquire, as in `are_senders_guarded`.
        self.are_senders_guarded() || self.head.0.load(Ordering::Acquire) & GUARDED != 0
    }

    #[inline]
    pub(super) fn are_senders_guarded(&self) -> bool {
        // Ordering: Acquire, here and above, with the Release in `set_guard`: who sees the
        // end unguarded sees it at least as it was when the guard was taken away.
        self.tail.0.load(Ordering::Acquire) & GUARDED != 0
    }

    /// How many places are claimed by senders and not yet by receivers.
    pub(super) fn len(&self) -> usize {
        loop {
            // Ordering: Acquire, with the Release of the claims: who sees one claim sees those
            // that came before it at the other end.
            let tail = self.tail.0.load(Ordering::Acquire);
            let head = self.head.0.load(Ordering::Acquire);
            if self.tail.0.load(Ordering::Relaxed) == tail {
                return self.distance(head & !GUARDED, tail & !GUARDED);
            }
            spin_loop();
        }
    }

    fn distance(&self, head: usize, tail: usize) -> usize {
        let (first, end) = (self.index(head), self.index(tail));
        if first < end {
            end - first
        } else if first > end {
            self.capacity() - first + end
        } else if head == tail {
            0
        } else {
            self.capacity()
        }
    }

    #[inline]
    fn index(&self, position: usize) -> usize {
        (position & (self.one_lap - 1)) / STEP
    }

    #[inline]
    fn next(&self, position: usize) -> usize {
        if self.index(position) + 1 < self.capacity() {
            position + STEP
        } else {
            (position & !(self.one_lap - 1)).wrapping_add(self.one_lap)
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // Dropped as one vector, which goes on with the others if the drop of one item panics.
        drop(std::iter::from_fn(|| self.pop(Caller::LockHolder).ok()).collect::<Vec<T>>());
    }
}

/// Moves a word on if it is still what it was.
#[inline]
fn claim(word: &AtomicUsize, current: usize, next: usize) -> Result<(), usize> {
    // Ordering: Release, with the Acquire loads of the other end's word in `push`, `pop` and
    // `len`. What is in the slot is ordered by its stamp.
    word.compare_exchange_weak(current, next, Ordering::Release, Ordering::Relaxed).map(drop)
}

fn set_guard(word: &AtomicUsize, on: bool) {
    // Ordering: AcqRel, with all claims of that end: those before are seen by the holder of the
    // lock, those after find the word changed.
    if on {
        word.fetch_or(GUARDED, Ordering::AcqRel);
    } else {
        word.fetch_and(!GUARDED, Ordering::AcqRel);
    }
}

/// How to wait for somebody who is between a claim and its stamp: a few instructions, unless the
/// thread was stopped there. Then one waits on, the holder of the lock, and all others for it.
struct Patience(u32);

impl Patience {
    /// In a model nobody spins but the holder of the lock: loom lets two spinning threads take
    /// turns for ever, and the third, for whom both wait, never gets one.
    const SPINS: u32 = if cfg!(ringpool_loom) { 0 } else { 64 };

    #[inline]
    fn new() -> Self {
        Self(0)
    }

    #[cold]
    fn is_over(&mut self, caller: Caller) -> bool {
        if self.0 != Self::SPINS {
            self.0 += 1;
            spin_loop();
            return false;
        }
        if caller == Caller::LockHolder {
            yield_now();
        }
        caller == Caller::Anybody
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    /// An empty ring that stands at the start of its last lap before the numbers begin anew.
    fn before_the_overflow(capacity: usize) -> Ring<usize> {
        let mut ring = Ring::new(capacity);
        let start = 0_usize.wrapping_sub(ring.one_lap);
        ring.tail.0 = AtomicUsize::new(start);
        ring.head.0 = AtomicUsize::new(start);
        for (index, slot) in ring.slots.iter_mut().enumerate() {
            slot.stamp = AtomicUsize::new(start + index * STEP);
        }
        ring
    }

    #[test]
    fn the_positions_may_overflow() {
        for capacity in 1..6 {
            let ring = before_the_overflow(capacity);
            for lap in 0..3 {
                for number in 0..capacity {
                    assert_eq!(ring.len(), number);
                    assert!(ring.push(lap * 10 + number, Caller::Anybody).is_ok());
                }
                let refused = ring.push(0, Caller::Anybody);
                assert!(matches!(refused, Err(PushRefused::Full(0))));
                assert_eq!(ring.len(), capacity);
                for number in 0..capacity {
                    assert_eq!(ring.pop(Caller::Anybody).ok(), Some(lap * 10 + number));
                }
                assert!(matches!(ring.pop(Caller::Anybody), Err(PopRefused::Empty)));
            }
        }
    }

    #[test]
    fn a_guarded_end_is_for_the_holder_of_the_lock_alone() {
        let ring = Ring::new(2);
        ring.guard_senders(true);
        assert!(matches!(ring.push(1, Caller::Anybody), Err(PushRefused::TakeLock(1))));
        assert!(matches!(ring.pop(Caller::Anybody), Err(PopRefused::TakeLock)));
        assert!(ring.push(1, Caller::LockHolder).is_ok());
        assert!(ring.are_senders_guarded(), "a claim carries the guard on");
        assert_eq!(ring.pop(Caller::Anybody).ok(), Some(1));
        ring.guard_senders(false);
        ring.guard_receivers(true);
        assert!(ring.push(2, Caller::Anybody).is_ok());
        assert!(matches!(ring.pop(Caller::Anybody), Err(PopRefused::TakeLock)));
        assert_eq!(ring.pop(Caller::LockHolder).ok(), Some(2));
        assert!(ring.is_guarded());
    }
}
