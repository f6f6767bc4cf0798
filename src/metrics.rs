//! What a ring counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::time::since_start_ns;

/// A number that one thread changes and all may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// The owner adds; a plain load and store, since nobody else writes.
    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The owner takes away.
    pub(crate) fn subtract(&self, amount: u64) {
        self.add(amount.wrapping_neg());
    }

    /// The owner says how it is now.
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Anybody reads.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one ring, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) polls: Counter,
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
    pub(crate) operations_started: Counter,
    pub(crate) operations_completed: Counter,
    pub(crate) operations_in_flight: Counter,
    pub(crate) timers: Counter,
    pub(crate) enters: Counter,
    pub(crate) sleeps: Counter,
    pub(crate) spins: Counter,
    pub(crate) spins_paid: Counter,
    /// When the ring went to sleep, on the clock of the timers; 0 while it is awake.
    pub(crate) asleep_since_ns: Counter,
    /// Time in sleep or spinning, for the busy share.
    pub(crate) idle_ns: Counter,
    pub(crate) spin_ns: Counter,
}

/// What a ring has done since it started; see [`Runtime::metrics`](crate::Runtime::metrics).
///
/// The numbers are read one after another while the ring goes on, so they need not add up exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// Polls of tasks.
    pub polls: u64,
    /// Tasks spawned here by tasks of this ring.
    pub tasks_spawned: u64,
    /// Tasks that ended here.
    pub tasks_finished: u64,
    /// Tasks that live here now.
    pub tasks_alive: u64,
    /// Tasks that came from elsewhere: spawned on this ring, or switched to it.
    pub arrivals: u64,
    /// Tasks that switched from this ring to another.
    pub migrations: u64,
    /// Tasks that other rings took over because this one had too much to do; those that are laid
    /// out for them included. See [`Balance`](crate::Balance).
    pub sheds_out: u64,
    /// Tasks that this ring took over because it had nothing to do.
    pub sheds_in: u64,
    /// Messages put into inboxes by this ring: tasks that leave, wakes and cancels.
    pub messages_sent: u64,
    /// Messages taken from the inbox: arrivals, wakes and cancels from other threads.
    pub messages_received: u64,
    /// Times this ring woke another.
    pub doorbells_sent: u64,
    /// Times this ring was woken by others.
    pub doorbells_received: u64,
    /// Operations handed to the kernel.
    pub operations_started: u64,
    /// Operations whose last completion was reaped.
    pub operations_completed: u64,
    /// System calls on the ring.
    pub enters: u64,
    /// Times the thread went to sleep.
    pub sleeps: u64,
    /// Times it waited awake before it would have slept.
    pub spins: u64,
    /// How many of these met a message.
    pub spins_paid: u64,
    /// Time asleep.
    pub asleep: Duration,
    /// Time spent waiting awake.
    pub spinning: Duration,
    /// Time since the ring started.
    pub running: Duration,
}

impl RuntimeMetrics {
    /// The share of its time, 0.0 to 1.0, that the ring's thread neither slept nor waited awake.
    pub fn busy_share(&self) -> f64 {
        let idle = self.asleep + self.spinning;
        let running = self.running.as_secs_f64();
        if running == 0.0 { 0.0 } else { (1.0 - idle.as_secs_f64() / running).clamp(0.0, 1.0) }
    }
}

impl Counters {
    /// A ring that sleeps now has not yet said for how long.
    fn asleep(&self) -> Duration {
        let now = match self.asleep_since_ns.get() {
            0 => 0,
            since_ns => since_start_ns(Instant::now()).saturating_sub(since_ns),
        };
        Duration::from_nanos(self.idle_ns.get() + now)
    }

    pub(crate) fn read(&self, running: Duration) -> RuntimeMetrics {
        RuntimeMetrics {
            polls: self.polls.get(),
            tasks_spawned: self.tasks_spawned.get(),
            tasks_finished: self.tasks_finished.get(),
            tasks_alive: self.tasks_alive.get(),
            arrivals: self.arrivals.get(),
            migrations: self.migrations_out.get(),
            sheds_out: self.sheds_out.get(),
            sheds_in: self.sheds_in.get(),
            messages_sent: self.messages_sent.get(),
            messages_received: self.messages_received.get(),
            doorbells_sent: self.doorbells_sent.get(),
            doorbells_received: self.doorbells_received.get(),
            operations_started: self.operations_started.get(),
            operations_completed: self.operations_completed.get(),
            enters: self.enters.get(),
            sleeps: self.sleeps.get(),
            spins: self.spins.get(),
            spins_paid: self.spins_paid.get(),
            asleep: self.asleep().min(running),
            spinning: Duration::from_nanos(self.spin_ns.get()),
            running,
        }
    }
}
