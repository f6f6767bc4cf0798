//! The end of a wait, and a look in between.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current;
use super::token::{Stopped, UntilStopped};
use super::watch::{Watch, poll_turn};

/// Waits for `future`, whatever it is, until the scope in which this is polled is asked to stop.
///
/// Operations of the kernel end by themselves in a scope that is stopped. What waits for a timer, a
/// channel, a lock or another task waits on: this ends it.
///
/// A future that is ready is given, also in a scope that is stopped already; so what a future has
/// taken, such as an item of a channel, is never dropped by a stop. Outside of scopes nothing ends
/// it; [`StopToken::until`](super::StopToken::until) needs no scope.
///
/// # Errors
///
/// [`Stopped`] if a stop is asked for before the future is ready.
///
/// # Cancel safety
///
/// As that of the future, which is dropped with this.
///
/// # Examples
///
/// ```
/// use ringpool::Channel;
/// use ringpool::stop::{StopSource, Stopped, until, with_stop};
///
/// # let pool = ringpool::Pool::new(1);
/// let source = StopSource::new();
/// let orders = Channel::bounded(4);
/// orders.try_send("salt").unwrap();
/// source.stop();
/// pool.block_on(with_stop(source.token(), async {
///     assert_eq!(until(orders.recv()).await, Ok(Ok("salt")));
///     assert_eq!(until(orders.recv()).await, Err(Stopped::default()));
/// }));
/// ```
pub fn until<F: IntoFuture>(future: F) -> Until<F::IntoFuture> {
    Until { future: future.into_future(), by: By::Scope(Watch::new()) }
}

/// The future of [`until`] and [`StopToken::until`](super::StopToken::until).
#[must_use = "futures do nothing unless they are awaited"]
pub struct Until<F> {
    future: F,
    by: By,
}

enum By {
    Scope(Watch),
    Token(UntilStopped),
}

impl<F> Until<F> {
    pub(super) fn by_token(stopped: UntilStopped, future: F) -> Self {
        Self { future, by: By::Token(stopped) }
    }

    /// The future.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Until<F> {
    type Output = Result<F::Output, Stopped>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned with `self` and never moved; the rest is `Unpin`.
        let (future, by) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.by)
        };
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let stopped = match by {
            By::Scope(watch) => watch.poll_stopped(cx),
            By::Token(stopped) => Pin::new(stopped).poll(cx),
        };
        stopped.map(|()| Err(Stopped))
    }
}

impl<F> fmt::Debug for Until<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until").finish_non_exhaustive()
    }
}

/// Tells code that computes whether its scope is asked to stop, and lets others have the ring now
/// and then.
///
/// # Errors
///
/// [`Stopped`] if it is.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::stop::{StopSource, Stopped, checkpoint, with_stop};
///
/// # let pool = ringpool::Pool::new(1);
/// let source = StopSource::new();
/// let computing = with_stop(source.token(), async {
///     for piece in 0.. {
///         checkpoint().await?;
///         if piece == 1000 {
///             source.stop();
///         }
///     }
///     Ok::<_, Stopped>(())
/// });
/// assert!(pool.block_on(computing).is_err());
/// ```
pub async fn checkpoint() -> Result<(), Stopped> {
    poll_fn(|cx| poll_turn(cx)).await;
    if current::is_stopped() { Err(Stopped) } else { Ok(()) }
}
