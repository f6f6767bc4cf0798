//! What ringpool does, by its own rules.
//!
//! A ring keeps what it will have run soon and lays everything else out on its shelf as one list,
//! which another one that has nothing to do takes as a whole; that keeps its share, and lays out
//! the rest in turn. Who lays something out wakes one that sleeps. Shelf and queue are worked off
//! as one line.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bits::BitSet;
use crate::policy::{
    self, Estimate, LONG_TURN_NS, Looking, PATIENCE_NS, POLLS_PER_TURN, Policy, SOON_NS, SpinPolicy,
};
use crate::world::{Next, Strategy, World};

/// How often a ring that looks on looks at the shelves.
const LOOK_NS: u64 = 500;
/// What a look at the clock costs.
const CLOCK_NS: u64 = 25;

/// All rings, and what they know of each other.
pub(crate) struct Shedding {
    policy: Policy,
    rings: Vec<Own>,
    /// The rings that have laid something out, as far as they have not been struck off.
    givers: BitSet,
    /// The rings that sleep, as far as they have not been invited.
    idle: BitSet,
    /// How long the first poll of a task takes.
    fresh_ns: u64,
    /// Since when a ring has the watch, if one has.
    watched_since_ns: Option<u64>,
    /// The turn of each task.
    turns: Vec<u64>,
}

/// A ring's own part; what it keeps is its queue in the world.
struct Own {
    surplus: VecDeque<u32>,
    shelf: VecDeque<u32>,
    /// What it has taken from a shelf and not looked at yet.
    in_hand: Option<InHand>,
    /// How many of those kept have never been polled.
    fresh_kept: usize,
    /// The number of the latest turn, and that of the first task on the shelf.
    turn: u64,
    shelf_turn: u64,
    poll_time: Estimate,
    /// One turn of the loop, while there is one.
    lap: Option<Lap>,
    /// It polls a task; whether for the first time.
    polls_fresh: Option<bool>,
    spin: SpinPolicy,
    looks_since_ns: Option<u64>,
    sleeps_since_ns: Option<u64>,
    /// It was chosen while it was idle.
    is_chosen: bool,
    /// It has the watch, and looks once more by then.
    look_again_ns: Option<u64>,
}

struct InHand {
    list: VecDeque<u32>,
    is_own: bool,
}

/// A turn of the loop; nothing that has become ready is taken in before it is over.
struct Lap {
    polls: u32,
    clock: Option<Clock>,
}

struct Clock {
    started_ns: u64,
    last_look_ns: u64,
    polls_since: u32,
    next_look: u32,
    has_looked: bool,
}

impl Own {
    fn new(looks_on: Looking) -> Self {
        let limit = match looks_on {
            Looking::Never => Duration::ZERO,
            Looking::IfItPays(limit) | Looking::Always(limit) => limit,
        };
        Self {
            surplus: VecDeque::new(),
            shelf: VecDeque::new(),
            in_hand: None,
            fresh_kept: 0,
            turn: 0,
            shelf_turn: 0,
            poll_time: Estimate::unknown(),
            lap: None,
            polls_fresh: None,
            spin: SpinPolicy::new(limit),
            looks_since_ns: None,
            sleeps_since_ns: Some(0),
            is_chosen: false,
            look_again_ns: None,
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }
}

/// What a ring keeps, as `task/ready.rs` does it.
impl Shedding {
    pub(crate) fn new(rings: usize, policy: Policy) -> Self {
        let mut idle = BitSet::new(rings);
        (0..rings).for_each(|ring| idle.insert(ring));
        Self {
            policy,
            rings: (0..rings).map(|_| Own::new(policy.looks_on)).collect(),
            givers: BitSet::new(rings),
            idle,
            fresh_ns: Estimate::unknown().get(),
            watched_since_ns: None,
            turns: Vec::new(),
        }
    }

    fn give_turn(&mut self, ring: usize, task: u32) {
        let task = task as usize;
        if self.turns.len() <= task {
            self.turns.resize(task + 1, 0);
        }
        self.turns[task] = self.rings[ring].next_turn();
    }

