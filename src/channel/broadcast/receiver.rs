//! The end that receives every item, which is a stream too.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_core::Stream;

use super::error::{Lagged, RecvError, RecvTimeoutError, TryRecvError};
use super::look::LookPolicy;
use super::shared::{Cursor, Shared};
use super::slot::Share;
use crate::awaiting::Awaited;
use crate::coop;
use crate::primitives::Arc;
use crate::sync::waiting::{Place, Wait, block_for, block_on, poll_with_budget};

/// The end of a [`channel`](super::channel) that gets every item that is sent while it exists.
///
/// It is also a [`Stream`] of `Result<T, Lagged>`, which ends when the channel is closed and every
/// item was received.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::channel::broadcast;
///
/// # futures::executor::block_on(async {
/// let (sender, receiver) = broadcast::channel(4);
/// for number in 1..=3 {
///     sender.send(number)?;
/// }
/// drop(sender);
/// assert_eq!(receiver.collect::<Vec<_>>().await, [Ok(1), Ok(2), Ok(3)]);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    cursor: Cursor,
    /// The place in line of a wait, or what is left of one that was served.
    place: Place,
    looks: LookPolicy,
}

impl<T> Receiver<T> {
    /// The receiver is counted already.
    pub(super) fn new(shared: Arc<Shared<T>>, cursor: Cursor) -> Self {
        Self { shared, cursor, place: Place::Outside, looks: LookPolicy::default() }
    }

    /// Receives the next item, waiting until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if items were overwritten, which is told once; [`RecvError::Closed`]
    /// if all senders are gone, and every item was received.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped: an item is received only when it is given.
    ///
    /// # Panics
    ///
    /// If cloning the item does; the receiver is then past that item.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::broadcast::{self, RecvError};
    ///
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// sender.send(1)?;
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Ok(1));
    /// assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn recv(&mut self) -> Recv<'_, T>
    where
        T: Clone,
    {
        Recv { receiver: self, is_waiting: false }
    }

    /// Receives the next item if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is none now, or never will be, or items were overwritten.
    ///
    /// # Panics
    ///
    /// If cloning the item does; the receiver is then past that item.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::broadcast::{self, TryRecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1)?;
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError>
    where
        T: Clone,
    {
        // SAFETY: our own cursor; we are counted as long as we live.
        unsafe { self.shared.try_claim(&mut self.cursor) }.map(Share::into_item)
    }

    /// As [`recv`](Self::recv), blocking the thread; for plain threads.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// On the thread of a ring, which would stop every task there: await `recv` instead. And if
    /// cloning the item panics.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = ringpool::channel::broadcast::channel(1);
    /// let thread = std::thread::spawn(move || receiver.recv_blocking());
    /// sender.send(7)?;
    /// assert_eq!(thread.join().unwrap(), Ok(7));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv_blocking(&mut self) -> Result<T, RecvError>
    where
        T: Clone,
    {
        block_on(self.recv(), "recv")
    }

    /// As [`recv`](Self::recv), blocking the thread for at most `timeout`; for plain threads.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`RecvTimeoutError::Timeout`] if the time is over.
    ///
    /// # Panics
    ///
    /// As [`recv_blocking`](Self::recv_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::broadcast::{self, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (_sender, mut receiver) = broadcast::channel::<u8>(1);
    /// let received = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(received, Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError>
    where
        T: Clone,
    {
        match block_for(self.recv(), timeout, "recv") {
            Some(received) => received.map_err(RecvTimeoutError::from),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// One more receiver, which gets what is sent from now on, not what this one has still to
    /// receive.
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
    /// let (sender, receiver) = broadcast::channel(4);
    /// sender.send(1)?;
    /// assert_eq!(receiver.resubscribe().try_recv(), Err(TryRecvError::Empty));
    /// assert_eq!(receiver.len(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn resubscribe(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.shared.add_receiver())
    }

    /// How many items were sent that this receiver has not received; those that were overwritten
    /// count until it has been told of them.
    pub fn len(&self) -> usize {
        usize::try_from(self.shared.behind(self.cursor)).unwrap_or(usize::MAX)
    }

    /// Whether there is nothing to receive now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all senders are gone; what they have sent can still be received.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many senders there are now.
    pub fn sender_count(&self) -> usize {
        self.shared.senders()
    }

    /// Whether both are ends of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    #[inline]
    fn poll_recv(&mut self, waker: &Waker) -> Poll<Result<T, RecvError>>
    where
        T: Clone,
    {
        let Self { shared, cursor, place, looks } = self;
        // SAFETY: our own cursor; we are counted as long as we live.
        let claimed = ready!(unsafe { shared.poll_claim(cursor, place, looks, waker) });
        Poll::Ready(claimed.map(Share::into_item).map_err(TryRecvError::of_a_wait))
    }
}

impl<T: Clone> Stream for Receiver<T> {
    type Item = Result<T, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        ready!(coop::poll_proceed(cx));
        let received = ready!(self.poll_recv(cx.waker()));
        coop::spend();
        Poll::Ready(match received {
            Ok(item) => Some(Ok(item)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(RecvError::Closed) => None,
        })
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.leave(&mut self.place);
        // SAFETY: our own cursor, for the last time.
        unsafe { self.shared.remove_receiver(self.cursor) };
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A receive that waits for an item; made by [`Receiver::recv`].
#[must_use = "nothing is received before the future is awaited"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// Whether the last poll was in vain, so that there is a waker in line.
    is_waiting: bool,
}

impl<T: Clone> Wait for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    const AWAITED: Awaited = Awaited::Channel;

    #[inline]
    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
        self.is_waiting = true;
        let received = ready!(self.receiver.poll_recv(waker));
        self.is_waiting = false;
        Poll::Ready(received)
    }

    fn give_up(&mut self) -> Option<Self::Output> {
        match self.receiver.try_recv() {
            Ok(item) => Some(Ok(item)),
            Err(TryRecvError::Empty) => None,
            Err(error) => Some(Err(error.of_a_wait())),
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_with_budget(&mut *self, cx)
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_waiting {
            self.receiver.shared.leave(&mut self.receiver.place);
        }
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").field("waiting", &self.is_waiting).finish_non_exhaustive()
    }
}
