//! Buffers that come back after their operation has been done.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, mem};

use super::content::Started;
use crate::awaiting::{Awaited, noted};
use crate::completion::Outcome;

/// A buffer that has been sent and that the kernel still reads: the future of its return.
///
/// Over a network the buffer comes back when the peer has confirmed what it has got, or the
/// connection is given up. A pool that is shut down waits for that too, as long as it has time.
///
/// # Cancel safety
///
/// Dropping it is fine, at any time and on any thread: the buffer is freed when the kernel is done
/// with it. If it is forgotten, the buffer is leaked.
#[must_use = "the buffer comes back when this is awaited"]
pub struct Returning<B> {
    state: BufferState<B>,
    was_copied: Option<bool>,
}

/// Takes the buffer out of a cell, and says whether its notification was a report.
pub(super) type Take<B> = unsafe fn(Started<()>) -> (B, bool);

enum BufferState<B> {
    Here(B),
    /// In a cell, of a kind that the function knows.
    InKernel(Started<()>, Take<B>),
    Taken,
}

impl<B> Unpin for Returning<B> {}

impl<B> Returning<B> {
    /// One that is here already.
    pub(super) fn here(buffer: B, was_copied: Option<bool>) -> Self {
        Self { state: BufferState::Here(buffer), was_copied }
    }

    /// One in the cell of `started`.
    ///
    /// # Safety
    ///
    /// `take` is for cells of this kind, and may be called when the cell is settled and its outcome
    /// has been given.
    pub(super) unsafe fn in_kernel(started: Started<()>, take: Take<B>) -> Self {
        Self { state: BufferState::InKernel(started, take), was_copied: None }
    }

    /// Whether the kernel has copied the bytes nevertheless, as it does for a peer on the same
    /// machine; known when the buffer has come back. `None` before, and from kernels that do not
    /// say it. Since Linux 6.7.
    pub fn was_copied(&self) -> Option<bool> {
        self.was_copied
    }
}

impl<B> Future for Returning<B> {
    type Output = B;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B> {
        let this = self.get_mut();
        let mut outcome = Outcome::default();
        if let BufferState::InKernel(started, _) = &this.state {
            // SAFETY: we are the future.
            let polled = unsafe { started.header().completion.poll(cx.waker()) };
            let Some(last) = polled else { return noted(Awaited::Operation, Poll::Pending) };
            outcome = last;
        }
        match mem::replace(&mut this.state, BufferState::Taken) {
            BufferState::Here(buffer) => Poll::Ready(buffer),
            BufferState::InKernel(started, take) => {
                // SAFETY: it is for this cell, says `in_kernel`; the outcome has been given to us.
                let (buffer, is_reported) = unsafe { take(started) };
                this.was_copied = is_reported.then_some(outcome.result < 0);
                Poll::Ready(buffer)
            }
            BufferState::Taken => panic!("a buffer that has come back was polled again"),
        }
    }
}

impl<B> fmt::Debug for Returning<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            BufferState::Here(_) => "here",
            BufferState::InKernel(..) => "in the kernel",
            BufferState::Taken => "taken",
        };
        f.debug_struct("Returning").field("state", &state).finish_non_exhaustive()
    }
}
