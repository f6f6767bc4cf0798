//! The machine that is simulated: rings that poll, sleep and are woken, and a clock.
//!
//! Time jumps from event to event. A strategy is asked what a ring does between two polls; what a
//! ring does takes its time, and meanwhile the others go on.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::bits::BitSet;
use crate::random::Random;
use crate::shapes::Task;

/// What each poll costs beside the task itself.
const POLL_NS: u64 = 30;
/// What waking costs the one who does it.
pub(crate) const WAKE_NS: u64 = 5_000;
/// How long it takes until the one who was woken runs.
const WAKE_DELAY_NS: u64 = 10_000;
/// What a task costs that is moved.
pub(crate) const MOVE_NS: u64 = 25;
/// What it costs to change a cache line that others change too, at least and at most.
const SWAP_NS: [u64; 2] = [50, 200];

/// What a ring does next, each after a time.
pub(crate) enum Next {
    /// It polls the first task of its queue.
    Poll { after_ns: u64 },
    /// It asks again.
    Again { after_ns: u64 },
    /// It sleeps until it is woken or a task of its own becomes ready, or until then.
    Sleep { until_ns: Option<u64> },
}

impl Next {
    /// Until something comes.
    pub(crate) const SLEEP: Self = Self::Sleep { until_ns: None };
}

/// A way to spread tasks over rings.
pub(crate) trait Strategy {
    /// What `ring` does between two polls.
    fn step(&mut self, world: &mut World, ring: usize) -> Next;
    /// `ring` was woken by [`World::wake`], and runs soon.
    fn woken(&mut self, _ring: usize) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A task becomes ready on the ring where it was last.
    Arrive { task: u32 },
    /// A ring that still sleeps as it did then has slept enough.
    SleptEnough { ring: u32, sleeps: u32 },
    /// A ring has computed, and goes on.
    Resume { ring: u32 },
    /// A ring has polled a task.
    Polled { ring: u32, task: u32 },
}

/// A ring's own part.
#[derive(Default)]
pub(crate) struct Ring {
    /// Tasks that are to be polled here.
    pub(crate) ready: VecDeque<u32>,
    /// What has become ready, and the ring has not taken in yet.
    pub(crate) arrived: Vec<u32>,
    is_asleep: bool,
    /// How often it has slept.
    sleeps: u32,
}

/// How a task stands.
#[derive(Clone, Copy)]
struct Progress {
    ring: u32,
    ready_since_ns: u64,
    polls: u32,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) makespan_ns: u64,
    /// From ready to polled, of each poll, in order of length.
    pub(crate) waits_ns: Vec<u64>,
    pub(crate) moves: u64,
    pub(crate) wakes: u64,
    /// Polls of each task.
    pub(crate) polls: Vec<u32>,
}

pub(crate) struct World {
    pub(crate) now_ns: u64,
    pub(crate) rings: Vec<Ring>,
    /// The rings that sleep.
    pub(crate) asleep: BitSet,
    pub(crate) random: Random,
    tasks: Vec<Task>,
    progress: Vec<Progress>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    events_made: u64,
    outcome: Outcome,
}

/// Runs all tasks to their end.
pub(crate) fn simulate(
    tasks: &[Task],
    rings: usize,
    seed: u64,
    mut strategy: impl Strategy,
) -> Outcome {
    let mut world = World::new(tasks, rings, seed);
    while let Some(Reverse((now_ns, _, event))) = world.events.pop() {
        world.now_ns = now_ns;
        match event {
            Event::Arrive { task } => world.arrive(task),
            Event::SleptEnough { ring, sleeps } => {
                if world.rings[ring as usize].sleeps == sleeps {
                    world.rouse(ring as usize);
                }
            }
            Event::Resume { ring } => world.step(ring as usize, &mut strategy),
            Event::Polled { ring, task } => {
                world.polled(task);
                world.step(ring as usize, &mut strategy);
            }
        }
    }
    world.outcome.waits_ns.sort_unstable();
    world.outcome.polls = world.progress.iter().map(|progress| progress.polls).collect();
    world.outcome
}

impl World {
    fn new(tasks: &[Task], rings: usize, seed: u64) -> Self {
        let progress =
            |task: &Task| Progress { ring: task.ring as u32, ready_since_ns: 0, polls: 0 };
        let mut world = Self {
            now_ns: 0,
            rings: (0..rings).map(|_| Ring { is_asleep: true, ..Ring::default() }).collect(),
            asleep: BitSet::new(rings),
            random: Random::new(seed),
            tasks: tasks.to_vec(),
            progress: tasks.iter().map(progress).collect(),
            events: BinaryHeap::new(),
            events_made: 0,
            outcome: Outcome::default(),
        };
        (0..rings).for_each(|ring| world.asleep.insert(ring));
        for (number, task) in (0..).zip(tasks) {
            world.schedule(task.arrives_ns, Event::Arrive { task: number });
        }
        world
    }

