//! The loop of one ring's thread.

use std::hint::spin_loop;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::context::Local;
use crate::inbox::Batch;
use crate::metrics;
use crate::ring::{Reaped, doorbell};
use crate::sleep::SpinPolicy;
use crate::task::turn::Turn;
use crate::task::{run, shed};
use crate::time::moment::Moment;
use crate::time::since_start_ns;

/// Polls in one turn of the loop, before messages, completions and timers have theirs.
const POLLS_PER_TURN: usize = 64;
/// A wait that was over within this time, system call included, was none.
const AT_ONCE_NS: u64 = 2_000;
/// Looks at the inbox between two looks at the clock, while waiting awake.
const LOOKS_PER_CLOCK: u32 = 16;

/// Turns of the loop between two looks at the coarse clock.
const TURNS_PER_CLOCK: u8 = 8;

/// So often in a row a ring that has run dry goes on with what the kernel has done for it, although
/// others have something to give.
const OWN_FIRST: u8 = 16;

/// What is put off until the ring sleeps, or comes back to its loop, waits no longer than this.
const PUT_OFF_LOOK_NS: u64 = 1_000_000;

/// A timer that is due so soon is waited for awake: to fall asleep and to be woken takes longer.
const NEAR_TIMER_NS: u64 = 5_000;

/// How long a thread waits awake before it lets others use its processor, each time.
const AWAKE_ALONE_NS: u64 = 2_000;

/// What the loop needs besides [`Local`].
pub(crate) struct Worker<'a> {
    pub(crate) local: &'a Local,
    pub(crate) event_fd: OwnedFd,
    pub(crate) spin: SpinPolicy,
    /// Completions on their way from the queue to their cells; kept to be used again.
    pub(crate) reaped: Vec<Reaped>,
    /// The last wait was over at once: what is submitted completes there and then, as reads of
    /// cached files do.
    pub(crate) completes_at_once: bool,
    /// For what is done every few turns only.
    pub(crate) turns: u8,
    /// How often in a row own work came before what others have laid out.
    pub(crate) own_first: u8,
}

