//! How buffers come home, and who waits for them: one atomic word and a list.
//!
//! A buffer is dropped on any thread; only home may put it into the kernel's table. So it is pushed
//! to a list that home empties whenever it looks at the pool. The links are kept beside the
//! buffers, so a push allocates nothing, and a buffer is in the list at most once.
//!
//! # The word
//!
//! It is the number of the buffer that was pushed last, plus one, or 0; and [`WAITING`], which says
//! that somebody waits for a buffer, and home wants to be told of one.
//!
//! # Why no wake is lost
//!
//! Who waits does so at home, in this order: (1) home empties the list, and finds nothing new;
//! (2) the waker is put into the line; (3) `WAITING` is set. All changes of the word are
//! read-modify-writes, so they have one total order. A push before (3) is seen by (3), which says
//! so, and home starts again at (1). A push after (3) finds `WAITING`, takes it away, and has home
//! told, which empties the list then, calls waiters, and sets `WAITING` again if any are left, as
//! in (3). Buffers that are dropped at home do not use the list; home itself looks for `WAITING`
//! then.
//!
//! Only home calls waiters: it alone knows how many buffers there are for them. The lock is held
//! only to put wakers in and take them out; they are called and dropped outside of it.

use std::num::NonZeroUsize;
use std::task::{Poll, Waker};

use crate::line::{self, Key, Line};
use crate::primitives::atomic::{AtomicU32, Ordering};
use crate::primitives::{Mutex, lock};

const WAITING: u32 = 1 << 31;

/// The list and the waiters of one pool.
pub(crate) struct Returns {
    word: AtomicU32,
    /// By number: the buffer that was pushed before, plus one, or 0.
    below: Box<[AtomicU32]>,
    /// What each waiter brought: how often a buffer had come back when it began.
    waiters: Mutex<Line<u64, ()>>,
}

/// Somebody's place in the line.
#[derive(Debug, Default)]
pub(crate) struct Place(
    /// A key plus one, so that none needs no room of its own.
    Option<NonZeroUsize>,
);

impl Place {
    /// Whether its owner is in the line, or was called out of it and has not noticed.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_some()
    }

    fn key(&self) -> Option<Key> {
        self.0.map(|shifted| shifted.get() - 1)
    }

    fn set(&mut self, key: Key) {
        self.0 = NonZeroUsize::new(key + 1);
    }
}

impl Returns {
    pub(crate) fn new(count: u16) -> Self {
        let below = (0..count).map(|_| AtomicU32::new(0)).collect();
        Self { word: AtomicU32::new(0), below, waiters: Mutex::new(Line::new()) }
    }

    /// Any thread: sends a buffer home. Says whether home has to be told, since somebody waits.
    #[must_use]
    pub(crate) fn push(&self, buffer: u16) -> bool {
        // Ordering: Relaxed: the exchange below orders.
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            // Ordering: Relaxed: published by the Release below.
            self.below[usize::from(buffer)].store(now & !WAITING, Ordering::Relaxed);
            let next = u32::from(buffer) + 1;
            // Ordering: Release, partner of the Acquire in `take_all`: home sees the link, and that
            // our reads of the buffer are over.
            let pushed =
                self.word.compare_exchange_weak(now, next, Ordering::Release, Ordering::Relaxed);
            match pushed {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
        now & WAITING != 0
    }

    /// Home: whether there is something to take.
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        // Ordering: Relaxed: only says whether to look.
        self.word.load(Ordering::Relaxed) & !WAITING != 0
    }

