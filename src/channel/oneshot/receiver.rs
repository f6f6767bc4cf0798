//! The half that receives.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use super::cell::{Half, Look};
use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::parking::{assert_may_block, park_until};

/// The half of a [`channel`](super::channel) that receives: a future of its value, or of
/// [`RecvError`] if the sender is dropped.
///
/// # Cancel safety
///
/// The future is the half itself: awaited by reference (`(&mut receiver).await`), nothing is lost
/// when the wait is given up. Dropped for good, it drops the value that was sent with it.
///
/// # Panics
///
/// If it is polled after it has given the value or the error.
#[must_use = "dropping the receiver tells the sender that nobody wants the value"]
pub struct Receiver<T> {
    /// `None` when the outcome has been taken.
    half: Option<Half<T>>,
}

impl<T> Receiver<T> {
    pub(super) fn new(half: Half<T>) -> Self {
        Self { half: Some(half) }
    }

    /// Receives the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if the sender has not decided, [`TryRecvError::Closed`] if there
    /// never will be a value, or it has been taken.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::oneshot::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(half) = &self.half else { return Err(TryRecvError::Closed) };
        match half.look() {
            Look::NotYet => Err(TryRecvError::Empty),
            Look::Closed => Err(TryRecvError::Closed),
            Look::Decided => self.take_outcome().ok_or(TryRecvError::Closed),
        }
    }

    /// Receives the value, blocking the thread until it is there; for plain threads.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the sender is gone, or the value has been taken.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, which would stop every task there: await the receiver instead.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::oneshot::channel();
    /// let thread = std::thread::spawn(move || receiver.recv_blocking());
    /// sender.send(7).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// ```
    pub fn recv_blocking(mut self) -> Result<T, RecvError> {
        assert_may_block("the receiver");
        let received = park_until(None, |waker| self.poll_wait(waker));
        received.expect("a wait without a deadline ends only when it is served")
    }

    /// Receives the value, blocking the thread for at most `timeout`; for plain threads.
    ///
    /// When the time is over the receiver can still be used.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if the time is over, the sender is gone, or the value has been taken.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, as [`recv_blocking`](Self::recv_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::oneshot::{self, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// let short = Duration::from_millis(1);
    /// assert_eq!(receiver.recv_timeout(short), Err(RecvTimeoutError::Timeout));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.recv_timeout(short), Ok(1));
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        assert_may_block("the receiver");
        // A deadline too far away to be told is none.
        let deadline = Instant::now().checked_add(timeout);
        if let Some(received) = park_until(deadline, |waker| self.poll_wait(waker)) {
            return received.map_err(RecvTimeoutError::from);
        }
        if let Some(half) = &self.half {
            // SAFETY: we are the receiver, borrowed exclusively.
            unsafe { half.withdraw_receiver() };
        }
        match self.try_recv() {
            Ok(value) => Ok(value),
            Err(TryRecvError::Empty) => Err(RecvTimeoutError::Timeout),
            Err(TryRecvError::Closed) => Err(RecvTimeoutError::Closed),
        }
    }

    /// Tells the sender that no value is wanted any more; one that was sent before can still be
    /// received. Closing again does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = ringpool::channel::oneshot::channel();
    /// receiver.close();
    /// assert_eq!(sender.send(1), Err(1));
    /// assert!(receiver.recv_blocking().is_err());
    /// ```
    pub fn close(&mut self) {
        if let Some(half) = &self.half {
            // SAFETY: we are the receiver.
            unsafe { half.close() };
        }
    }

    /// Whether a value could not be received now; it may come yet, or never.
    pub fn is_empty(&self) -> bool {
        !self.half.as_ref().is_some_and(Half::has_value)
    }

    /// Whether the value or the error has been given, so that it must not be polled any more.
    pub fn is_terminated(&self) -> bool {
        self.half.is_none()
    }

    /// The sender has decided: what it sent, if anything.
    #[inline]
    fn take_outcome(&mut self) -> Option<T> {
        let half = self.half.take()?;
        // SAFETY: we are the receiver, and our callers have seen that it is decided.
        unsafe { half.take_outcome() }
    }

    fn poll_wait(&mut self, waker: &Waker) -> Poll<Result<T, RecvError>> {
        match self.try_recv() {
            Ok(value) => return Poll::Ready(Ok(value)),
            Err(TryRecvError::Closed) => {
                self.half = self.half.take().and_then(Self::dispose);
                return Poll::Ready(Err(RecvError));
            }
            Err(TryRecvError::Empty) => {}
        }
        let half = self.half.as_ref().expect("an empty channel has not ended");
        // SAFETY: we are the receiver, borrowed exclusively, and have not closed.
        if !unsafe { half.wait_for_value(waker) } {
            return Poll::Pending;
        }
        Poll::Ready(self.take_outcome().ok_or(RecvError))
    }

    fn dispose(half: Half<T>) -> Option<Half<T>> {
        // SAFETY: we are the receiver, and nothing was taken yet, since the half was there.
        unsafe { half.drop_receiver() };
        None
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(self.half.is_some(), "a receiver must not be polled after it has completed");
        ready!(coop::poll_proceed(cx));
        let received = ready!(noted(Awaited::Channel, self.poll_wait(cx.waker())));
        coop::spend();
        Poll::Ready(received)
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.half.take().and_then(Self::dispose);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let empty = self.is_empty();
        f.debug_struct("Receiver").field("empty", &empty).finish_non_exhaustive()
    }
}
