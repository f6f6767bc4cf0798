//! What the two halves share: one value, two places for a waker, and one word.
//!
//! | name             | set by       | meaning                                                     |
//! |------------------|--------------|-------------------------------------------------------------|
//! | `DECIDED`        | the sender   | it has sent, or never will                                  |
//! | `SENT`           | the sender   | with `DECIDED`: the value is inside, and the receiver's     |
//! | `CLOSED`         | the receiver | it wants no value any more; never beside `DECIDED`          |
//! | `RECEIVER_WAITS` | the receiver | its waker is in its place                                   |
//! | `SENDER_WAITS`   | the sender   | its waker is in its place                                   |
//! | `SENDER_GONE`    | the sender   | it does not touch the cell any more                         |
//! | `RECEIVER_GONE`  | the receiver | it does not touch the cell any more                         |
//!
//! Of `DECIDED` and `CLOSED` only the first comes about, so each side learns in one step whether it
//! was in time. **Whoever clears a `WAITS` bit owns the waker in that place.** The other side
//! clears it only in the step in which it decides or closes, after which nobody fills the place
//! again. The side that goes second frees the cell; so the halves need no counts of references,
//! and a value that is sent before anybody waits costs one locked instruction in all.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::panic::RefUnwindSafe;
use std::ptr::NonNull;
use std::task::Waker;

use crate::primitives::UnsafeCell;
use crate::primitives::atomic::{AtomicU32, Ordering};
use crate::recycle;
use crate::wakes::{discard, wake};

const DECIDED: u32 = 1;
const SENT: u32 = 1 << 1;
const CLOSED: u32 = 1 << 2;
const RECEIVER_WAITS: u32 = 1 << 3;
const SENDER_WAITS: u32 = 1 << 4;
const SENDER_GONE: u32 = 1 << 5;
const RECEIVER_GONE: u32 = 1 << 6;

type WakerPlace = UnsafeCell<MaybeUninit<Waker>>;

pub(super) struct Cell<T> {
    state: AtomicU32,
    value: UnsafeCell<MaybeUninit<T>>,
    receiver_waker: WakerPlace,
    sender_waker: WakerPlace,
}

// No user code runs while anything is half changed.
impl<T> RefUnwindSafe for Cell<T> {}

/// One of the two sides, as the word and the cell name what is its own.
struct Side {
    waits: u32,
    gone: u32,
    other_gone: u32,
    /// What the other side sets when there is nothing more to wait for.
    ended: u32,
}

const SENDER: Side =
    Side { waits: SENDER_WAITS, gone: SENDER_GONE, other_gone: RECEIVER_GONE, ended: CLOSED };
const RECEIVER: Side =
    Side { waits: RECEIVER_WAITS, gone: RECEIVER_GONE, other_gone: SENDER_GONE, ended: DECIDED };

/// What the receiver finds.
pub(super) enum Look {
    NotYet,
    /// The sender has sent, or is gone.
    Decided,
    /// Closed by the receiver itself before anything was sent.
    Closed,
}

/// Half of the cell. Each side has one, for as long as it may touch the cell.
pub(super) struct Half<T>(NonNull<Cell<T>>);

// SAFETY: the value goes from one side to the other, wakers may change threads, and everything else
// is the word.
unsafe impl<T: Send> Send for Half<T> {}
// SAFETY: what takes `&self` and is not `unsafe` looks at the word only.
unsafe impl<T: Send> Sync for Half<T> {}

impl<T> Half<T> {
    pub(super) fn pair() -> (Self, Self) {
        let memory = recycle::take(Layout::new::<Cell<T>>()).cast::<Cell<T>>();
        let cell = Cell {
            state: AtomicU32::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            receiver_waker: UnsafeCell::new(MaybeUninit::uninit()),
            sender_waker: UnsafeCell::new(MaybeUninit::uninit()),
        };
        // SAFETY: memory of this layout, and nobody else's.
        unsafe { memory.write(cell) };
        (Self(memory), Self(memory))
    }

