//! What a future waits for and a ring's thread brings about: the shared part of every operation and
//! every timer.
//!
//! There are two sides. **Home** is the thread that started the thing and will complete it, once.
//! The **future** may meanwhile be polled, moved and dropped on any thread; there is one, and it is
//! borrowed exclusively whenever it is polled. One word says how far they are:
//!
//! | bits | name        | set by            | meaning                                            |
//! |------|-------------|-------------------|----------------------------------------------------|
//! | 0    | `DONE`      | home, once        | the outcome is written                              |
//! | 1    | `WAITING`   | the future        | the waker's two words are filled                    |
//! | 2    | `ABANDONED` | the future        | it was dropped before the cell was its own          |
//! | 3    | `LINKED`    | the future, off home | the cell's node is in home's inbox, or about to be: a request to cancel |
//! | 4–31 | version     | the future        | counts the wakers it has left                       |
//!
//! Home keeps the cell until it is **settled**: `DONE` and not `LINKED`. The step that settles it,
//! home's in either case, hands it over: to the future, which is woken, or to home itself if the
//! future is gone.
//!
//! | DONE | LINKED | ABANDONED | the cell                                            |
//! |------|--------|-----------|-----------------------------------------------------|
//! | 0    | any    | any       | pending; nobody frees it                            |
//! | 1    | 1      | any       | done, but its node is under way; nobody frees it    |
//! | 1    | 0      | 0         | settled; the future frees it                        |
//! | 1    | 0      | 1         | settled; home frees it                              |
//!
//! # Why the waker is two atomic words
//!
//! Home must take the waker out *before* it settles the cell, since from that moment the future may
//! free the cell; but until then the future may replace the waker. So home reads the two words, and
//! then settles it with a compare-exchange that fails if the version has changed since: then it
//! reads again. What it has read belongs to it only if the exchange succeeds. That makes one locked
//! instruction for a completion, and none for a future that is polled first and last at home.

use std::ptr;
use std::task::{RawWakerVTable, Waker};

use crate::primitives::UnsafeCell;
use crate::primitives::atomic::{AtomicPtr, AtomicU32, Ordering};

const DONE: u32 = 1;
const WAITING: u32 = 1 << 1;
const ABANDONED: u32 = 1 << 2;
const LINKED: u32 = 1 << 3;
const ONE_VERSION: u32 = 1 << 4;

/// The result of an operation: what its last completion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    /// What the kernel's call returned, or a negative errno.
    pub(crate) result: i32,
    pub(crate) flags: u32,
}

impl Outcome {
    /// The flags of an outcome that the kernel has no part in: it was not asked. It never gives
    /// them, since the upper half is the number of a buffer, which the lower half would announce.
    const NOT_ASKED: u32 = 1 << 31;

    /// Of an operation that was cancelled before the kernel got it.
    pub(crate) fn not_begun() -> Self {
        Self { result: -libc::ECANCELED, flags: Self::NOT_ASKED }
    }

    /// Whether it is the kernel's answer.
    pub(crate) fn is_the_kernels(self) -> bool {
        self.flags != Self::NOT_ASKED
    }
}

/// What home has to do after a step that may have settled the cell.
#[must_use]
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is the future's now: wake it, if there is a waker. The cell may be gone already.
    Wake(Option<Waker>),
    /// The future is gone: dispose of the outcome and free the cell.
    Orphaned,
    /// It is not settled yet: the node is still to come in.
    NotYet,
}

/// What a future that is being dropped has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// Dispose of the outcome and free the cell: it was settled.
    Settled,
    /// At home: tell the kernel (or the timers) that nobody waits any more.
    Pending,
    /// Elsewhere: push the cell's node to home, which will.
    PushNode,
    /// Nothing: the node is under way already.
    NodeUnderWay,
}

/// What home has to do with a node that came in.
#[must_use]
#[derive(Debug)]
pub(crate) enum Unlinked {
    /// Tell the kernel (or the timers) to stop it.
    Pending,
    /// It was done meanwhile, and is settled now.
    Settled(Settled),
}

