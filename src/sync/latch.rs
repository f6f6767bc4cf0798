//! A count that only goes down, and lets everybody through at zero.
//!
//! The word is twice the count, and one more if somebody waits. Who is to wait says so by the
//! read-modify-write that looks at the count for the last time; who counts down to zero then finds
//! it, takes the lock and serves everybody. Nobody goes into line after that.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::error::TimedOut;
use super::waiting::{
    Begun, Left, Place, Wait, WaitList, block_for, block_on, const_fn, poll_with_budget,
};
use crate::primitives::atomic::{AtomicUsize, Ordering};

const WAITED_FOR: usize = 1;
const ONE: usize = 2;

/// A count that goes down to zero once, and can be waited for: "all of these have happened".
///
/// Counting down never waits, and further at zero changes nothing. At zero the latch is open for
/// good: every wait ends at once. For what happens again and again there is
/// [`Barrier`](super::Barrier).
///
/// # Examples
///
/// ```
/// use ringpool::sync::Latch;
/// use std::sync::Arc;
///
/// # futures::executor::block_on(async {
/// let latch = Arc::new(Latch::new(3));
/// for _ in 0..3 {
///     let latch = Arc::clone(&latch);
///     std::thread::spawn(move || latch.count_down());
/// }
/// latch.wait().await;
/// assert_eq!(latch.count(), 0);
/// # });
/// ```
pub struct Latch {
    word: AtomicUsize,
    waits: WaitList<(), (), ()>,
}

/// A wait for a [`Latch`]; made by [`Latch::wait`] and [`Latch::arrive_and_wait`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct LatchWait<'a> {
    latch: &'a Latch,
    place: Place,
    /// Whether it has to count down first.
    has_to_arrive: bool,
}

impl Latch {
    /// The largest count a latch can begin with.
    pub const MAX_COUNT: usize = usize::MAX >> 1;

    const_fn! {
        /// Makes a latch that opens when it has been counted down `count` times; with 0 it is open.
        ///
        /// # Panics
        ///
        /// If `count` is more than [`MAX_COUNT`](Self::MAX_COUNT).
        ///
        /// # Examples
        ///
        /// ```
        /// assert!(ringpool::sync::Latch::new(0).try_wait());
        /// assert!(!ringpool::sync::Latch::new(1).try_wait());
        /// ```
        pub fn new(count: usize) -> Self {
            assert!(count <= Self::MAX_COUNT, "the count of a latch is at most `Latch::MAX_COUNT`");
            Self { word: AtomicUsize::new(count * ONE), waits: WaitList::new(()) }
        }
    }

    /// Counts down by one; at zero nothing changes any more.
    ///
    /// What the caller has done before is seen by those whose wait ends.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = ringpool::sync::Latch::new(1);
    /// latch.count_down();
    /// assert!(latch.try_wait());
    /// ```
    pub fn count_down(&self) {
        self.count_down_by(1);
    }