impl Worker<'_> {
    /// Runs until the ring is told to stop.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while !self.local.stopping.get() {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        self.look_at_the_clock();
        self.take_messages();
        if self.local.stopping.get() {
            // Nothing else would wake a ring that went to sleep now.
            return Ok(());
        }
        shed::hand_watch_on(self.local);
        self.run_tasks();
        self.fire_timers();
        self.publish();
        let has_work = shed::has_work(self.local) || !self.local.awaited_pools.is_empty();
        if has_work { self.submit_and_reap() } else { self.idle() }
    }

    /// Every few turns: the clock costs as much as a poll.
    #[inline]
    fn look_at_the_clock(&mut self) {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS_PER_CLOCK) {
            self.local.now.set(Moment::now());
        }
    }

    /// Takes what others sent.
    #[inline]
    pub(crate) fn take_messages(&self) {
        self.deliver(self.local.mailbox.inbox.take_all());
    }

    #[inline]
    pub(crate) fn deliver(&self, messages: Batch) {
        for message in messages {
            // First: what it does may be seen elsewhere.
            self.local.counters().messages_received.add(1);
            self.local.trace.delivered(&message);
            message.deliver();
        }
    }

    /// Runs ready tasks, so many that the ring does not wait for long.
    #[inline]
    pub(crate) fn run_tasks(&self) {
        let mut turn = Turn::begin(self.local);
        for _ in 0..POLLS_PER_TURN {
            if !run::run_next(self.local) || turn.polled(self.local) {
                return;
            }
        }
    }

    pub(crate) fn fire_timers(&self) {
        if self.local.timers.borrow().len() == 0 {
            return;
        }
        let now_ns = since_start_ns(Instant::now());
        self.local.now.set(Moment::from_ns(now_ns));
        loop {
            let due = self.local.timers.borrow_mut().pop_due(now_ns);
            let Some(timer) = due else { return };
            timer.fire(self.local);
        }
    }

    /// A turn with more tasks to run: the kernel gets what they asked for, if anything.
    pub(crate) fn submit_and_reap(&mut self) -> io::Result<()> {
        let entered = {
            let mut ring = self.local.ring.borrow_mut();
            ring.cancel_put_off();
            if ring.needs_enter() { ring.enter() } else { Ok(()) }
        };
        self.reap();
        entered
    }

    /// Hands completions to those who wait for them, and calls those who wait for buffers. Copied
    /// out first: what they wake is the user's code, and it may come back to the ring.
    fn reap(&mut self) {
        let mut reaped = std::mem::take(&mut self.reaped);
        self.local.ring.borrow_mut().reap(&mut reaped);
        for completion in reaped.drain(..) {
            self.act_on(completion);
        }
        self.reaped = reaped;
        self.local.awaited_pools.look(self.local);
    }

    #[inline]
    fn act_on(&self, completion: Reaped) {
        let local = self.local;
        match completion {
            Reaped::Operation(done) => done.complete(local),
            Reaped::DoorbellFailed(mailbox) => doorbell::message_failed(mailbox),
            Reaped::Bell => local.counters().doorbells_received.add(1),
            Reaped::EventFd { more_follow } => {
                local.counters().doorbells_received.add(1);
                if !more_follow {
                    local.ring.borrow_mut().watch_eventfd(&self.event_fd);
                }
            }
            Reaped::CancelMissed(missed) => local.ring.borrow_mut().cancel_again(missed),
            Reaped::Nothing => {}
        }
    }

    /// Nothing is ready: waits awake for a while if that pays, and then asleep.
    fn idle(&mut self) -> io::Result<()> {
        if shed::has_offer(self.local) && self.finds_own_work()? {
            return Ok(());
        }
        if shed::take_offer(self.local) {
            self.own_first = 0;
            // There is always more to take, perhaps; what was asked of the kernel shall not wait.
            return self.submit_and_reap();
        }
        let spin_ns = self.spin.limit_ns().max(self.time_to_near_timer_ns());
        if spin_ns > 0 || self.completes_at_once {
            // A call that does not wait needs no clock, and no word to those who might wake us.
            self.submit_and_reap()?;
            if self.goes_on() {
                return Ok(());
            }
            // What nobody waited for may have ended just now, and who asks while we sleep shall
            // not be told that it is still under way.
            self.publish();
            self.completes_at_once = false;
        }
        if spin_ns > 0 && self.look_on(spin_ns) {
            return Ok(());
        }
        // Before the last look: what is laid out from now on may be left to our next one.
        let looked = Instant::now();
        if !shed::fall_idle(self.local) {
            return Ok(());
        }
        let asleep = self.local.mailbox.inbox.fall_asleep();
        let slept = if asleep { self.sleep(looked) } else { Ok(()) };
        shed::wake_up(self.local);
        slept
    }

    /// Whether the loop has to go on, because of what has just completed: it may have woken a task,
    /// given a buffer back that is for more than those who were called, or released entries that
    /// are to be submitted.
    fn goes_on(&self) -> bool {
        let local = self.local;
        !local.ready.is_empty()
            || !local.awaited_pools.is_empty()
            || local.ring.borrow_mut().has_left_over()
    }

    /// Whether there is own work after all, where this ring would else take some of others.
    ///
    /// Whoever has just been answered may have asked again, on this very processor, and the kernel
    /// says so when the next receive is submitted. A ring that took from others first would lay
    /// out its own work soon after, for them to take, and so tasks would go round.
    #[cold]
    fn finds_own_work(&mut self) -> io::Result<bool> {
        if self.own_first >= OWN_FIRST || !self.local.ring.borrow_mut().needs_enter() {
            self.own_first = 0;
            return Ok(false);
        }
        self.own_first += 1;
        self.submit_and_reap()?;
        let goes_on = self.goes_on();
        if !goes_on {
            // As above: this ring may sleep next.
            self.publish();
        }
        Ok(goes_on)
    }

    /// How long until a timer is due, if it is not worth while to sleep for that; else 0.
    fn time_to_near_timer_ns(&self) -> u64 {
        let Some(deadline_ns) = self.local.timers.borrow().next_deadline_ns() else { return 0 };
        let left_ns = deadline_ns.saturating_sub(since_start_ns(Instant::now())).max(1);
        if left_ns <= NEAR_TIMER_NS { left_ns } else { 0 }
    }

    /// Waits awake until something comes or a timer is due; says whether it did, or whether to look
    /// again anyhow.
    fn look_on(&mut self, limit_ns: u64) -> bool {
        let counters = self.local.counters();
        let started_ns = since_start_ns(Instant::now());
        let deadline_ns = self.local.timers.borrow().next_deadline_ns().unwrap_or(u64::MAX);
        let has_put_off = self.local.ring.borrow().has_put_off();
        let limit_ns = if has_put_off { limit_ns.min(PUT_OFF_LOOK_NS) } else { limit_ns };
        let end_ns = started_ns.saturating_add(limit_ns);
        counters.spins.add(1);
        self.local.trace.spin_begins();
        let mut looks = 0;
        let (mut now_ns, mut alone_from_ns) = (started_ns, started_ns);
        let came = loop {
            if self.local.mailbox.inbox.has_messages() || shed::has_offer(self.local) {
                self.spin.paid(now_ns - started_ns);
                counters.spins_paid.add(1);
                break true;
            }
            if self.local.ring.borrow_mut().has_completions() {
                self.spin.ended_by_completion(now_ns - started_ns);
                break true;
            }
            looks += 1;
            if looks % LOOKS_PER_CLOCK == 0 {
                now_ns = since_start_ns(Instant::now());
                if now_ns >= deadline_ns {
                    self.spin.ended_by_timer(now_ns - started_ns, NEAR_TIMER_NS);
                    break true;
                }
                if now_ns >= end_ns {
                    self.spin.in_vain();
                    counters.spins_in_vain.add(1);
                    break self.spin.never_sleeps();
                }
                if now_ns - alone_from_ns >= AWAKE_ALONE_NS {
                    // Whoever shall send the message may be waiting for this very processor.
                    std::thread::yield_now();
                    alone_from_ns = now_ns;
                }
            }
            spin_loop();
        };
        self.local.trace.ends(false);
        self.local.now.set(Moment::from_ns(now_ns));
        counters.spin_ns.add(now_ns - started_ns);
        came
    }

    /// Blocks in the kernel until a completion, a bell or the next deadline. The inbox says that we
    /// sleep.
    fn sleep(&mut self, slept_from: Instant) -> io::Result<()> {
        let local = self.local;
        let slept_from_ns = since_start_ns(slept_from);
        let deadline_ns = local.timers.borrow().next_deadline_ns();
        let limit = deadline_ns
            .into_iter()
            .chain(shed::next_look_ns(local, slept_from_ns))
            .min()
            .map(|until_ns| Duration::from_nanos(until_ns.saturating_sub(slept_from_ns)));
        local.counters().asleep.begin(slept_from_ns);
        local.trace.sleep_begins();
        let waited = {
            let mut ring = local.ring.borrow_mut();
            ring.cancel_put_off();
            ring.wait(limit)
        };
        local.trace.ends(false);
        local.mailbox.inbox.wake_up();
        let slept_ns = slept_from.elapsed().as_nanos() as u64;
        local.counters().asleep.end(slept_from_ns + slept_ns);
        local.now.set(Moment::from_ns(slept_from_ns.saturating_add(slept_ns)));
        local.counters().sleeps.add(1);
        self.completes_at_once = slept_ns < AT_ONCE_NS;
        if self.spin.is_on() && local.mailbox.inbox.has_messages() {
            self.spin.woken_by_message(slept_ns);
        }
        self.reap();
        waited
    }

    /// Says how things stand, for those who ask for the load.
    pub(crate) fn publish(&self) {
        metrics::publish(self.local);
    }
}
