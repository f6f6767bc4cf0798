//! Waiting under a [`Mutex`] for something that another will change under it.
//!
//! Who waits goes into line before it unlocks. So one who changes the value after that finds it,
//! and one who changed it before has been seen: no notification falls in between. `is_waited_for`
//! is written under the condition variable's lock; the mutex orders it before who looks at it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::waiting::{Begun, Left, Locked, Place, Wait, WaitList, block_for, block_on, const_fn};
use super::{LockFuture, Mutex, MutexGuard};
use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::wakes::Wakes;

/// Lets a task or thread that holds a [`Mutex`] wait until others have changed what is in it.
///
/// Whoever waits unlocks, and has locked again when the wait is over. Who waits is notified in the
/// order of arrival. There are no wake-ups without a notification, but others may have had the lock
/// in between, so look at the value again, as [`wait_while`](Self::wait_while) does.
///
/// A notification when nobody waits is lost: change the value under the lock, and notify then,
/// with or without the lock.
///
/// # When a wait is dropped
///
/// What was unlocked stays unlocked: whoever drops a wait has no guard any more. If it had been
/// notified by [`notify_one`](Self::notify_one), the next in line is notified instead, also if it
/// was waiting for the lock already. To wait with a limit in a task, lock again when it has passed:
///
/// ```
/// use ringpool::sync::{Condvar, Mutex};
/// use ringpool::{Pool, time};
/// use std::time::Duration;
///
/// Pool::new(1).block_on(async {
///     let (value, changed) = (Mutex::new(1), Condvar::new());
///     let wait = changed.wait_while(value.lock().await, |value| *value == 1);
///     let guard = match time::timeout(Duration::from_millis(1), wait).await {
///         Ok(guard) => guard,
///         Err(_) => value.lock().await,
///     };
///     assert_eq!(*guard, 1);
/// });
/// ```
///
/// # Leaked futures
///
/// A wait that is leaked ([`std::mem::forget`]) keeps its place in line, and one notification is
/// lost with it.
///
/// # Examples
///
/// ```
/// use ringpool::sync::{Condvar, Mutex};
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static CHANGED: Condvar = Condvar::new();
///
/// # futures::executor::block_on(async {
/// let thread = std::thread::spawn(|| {
///     *READY.lock_blocking() = true;
///     CHANGED.notify_one();
/// });
/// let guard = CHANGED.wait_while(READY.lock().await, |ready| !*ready).await;
/// assert!(*guard);
/// # drop(guard);
/// thread.join().unwrap();
/// # });
/// ```
pub struct Condvar {
    is_waited_for: AtomicBool,
    waits: WaitList<(), (), Notification>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notification {
    /// From `notify_one`: somebody has to have it.
    One,
    /// From `notify_all`: each has its own.
    All,
}

/// Whether a timed wait at a [`Condvar`] ended because its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

/// A wait at a [`Condvar`]; made by [`Condvar::wait`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct CondvarWait<'a, 'm, T: ?Sized> {
    mutex: &'m Mutex<T>,
    signalled: Signalled<'a, 'm, T>,
    /// What it was notified by, and its wait for the lock after that.
    locking: Option<(Notification, LockFuture<'m, T>)>,
}

/// The part of a wait that ends with the notification.
struct Signalled<'a, 'm, T: ?Sized> {
    condvar: &'a Condvar,
    /// Until it is in line.
    guard: Option<MutexGuard<'m, T>>,
    place: Place,
}

impl WaitTimeoutResult {
    /// Whether the time was over before a notification came.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// let (_, result) = changed.wait_timeout(value.lock_blocking(), Duration::from_millis(1));
    /// assert!(result.timed_out());
    /// ```
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    const_fn! {
        /// Makes a condition variable that nobody waits at.
        ///
        /// # Examples
        ///
        /// ```
        /// static CHANGED: ringpool::sync::Condvar = ringpool::sync::Condvar::new();
        /// CHANGED.notify_all();
        /// ```
        pub fn new() -> Self {
            Self { is_waited_for: AtomicBool::new(false), waits: WaitList::new(()) }
        }
    }