    /// Events of one moment happen in the order in which they were made.
    fn schedule(&mut self, at_ns: u64, event: Event) {
        self.events.push(Reverse((at_ns, self.events_made, event)));
        self.events_made += 1;
    }

    /// The ring learns of it when it looks; if it sleeps, it wakes.
    fn arrive(&mut self, task: u32) {
        let progress = &mut self.progress[task as usize];
        progress.ready_since_ns = self.now_ns;
        let ring = progress.ring as usize;
        self.rings[ring].arrived.push(task);
        self.rouse(ring);
    }

    fn rouse(&mut self, ring: usize) {
        if self.rings[ring].is_asleep {
            self.rings[ring].is_asleep = false;
            self.asleep.remove(ring);
            self.schedule(self.now_ns + WAKE_DELAY_NS, Event::Resume { ring: ring as u32 });
        }
    }

    /// Wakes a ring that sleeps; who does it is busy for so long.
    pub(crate) fn wake(&mut self, ring: usize, strategy: &mut impl Strategy) -> u64 {
        assert!(self.rings[ring].is_asleep, "only a ring that sleeps is woken");
        self.outcome.wakes += 1;
        strategy.woken(ring);
        self.rouse(ring);
        WAKE_NS
    }

    /// What a change of a shared cache line takes now.
    pub(crate) fn swap_ns(&mut self) -> u64 {
        self.random.between(SWAP_NS[0], SWAP_NS[1])
    }

    /// Puts tasks into the queue of a ring; gives the time that takes.
    pub(crate) fn adopt(&mut self, ring: usize, tasks: impl IntoIterator<Item = u32>) -> u64 {
        let mut time_ns = 0;
        for task in tasks {
            let home = &mut self.progress[task as usize].ring;
            self.outcome.moves += u64::from(*home != ring as u32);
            *home = ring as u32;
            self.rings[ring].ready.push_back(task);
            time_ns += MOVE_NS;
        }
        time_ns
    }

    /// Takes in what has become ready; says whether there is something to poll.
    pub(crate) fn take_in(&mut self, ring: usize) -> bool {
        let ring = &mut self.rings[ring];
        ring.ready.extend(ring.arrived.drain(..));
        !ring.ready.is_empty()
    }

    pub(crate) fn is_asleep(&self, ring: usize) -> bool {
        self.rings[ring].is_asleep
    }

    /// It has never been polled.
    pub(crate) fn is_new(&self, task: u32) -> bool {
        self.progress[task as usize].polls == 0
    }

    /// The ring where it was ready last.
    pub(crate) fn home_of(&self, task: u32) -> usize {
        self.progress[task as usize].ring as usize
    }

    fn step(&mut self, index: usize, strategy: &mut impl Strategy) {
        let resume = Event::Resume { ring: index as u32 };
        match strategy.step(self, index) {
            Next::Poll { after_ns } => self.poll(index, after_ns),
            Next::Again { after_ns } => self.schedule(self.now_ns + after_ns, resume),
            Next::Sleep { until_ns } => self.sleep(index, until_ns),
        }
    }

    fn sleep(&mut self, index: usize, until_ns: Option<u64>) {
        let ring = &mut self.rings[index];
        assert!(ring.arrived.is_empty() && ring.ready.is_empty(), "there is something to do");
        ring.is_asleep = true;
        ring.sleeps += 1;
        let slept_enough = Event::SleptEnough { ring: index as u32, sleeps: ring.sleeps };
        self.asleep.insert(index);
        if let Some(until_ns) = until_ns {
            self.schedule(until_ns, slept_enough);
        }
    }

    fn poll(&mut self, ring: usize, after_ns: u64) {
        let task = self.rings[ring].ready.pop_front().expect("there is one to poll");
        let starts_ns = self.now_ns + after_ns;
        self.outcome.waits_ns.push(starts_ns - self.progress[task as usize].ready_since_ns);
        let ends_ns = starts_ns + self.tasks[task as usize].poll_ns + POLL_NS;
        self.schedule(ends_ns, Event::Polled { ring: ring as u32, task });
    }

    fn polled(&mut self, number: u32) {
        let task = self.tasks[number as usize];
        self.outcome.makespan_ns = self.now_ns;
        let progress = &mut self.progress[number as usize];
        progress.polls += 1;
        if progress.polls < task.polls {
            self.schedule(self.now_ns + task.gap_ns, Event::Arrive { task: number });
        }
    }
}
