//! The word of a task that any thread may touch.
//!
//! A task has two kinds of state. What only its home ring touches is plain memory (`Home` in
//! `header.rs`) and costs no locked instruction. What other threads touch is this one word and the
//! waker slot it guards. No other file does arithmetic on its bits.
//!
//! | bits | name         | set by                      | meaning                                   |
//! |------|--------------|-----------------------------|-------------------------------------------|
//! | 0    | `COMPLETE`   | home, once                  | the output is stored, the future is gone  |
//! | 1    | `HANDLE`     | birth; cleared by its drop  | a `Task` exists; it owns the output once `COMPLETE` |
//! | 2    | `JOIN_WAKER` | the handle, off home        | the waker slot is filled; belongs to home once `COMPLETE` |
//! | 3    | `LINKED`     | a waker; cleared by home    | the wake node is in an inbox, or about to be |
//! | 4    | `CANCELLED`  | the handle                  | home shall drop the future instead of polling it |
//! | 5    | `CLAIMED`    | a blocking thread or the handle | whose the closure of a blocking task is |
//! | 8–63 | count        | all                         | references counted by atomics, may be negative |
//!
//! # Counting references
//!
//! Wakers made and dropped on the home ring are counted there, in a plain integer; all others here.
//! A waker made at home and dropped elsewhere makes this count negative, and that is fine: only the
//! sum of both means anything, and nobody needs it while the task lives. On completion home adds
//! its integer to this count in the very step that sets `COMPLETE`; from then on this word is the
//! whole truth, and the allocation may be freed by whoever finds it [`unused`](Snapshot::unused).

use std::task::Waker;

use crate::primitives::UnsafeCell;
use crate::primitives::atomic::{AtomicU64, Ordering};

const COMPLETE: u64 = 1;
const HANDLE: u64 = 1 << 1;
const JOIN_WAKER: u64 = 1 << 2;
const LINKED: u64 = 1 << 3;
const CANCELLED: u64 = 1 << 4;
const CLAIMED: u64 = 1 << 5;
const ONE: u64 = 1 << 8;

/// One reading of the word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot(u64);

impl Snapshot {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    /// Nobody has a reference, nor can get one: the allocation is the reader's to free.
    fn unused(self) -> bool {
        self.is_complete() && !self.has(HANDLE) && !self.has(LINKED) && self.0 < ONE
    }
}

/// Who is to free the task.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// The caller: it held the last reference.
    Free,
    /// Somebody else.
    Keep,
}

impl Release {
    fn by(after: Snapshot) -> Self {
        if after.unused() { Self::Free } else { Self::Keep }
    }
}

/// What home has to do after it completed the task.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    /// Nothing: the handle has the output, and may have freed the task by now.
    HandleHasOutput,
    /// Wake the waker in the slot, then release the reference that was kept for that.
    WakeThenRelease,
    /// Drop the output that nobody will ask for, then release the reference that was kept for that.
    DropOutputThenRelease,
}

/// What a handle does to the task it leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LastWord {
    /// Lets it run on.
    Detach,
    /// Cancels it, at home.
    Cancel,
    /// Cancels it from elsewhere, claiming the wake node in the same step: a moment later the task
    /// may be gone.
    CancelAndLink,
}

/// What the handle finds when it goes.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HandleGone {
    /// The task lives on (cancelled, if that was asked).
    Living,
    /// The task lives on, cancelled, and its wake node is the caller's to push, as after
    /// [`link`](JoinWord::link).
    LivingAndLinked,
    /// The task is complete; the output is still the handle's to drop, then
    /// [`release_handle`](JoinWord::release_handle).
    Complete,
}

/// What became of the handle's waker.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It will be woken.
    Waiting,
    /// The task is complete: take the output.
    Complete,
}

