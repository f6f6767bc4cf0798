//! A lock that is waited for in line.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::error::{TimedOut, TryLockError};
use super::permits::{Acquire, Permits};
use super::waiting::{Wait, block_for, block_on, const_fn, poll_with_budget};

/// A value that one task or thread at a time can use, also across `.await`.
///
/// **Fair**: who waits in line gets the lock in the order of arrival, from the hand of who had it;
/// nobody overtakes. (If nobody is in line, a wait looks on for about a microsecond before it goes
/// there, unless the lock was taken on its own thread; the order is that in which they lined up.)
/// **Cheap** as long as nobody has to wait: one read-modify-write to lock, one to
/// unlock, and no allocation ever for those who do not wait. The guard is `Send`, so a task may
/// [switch](crate::switch_to) to another ring while it holds the lock.
///
/// **No poisoning**: a panic while the lock is held releases it, as does a task that is cancelled.
/// A task can be dropped at each of its `.await`s without any panic, so a value under this lock
/// must be whole at each of them anyway; a flag that tells of panics only would tell half of it.
///
/// For short sections without `.await` inside, [`std::sync::Mutex`] is as good, and smaller.
///
/// # Examples
///
/// ```
/// use ringpool::sync::Mutex;
/// use ringpool::{Pool, spawn_on};
/// use std::sync::Arc;
///
/// let pool = Pool::new(2);
/// let total = pool.block_on(async {
///     let total = Arc::new(Mutex::new(0));
///     let adding: Vec<_> = (1..=10)
///         .map(|number| {
///             let total = Arc::clone(&total);
///             spawn_on(&pool.runtime(number % 2), async move { *total.lock().await += number })
///         })
///         .collect();
///     for task in adding {
///         task.await.unwrap();
///     }
///     *total.lock().await
/// });
/// assert_eq!(total, 55);
/// ```
pub struct Mutex<T: ?Sized> {
    /// One permit: the lock.
    permits: Permits,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one guard at a time, so it is moved between threads at most, for
// which `T: Send` is enough; `permits` orders one guard before the next.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// Makes an unlocked mutex with `value` inside; also for a `static`.
        ///
        /// # Examples
        ///
        /// ```
        /// use ringpool::sync::Mutex;
        ///
        /// static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        /// NAMES.lock_blocking().push("Ada".into());
        /// ```
        pub fn new(value: T) -> Self {
            Self { permits: Permits::new(1), value: UnsafeCell::new(value) }
        }
    }

    /// Takes the value out.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ringpool::sync::Mutex::new(5).into_inner(), 5);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting behind those who came first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line and nothing else: a lock that was handed to it
    /// goes to the next.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Mutex;
    ///
    /// # futures::executor::block_on(async {
    /// let numbers = Mutex::new(vec![1]);
    /// numbers.lock().await.push(2);
    /// assert_eq!(*numbers.lock().await, [1, 2]);
    /// # });
    /// ```
    #[inline]
    pub fn lock(&self) -> LockFuture<'_, T> {
        LockFuture { mutex: self, acquire: self.permits.acquire(1) }
    }

    /// As [`lock`](Self::lock), with a guard that borrows nothing: it can be kept, and go into a
    /// task of its own.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Self::lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let total = Arc::new(Mutex::new(0));
    /// let mut guard = Arc::clone(&total).lock_owned().await;
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*total.lock().await, 1);
    /// # });
    /// ```
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        // The guard is the same lock in other hands.
        let _ = ManuallyDrop::new(self.lock().await);
        OwnedMutexGuard { mutex: self, value: PhantomData }
    }

    /// Locks if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or somebody waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = ringpool::sync::Mutex::new(1);
    /// let guard = mutex.try_lock()?;
    /// assert!(mutex.try_lock().is_err());
    /// # drop(guard);
    /// # Ok::<(), ringpool::sync::TryLockError>(())
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.permits.try_acquire(1) {
            Ok(()) => Ok(MutexGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_lock`](Self::try_lock), with a guard that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if it is locked, or somebody waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// let mutex = Arc::new(Mutex::new(1));
    /// let guard = Arc::clone(&mutex).try_lock_owned()?;
    /// assert_eq!(*guard, 1);
    /// # Ok::<(), ringpool::sync::TryLockError>(())
    /// ```
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        let _ = ManuallyDrop::new(self.try_lock()?);
        Ok(OwnedMutexGuard { mutex: self, value: PhantomData })
    }

    /// Locks, blocking the thread; for plain threads, which wait in the same line as tasks.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = ringpool::sync::Mutex::new(1);
    /// *mutex.lock_blocking() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    #[doc(alias = "blocking_lock")]
    #[track_caller]
    pub fn lock_blocking(&self) -> MutexGuard<'_, T> {
        block_on(self.lock(), "lock")
    }

    /// As [`lock_blocking`](Self::lock_blocking), with a guard that borrows nothing.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// let total = Arc::new(Mutex::new(0));
    /// let mut guard = Arc::clone(&total).lock_owned_blocking();
    /// std::thread::spawn(move || *guard += 1).join().unwrap();
    /// assert_eq!(*total.lock_blocking(), 1);
    /// ```
    #[doc(alias = "blocking_lock_owned")]
    #[track_caller]
    pub fn lock_owned_blocking(self: Arc<Self>) -> OwnedMutexGuard<T> {
        let _ = ManuallyDrop::new(block_on(self.lock(), "lock_owned"));
        OwnedMutexGuard { mutex: self, value: PhantomData }
    }

    /// Locks, blocking the thread for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not unlocked in time.
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
    /// let mutex = ringpool::sync::Mutex::new(1);
    /// let guard = mutex.lock_timeout(Duration::from_millis(1))?;
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_err());
    /// # drop(guard);
    /// # Ok::<(), ringpool::sync::TimedOut>(())
    /// ```
    #[track_caller]
    pub fn lock_timeout(&self, timeout: Duration) -> Result<MutexGuard<'_, T>, TimedOut> {
        block_for(self.lock(), timeout, "lock").ok_or(TimedOut(()))
    }

    /// The value, without locking: nobody else can have the mutex meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut mutex = ringpool::sync::Mutex::new(1);
    /// *mutex.get_mut() = 2;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut description = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => description.field("value", &&*guard),
            Err(_) => description.field("value", &format_args!("<locked>")),
        };
        description.finish()
    }
}

