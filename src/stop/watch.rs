//! What a future keeps to be woken when the scope it is polled in is stopped.

use std::io;
use std::task::{Context, Poll, Waker, ready};

use super::current;
use super::node::Waiting;
use crate::coop;

/// A place in the line of the scope in which a future was last polled: nothing outside of scopes.
///
/// Futures in a set are polled only when their own waker is woken. So each one that waits has a
/// place of its own, with its own waker.
#[derive(Default)]
pub(crate) struct Watch(Option<Box<Watching>>);

struct Watching {
    waiting: Waiting,
    was_told: bool,
}

/// What a [`Watch`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nobody asks to stop. If somebody does, the waker is woken.
    Running,
    /// Somebody does, and this is the first time that it is told.
    StoppedNow,
    /// It has been told before.
    StoppedBefore,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Looks at the scope that is being polled.
    #[inline]
    pub(crate) fn look(&mut self, waker: &Waker) -> Seen {
        if self.0.is_none() && !current::is_scope() {
            return Seen::Running;
        }
        self.look_closely(waker)
    }

    /// Ready, if the scope that is being polled is stopped, for who ends a wait then; otherwise the
    /// waker is woken when it is. Who has used its turn up gets another one first: what it waits
    /// for may only have said so for that.
    #[inline]
    pub(crate) fn poll_stopped(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.look(cx.waker()) == Seen::Running { Poll::Pending } else { poll_turn(cx) }
    }

    #[cold]
    fn look_closely(&mut self, waker: &Waker) -> Seen {
        let fresh = current::with(|scope| match scope {
            Some(scope) if self.0.as_ref().is_some_and(|ours| ours.waiting.is_for(scope)) => None,
            scope => Some(scope.cloned()),
        });
        if let Some(scope) = fresh {
            let watching = |scope| Watching { waiting: Waiting::new(scope), was_told: false };
            self.0 = scope.map(|scope| Box::new(watching(scope)));
        }
        let Some(watching) = &mut self.0 else { return Seen::Running };
        if watching.was_told {
            Seen::StoppedBefore
        } else if watching.waiting.poll(waker) {
            watching.was_told = true;
            Seen::StoppedNow
        } else {
            Seen::Running
        }
    }

    /// Gives the place in line up: nobody polls the future for now.
    pub(crate) fn rest(&mut self) {
        self.0 = None;
    }

    /// Polls what is no affair of the scope, such as what somebody else has left in the kernel, and
    /// ends the wait for it when the scope is stopped.
    ///
    /// # Errors
    ///
    /// `ECANCELED` then.
    pub(crate) fn wait_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(output) = current::within(None, || poll(cx)) {
            return Poll::Ready(Ok(output));
        }
        self.poll_stopped(cx).map(|()| Err(cancelled()))
    }
}

/// A stop stays asked for, so what it ends is ready at once: who tries again each time must not
/// keep the ring to itself.
pub(super) fn poll_turn(cx: &Context<'_>) -> Poll<()> {
    ready!(coop::poll_proceed(cx));
    coop::spend();
    Poll::Ready(())
}

/// Whether something may begin in the scope that is being polled.
///
/// # Errors
///
/// `ECANCELED` if it is stopped.
pub(crate) fn poll_running(cx: &Context<'_>) -> Poll<io::Result<()>> {
    if current::is_stopped() {
        return poll_turn(cx).map(|()| Err(cancelled()));
    }
    Poll::Ready(Ok(()))
}

/// As [`Watch::wait_for`], for an async function.
pub(crate) async fn wait_for<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> io::Result<T> {
    let mut watch = Watch::new();
    std::future::poll_fn(|cx| watch.wait_for(cx, &mut poll)).await
}

/// What an operation gives that was stopped, or did not begin.
pub(crate) fn cancelled() -> io::Error {
    io::Error::from_raw_os_error(libc::ECANCELED)
}
