//! The value behind its lock, and the word beside it.
//!
//! | bits of the word | name      | meaning                                                     |
//! |------------------|-----------|-------------------------------------------------------------|
//! | 0                | `CLOSED`  | there is no sender any more                                 |
//! | 1                | `WAITING` | somebody waits, or is about to: a change has to look        |
//! | 2–63             | version   | counts the changes                                          |
//!
//! The version is counted up under the write lock, so who holds the read lock knows which version
//! the value has. Who is about to wait sets `WAITING` and learns in the same step whether there is
//! a change; who changes the value learns in the step that counts it whether somebody waits. One
//! word, so one of the two steps comes first, and no change is missed.

use std::task::{Poll, Waker, ready};

use crate::error::RecvError;
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::{RwLock, RwLockReadGuard};
use crate::sync::waiting::{Begun, Place, WaitList};

const CLOSED: usize = 1;
const WAITING: usize = 1 << 1;
const ONE_VERSION: usize = 1 << 2;

/// A number of a version; compared for equality only, so that it may overflow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Version(usize);

impl Version {
    fn of(word: usize) -> Self {
        Self(word & !(CLOSED | WAITING))
    }

    pub(super) fn before(self) -> Self {
        Self(self.0.wrapping_sub(ONE_VERSION))
    }
}

pub(super) struct Shared<T> {
    word: AtomicUsize,
    value: RwLock<T>,
    /// Receivers that wait for a change.
    watching: WaitList<(), (), ()>,
    /// Senders that wait until there is no receiver.
    leaving: WaitList<(), (), ()>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<T> Shared<T> {
    /// One sender and one receiver exist already.
    pub(super) fn new(init: T) -> Self {
        Self::with_word(init, 0)
    }

    fn with_word(init: T, word: usize) -> Self {
        Self {
            word: AtomicUsize::new(word),
            value: RwLock::new(init),
            watching: WaitList::new(()),
            leaving: WaitList::new(()),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    fn now(&self) -> usize {
        // Ordering: Acquire, partner of the Release in `count_change`.
        self.word.load(Ordering::Acquire)
    }

    pub(super) fn version(&self) -> Version {
        Version::of(self.now())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.now() & CLOSED != 0
    }

    /// The value, and its version.
    pub(super) fn read(&self) -> (RwLockReadGuard<'_, T>, Version) {
        // A panic of a closure does not make the value any worse for those who look at it.
        let guard = match self.value.read() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        (guard, self.version())
    }

    /// Lets `change` have the value, and tells all receivers if it says that it has changed it.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> (bool, R)) -> R {
        let mut guard = match self.value.write() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        let (is_changed, result) = change(&mut guard);
        let is_awaited = is_changed && self.count_change();
        drop(guard);
        if is_awaited {
            self.wake_watching();
        }
        result
    }

    /// Under the write lock; whether somebody waits.
    fn count_change(&self) -> bool {
        // Ordering: AcqRel, with `poll_changed` and `now`: who sees the version sees the value, and
        // whoever has set WAITING before is seen here.
        self.word.fetch_add(ONE_VERSION, Ordering::AcqRel) & WAITING != 0
    }

    fn wake_watching(&self) {
        self.watching.with(|locked, wakes| {
            // Ordering: AcqRel, with `poll_changed`, which sets it again under the same lock.
            self.word.fetch_and(!WAITING, Ordering::AcqRel);
            locked.serve_all(wakes, |()| ());
        });
    }

    /// Whether there is something newer than `seen`, or will never be; `None` if not yet.
    pub(super) fn news(&self, seen: Version) -> Option<Result<Version, RecvError>> {
        Self::news_in(self.now(), seen)
    }

    fn news_in(word: usize, seen: Version) -> Option<Result<Version, RecvError>> {
        match Version::of(word) {
            version if version != seen => Some(Ok(version)),
            _ if word & CLOSED != 0 => Some(Err(RecvError)),
            _ => None,
        }
    }

    /// One poll of the wait for a version other than `seen`.
    pub(super) fn poll_changed(
        &self,
        seen: Version,
        place: &mut Place,
        waker: &Waker,
    ) -> Poll<Result<Version, RecvError>> {
        loop {
            if let Some(news) = self.news(seen) {
                self.leave_watching(place);
                return Poll::Ready(news);
            }
            ready!(self.watching.poll(place, waker, |_, _| {
                // Ordering: AcqRel, with `count_change` and `close`: see the module's page.
                let word = self.word.fetch_or(WAITING, Ordering::AcqRel);
                match Self::news_in(word, seen) {
                    Some(_) => Begun::Done(()),
                    None => Begun::Wait(()),
                }
            }));
        }
    }

    pub(super) fn leave_watching(&self, place: &mut Place) {
        self.watching.leave(place, |_, _, _| ());
    }

    /// One poll of the wait for the last receiver to go.
    pub(super) fn poll_deserted(&self, place: &mut Place, waker: &Waker) -> Poll<()> {
        loop {
            if self.receivers() == 0 {
                self.leave_leaving(place);
                return Poll::Ready(());
            }
            ready!(self.leaving.poll(place, waker, |_, _| match self.receivers() {
                0 => Begun::Done(()),
                _ => Begun::Wait(()),
            }));
        }
    }

    pub(super) fn leave_leaving(&self, place: &mut Place) {
        self.leaving.leave(place, |_, _, _| ());
    }

    pub(super) fn receivers(&self) -> usize {
        // Ordering: Acquire, partner of the Release in `remove_receiver`.
        self.receivers.load(Ordering::Acquire)
    }

    pub(super) fn senders(&self) -> usize {
        // Ordering: Acquire, partner of the Release in `remove_sender`.
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed, since the new one is made from one that keeps the count above 0.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        // Ordering: Relaxed, since nothing is read on the strength of it.
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel, each decrement with the last one, so that closing is last of all.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Ordering: AcqRel, as in `count_change`.
            let before = self.word.fetch_or(CLOSED, Ordering::AcqRel);
            if before & WAITING != 0 {
                self.wake_watching();
            }
        }
    }

    pub(super) fn remove_receiver(&self) {
        // Ordering: AcqRel, each decrement with the last one, and with `receivers`. Who waits
        // looks at the count under the lock that is taken next, so it is seen or woken.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.leaving.with(|locked, wakes| locked.serve_all(wakes, |()| ()));
        }
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    #[test]
    fn versions_may_overflow() {
        let shared = Shared::with_word(0, !(CLOSED | WAITING));
        let seen = shared.version();
        assert_eq!(shared.news(seen), None);
        for number in 1..4 {
            shared.change(|value| (true, *value = number));
            assert!(matches!(shared.news(seen), Some(Ok(_))), "after {number} changes");
        }
        assert!(!shared.is_closed(), "the version does not run over into the other bits");
        assert!(matches!(shared.news(shared.version().before()), Some(Ok(_))));
        shared.remove_sender();
        assert_eq!(shared.news(shared.version()), Some(Err(RecvError)));
    }
}
