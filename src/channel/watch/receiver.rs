//! The end that looks at the value, and waits for it to change.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::shared::{Shared, Version};
use crate::awaiting::Awaited;
use crate::error::{RecvError, RecvTimeoutError};
use crate::primitives::{Arc, RwLockReadGuard};
use crate::sync::waiting::{Place, Wait, block_for, block_on, poll_with_budget};

/// The end of a [`channel`](super::channel) that looks at the value; a clone has seen the same.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: Version,
    /// Where a wait of this receiver is; outside of it, unless one was leaked.
    place: Place,
}

/// A look at the value, which nobody changes as long as this lives.
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Receiver<T> {
    /// The receiver is counted already, and counts what is there as seen.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        let seen = shared.version();
        Self { shared, seen, place: Place::Outside }
    }

    /// Looks at the value, which does not count as seen by that; see the [module](super) for what
    /// a `Ref` holds up.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_sender, receiver) = ringpool::channel::watch::channel("hello");
    /// assert_eq!(*receiver.borrow(), "hello");
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        let (value, version) = self.shared.read();
        Ref::new(value, version != self.seen)
    }

    /// Looks at the value, which counts as seen from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = ringpool::channel::watch::channel(1);
    /// sender.send(2)?;
    /// assert!(receiver.borrow_and_update().has_changed());
    /// assert!(!receiver.borrow_and_update().has_changed());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let (value, version) = self.shared.read();
        let has_changed = version != self.seen;
        self.seen = version;
        Ref::new(value, has_changed)
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone, whether or not their last value was seen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.shared.is_closed() {
            return Err(RecvError);
        }
        Ok(self.shared.version() != self.seen)
    }

    /// Makes the present value count as not seen.
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.version().before();
    }

    /// Makes the present value count as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits until there is a value that this receiver has not seen, which then counts as seen.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone, and their last value was seen.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped: a value counts as seen only when this has said so.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = ringpool::channel::watch::channel(1);
    /// sender.send_replace(2);
    /// drop(sender);
    /// assert_eq!(receiver.changed().await, Ok(()));
    /// assert_eq!(*receiver.borrow(), 2);
    /// assert!(receiver.changed().await.is_err());
    /// # });
    /// ```
    pub fn changed(&mut self) -> Changed<'_, T> {
        let Self { shared, seen, place } = self;
        Changed { shared, seen, place }
    }

    /// As [`changed`](Self::changed), blocking the thread; for plain threads.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone, and their last value was seen.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, which would stop every task there: await `changed` instead.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = ringpool::channel::watch::channel(1);
    /// let thread = std::thread::spawn(move || receiver.changed_blocking());
    /// sender.send_replace(2);
    /// assert_eq!(thread.join().unwrap(), Ok(()));
    /// ```
    pub fn changed_blocking(&mut self) -> Result<(), RecvError> {
        block_on(self.changed(), "changed")
    }

    /// As [`changed`](Self::changed), blocking the thread for at most `timeout`; for plain threads.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if the time is over, or all senders are gone and their last value was
    /// seen.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, as [`changed_blocking`](Self::changed_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::channel::watch::{self, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (_sender, mut receiver) = watch::channel(1);
    /// let changed = receiver.changed_timeout(Duration::from_millis(1));
    /// assert_eq!(changed, Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn changed_timeout(&mut self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        match block_for(self.changed(), timeout, "changed") {
            Some(changed) => changed.map_err(RecvTimeoutError::from),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Waits until the value is as `condition` wants it, which may be so from the beginning; every
    /// value that it was shown counts as seen. The value cannot change while the answer lives.
    ///
    /// The condition runs under the read lock.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if all senders are gone, and their last value is not as wanted.
    ///
    /// # Cancel safety
    ///
    /// No value is lost if the future is dropped, but those that the condition was shown count as
    /// seen.
    ///
    /// # Panics
    ///
    /// If the condition does.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (sender, mut receiver) = ringpool::channel::watch::channel(1);
    /// sender.send(5)?;
    /// assert_eq!(*receiver.wait_for(|number| *number > 3).await?, 5);
    /// # Ok::<(), std::io::Error>(()) }).unwrap();
    /// ```
    pub async fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        let Self { shared, seen, place } = self;
        let shared: &Shared<T> = shared;
        loop {
            {
                let (value, version) = shared.read();
                let has_changed = version != *seen;
                *seen = version;
                if condition(&value) {
                    return Ok(Ref::new(value, has_changed));
                }
            }
            Changed { shared, seen: &mut *seen, place: &mut *place }.await?;
        }
    }

    /// Whether both are ends of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.add_receiver();
        Self { shared: Arc::clone(&self.shared), seen: self.seen, place: Place::Outside }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.leave_watching(&mut self.place);
        self.shared.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.shared.version() != self.seen;
        f.debug_struct("Receiver").field("changed", &changed).finish_non_exhaustive()
    }
}

impl<'a, T> Ref<'a, T> {
    pub(super) fn new(value: RwLockReadGuard<'a, T>, has_changed: bool) -> Self {
        Self { value, has_changed }
    }

    /// Whether the receiver had not seen this value before; never of a sender's `borrow`.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: &T = self;
        f.debug_struct("Ref").field("value", value).field("changed", &self.has_changed).finish()
    }
}

/// A wait for a value that was not seen; made by [`Receiver::changed`].
#[must_use = "nothing is waited for before the future is awaited"]
pub struct Changed<'a, T> {
    shared: &'a Shared<T>,
    seen: &'a mut Version,
    place: &'a mut Place,
}

impl<T> Wait for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    const AWAITED: Awaited = Awaited::Channel;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
        let polled = self.shared.poll_changed(*self.seen, self.place, waker);
        polled.map(|news| news.map(|version| *self.seen = version))
    }

    fn give_up(&mut self) -> Option<Self::Output> {
        self.shared.leave_watching(self.place);
        let news = self.shared.news(*self.seen)?;
        Some(news.map(|version| *self.seen = version))
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_with_budget(&mut *self, cx)
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        self.shared.leave_watching(self.place);
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("Changed").field("waiting", &waiting).finish_non_exhaustive()
    }
}
