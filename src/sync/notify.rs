//! Wakes one task, or all that wait, and carries nothing.
//!
//! One word beside the lock has the permit that is stored, whether somebody waits (`GUARDED`), and
//! how often all were notified. While it is guarded only who holds the lock changes it; who is to
//! wait guards it before it goes into line, by the read-modify-write that looks for the last time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::error::TimedOut;
use super::waiting::{
    Begun, Left, Locked, Place, Wait, WaitList, block_for, block_on, const_fn, poll_with_budget,
};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::wakes::Wakes;

const PERMIT: usize = 1;
const GUARDED: usize = 2;
/// What is above these bits counts the calls of `notify_waiters`.
const CALL: usize = 4;

/// Tells one task, or all that wait, that there is something to do.
///
/// [`notify_one`](Self::notify_one) serves the first in line; if nobody waits, one permit is stored
/// for the next who does, however often it is called. [`notify_waiters`](Self::notify_waiters)
/// serves everybody who has called [`notified`](Self::notified) before, and stores nothing. The
/// names are those of `tokio::sync::Notify`; a thread can wait as well.
///
/// # Leaked futures
///
/// A [`Notified`] that is leaked ([`std::mem::forget`]) while it waits keeps its place in line, and
/// takes one notification with it.
///
/// # Examples
///
/// ```
/// use ringpool::sync::Notify;
///
/// static NOTIFY: Notify = Notify::new();
///
/// # futures::executor::block_on(async {
/// let thread = std::thread::spawn(|| NOTIFY.notify_one());
/// NOTIFY.notified().await;
/// thread.join().unwrap();
/// # });
/// ```
pub struct Notify {
    word: AtomicUsize,
    waits: WaitList<(), (), Notification>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Notification {
    /// From `notify_one`: somebody has to have it.
    One,
    /// From `notify_waiters`: each has its own.
    All,
}

/// A wait for a notification; made by [`Notify::notified`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    place: Place,
    /// The calls of `notify_waiters` before this was made.
    calls: usize,
    /// What `enable` has found.
    held: Option<Notification>,
    is_over: bool,
}

impl Notify {
    const_fn! {
        /// Makes one without a permit.
        ///
        /// # Examples
        ///
        /// ```
        /// assert!(!ringpool::sync::Notify::new().try_notified());
        /// ```
        pub fn new() -> Self {
            Self { word: AtomicUsize::new(0), waits: WaitList::new(()) }
        }
    }

    /// Notifies the first in line, or stores a permit if nobody waits; one that is stored already
    /// stays the only one.
    ///
    /// What the caller has done before is seen by who is notified.
    ///
    /// # Examples
    ///
    /// ```
    /// let notify = ringpool::sync::Notify::new();
    /// notify.notify_one();
    /// notify.notify_one();
    /// assert!(notify.try_notified());
    /// assert!(!notify.try_notified());
    /// ```
    pub fn notify_one(&self) {
        // Ordering: Release, with the Acquire of who is notified. A permit that is there is written
        // again, so that he also sees what this caller has done.
        let stored = self.change(Ordering::Release, |word| word | PERMIT);
        if !stored {
            self.waits.with(|locked, wakes| self.notify_one_locked(locked, wakes));
        }
    }

    /// Notifies everybody who has called [`notified`](Self::notified) before, whether or not the
    /// future was polled. A permit is neither stored nor taken.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let notify = ringpool::sync::Notify::new();
    /// let before = notify.notified();
    /// notify.notify_waiters();
    /// before.await;
    /// assert!(!notify.try_notified());
    /// # });
    /// ```
    pub fn notify_waiters(&self) {
        // Ordering: Release, with the Acquire of who is notified.
        if self.change(Ordering::Release, |word| word.wrapping_add(CALL)) {
            return;
        }
        self.waits.with(|locked, wakes| {
            locked.serve_all(wakes, |()| Notification::All);
            self.settle(locked);
            // Ordering: Release, as above.
            self.word.fetch_add(CALL, Ordering::Release);
        });
    }

