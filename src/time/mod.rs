//! Time: sleeping, intervals, deadlines.
//!
//! Timers live in the user's memory, on the ring where they are first polled; making and dropping
//! one takes no system call, and the ring sleeps no longer than to the next deadline.

pub(crate) mod heap;
mod interval;
pub(crate) mod moment;
mod sleep;
mod timeout;
pub(crate) mod timer;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// Nanoseconds since the first time that anybody asked: 584 years fit.
pub(crate) fn since_start_ns(instant: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(|| instant.min(Instant::now()));
    u64::try_from(instant.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// An instant `duration` from now; one that is too far away for the clock is thirty years off.
fn from_now(duration: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(30 * 365 * 86_400))
}
