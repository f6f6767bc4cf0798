//! An event that is set and reset: a gate that stays open, or one that lets one through.
//!
//! One word beside the lock says whether the event is set, or that somebody waits (`GUARDED`);
//! never both. While it is guarded only who holds the lock changes it, so that a set that finds it
//! guarded, takes the lock and serves is one step for everybody else. Who is to wait guards the
//! word before it goes into line, by the read-modify-write that looks for the last time.

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

const CLEAR: usize = 0;
const SET: usize = 1;
const GUARDED: usize = 2;

/// Something that has happened, or not yet, and can be waited for.
///
/// A [manual](Event::manual) event stays set, and lets everybody through, until it is
/// [reset](Event::reset). An [automatic](Event::auto) one lets exactly one wait through for each
/// time it was set, and is clear again: the first in line, or whoever comes first if nobody waits.
/// Setting an event that is set changes nothing.
///
/// # Leaked futures
///
/// A wait that is leaked ([`std::mem::forget`]) keeps its place in line: if it is served by an
/// automatic event, that one set is lost with it.
///
/// # Examples
///
/// ```
/// use ringpool::sync::Event;
///
/// static READY: Event = Event::manual();
///
/// # futures::executor::block_on(async {
/// let thread = std::thread::spawn(|| READY.wait_blocking());
/// READY.set();
/// READY.wait().await;
/// thread.join().unwrap();
/// # });
/// ```
pub struct Event {
    word: AtomicUsize,
    is_automatic: bool,
    waits: WaitList<Resets, (), Pass>,
}

/// How often the event was reset: what was handed out before a reset does not come back.
struct Resets(u64);

/// What lets a wait through; with the number of resets before it.
struct Pass(u64);

/// A wait for an [`Event`]; made by [`Event::wait`].
#[must_use = "a wait does nothing before it is awaited"]
pub struct EventWait<'a> {
    event: &'a Event,
    place: Place,
}

impl Event {
    const_fn! {
        /// Makes an event that stays set until it is reset; it is clear.
        ///
        /// # Examples
        ///
        /// ```
        /// let event = ringpool::sync::Event::manual();
        /// event.set();
        /// assert!(event.try_wait() && event.try_wait());
        /// ```
        pub fn manual() -> Self {
            Self::new(false)
        }
    }

    const_fn! {
        /// Makes an event that resets itself when it has let one wait through; it is clear.
        ///
        /// # Examples
        ///
        /// ```
        /// let event = ringpool::sync::Event::auto();
        /// event.set();
        /// assert!(event.try_wait());
        /// assert!(!event.try_wait());
        /// ```
        pub fn auto() -> Self {
            Self::new(true)
        }
    }

    const_fn! {
        fn new(is_automatic: bool) -> Self {
            Self { word: AtomicUsize::new(CLEAR), is_automatic, waits: WaitList::new(Resets(0)) }
        }
    }

    /// Sets the event: lets through everybody who waits, or one if the event is automatic.
    ///
    /// What the caller has done before is seen by those who are let through.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = ringpool::sync::Event::manual();
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    pub fn set(&self) {
        // Ordering: Relaxed, a guess that the exchange confirms.
        let mut word = self.word.load(Ordering::Relaxed);
        while word != GUARDED {
            // Ordering: Release, with the Acquire of who is let through. An event that is set is
            // written again, so that he also sees what this caller has done.
            match self.word.compare_exchange_weak(word, SET, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.waits.with(|locked, wakes| self.set_locked(locked, wakes));
    }

    /// Makes the event clear again. A set that was handed to a wait which is dropped from here on
    /// does not come back.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = ringpool::sync::Event::manual();
    /// event.set();
    /// event.reset();
    /// assert!(!event.try_wait());
    /// ```
    pub fn reset(&self) {
        if !self.is_automatic {
            // Ordering: AcqRel, so that who sets it after this comes after all that was set before.
            self.word.fetch_and(!SET, Ordering::AcqRel);
            return;
        }
        self.waits.with(|locked, _| {
            locked.state.0 += 1;
            // Ordering: AcqRel, as above.
            self.word.fetch_and(!SET, Ordering::AcqRel);
        });
    }

    /// Whether the event is set now.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!ringpool::sync::Event::auto().is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        // Ordering: Acquire, with the Release in `set`.
        self.word.load(Ordering::Acquire) == SET
    }

    /// Waits until the event is set.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped gives up its place in line. If an automatic event had let it through
    /// already, the next in line is let through instead, or the event is set again.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let event = ringpool::sync::Event::auto();
    /// event.set();
    /// event.wait().await;
    /// assert!(!event.is_set());
    /// # });
    /// ```
    pub fn wait(&self) -> EventWait<'_> {
        EventWait { event: self, place: Place::Outside }
    }

