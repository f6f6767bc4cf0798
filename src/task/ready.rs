//! What a ring has to run, in the order in which it was made ready.
//!
//! Tasks that stay are in one queue. Of those that may go elsewhere the ring keeps as many as it
//! will have run soon, by what it knows of its polls (`balance/policy.rs`); the rest is *surplus*,
//! which goes to the shelf before the next poll (`shed.rs`). Each task has the number of its turn,
//! so that the queues are worked off as if they were one.

use std::cell::Cell;
use std::ptr::NonNull;

use super::header::{Header, Mobility};
use super::queue::ReadyQueue;
use crate::balance::policy::{self, Estimate};

/// The ready tasks of one ring, touched by its own thread only.
pub(crate) struct Ready {
    staying: ReadyQueue,
    kept: ReadyQueue,
    /// How many of those kept have never been polled.
    fresh_kept: Cell<usize>,
    surplus: ReadyQueue,
    /// The number of the latest turn.
    turn: Cell<u32>,
    /// Of the first task on the shelf, if there is one.
    shelf_turn: Cell<u32>,
    poll_time: Cell<Estimate>,
    /// There are other rings to give to.
    gives: Cell<bool>,
    /// What is run within this time is kept.
    soon_ns: u64,
    /// The task that was popped last had never been polled.
    popped_fresh: Cell<bool>,
}

impl Ready {
    /// With `gives` what cannot be run soon is made surplus.
    pub(crate) fn new(gives: bool, soon_ns: u64) -> Self {
        Self {
            staying: ReadyQueue::default(),
            kept: ReadyQueue::default(),
            fresh_kept: Cell::new(0),
            surplus: ReadyQueue::default(),
            turn: Cell::new(0),
            shelf_turn: Cell::new(0),
            poll_time: Cell::new(Estimate::unknown()),
            gives: Cell::new(gives),
            soon_ns,
            popped_fresh: Cell::new(false),
        }
    }

