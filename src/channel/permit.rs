//! Places that are reserved before there is an item.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

#[cfg(doc)]
use super::Channel;
use super::reserving::Reserving;
use super::sender::Sender;
use super::shared::Shared;
use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::error::SendError;

/// A reserved place for one item; made by [`Sender::reserve`] and its other forms.
///
/// The place counts as taken: a channel of capacity 2 with a permit out holds one item, and then
/// senders wait. The item of a permit stands in line where it is sent, not where the place was
/// reserved. Dropping the permit gives its place to who is next in line.
///
/// **When the channel is closed meanwhile** the permit is still good: its item goes in and can be
/// received, and receivers wait for it before they are told that the channel has ended. If nobody
/// is left to receive, the item is dropped at once, as all that is left in a channel is.
///
/// **With capacity 0** a permit means that a receiver has come for its item. Should that one have
/// given up when the item is sent, the item is kept for the next one, as an item is that a receiver
/// was handed and did not take.
///
/// A permit that is leaked ([`std::mem::forget`]) keeps its place until the last sender is gone.
///
/// # Examples
///
/// ```
/// use ringpool::channel::{Channel, TrySendError};
///
/// # futures::executor::block_on(async {
/// let (sender, receiver) = Channel::bounded(1).split();
/// let permit = sender.reserve().await?;
/// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
/// permit.send(2);
/// assert_eq!(receiver.recv().await, Ok(2));
/// # Ok::<(), ringpool::channel::SendError<()>>(()) }).unwrap();
/// ```
#[must_use = "it holds a place of the channel until it is used or dropped"]
pub struct Permit<'a, T> {
    shared: &'a Shared<T>,
}

/// A [`Permit`] that owns its sender, for a place that is used elsewhere or later; made by
/// [`Sender::reserve_owned`] and [`Sender::try_reserve_owned`].
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// # futures::executor::block_on(async {
/// let (sender, receiver) = ringpool::Channel::bounded(1).split();
/// let permit = sender.reserve_owned().await?;
/// let thread = thread::spawn(move || permit.send("from afar"));
/// assert_eq!(receiver.recv().await, Ok("from afar"));
/// let sender = thread.join().unwrap();
/// assert_eq!(sender.sender_count(), 1);
/// # Ok::<(), ringpool::channel::SendError<()>>(()) }).unwrap();
/// ```
#[must_use = "it holds a place of the channel until it is used or dropped"]
pub struct OwnedPermit<T> {
    /// `None` once the place is given away.
    sender: Option<Sender<T>>,
}

/// A wait for a place; made by [`Sender::reserve`].
#[must_use = "nothing is reserved before the future is awaited"]
pub struct ReserveFuture<'a, T> {
    shared: &'a Shared<T>,
    reserving: Reserving,
}

/// A wait for a place by a sender that goes into the permit; made by [`Sender::reserve_owned`].
#[must_use = "nothing is reserved before the future is awaited"]
pub struct ReserveOwnedFuture<T> {
    /// `None` when it is over.
    sender: Option<Sender<T>>,
    reserving: Reserving,
}

impl<'a, T> Permit<'a, T> {
    /// Takes over a place that has been reserved.
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared }
    }

    /// Sends the item into the reserved place: it never fails and never waits.
    ///
    /// If nobody is left to receive, the item is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let channel = ringpool::Channel::bounded(1);
    /// let permit = channel.try_reserve()?;
    /// channel.close();
    /// permit.send(1);
    /// assert_eq!(channel.recv_blocking(), Ok(1));
    /// # Ok::<(), ringpool::channel::TrySendError<()>>(())
    /// ```
    pub fn send(self, item: T) {
        let shared = self.shared;
        mem::forget(self);
        shared.send_reserved(item);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.shared.release();
    }
}

impl<T> OwnedPermit<T> {
    /// Takes over a place that has been reserved.
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender: Some(sender) }
    }

    /// Sends the item into the reserved place, and gives the sender back; see [`Permit::send`].
    pub fn send(mut self, item: T) -> Sender<T> {
        let sender = self.sender.take().expect(GIVEN_AWAY);
        sender.shared.send_reserved(item);
        sender
    }

    /// Gives the place to who is next in line, and the sender back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = ringpool::Channel::bounded(1).split();
    /// let permit = sender.try_reserve_owned().expect("there is room");
    /// assert!(permit.release().try_send(1).is_ok());
    /// ```
    pub fn release(mut self) -> Sender<T> {
        let sender = self.sender.take().expect(GIVEN_AWAY);
        sender.shared.release();
        sender
    }
}

const GIVEN_AWAY: &str = "only what consumes a permit takes its sender out";

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.shared.release();
        }
    }
}

impl<'a, T> ReserveFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared, reserving: Reserving::Idle }
    }
}

impl<'a, T> Future for ReserveFuture<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(context));
        let this = &mut *self;
        let reserved = this.shared.poll_reserve(&mut this.reserving, context.waker());
        let reserved = ready!(noted(Awaited::Channel, reserved));
        coop::spend();
        Poll::Ready(reserved.map(|()| Permit::new(this.shared)))
    }
}

impl<T> Drop for ReserveFuture<'_, T> {
    fn drop(&mut self) {
        if let Reserving::Waiting(key) = self.reserving {
            self.shared.abandon_reserve(key);
        }
    }
}

impl<T> ReserveOwnedFuture<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        Self { sender: Some(sender), reserving: Reserving::Idle }
    }
}

impl<T> Future for ReserveOwnedFuture<T> {
    type Output = Result<OwnedPermit<T>, SendError<()>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(context));
        let this = &mut *self;
        let sender =
            this.sender.as_ref().expect("a reservation must not be polled after it has completed");
        let reserved = sender.shared.poll_reserve(&mut this.reserving, context.waker());
        let reserved = ready!(noted(Awaited::Channel, reserved));
        coop::spend();
        let sender = this.sender.take().expect("it was there a moment ago");
        Poll::Ready(reserved.map(|()| OwnedPermit::new(sender)))
    }
}

impl<T> Drop for ReserveOwnedFuture<T> {
    fn drop(&mut self) {
        if let (Reserving::Waiting(key), Some(sender)) = (self.reserving, &self.sender) {
            sender.shared.abandon_reserve(key);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.describe("Permit", f)
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &self.sender).finish()
    }
}

impl<T> fmt::Debug for ReserveFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.reserving, Reserving::Waiting(_));
        f.debug_struct("ReserveFuture").field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ReserveOwnedFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.reserving, Reserving::Waiting(_));
        f.debug_struct("ReserveOwnedFuture").field("waiting", &waiting).finish_non_exhaustive()
    }
}
