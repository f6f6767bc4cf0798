//! Wakes that were decided on under a lock, and are done after it.

use std::task::Waker;

use crate::foreign::shielded;

/// Wakers to be woken after the lock, in the order in which they were added. Those that are left
/// when this is dropped are woken then.
///
/// Most steps wake nobody or two, which takes no memory; some wake everybody.
#[must_use = "somebody waits for them"]
pub(crate) struct Wakes {
    first: Option<Waker>,
    second: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    pub(crate) const fn new() -> Self {
        Self { first: None, second: None, others: Vec::new() }
    }

    pub(crate) fn add(&mut self, waker: impl Into<Option<Waker>>) {
        let Some(waker) = waker.into() else { return };
        if self.first.is_none() {
            self.first = Some(waker);
        } else if self.second.is_none() {
            self.second = Some(waker);
        } else {
            self.others.push(waker);
        }
    }

    /// Wakes all.
    pub(crate) fn wake(self) {
        drop(self);
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        wake(self.first.take());
        wake(self.second.take());
        self.others.drain(..).for_each(wake);
    }
}

/// Wakes, outside of any lock. A waker that panics harms nobody but its own task: the panic hook
/// has told of it, and the operation that had to wake goes on.
pub(crate) fn wake(waker: impl Into<Option<Waker>>) {
    let Some(waker) = waker.into() else { return };
    let _ = shielded(|| waker.wake());
}

/// Drops a waker that is not needed; its destructor is anybody's, and may panic as a wake may.
pub(crate) fn discard(waker: impl Into<Option<Waker>>) {
    let Some(waker) = waker.into() else { return };
    let _ = shielded(|| drop(waker));
}
