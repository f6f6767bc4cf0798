//! Scopes that stop themselves when their time is up.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::current;
use super::scope::{WithStop, with_stop};
use super::token::{StopSource, StopToken};
use crate::time::{Sleep, sleep, sleep_until};

/// Runs `future` in a scope that is asked to stop when `duration` has passed; tells what it gave,
/// and whether that happened.
///
/// Unlike [`time::timeout`](crate::time::timeout), which drops the future, this lets it end by
/// itself: an operation that won the race against the limit gives its result. So it takes as long
/// as the future does; one that waits for no operation has to look, by
/// [`until`](super::until()) or [`checkpoint`](super::checkpoint).
///
/// Limits inside each other tell each by itself whether their time was up first. What was stopped
/// from outside before, by another limit or anybody else, is not called late any more.
///
/// # Panics
///
/// When polled on a thread that has no ring.
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use ringpool::stop::with_timeout;
/// use std::os::fd::OwnedFd;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, _writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// let reading = op::read(&reader, Vec::with_capacity(16));
/// let limited = pool.block_on(with_timeout(Duration::from_millis(1), reading));
/// assert!(limited.is_late);
/// assert_eq!(limited.output.unwrap_err().buffer.capacity(), 16);
/// # Ok(())
/// # }
/// ```
pub fn with_timeout<F: IntoFuture>(duration: Duration, future: F) -> WithTimeout<F::IntoFuture> {
    WithTimeout::new(sleep(duration), future.into_future())
}

/// As [`with_timeout`], with the moment instead of the duration.
///
/// # Panics
///
/// When polled on a thread that has no ring.
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this.
pub fn with_deadline<F: IntoFuture>(deadline: Instant, future: F) -> WithTimeout<F::IntoFuture> {
    WithTimeout::new(sleep_until(deadline), future.into_future())
}

/// What came of a future with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limited<T> {
    /// What the future gave.
    pub output: T,
    /// Its time was up before, and it was asked to stop for that; it may have done all it had to
    /// nevertheless.
    pub is_late: bool,
}

/// The future of [`with_timeout`] and [`with_deadline`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WithTimeout<F> {
    future: WithStop<F>,
    limit: Limit,
}

struct Limit {
    source: StopSource,
    sleep: Sleep,
    is_up: bool,
}

impl<F: Future> WithTimeout<F> {
    fn new(sleep: Sleep, future: F) -> Self {
        let source = StopToken::current().child_source();
        let future = with_stop(source.token(), future);
        Self { future, limit: Limit { source, sleep, is_up: false } }
    }
}

impl<F> WithTimeout<F> {
    /// When its time is up.
    pub fn deadline(&self) -> Instant {
        self.limit.sleep.deadline()
    }
}

impl Limit {
    /// Whether the time has just been up, so that the future was asked to stop.
    fn passes(&mut self, cx: &mut Context<'_>) -> bool {
        if self.source.is_stop_requested() || current::is_stopped() {
            return false;
        }
        if Pin::new(&mut self.sleep).poll(cx).is_ready() {
            // If somebody else was first just now, it was that one's stop.
            self.is_up = self.source.stop();
        }
        self.is_up
    }
}

impl<F: Future> Future for WithTimeout<F> {
    type Output = Limited<F::Output>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned with `self` and never moved; the rest is `Unpin`.
        let (mut future, limit) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.limit)
        };
        let mut polled = future.as_mut().poll(cx);
        if polled.is_pending() && limit.passes(cx) {
            polled = future.poll(cx);
        }
        let is_late = limit.is_up;
        polled.map(|output| Limited { output, is_late })
    }
}

impl<F> fmt::Debug for WithTimeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deadline, is_up) = (self.deadline(), self.limit.is_up);
        let mut debug = f.debug_struct("WithTimeout");
        debug.field("deadline", &deadline).field("is_up", &is_up).finish_non_exhaustive()
    }
}
