//! Timing the polls of one turn of the loop, where it matters how long they take.

use std::time::Instant;

use crate::balance::policy::{LONG_TURN_NS, polls_to_first_look, polls_to_next_look};
use crate::context::Local;

/// Looks at the clock now and then while several tasks wait that could be given away. It tells the
/// ring how long polls take, and when a turn has taken long enough.
pub(crate) struct Turn {
    /// `None` where nothing depends on it.
    clock: Option<Clock>,
}

struct Clock {
    started: Instant,
    last_look: Instant,
    polls_since: u32,
    next_look: u32,
    has_looked: bool,
}

impl Turn {
    #[inline]
    pub(crate) fn begin(local: &Local) -> Self {
        let ready = &local.ready;
        let matters = ready.gives() && (ready.has_several_movable() || local.has_shelved());
        Self { clock: matters.then(|| Clock::start(ready.poll_ns())) }
    }

    /// A task has been polled; says whether the turn is over.
    #[inline]
    pub(crate) fn polled(&mut self, local: &Local) -> bool {
        let Some(clock) = &mut self.clock else { return local.ends_turn.take() };
        clock.polls_since += 1;
        let is_long = clock.is_time(local) && clock.look(local);
        local.ends_turn.take() || is_long
    }
}

impl Clock {
    fn start(poll_ns: u64) -> Self {
        let (now, next_look) = (Instant::now(), polls_to_first_look(poll_ns));
        Self { started: now, last_look: now, polls_since: 0, next_look, has_looked: false }
    }

    /// Often enough, and after the first poll of a turn if that tells how long first polls of tasks
    /// take.
    #[inline]
    fn is_time(&self, local: &Local) -> bool {
        let tells = || !self.has_looked && self.polls_since == 1 && local.ready.popped_fresh();
        self.polls_since >= self.next_look || tells()
    }

    fn look(&mut self, local: &Local) -> bool {
        let now = Instant::now();
        let poll_ns = (now - self.last_look).as_nanos() as u64 / u64::from(self.polls_since);
        local.ready.learn(poll_ns);
        if self.polls_since == 1 && local.ready.popped_fresh() {
            local.shared.board.learn_fresh(poll_ns);
        }
        self.next_look = polls_to_next_look(self.next_look, poll_ns);
        (self.last_look, self.polls_since, self.has_looked) = (now, 0, true);
        (now - self.started).as_nanos() as u64 >= LONG_TURN_NS
    }
}