    fn kept_ns(&self, world: &World, ring: usize) -> u64 {
        let count = world.rings[ring].ready.len() as u64;
        count.saturating_mul(self.rings[ring].poll_time.get())
    }

    fn keeps(&self, world: &World, ring: usize, task: u32) -> bool {
        let own = &self.rings[ring];
        if self.policy.new_alone && (world.is_new(task) || own.fresh_kept > 0) {
            return world.rings[ring].ready.is_empty();
        }
        policy::keeps(SOON_NS, self.kept_ns(world, ring), own.poll_time.get())
    }

    /// Keeps a task, or makes it surplus.
    fn sort(&mut self, world: &mut World, ring: usize, task: u32) {
        if self.keeps(world, ring, task) {
            self.rings[ring].fresh_kept += usize::from(world.is_new(task));
            world.rings[ring].ready.push_back(task);
        } else {
            self.rings[ring].surplus.push_back(task);
        }
    }

    fn take_kept(&mut self, world: &mut World, ring: usize) -> VecDeque<u32> {
        self.rings[ring].fresh_kept = 0;
        std::mem::take(&mut world.rings[ring].ready)
    }

    fn wants_back(&self, world: &World, ring: usize) -> bool {
        let turn = self.rings[ring].shelf_turn;
        let first = world.rings[ring].ready.front();
        first.is_none_or(|first| turn < self.turns[*first as usize])
    }

    fn learn(&mut self, world: &mut World, ring: usize, poll_ns: u64) {
        self.rings[ring].poll_time.learn(poll_ns);
        if world.rings[ring].ready.len() >= 2 && self.kept_ns(world, ring) > SOON_NS {
            let kept = self.take_kept(world, ring);
            let surplus = std::mem::take(&mut self.rings[ring].surplus);
            kept.into_iter().chain(surplus).for_each(|task| self.sort(world, ring, task));
        }
    }
}

/// What changes hands, as `task/shed.rs` and `balance/board.rs` do it. Each gives the time that it
/// takes.
impl Shedding {
    /// Puts the surplus onto the ring's shelf, behind what lies there.
    fn lay_out(&mut self, world: &mut World, ring: usize) -> u64 {
        let mut time_ns = 0;
        if !self.rings[ring].shelf.is_empty() {
            time_ns += world.swap_ns();
        }
        let own = &mut self.rings[ring];
        let mut list = std::mem::take(&mut own.shelf);
        let has_its_turn = !list.is_empty();
        list.append(&mut own.surplus);
        if !has_its_turn {
            self.set_turn(world, ring, &list, true);
        }
        time_ns + self.put(world, ring, list)
    }

    /// The turn of a list that is about to be laid out begins anew.
    fn set_turn(&mut self, world: &World, ring: usize, list: &VecDeque<u32>, was_own: bool) {
        let Some(first) = list.front() else { return };
        let own = &mut self.rings[ring];
        let is_ours = was_own && world.home_of(*first) == ring;
        own.shelf_turn = if is_ours { self.turns[*first as usize] } else { own.next_turn() };
    }

    /// Puts a list onto the shelf, which is empty, and wakes a ring that is idle.
    fn put(&mut self, world: &mut World, ring: usize, list: VecDeque<u32>) -> u64 {
        let own = &mut self.rings[ring];
        let Some(first) = list.front() else { return 0 };
        let one_ns = if world.is_new(*first) { self.fresh_ns } else { own.poll_time.get() };
        let takes_ns = one_ns.saturating_mul(list.len() as u64);
        own.shelf = list;
        self.givers.insert(ring);
        let time_ns = world.swap_ns();
        if next(ring, &self.idle).is_none() {
            return time_ns;
        }
        let since_ns = self.watched_since_ns.map_or(u64::MAX, |since_ns| world.now_ns - since_ns);
        if !policy::is_worth_waking(takes_ns, since_ns) {
            return time_ns + CLOCK_NS;
        }
        self.rings[ring].look_again_ns = None;
        time_ns + CLOCK_NS + self.choose(world, ring)
    }

