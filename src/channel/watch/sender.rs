//! The end that changes the value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::receiver::{Receiver, Ref};
use super::shared::Shared;
use crate::awaiting::Awaited;
use crate::error::SendError;
use crate::primitives::Arc;
use crate::sync::waiting::{Place, Wait, poll_with_budget};

/// The end of a [`channel`](super::channel) that changes the value; when the last one is gone,
/// receivers that have seen its last value get an error.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Makes a value that nobody watches yet.
    ///
    /// # Examples
    ///
    /// ```
    /// let sender = ringpool::channel::watch::Sender::new(1);
    /// assert_eq!(sender.receiver_count(), 0);
    /// assert_eq!(*sender.subscribe().borrow(), 1);
    /// ```
    pub fn new(init: T) -> Self {
        super::channel(init).0
    }

    pub(super) fn of(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Replaces the value and tells all receivers.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value if there is no receiver; the old value stays.
    /// [`send_replace`](Self::send_replace) does not mind.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::watch::channel(1);
    /// sender.send(2)?;
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Replaces the value, tells all receivers, and gives the old value. Works without receivers.
    ///
    /// # Examples
    ///
    /// ```
    /// let sender = ringpool::channel::watch::Sender::new(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// ```
    pub fn send_replace(&self, value: T) -> T {
        self.shared.change(|current| (true, std::mem::replace(current, value)))
    }

    /// Changes the value in place and tells all receivers. Works without receivers.
    ///
    /// # Panics
    ///
    /// If `modify` does; what it has changed until then stays, and nobody is told of it.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::watch::channel(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.shared.change(|value| (true, modify(value)));
    }

    /// As [`send_modify`](Self::send_modify), but tells nobody if `modify` gives `false`; says
    /// what it gave.
    ///
    /// # Panics
    ///
    /// If `modify` does; what it has changed until then stays, and nobody is told of it.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::watch::channel(1);
    /// assert!(!sender.send_if_modified(|number| *number > 1));
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        self.shared.change(|value| {
            let is_modified = modify(value);
            (is_modified, is_modified)
        })
    }

    /// Looks at the value; see the [module](super) for what a `Ref` holds up.
    pub fn borrow(&self) -> Ref<'_, T> {
        let (guard, _version) = self.shared.read();
        Ref::new(guard, false)
    }

    /// One more receiver, which counts the present value as seen.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = ringpool::channel::watch::channel(1);
    /// drop(receiver);
    /// let receiver = sender.subscribe();
    /// sender.send(2)?;
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.add_receiver();
        Receiver::first(Arc::clone(&self.shared))
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
    /// let (sender, receiver) = ringpool::channel::watch::channel(1);
    /// drop(receiver);
    /// sender.closed().await;
    /// # });
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { shared: &self.shared, place: Place::Outside }
    }

    /// Whether there is no receiver now; [`subscribe`](Self::subscribe) makes one again.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
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

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
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
            .field("senders", &self.sender_count())
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