    /// Home: empties the list.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = u16> {
        // Ordering: Acquire, partner of the Release in `push`.
        let mut next = self.word.fetch_and(WAITING, Ordering::Acquire) & !WAITING;
        std::iter::from_fn(move || {
            let buffer = next.checked_sub(1)? as u16;
            // Ordering: Relaxed: ordered by the Acquire above. Read before the buffer is given
            // out, and so before it can be pushed again.
            next = self.below[usize::from(buffer)].load(Ordering::Relaxed);
            Some(buffer)
        })
    }

    /// Home: puts `waker` at the end of the line, where it counts once it is
    /// [announced](Self::announce). A buffer had come back `seen` times when its owner began.
    pub(crate) fn enlist(&self, place: &mut Place, seen: u64, waker: &Waker) {
        // The user's code, so outside the lock.
        let waker = waker.clone();
        place.set(lock(&self.waiters).push_back(seen, waker));
    }

    /// Any thread: whether the owner of a place has been called, which gives the place up. If not,
    /// `waker` is called.
    pub(crate) fn poll_called(&self, place: &mut Place, waker: &Waker) -> Poll<()> {
        let key = place.key().expect("only who has a place asks");
        let called = line::poll_behind(&self.waiters, |line| line, key, waker);
        if called.is_ready() {
            place.0 = None;
        }
        called
    }

    /// Any thread: gives a place up.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(key) = place.key() else { return };
        place.0 = None;
        let removed = lock(&self.waiters).remove(key);
        // The waker in it is the user's, so outside the lock.
        drop(removed);
    }

    /// Home: says that there are waiters. On `false` there is something to take, so that waiting
    /// would be in vain.
    #[must_use]
    pub(crate) fn announce(&self) -> bool {
        // Ordering: Relaxed: nothing is published by it; the total order of the word's changes is
        // all that counts.
        self.word.fetch_or(WAITING, Ordering::Relaxed) & !WAITING == 0
    }

    /// Home: whether somebody waits, unless somebody else is about to tell home of a buffer.
    #[inline]
    pub(crate) fn has_waiters(&self) -> bool {
        // Ordering: Relaxed: only home sets it, and whoever takes it away tells home.
        self.word.load(Ordering::Relaxed) & WAITING != 0
    }

    /// Home: whether nobody is in the line; then nobody else need tell of buffers either.
    pub(crate) fn is_line_empty(&self) -> bool {
        if !lock(&self.waiters).is_empty() {
            return false;
        }
        // Ordering: Relaxed, as in `announce`; only home puts waiters into the line.
        self.word.fetch_and(!WAITING, Ordering::Relaxed);
        true
    }

    /// Home: calls up to `count` waiters for which a buffer has come back since they began, in the
    /// order of the line, when buffers have come back `returned` times. They are to be woken now.
    pub(crate) fn call(&self, count: usize, returned: u64, called: &mut Vec<Waker>) {
        let mut line = lock(&self.waiters);
        let first_can = |line: &Line<_, _>| line.first().is_some_and(|seen| *seen < returned);
        for _ in 0..count {
            if !first_can(&line) {
                break;
            }
            called.extend(line.serve_first(drop));
        }
    }

    /// Home: whether there is a waiter to [call](Self::call).
    pub(crate) fn is_anyone_to_call(&self, returned: u64) -> bool {
        lock(&self.waiters).first().is_some_and(|seen| *seen < returned)
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_pushed_comes_out_once() {
        let returns = Returns::new(3);
        assert!(!returns.has_some());
        for buffer in [2, 0, 1] {
            assert!(!returns.push(buffer));
        }
        assert!(returns.has_some());
        let mut taken: Vec<_> = returns.take_all().collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
        assert_eq!(returns.take_all().count(), 0);
    }

    #[test]
    fn as_many_are_called_as_is_said_in_the_order_of_the_line() {
        let returns = Returns::new(1);
        let wakes = [(); 4].map(|()| Arc::new(Wakes(0.into())));
        let mut places = [(); 4].map(|()| Place::default());
        for (wakes, place) in wakes.iter().zip(&mut places) {
            returns.enlist(place, 7, &wakes.clone().into());
        }
        assert!(returns.announce());
        returns.leave(&mut places[1]);
        assert_eq!(Arc::strong_count(&wakes[1]), 1, "its waker is gone");
        assert!(returns.push(0));
        let mut called = Vec::new();
        returns.call(2, 7, &mut called);
        assert!(called.is_empty(), "nothing has come back since they began");
        returns.call(2, 8, &mut called);
        called.into_iter().for_each(Waker::wake);
        assert_eq!(wakes.each_ref().map(|wakes| wakes.0.load(Ordering::Relaxed)), [1, 0, 1, 0]);
        let mut poll = |place: usize| returns.poll_called(&mut places[place], Waker::noop());
        assert!(poll(0).is_ready() && poll(2).is_ready() && poll(3).is_pending());
        assert!(!returns.is_line_empty());
        returns.leave(&mut places[3]);
        assert!(returns.is_line_empty() && !returns.has_waiters());
    }

    #[test]
    fn who_comes_too_late_to_wait_is_told() {
        let returns = Returns::new(1);
        assert!(!returns.push(0));
        let mut place = Place::default();
        returns.enlist(&mut place, 0, Waker::noop());
        assert!(!returns.announce());
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "returns_models.rs"]
mod models;
