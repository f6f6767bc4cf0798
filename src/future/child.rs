//! One of the futures of a combinator, in its place.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::leavings::Leavings;

/// A future, then what it gave, then nothing. It is pinned with the combinator.
#[expect(missing_debug_implementations, reason = "nobody outside has one")]
pub struct Child<F: Future> {
    state: State<F>,
    /// What it has dropped in flight while it was polled.
    leavings: Leavings,
}

enum State<F: Future> {
    Running(F),
    Ended(F::Output),
    Gone,
}

impl<F: Future> Child<F> {
    pub(super) fn new(future: F) -> Self {
        Self { state: State::Running(future), leavings: Leavings::default() }
    }

    /// The parts. Nothing but the future is pinned.
    fn parts(self: Pin<&mut Self>) -> (&mut State<F>, &mut Leavings) {
        // SAFETY: the future in the state is only polled in place, and dropped in place when the
        // state changes; the rest may move.
        let this = unsafe { self.get_unchecked_mut() };
        (&mut this.state, &mut this.leavings)
    }

    /// Goes on with it; whether it has ended just now.
    pub(super) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let (state, leavings) = self.parts();
        leavings.of(|| {
            let State::Running(future) = state else { return false };
            // SAFETY: it is pinned with the child, see `parts`.
            let future = unsafe { Pin::new_unchecked(future) };
            let Poll::Ready(output) = future.poll(cx) else { return false };
            *state = State::Ended(output);
            true
        })
    }

    /// What it gave; `None` unless it has ended, and after that.
    pub(super) fn take_output(self: Pin<&mut Self>) -> Option<F::Output> {
        let (state, leavings) = self.parts();
        if !matches!(state, State::Ended(_)) {
            return None;
        }
        let State::Ended(output) = std::mem::replace(state, State::Gone) else {
            unreachable!("it was just looked at");
        };
        // What it left is no affair of the combinator's any more.
        drop(std::mem::take(leavings));
        Some(output)
    }

    /// What it gave, if it has ended.
    pub(super) fn output(self: Pin<&mut Self>) -> Option<&F::Output> {
        match self.parts().0 {
            State::Ended(output) => Some(output),
            _ => None,
        }
    }

    /// Drops the future, or what it gave, in its place. What it has left before is counted by who
    /// calls.
    pub(super) fn discard(self: Pin<&mut Self>) {
        let (state, leavings) = self.parts();
        drop(std::mem::take(leavings));
        *state = State::Gone;
    }
}