/// A wait for a lock; made by [`Mutex::lock`].
#[must_use = "nothing is locked before the future is awaited"]
pub struct LockFuture<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    acquire: Acquire<'a>,
}

impl<'a, T: ?Sized> Wait for LockFuture<'a, T> {
    type Output = MutexGuard<'a, T>;

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

impl<'a, T: ?Sized> LockFuture<'a, T> {
    #[inline]
    fn guard(&self, is_acquired: bool) -> MutexGuard<'a, T> {
        assert!(is_acquired, "a mutex is never closed");
        MutexGuard::new(self.mutex)
    }
}

impl<'a, T: ?Sized> Future for LockFuture<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_with_budget(&mut *self, cx)
    }
}

impl<T: ?Sized> fmt::Debug for LockFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.acquire.is_in_line();
        f.debug_struct("LockFuture").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// The right to use what is in a [`Mutex`]; dropping it unlocks.
///
/// It is `Send`, so it may be held across a [switch](crate::switch_to) to another ring.
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Shared, it lets others see the value: only for values that are `Sync`.
    value: PhantomData<&'a mut T>,
}

/// As [`MutexGuard`], and keeps the mutex by an [`Arc`]; made by [`Mutex::lock_owned`].
#[must_use = "a guard that is dropped at once unlocks at once"]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
    /// As in `MutexGuard`.
    value: PhantomData<T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The caller has acquired the permit.
    #[inline]
    fn new(mutex: &'a Mutex<T>) -> Self {
        Self { mutex, value: PhantomData }
    }

    /// The mutex that this guard locks.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// The mutex that this guard locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.permits.release(1);
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.permits.release(1);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard has the one permit, so nobody else has a reference to the value but
        // those who borrow the guard.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as for `MutexGuard`.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `MutexGuard`.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