/// The shared part; see the module's page.
pub(crate) struct Completion {
    state: AtomicU32,
    outcome: UnsafeCell<Outcome>,
    waker_data: AtomicPtr<()>,
    waker_vtable: AtomicPtr<RawWakerVTable>,
}

// SAFETY: `outcome` is written by home before DONE and read by the other side after it.
unsafe impl Sync for Completion {}
// SAFETY: as above; a waker may change threads.
unsafe impl Send for Completion {}

impl Completion {
    /// Pending, with the waker of the first poll. At home, before anybody else knows the cell.
    #[inline]
    pub(crate) fn new(waker: Waker) -> Self {
        let (data, vtable) = into_words(waker);
        Self {
            state: AtomicU32::new(WAITING),
            outcome: UnsafeCell::new(Outcome::default()),
            waker_data: AtomicPtr::new(data),
            waker_vtable: AtomicPtr::new(vtable),
        }
    }

    /// Home: the outcome is there.
    ///
    /// # Safety
    ///
    /// Called once, by home. Afterwards the cell may be touched only as the answer says.
    #[inline]
    pub(crate) unsafe fn complete(&self, outcome: Outcome) -> Settled {
        self.outcome.with_mut(|slot| {
            // SAFETY: not DONE, so the outcome is home's.
            unsafe { *slot = outcome }
        });
        // SAFETY: we are home.
        unsafe { self.settle(DONE, 0) }.1
    }

    /// Home: the node of this cell has come in.
    ///
    /// # Safety
    ///
    /// As for [`complete`](Self::complete), with `LINKED` set.
    pub(crate) unsafe fn unlink(&self) -> Unlinked {
        // SAFETY: we are home.
        let (before, settled) = unsafe { self.settle(0, LINKED) };
        if before & DONE == 0 { Unlinked::Pending } else { Unlinked::Settled(settled) }
    }

