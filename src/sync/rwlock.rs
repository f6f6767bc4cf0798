//! A lock for many readers or one writer, waited for in line.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::error::{TimedOut, TryLockError};
use super::permits::{Acquire, Permits};
use super::rwlock_guards::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
use super::waiting::{Wait, block_for, block_on, const_fn, poll_with_budget};

/// A reader takes one permit, and a writer all of them.
pub(super) const ALL: usize = (u32::MAX >> 3) as usize;

/// A value that many can read at a time, or one can write, also across `.await`.
///
/// **Fair, in the order of arrival**: a writer that waits holds back the readers that come after
/// it, so it is not starved; readers next to each other in line enter together. (If nobody is in
/// line, a wait looks on for about a microsecond before it goes there, unless the lock was taken on
/// its own thread; the order is that in which they lined up.) Beware of reading twice in one task,
/// therefore: a writer that comes in between makes the second wait for ever.
///
/// Up to 2²⁹ − 1 readers have the lock at a time; more of them wait. A panic releases the lock, and
/// there is no poisoning, for the reason given at [`Mutex`](super::Mutex). The guards are `Send`.
///
/// # Examples
///
/// ```
/// use ringpool::sync::RwLock;
///
/// # futures::executor::block_on(async {
/// let routes = RwLock::new(vec!["/"]);
/// {
///     let (one, two) = (routes.read().await, routes.read().await);
///     assert_eq!(*one, *two);
/// }
/// routes.write().await.push("/about");
/// assert_eq!(routes.read().await.len(), 2);
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) permits: Permits,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: writers move the value between threads at most (`T: Send`), and readers share it
// (`T: Sync`); `permits` orders a writer before and after all others.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// Makes an unlocked lock with `value` inside; also for a `static`.
        ///
        /// # Examples
        ///
        /// ```
        /// use ringpool::sync::RwLock;
        ///
        /// static LEVEL: RwLock<u8> = RwLock::new(3);
        /// assert_eq!(*LEVEL.read_blocking(), 3);
        /// ```
        pub fn new(value: T) -> Self {
            Self { permits: Permits::new(ALL), value: UnsafeCell::new(value) }
        }
    }

    /// Takes the value out.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ringpool::sync::RwLock::new(5).into_inner(), 5);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Locks for reading, waiting behind those who came first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line and nothing else: a lock that was handed to it
    /// is given back.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lock = ringpool::sync::RwLock::new(5);
    /// assert_eq!(*lock.read().await, 5);
    /// # });
    /// ```
    #[inline]
    pub fn read(&self) -> ReadFuture<'_, T> {
        ReadFuture { lock: self, acquire: self.permits.acquire(1) }
    }

    /// Locks for writing, waiting behind those who came first.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](Self::read): readers that it held back go on at once, if readers have the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let lock = ringpool::sync::RwLock::new(5);
    /// *lock.write().await += 1;
    /// assert_eq!(lock.into_inner(), 6);
    /// # });
    /// ```
    #[inline]
    pub fn write(&self) -> WriteFuture<'_, T> {
        WriteFuture { lock: self, acquire: self.permits.acquire(ALL) }
    }

    /// As [`read`](Self::read), with a guard that borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let guard = Arc::new(RwLock::new(5)).read_owned().await;
    /// std::thread::spawn(move || assert_eq!(*guard, 5)).join().unwrap();
    /// # });
    /// ```
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        // The guard is the same lock in other hands.
        let _ = ManuallyDrop::new(self.read().await);
        OwnedRwLockReadGuard::new(self)
    }

    /// As [`write`](Self::write), with a guard that borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](Self::write).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let lock = Arc::new(RwLock::new(5));
    /// let mut guard = Arc::clone(&lock).write_owned().await;
    /// std::thread::spawn(move || *guard = 6).join().unwrap();
    /// assert_eq!(*lock.read().await, 6);
    /// # });
    /// ```
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        let _ = ManuallyDrop::new(self.write().await);
        OwnedRwLockWriteGuard::new(self)
    }

    /// Locks for reading if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if a writer has it, or somebody waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = ringpool::sync::RwLock::new(5);
    /// let reader = lock.try_read()?;
    /// assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    /// # drop(reader);
    /// # Ok::<(), ringpool::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(RwLockReadGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Locks for writing if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if anybody has it, or waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = ringpool::sync::RwLock::new(5);
    /// let writer = lock.try_write()?;
    /// assert!(lock.try_read().is_err() && lock.try_write().is_err());
    /// # drop(writer);
    /// # Ok::<(), ringpool::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(ALL) {
            Ok(()) => Ok(RwLockWriteGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_read`](Self::try_read), with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if a writer has it, or somebody waits for it.
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        let _ = ManuallyDrop::new(self.try_read()?);
        Ok(OwnedRwLockReadGuard::new(self))
    }

    /// As [`try_write`](Self::try_write), with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if anybody has it, or waits for it.
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        let _ = ManuallyDrop::new(self.try_write()?);
        Ok(OwnedRwLockWriteGuard::new(self))
    }

    /// Locks for reading, blocking the thread; for plain threads, which wait in the same line as
    /// tasks.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    #[track_caller]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read(), "read")
    }

    /// Locks for writing, blocking the thread; for plain threads, which wait in the same line as
    /// tasks.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = ringpool::sync::RwLock::new(5);
    /// *lock.write_blocking() += 1;
    /// assert_eq!(*lock.read_blocking(), 6);
    /// ```
    #[track_caller]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write(), "write")
    }

    /// Locks for reading, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it could not be had in time.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = ringpool::sync::RwLock::new(5);
    /// let reader = lock.read_timeout(Duration::from_millis(1))?;
    /// assert!(lock.write_timeout(Duration::from_millis(1)).is_err());
    /// # drop(reader);
    /// # Ok::<(), ringpool::sync::TimedOut>(())
    /// ```
    #[track_caller]
    pub fn read_timeout(&self, timeout: Duration) -> Result<RwLockReadGuard<'_, T>, TimedOut> {
        block_for(self.read(), timeout, "read").ok_or(TimedOut(()))
    }

    /// Locks for writing, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it could not be had in time.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    #[track_caller]
    pub fn write_timeout(&self, timeout: Duration) -> Result<RwLockWriteGuard<'_, T>, TimedOut> {
        block_for(self.write(), timeout, "write").ok_or(TimedOut(()))
    }

    /// The value, without locking: nobody else can have the lock meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut lock = ringpool::sync::RwLock::new(1);
    /// *lock.get_mut() = 2;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut description = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => description.field("value", &&*guard),
            Err(_) => description.field("value", &format_args!("<locked>")),
        };
        description.finish()
    }
}