    fn cell(&self) -> &Cell<T> {
        // SAFETY: the cell is freed only when both sides are gone, and a side that is gone has
        // no `Half` any more.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn now(&self) -> u32 {
        // Ordering: Acquire, partner of the Release of each change: who sees DECIDED sees the
        // value.
        self.cell().state.load(Ordering::Acquire)
    }

    fn change(&self, now: u32, next: u32) -> Result<(), u32> {
        let state = &self.cell().state;
        // Ordering: AcqRel, with the changes of the other side, in both directions: values and
        // wakers are written before the bit that tells of them, and read after it.
        state.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// The sender: puts the value in, or gives it back if nobody wants it.
    ///
    /// # Safety
    ///
    /// The caller is the sender, which has not sent.
    #[inline]
    pub(super) unsafe fn send(self, value: T) -> Result<(), T> {
        let now = self.now();
        if now & CLOSED != 0 {
            // SAFETY: the caller is the sender.
            unsafe { self.leave(&SENDER) };
            return Err(value);
        }
        self.cell().value.with_mut(|place| {
            // SAFETY: not DECIDED, so the place is the sender's.
            unsafe { (*place).write(value) };
        });
        // SAFETY: the caller is the sender.
        match unsafe { self.end(&SENDER, DECIDED | SENT, now) } {
            Ok(()) => Ok(()),
            Err(half) => {
                // SAFETY: the receiver has closed, so it never looks at the value we have written.
                let value = unsafe { half.take_value() };
                // SAFETY: the caller is the sender.
                unsafe { half.leave(&SENDER) };
                Err(value)
            }
        }
    }

    /// The sender is dropped.
    ///
    /// # Safety
    ///
    /// The caller is the sender, which has not sent.
    pub(super) unsafe fn drop_sender(self) {
        let now = self.now();
        // SAFETY: the caller is the sender.
        if let Err(half) = unsafe { self.end(&SENDER, DECIDED, now) } {
            // SAFETY: the caller is the sender.
            unsafe { half.leave(&SENDER) };
        }
    }

    /// The receiver is dropped, with what was sent.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, which has not taken the outcome.
    #[inline]
    pub(super) unsafe fn drop_receiver(self) {
        let now = self.now();
        let decided = if now & DECIDED == 0 {
            // SAFETY: the caller is the receiver.
            unsafe { self.end(&RECEIVER, CLOSED, now) }
        } else {
            Err(self)
        };
        if let Err(half) = decided {
            // SAFETY: DECIDED, and the caller is the receiver.
            drop(unsafe { half.take_outcome() });
        }
    }

    /// The receiver: wants no value any more, unless it has been decided already.
    ///
    /// # Safety
    ///
    /// The caller is the receiver.
    pub(super) unsafe fn close(&self) {
        let mut now = self.now();
        while now & (DECIDED | CLOSED) == 0 {
            match self.change(now, (now | CLOSED) & !(SENDER_WAITS | RECEIVER_WAITS)) {
                // SAFETY: we have cleared the bits.
                Ok(()) => return unsafe { self.notify(&RECEIVER, now) },
                Err(other) => now = other,
            }
        }
    }

    #[inline]
    pub(super) fn look(&self) -> Look {
        match self.now() {
            now if now & DECIDED != 0 => Look::Decided,
            now if now & CLOSED != 0 => Look::Closed,
            _ => Look::NotYet,
        }
    }

    /// Whether there is a value for the receiver to take.
    pub(super) fn has_value(&self) -> bool {
        self.now() & SENT != 0
    }

    pub(super) fn is_closed(&self) -> bool {
        self.now() & CLOSED != 0
    }

    /// The receiver takes what there is, and is gone.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, and has seen DECIDED.
    #[inline]
    pub(super) unsafe fn take_outcome(self) -> Option<T> {
        let is_sent = self.now() & SENT != 0;
        // SAFETY: SENT, so the value is the receiver's, who is gone after this.
        let value = is_sent.then(|| unsafe { self.take_value() });
        // SAFETY: the caller is the receiver.
        unsafe { self.leave(&RECEIVER) };
        value
    }

    /// The sender leaves a waker; `true` if the receiver has closed.
    ///
    /// # Safety
    ///
    /// The caller is the sender, exclusively.
    pub(super) unsafe fn wait_for_close(&self, waker: &Waker) -> bool {
        // SAFETY: the caller is the sender, exclusively.
        unsafe { self.wait(&SENDER, &self.cell().sender_waker, waker) }
    }

    /// The receiver leaves a waker; `true` if it is decided.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, exclusively, and has not closed.
    pub(super) unsafe fn wait_for_value(&self, waker: &Waker) -> bool {
        // SAFETY: the caller is the receiver, exclusively.
        unsafe { self.wait(&RECEIVER, &self.cell().receiver_waker, waker) }
    }

    /// The sender takes its waker back.
    ///
    /// # Safety
    ///
    /// The caller is the sender, exclusively.
    pub(super) unsafe fn withdraw_sender(&self) {
        // SAFETY: the caller is the sender, exclusively.
        unsafe { self.withdraw(&SENDER, &self.cell().sender_waker) }.map(discard);
    }

    /// The receiver takes its waker back.
    ///
    /// # Safety
    ///
    /// The caller is the receiver, exclusively.
    pub(super) unsafe fn withdraw_receiver(&self) {
        // SAFETY: the caller is the receiver, exclusively.
        unsafe { self.withdraw(&RECEIVER, &self.cell().receiver_waker) }.map(discard);
    }

    /// Leaves `waker` for the other side, unless it has ended the wait: then `true`.
    ///
    /// # Safety
    ///
    /// The caller is `side`, exclusively, and `place` is its place.
    unsafe fn wait(&self, side: &Side, place: &WakerPlace, waker: &Waker) -> bool {
        let now = self.now();
        if now & side.ended != 0 {
            return true;
        }
        if now & side.waits != 0 {
            // SAFETY: filled by this side; whoever takes the waker out only reads the place.
            let is_same =
                place.with(|place| unsafe { (*place).assume_init_ref() }.will_wake(waker));
            if is_same {
                return false;
            }
        }
        // The user's code comes before any change, and after all of them.
        let fresh = waker.clone();
        // SAFETY: as for this function.
        let old = unsafe { self.withdraw(side, place) };
        if self.now() & side.ended != 0 {
            // The other side may be taking the old waker out at this moment.
            discard(fresh);
            old.map(discard);
            return true;
        }
        place.with_mut(|place| {
            // SAFETY: WAITS is clear and was not cleared by the other side, since nothing has
            // ended; so the place is this side's.
            unsafe { (*place).write(fresh) };
        });
        // SAFETY: the place is filled.
        let is_ended = unsafe { self.offer(side, place) };
        old.map(discard);
        is_ended
    }

    /// Sets WAITS, or takes the waker out of the place again.
    ///
    /// # Safety
    ///
    /// The caller is `side`, exclusively, and has filled `place`.
    unsafe fn offer(&self, side: &Side, place: &WakerPlace) -> bool {
        let mut now = self.now();
        loop {
            if now & side.ended != 0 {
                // SAFETY: filled, and not offered.
                discard(unsafe { read(place) });
                return true;
            }
            match self.change(now, now | side.waits) {
                Ok(()) => return false,
                Err(other) => now = other,
            }
        }
    }

    /// Takes the own waker back, if the other side has not taken it.
    ///
    /// # Safety
    ///
    /// The caller is `side`, exclusively, and `place` is its place.
    unsafe fn withdraw(&self, side: &Side, place: &WakerPlace) -> Option<Waker> {
        let mut now = self.now();
        while now & side.waits != 0 {
            match self.change(now, now & !side.waits) {
                // SAFETY: we have cleared the bit, so the waker is ours.
                Ok(()) => return Some(unsafe { read(place) }),
                Err(other) => now = other,
            }
        }
        None
    }

    /// Sets `outcome` (DECIDED or CLOSED) for good, wakes the other side, and is gone. The error
    /// is this half if the other side has ended it before.
    ///
    /// # Safety
    ///
    /// The caller is `side`.
    #[inline]
    unsafe fn end(self, side: &Side, outcome: u32, mut now: u32) -> Result<(), Self> {
        loop {
            if now & side.ended != 0 {
                return Err(self);
            }
            let waiting = now & (SENDER_WAITS | RECEIVER_WAITS);
            // With wakers to take this side is not gone yet.
            let gone = if waiting == 0 { side.gone } else { 0 };
            match self.change(now, (now & !waiting) | outcome | gone) {
                Err(other) => now = other,
                Ok(()) if waiting != 0 => {
                    // SAFETY: we have cleared the bits, and are `side`.
                    unsafe { self.notify_and_leave(side, now) };
                    return Ok(());
                }
                Ok(()) => {
                    if now & side.other_gone != 0 {
                        // SAFETY: both sides are gone.
                        unsafe { self.free() };
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Takes the wakers that the bits in `before` tell of, and only then wakes.
    ///
    /// # Safety
    ///
    /// The caller is `side`, and has cleared those bits.
    unsafe fn notify(&self, side: &Side, before: u32) {
        // SAFETY: as for this function.
        let (own, others) = unsafe { self.take_wakers(side, before) };
        wake(others);
        own.map(discard);
    }

    /// As [`notify`](Self::notify), having left the cell before.
    ///
    /// # Safety
    ///
    /// As for [`notify`](Self::notify).
    #[cold]
    unsafe fn notify_and_leave(self, side: &Side, before: u32) {
        // SAFETY: as for this function.
        let (own, others) = unsafe { self.take_wakers(side, before) };
        // SAFETY: the caller is `side`.
        unsafe { self.leave(side) };
        wake(others);
        own.map(discard);
    }

    /// The own waker and the other side's.
    ///
    /// # Safety
    ///
    /// As for [`notify`](Self::notify).
    unsafe fn take_wakers(&self, side: &Side, before: u32) -> (Option<Waker>, Option<Waker>) {
        let take = |waits, place: &WakerPlace| {
            // SAFETY: the bit said that the place is filled, and by clearing it the caller took it.
            (before & waits != 0).then(|| unsafe { read(place) })
        };
        let sender = take(SENDER_WAITS, &self.cell().sender_waker);
        let receiver = take(RECEIVER_WAITS, &self.cell().receiver_waker);
        if side.waits == SENDER_WAITS { (sender, receiver) } else { (receiver, sender) }
    }

    /// Goes away; the second to go frees the cell.
    ///
    /// # Safety
    ///
    /// The caller is `side`, and neither waker nor value in the cell is its own any more.
    #[inline]
    unsafe fn leave(self, side: &Side) {
        // Ordering: Acquire (in `now`), with the Release of the other side's going: all it did
        // with the cell is over. Else the same by AcqRel in one step.
        if self.now() & side.other_gone != 0
            || self.cell().state.fetch_or(side.gone, Ordering::AcqRel) & side.other_gone != 0
        {
            // SAFETY: both sides are gone.
            unsafe { self.free() };
        }
    }

    /// # Safety
    ///
    /// The place is filled and the caller's, who does not read it again.
    #[inline]
    unsafe fn take_value(&self) -> T {
        // SAFETY: as for this function.
        self.cell().value.with(|place| unsafe { (*place).assume_init_read() })
    }

    /// # Safety
    ///
    /// Nobody uses the cell any more, and neither value nor waker is left inside.
    #[inline]
    unsafe fn free(self) {
        // SAFETY: nobody else uses it.
        unsafe { self.0.drop_in_place() };
        // SAFETY: it came from there, with this layout.
        unsafe { recycle::give(self.0.cast(), Layout::new::<Cell<T>>()) };
    }
}

/// # Safety
///
/// The place is filled, and the waker the caller's.
unsafe fn read(place: &WakerPlace) -> Waker {
    // SAFETY: as for this function.
    place.with(|place| unsafe { (*place).assume_init_read() })
}
