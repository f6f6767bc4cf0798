//! The sending end.

use std::fmt;
use std::time::Duration;

#[cfg(doc)]
use super::Channel;
use super::blocking;
use super::futures::SendFuture;
use super::shared::Shared;
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

    /// Sends an item, blocking the thread until there is room.
    ///
    /// For plain threads: on the thread of a ring it would stop every task there.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item if the channel is closed, or is closed while it waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::Channel::bounded(0).split();
    /// let giver = std::thread::spawn(move || sender.send_blocking(7));
    /// assert_eq!(receiver.recv_blocking(), Ok(7));
    /// assert!(giver.join().unwrap().is_ok());
    /// ```
    pub fn send_blocking(&self, item: T) -> Result<(), SendError<T>> {
        blocking::send(&self.shared, item)
    }

    /// Sends an item, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] with the item if the time is over or the channel is closed.
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
    pub fn send_timeout(&self, item: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        blocking::send_timeout(&self.shared, item, timeout)
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

    /// Whether there is no room now; a channel of capacity 0 is always full.
    pub fn is_full(&self) -> bool {
        self.len() >= self.capacity()
    }

    /// How many items the channel holds at most, exactly as it was asked for.
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
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