    /// Unlocks, waits for a notification, and locks again. The mutex stays locked until the first
    /// poll.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped has no guard to give back; a notification that had come to it goes to
    /// the next in line. See [`Condvar`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// # futures::executor::block_on(async {
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// let waiting = async { *changed.wait(value.lock().await).await };
    /// let changing = async {
    ///     *value.lock().await = 2;
    ///     changed.notify_one();
    /// };
    /// assert_eq!(futures::join!(waiting, changing).0, 2);
    /// # });
    /// ```
    pub fn wait<'a, 'm, T: ?Sized>(&'a self, guard: MutexGuard<'m, T>) -> CondvarWait<'a, 'm, T> {
        let mutex = MutexGuard::mutex(&guard);
        CondvarWait { mutex, signalled: Signalled::new(self, guard), locking: None }
    }

    /// Waits as long as `condition` holds; it is looked at with the lock held, before and after
    /// each wait.
    ///
    /// # Cancel safety
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// # futures::executor::block_on(async {
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// let guard = changed.wait_while(value.lock().await, |value| *value == 0).await;
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    pub async fn wait_while<'m, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'m, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'m, T> {
        while condition(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Notifies the first in line; without anybody in line it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// std::thread::scope(|threads| {
    ///     let guard = value.lock_blocking();
    ///     threads.spawn(|| {
    ///         *value.lock_blocking() = 2;
    ///         changed.notify_one();
    ///     });
    ///     assert_eq!(*changed.wait_blocking(guard), 2);
    /// });
    /// ```
    pub fn notify_one(&self) {
        if self.is_waited_for() {
            self.waits.with(|locked, wakes| self.notify_one_locked(locked, wakes));
        }
    }

    /// Notifies everybody who is in line now. They go on one after the other, as they get the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// let (open, changed) = (Mutex::new(false), Condvar::new());
    /// std::thread::scope(|threads| {
    ///     for _ in 0..3 {
    ///         threads.spawn(|| changed.wait_while_blocking(open.lock_blocking(), |open| !*open));
    ///     }
    ///     *open.lock_blocking() = true;
    ///     changed.notify_all();
    /// });
    /// ```
    pub fn notify_all(&self) {
        if self.is_waited_for() {
            self.waits.with(|locked, wakes| {
                locked.serve_all(wakes, |()| Notification::All);
                self.settle(locked);
            });
        }
    }

    /// Unlocks, blocks the thread until it is notified, and locks again.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// std::thread::scope(|threads| {
    ///     let guard = value.lock_blocking();
    ///     threads.spawn(|| {
    ///         *value.lock_blocking() += 1;
    ///         changed.notify_one();
    ///     });
    ///     assert_eq!(*changed.wait_blocking(guard), 2);
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking<'m, T: ?Sized>(&self, guard: MutexGuard<'m, T>) -> MutexGuard<'m, T> {
        let mutex = MutexGuard::mutex(&guard);
        block_on(Signalled::new(self, guard), "wait");
        mutex.lock_blocking()
    }

    /// Blocks the thread as long as `condition` holds; it is looked at with the lock held.
    ///
    /// # Panics
    ///
    /// If `condition` does; and on the thread of a ring if it would have to wait, since that would
    /// stop every task; await [`wait_while`](Self::wait_while) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// assert_eq!(*changed.wait_while_blocking(value.lock_blocking(), |value| *value == 0), 1);
    /// ```
    #[track_caller]
    pub fn wait_while_blocking<'m, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'m, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'m, T> {
        while condition(&mut guard) {
            guard = self.wait_blocking(guard);
        }
        guard
    }

    /// Unlocks, blocks the thread until it is notified, but for at most `timeout`, and locks again,
    /// however long that takes.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// let guard = value.lock_blocking();
    /// let (guard, result) = changed.wait_timeout(guard, Duration::from_millis(1));
    /// assert!(*guard == 1 && result.timed_out());
    /// ```
    #[track_caller]
    pub fn wait_timeout<'m, T: ?Sized>(
        &self,
        guard: MutexGuard<'m, T>,
        timeout: Duration,
    ) -> (MutexGuard<'m, T>, WaitTimeoutResult) {
        let mutex = MutexGuard::mutex(&guard);
        let notified = block_for(Signalled::new(self, guard), timeout, "wait");
        (mutex.lock_blocking(), WaitTimeoutResult(notified.is_none()))
    }

    /// Blocks the thread as long as `condition` holds, for at most `timeout`; it is looked at with
    /// the lock held. The time is over only if the condition holds still.
    ///
    /// # Panics
    ///
    /// As [`wait_while_blocking`](Self::wait_while_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (value, changed) = (Mutex::new(1), Condvar::new());
    /// let limit = Duration::from_millis(1);
    /// let guard = value.lock_blocking();
    /// let (_, result) = changed.wait_timeout_while(guard, limit, |value| *value == 1);
    /// assert!(result.timed_out());
    /// ```
    #[track_caller]
    pub fn wait_timeout_while<'m, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'m, T>,
        timeout: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> (MutexGuard<'m, T>, WaitTimeoutResult) {
        let begun = std::time::Instant::now();
        while condition(&mut guard) {
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return (guard, WaitTimeoutResult(true));
            }
            (guard, _) = self.wait_timeout(guard, left);
        }
        (guard, WaitTimeoutResult(false))
    }

    fn notify_one_locked(&self, locked: &mut Locked<(), (), Notification>, wakes: &mut Wakes) {
        locked.serve_first(wakes, |()| Notification::One);
        self.settle(locked);
    }

    fn is_waited_for(&self) -> bool {
        // Ordering: Relaxed. Who has changed the value after another unlocked it to wait has had
        // the mutex after that one, and so sees what was written here before.
        self.is_waited_for.load(Ordering::Relaxed)
    }

    /// Says whether anybody is left in line; the lock is held.
    fn settle(&self, locked: &Locked<(), (), Notification>) {
        if locked.line.is_empty() {
            // Ordering: Relaxed, as above; all who write hold the lock.
            self.is_waited_for.store(false, Ordering::Relaxed);
        }
    }
}

