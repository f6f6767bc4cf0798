//! What is counted, and who writes it.

use std::time::{Duration, Instant};

use super::counter::{Counter, SharedCounter, SleepCounter};
use super::operations::OperationCounters;
use super::poll_times::PollCounters;
use super::runtime::RuntimeMetrics;
use crate::context::Local;
use crate::time::since_start_ns;

/// The counters of one ring, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) polls: PollCounters,
    pub(crate) tasks_spawned: Counter,
    pub(crate) tasks_finished: Counter,
    pub(crate) tasks_alive: Counter,
    pub(crate) tasks_ready: Counter,
    pub(crate) arrivals: Counter,
    pub(crate) migrations_out: Counter,
    /// Tasks laid out for other rings and not taken back.
    pub(crate) sheds_out: Counter,
    /// Tasks taken in that another ring had laid out.
    pub(crate) sheds_in: Counter,
    pub(crate) messages_sent: Counter,
    pub(crate) messages_received: Counter,
    pub(crate) doorbells_sent: Counter,
    pub(crate) doorbells_received: Counter,
    pub(crate) operations: OperationCounters,
    pub(crate) operations_in_flight: Counter,
    pub(crate) completion_overflows: Counter,
    pub(crate) completions_lost: Counter,
    pub(crate) timers: Counter,
    pub(crate) timers_fired: Counter,
    pub(crate) enters: Counter,
    pub(crate) sleeps: Counter,
    pub(crate) spins: Counter,
    pub(crate) spins_paid: Counter,
    pub(crate) spins_in_vain: Counter,
    /// Time asleep, for the busy share.
    pub(crate) asleep: SleepCounter,
    pub(crate) spin_ns: Counter,
}

/// What threads without a ring do to a ring; they have no counters of their own.
#[derive(Debug, Default)]
pub(crate) struct OutsideCounters {
    pub(crate) messages: SharedCounter,
    pub(crate) doorbells: SharedCounter,
}

impl OutsideCounters {
    /// The ring has another owner.
    pub(crate) fn reset(&self) {
        self.messages.reset();
        self.doorbells.reset();
    }
}

/// Says how things stand on the calling thread's ring, which is not borrowed.
pub(crate) fn publish(local: &Local) {
    let counters = local.counters();
    let shelved = local.shared.shelf.len();
    counters.tasks_ready.set((local.ready.len() + shelved) as u64);
    counters.tasks_alive.set(local.live.len() as u64);
    counters.timers.set(local.timers.borrow().len() as u64);
    let mut ring = local.ring.borrow_mut();
    counters.operations_in_flight.set(ring.in_flight() as u64);
    counters.enters.set(ring.enters());
    counters.completion_overflows.set(ring.completion_overflows());
    counters.completions_lost.set(ring.completions_lost());
}

impl Counters {
    /// What is counted so far, of a ring that has run for so long.
    pub(crate) fn read(&self, outside: &OutsideCounters, running: Duration) -> RuntimeMetrics {
        let now_ns = || since_start_ns(Instant::now());
        let asleep = Duration::from_nanos(self.asleep.get(now_ns));
        // Whatever is counted first is read last, so that a difference is never below zero.
        let doorbells_sent = self.doorbells_sent.get();
        let messages_sent = self.messages_sent.get();
        let operations = self.operations.read();
        let total = operations.total();
        RuntimeMetrics {
            polls: self.polls.count(),
            poll_times: self.polls.read(),
            tasks_ready: self.tasks_ready.get(),
            tasks_alive: self.tasks_alive.get(),
            tasks_finished: self.tasks_finished.get(),
            tasks_spawned: self.tasks_spawned.get(),
            arrivals: self.arrivals.get(),
            migrations: self.migrations_out.get(),
            sheds_out: self.sheds_out.get(),
            sheds_in: self.sheds_in.get(),
            messages_received: self.messages_received.get(),
            messages_sent,
            messages_from_outside: outside.messages.get(),
            doorbells_sent,
            doorbells_saved: messages_sent.saturating_sub(doorbells_sent),
            doorbells_from_outside: outside.doorbells.get(),
            doorbells_received: self.doorbells_received.get(),
            operations_started: total.started,
            operations_completed: total.completed,
            operations_in_flight: total.in_flight,
            operations,
            completion_overflows: self.completion_overflows.get(),
            completions_lost: self.completions_lost.get(),
            timers: self.timers.get(),
            timers_fired: self.timers_fired.get(),
            enters: self.enters.get(),
            sleeps: self.sleeps.get(),
            spins_paid: self.spins_paid.get(),
            spins_in_vain: self.spins_in_vain.get(),
            spins: self.spins.get(),
            asleep: asleep.min(running),
            spinning: Duration::from_nanos(self.spin_ns.get()),
            running,
        }
    }
}
