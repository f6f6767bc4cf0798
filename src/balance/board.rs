//! Who has something to give, and who has nothing to do: two sets of rings that all can see.
//!
//! They are hints as to where to look. What they must not do is to be wrong at the wrong moment: a
//! ring that lays tasks out while all others are asleep has to wake one, and a ring that falls
//! asleep has to see what was laid out before.
//!
//! | the ring that gives                   | the ring that falls asleep              |
//! |---------------------------------------|-----------------------------------------|
//! | 1. puts the tasks onto its shelf      | 1. joins the idle                       |
//! | 2. joins the givers                   | 2. *fence*                              |
//! | 3. *fence*                            | 3. looks for givers; takes, or sleeps   |
//! | 4. looks for the idle; wakes one      |                                         |
//!
//! If there is little to do, step 4 is left out where a ring was woken a short while ago: that one
//! has the *watch*, which it knows by being struck off the idle, and looks once more when this
//! while is over (`PATIENCE_NS`). If it gets something to do itself, it hands the watch on to a
//! ring that is idle (`hand_on`). If none is, the watch is over, and the next who gives is not
//! quiet; it is over before the last look for givers, so whoever was quiet because of it is seen by
//! that look.
//!
//! One of the fences comes first. If it is the giver's, the other ring sees the giver in its step
//! 3. If it is the sleeper's, the giver sees it among the idle in its step 4.
//!
//! A taker strikes the giver off *before* it empties the shelf. So who lays something out in
//! between joins the givers after that, and is not forgotten. Who finds itself among the givers
//! already need not join: the word is everybody's, and to change it costs. For that there is a
//! fence between its shelf and its look, and one between striking off and emptying; either the
//! taker finds the tasks, or the giver finds itself struck off.

use super::policy::{Estimate, is_worth_waking, next_in_circle};
use crate::primitives::atomic::{AtomicU64, Ordering, fence};

/// Nanoseconds on the clock of the timers, never 0. In the models it stands still.
fn clock_ns() -> u64 {
    #[cfg(not(ringpool_loom))]
    return crate::time::since_start_ns(std::time::Instant::now()).max(1);
    #[cfg(ringpool_loom)]
    1
}

/// A set of rings, one bit each.
struct RingSet {
    words: Box<[Word]>,
}

/// On cache lines of its own.
#[repr(align(128))]
struct Word(AtomicU64);

impl RingSet {
    fn new(rings: usize) -> Self {
        Self { words: (0..rings.div_ceil(64)).map(|_| Word(AtomicU64::new(0))).collect() }
    }

    fn word_and_bit(&self, ring: usize) -> (&AtomicU64, u64) {
        (&self.words[ring / 64].0, 1 << (ring % 64))
    }

    fn has(&self, ring: usize) -> bool {
        let (word, bit) = self.word_and_bit(ring);
        // Ordering: Relaxed: ordered by the fences in `Board`.
        word.load(Ordering::Relaxed) & bit != 0
    }

    fn insert(&self, ring: usize) {
        let (word, bit) = self.word_and_bit(ring);
        // Ordering: Release, partner of the Acquire in `remove`: who strikes a giver off finds what
        // it has put onto its shelf.
        word.fetch_or(bit, Ordering::Release);
    }

    /// Whether it was there.
    fn remove(&self, ring: usize) -> bool {
        let (word, bit) = self.word_and_bit(ring);
        // Ordering: Acquire, partner of the Release in `insert`; and what a taker does with the
        // shelf stays behind this step. And both, between who chooses an idle ring and that ring.
        word.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// The first one after `own`.
    #[inline]
    fn next_after(&self, own: usize) -> Option<usize> {
        // Ordering: Relaxed, as in `has`.
        let load = |word: usize| self.words[word].0.load(Ordering::Relaxed);
        next_in_circle(own, load, self.words.len())
    }
}

/// See the module's page.
pub(crate) struct Board {
    givers: RingSet,
    idle: RingSet,
    /// How long the first poll of a task takes, in nanoseconds, as far as known: the same kinds of
    /// tasks are born on all rings.
    fresh_ns: AtomicU64,
    /// When the ring was woken that has the watch; 0 if none has.
    watched_since_ns: AtomicU64,
}

impl Board {
    pub(crate) fn new(rings: usize) -> Self {
        let (givers, idle) = (RingSet::new(rings), RingSet::new(rings));
        let fresh_ns = AtomicU64::new(Estimate::unknown().get());
        Self { givers, idle, fresh_ns, watched_since_ns: AtomicU64::new(0) }
    }

