//! Waiting for a moment.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::timer::{Ended, NotArmed, Timer};
use super::{from_now, since_start_ns};
use crate::awaiting::{Awaited, noted};

/// Waits until `duration` has passed.
///
/// # Panics
///
/// When polled on a thread that has no ring.
///
/// # Cancel safety
///
/// Dropping it takes the timer away, and leaves nothing behind.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let pool = ringpool::Pool::new(1);
/// let started = Instant::now();
/// pool.block_on(ringpool::time::sleep(Duration::from_millis(5)));
/// assert!(started.elapsed() >= Duration::from_millis(5));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(from_now(duration))
}

/// Waits until `deadline`.
///
/// # Panics
///
/// When polled on a thread that has no ring.
///
/// # Cancel safety
///
/// Dropping it takes the timer away, and leaves nothing behind.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None }
}

/// A future that is ready at a moment; made by [`sleep`] and [`sleep_until`].
///
/// The clock is the kernel's monotonic one, in nanoseconds. The future is never ready early; how
/// late it is depends on the kernel and on how long the tasks of its ring compute between awaits.
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is polled"]
pub struct Sleep {
    deadline: Instant,
    timer: Option<Timer>,
}

impl Sleep {
    /// When it is ready.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sets another moment.
    pub fn reset(&mut self, deadline: Instant) {
        self.timer = None;
        self.deadline = deadline;
    }

    /// Whether its moment has come.
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            match timer.poll(cx) {
                None => return noted(Awaited::Timer, Poll::Pending),
                Some(Ended::Fired) => {
                    self.timer = None;
                    return Poll::Ready(());
                }
                // The task lives on, on another ring: so does its sleep.
                Some(Ended::RingStopped) => self.timer = None,
            }
        }
        // A moment that has passed already is found by the ring in its next turn; asking the clock
        // here would cost more than all the rest.
        match Timer::arm(since_start_ns(self.deadline), cx.waker()) {
            Ok(timer) => self.timer = Some(timer),
            // The task is about to be cancelled.
            Err(NotArmed::RingStops) => {}
            Err(NotArmed::NoRing) => panic!(
                "a sleep needs the clock of a ring, and this thread has no ring; \
                 await it in a task of a pool"
            ),
        }
        noted(Awaited::Timer, Poll::Pending)
    }
}