    /// Wakes an idle ring, which has the watch from then on; if there is none, nobody has.
    fn choose(&mut self, world: &mut World, own: usize) -> u64 {
        let Some(ring) = next(own, &self.idle) else {
            self.watched_since_ns = None;
            return 0;
        };
        self.watched_since_ns = Some(world.now_ns);
        self.idle.remove(ring);
        self.rings[ring].is_chosen = true;
        // One that is about to run needs no bell.
        if world.is_asleep(ring) { world.wake(ring, self) } else { 0 }
    }

    /// Takes in from the front of what it has in hand what it will run soon, and puts the rest onto
    /// its shelf, which is empty. What it kept before comes behind; what lay on another's shelf has
    /// its turn now.
    fn share_out(&mut self, world: &mut World, ring: usize, in_hand: InHand) -> u64 {
        let younger = self.take_kept(world, ring);
        let (mut list, mut time_ns) = (in_hand.list, 0);
        while let Some(first) = list.front()
            && self.keeps(world, ring, *first)
        {
            let task = list.pop_front().expect("it is there");
            self.rings[ring].fresh_kept += usize::from(world.is_new(task));
            if world.home_of(task) != ring || !in_hand.is_own {
                self.give_turn(ring, task);
            }
            time_ns += world.adopt(ring, [task]);
        }
        younger.into_iter().for_each(|task| self.sort(world, ring, task));
        list.append(&mut self.rings[ring].surplus);
        self.set_turn(world, ring, &list, in_hand.is_own);
        time_ns + self.put(world, ring, list)
    }

    /// Takes what another ring has laid out; says what that took, if there is something.
    fn take_offer(&mut self, world: &mut World, ring: usize) -> Option<u64> {
        let mut time_ns = 0;
        while let Some(giver) = next(ring, &self.givers) {
            self.givers.remove(giver);
            time_ns += world.swap_ns();
            let list = std::mem::take(&mut self.rings[giver].shelf);
            if !list.is_empty() {
                self.rings[ring].in_hand = Some(InHand { list, is_own: false });
                return Some(time_ns);
            }
        }
        None
    }
}

/// The loop of a ring, as `worker.rs` and `task/turn.rs` have it.
impl Shedding {
    fn wake_up(&mut self, world: &World, ring: usize) {
        let own = &mut self.rings[ring];
        if let Some(since_ns) = own.sleeps_since_ns.take() {
            self.idle.remove(ring);
            if own.is_chosen && own.spin.is_on() {
                own.spin.woken_by_message(world.now_ns - since_ns);
            }
        }
        if std::mem::take(&mut own.is_chosen) {
            own.look_again_ns = Some(world.now_ns + PATIENCE_NS);
        }
    }

    /// A task has been polled, if it has; gives the time of a look at the clock.
    fn polled(&mut self, world: &mut World, ring: usize) -> u64 {
        let own = &mut self.rings[ring];
        let Some(was_fresh) = own.polls_fresh.take() else { return 0 };
        let lap = own.lap.as_mut().expect("tasks are polled in a lap");
        lap.polls += 1;
        let mut is_over = lap.polls == POLLS_PER_TURN;
        let mut looked = None;
        if let Some(clock) = &mut lap.clock {
            clock.polls_since += 1;
            let tells_of_fresh = was_fresh && clock.polls_since == 1;
            if clock.polls_since >= clock.next_look || tells_of_fresh && !clock.has_looked {
                let poll_ns = (world.now_ns - clock.last_look_ns) / u64::from(clock.polls_since);
                looked = Some((poll_ns, tells_of_fresh));
                clock.next_look = policy::polls_to_next_look(clock.next_look, poll_ns);
                (clock.last_look_ns, clock.polls_since) = (world.now_ns, 0);
                clock.has_looked = true;
                is_over |= world.now_ns - clock.started_ns >= LONG_TURN_NS;
            }
        }
        if is_over {
            own.lap = None;
        }
        let Some((poll_ns, tells_of_fresh)) = looked else { return 0 };
        self.learn(world, ring, poll_ns);
        if tells_of_fresh {
            let mut fresh = Estimate::of(self.fresh_ns);
            fresh.learn(poll_ns);
            self.fresh_ns = fresh.get();
        }
        CLOCK_NS
    }

