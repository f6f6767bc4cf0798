//! Wakes that were decided on under a lock, and are done after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakers to be woken after the lock: one costs no allocation. Those that are left when this is
/// dropped are woken then.
pub(crate) struct Wakes {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    pub(crate) const fn new() -> Self {
        Self { first: None, others: Vec::new() }
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        wake(self.first.take());
        self.others.drain(..).for_each(|waker| wake(Some(waker)));
    }
}

/// Wakes, outside of any lock. A waker that panics harms nobody but its own task: the panic hook
/// has told of it, and the operation that had to wake goes on.
pub(crate) fn wake(waker: Option<Waker>) {
    let Some(waker) = waker else { return };
    shielded(|| waker.wake());
}

/// Drops a waker that is not needed; its destructor is anybody's, and may panic as a wake may.
pub(crate) fn discard(waker: Waker) {
    shielded(|| drop(waker));
}

fn shielded(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code))
        && let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        // A payload that panics when dropped can only be leaked.
        std::mem::forget(second);
    }
}
