//! Handles that do not keep the channel open.

use std::fmt;

#[cfg(doc)]
use super::Channel;
use super::receiver::Receiver;
use super::sender::Sender;
use super::shared::Shared;
use crate::primitives::Arc;

/// A handle that can become a [`Sender`] as long as there is one, and does not keep the sending end
/// open; made by [`Sender::downgrade`].
///
/// It keeps the memory of the channel, though not the items in it.
///
/// # Examples
///
/// ```
/// use ringpool::Channel;
///
/// let (sender, receiver) = Channel::bounded(4).split();
/// let weak = sender.downgrade();
/// weak.upgrade().expect("there is a sender").send_blocking(1)?;
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.recv_blocking(), Ok(1));
/// assert!(receiver.recv_blocking().is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WeakSender<T> {
    shared: Arc<Shared<T>>,
}

/// A handle that can become a [`Receiver`] as long as there is one, and does not keep the receiving
/// end open; made by [`Receiver::downgrade`].
///
/// It keeps the memory of the channel, though not the items in it.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = ringpool::Channel::bounded(4).split();
/// let weak = receiver.downgrade();
/// sender.send_blocking(1)?;
/// assert_eq!(weak.upgrade().expect("there is a receiver").recv_blocking(), Ok(1));
/// drop(receiver);
/// assert!(weak.upgrade().is_none());
/// assert!(sender.is_closed());
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WeakReceiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WeakSender<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// A sender, unless the last one is gone; the channel may have been closed all the same.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let is_alive = self.shared.revive_sender();
        is_alive.then(|| Sender { shared: Arc::clone(&self.shared) })
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

impl<T> WeakReceiver<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>) -> Self {
        Self { shared: Arc::clone(shared) }
    }

    /// A receiver, unless the last one is gone; the channel may have been closed all the same.
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        let is_alive = self.shared.revive_receiver();
        is_alive.then(|| Receiver::new(Arc::clone(&self.shared)))
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("WeakSender", f)
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("WeakReceiver", f)
    }
}
