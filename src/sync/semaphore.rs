//! A number of permits for something of which there is only so much.

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::error::{AcquireError, AcquireTimeoutError, TryAcquireError};
use super::permit::{OwnedSemaphorePermit, SemaphorePermit};
use super::permits::{Acquire, PERMITS_MAX, Permits};
use super::waiting::{Wait, block_for, block_on, const_fn, poll_with_budget};

/// A number of permits; whoever needs more than are left waits until others give theirs back.
///
/// **Fair**: who waits is served in the order of arrival, and nobody overtakes. A wait for many
/// permits is not starved by waits for few: those behind it wait until it has got all of its own. A
/// wait that is dropped gives back what it was assigned already. (If nobody is in line, a wait
/// looks on for about a microsecond before it goes there, unless the last permit was taken on its
/// own thread; the order is that in which they lined up.)
///
/// # Examples
///
/// At most two connections at a time:
///
/// ```
/// use ringpool::sync::Semaphore;
/// use ringpool::{Pool, spawn};
/// use std::sync::Arc;
///
/// let pool = Pool::new(1);
/// pool.block_on(async {
///     let places = Arc::new(Semaphore::new(2));
///     for number in 0..10 {
///         let place = Arc::clone(&places).acquire_owned().await?;
///         spawn(async move {
///             println!("connection {number}");
///             drop(place); // Lets the next one in.
///         })
///         .detach();
///     }
///     Ok::<(), ringpool::sync::AcquireError>(())
/// })
/// # .unwrap();
/// ```
pub struct Semaphore {
    pub(super) permits: Permits,
}

impl Semaphore {
    /// How many permits a semaphore can have.
    pub const MAX_PERMITS: usize = PERMITS_MAX;

    const_fn! {
        /// Makes a semaphore with so many permits; also for a `static`.
        ///
        /// # Panics
        ///
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        ///
        /// # Examples
        ///
        /// ```
        /// use ringpool::sync::Semaphore;
        ///
        /// static UPLOADS: Semaphore = Semaphore::new(4);
        /// assert_eq!(UPLOADS.available_permits(), 4);
        /// ```
        pub fn new(permits: usize) -> Self {
            assert!(permits <= Self::MAX_PERMITS, "more permits than a semaphore can have");
            Self { permits: Permits::new(permits) }
        }
    }

