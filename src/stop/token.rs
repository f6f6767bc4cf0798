//! Sources and tokens: who asks to stop, and who looks.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{error, fmt, io};

use super::node::{Node, Waiting};
use super::until::Until;
use super::{current, watch};
use crate::awaiting::{Awaited, noted};

/// Asks code to stop; its clones are the same source.
///
/// Dropping it asks nothing.
///
/// # Examples
///
/// ```
/// use ringpool::stop::StopSource;
///
/// let all = StopSource::new();
/// let one = all.child();
/// let token = one.token();
/// all.stop();
/// assert!(token.is_stop_requested() && one.is_stop_requested());
/// ```
#[derive(Clone)]
pub struct StopSource(Arc<Node>);

impl StopSource {
    /// A source of its own.
    pub fn new() -> Self {
        Self(Node::new())
    }

    /// What the code gets that is to be stopped.
    pub fn token(&self) -> StopToken {
        StopToken(Some(self.0.clone()))
    }

    /// Asks all that have the token to stop, and the children of this one; whether it was the first
    /// to do so. From any thread; when it returns, all of them are asked.
    #[expect(clippy::must_use_candidate, reason = "few have to know who was the first")]
    pub fn stop(&self) -> bool {
        self.0.stop()
    }

    /// Whether a stop was asked for, of this one or of one that it is a child of.
    pub fn is_stop_requested(&self) -> bool {
        self.0.is_stopped()
    }

    /// A source that is stopped with this one, or by itself. One that is dropped leaves nothing
    /// behind.
    pub fn child(&self) -> Self {
        Self(Node::child_of([Some(self.0.clone()), None]))
    }
}

impl Default for StopSource {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StopSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_stop_requested = self.is_stop_requested();
        f.debug_struct("StopSource").field("is_stop_requested", &is_stop_requested).finish()
    }
}

/// Tells whether a stop was asked for; to be cloned and handed on.
///
/// It can be awaited: `token.await` is over when the stop is asked for.
#[derive(Clone)]
pub struct StopToken(Option<Arc<Node>>);

impl StopToken {
    /// A token that nobody stops.
    pub const fn never() -> Self {
        Self(None)
    }

    /// That of the scope in which the caller is polled: what stops it is all that stops its
    /// operations. Outside of scopes, and inside [`shield`](super::shield), it is one that nobody
    /// stops.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::stop::{StopSource, StopToken, with_stop};
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// let source = StopSource::new();
    /// let counting = with_stop(source.token(), async {
    ///     let mut count = 0;
    ///     while !StopToken::current().is_stop_requested() {
    ///         count += 1;
    ///         if count == 1000 {
    ///             source.stop();
    ///         }
    ///     }
    ///     count
    /// });
    /// assert_eq!(pool.block_on(counting), 1000);
    /// ```
    pub fn current() -> Self {
        current::with(|scope| Self(scope.cloned()))
    }

    /// Whether a stop was asked for.
    pub fn is_stop_requested(&self) -> bool {
        self.0.as_ref().is_some_and(|node| node.is_stopped())
    }

    /// Waits until a stop is asked for; on any executor.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing: a stop stays asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// let source = ringpool::stop::StopSource::new();
    /// let token = source.token();
    /// let thread = std::thread::spawn(move || futures::executor::block_on(token.stopped()));
    /// source.stop();
    /// thread.join().unwrap();
    /// ```
    pub fn stopped(&self) -> UntilStopped {
        UntilStopped(self.0.clone().map(Waiting::new))
    }

    /// As [`until`](super::until()), with this token instead of the scope.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if a stop is asked for before the future is ready.
    ///
    /// # Cancel safety
    ///
    /// As that of the future, which is dropped with this.
    pub fn until<F: IntoFuture>(&self, future: F) -> Until<F::IntoFuture> {
        Until::by_token(self.stopped(), future.into_future())
    }

    /// A source that is stopped with this token, or by itself. One that is dropped leaves nothing
    /// behind.
    pub fn child_source(&self) -> StopSource {
        StopSource(Node::child_of([self.0.clone(), None]))
    }

    pub(super) fn node(&self) -> Option<&Arc<Node>> {
        self.0.as_ref()
    }
}

/// One that nobody stops.
impl Default for StopToken {
    fn default() -> Self {
        Self::never()
    }
}

impl fmt::Debug for StopToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_stop_requested = self.is_stop_requested();
        f.debug_struct("StopToken").field("is_stop_requested", &is_stop_requested).finish()
    }
}

impl IntoFuture for StopToken {
    type Output = ();
    type IntoFuture = UntilStopped;

    fn into_future(self) -> UntilStopped {
        self.stopped()
    }
}

impl IntoFuture for &StopToken {
    type Output = ();
    type IntoFuture = UntilStopped;

    fn into_future(self) -> UntilStopped {
        self.stopped()
    }
}

/// The future of [`StopToken::stopped`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct UntilStopped(Option<Waiting>);

impl Future for UntilStopped {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let is_stopped = self.0.as_mut().is_some_and(|waiting| waiting.poll(cx.waker()));
        if is_stopped { watch::poll_turn(cx) } else { noted(Awaited::Lock, Poll::Pending) }
    }
}

impl fmt::Debug for UntilStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilStopped").finish_non_exhaustive()
    }
}

/// A stop was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this was asked to stop")
    }
}

impl error::Error for Stopped {}

impl From<Stopped> for io::Error {
    /// As operations that were stopped fail: [`ECANCELED`](libc::ECANCELED).
    fn from(_: Stopped) -> Self {
        watch::cancelled()
    }
}