    /// Counts down by `count`, or to zero if there is less left.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = ringpool::sync::Latch::new(5);
    /// latch.count_down_by(2);
    /// assert_eq!(latch.count(), 3);
    /// latch.count_down_by(100);
    /// assert_eq!(latch.count(), 0);
    /// ```
    pub fn count_down_by(&self, count: usize) {
        let lower = |word: usize| ((word / ONE).saturating_sub(count) * ONE) | (word & WAITED_FOR);
        // Ordering: Release, with the Acquire of who waits; Acquire, so that who opens the latch,
        // and wakes, comes after all who have counted down.
        let before = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
            (word >= ONE).then(|| lower(word))
        });
        if before.is_ok_and(|before| lower(before) == WAITED_FOR) {
            self.waits.with(|locked, wakes| locked.serve_all(wakes, |()| ()));
        }
    }

    /// How far there is to count down still.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(ringpool::sync::Latch::new(3).count(), 3);
    /// ```
    pub fn count(&self) -> usize {
        // Ordering: Acquire, with the Release of who counts down.
        self.word.load(Ordering::Acquire) / ONE
    }

    /// Whether the latch is open: its count is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = ringpool::sync::Latch::new(1);
    /// assert!(!latch.try_wait());
    /// latch.count_down();
    /// assert!(latch.try_wait());
    /// ```
    pub fn try_wait(&self) -> bool {
        self.count() == 0
    }

    /// Waits until the count is zero.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping a wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let latch = ringpool::sync::Latch::new(1);
    /// latch.count_down();
    /// latch.wait().await;
    /// # });
    /// ```
    pub fn wait(&self) -> LatchWait<'_> {
        LatchWait { latch: self, place: Place::Outside, has_to_arrive: false }
    }

    /// Counts down by one when it is first polled, and waits until the count is zero.
    ///
    /// # Cancel safety
    ///
    /// A count stays counted, also if the wait is dropped after its first poll; before that nothing
    /// has happened. A [`Barrier`](super::Barrier) takes it back.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let latch = ringpool::sync::Latch::new(1);
    /// latch.arrive_and_wait().await;
    /// # });
    /// ```
    pub fn arrive_and_wait(&self) -> LatchWait<'_> {
        LatchWait { latch: self, place: Place::Outside, has_to_arrive: true }
    }

    /// Blocks the thread until the count is zero.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = ringpool::sync::Latch::new(2);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| latch.count_down_by(2));
    ///     latch.wait_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) {
        block_on(self.wait(), "wait");
    }

    /// Blocks the thread until the count is zero, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not zero in time.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let latch = ringpool::sync::Latch::new(1);
    /// assert!(latch.wait_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_for(self.wait(), timeout, "wait").ok_or(TimedOut(()))
    }

    /// Counts down by one, and blocks the thread until the count is zero.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await
    /// [`arrive_and_wait`](Self::arrive_and_wait) there. Nothing is counted then.
    ///
    /// # Examples
    ///
    /// ```
    /// let latch = ringpool::sync::Latch::new(2);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| latch.arrive_and_wait_blocking());
    ///     latch.arrive_and_wait_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn arrive_and_wait_blocking(&self) {
        block_on(self.arrive_and_wait(), "arrive_and_wait");
    }

    /// Counts down by one, and blocks the thread until the count is zero, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not zero in time. What was counted stays counted.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await
    /// [`arrive_and_wait`](Self::arrive_and_wait) there. Nothing is counted then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let latch = ringpool::sync::Latch::new(2);
    /// assert!(latch.arrive_and_wait_timeout(Duration::from_millis(1)).is_err());
    /// assert!(latch.arrive_and_wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    #[track_caller]
    pub fn arrive_and_wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_for(self.arrive_and_wait(), timeout, "arrive_and_wait").ok_or(TimedOut(()))
    }
}

impl Wait for LatchWait<'_> {
    type Output = ();

    fn poll_wait(&mut self, waker: &Waker) -> Poll<()> {
        let latch = self.latch;
        if std::mem::take(&mut self.has_to_arrive) {
            latch.count_down();
        }
        if !self.place.is_in_line() && latch.try_wait() {
            return Poll::Ready(());
        }
        latch.waits.poll(&mut self.place, waker, |_, _| {
            // Ordering: Acquire, with the Release of who counts down.
            match latch.word.fetch_or(WAITED_FOR, Ordering::Acquire) / ONE {
                0 => Begun::Done(()),
                _ => Begun::Wait(()),
            }
        })
    }

    fn give_up(&mut self) -> Option<()> {
        let is_served = |left| matches!(left, Left::Served(()));
        let left = self.latch.waits.leave(&mut self.place, |_, _, left| is_served(left));
        (left == Some(true)).then_some(())
    }
}

impl Future for LatchWait<'_> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_with_budget(&mut *self, cx)
    }
}

impl Drop for LatchWait<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl fmt::Debug for LatchWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("LatchWait").field("waiting", &waiting).finish_non_exhaustive()
    }
}
