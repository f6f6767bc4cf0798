//! The half that sends.

use std::fmt;
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::task::{Context, Poll, ready};

use super::cell::Half;
use crate::coop;

/// The half of a [`channel`](super::channel) that sends its value; if it is dropped instead, the
/// receiver gets an error.
pub struct Sender<T>(ManuallyDrop<Half<T>>);

impl<T> Sender<T> {
    pub(super) fn new(half: Half<T>) -> Self {
        Self(ManuallyDrop::new(half))
    }

    /// Sends the value, without waiting for anybody to take it.
    ///
    /// `Ok` does not say that the value will be received: the receiver may be dropped with it.
    ///
    /// # Errors
    ///
    /// The value, if the receiver is gone or has closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send(7), Err(7));
    /// ```
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once, since `self` is neither used nor dropped after this.
        let half = unsafe { ManuallyDrop::take(&mut this.0) };
        // SAFETY: we are the sender, which is consumed by sending.
        unsafe { half.send(value) }
    }

    /// Waits until nobody wants the value any more: the receiver is gone, or has closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (mut sender, receiver) = ringpool::channel::oneshot::channel::<u8>();
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub async fn closed(&mut self) {
        /// Takes the waker back when the wait is over.
        struct Wait<'a, T>(&'a mut Sender<T>);
        impl<T> Drop for Wait<'_, T> {
            fn drop(&mut self) {
                // SAFETY: we are the sender, exclusively.
                unsafe { self.0.0.withdraw_sender() };
            }
        }
        let wait = Wait(self);
        poll_fn(|cx| wait.0.poll_wait(cx)).await;
    }

    /// As [`closed`](Self::closed), for a future of one's own: `Pending` means that the waker will
    /// be woken, unless another call has left one since.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_wait(cx)
    }

    /// Whether nobody wants the value any more; it stays so.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = ringpool::channel::oneshot::channel::<u8>();
    /// assert!(!sender.is_closed());
    /// receiver.close();
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn poll_wait(&self, cx: &Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        // SAFETY: both callers have borrowed the sender exclusively.
        if !unsafe { self.0.wait_for_close(cx.waker()) } {
            return Poll::Pending;
        }
        coop::spend();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: taken once, since this is the end of it.
        let half = unsafe { ManuallyDrop::take(&mut self.0) };
        // SAFETY: we are the sender, and `send` does not drop it.
        unsafe { half.drop_sender() };
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