    /// Who has the watch and something to do hands it on; gives the time that takes.
    fn begin_lap(&mut self, world: &mut World, ring: usize) -> u64 {
        for task in std::mem::take(&mut world.rings[ring].arrived) {
            self.give_turn(ring, task);
            self.sort(world, ring, task);
        }
        let own = &mut self.rings[ring];
        let has_work = !world.rings[ring].ready.is_empty() || !own.shelf.is_empty();
        let hands_on = has_work && own.look_again_ns.take().is_some();
        let time_ns = if hands_on { self.choose(world, ring) } else { 0 };
        let own = &mut self.rings[ring];
        let matters =
            world.rings[ring].ready.len() >= 2 || !own.surplus.is_empty() || !own.shelf.is_empty();
        let now_ns = world.now_ns;
        let clock = Clock {
            started_ns: now_ns,
            last_look_ns: now_ns,
            polls_since: 0,
            next_look: policy::polls_to_first_look(own.poll_time.get()),
            has_looked: false,
        };
        own.lap = Some(Lap { polls: 0, clock: matters.then_some(clock) });
        time_ns
    }

    /// There is nothing to poll.
    fn idle(&mut self, world: &mut World, ring: usize) -> Next {
        if let Some(after_ns) = self.take_offer(world, ring) {
            let own = &mut self.rings[ring];
            if let Some(since_ns) = own.looks_since_ns.take() {
                own.spin.paid(world.now_ns - since_ns);
            }
            return Next::Again { after_ns };
        }
        let own = &mut self.rings[ring];
        let limit_ns = match self.policy.looks_on {
            Looking::Always(limit) => limit.as_nanos() as u64,
            _ => own.spin.limit_ns(),
        };
        if limit_ns > 0 {
            let since_ns = *own.looks_since_ns.get_or_insert(world.now_ns);
            if world.now_ns - since_ns < limit_ns {
                return Next::Again { after_ns: LOOK_NS };
            }
            own.spin.in_vain();
        }
        own.looks_since_ns = None;
        own.sleeps_since_ns = Some(world.now_ns);
        self.idle.insert(ring);
        // If the time is over, that was the look.
        own.look_again_ns = own.look_again_ns.filter(|again_ns| *again_ns > world.now_ns);
        Next::Sleep { until_ns: own.look_again_ns }
    }
}

impl Strategy for Shedding {
    fn step(&mut self, world: &mut World, ring: usize) -> Next {
        self.wake_up(world, ring);
        let mut after_ns = self.polled(world, ring);
        if let Some(in_hand) = self.rings[ring].in_hand.take() {
            if !in_hand.is_own {
                self.rings[ring].lap = None;
            }
            after_ns += self.share_out(world, ring, in_hand);
        }
        if self.rings[ring].lap.is_none() {
            after_ns += self.begin_lap(world, ring);
        }
        if !self.rings[ring].surplus.is_empty() {
            after_ns += self.lay_out(world, ring);
        }
        if !self.rings[ring].shelf.is_empty() && self.wants_back(world, ring) {
            let list = std::mem::take(&mut self.rings[ring].shelf);
            self.rings[ring].in_hand = Some(InHand { list, is_own: true });
            return Next::Again { after_ns: after_ns + world.swap_ns() };
        }
        let own = &mut self.rings[ring];
        if let Some(first) = world.rings[ring].ready.front() {
            let is_fresh = world.is_new(*first);
            own.fresh_kept -= usize::from(is_fresh);
            own.polls_fresh = Some(is_fresh);
            own.looks_since_ns = None;
            return Next::Poll { after_ns };
        }
        own.lap = None;
        if world.rings[ring].arrived.is_empty() && after_ns == 0 {
            self.idle(world, ring)
        } else {
            Next::Again { after_ns }
        }
    }
}

/// The first ring of a set behind another one.
fn next(own: usize, set: &BitSet) -> Option<usize> {
    policy::next_in_circle(own, |word| set.words()[word], set.words().len())
}