    /// `own` has put something onto its shelf that will take about so long. Gives a ring that is
    /// idle, for the caller alone to wake: for much at once, and for little if nobody has the
    /// watch.
    pub(crate) fn give(&self, own: usize, takes_ns: u64) -> Option<usize> {
        // Ordering: SeqCst, partner of the fence in `next_giver`: if we are seen as a giver below,
        // who strikes us off has not looked at the shelf yet. And of those in `fall_idle` and
        // `hand_on`.
        fence(Ordering::SeqCst);
        if !self.givers.has(own) {
            self.givers.insert(own);
            // Ordering: SeqCst, partner of the fences in `fall_idle` and `hand_on`.
            fence(Ordering::SeqCst);
        }
        self.idle.next_after(own)?;
        if self.is_worth_it(takes_ns) { self.choose(own) } else { None }
    }

    /// Whether to wake a ring now, while one that was woken may be about to look once more.
    fn is_worth_it(&self, takes_ns: u64) -> bool {
        // Ordering: Relaxed: ordered by the fences in `give` and `hand_on`.
        let for_ns = match self.watched_since_ns.load(Ordering::Relaxed) {
            0 => u64::MAX,
            since_ns => clock_ns().saturating_sub(since_ns),
        };
        is_worth_waking(takes_ns, for_ns)
    }

    /// An idle ring, for the caller alone to wake, which has the watch from then on.
    fn choose(&self, own: usize) -> Option<usize> {
        let mut from = own;
        while let Some(ring) = self.idle.next_after(from) {
            // Before the ring can know that it was chosen, since it may hand the watch on at once.
            // Ordering: Relaxed: published by the Release in `remove`.
            self.watched_since_ns.store(clock_ns(), Ordering::Relaxed);
            if self.idle.remove(ring) {
                return Some(ring);
            }
            from = ring;
        }
        // Ordering: Relaxed: whoever was quiet just now saw a ring idle that is awake by now.
        self.watched_since_ns.store(0, Ordering::Relaxed);
        None
    }

    /// `own` has the watch and something else to do. Gives the ring that is to have it, for the
    /// caller alone to wake.
    pub(crate) fn hand_on(&self, own: usize) -> Option<usize> {
        self.choose(own).or_else(|| {
            // Ordering: SeqCst, partner of the fence in `give`.
            fence(Ordering::SeqCst);
            if self.has_giver_besides(own) { self.choose(own) } else { None }
        })
    }

    /// Whether a ring other than `own` has something to give. Cheap enough to spin on.
    #[inline]
    pub(crate) fn has_giver_besides(&self, own: usize) -> bool {
        self.givers.next_after(own).is_some()
    }

    /// The next ring whose shelf the caller is to empty: nobody else is sent there for what lies
    /// there now.
    pub(crate) fn next_giver(&self, own: usize) -> Option<usize> {
        let ring = self.givers.next_after(own)?;
        self.givers.remove(ring);
        // Ordering: SeqCst, partner of the first fence in `give`: who lays something out that we
        // do not find on the shelf finds itself struck off.
        fence(Ordering::SeqCst);
        Some(ring)
    }

    /// `own` has nothing to do, and sleeps unless this says that there is a giver.
    pub(crate) fn fall_idle(&self, own: usize) -> bool {
        self.idle.insert(own);
        // Ordering: SeqCst, partner of the fence in `give`.
        fence(Ordering::SeqCst);
        !self.has_giver_besides(own)
    }

    /// `own`, which fell idle, is awake. Says whether it was chosen meanwhile, and so has the
    /// watch.
    pub(crate) fn wake_up(&self, own: usize) -> bool {
        !self.idle.remove(own)
    }

    /// The first poll of a task took so long. Of two that learn at once one is forgotten.
    pub(crate) fn learn_fresh(&self, took_ns: u64) {
        let mut estimate = Estimate::of(self.fresh_ns());
        estimate.learn(took_ns);
        // Ordering: Relaxed: an estimate.
        self.fresh_ns.store(estimate.get(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn fresh_ns(&self) -> u64 {
        // Ordering: Relaxed: an estimate.
        self.fresh_ns.load(Ordering::Relaxed)
    }
}
