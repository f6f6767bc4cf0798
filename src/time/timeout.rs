//! A limit to how long a future may take.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{error, fmt, io};

use super::sleep::{Sleep, sleep, sleep_until};

/// Gives what `future` gives, or [`Elapsed`] if `duration` passes first.
///
/// A future that is ready is never called late. The future is dropped with the `Timeout`, not when
/// the time is up.
///
/// # Errors
///
/// [`Elapsed`] if the time was up first.
///
/// # Cancel safety
///
/// As that of `future`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let never = std::future::pending::<()>();
///     assert!(ringpool::time::timeout(Duration::from_millis(1), never).await.is_err());
///     assert_eq!(ringpool::time::timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
/// });
/// ```
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep(duration) }
}

/// As [`timeout`], with the moment instead of the duration.
///
/// # Errors
///
/// [`Elapsed`] if the moment came first.
///
/// # Cancel safety
///
/// As that of `future`.
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep_until(deadline) }
}

/// A future with a limit; made by [`timeout`] and [`timeout_at`].
#[derive(Debug)]
#[must_use = "a timeout does nothing unless it is polled"]
pub struct Timeout<F> {
    future: F,
    sleep: Sleep,
}

impl<F> Timeout<F> {
    /// The future, without its limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned with `self` and never moved; `sleep` is `Unpin`.
        let (future, sleep) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.sleep)
        };
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed(())))
    }
}

/// The time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was up before the future was ready")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