    /// Takes one permit, waiting for it behind those who came first.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line and nothing else: a permit that was assigned to
    /// it goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Semaphore;
    ///
    /// # futures::executor::block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.acquire().await?;
    /// assert_eq!(semaphore.available_permits(), 0);
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), ringpool::sync::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> AcquireFuture<'_> {
        self.acquire_many(1)
    }

    /// Takes `count` permits, all at once, waiting for them behind those who came first.
    ///
    /// A wait for more permits than there are waits until some are [added](Self::add_permits), and
    /// everybody who comes later with it.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire): those behind it are served with what it does not need.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Semaphore;
    ///
    /// # futures::executor::block_on(async {
    /// let mebibytes = Semaphore::new(64);
    /// let large = mebibytes.acquire_many(48).await?;
    /// assert!(mebibytes.try_acquire_many(48).is_err());
    /// # drop(large);
    /// # Ok::<(), ringpool::sync::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn acquire_many(&self, count: u32) -> AcquireFuture<'_> {
        AcquireFuture { semaphore: self, count, acquire: self.permits.acquire(count as usize) }
    }

    /// As [`acquire`](Self::acquire), with a permit that borrows nothing: it can be kept, and go
    /// into a task of its own.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// See [`Semaphore`].
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// As [`acquire_many`](Self::acquire_many), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let permits = Arc::clone(&semaphore).acquire_many_owned(2).await?;
    /// std::thread::spawn(move || drop(permits)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 3);
    /// # Ok::<(), ringpool::sync::AcquireError>(()) }).unwrap();
    /// ```
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        // The permits are the same in other hands.
        let _ = ManuallyDrop::new(self.acquire_many(count).await?);
        Ok(OwnedSemaphorePermit::new(self, count as usize))
    }

    /// Takes one permit if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if none is left, somebody waits already, or the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let permit = semaphore.try_acquire()?;
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    /// # drop(permit);
    /// # Ok::<(), TryAcquireError>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `count` permits if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if too few are left, somebody waits already, or the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(3);
    /// let two = semaphore.try_acquire_many(2)?;
    /// assert!(semaphore.try_acquire_many(2).is_err());
    /// # drop(two);
    /// # Ok::<(), ringpool::sync::TryAcquireError>(())
    /// ```
    #[inline]
    pub fn try_acquire_many(&self, count: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.permits.try_acquire(count as usize)?;
        Ok(SemaphorePermit::new(self, count as usize))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if none is left, somebody waits already, or the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] if too few are left, somebody waits already, or the semaphore is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let two = Arc::clone(&semaphore).try_acquire_many_owned(2)?;
    /// assert_eq!(two.num_permits(), 2);
    /// # Ok::<(), ringpool::sync::TryAcquireError>(())
    /// ```
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        count: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.permits.try_acquire(count as usize)?;
        Ok(OwnedSemaphorePermit::new(self, count as usize))
    }

    /// Takes one permit, blocking the thread until it gets it; for plain threads, which wait in the
    /// same line as tasks.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(1);
    /// let permit = semaphore.acquire_blocking()?;
    /// assert_eq!(permit.num_permits(), 1);
    /// # Ok::<(), ringpool::sync::AcquireError>(())
    /// ```
    #[track_caller]
    pub fn acquire_blocking(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire(), "acquire")
    }

    /// Takes `count` permits, blocking the thread until it gets them.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore is closed, or is closed while it waits.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    #[track_caller]
    pub fn acquire_many_blocking(&self, count: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(count), "acquire_many")
    }

    /// Takes one permit, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] if the time is over or the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{AcquireTimeoutError, Semaphore};
    /// use std::time::Duration;
    ///
    /// let semaphore = Semaphore::new(0);
    /// let error = semaphore.acquire_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error, AcquireTimeoutError::Timeout);
    /// ```
    #[track_caller]
    pub fn acquire_timeout(
        &self,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.acquire_many_timeout(1, timeout)
    }

    /// Takes `count` permits, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] if the time is over or the semaphore is closed.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    #[track_caller]
    pub fn acquire_many_timeout(
        &self,
        count: u32,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        match block_for(self.acquire_many(count), timeout, "acquire_many") {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) => Err(AcquireTimeoutError::Closed),
            None => Err(AcquireTimeoutError::Timeout),
        }
    }

    /// Adds `count` permits that there were not before.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS); then none are added.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(0);
    /// semaphore.add_permits(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn add_permits(&self, count: usize) {
        assert!(self.permits.add(count), "more permits than a semaphore can have");
    }

    /// Takes `count` permits away for good, or as many as are left; says how many. Those that
    /// somebody has are not waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// let semaphore = ringpool::sync::Semaphore::new(3);
    /// assert_eq!(semaphore.forget_permits(5), 3);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget_permits(&self, count: usize) -> usize {
        self.permits.forget(count)
    }

    /// How many permits nobody has; some of them may be kept for somebody who needs more.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Closes the semaphore: whoever waits or comes later gets an [`AcquireError`]. Permits that
    /// somebody has stay valid, and it never opens again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Semaphore, TryAcquireError};
    ///
    /// let semaphore = Semaphore::new(1);
    /// semaphore.close();
    /// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A wait for permits; made by [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "nothing is acquired before the future is awaited"]
pub struct AcquireFuture<'a> {
    semaphore: &'a Semaphore,
    count: u32,
    acquire: Acquire<'a>,
}

impl<'a> AcquireFuture<'a> {
    #[inline]
    fn permit(&self, acquired: Result<(), AcquireError>) -> <Self as Wait>::Output {
        acquired.map(|()| SemaphorePermit::new(self.semaphore, self.count as usize))
    }
}

impl<'a> Wait for AcquireFuture<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline]
    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
        let acquired = ready!(self.acquire.poll_wait(waker));
        Poll::Ready(self.permit(acquired))
    }

    fn give_up(&mut self) -> Option<Self::Output> {
        let acquired = self.acquire.give_up()?;
        Some(self.permit(acquired))
    }
}

impl<'a> Future for AcquireFuture<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_with_budget(&mut *self, cx)
    }
}

impl fmt::Debug for AcquireFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireFuture")
            .field("count", &self.count)
            .field("waiting", &self.acquire.is_in_line())
            .finish_non_exhaustive()
    }
}
