//! What a ring is polling right now, for those who cannot ask it: it does not answer during a poll.
//!
//! Before each poll the ring's thread writes down the task's number and where it was spawned, and
//! that a poll begins; after it, that it is over. These are plain stores to a cache line of its
//! own, and nobody waits for anybody. The task itself must not be touched from elsewhere: it may be
//! freed at any time.
//!
//! # Why what is read belongs together
//!
//! `serial` is odd during a poll, and goes up by one at its begin and at its end. Who reads an odd
//! number sees what was written before it. If he then reads something of a later poll, he sees
//! `serial` as it was after his own poll had ended, or later, when he looks at it again, and knows
//! that the poll he asked about is over.

use std::panic::Location;
use std::ptr;

use crate::primitives::atomic::{AtomicPtr, AtomicU64, Ordering};

/// See the module's page.
#[repr(align(128))]
pub(crate) struct Running {
    serial: AtomicU64,
    task: AtomicU64,
    spawned_at: AtomicPtr<Location<'static>>,
}

/// A poll that had not ended when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeenPoll {
    /// Of all polls of this ring.
    pub(crate) serial: u64,
    /// The number of the task.
    pub(crate) task: u64,
    pub(crate) spawned_at: &'static Location<'static>,
}

/// What somebody saw who looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Poll(SeenPoll),
    /// No poll: the ring sleeps, or does something else.
    Nothing,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self {
            serial: AtomicU64::new(0),
            task: AtomicU64::new(0),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Owner: a poll begins.
    #[inline]
    pub(crate) fn begin(&self, task: u64, spawned_at: &'static Location<'static>) {
        // Ordering: Release, here and on the next line, partner of the Acquire loads in `look`: who
        // sees this poll's task sees that the poll before is over.
        self.task.store(task, Ordering::Release);
        // Ordering: Release, as above.
        self.spawned_at.store(ptr::from_ref(spawned_at).cast_mut(), Ordering::Release);
        // Ordering: Release, partner of the first load in `look`: who sees the poll sees its task.
        self.serial.store(self.next_serial(), Ordering::Release);
    }

    /// Owner: the poll is over.
    #[inline]
    pub(crate) fn end(&self) {
        // Ordering: Relaxed: the Release stores of the next `begin` publish it, and before these
        // there is nothing that it could be mixed up with.
        self.serial.store(self.next_serial(), Ordering::Relaxed);
    }

    fn next_serial(&self) -> u64 {
        // Ordering: Relaxed: only the owner writes it.
        self.serial.load(Ordering::Relaxed) + 1
    }

    /// Anybody: the poll that is under way.
    pub(crate) fn look(&self) -> Seen {
        loop {
            // Ordering: Acquire, partner of the last store in `begin`.
            let serial = self.serial.load(Ordering::Acquire);
            if serial.is_multiple_of(2) {
                return Seen::Nothing;
            }
            // Ordering: Acquire, here and on the next line, partner of the Release stores in
            // `begin`.
            let task = self.task.load(Ordering::Acquire);
            // Ordering: Acquire, as above.
            let spawned_at = self.spawned_at.load(Ordering::Acquire);
            // Ordering: Relaxed: ordered after the loads above by their Acquire.
            if self.serial.load(Ordering::Relaxed) == serial {
                // SAFETY: written before the odd number, from a reference that is good for ever.
                let spawned_at = unsafe { &*spawned_at };
                return Seen::Poll(SeenPoll { serial, task, spawned_at });
            }
        }
    }
}

#[cfg(all(test, not(ringpool_loom), not(ringpool_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_seen_until_it_ends() {
        let running = Running::new();
        let here = Location::caller();
        assert_eq!(running.look(), Seen::Nothing);
        running.begin(7, here);
        assert_eq!(running.look(), Seen::Poll(SeenPoll { serial: 1, task: 7, spawned_at: here }));
        running.end();
        assert_eq!(running.look(), Seen::Nothing);
        running.begin(7, here);
        assert_eq!(running.look(), Seen::Poll(SeenPoll { serial: 3, task: 7, spawned_at: here }));
    }
}

#[cfg(all(test, ringpool_loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::thread;

    /// Two places that differ.
    fn places() -> [&'static Location<'static>; 2] {
        let first = Location::caller();
        [first, Location::caller()]
    }

    #[test]
    fn what_is_seen_is_of_one_poll() {
        loom::model(|| {
            let places = places();
            let running = Arc::new(Running::new());
            let looker = {
                let running = running.clone();
                thread::spawn(move || running.look())
            };
            for poll in 0..2 {
                running.begin(poll + 10, places[poll as usize]);
                running.end();
            }
            if let Seen::Poll(seen) = looker.join().unwrap() {
                let poll = seen.serial / 2;
                assert_eq!(seen.task, poll + 10);
                assert!(ptr::eq(seen.spawned_at, places[poll as usize]));
            }
        });
    }
}
