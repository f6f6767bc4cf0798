//! How buffers come home, and who waits for them: one atomic word and a list.
//!
//! A buffer is dropped on any thread; only home may put it into the kernel's table. So it is pushed
//! to a list that home empties whenever it looks at the pool. The links are kept beside the
//! buffers, so a push allocates nothing, and a buffer is in the list at most once.
//!
//! # The word
//!
//! It is the number of the buffer that was pushed last, plus one, or 0; and [`WAITING`], which says
//! that somebody waits for a buffer.
//!
//! # Why no wake is lost
//!
//! Who waits does so at home, in this order: (1) home empties the list, and finds nothing new;
//! (2) the waker is put among the waiters; (3) `WAITING` is set. All changes of the word are
//! read-modify-writes, so they have one total order. A push before (3) is seen by (3), which says
//! so, and home starts again at (1). A push after (3) finds `WAITING`, takes it away, and wakes all
//! waiters, which it finds, since (2) came before (3) and both are published by the word. Buffers
//! that are dropped at home do not use the list; home itself looks for `WAITING` then.
//!
//! All are woken for one buffer: those who find none wait again. The lock is held only to put
//! wakers in and take them out; they are called and dropped outside of it.

use std::mem;
use std::task::Waker;

use crate::primitives::atomic::{AtomicU32, Ordering};
use crate::primitives::{Mutex, lock};

const WAITING: u32 = 1 << 31;

/// The list and the waiters of one pool.
pub(crate) struct Returns {
    word: AtomicU32,
    /// By number: the buffer that was pushed before, plus one, or 0.
    below: Box<[AtomicU32]>,
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    wakers: Vec<Waker>,
    /// Whose each of them is.
    ids: Vec<u64>,
    last_id: u64,
}

/// Somebody's place among the waiters.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Returns {
    pub(crate) fn new(count: u16) -> Self {
        let below = (0..count).map(|_| AtomicU32::new(0)).collect();
        Self { word: AtomicU32::new(0), below, waiters: Mutex::new(Waiters::default()) }
    }

    /// Any thread: sends a buffer home, and gives those who wait for one, to be woken now.
    #[must_use]
    pub(crate) fn push(&self, buffer: u16) -> Vec<Waker> {
        // Ordering: Relaxed: the exchange below orders.
        let mut now = self.word.load(Ordering::Relaxed);
        loop {
            // Ordering: Relaxed: published by the Release below.
            self.below[usize::from(buffer)].store(now & !WAITING, Ordering::Relaxed);
            let next = u32::from(buffer) + 1;
            // Ordering: Release, partner of the Acquire in `take_all`: home sees the link, and that
            // our reads of the buffer are over. Acquire, partner of the Release in `announce`: we
            // see the waiters.
            let pushed =
                self.word.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed);
            match pushed {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
        if now & WAITING != 0 { self.take_wakers() } else { Vec::new() }
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

    /// Home: puts `waker` in a place of its own among the waiters, which makes it count only once
    /// it is [announced](Self::announce).
    pub(crate) fn enlist(&self, place: &mut Place, waker: &Waker) {
        // The user's code, so outside the lock.
        let mut waker = waker.clone();
        let mut waiters = lock(&self.waiters);
        let id = *place.0.get_or_insert_with(|| {
            waiters.last_id += 1;
            waiters.last_id
        });
        match waiters.ids.iter().position(|other| *other == id) {
            Some(at) => mem::swap(&mut waiters.wakers[at], &mut waker),
            None => {
                waiters.ids.push(id);
                waiters.wakers.push(waker);
                return;
            }
        }
        drop(waiters);
        drop(waker);
    }

    /// Any thread: gives a place up.
    pub(crate) fn leave(&self, place: &mut Place) {
        let Some(id) = place.0.take() else { return };
        let mut waiters = lock(&self.waiters);
        let at = waiters.ids.iter().position(|other| *other == id);
        let waker = at.map(|at| {
            waiters.ids.swap_remove(at);
            waiters.wakers.swap_remove(at)
        });
        drop(waiters);
        drop(waker);
    }

    /// Home: says that there are waiters. On `false` there is something to take, so that waiting
    /// would be in vain.
    #[must_use]
    pub(crate) fn announce(&self) -> bool {
        // Ordering: Release, partner of the Acquire in `push`: it sees the waiters.
        self.word.fetch_or(WAITING, Ordering::Release) & !WAITING == 0
    }

    /// Home: a buffer has come back that is not in the list; gives those who wait, to be woken now.
    #[must_use]
    pub(crate) fn came_home(&self) -> Vec<Waker> {
        // Ordering: Relaxed: only home sets it, and whoever takes it away wakes them.
        if self.word.load(Ordering::Relaxed) & WAITING == 0 {
            return Vec::new();
        }
        // Ordering: Relaxed: the waiters were put in by this thread.
        self.word.fetch_and(!WAITING, Ordering::Relaxed);
        self.take_wakers()
    }

    fn take_wakers(&self) -> Vec<Waker> {
        let mut waiters = lock(&self.waiters);
        waiters.ids.clear();
        mem::take(&mut waiters.wakers)
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
            assert!(returns.push(buffer).is_empty());
        }
        assert!(returns.has_some());
        let mut taken: Vec<_> = returns.take_all().collect();
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
        assert_eq!(returns.take_all().count(), 0);
    }

    #[test]
    fn a_waiter_that_has_left_is_not_woken() {
        let returns = Returns::new(1);
        let (stays, leaves) = (Arc::new(Wakes(0.into())), Arc::new(Wakes(0.into())));
        let mut places = [Place::default(), Place::default()];
        returns.enlist(&mut places[0], &stays.clone().into());
        returns.enlist(&mut places[1], &leaves.clone().into());
        assert!(returns.announce());
        returns.leave(&mut places[1]);
        assert_eq!(Arc::strong_count(&leaves), 1, "its waker is gone");
        returns.push(0).into_iter().for_each(Waker::wake);
        assert_eq!((stays.0.load(Ordering::Relaxed), leaves.0.load(Ordering::Relaxed)), (1, 0));
    }

    #[test]
    fn who_comes_too_late_to_wait_is_told() {
        let returns = Returns::new(1);
        assert!(returns.push(0).is_empty());
        let mut place = Place::default();
        returns.enlist(&mut place, Waker::noop());
        assert!(!returns.announce());
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "returns_models.rs"]
mod models;