    /// Whether the event lets the caller through now; an automatic one is clear after that.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = ringpool::sync::Event::auto();
    /// assert!(!event.try_wait());
    /// event.set();
    /// assert!(event.try_wait());
    /// ```
    pub fn try_wait(&self) -> bool {
        if !self.is_automatic {
            return self.is_set();
        }
        // Ordering: Acquire, with the Release in `set`.
        let taken = self.word.compare_exchange(SET, CLEAR, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok()
    }

    /// Blocks the thread until the event is set.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, where it would stop every task; await [`wait`](Self::wait) there.
    ///
    /// # Examples
    ///
    /// ```
    /// let event = ringpool::sync::Event::manual();
    /// std::thread::scope(|threads| {
    ///     threads.spawn(|| event.set());
    ///     event.wait_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn wait_blocking(&self) {
        block_on(self.wait(), "wait");
    }

    /// Blocks the thread until the event is set, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it was not set in time.
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
    /// let event = ringpool::sync::Event::auto();
    /// assert!(event.wait_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_for(self.wait(), timeout, "wait").ok_or(TimedOut(()))
    }

    fn set_locked(&self, locked: &mut Locked<Resets, (), Pass>, wakes: &mut Wakes) {
        let resets = locked.state.0;
        if !self.is_automatic {
            locked.serve_all(wakes, |()| Pass(resets));
            // Ordering: Release, with the Acquire of who is let through.
            self.word.swap(SET, Ordering::Release);
        } else if locked.serve_first(wakes, |()| Pass(resets)) {
            self.settle(locked);
        } else {
            // Ordering: Release, as above. Nobody waits, so the word is not guarded.
            self.word.fetch_or(SET, Ordering::Release);
        }
    }

    /// Takes the guard away if nobody is left in line.
    fn settle(&self, locked: &Locked<Resets, (), Pass>) {
        if locked.line.is_empty() {
            // Ordering: Relaxed, since what is to be seen was handed over under the lock.
            self.word.fetch_and(!GUARDED, Ordering::Relaxed);
        }
    }

    /// The last look of who is to wait; the lock is held. Guards the word if there is nothing.
    fn pass_or_guard(&self) -> bool {
        // Ordering: Relaxed, a guess that the exchange confirms.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let next = match word {
                SET if self.is_automatic => CLEAR,
                SET => SET,
                _ => GUARDED,
            };
            // Ordering: Acquire, with the Release in `set`.
            match self.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return word == SET,
                Err(now) => word = now,
            }
        }
    }
}

impl EventWait<'_> {
    /// Leaves the line; whether it had been let through, and then nothing was passed on.
    fn leave(&mut self, passes_on: bool) -> bool {
        let event = self.event;
        let left = event.waits.leave(&mut self.place, |locked, wakes, left| match left {
            Left::Waiting(()) => {
                event.settle(locked);
                false
            }
            Left::Served(Pass(resets)) => {
                if passes_on && event.is_automatic && resets == locked.state.0 {
                    event.set_locked(locked, wakes);
                }
                true
            }
        });
        left == Some(true)
    }
}

impl Wait for EventWait<'_> {
    type Output = ();

    fn poll_wait(&mut self, waker: &Waker) -> Poll<()> {
        let event = self.event;
        if !self.place.is_in_line() && event.try_wait() {
            return Poll::Ready(());
        }
        let begin = |locked: &mut Locked<Resets, (), Pass>, _: &mut Wakes| {
            if event.pass_or_guard() { Begun::Done(Pass(locked.state.0)) } else { Begun::Wait(()) }
        };
        event.waits.poll(&mut self.place, waker, begin).map(|Pass(_)| ())
    }

    fn give_up(&mut self) -> Option<()> {
        self.leave(false).then_some(())
    }
}

impl Future for EventWait<'_> {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_with_budget(&mut *self, cx)
    }
}

impl Drop for EventWait<'_> {
    fn drop(&mut self) {
        self.leave(true);
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("set", &self.is_set())
            .field("automatic", &self.is_automatic)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EventWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.place.is_in_line();
        f.debug_struct("EventWait").field("waiting", &waiting).finish_non_exhaustive()
    }
}
