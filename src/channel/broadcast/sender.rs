//! The end that sends to all.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::receiver::Receiver;
use super::shared::Shared;
use crate::awaiting::Awaited;
use crate::error::SendError;
use crate::primitives::Arc;
use crate::sync::waiting::{Place, Wait, poll_with_budget};

/// The end of a [`channel`](super::channel) that sends to all receivers; the last one to go closes
/// it.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Makes a channel without a receiver; see [`channel`](super::channel).
    ///
    /// # Panics
    ///
    /// As [`channel`](super::channel).
    #[track_caller]
    pub fn new(capacity: usize) -> Self
    where
        T: Clone,
    {
        super::channel(capacity).0
    }

    pub(super) fn of(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends an item to all receivers there are, without waiting for any; says how many.
    ///
    /// A receiver that is counted may still be dropped, or too slow.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the item if there is no receiver now; there may be one later.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::broadcast;
    ///
    /// let (sender, receiver) = broadcast::channel(4);
    /// assert_eq!(sender.send(1)?, 1);
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(&self, item: T) -> Result<usize, SendError<T>> {
        self.shared.send(item).map_err(SendError)
    }

    /// One more receiver, which gets what is sent from now on.
    ///
    /// # Panics
    ///
    /// If there are more than a thousand million receivers.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::broadcast::{self, TryRecvError};
    ///
    /// let (sender, _receiver) = broadcast::channel(4);
    /// sender.send(1)?;
    /// let mut late = sender.subscribe();
    /// assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(2)?;
    /// assert_eq!(late.try_recv(), Ok(2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.shared), self.shared.add_receiver())
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, receiver) = ringpool::channel::broadcast::channel::<u8>(4);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, place: Place::Outside }
    }

    /// How many items some receiver has not received yet.
    pub fn len(&self) -> usize {
        self.shared.awaited()
    }

    /// Whether every receiver has received every item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are now.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers()
    }

    /// How many senders there are now.
    pub fn sender_count(&self) -> usize {
        self.shared.senders()
    }

    /// Whether both are ends of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
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
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

/// A wait until there is no receiver; made by [`Sender::closed`].
#[must_use = "nothing is waited for before the future is awaited"]
pub struct Closed<'a, T> {
    shared: &'a Shared<T>,
    place: Place,
}

impl<T> Wait for Closed<'_, T> {
    type Output = ();

    const AWAITED: Awaited = Awaited::Channel;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<()> {
        self.shared.poll_deserted(&mut self.place, waker)
    }

    fn give_up(&mut self) -> Option<()> {
        self.shared.leave_leaving(&mut self.place);
        None
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_with_budget(&mut *self, cx)
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.shared.leave_leaving(&mut self.place);
    }
}

impl<T> fmt::Debug for Closed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("Closed").field("waiting", &waiting).finish_non_exhaustive()
    }
}
