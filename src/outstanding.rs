//! How many of something are out, and who waits until all of them are back.
//!
//! There is one [`Outstanding`], whose owner waits, and a [`Share`] for each that is out, which may
//! be dropped on any thread. An owner that goes while some are out may have another count wait in
//! its stead: then that one has one more out until all of these are back.
//!
//! Everything is behind one lock, which is held for a few instructions; whoever is to be woken is
//! taken out under it, and woken after it.

use std::task::{Context, Poll, Waker};

use crate::primitives::{Arc, Mutex, lock};

/// The count, as its owner has it.
pub(crate) struct Outstanding(Arc<Shared>);

/// One that is out; it is back when this is dropped. That wakes whoever waits, which is the user's
/// code.
pub(crate) struct Share(Arc<Shared>);

struct Shared(Mutex<State>);

struct State {
    out: usize,
    waiter: Option<Waiter>,
}

/// Who learns that all are back.
enum Waiter {
    Future(Waker),
    /// The owner is gone, and another count waits in its stead.
    Count(Share),
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared(Mutex::new(State { out: 0, waiter: None }))))
    }

    /// One more is out.
    pub(crate) fn share(&self) -> Share {
        lock(&self.0.0).out += 1;
        Share(self.0.clone())
    }

    fn is_zero(&self) -> bool {
        lock(&self.0.0).out == 0
    }

    /// Ready when all are back; else the waker is woken then.
    pub(crate) fn poll_zero(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.is_waited_for_by(cx.waker()) {
            return Poll::Pending;
        }
        // The user's code, so not under the lock.
        let fresh = cx.waker().clone();
        let mut state = lock(&self.0.0);
        if state.out == 0 {
            drop(state);
            return Poll::Ready(());
        }
        let previous = state.waiter.replace(Waiter::Future(fresh));
        drop(state);
        drop(previous);
        Poll::Pending
    }

    fn is_waited_for_by(&self, waker: &Waker) -> bool {
        let state = lock(&self.0.0);
        let waits = |waiter: &Waiter| matches!(waiter, Waiter::Future(own) if own.will_wake(waker));
        state.out != 0 && state.waiter.as_ref().is_some_and(waits)
    }

    /// The owner goes. What is still out is counted by a share of another count, if `other` gives
    /// one, which it is asked for only if something is out.
    pub(crate) fn leave_to(self, other: impl FnOnce() -> Option<Share>) {
        let mut heir = if self.is_zero() { None } else { other().map(Waiter::Count) };
        let mut state = lock(&self.0.0);
        if state.out != 0 {
            std::mem::swap(&mut state.waiter, &mut heir);
        }
        drop(state);
        // A share that is not needed after all, or the waker of who waited: the user's code.
        drop(heir);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let waiter = {
            let mut state = lock(&self.0.0);
            state.out -= 1;
            if state.out == 0 { state.waiter.take() } else { None }
        };
        match waiter {
            Some(Waiter::Future(waker)) => waker.wake(),
            Some(Waiter::Count(share)) => drop(share),
            None => {}
        }
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "outstanding_models.rs"]
mod models;
