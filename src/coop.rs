//! The budget that keeps a task on an always-ready channel from starving its ring.
//!
//! The loop of a ring calls [`reset`] before it polls a task. Each operation that would have
//! succeeded without waiting costs one unit; with none left the operation wakes its own task and
//! says `Pending`, so the ring gets a turn. A thread that never called [`reset`] has no limit:
//! plain threads and foreign executors notice nothing.

use std::cell::Cell;
use std::task::{Context, Poll};

/// What a ring gives a task for each poll.
pub(crate) const BUDGET_PER_POLL: u16 = 128;

/// No limit: what every thread starts with, and what the loop goes back to between polls.
pub(crate) const UNLIMITED: u16 = u16::MAX;

crate::primitives::thread_local! {
    static BUDGET: Cell<u16> = const { Cell::new(UNLIMITED) };
}

/// Gives the task about to be polled on this thread `units` operations.
#[inline]
pub(crate) fn reset(units: u16) {
    BUDGET.with(|budget| budget.set(units));
}

/// `Ready` while there is budget; else wakes the task at once and says `Pending`.
///
/// To be called before anything is touched, so that nothing has to be put back.
#[inline]
pub(crate) fn poll_proceed(context: &Context<'_>) -> Poll<()> {
    if BUDGET.with(Cell::get) == 0 {
        context.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(())
}

/// Takes one unit for an operation that succeeded.
#[inline]
pub(crate) fn spend() {
    let units = BUDGET.with(Cell::get);
    if units != UNLIMITED && units != 0 {
        reset(units - 1);
    }
}

/// Takes so many units, for an operation that costs as much as several; on `false` there are not
/// more than as many, and none has been taken.
#[inline]
pub(crate) fn spend_unless_last(needed: u16) -> bool {
    let units = BUDGET.with(Cell::get);
    let is_enough = units > needed;
    if is_enough && units != UNLIMITED {
        reset(units - needed);
    }
    is_enough
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;
    use std::task::Waker;

    #[test]
    fn a_spent_budget_stops_the_task_until_the_next_reset() {
        let context = Context::from_waker(Waker::noop());
        reset(2);
        for _ in 0..2 {
            assert_eq!(poll_proceed(&context), Poll::Ready(()));
            spend();
        }
        assert_eq!(poll_proceed(&context), Poll::Pending);
        reset(1);
        assert_eq!(poll_proceed(&context), Poll::Ready(()));
        reset(UNLIMITED);
    }

    #[test]
    fn an_operation_that_costs_much_leaves_something() {
        reset(10);
        assert!(spend_unless_last(6));
        assert!(!spend_unless_last(4));
        assert_eq!(BUDGET.with(Cell::get), 4);
        reset(UNLIMITED);
        assert!(spend_unless_last(1));
        assert_eq!(BUDGET.with(Cell::get), UNLIMITED);
    }

    #[test]
    fn a_thread_without_a_budget_has_no_limit() {
        let context = Context::from_waker(Waker::noop());
        for _ in 0..200_000 {
            spend();
        }
        assert_eq!(poll_proceed(&context), Poll::Ready(()));
    }
}