    /// Waits for a notification: from [`notify_one`](Self::notify_one) when it is polled or
    /// [enabled](Notified::enable), from [`notify_waiters`](Self::notify_waiters) from here on.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped gives up its place in line. What `notify_one` had handed to it goes
    /// to the next in line, or is stored.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let notify = ringpool::sync::Notify::new();
    /// notify.notify_one();
    /// notify.notified().await;
    /// # });
    /// ```
    pub fn notified(&self) -> Notified<'_> {
        // Ordering: Acquire, so that a call which is counted here came before this.
        let calls = calls_in(self.word.load(Ordering::Acquire));
        Notified { notify: self, place: Place::Outside, calls, held: None, is_over: false }
    }

    /// Whether a permit was stored; it is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// let notify = ringpool::sync::Notify::new();
    /// assert!(!notify.try_notified());
    /// notify.notify_one();
    /// assert!(notify.try_notified());
    /// ```
    pub fn try_notified(&self) -> bool {
        // Ordering: Relaxed, a guess that the exchange confirms.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & PERMIT != 0 {
            // Ordering: Acquire, with the Release in `notify_one`.
            let taken = self.word.compare_exchange_weak(
                word,
                word & !PERMIT,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Blocks the thread until it is notified.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await
    /// [`notified`](Self::notified) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let notify = ringpool::sync::Notify::new();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| notify.notify_one());
    ///     notify.notified_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn notified_blocking(&self) {
        block_on(self.notified(), "notified");
    }

    /// Blocks the thread until it is notified, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not notified in time.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await
    /// [`notified`](Self::notified) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let notify = ringpool::sync::Notify::new();
    /// assert!(notify.notified_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn notified_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_for(self.notified(), timeout, "notified").ok_or(TimedOut(()))
    }

    /// Changes the word unless it is guarded; whether it did.
    fn change(&self, order: Ordering, change: impl Fn(usize) -> usize) -> bool {
        // Ordering: Relaxed, a guess that the exchange confirms; what it releases is the caller's.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & GUARDED == 0 {
            let changed =
                self.word.compare_exchange_weak(word, change(word), order, Ordering::Relaxed);
            match changed {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    fn notify_one_locked(&self, locked: &mut Locked<(), (), Notification>, wakes: &mut Wakes) {
        if locked.serve_first(wakes, |()| Notification::One) {
            self.settle(locked);
        } else {
            // Ordering: Release, with the Acquire of who takes it. The word is not guarded.
            self.word.fetch_or(PERMIT, Ordering::Release);
        }
    }

    /// Takes the guard away if nobody is left in line.
    fn settle(&self, locked: &Locked<(), (), Notification>) {
        if locked.line.is_empty() {
            // Ordering: Relaxed, since what is to be seen was handed over under the lock.
            self.word.fetch_and(!GUARDED, Ordering::Relaxed);
        }
    }

    /// The last look of who is to wait; the lock is held. Guards the word if there is nothing.
    fn take_or_guard(&self, calls: usize) -> Option<Notification> {
        // Ordering: Acquire, here and below, with the Release of who notifies.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if calls_in(word) != calls {
                return Some(Notification::All);
            }
            let (next, found) = match word & PERMIT {
                0 => (word | GUARDED, None),
                _ => (word & !PERMIT, Some(Notification::One)),
            };
            match self.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => return found,
                Err(now) => word = now,
            }
        }
    }
}

fn calls_in(word: usize) -> usize {
    word & !(PERMIT | GUARDED)
}

impl Notified<'_> {
    /// Goes into line now, as the first poll would, without a task to wake yet; says whether there
    /// was a notification already, and then the future is ready.
    ///
    /// So a task can line up, look whether there is something to do, and only then wait: a
    /// [`notify_one`](Notify::notify_one) in between is not given to somebody who comes later.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    ///
    /// # futures::executor::block_on(async {
    /// let notify = ringpool::sync::Notify::new();
    /// let mut first = pin!(notify.notified());
    /// assert!(!first.as_mut().enable());
    /// notify.notify_one();
    /// assert!(!notify.try_notified(), "it belongs to the first");
    /// assert!(first.as_mut().enable());
    /// first.await;
    /// # });
    /// ```
    pub fn enable(mut self: Pin<&mut Self>) -> bool {
        if self.is_over || self.held.is_some() {
            return true;
        }
        if let Place::InLine(key) = self.place
            && self.notify.waits.with(|locked, _| locked.line.is_waiting(key))
        {
            return false;
        }
        if let Poll::Ready(found) = self.poll_found(Waker::noop()) {
            self.held = Some(found);
        }
        self.held.is_some()
    }

    fn poll_found(&mut self, waker: &Waker) -> Poll<Notification> {
        let (notify, calls) = (self.notify, self.calls);
        if !self.place.is_in_line() {
            // Ordering: Acquire, with the Release in `notify_waiters`.
            if calls_in(notify.word.load(Ordering::Acquire)) != calls {
                return Poll::Ready(Notification::All);
            }
            if notify.try_notified() {
                return Poll::Ready(Notification::One);
            }
        }
        notify.waits.poll(&mut self.place, waker, |_, _| match notify.take_or_guard(calls) {
            Some(found) => Begun::Done(found),
            None => Begun::Wait(()),
        })
    }

    /// Leaves the line; whether it had been notified, which is passed on unless it is kept.
    fn leave(&mut self, keeps: bool) -> bool {
        let notify = self.notify;
        let left = notify.waits.leave(&mut self.place, |locked, wakes, left| match left {
            Left::Served(found) => {
                if !keeps && found == Notification::One {
                    notify.notify_one_locked(locked, wakes);
                }
                true
            }
            Left::Waiting(()) => {
                notify.settle(locked);
                false
            }
        });
        left == Some(true)
    }
}

impl Wait for Notified<'_> {
    type Output = ();

    fn poll_wait(&mut self, waker: &Waker) -> Poll<()> {
        if !self.is_over && self.held.take().is_none() && self.poll_found(waker).is_pending() {
            return Poll::Pending;
        }
        self.is_over = true;
        Poll::Ready(())
    }

    fn give_up(&mut self) -> Option<()> {
        self.leave(true).then_some(())
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_with_budget(&mut *self, cx)
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.leave(false);
        if self.held == Some(Notification::One) {
            self.notify.notify_one();
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ordering: Relaxed, for the eyes only.
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Notify")
            .field("permit", &(word & PERMIT != 0))
            .field("waited_for", &(word & GUARDED != 0))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("Notified").field("waiting", &waiting).finish_non_exhaustive()
    }
}
