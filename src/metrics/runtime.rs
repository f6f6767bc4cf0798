//! What one ring has done.

use std::time::Duration;

use super::operations::Operations;
use super::poll_times::PollTimes;

/// What a ring has done since it started, and how things stand there; see
/// [`Runtime::metrics`](crate::Runtime::metrics), and [what adds up](crate::metrics#what-adds-up).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// Polls of tasks.
    pub polls: u64,
    /// How long polls take, by samples.
    pub poll_times: PollTimes,
    /// Tasks that are ready to run: the depth of the queue.
    pub tasks_ready: u64,
    /// Tasks that live here now; those that are laid out for other rings are not among them.
    pub tasks_alive: u64,
    /// Tasks spawned here by tasks of this ring.
    pub tasks_spawned: u64,
    /// Tasks that ended here.
    pub tasks_finished: u64,
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
    /// Messages put into this ring's inbox by threads that have no ring.
    pub messages_from_outside: u64,
    /// Times this ring woke another.
    pub doorbells_sent: u64,
    /// Messages of this ring that found the other one awake, or woken already.
    pub doorbells_saved: u64,
    /// Times that threads without a ring woke this one.
    pub doorbells_from_outside: u64,
    /// Times this ring was woken by others, as far as it has heard of it: several at once may count
    /// as one.
    pub doorbells_received: u64,
    /// Operations handed to the kernel.
    pub operations_started: u64,
    /// Operations whose last completion was reaped.
    pub operations_completed: u64,
    /// Operations that the kernel has.
    pub operations_in_flight: u64,
    /// The same by family.
    pub operations: Operations,
    /// Times that completions were reaped while the queue for them was full, and the kernel kept
    /// more until there was room: a larger one (`Builder::completion_entries`) saves that.
    pub completion_overflows: u64,
    /// Completions that the kernel had to drop because it had no memory to keep them.
    pub completions_lost: u64,
    /// Timers that have not fired.
    pub timers: u64,
    /// Timers that have.
    pub timers_fired: u64,
    /// System calls on the ring.
    pub enters: u64,
    /// Times the thread went to sleep.
    pub sleeps: u64,
    /// Times it waited awake before it would have slept.
    pub spins: u64,
    /// How many of these met a message.
    pub spins_paid: u64,
    /// How many of these met nothing; the others met a completion, or a timer was due.
    pub spins_in_vain: u64,
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
        self.busy_share_since(&Self::default())
    }

    /// The same for the time since these earlier metrics of the ring.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() {
    /// let pool = ringpool::Pool::new(1);
    /// let before = pool.runtime(0).metrics();
    /// pool.block_on(ringpool::time::sleep(std::time::Duration::from_millis(20)));
    /// let share = pool.runtime(0).metrics().busy_share_since(&before);
    /// assert!((0.0..=1.0).contains(&share));
    /// # }
    /// ```
    pub fn busy_share_since(&self, earlier: &Self) -> f64 {
        let idle = |metrics: &Self| metrics.asleep + metrics.spinning;
        let idle = idle(self).saturating_sub(idle(earlier));
        let running = self.running.saturating_sub(earlier.running).as_secs_f64();
        if running == 0.0 { 0.0 } else { (1.0 - idle.as_secs_f64() / running).clamp(0.0, 1.0) }
    }

    /// What two rings have done together; their times are added, too.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            polls: self.polls + other.polls,
            poll_times: self.poll_times.plus(other.poll_times),
            tasks_ready: self.tasks_ready + other.tasks_ready,
            tasks_alive: self.tasks_alive + other.tasks_alive,
            tasks_spawned: self.tasks_spawned + other.tasks_spawned,
            tasks_finished: self.tasks_finished + other.tasks_finished,
            arrivals: self.arrivals + other.arrivals,
            migrations: self.migrations + other.migrations,
            sheds_out: self.sheds_out + other.sheds_out,
            sheds_in: self.sheds_in + other.sheds_in,
            messages_sent: self.messages_sent + other.messages_sent,
            messages_received: self.messages_received + other.messages_received,
            messages_from_outside: self.messages_from_outside + other.messages_from_outside,
            doorbells_sent: self.doorbells_sent + other.doorbells_sent,
            doorbells_saved: self.doorbells_saved + other.doorbells_saved,
            doorbells_from_outside: self.doorbells_from_outside + other.doorbells_from_outside,
            doorbells_received: self.doorbells_received + other.doorbells_received,
            operations_started: self.operations_started + other.operations_started,
            operations_completed: self.operations_completed + other.operations_completed,
            operations_in_flight: self.operations_in_flight + other.operations_in_flight,
            operations: self.operations.plus(other.operations),
            completion_overflows: self.completion_overflows + other.completion_overflows,
            completions_lost: self.completions_lost + other.completions_lost,
            timers: self.timers + other.timers,
            timers_fired: self.timers_fired + other.timers_fired,
            enters: self.enters + other.enters,
            sleeps: self.sleeps + other.sleeps,
            spins: self.spins + other.spins,
            spins_paid: self.spins_paid + other.spins_paid,
            spins_in_vain: self.spins_in_vain + other.spins_in_vain,
            asleep: self.asleep + other.asleep,
            spinning: self.spinning + other.spinning,
            running: self.running + other.running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(asleep_ms: u64, spinning_ms: u64, running_ms: u64) -> RuntimeMetrics {
        RuntimeMetrics {
            asleep: Duration::from_millis(asleep_ms),
            spinning: Duration::from_millis(spinning_ms),
            running: Duration::from_millis(running_ms),
            ..RuntimeMetrics::default()
        }
    }

    #[test]
    fn the_busy_share_is_that_of_the_time_in_between() {
        let (earlier, later) = (at(100, 0, 100), at(125, 25, 200));
        let percent = |share: f64| (100.0 * share).round();
        assert_eq!(percent(earlier.busy_share()), 0.0);
        assert_eq!(percent(later.busy_share_since(&earlier)), 50.0);
        assert_eq!(percent(later.busy_share()), 25.0);
        assert_eq!(percent(later.busy_share_since(&later)), 0.0);
    }

    #[test]
    fn of_two_rings_it_is_the_mean() {
        assert_eq!(at(100, 0, 100).plus(at(0, 0, 100)).busy_share(), 0.5);
    }
}
