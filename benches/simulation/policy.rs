//! What a ring decides when it evens out the load: the rules of ringpool themselves, and what of
//! them can be left out to see what it is good for.

#[allow(unused_imports, reason = "a bench has no tests")]
#[path = "../../src/balance/policy.rs"]
mod balance;
#[allow(unused_imports, dead_code, reason = "as above, and nothing completes in it")]
#[path = "../../src/sleep.rs"]
mod sleep;

use std::time::Duration;

pub(crate) use balance::{
    Estimate, LONG_TURN_NS, PATIENCE_NS, SOON_NS, is_worth_waking, keeps, next_in_circle,
    polls_to_first_look, polls_to_next_look,
};
pub(crate) use sleep::SpinPolicy;

/// As in the loop of a ring.
pub(crate) const POLLS_PER_TURN: u32 = 64;

/// By what a ring goes.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// How long a ring that finds nothing looks on before it sleeps.
    pub(crate) looks_on: Looking,
    /// Nobody knows how long a task takes that was never polled, so it is kept alone.
    pub(crate) new_alone: bool,
}

/// When a ring that finds nothing looks on, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looking {
    Never,
    /// If it paid of late.
    IfItPays(Duration),
    Always(Duration),
}

impl Policy {
    const SPIN: Duration = Duration::from_micros(50);
    /// What ringpool does by default.
    pub(crate) const SHEDDING: Self =
        Self { looks_on: Looking::IfItPays(Self::SPIN), new_alone: true };
    /// As a pool whose builder was told not to look on.
    pub(crate) const SLEEPING_AT_ONCE: Self = Self { looks_on: Looking::Never, ..Self::SHEDDING };
    /// Rings that always look on before they sleep.
    pub(crate) const LOOKING_ON: Self =
        Self { looks_on: Looking::Always(Self::SPIN), ..Self::SHEDDING };
    /// A new task is expected to take as long as the others.
    pub(crate) const TRUSTING: Self = Self { new_alone: false, ..Self::SHEDDING };
}