    /// Sets and clears bits of home's; if that settles the cell, takes the waker.
    ///
    /// # Safety
    ///
    /// The caller is home.
    #[inline]
    unsafe fn settle(&self, set: u32, clear: u32) -> (u32, Settled) {
        // Ordering: Acquire, partner of the Release in `leave_waker`: the words are those of this
        // version, or newer ones, and then the exchange fails.
        let mut now = self.state.load(Ordering::Acquire);
        loop {
            // Ordering: Relaxed: validated by the exchange below.
            let data = self.waker_data.load(Ordering::Relaxed);
            // Ordering: Relaxed: validated by the exchange below.
            let vtable = self.waker_vtable.load(Ordering::Relaxed);
            let mut next = (now | set) & !clear;
            if is_settled(next) {
                next &= !WAITING;
            }
            // Ordering: Release, partner of the Acquire in `poll` and `take_back_waker`: who sees
            // the cell settled sees the outcome. Acquire as in the load above.
            let changed =
                self.state.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire);
            match changed {
                Ok(_) if !is_settled(next) => return (now, Settled::NotYet),
                Ok(_) if now & ABANDONED != 0 => return (now, Settled::Orphaned),
                Ok(_) if now & WAITING != 0 => {
                    // SAFETY: the version did not change, so these are the words of one waker, and
                    // by clearing WAITING we took it.
                    return (now, Settled::Wake(Some(unsafe { from_words(data, vtable) })));
                }
                Ok(_) => return (now, Settled::Wake(None)),
                Err(other) => now = other,
            }
        }
    }

    /// The future: the outcome, or `waker` is woken when it is there.
    ///
    /// # Safety
    ///
    /// The caller is the future, which has not been dropped.
    #[inline]
    pub(crate) unsafe fn poll(&self, waker: &Waker) -> Option<Outcome> {
        // Ordering: Acquire, partner of the Release in `settle`.
        let now = self.state.load(Ordering::Acquire);
        if is_settled(now) {
            // SAFETY: settled, and we are the future.
            return Some(unsafe { self.outcome() });
        }
        if now & WAITING != 0 && self.holds(waker) {
            return None;
        }
        // SAFETY: the caller is the future.
        unsafe { self.replace_waker(waker) }
    }

    /// Whether the words are those of a waker that does the same as `waker`.
    fn holds(&self, waker: &Waker) -> bool {
        // Ordering: Relaxed, twice: only the future writes them, and that is the caller.
        let data = self.waker_data.load(Ordering::Relaxed);
        let vtable = self.waker_vtable.load(Ordering::Relaxed);
        ptr::eq(data, waker.data()) && ptr::eq(vtable, waker.vtable())
    }

    /// # Safety
    ///
    /// The caller is the future.
    #[cold]
    unsafe fn replace_waker(&self, waker: &Waker) -> Option<Outcome> {
        let fresh = waker.clone();
        let previous = self.take_back_waker(|_| 0);
        // SAFETY: WAITING is clear now, or the cell is settled.
        let outcome = unsafe { self.leave_waker(fresh) };
        // The user's code, so last.
        drop(previous.ok());
        outcome
    }

    /// Clears WAITING and sets what `also` says, unless the cell is settled; gives what the word
    /// was before, and the waker that was waiting.
    fn take_back_waker(
        &self,
        also: impl Fn(u32) -> u32,
    ) -> Result<(u32, Option<Waker>), IsSettled> {
        // Ordering: Acquire, partner of the Release in `settle`.
        let mut now = self.state.load(Ordering::Acquire);
        loop {
            if is_settled(now) {
                return Err(IsSettled);
            }
            // Ordering: Release: whatever this thread did with the cell comes before home's next
            // step; Acquire as in the load above.
            let taken = self.state.compare_exchange(
                now,
                (now & !WAITING) | also(now),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match taken {
                Ok(_) if now & WAITING == 0 => return Ok((now, None)),
                Ok(_) => {
                    // Ordering: Relaxed: only the future writes them, and that is us.
                    let data = self.waker_data.load(Ordering::Relaxed);
                    // Ordering: Relaxed: as above.
                    let vtable = self.waker_vtable.load(Ordering::Relaxed);
                    // SAFETY: WAITING said that the words are a waker, and clearing it took it.
                    return Ok((now, Some(unsafe { from_words(data, vtable) })));
                }
                Err(other) => now = other,
            }
        }
    }

    /// # Safety
    ///
    /// The caller is the future, and WAITING is clear.
    unsafe fn leave_waker(&self, waker: Waker) -> Option<Outcome> {
        let (data, vtable) = into_words(waker);
        // Ordering: Relaxed, twice: published by the exchange below.
        self.waker_data.store(data, Ordering::Relaxed);
        self.waker_vtable.store(vtable, Ordering::Relaxed);
        // Ordering: Acquire, partner of the Release in `settle`.
        let mut now = self.state.load(Ordering::Acquire);
        loop {
            if is_settled(now) {
                // SAFETY: home did not take it: WAITING was clear.
                drop(unsafe { from_words(data, vtable) });
                // SAFETY: settled, and we are the future.
                return Some(unsafe { self.outcome() });
            }
            let next = (now | WAITING).wrapping_add(ONE_VERSION);
            // Ordering: Release, partner of the Acquire in `settle`: home sees the words.
            let left = self.state.compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire);
            match left {
                Ok(_) => return None,
                Err(other) => now = other,
            }
        }
    }

    /// The future is being dropped. `elsewhere`: on a thread that is not home. Gives the waker that
    /// was waiting: it is the user's, so it is dropped when all else is done.
    ///
    /// # Safety
    ///
    /// The caller is the future, and does not touch the cell afterwards except as the answer says.
    pub(crate) unsafe fn abandon(&self, elsewhere: bool) -> (Abandoned, Option<Waker>) {
        let also = if elsewhere { ABANDONED | LINKED } else { ABANDONED };
        match self.take_back_waker(|now| if now & DONE == 0 { also } else { ABANDONED }) {
            Err(IsSettled) => (Abandoned::Settled, None),
            Ok((before, waker)) => {
                let abandoned = match (before & LINKED != 0, elsewhere) {
                    (true, _) => Abandoned::NodeUnderWay,
                    (false, true) => Abandoned::PushNode,
                    (false, false) => Abandoned::Pending,
                };
                (abandoned, waker)
            }
        }
    }

    /// As [`abandon`](Self::abandon), without locked instructions: at home, for a cell whose node
    /// is never pushed by a future that lives on. Says whether it was settled, and gives the waker.
    ///
    /// # Safety
    ///
    /// The caller is the future, at home, and has never called [`link`](Self::link). It owns the
    /// cell afterwards, and sees to it that nobody completes it.
    #[inline]
    pub(crate) unsafe fn take_over(&self) -> (bool, Option<Waker>) {
        // Ordering: Relaxed: home and future are both this thread, so nobody else writes.
        let now = self.state.load(Ordering::Relaxed);
        if now & WAITING == 0 {
            return (is_settled(now), None);
        }
        // Ordering: Relaxed: as above.
        let data = self.waker_data.load(Ordering::Relaxed);
        // Ordering: Relaxed: as above.
        let vtable = self.waker_vtable.load(Ordering::Relaxed);
        // SAFETY: WAITING says that the words are a waker, and the cell is not used any more.
        (false, Some(unsafe { from_words(data, vtable) }))
    }

    /// Home: whether the future is gone and its node, if it sent one, has come in, so that nobody
    /// else touches the cell any more.
    pub(crate) fn is_left_to_home(&self) -> bool {
        // Ordering: Acquire, partner of the Release in `take_back_waker`.
        self.state.load(Ordering::Acquire) & (ABANDONED | LINKED) == ABANDONED
    }

    /// Home: whether the outcome is still to come.
    pub(crate) fn is_pending(&self) -> bool {
        // Ordering: Relaxed: home itself sets DONE.
        self.state.load(Ordering::Relaxed) & DONE == 0
    }

    /// The future, off home, asks for a cancel; on `true` it pushes the cell's node to home.
    ///
    /// # Safety
    ///
    /// The caller is the future.
    pub(crate) unsafe fn link(&self) -> bool {
        // Ordering: Relaxed: the exchange below orders.
        let mut now = self.state.load(Ordering::Relaxed);
        while now & (DONE | LINKED) == 0 {
            // Ordering: AcqRel, partner of `settle`.
            let linked =
                self.state.compare_exchange(now, now | LINKED, Ordering::AcqRel, Ordering::Relaxed);
            match linked {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
        false
    }

    /// The outcome.
    ///
    /// # Safety
    ///
    /// The cell is settled, and the caller's.
    #[inline]
    pub(crate) unsafe fn outcome(&self) -> Outcome {
        self.outcome.with(|outcome| {
            // SAFETY: home writes it before DONE only.
            unsafe { *outcome }
        })
    }
}

/// The cell is settled, so its waker has been taken already.
struct IsSettled;

#[inline]
fn is_settled(state: u32) -> bool {
    state & (DONE | LINKED) == DONE
}

#[inline]
fn into_words(waker: Waker) -> (*mut (), *mut RawWakerVTable) {
    let waker = std::mem::ManuallyDrop::new(waker);
    (waker.data().cast_mut(), ptr::from_ref(waker.vtable()).cast_mut())
}

/// # Safety
///
/// The words came from `into_words`, and become a waker only once.
#[inline]
unsafe fn from_words(data: *mut (), vtable: *mut RawWakerVTable) -> Waker {
    // SAFETY: a waker's vtable is a `&'static`.
    let vtable: &'static RawWakerVTable = unsafe { &*vtable };
    // SAFETY: the words of one waker, made a waker once.
    unsafe { Waker::new(data, vtable) }
}

#[cfg(all(test, ringpool_loom))]
#[path = "completion_models.rs"]
mod models;