    /// Whether there is nothing to run here; the shelf is not looked at.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.staying.is_empty() && self.kept.is_empty() && self.surplus.is_empty()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.staying.len() + self.kept.len() + self.surplus.len()
    }

    #[inline]
    pub(super) fn gives(&self) -> bool {
        self.gives.get()
    }

    /// From here on all is kept.
    pub(super) fn give_no_more(&self) {
        self.gives.set(false);
        self.sort_anew();
    }

    /// Whether there are tasks that have to be laid out.
    #[inline]
    pub(super) fn has_surplus(&self) -> bool {
        !self.surplus.is_empty()
    }

    pub(super) fn pop_surplus(&self) -> Option<NonNull<Header>> {
        self.surplus.pop()
    }

    /// Whether several tasks wait that might be somebody else's.
    #[inline]
    pub(super) fn has_several_movable(&self) -> bool {
        self.kept.len() >= 2 || self.has_surplus()
    }

    #[inline]
    fn next_turn(&self) -> u32 {
        let turn = self.turn.get().wrapping_add(1).max(1);
        self.turn.set(turn);
        turn
    }

    /// Makes a task ready.
    ///
    /// # Safety
    ///
    /// `task` lives on the calling thread, which owns this, stays until it is popped, and is not in
    /// a queue.
    #[inline]
    pub(super) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let home = unsafe { &task.as_ref().home };
        home.turn.set(self.next_turn());
        if home.mobility.get().is_movable() {
            // SAFETY: the caller's promise.
            unsafe { self.sort(task) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.staying.push(task) };
        }
    }

    /// Keeps a movable task, or makes it surplus.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push); it has its turn.
    pub(super) unsafe fn sort(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        if !self.gives() || self.keeps(unsafe { task.as_ref() }) {
            // SAFETY: the caller's promise.
            unsafe { self.keep(task) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.surplus.push(task) };
        }
    }

    /// Whether this movable task is to be kept, beside those that are kept already.
    #[inline]
    pub(super) fn keeps(&self, task: &Header) -> bool {
        if task.home.mobility.get() == Mobility::Fresh || self.fresh_kept.get() > 0 {
            // Nobody knows how long it takes, so nobody shall wait behind it.
            return self.kept.is_empty();
        }
        policy::keeps(self.soon_ns, self.kept_ns(), self.poll_ns())
    }

    fn kept_ns(&self) -> u64 {
        (self.kept.len() as u64).saturating_mul(self.poll_ns())
    }

    /// How long so many tasks will take that begin with `first`; `fresh_ns` is how long first polls
    /// take.
    pub(super) fn expected_ns(&self, first: &Header, count: usize, fresh_ns: u64) -> u64 {
        let one_ns = match first.home.mobility.get() {
            Mobility::Fresh => fresh_ns,
            _ => self.poll_ns(),
        };
        if self.soon_ns == 0 { u64::MAX } else { one_ns.saturating_mul(count as u64) }
    }

    /// Takes all that is kept, to be sorted anew.
    pub(super) fn take_kept(&self) -> ReadyQueue {
        self.fresh_kept.set(0);
        self.kept.take()
    }

    /// Keeps a movable task that has its turn.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub(super) unsafe fn keep(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        if unsafe { task.as_ref() }.home.mobility.get() == Mobility::Fresh {
            self.fresh_kept.set(self.fresh_kept.get() + 1);
        }
        // SAFETY: the caller's promise.
        unsafe { self.kept.push(task) };
    }

    /// Takes in a task that was another ring's until now.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(super) unsafe fn keep_stranger(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        unsafe { task.as_ref() }.home.turn.set(self.next_turn());
        // SAFETY: the caller's promise.
        unsafe { self.keep(task) };
    }

    /// The next task here; the shelf is not looked at.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let (staying, kept) = (self.staying.first(), self.kept.first());
        let is_kept = match (staying, kept) {
            (Some(staying), Some(kept)) => is_before(turn_of(kept), turn_of(staying)),
            (_, kept) => kept.is_some(),
        };
        self.popped_fresh.set(false);
        if is_kept { self.pop_kept() } else { self.staying.pop() }
    }

    fn pop_kept(&self) -> Option<NonNull<Header>> {
        let task = self.kept.pop()?;
        // SAFETY: it was in the queue until just now.
        let mobility = &unsafe { task.as_ref() }.home.mobility;
        if mobility.get() == Mobility::Fresh {
            mobility.set(Mobility::Movable);
            self.fresh_kept.set(self.fresh_kept.get() - 1);
            self.popped_fresh.set(true);
        }
        Some(task)
    }

    /// Something lies on the shelf from now on. What came from another ring has its turn behind
    /// everything that is ready here.
    pub(super) fn laid_out(&self, first: &Header, is_ours: bool) {
        let turn = if is_ours { first.home.turn.get() } else { self.next_turn() };
        self.shelf_turn.set(turn);
    }

    /// Whether it is the turn of what lies on the shelf.
    #[inline]
    pub(super) fn wants_back(&self) -> bool {
        let is_its_turn = |first| is_before(self.shelf_turn.get(), turn_of(first));
        self.kept.first().is_none_or(is_its_turn) && self.staying.first().is_none_or(is_its_turn)
    }

    /// How long a poll takes, as far as known.
    pub(super) fn poll_ns(&self) -> u64 {
        self.poll_time.get().get()
    }

    /// What was polled took so long, each.
    pub(super) fn learn(&self, poll_ns: u64) {
        let mut estimate = self.poll_time.get();
        estimate.learn(poll_ns);
        self.poll_time.set(estimate);
        if self.gives() && self.kept.len() >= 2 && self.kept_ns() > self.soon_ns {
            self.sort_anew();
        }
    }

    /// Whether the task that was popped last had never been polled before.
    pub(super) fn popped_fresh(&self) -> bool {
        self.popped_fresh.get()
    }

    /// Decides once more what to keep.
    fn sort_anew(&self) {
        for queue in [self.take_kept(), self.surplus.take()] {
            while let Some(task) = queue.pop() {
                // SAFETY: they live here, and have just left their queue.
                unsafe { self.sort(task) };
            }
        }
    }
}

/// When a task in a queue was made ready.
#[inline]
fn turn_of(task: NonNull<Header>) -> u32 {
    // SAFETY: tasks in the queues are valid until popped.
    unsafe { task.as_ref() }.home.turn.get()
}

/// Whether one turn comes before another; they go round after four thousand millions.
#[inline]
fn is_before(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() < 0
}
