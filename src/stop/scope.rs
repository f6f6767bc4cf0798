//! The code that a stop is for.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::current;
use super::node::Node;
use super::token::StopToken;

/// Runs `future` in a scope: when `token` is asked to stop, the operations that the future waits
/// for end early.
///
/// What is in the kernel is told to stop, and awaited: it gives its result if that came first, and
/// else fails with [`ECANCELED`](libc::ECANCELED), with its buffer either way. A stop stays asked
/// for: operations that begin later fail with `ECANCELED` at once, and give back what they were
/// given. The future goes on with that, and ends when it wants to. [`shield`] lets it clean up by
/// operations; [`until`](super::until()) ends other waits.
///
/// A scope inside another one is stopped with that, or by its own token. It is where the future is
/// polled that counts, so a scope goes with its task to other rings; a task that is spawned inside
/// is in no scope, unless it makes one with [`StopToken::current`].
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use ringpool::stop::{StopSource, with_stop};
/// use std::os::fd::OwnedFd;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, _writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// let source = StopSource::new();
/// let token = source.token();
/// pool.block_on(async move {
///     let reading = ringpool::spawn(with_stop(token, async move {
///         op::read(&reader, Vec::with_capacity(16)).await
///     }));
///     ringpool::time::sleep(Duration::from_millis(1)).await;
///     source.stop();
///     let stopped = reading.await?.unwrap_err();
///     assert_eq!(stopped.error.raw_os_error(), Some(libc::ECANCELED));
///     assert_eq!(stopped.buffer.capacity(), 16);
///     Ok(())
/// })
/// # }
/// ```
pub fn with_stop<F: IntoFuture>(token: StopToken, future: F) -> WithStop<F::IntoFuture> {
    WithStop { scope: Scope { token, inside: None }, future: future.into_future() }
}

/// The future of [`with_stop`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct WithStop<F> {
    scope: Scope,
    future: F,
}

/// A token, and the scope it makes inside the one where it was last polled.
struct Scope {
    token: StopToken,
    inside: Option<Inside>,
}

struct Inside {
    outer: Arc<Node>,
    node: Arc<Node>,
}

impl Scope {
    /// The scope for a poll in the current one; none if that is it.
    fn node(&mut self) -> Option<&Arc<Node>> {
        let ours = self.token.node()?;
        let is_inside = current::with(|outer| {
            let Some(outer) = outer else { return false };
            if Arc::ptr_eq(outer, ours) || ours.has_parent(outer) {
                return false;
            }
            if self.inside.as_ref().is_none_or(|inside| !Arc::ptr_eq(&inside.outer, outer)) {
                let node = Node::child_of([Some(outer.clone()), Some(ours.clone())]);
                self.inside = Some(Inside { outer: outer.clone(), node });
            }
            true
        });
        if is_inside { self.inside.as_ref().map(|inside| &inside.node) } else { Some(ours) }
    }
}

impl<F> WithStop<F> {
    /// The future, without its scope.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for WithStop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with `self` and never moved; the rest is `Unpin`.
        let (future, scope) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.scope)
        };
        match scope.node() {
            None => future.poll(cx),
            node => current::within(node, || future.poll(cx)),
        }
    }
}

impl<F> fmt::Debug for WithStop<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithStop").field("token", &self.scope.token).finish_non_exhaustive()
    }
}

/// Runs `future` in no scope: it does not notice a stop that is asked for outside.
///
/// For what has to be done to its end: writing what is in a buffer, saying goodbye. What comes
/// after it notices the stop, as it is still asked for.
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this: a shield is no help against being cancelled,
/// [`finally`](super::finally()) is.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use ringpool::stop::{StopSource, shield, with_stop};
///
/// # let pool = ringpool::Pool::new(1);
/// let source = StopSource::new();
/// source.stop();
/// pool.block_on(with_stop(source.token(), async {
///     assert!(op::nop().await.is_err());
///     assert!(shield(op::nop()).await.is_ok());
/// }));
/// ```
pub fn shield<F: IntoFuture>(future: F) -> Shield<F::IntoFuture> {
    Shield(future.into_future())
}

/// The future of [`shield`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Shield<F>(F);

impl<F> Shield<F> {
    /// The future, without its shield.
    pub fn into_inner(self) -> F {
        self.0
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with `self` and never moved.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.0) };
        current::within(None, || future.poll(cx))
    }
}

impl<F> fmt::Debug for Shield<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").finish_non_exhaustive()
    }
}
