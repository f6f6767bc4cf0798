//! The sending end.

use std::fmt;
use std::time::Duration;

#[cfg(doc)]
use super::Channel;
use super::blocking;
use super::futures::SendFuture;
use super::permit::{OwnedPermit, Permit, ReserveFuture, ReserveOwnedFuture};
use super::shared::Shared;
use super::weak::WeakSender;
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::primitives::Arc;

/// The sending end of a [`Channel`]; the last one to go closes the channel.
///
/// Made by [`Channel::split`]. Clones send into the same channel. What was accepted before the
/// channel closed can still be received.
///
/// # Examples
///
/// ```
/// use ringpool::Channel;
///
/// let (sender, receiver) = Channel::bounded(4).split();
/// let other = sender.clone();
/// sender.send_blocking(1)?;
/// other.send_blocking(2)?;
/// drop((sender, other));
/// assert_eq!(receiver.recv_blocking(), Ok(1));
/// assert_eq!(receiver.recv_blocking(), Ok(2));
/// assert!(receiver.recv_blocking().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends an item, waiting for room behind those who came first; see [`Channel::send`].
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item if the channel is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// As [`Channel::send`]: either the item was sent, or it is dropped with the future.
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
    pub fn send(&self, item: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.shared, item)
    }

    /// Sends an item if that needs no waiting.
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
    /// let (sender, _receiver) = Channel::bounded(1).split();
    /// assert!(sender.try_send(1).is_ok());
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(item)
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
    /// let (sender, receiver) = ringpool::Channel::bounded(0).split();
    /// let giver = std::thread::spawn(move || sender.send_blocking(7));
    /// assert_eq!(receiver.recv_blocking(), Ok(7));
    /// assert!(giver.join().unwrap().is_ok());
    /// ```
    #[track_caller]
    pub fn send_blocking(&self, item: T) -> Result<(), SendError<T>> {
        blocking::send(&self.shared, item)
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
    /// let (sender, _receiver) = Channel::bounded(1).split();
    /// let timeout = Duration::from_millis(1);
    /// assert!(sender.send_timeout(1, timeout).is_ok());
    /// assert_eq!(sender.send_timeout(2, timeout), Err(SendTimeoutError::Timeout(2)));
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        blocking::send_timeout(&self.shared, item, timeout)
    }

    /// Waits for a place behind those who came first, and reserves it for an item to come.
    ///
    /// Then [`Permit::send`] neither waits nor fails, so nothing has to be made, or taken from
    /// elsewhere, before it is certain that there is room for it.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: no item is in it yet. A place that it got goes to who is next in line; its
    /// own place in line is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (jobs, to_do) = ringpool::Channel::bounded(2).split();
    /// let (done, results) = ringpool::Channel::bounded(1).split();
    /// jobs.send(20).await.unwrap();
    /// // Whatever is dropped where, a job is only taken when its result has a place.
    /// let place = done.reserve().await?;
    /// let job = to_do.recv().await.unwrap();
    /// place.send(job + 1);
    /// assert_eq!(results.recv().await, Ok(21));
    /// # Ok::<(), ringpool::channel::SendError<()>>(()) }).unwrap();
    /// ```
    pub fn reserve(&self) -> ReserveFuture<'_, T> {
        ReserveFuture::new(&self.shared)
    }

    /// As [`reserve`](Self::reserve), with this sender inside the permit, which can go anywhere
    /// then. It comes back from [`OwnedPermit::send`] and [`OwnedPermit::release`].
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// As [`reserve`](Self::reserve); the sender is dropped with the future. To keep it, clone it
    /// before.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled after it has completed.
    pub fn reserve_owned(self) -> ReserveOwnedFuture<T> {
        ReserveOwnedFuture::new(self)
    }

    /// Reserves a place if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if there is no room, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, TrySendError};
    ///
    /// let (sender, _receiver) = Channel::<u8>::bounded(1).split();
    /// let permit = sender.try_reserve()?;
    /// assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Full(()));
    /// drop(permit);
    /// assert!(sender.try_reserve().is_ok());
    /// # Ok::<(), TrySendError<()>>(())
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.shared.try_reserve().map(|()| Permit::new(&self.shared))
    }

    /// As [`try_reserve`](Self::try_reserve), with this sender inside the permit.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] with the sender if there is no room, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::Channel::bounded(1).split();
    /// let permit = sender.try_reserve_owned().expect("there is room");
    /// let sender = permit.send(1);
    /// assert!(sender.try_reserve_owned().is_err());
    /// assert_eq!(receiver.recv_blocking(), Ok(1));
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.shared.try_reserve() {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }

    /// Reserves a place, blocking the thread until there is one.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, or is closed while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`reserve`](Self::reserve)
    /// there.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::Channel::bounded(1).split();
    /// sender.reserve_blocking()?.send(1);
    /// assert_eq!(receiver.recv_blocking(), Ok(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn reserve_blocking(&self) -> Result<Permit<'_, T>, SendError<()>> {
        blocking::reserve(&self.shared).map(|()| Permit::new(&self.shared))
    }

    /// Reserves a place, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the time is over or the channel is closed.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`reserve`](Self::reserve)
    /// there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::{Channel, SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = Channel::<u8>::bounded(0).split();
    /// let reserved = sender.reserve_timeout(Duration::from_millis(1));
    /// assert_eq!(reserved.unwrap_err(), SendTimeoutError::Timeout(()));
    /// ```
    #[track_caller]
    pub fn reserve_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        blocking::reserve_timeout(&self.shared, timeout).map(|()| Permit::new(&self.shared))
    }

    /// A handle that does not keep the sending end open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = ringpool::Channel::<u8>::bounded(1).split();
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
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
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.add_sender();
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("Sender", f)
    }
}
