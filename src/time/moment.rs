//! Moments for people who look: coarse, small, and cheap to take.
//!
//! How old a task is and how long an operation has been in flight need no precise clock. A ring
//! keeps a moment, which it takes anew when it has read the clock anyway, and every few turns of
//! its loop; to note it costs a copy. The clock for that is `CLOCK_MONOTONIC_COARSE`, which goes
//! forward with the kernel's tick, every 1 to 10 ms, and costs a quarter of the precise one.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::since_start_ns;

const NS_PER_MS: u64 = 1_000_000;

/// Milliseconds since the process's clock began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// So many bits are enough for all moments that the clock can tell.
pub(crate) const MOMENT_BITS: u32 = 48;

impl Moment {
    /// By the coarse clock.
    pub(crate) fn now() -> Self {
        /// What the process's clock is behind the kernel's.
        static BEHIND_NS: OnceLock<u64> = OnceLock::new();
        let precise_ns = || kernel_ns(libc::CLOCK_MONOTONIC);
        let behind_ns =
            *BEHIND_NS.get_or_init(|| precise_ns().saturating_sub(since_start_ns(Instant::now())));
        Self::from_ns(kernel_ns(libc::CLOCK_MONOTONIC_COARSE).saturating_sub(behind_ns))
    }

    /// Of the process's clock.
    #[inline]
    pub(crate) fn from_ns(since_start_ns: u64) -> Self {
        Self(since_start_ns / NS_PER_MS)
    }

    /// To be kept with something else in one word.
    #[inline]
    pub(crate) fn into_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// How long it was `then`, as far as is known.
    pub(crate) fn since(self, then: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(then.0))
    }
}

fn kernel_ns(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is there to be written to; every Linux has both clocks.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_has_room() {
        assert!(Moment::from_ns(u64::MAX).into_bits() < 1 << MOMENT_BITS);
    }

    #[test]
    fn both_clocks_agree_to_a_tick() {
        let before = Moment::from_ns(since_start_ns(Instant::now()));
        let coarse = Moment::now();
        let after = Moment::from_ns(since_start_ns(Instant::now()));
        assert!(before.since(coarse) <= Duration::from_millis(20), "{before:?} {coarse:?}");
        assert!(coarse.since(after) <= Duration::from_millis(1), "{coarse:?} {after:?}");
    }

    #[test]
    fn what_lies_ahead_is_no_time_ago() {
        assert_eq!(Moment::from_ns(0).since(Moment::from_ns(5 * NS_PER_MS)), Duration::ZERO);
    }
}