/// The word and the slot it guards.
///
/// The slot is the handle's while `JOIN_WAKER` is clear, and home's once the task is complete with
/// `JOIN_WAKER` set or without a handle. Home empties it then: a waker that stayed in there could
/// keep a task that in turn keeps this one.
pub(crate) struct JoinWord {
    word: AtomicU64,
    join_waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the slot is accessed by one side at a time, as the type's documentation says.
unsafe impl Sync for JoinWord {}
// SAFETY: a word and a waker, both of which may change threads.
unsafe impl Send for JoinWord {}

impl JoinWord {
    /// The word of a new task that has a handle and no other reference.
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(HANDLE), join_waker: UnsafeCell::new(None) }
    }

    #[inline]
    pub(crate) fn snapshot(&self) -> Snapshot {
        // Ordering: Acquire, partner of the Release in `complete` (who sees COMPLETE sees the
        // output) and in `cancel` and `drop_handle`.
        Snapshot(self.word.load(Ordering::Acquire))
    }

    /// One more reference; the caller has one.
    #[inline]
    pub(crate) fn retain(&self) {
        // Ordering: Relaxed, as in `Arc`: the caller's own reference keeps the task.
        self.word.fetch_add(ONE, Ordering::Relaxed);
    }

    /// Home, before completion: adds references that it counted itself; may be negative.
    pub(crate) fn add(&self, references: i64) {
        // Ordering: Relaxed: the task is not complete, so nobody acts on the count.
        self.word.fetch_add((references as u64).wrapping_mul(ONE), Ordering::Relaxed);
    }

    /// One reference less.
    #[inline]
    pub(crate) fn release(&self) -> Release {
        let seen = self.snapshot();
        if Snapshot(seen.0.wrapping_sub(ONE)).unused() {
            // The caller's is the last reference, so nobody can be changing the word: no locked
            // instruction needed. The Acquire in `snapshot` saw all the other `release`s.
            return Release::Free;
        }
        // Ordering: Release for what the caller did with the task; Acquire for what all others did,
        // since the last one frees it. Partners: all the other `release`s.
        let before = self.word.fetch_sub(ONE, Ordering::AcqRel);
        Release::by(Snapshot(before.wrapping_sub(ONE)))
    }

    /// A waker, off home: claims the wake node. On `true` the caller pushes it; it counts as a
    /// reference until [`unlink`](Self::unlink).
    #[inline]
    pub(crate) fn link(&self) -> bool {
        // Ordering: Release, partner of the Acquire in `unlink`: whatever the waker's side did is
        // seen by the poll that follows, also when somebody else's node is under way, which is why
        // this must be a read-modify-write in every case. Acquire, partner of `settle`.
        let before = Snapshot(self.word.fetch_or(LINKED, Ordering::AcqRel));
        !before.has(LINKED)
    }

    /// Gives the wake node free again, before the poll it asked for.
    #[inline]
    pub(crate) fn unlink(&self) -> Release {
        // Ordering: Acquire, partner of the Release in `link`. Release as in `release`.
        let before = self.word.fetch_and(!LINKED, Ordering::AcqRel);
        Release::by(Snapshot(before & !LINKED))
    }

    /// Home, after it took back a task that could not leave: orders the new address before any
    /// later `link`, and any earlier `link` before the next poll.
    pub(crate) fn settle(&self) {
        // Ordering: AcqRel, partner of `link` in both directions.
        self.word.fetch_or(0, Ordering::AcqRel);
    }

    /// Home: publishes the output, and adds the references it counted itself.
    pub(crate) fn complete(&self, home_references: i64) -> Completed {
        let mut now = self.snapshot().0;
        loop {
            let seen = Snapshot(now);
            let (kept, then) = match (seen.has(HANDLE), seen.has(JOIN_WAKER)) {
                (true, false) => (0, Completed::HandleHasOutput),
                (true, true) => (1, Completed::WakeThenRelease),
                (false, _) => (1, Completed::DropOutputThenRelease),
            };
            let references = (home_references + kept) as u64;
            let next = now.wrapping_add(references.wrapping_mul(ONE)) | COMPLETE;
            if Snapshot(next.wrapping_sub(ONE)).unused() {
                // There is no reference but home's, so nobody can be changing the word, nor look at
                // it: no locked instruction needed. The Acquire in `snapshot` saw all `release`s.
                // Ordering: Relaxed: only home reads it from here on.
                self.word.store(next, Ordering::Relaxed);
                return then;
            }
            // Ordering: Release, partner of the Acquire in `snapshot`: the output is seen with the
            // bit. Acquire, partner of the Release in `register`: the slot is seen with its bit.
            match self.word.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return then,
                Err(other) => now = other,
            }
        }
    }

    /// Home, after `complete` said that there is something left to do: the waker in the slot.
    ///
    /// # Safety
    ///
    /// The caller is home, was told [`WakeThenRelease`](Completed::WakeThenRelease) or
    /// [`DropOutputThenRelease`](Completed::DropOutputThenRelease), and still holds that reference.
    pub(crate) unsafe fn take_join_waker(&self) -> Option<Waker> {
        self.join_waker.with_mut(|slot| {
            // SAFETY: the slot is home's now, as the type's documentation says.
            unsafe { (*slot).take() }
        })
    }

    /// The handle, off home: leaves a waker.
    ///
    /// # Safety
    ///
    /// There is one handle, and it is the caller's.
    pub(crate) unsafe fn register(&self, waker: &Waker) -> Registered {
        let seen = self.snapshot();
        if seen.is_complete() {
            return Registered::Complete;
        }
        if seen.has(JOIN_WAKER) && self.take_back_slot().is_complete() {
            return Registered::Complete;
        }
        let same = self.join_waker.with(|slot| {
            // SAFETY: JOIN_WAKER is clear, so the slot is the handle's.
            unsafe { (*slot).as_ref().is_some_and(|old| old.will_wake(waker)) }
        });
        let mut other = (!same).then(|| waker.clone());
        if !same {
            // SAFETY: as above.
            unsafe { self.swap_slot(&mut other) };
        }
        // Ordering: Release, partner of the Acquire in `complete`: home sees the waker with the
        // bit. Acquire as in `snapshot`.
        let before = Snapshot(self.word.fetch_or(JOIN_WAKER, Ordering::AcqRel));
        if !before.is_complete() {
            return Registered::Waiting;
        }
        let mut mine = None;
        // SAFETY: home has found the bit clear, so the slot is still ours to empty.
        unsafe { self.swap_slot(&mut mine) };
        Registered::Complete
    }

    /// Exchanges what is in the slot.
    ///
    /// # Safety
    ///
    /// The caller is the handle, and `JOIN_WAKER` is clear, or was when the task became complete.
    unsafe fn swap_slot(&self, waker: &mut Option<Waker>) {
        self.join_waker.with_mut(|slot| {
            // SAFETY: so the slot is the caller's.
            unsafe { slot.swap(waker) }
        });
    }

    /// Clears `JOIN_WAKER` unless the task is complete; says which.
    fn take_back_slot(&self) -> Snapshot {
        let mut now = self.snapshot();
        while !now.is_complete() {
            // Ordering: AcqRel, partner of `complete`: either home sees the bit gone, or we see
            // its COMPLETE and leave the slot alone.
            let cleared = self.word.compare_exchange(
                now.0,
                now.0 & !JOIN_WAKER,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match cleared {
                Ok(_) => break,
                Err(other) => now = Snapshot(other),
            }
        }
        now
    }

    /// The handle: asks for the task's end. Says whether it had not ended yet.
    pub(crate) fn cancel(&self) -> bool {
        // Ordering: Release, partner of the Acquire in `snapshot` before each poll. Acquire: if
        // the task is complete the output is read next.
        let before = Snapshot(self.word.fetch_or(CANCELLED, Ordering::AcqRel));
        !before.is_complete()
    }

    /// The handle goes, and does `last` to a living task.
    pub(crate) fn drop_handle(&self, last: LastWord) -> HandleGone {
        let mut now = self.snapshot();
        loop {
            if now.is_complete() {
                return HandleGone::Complete;
            }
            let added = match last {
                LastWord::Detach => 0,
                LastWord::Cancel => CANCELLED,
                LastWord::CancelAndLink => CANCELLED | LINKED,
            };
            let next = (now.0 & !HANDLE) | added;
            // Ordering: AcqRel, partner of `complete`: home either sees the handle gone and drops
            // the output, or we see COMPLETE and do.
            let gone = self.word.compare_exchange(now.0, next, Ordering::AcqRel, Ordering::Acquire);
            match gone {
                Ok(_) if next & LINKED & !now.0 != 0 => return HandleGone::LivingAndLinked,
                Ok(_) => return HandleGone::Living,
                Err(other) => now = Snapshot(other),
            }
        }
    }

    /// The handle of a complete task goes, with the output taken or dropped.
    #[inline]
    pub(crate) fn release_handle(&self) -> Release {
        let seen = self.snapshot();
        if Snapshot(seen.0 & !HANDLE).unused() {
            // Nobody else has a reference, so nobody can be changing the word: no locked
            // instruction needed. The Acquire in `snapshot` saw all the `release`s.
            return Release::Free;
        }
        // Ordering: as in `release`.
        let before = self.word.fetch_and(!HANDLE, Ordering::AcqRel);
        Release::by(Snapshot(before & !HANDLE))
    }

    /// Claims the closure of a blocking task; one caller gets `true`.
    pub(crate) fn claim(&self) -> bool {
        // Ordering: AcqRel: the closure passes from whoever queued it to whoever claims it; the
        // queue orders that too, but the handle does not go through the queue.
        let before = Snapshot(self.word.fetch_or(CLAIMED, Ordering::AcqRel));
        !before.has(CLAIMED)
    }
}

impl std::fmt::Debug for JoinWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot().fmt(f)
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "state_models.rs"]
mod models;
