//! The receiving end, which is a stream too.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

#[cfg(doc)]
use super::Channel;
use super::blocking;
use super::futures::{RecvFuture, StreamPlace};
use super::receiving::Receiving;
use super::shared::Shared;
use super::weak::WeakReceiver;
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::primitives::Arc;

/// The receiving end of a [`Channel`]; the last one to go closes the channel and drops what is
/// left in it.
///
/// Made by [`Channel::split`]. Clones share the items: each item goes to one of them. A receiver
/// is also a [`Stream`], which ends when the channel is closed and empty.
///
/// A stream that was polled in vain keeps its place in line until it is polled again, dropped, or
/// another receive through the same handle takes the place over.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
///
/// # futures::executor::block_on(async {
/// let (sender, receiver) = ringpool::Channel::bounded(4).split();
/// for number in 1..=3 {
///     sender.send(number).await?;
/// }
/// drop(sender);
/// assert_eq!(receiver.collect::<Vec<_>>().await, [1, 2, 3]);
/// # Ok::<(), ringpool::channel::SendError<i32>>(()) }).unwrap();
/// ```
pub struct Receiver<T> {
    pub(super) shared: Arc<Shared<T>>,
    stream_place: StreamPlace,
}

impl<T> Receiver<T> {
    /// A handle that has been counted already.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, stream_place: StreamPlace::new() }
    }

    /// Receives the oldest item, waiting for one behind those who came first; see
    /// [`Channel::recv`].
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// As [`Channel::recv`]: dropping the future loses no item.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, receiver) = ringpool::Channel::bounded(1).split();
    /// sender.send("hello").await?;
    /// assert_eq!(receiver.recv().await, Ok("hello"));
    /// # Ok::<(), ringpool::channel::SendError<&str>>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn recv(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(&self.shared, Some(&self.stream_place))
    }

    /// Receives the oldest item if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is no item now, or there never will be one again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, TryRecvError};
    ///
    /// let (sender, receiver) = Channel::bounded(1).split();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.try_send(1)?;
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// # Ok::<(), ringpool::channel::TrySendError<i32>>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.stream_place.take() {
            Some(key) => self.shared.finish_or_try_recv(key),
            None => self.shared.try_recv(),
        }
    }

    /// Receives the oldest item, blocking the thread until there is one; for plain threads.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`recv`](Self::recv) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::Channel::bounded(1).split();
    /// let giver = std::thread::spawn(move || sender.send_blocking(7));
    /// assert_eq!(receiver.recv_blocking(), Ok(7));
    /// assert!(giver.join().unwrap().is_ok());
    /// ```
    #[track_caller]
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        blocking::recv_from(&self.shared, || self.receiving())
    }

    /// Receives the oldest item, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if the time is over, or the channel is closed and empty.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`recv`](Self::recv) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = Channel::<u8>::bounded(1).split();
    /// let received = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(received, Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        blocking::recv_timeout_from(&self.shared, || self.receiving(), timeout)
    }

    /// A handle that does not keep the receiving end open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = ringpool::Channel::<u8>::bounded(1).split();
    /// let weak = receiver.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(receiver);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver::new(&self.shared)
    }

    /// Closes the channel; see [`Channel::close`].
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether the channel is closed; it never opens again.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many items could be received now; see [`Channel::len`].
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there is nothing to receive now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room now; see [`Channel::is_full`].
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// How many items the channel holds at most; see [`Channel::capacity`].
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }

    /// How many handles can send; see [`Channel::sender_count`].
    pub fn sender_count(&self) -> usize {
        self.shared.sender_count()
    }

    /// How many handles can receive; see [`Channel::receiver_count`].
    pub fn receiver_count(&self) -> usize {
        self.shared.receiver_count()
    }

    fn receiving(&self) -> Receiving {
        self.stream_place.take().map_or(Receiving::Idle, Receiving::Waiting)
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        this.stream_place.poll(&this.shared, context).map(Result::ok)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.add_receiver();
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Some(key) = self.stream_place.take() {
            self.shared.abandon_recv(key);
        }
        self.shared.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("Receiver", f)
    }
}
