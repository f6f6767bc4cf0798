//! What a scope's task runs: the user's future, and the way of its output to the handle.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::channel::Sender;

/// Sends the output of `future` to the child's handle; an error is the scope's.
pub(super) struct Deliver<F: Future, T, E> {
    future: F,
    sender: Sender<T>,
    judge: fn(F::Output) -> Result<T, E>,
}

impl<F: Future, T, E> Deliver<F, T, E> {
    pub(super) fn new(future: F, sender: Sender<T>, judge: fn(F::Output) -> Result<T, E>) -> Self {
        Self { future, sender, judge }
    }
}

impl<F: Future, T, E> Future for Deliver<F, T, E> {
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: only `future` is pinned, and it is not moved out of its place.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned with us.
        let output = ready!(unsafe { Pin::new_unchecked(&mut this.future) }.poll(cx));
        // Whoever does not want the output has dropped the child's handle.
        Poll::Ready((this.judge)(output).map(|value| drop(this.sender.try_send(value))))
    }
}
