//! A budget for tasks that are always ready.
//!
//! A future that loops over something that is ready every time, a channel that never runs empty,
//! would never return to its ring. So the ring gives a task a budget for each poll; whatever is
//! ready at once costs a unit; and when the budget is spent, the operation wakes the task and says
//! `Pending`, and the ring comes by before it goes on.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Units a task has for one poll.
pub(crate) const BUDGET: u16 = 128;
/// No limit: on plain threads and under foreign executors.
const UNLIMITED: u16 = u16::MAX;

thread_local! {
    static LEFT: Cell<u16> = const { Cell::new(UNLIMITED) };
}

/// The executor: gives the task that is polled next `units`.
#[inline]
pub(crate) fn reset(units: u16) {
    LEFT.set(units);
}

/// The executor: no task is being polled any more.
#[inline]
pub(crate) fn lift() {
    LEFT.set(UNLIMITED);
}

/// Takes a unit, or asks for another poll if there is none left. To be called before an operation
/// that may be ready at once takes effect.
#[inline]
pub(crate) fn poll_proceed(cx: &Context<'_>) -> Poll<()> {
    let left = LEFT.try_with(Cell::get).unwrap_or(UNLIMITED);
    match left {
        UNLIMITED => Poll::Ready(()),
        0 => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        left => {
            LEFT.set(left - 1);
            Poll::Ready(())
        }
    }
}
