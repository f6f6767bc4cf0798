//! The handle of both ends.

use std::fmt;
use std::time::Duration;

use super::futures::{RecvFuture, SendFuture};
use super::permit::{Permit, ReserveFuture};
use super::receiver::Receiver;
use super::sender::Sender;
use super::shared::Shared;
use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::primitives::Arc;

/// A bounded channel with many senders and many receivers; this handle is both ends in one.
///
/// See the [module](super) for what it promises, and for when it closes.
///
/// # Examples
///
/// ```
/// use ringpool::Channel;
///
/// # futures::executor::block_on(async {
/// let work = Channel::bounded(64);
/// let same = work.clone();
/// work.send("a job").await?;
/// assert_eq!(same.recv().await, Ok("a job"));
/// # Ok::<(), ringpool::channel::SendError<&str>>(()) }).unwrap();
/// ```
pub struct Channel<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
}

impl<T> Channel<T> {
    /// Makes a channel for at most `capacity` items, exactly; with 0 each item goes from hand to
    /// hand.
    ///
    /// The memory for `capacity` items is allocated here, and no more later.
    ///
    /// # Panics
    ///
    /// If `capacity` items are more than an address can reach. As for a `Vec`, it ends the process
    /// if there is no memory for them.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::<u8>::bounded(3);
    /// assert_eq!(channel.capacity(), 3);
    /// ```
    pub fn bounded(capacity: usize) -> Self {
        Self::of(Shared::bounded(capacity))
    }

    /// Makes a channel that takes any number of items: sending never waits.
    ///
    /// All else is as with [`bounded`](Self::bounded). Memory comes and goes with the items. Where
    /// a receiver can be slower than the senders for long, `bounded` is the better choice, since
    /// nothing slows these senders down.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::unbounded();
    /// for number in 0..1_000 {
    ///     channel.try_send(number)?;
    /// }
    /// assert_eq!(channel.len(), 1_000);
    /// assert_eq!(channel.try_recv(), Ok(0));
    /// # Ok::<(), ringpool::channel::TrySendError<i32>>(())
    /// ```
    pub fn unbounded() -> Self {
        Self::of(Shared::unbounded())
    }

    fn of(shared: Shared<T>) -> Self {
        let shared = Arc::new(shared);
        let sender = Sender { shared: Arc::clone(&shared) };
        Self { sender, receiver: Receiver::new(shared) }
    }

