//! Two ways to spread tasks over rings that shedding is held against: not at all, and by stealing.

use crate::world::{Next, Strategy, World};

/// No task ever leaves the ring it was born on.
pub(crate) struct Static;

impl Strategy for Static {
    fn step(&mut self, world: &mut World, ring: usize) -> Next {
        if world.take_in(ring) { Next::Poll { after_ns: 0 } } else { Next::SLEEP }
    }
}

/// A ring without work takes half of the queue of another one, chosen at random, and again until
/// it finds something or has tried as often as there are rings. Who has more than it can poll next
/// wakes one that sleeps, unless somebody searches already.
pub(crate) struct Stealing {
    /// How often a ring has tried in vain; none if it does not search.
    tries: Vec<Option<usize>>,
    searching: usize,
}

impl Stealing {
    pub(crate) fn new(rings: usize) -> Self {
        Self { tries: vec![None; rings], searching: 0 }
    }

    fn set_searching(&mut self, ring: usize, tries: Option<usize>) {
        self.searching -= usize::from(self.tries[ring].is_some());
        self.searching += usize::from(tries.is_some());
        self.tries[ring] = tries;
    }

    fn search(&mut self, world: &mut World, thief: usize) -> Next {
        let rings = world.rings.len();
        let tries = self.tries[thief].unwrap_or(0);
        if tries >= rings {
            // Whoever searches last looks at all, so that nothing is left behind.
            if world.rings.iter().all(|ring| ring.ready.is_empty()) {
                self.set_searching(thief, None);
                return Next::SLEEP;
            }
            self.set_searching(thief, Some(0));
        } else {
            self.set_searching(thief, Some(tries + 1));
        }
        let victim = world.random.index(rings);
        let after_ns = world.swap_ns();
        let count = world.rings[victim].ready.len().div_ceil(2);
        let stolen: Vec<u32> = world.rings[victim].ready.drain(..count).collect();
        Next::Again { after_ns: after_ns + world.adopt(thief, stolen) }
    }
}

impl Strategy for Stealing {
    fn step(&mut self, world: &mut World, ring: usize) -> Next {
        if !world.take_in(ring) {
            return self.search(world, ring);
        }
        self.set_searching(ring, None);
        let mut after_ns = 0;
        if world.rings[ring].ready.len() > 1
            && self.searching == 0
            && let Some(sleeper) = world.asleep.first_from(0)
        {
            after_ns += world.wake(sleeper, self);
        }
        Next::Poll { after_ns }
    }

    fn woken(&mut self, ring: usize) {
        self.set_searching(ring, Some(0));
    }
}