impl<'a, 'm, T: ?Sized> Signalled<'a, 'm, T> {
    fn new(condvar: &'a Condvar, guard: MutexGuard<'m, T>) -> Self {
        Self { condvar, guard: Some(guard), place: Place::Outside }
    }

    /// Leaves the line; what it was notified by, which is passed on unless it is kept.
    fn leave(&mut self, keeps: bool) -> Option<Notification> {
        let condvar = self.condvar;
        let left = condvar.waits.leave(&mut self.place, |locked, wakes, left| match left {
            Left::Served(found) => {
                if !keeps && found == Notification::One {
                    condvar.notify_one_locked(locked, wakes);
                }
                Some(found)
            }
            Left::Waiting(()) => {
                condvar.settle(locked);
                None
            }
        });
        left.flatten()
    }
}

impl<T: ?Sized> Wait for Signalled<'_, '_, T> {
    type Output = Notification;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<Notification> {
        let condvar = self.condvar;
        let is_begun = self.guard.is_some() || self.place.is_in_line();
        assert!(is_begun, "a wait must not be polled after it has completed");
        let polled = condvar.waits.poll(&mut self.place, waker, |_, _| {
            // Ordering: Relaxed, as in `is_waited_for`; the mutex is locked still.
            condvar.is_waited_for.store(true, Ordering::Relaxed);
            Begun::Wait(())
        });
        drop(self.guard.take());
        polled
    }

    fn give_up(&mut self) -> Option<Notification> {
        self.leave(true)
    }
}

impl<T: ?Sized> Drop for Signalled<'_, '_, T> {
    fn drop(&mut self) {
        self.leave(false);
    }
}

impl<'m, T: ?Sized> Future for CondvarWait<'_, 'm, T> {
    type Output = MutexGuard<'m, T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MutexGuard<'m, T>> {
        ready!(coop::poll_proceed(cx));
        let this = &mut *self;
        if this.locking.is_none() {
            let notification = this.signalled.poll_wait(cx.waker());
            let notification = ready!(noted(Awaited::Lock, notification));
            this.locking = Some((notification, this.mutex.lock()));
        }
        let (_, lock) = this.locking.as_mut().expect("it has been notified");
        let guard = ready!(noted(Awaited::Lock, lock.poll_wait(cx.waker())));
        this.locking = None;
        coop::spend();
        Poll::Ready(guard)
    }
}

impl<T: ?Sized> Drop for CondvarWait<'_, '_, T> {
    fn drop(&mut self) {
        if let Some((Notification::One, _lock)) = self.locking.take() {
            self.signalled.condvar.notify_one();
        }
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_waited_for = self.is_waited_for();
        f.debug_struct("Condvar").field("waited_for", &is_waited_for).finish_non_exhaustive()
    }
}

impl<T: ?Sized> fmt::Debug for CondvarWait<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.signalled.place.is_in_line();
        f.debug_struct("CondvarWait").field("waiting", &waiting).finish_non_exhaustive()
    }
}
