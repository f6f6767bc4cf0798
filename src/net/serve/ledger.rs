//! What has become of connections, counted for each ring; and which ring gets the next one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A number that several threads change.
#[derive(Default)]
struct SharedCounter(AtomicU64);

impl SharedCounter {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The connections given to one ring, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct RingCounters {
    alive: SharedCounter,
    accepted: SharedCounter,
    completed: SharedCounter,
    failed: SharedCounter,
    panicked: SharedCounter,
    cancelled: SharedCounter,
}

/// The books of a server.
#[derive(Default)]
pub(super) struct Ledger {
    /// As many as the server has rings, which it knows when it begins.
    rings: OnceLock<Box<[RingCounters]>>,
    accept_errors: SharedCounter,
}

impl Ledger {
    /// The server begins.
    pub(super) fn open(&self, rings: usize) {
        self.rings.get_or_init(|| (0..rings).map(|_| RingCounters::default()).collect());
    }

    fn rings(&self) -> &[RingCounters] {
        self.rings.get().map_or(&[], |rings| rings)
    }

    /// A connection has been accepted, and goes to this ring.
    pub(super) fn enter(self: &Arc<Self>, ring: usize) -> Entry {
        let counters = &self.rings()[ring];
        counters.accepted.add();
        counters.alive.add();
        Entry { ledger: self.clone(), ring, end: End::Cancelled }
    }

    /// None was accepted.
    pub(super) fn accept_failed(&self) {
        self.accept_errors.add();
    }

    /// How many connections are alive that were given to this ring.
    pub(super) fn alive(&self, ring: usize) -> u64 {
        self.rings()[ring].alive.get()
    }

    pub(super) fn alive_each(&self) -> Vec<usize> {
        self.rings().iter().map(|ring| ring.alive.get() as usize).collect()
    }

    pub(super) fn read(&self) -> Served {
        let sum = |counter: fn(&RingCounters) -> &SharedCounter| {
            self.rings().iter().map(|ring| counter(ring).get()).sum()
        };
        Served {
            accepted: sum(|ring| &ring.accepted),
            completed: sum(|ring| &ring.completed),
            failed: sum(|ring| &ring.failed),
            panicked: sum(|ring| &ring.panicked),
            cancelled: sum(|ring| &ring.cancelled),
            accept_errors: self.accept_errors.get(),
        }
    }
}

/// How a connection has ended.
#[derive(Clone, Copy)]
pub(super) enum End {
    Completed,
    Failed,
    Panicked,
    Cancelled,
}

/// A connection in the books, which is alive until this is dropped: cancelled, unless said
/// otherwise.
pub(super) struct Entry {
    ledger: Arc<Ledger>,
    ring: usize,
    end: End,
}

impl Entry {
    pub(super) fn ring(&self) -> usize {
        self.ring
    }

    pub(super) fn ends_as(&mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let ring = &self.ledger.rings()[self.ring];
        match self.end {
            End::Completed => ring.completed.add(),
            End::Failed => ring.failed.add(),
            End::Panicked => ring.panicked.add(),
            End::Cancelled => ring.cancelled.add(),
        }
        ring.alive.subtract();
    }
}

/// What a server has done: what [`serve`](super::serve()) gives at its end, and
/// [`ServerHandle::served`](super::ServerHandle::served) in between.
///
/// Every connection that was accepted is in one of the next four numbers when it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Connections accepted.
    pub accepted: u64,
    /// Those whose handler ended well.
    pub completed: u64,
    /// Those whose handler gave an error.
    pub failed: u64,
    /// Those whose handler panicked.
    pub panicked: u64,
    /// Those that were cut short: their handler was cancelled, or had been
    /// [asked to stop](super::Serve::stop_handlers) and ended with
    /// [`ECANCELED`](libc::ECANCELED).
    pub cancelled: u64,
    /// How often accepting failed, for a while or for good.
    pub accept_errors: u64,
}

/// The ring with the least key, of those that have one. Of several such it is the next one after
/// `last`, so that all have their turn.
pub(super) fn least<K: Ord>(
    rings: usize,
    last: usize,
    key: impl Fn(usize) -> Option<K>,
) -> Option<usize> {
    let in_turn = (1..=rings).map(|step| (last + step) % rings);
    let keys = in_turn.filter_map(|ring| Some((key(ring)?, ring)));
    keys.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, ring)| ring)
}

#[cfg(all(test, not(ringpool_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn the_ring_with_the_fewest_is_chosen_and_equal_ones_take_turns() {
        let choose = |alive: &[u32], last| least(alive.len(), last, |ring| Some(alive[ring]));
        assert_eq!(choose(&[3, 1, 2], 0), Some(1));
        assert_eq!(choose(&[1, 1, 1], 0), Some(1));
        assert_eq!(choose(&[1, 1, 1], 2), Some(0));
        assert_eq!(choose(&[1, 5, 1], 0), Some(2));
        assert_eq!(choose(&[7], 0), Some(0));
    }

    #[test]
    fn a_ring_that_takes_nothing_is_passed_over() {
        let choose = |open: &[bool]| least(open.len(), 0, |ring| open[ring].then_some(ring));
        assert_eq!(choose(&[false, false, true]), Some(2));
        assert_eq!(choose(&[false, false]), None);
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn connections_that_stay_are_spread_evenly_however_many_come() {
        let mut alive = [0u32; 7];
        let mut last = 0;
        for count in 1..=1000 {
            last = least(7, last, |ring| Some(alive[ring])).unwrap();
            alive[last] += 1;
            let fewest = alive.iter().min().unwrap();
            assert!(alive.iter().max().unwrap() - fewest <= 1, "{alive:?} of {count}");
        }
    }

    #[test]
    fn every_connection_ends_in_one_of_the_numbers() {
        let ledger = Arc::new(Ledger::default());
        assert_eq!(ledger.read(), Served::default());
        ledger.open(2);
        let mut entries = [0, 1, 1, 0, 1].map(|ring| ledger.enter(ring));
        assert_eq!(ledger.alive_each(), [2, 3]);
        entries[0].ends_as(End::Completed);
        entries[1].ends_as(End::Failed);
        entries[2].ends_as(End::Panicked);
        drop(entries);
        let served = ledger.read();
        let ends = [served.completed, served.failed, served.panicked, served.cancelled];
        assert_eq!((served.accepted, ends), (5, [1, 1, 1, 2]));
        assert_eq!(ledger.alive_each(), [0, 0]);
    }
}
