//! A meeting point: nobody goes on before all have come.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::error::TimedOut;
use super::waiting::{
    Begun, Left, Locked, Place, Wait, WaitList, block_for, block_on, const_fn, poll_with_budget,
};
use crate::wakes::Wakes;

/// Lets tasks and threads wait for each other: those who come wait until there are `count` of
/// them, then all go on, and the barrier is as new.
///
/// Exactly one of each set is told that it is the [leader](BarrierWaitResult::is_leader): the one
/// who came last.
///
/// # When a wait is dropped
///
/// It gives up its place: the others go on waiting, and need one more to be a full set. So nobody
/// goes on before `count` have come and stayed, and one that is cancelled harms nobody. In zio such
/// a wait breaks the barrier for all the others (`BrokenBarrier`); in tokio it stays counted,
/// so that the others go on without it and there may be no leader.
///
/// # Leaked futures
///
/// A wait that is leaked ([`std::mem::forget`]) after it was polled stays counted for one set.
///
/// # Examples
///
/// ```
/// use ringpool::sync::Barrier;
///
/// let barrier = Barrier::new(3);
/// let leaders = std::thread::scope(|threads| {
///     let threads = [(); 3].map(|()| threads.spawn(|| barrier.wait_blocking()));
///     threads.map(|thread| usize::from(thread.join().unwrap().is_leader()))
/// });
/// assert_eq!(leaders.iter().sum::<usize>(), 1);
/// ```
pub struct Barrier {
    count: usize,
    waits: WaitList<Arrived, (), ()>,
}

/// How many of a set wait already.
struct Arrived(usize);

/// Tells one of a full set from the others; given by every wait at a [`Barrier`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BarrierWaitResult(bool);

/// A wait at a [`Barrier`]; made by [`Barrier::wait`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct BarrierWait<'a> {
    barrier: &'a Barrier,
    place: Place,
}

impl BarrierWaitResult {
    /// Whether this is the leader of its set.
    ///
    /// # Examples
    ///
    /// ```
    /// let alone = ringpool::sync::Barrier::new(1);
    /// assert!(alone.wait_blocking().is_leader());
    /// ```
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    const_fn! {
        /// Makes a barrier for sets of `count`; 0 is as 1, with which nobody waits.
        ///
        /// # Examples
        ///
        /// ```
        /// static START: ringpool::sync::Barrier = ringpool::sync::Barrier::new(1);
        /// START.wait_blocking();
        /// ```
        pub fn new(count: usize) -> Self {
            Self { count, waits: WaitList::new(Arrived(0)) }
        }
    }

    /// Waits until the set is full; counts from its first poll on.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped before the set was full takes its place back; see [`Barrier`]. Once
    /// the set is full all of it go on, also if one of them is dropped before it noticed.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::sync::Barrier;
    ///
    /// # futures::executor::block_on(async {
    /// let barrier = Barrier::new(2);
    /// let (one, other) = futures::join!(barrier.wait(), barrier.wait());
    /// assert!(one.is_leader() != other.is_leader());
    /// # });
    /// ```
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: self, place: Place::Outside }
    }

    /// Goes on with the others if the caller is the last of the set, as its leader; else `None`,
    /// and nothing is counted.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(ringpool::sync::Barrier::new(2).try_wait().is_none());
    /// assert!(ringpool::sync::Barrier::new(1).try_wait().is_some());
    /// ```
    pub fn try_wait(&self) -> Option<BarrierWaitResult> {
        let is_last = self.waits.with(|locked, wakes| self.complete(locked, wakes));
        is_last.then_some(BarrierWaitResult(true))
    }

    /// Blocks the thread until the set is full.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let barrier = ringpool::sync::Barrier::new(2);
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| barrier.wait_blocking());
    ///     barrier.wait_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) -> BarrierWaitResult {
        block_on(self.wait(), "wait")
    }

    /// Blocks the thread until the set is full, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not full in time; the caller counts no more.
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
    /// let barrier = ringpool::sync::Barrier::new(2);
    /// assert!(barrier.wait_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<BarrierWaitResult, TimedOut> {
        block_for(self.wait(), timeout, "wait").ok_or(TimedOut(()))
    }

    /// Lets the set go on if only the caller is missing.
    fn complete(&self, locked: &mut Locked<Arrived, (), ()>, wakes: &mut Wakes) -> bool {
        let is_last = locked.state.0 + 1 >= self.count;
        if is_last {
            locked.state.0 = 0;
            locked.serve_all(wakes, |()| ());
        }
        is_last
    }
}

impl Wait for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<BarrierWaitResult> {
        let barrier = self.barrier;
        let mut is_leader = false;
        let polled = barrier.waits.poll(&mut self.place, waker, |locked, wakes| {
            is_leader = barrier.complete(locked, wakes);
            if is_leader {
                return Begun::Done(());
            }
            locked.state.0 += 1;
            Begun::Wait(())
        });
        polled.map(|()| BarrierWaitResult(is_leader))
    }

    fn give_up(&mut self) -> Option<BarrierWaitResult> {
        let left = self.barrier.waits.leave(&mut self.place, |locked, _, left| match left {
            Left::Served(()) => true,
            Left::Waiting(()) => {
                locked.state.0 -= 1;
                false
            }
        });
        (left == Some(true)).then_some(BarrierWaitResult(false))
    }
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        poll_with_budget(&mut *self, cx)
    }
}

impl Drop for BarrierWait<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("count", &self.count).finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("BarrierWait").field("waiting", &waiting).finish_non_exhaustive()
    }
}
