//! What every primitive here waits with: a lock around its state and its line of waiters.
//!
//! A primitive has a [`WaitList`], and for each kind of wait a type with a [`Place`] that
//! implements [`Wait`]. The futures, the blocking forms and the timed forms are all that one type:
//! `Future::poll` calls [`poll_with_budget`], the others [`block_on`] and [`block_for`].
//!
//! The rules that make it right, for every primitive:
//!
//! * All that is decided is decided in a step under the lock ([`WaitList::with`]), which runs no
//!   user code: wakers are cloned before it, and woken or dropped after it.
//! * Whoever serves a waiter puts what it is to have into its entry. From then on it is that
//!   waiter's: if the wait is dropped, [`WaitList::leave`] gives it to the primitive to pass on.
//! * An atomic beside the lock, if there is one, must tell those who come by that somebody waits
//!   *before* the one who is to wait looks for the last time, in one read-modify-write; see
//!   `permits.rs`.
//!
//! A wait that is forgotten leaves its entry behind: it is served once, as any other.

use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::line::{Key, Line, Removed, poll_behind};
use crate::parking::{assert_may_block, park_until};
use crate::primitives::{Mutex, MutexGuard, lock};
use crate::wakes::{Wakes, discard};

/// The state `S` of a primitive and the line of those who wait at it, behind one lock. A waiter
/// brings a `W` and finds a `D`; neither may have a destructor that is a user's.
pub(crate) struct WaitList<S, W, D>(Mutex<Locked<S, W, D>>);

/// What the lock guards.
pub(crate) struct Locked<S, W, D> {
    pub(crate) state: S,
    pub(crate) line: Line<W, D>,
}

/// Where a wait is.
#[derive(Debug, Default)]
pub(crate) enum Place {
    /// Not in line: not polled yet, or over.
    #[default]
    Outside,
    InLine(Key),
}

impl Place {
    pub(crate) fn is_in_line(&self) -> bool {
        matches!(self, Self::InLine(_))
    }
}

/// What the first step of a wait decides.
pub(crate) enum Begun<W, D> {
    /// There is nothing to wait for.
    Done(D),
    /// Line up, with this.
    Wait(W),
}

/// Defines a `const fn`, which in the models is none, since loom's atomics are made at run time.
macro_rules! const_fn {
    ($(#[$meta:meta])* $visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(ringpool_loom))]
        $(#[$meta])*
        $visibility const fn $($rest)*

        #[cfg(ringpool_loom)]
        $(#[$meta])*
        $visibility fn $($rest)*
    };
}
pub(crate) use const_fn;

impl<S, W, D> WaitList<S, W, D> {
    const_fn! {
        pub(crate) fn new(state: S) -> Self {
            Self(Mutex::new(Locked { state, line: Line::new() }))
        }
    }

    /// One step under the lock; what it put into the `Wakes` is woken after it.
    pub(crate) fn with<R>(&self, step: impl FnOnce(&mut Locked<S, W, D>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::new();
        let mut locked = self.lock();
        let result = step(&mut locked, &mut wakes);
        drop(locked);
        drop(wakes);
        result
    }

    /// One poll of a wait. `begin` is the step that decides whether it has to wait at all; it is
    /// run by the first poll only. What `place` says is true even if a method of `waker` panics.
    pub(crate) fn poll(
        &self,
        place: &mut Place,
        waker: &Waker,
        begin: impl FnOnce(&mut Locked<S, W, D>, &mut Wakes) -> Begun<W, D>,
    ) -> Poll<D> {
        match *place {
            Place::InLine(key) => {
                let found = ready!(poll_behind(&self.0, |locked| &mut locked.line, key, waker));
                *place = Place::Outside;
                Poll::Ready(found)
            }
            Place::Outside => {
                let mut unused = Some(waker.clone());
                let polled = self.with(|locked, wakes| match begin(locked, wakes) {
                    Begun::Done(found) => Poll::Ready(found),
                    Begun::Wait(brought) => {
                        let waker = unused.take().expect("the step is run once");
                        *place = Place::InLine(locked.line.push_back(brought, waker));
                        Poll::Pending
                    }
                });
                discard(unused);
                polled
            }
        }
    }

    /// Ends a wait. If it is in line, it is taken out, and `pass_on` runs in the same step: it is
    /// given what the wait brought, or what it had been handed, which the next in line may be due.
    pub(crate) fn leave<R>(
        &self,
        place: &mut Place,
        pass_on: impl FnOnce(&mut Locked<S, W, D>, &mut Wakes, Left<W, D>) -> R,
    ) -> Option<R> {
        let Place::InLine(key) = std::mem::take(place) else { return None };
        let mut removed_waker = None;
        let result = self.with(|locked, wakes| {
            let left = match locked.line.remove(key) {
                Removed::Served(found) => Left::Served(found),
                Removed::Waiting(brought, waker) => {
                    removed_waker = Some(waker);
                    Left::Waiting(brought)
                }
            };
            pass_on(locked, wakes, left)
        });
        discard(removed_waker);
        Some(result)
    }

    fn lock(&self) -> MutexGuard<'_, Locked<S, W, D>> {
        lock(&self.0)
    }
}

/// How far a wait had come when it was ended.
pub(crate) enum Left<W, D> {
    Waiting(W),
    Served(D),
}

impl<S, W, D> Locked<S, W, D> {
    /// Serves the first in line; `false` if there is nobody.
    pub(crate) fn serve_first(&mut self, wakes: &mut Wakes, serve: impl FnOnce(W) -> D) -> bool {
        let woken = self.line.serve_first(serve);
        let is_served = woken.is_some();
        wakes.add(woken);
        is_served
    }

    /// Serves everybody who is in line now.
    pub(crate) fn serve_all(&mut self, wakes: &mut Wakes, mut serve: impl FnMut(W) -> D) {
        while self.serve_first(wakes, &mut serve) {}
    }
}

/// A wait of any primitive, for futures and plain threads alike. Dropping it ends it.
pub(crate) trait Wait {
    type Output;

    /// What is waited for.
    const AWAITED: Awaited = Awaited::Lock;

    /// One poll; after `Pending` the waker is woken once the wait is served.
    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output>;

    /// Ends the wait, since its time is up; says what it has got if it was served just before.
    fn give_up(&mut self) -> Option<Self::Output>;
}

/// One poll of a future, at the expense of the budget of its task.
#[inline]
#[track_caller]
pub(crate) fn poll_with_budget<W: Wait>(wait: &mut W, cx: &Context<'_>) -> Poll<W::Output> {
    ready!(coop::poll_proceed(cx));
    let output = ready!(noted(W::AWAITED, wait.poll_wait(cx.waker())));
    coop::spend();
    Poll::Ready(output)
}

/// Blocks the thread until the wait is served. Panics on the thread of a ring, and says that
/// `instead` is to be used.
#[track_caller]
pub(crate) fn block_on<W: Wait>(mut wait: W, instead: &str) -> W::Output {
    assert_may_block(instead);
    let output = park_until(None, |waker| wait.poll_wait(waker));
    output.expect("a wait without a deadline ends only when it is served")
}

/// As [`block_on`], for at most `timeout`; what can be had at once is had whatever the time.
#[track_caller]
pub(crate) fn block_for<W: Wait>(
    mut wait: W,
    timeout: Duration,
    instead: &str,
) -> Option<W::Output> {
    assert_may_block(instead);
    // A deadline too far away to be told is none.
    let deadline = Instant::now().checked_add(timeout);
    park_until(deadline, |waker| wait.poll_wait(waker)).or_else(|| wait.give_up())
}
