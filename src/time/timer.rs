//! A timer: a cell that is completed by the clock instead of the kernel.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::task::{Context, Waker};

use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::op::cell::{self, CellHeader, CellVTable};
use crate::recycle;
use crate::task::clone_of;

/// The memory of a timer.
#[repr(C)]
pub(crate) struct TimerCell {
    header: CellHeader,
    /// Its place in the heap, which writes it.
    pub(super) heap_index: Cell<usize>,
}

/// A timer that runs on the ring it was armed on.
#[derive(Debug)]
pub(super) struct Timer(NonNull<TimerCell>);

// SAFETY: its cell is made to be used from any thread.
unsafe impl Send for Timer {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for Timer {}

static VTABLE: CellVTable = CellVTable { leaves_orphan: false, stop, reaped: None, dispose, free };

/// How a timer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its time has come.
    Fired,
    /// Its ring has stopped before.
    RingStopped,
}

/// Why there is no timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotArmed {
    /// The calling thread has no ring.
    NoRing,
    /// The ring is stopping, and cancels all its tasks.
    RingStops,
}

impl Timer {
    /// Arms a timer on the calling thread's ring.
    pub(super) fn arm(deadline_ns: u64, waker: &Waker) -> Result<Self, NotArmed> {
        context::with(|local| {
            let local = local.ok_or(NotArmed::NoRing)?;
            if local.stopping.get() {
                return Err(NotArmed::RingStops);
            }
            // The user's code, before anything is borrowed.
            let waker = clone_of(waker);
            let cell = recycle::take(Layout::new::<TimerCell>()).cast::<TimerCell>();
            let header = CellHeader::new(local, &VTABLE, waker);
            // SAFETY: the block is ours, large enough and aligned.
            unsafe { cell.write(TimerCell { header, heap_index: Cell::new(0) }) };
            // SAFETY: it stays until the clock or `stop` has taken it out.
            unsafe { local.timers.borrow_mut().insert(deadline_ns, cell) };
            Ok(Self(cell))
        })
    }

    /// How it ended, or the waker is woken when it does. Not to be called again after that.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Option<Ended> {
        // SAFETY: we are its future, so it is there.
        let completion = unsafe { &self.0.as_ref().header.completion };
        // SAFETY: we are the future.
        let outcome = unsafe { completion.poll(cx.waker()) }?;
        Some(if outcome.result == 0 { Ended::Fired } else { Ended::RingStopped })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: we are its future, so it is there.
        let header = unsafe { &self.0.as_ref().header };
        if !header.is_home() {
            // SAFETY: we are the cell's future, and gone hereafter.
            return unsafe { cell::abandon(self.0.cast()) };
        }
        // SAFETY: at home, we are the future, and timers are never asked to end early.
        let (fired, waker) = unsafe { header.completion.take_over() };
        if !fired {
            context::with(|local| {
                let local = local.expect("home is the thread of a ring");
                // SAFETY: a timer that is pending is in the heap of its home.
                unsafe { local.timers.borrow_mut().remove(self.0) };
            });
        }
        // SAFETY: out of the heap, so nobody knows it any more.
        unsafe { free(self.0.cast()) };
        drop(waker);
    }
}

/// A timer that was taken out of the heap of the calling thread's ring, and is to be completed.
#[must_use = "a timer that is not completed never wakes anybody"]
pub(crate) struct Due(NonNull<TimerCell>);

impl Due {
    /// Only for the heap, which gives away what it takes out.
    pub(super) fn new(timer: NonNull<TimerCell>) -> Self {
        Self(timer)
    }

    /// Its time has come. It runs user code: nothing of `local` may be borrowed.
    pub(crate) fn fire(self, local: &Local) {
        local.counters().timers_fired.add(1);
        self.complete(local, Outcome::default());
    }

    fn complete(self, local: &Local, outcome: Outcome) {
        // SAFETY: taken out of the heap, so nobody else completes it; the heap is this thread's,
        // and so is the timer.
        unsafe { cell::complete(local, self.0.cast(), outcome) };
    }
}

/// Completes every timer of a ring that stops; those who wait elsewhere arm another.
pub(crate) fn stop_all(local: &Local) {
    loop {
        let next = local.timers.borrow_mut().pop_due(u64::MAX);
        let Some(timer) = next else { return };
        timer.complete(local, STOPPED);
    }
}

const STOPPED: Outcome = Outcome { result: -libc::ECANCELED, flags: 0 };

/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn stop(local: &Local, cell: NonNull<CellHeader>) {
    // SAFETY: a timer that is pending is in the heap of its home, which is here.
    unsafe { local.timers.borrow_mut().remove(cell.cast()) };
    // SAFETY: taken out of the heap, at home, nothing borrowed.
    unsafe { cell::complete(local, cell, STOPPED) };
}

/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose(_: NonNull<CellHeader>) {}

/// # Safety
///
/// See [`CellVTable::free`].
unsafe fn free(cell: NonNull<CellHeader>) {
    // SAFETY: made by `arm` with this layout, says the caller.
    unsafe { recycle::give(cell.cast(), Layout::new::<TimerCell>()) };
}