    /// Splits this handle in its two ends, so that the other side can notice when one is gone.
    ///
    /// Other clones of this `Channel` still are handles of both ends.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::Channel::<u8>::bounded(1).split();
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        (self.sender, self.receiver)
    }

    /// Sends an item, waiting for room behind those who came first.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item if the channel is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// Either the item was sent or it was not, nothing in between: if the future is dropped while
    /// it waits and the item was not accepted yet, the item is dropped with it, and its place in
    /// line is lost. To keep the item, use [`Channel::try_send`] or wait to the end.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled after it has completed.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let channel = ringpool::Channel::bounded(1);
    /// channel.send(1).await?;
    /// channel.close();
    /// assert_eq!(channel.send(2).await.unwrap_err().into_inner(), 2);
    /// # Ok::<(), ringpool::channel::SendError<i32>>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn send(&self, item: T) -> SendFuture<'_, T> {
        self.sender.send(item)
    }

    /// Receives the oldest item, waiting for one behind those who came first.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item: one that was handed to it goes to the next in line, or
    /// back to the front of the channel (which may hold that item above its capacity for a
    /// while). Only its place in line is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let channel = ringpool::Channel::bounded(1);
    /// channel.send(1).await?;
    /// channel.close();
    /// assert_eq!(channel.recv().await, Ok(1));
    /// assert!(channel.recv().await.is_err());
    /// # Ok::<(), ringpool::channel::SendError<i32>>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn recv(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(&self.receiver.shared, None)
    }

    /// Sends an item if that needs no waiting; with capacity 0, if a receiver waits for it.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the item if there is no room, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, TrySendError};
    ///
    /// let channel = Channel::bounded(1);
    /// assert!(channel.try_send(1).is_ok());
    /// assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(item)
    }

    /// Receives the oldest item if that needs no waiting; with capacity 0, if a sender waits.
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
    /// let channel = Channel::<u8>::bounded(1);
    /// assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.shared.try_recv()
    }

    /// Waits for a place behind those who came first, and reserves it; see [`Sender::reserve`].
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost but its place in line; a place that it got goes to who is next.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let channel = ringpool::Channel::bounded(1);
    /// channel.reserve().await?.send(1);
    /// assert_eq!(channel.recv().await, Ok(1));
    /// # Ok::<(), ringpool::channel::SendError<()>>(()) }).unwrap();
    /// ```
    pub fn reserve(&self) -> ReserveFuture<'_, T> {
        self.sender.reserve()
    }

    /// Reserves a place if that needs no waiting; see [`Sender::try_reserve`].
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if there is no room, or the channel is closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.sender.try_reserve()
    }

    /// Reserves a place, blocking the thread until there is one; see [`Sender::reserve_blocking`].
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, or is closed while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`reserve`](Self::reserve)
    /// there.
    #[track_caller]
    pub fn reserve_blocking(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.sender.reserve_blocking()
    }

    /// Reserves a place, blocking the thread for at most `timeout`; see
    /// [`Sender::reserve_timeout`].
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the time is over or the channel is closed.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`reserve`](Self::reserve)
    /// there.
    #[track_caller]
    pub fn reserve_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        self.sender.reserve_timeout(timeout)
    }

    /// Sends an item, blocking the thread until there is room; for plain threads.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item if the channel is closed, or is closed while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`send`](Self::send) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::bounded(1);
    /// channel.send_blocking(7)?;
    /// assert_eq!(channel.recv_blocking(), Ok(7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn send_blocking(&self, item: T) -> Result<(), SendError<T>> {
        self.sender.send_blocking(item)
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
    /// let channel = ringpool::Channel::<u8>::bounded(1);
    /// channel.close();
    /// assert!(channel.recv_blocking().is_err());
    /// ```
    #[track_caller]
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        self.receiver.recv_blocking()
    }

    /// Sends an item, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the item if the time is over or the channel is closed.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`send`](Self::send) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// let channel = Channel::bounded(0);
    /// let sent = channel.send_timeout(1, Duration::from_millis(1));
    /// assert_eq!(sent, Err(SendTimeoutError::Timeout(1)));
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.sender.send_timeout(item, timeout)
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
    /// let channel = Channel::<u8>::bounded(1);
    /// let received = channel.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(received, Err(RecvTimeoutError::Timeout));
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout)
    }

    /// Closes the channel: whoever waits or comes to send gets the item back, what was accepted
    /// can still be received, and then receives fail. Closing again does nothing.
    ///
    /// A [`Permit`] was accepted too: receives fail only when none is left.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::bounded(1);
    /// channel.send_blocking(1)?;
    /// channel.close();
    /// assert_eq!(channel.recv_blocking(), Ok(1));
    /// assert!(channel.recv_blocking().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(&self) {
        self.sender.close();
    }

    /// Whether the channel is closed; it never opens again.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// How many items could be received now; the items of waiting senders do not count, nor do
    /// those already handed to a receiver.
    ///
    /// At most [`capacity`](Self::capacity), but for items that receivers gave back.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::bounded(2);
    /// assert!(channel.is_empty());
    /// channel.try_send(1)?;
    /// assert_eq!(channel.len(), 1);
    /// channel.try_send(2)?;
    /// assert!(channel.is_full());
    /// # Ok::<(), ringpool::channel::TrySendError<i32>>(())
    /// ```
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether there is nothing to receive now.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }

    /// Whether there is no room now: all places have an item or are reserved. A channel of capacity
    /// 0 is always full, an unbounded one never.
    pub fn is_full(&self) -> bool {
        self.sender.is_full()
    }

    /// How many items the channel holds at most, exactly as it was asked for; `usize::MAX` if it
    /// is unbounded.
    pub fn capacity(&self) -> usize {
        self.sender.capacity()
    }

    /// How many handles can send now, each `Channel` among them.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::<u8>::bounded(1);
    /// let (sender, receiver) = channel.clone().split();
    /// assert_eq!((channel.sender_count(), channel.receiver_count()), (2, 2));
    /// drop(sender);
    /// assert_eq!((receiver.sender_count(), receiver.receiver_count()), (1, 2));
    /// ```
    pub fn sender_count(&self) -> usize {
        self.sender.sender_count()
    }

    /// How many handles can receive now, each `Channel` among them.
    pub fn receiver_count(&self) -> usize {
        self.receiver.receiver_count()
    }
}

// Not derived, since the items need not be `Clone`.
impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), receiver: self.receiver.clone() }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sender.shared.describe("Channel", f)
    }
}
