//! Three ways to spread tasks over rings: not at all, by stealing, and by shedding.

use std::collections::VecDeque;

use crate::bits::BitSet;
use crate::policy::Policy;
use crate::world::{Next, Strategy, World};

/// How often a ring that looks on looks at the shelves.
const LOOK_NS: u64 = 500;

/// No task ever leaves the ring it was born on.
pub(crate) struct Static;

impl Strategy for Static {
    fn step(&mut self, world: &mut World, ring: usize) -> Next {
        if world.rings[ring].ready.is_empty() { Next::Sleep } else { Next::Poll { after_ns: 0 } }
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
                return Next::Sleep;
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
        if world.rings[ring].ready.is_empty() {
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

/// What ringpool does: a ring keeps what it can run soon and lays everything else out on its shelf
/// as one list, which another one that has nothing to do takes as a whole; that keeps its share,
/// and lays out the rest in turn. Who lays something out wakes one that sleeps.
pub(crate) struct Shedding {
    policy: Policy,
    shelves: Vec<VecDeque<u32>>,
    /// The rings with something on their shelves.
    laid_out: BitSet,
    /// What a ring has taken from a shelf and not looked at yet.
    taken: Vec<VecDeque<u32>>,
    /// Since when a ring looks on that has found nothing.
    looks_since_ns: Vec<Option<u64>>,
}

impl Shedding {
    pub(crate) fn new(rings: usize, policy: Policy) -> Self {
        let none = || (0..rings).map(|_| VecDeque::new()).collect();
        Self {
            policy,
            shelves: none(),
            laid_out: BitSet::new(rings),
            taken: none(),
            looks_since_ns: vec![None; rings],
        }
    }

    /// How many of the first tasks of a line a ring keeps. One that has never been polled may take
    /// any time, so nothing is kept behind it, nor is it kept behind others.
    fn kept<'a>(
        &self,
        world: &World,
        ring: usize,
        line: impl IntoIterator<Item = &'a u32>,
    ) -> usize {
        let average_ns = world.rings[ring].average_poll_ns;
        let mut has_new = false;
        let is_kept = |(place, task): &(usize, &u32)| {
            has_new |= world.is_new(**task);
            *place < (self.policy.keep)(average_ns, has_new)
        };
        line.into_iter().enumerate().take_while(is_kept).count()
    }

    /// Looks once more in a moment, until that has been enough.
    fn look_on(&mut self, world: &World, ring: usize) -> Next {
        let since_ns = *self.looks_since_ns[ring].get_or_insert(world.now_ns);
        if world.now_ns - since_ns < self.policy.look_on_ns {
            return Next::Again { after_ns: LOOK_NS };
        }
        self.looks_since_ns[ring] = None;
        Next::Sleep
    }

    fn take(&mut self, world: &mut World, taker: usize, from: usize) -> Next {
        self.taken[taker] = std::mem::take(&mut self.shelves[from]);
        self.laid_out.remove(from);
        Next::Again { after_ns: world.swap_ns() }
    }

    /// Puts tasks on the ring's shelf, behind those that are there, and wakes somebody for them.
    fn lay_out(&mut self, world: &mut World, ring: usize, mut tasks: VecDeque<u32>) -> u64 {
        let mut time_ns = world.swap_ns();
        if !self.shelves[ring].is_empty() {
            // What is there has to be taken down first.
            time_ns += world.swap_ns();
        }
        self.shelves[ring].append(&mut tasks);
        self.laid_out.insert(ring);
        if let Some(sleeper) = (self.policy.next_index)(ring, &world.asleep) {
            time_ns += world.wake(sleeper, self);
        }
        time_ns
    }

    /// Keeps the ring's share of what it has taken, and lays out the rest.
    fn share_out(&mut self, world: &mut World, ring: usize) -> u64 {
        let mut tasks = std::mem::take(&mut self.taken[ring]);
        let own = self.kept(world, ring, &tasks);
        let rest = tasks.split_off(own);
        let mut time_ns = world.adopt(ring, tasks);
        if !rest.is_empty() {
            time_ns += self.lay_out(world, ring, rest);
        }
        time_ns
    }
}

impl Shedding {
    /// Puts what has just become ready behind what lies on the ring's own shelf.
    fn line_up(&mut self, world: &mut World, ring: usize) -> u64 {
        if !self.policy.in_line || self.shelves[ring].is_empty() || world.rings[ring].fresh == 0 {
            return 0;
        }
        let line = &mut world.rings[ring];
        let mut fresh = line.ready.split_off(line.ready.len() - line.fresh);
        self.shelves[ring].append(&mut fresh);
        world.swap_ns()
    }

    /// Keeps the ring's share of its queue, and lays out the rest.
    fn shed(&mut self, world: &mut World, ring: usize) -> u64 {
        let own = self.kept(world, ring, &world.rings[ring].ready);
        let rest = world.rings[ring].ready.split_off(own);
        if rest.is_empty() { 0 } else { self.lay_out(world, ring, rest) }
    }
}

impl Strategy for Shedding {
    fn step(&mut self, world: &mut World, ring: usize) -> Next {
        let mut after_ns = self.line_up(world, ring);
        if !self.taken[ring].is_empty() {
            after_ns += self.share_out(world, ring);
        }
        if !world.rings[ring].ready.is_empty() {
            self.looks_since_ns[ring] = None;
            return Next::Poll { after_ns: after_ns + self.shed(world, ring) };
        }
        if !self.shelves[ring].is_empty() {
            return self.take(world, ring, ring);
        }
        match (self.policy.next_index)(ring, &self.laid_out) {
            Some(other) => self.take(world, ring, other),
            None => self.look_on(world, ring),
        }
    }
}
