//! A moment that comes again and again.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sleep::{Sleep, sleep_until};

/// Ticks now, and then every `period`.
///
/// # Panics
///
/// If `period` is zero. Its ticks panic on a thread that has no ring.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let mut interval = ringpool::time::interval(Duration::from_millis(2));
///     let first = interval.tick().await;
///     let third = { interval.tick().await; interval.tick().await };
///     assert_eq!(third - first, Duration::from_millis(4));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`.
///
/// # Panics
///
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "the period of an interval must be more than zero");
    Interval { period, behavior: MissedTickBehavior::default(), sleep: sleep_until(start) }
}

/// What an interval does when nobody asked for its tick in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// The missed ticks come at once, one after the other, until it has caught up.
    #[default]
    Burst,
    /// The next tick is a full period after the late one.
    Delay,
    /// The missed ticks are left out; the next one is at a multiple of the period.
    Skip,
}

/// Ticks again and again; made by [`interval`].
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    behavior: MissedTickBehavior,
    sleep: Sleep,
}

impl Interval {
    /// Waits for the next tick; gives the moment it was due.
    ///
    /// # Cancel safety
    ///
    /// A tick that is not waited for to the end is not lost.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// As [`tick`](Self::tick), for hand-written futures.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        if Pin::new(&mut self.sleep).poll(cx).is_pending() {
            return Poll::Pending;
        }
        let due = self.sleep.deadline();
        self.sleep.reset(self.next_after(due, Instant::now()));
        Poll::Ready(due)
    }

    fn next_after(&self, due: Instant, now: Instant) -> Instant {
        let next = due + self.period;
        if now < next {
            return next;
        }
        match self.behavior {
            MissedTickBehavior::Burst => next,
            MissedTickBehavior::Delay => now + self.period,
            MissedTickBehavior::Skip => {
                let late_ns = now.duration_since(due).as_nanos();
                let since_last_ns = late_ns % self.period.as_nanos();
                now + self.period - Duration::from_nanos(since_last_ns as u64)
            }
        }
    }

    /// The next tick comes a full period from now.
    pub fn reset(&mut self) {
        self.sleep.reset(Instant::now() + self.period);
    }

    /// Sets what happens to ticks that nobody asked for in time.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}