/// A wait to read; made by [`RwLock::read`].
#[must_use = "nothing is locked before the future is awaited"]
pub struct ReadFuture<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    acquire: Acquire<'a>,
}

/// A wait to write; made by [`RwLock::write`].
#[must_use = "nothing is locked before the future is awaited"]
pub struct WriteFuture<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    acquire: Acquire<'a>,
}

/// What the two futures have in common but for their guards.
macro_rules! waits_for {
    ($future:ident, $guard:ident) => {
        impl<'a, T: ?Sized> $future<'a, T> {
            #[inline]
            fn guard(&self, is_acquired: bool) -> $guard<'a, T> {
                assert!(is_acquired, "a lock is never closed");
                $guard::new(self.lock)
            }
        }

        impl<'a, T: ?Sized> Wait for $future<'a, T> {
            type Output = $guard<'a, T>;

            #[inline]
            fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
                let acquired = ready!(self.acquire.poll_wait(waker));
                Poll::Ready(self.guard(acquired.is_ok()))
            }

            fn give_up(&mut self) -> Option<Self::Output> {
                let acquired = self.acquire.give_up()?;
                Some(self.guard(acquired.is_ok()))
            }
        }

        impl<'a, T: ?Sized> Future for $future<'a, T> {
            type Output = $guard<'a, T>;

            #[inline]
            #[track_caller]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                poll_with_budget(&mut *self, cx)
            }
        }

        impl<T: ?Sized> fmt::Debug for $future<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let waiting = self.acquire.is_in_line();
                f.debug_struct(stringify!($future))
                    .field("waiting", &waiting)
                    .finish_non_exhaustive()
            }
        }
    };
}

waits_for!(ReadFuture, RwLockReadGuard);
waits_for!(WriteFuture, RwLockWriteGuard);
