//! What a child that is over the group's limit waits at before it begins.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::primitives::{Mutex, lock};
use crate::wakes::wake;

/// Opened once, by the group.
pub(super) struct Gate(Mutex<State>);

enum State {
    Shut(Option<Waker>),
    Open,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::Shut(None)))
    }

    pub(super) fn open(&self) {
        let before = std::mem::replace(&mut *lock(&self.0), State::Open);
        if let State::Shut(Some(waker)) = before {
            wake(waker);
        }
    }

    fn poll_pass(&self, cx: &Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.0);
        if matches!(*state, State::Open) {
            return Poll::Ready(());
        }
        let before = std::mem::replace(&mut *state, State::Shut(Some(waker)));
        drop(state);
        drop(before);
        Poll::Pending
    }
}

/// A future that does not begin before its gate is open.
pub(super) struct Gated<F> {
    /// `None` once it has been passed.
    gate: Option<Arc<Gate>>,
    future: F,
}

impl<F> Gated<F> {
    pub(super) fn new(gate: Arc<Gate>, future: F) -> Self {
        Self { gate: Some(gate), future }
    }
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `gate` is not pinned; `future` is, and is not moved out of its place.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(gate) = &this.gate {
            std::task::ready!(gate.poll_pass(cx));
            this.gate = None;
        }
        // SAFETY: pinned with us.
        unsafe { Pin::new_unchecked(&mut this.future) }.poll(cx)
    }
}
