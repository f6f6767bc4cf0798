//! One connection: its handler, and what it ended with.

use std::any::Any;
use std::error::Error;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::iter::successors;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::{fmt, io};

use super::ledger::{End, Entry, Ledger};
use super::listen::Listen;
use crate::foreign::{dispose_of, shielded};
use crate::stop::{StopToken, Stopped, with_stop};
use crate::sync::OwnedSemaphorePermit;
use crate::task::PanicPayload;

/// What a handler of [`serve`](super::serve()) gives: nothing, or a `Result` that says whether
/// something failed.
pub trait HandlerOutput {
    /// The error, if there is one.
    ///
    /// # Errors
    ///
    /// That of the handler.
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

impl HandlerOutput for () {
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> HandlerOutput for Result<(), E> {
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

/// Something that a server survived; see [`Serve::on_failure`](super::Serve::on_failure).
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeFailure<A> {
    /// No connection was accepted.
    #[non_exhaustive]
    Accept {
        /// Why.
        error: io::Error,
    },
    /// The handler of one connection gave an error.
    #[non_exhaustive]
    Handler {
        /// The connection's peer.
        peer: A,
        /// What it gave.
        error: Box<dyn Error + Send + Sync>,
    },
    /// The handler of one connection panicked.
    #[non_exhaustive]
    Panic {
        /// The connection's peer.
        peer: A,
        /// With what.
        payload: PanicPayload,
    },
}

impl<A: Debug> fmt::Display for ServeFailure<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept { error } => write!(f, "no connection was accepted: {error}"),
            Self::Handler { peer, error } => {
                write!(f, "the connection of {peer:?} failed: {error}")
            }
            Self::Panic { peer, payload } => {
                write!(f, "the handler of the connection of {peer:?} panicked: {payload}")
            }
        }
    }
}

/// Who is told of failures.
pub(super) type Hook<A> = Box<dyn Fn(&ServeFailure<A>) + Send + Sync>;

/// What the connections of a server have in common.
pub(super) struct Service<L: Listen, H> {
    pub(super) handler: H,
    pub(super) hook: Option<Hook<L::Address>>,
    /// What stops the handlers' operations.
    pub(super) handlers_stop: StopToken,
    pub(super) ledger: Arc<Ledger>,
}

impl<L: Listen, H> Service<L, H> {
    pub(super) fn accept_failed(&self, error: io::Error) {
        self.ledger.accept_failed();
        self.report(ServeFailure::Accept { error });
    }

    /// Tells of a failure, and drops it: both may run the user's code.
    fn report(&self, failure: ServeFailure<L::Address>) {
        let _ = shielded(|| match &self.hook {
            Some(hook) => hook(&failure),
            None => eprintln!("ringpool: {failure}"),
        });
        match failure {
            ServeFailure::Panic { payload, .. } => dispose_of(payload.into_inner()),
            other => drop(shielded(|| drop(other))),
        }
    }

    /// Whether an error says no more than that the handler was asked to stop.
    fn was_stopped(&self, error: &(dyn Error + 'static)) -> bool {
        // It is the user's.
        let says_so = || successors(Some(error), |&error| error.source()).any(is_of_a_stop);
        self.handlers_stop.is_stop_requested() && shielded(says_so) == Some(true)
    }
}

fn is_of_a_stop(error: &(dyn Error + 'static)) -> bool {
    let is_cancelled = |error: &io::Error| error.raw_os_error() == Some(libc::ECANCELED);
    error.is::<Stopped>() || error.downcast_ref().is_some_and(is_cancelled)
}

/// Runs the handler. The place among so many connections, if they are counted, is given back when
/// nothing is left of it.
pub(super) async fn connection<L, H, F>(
    service: Arc<Service<L, H>>,
    _place: Option<OwnedSemaphorePermit>,
    mut entry: Entry,
    (stream, peer): (L::Stream, L::Address),
) where
    L: Listen,
    H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: HandlerOutput,
{
    let handling = caught(async {
        let output = (service.handler)(stream, peer.clone()).await;
        output.into_result()
    });
    match with_stop(service.handlers_stop.clone(), handling).await {
        Ok(Ok(())) => entry.ends_as(End::Completed),
        Ok(Err(error)) if service.was_stopped(&*error) => {
            let _ = shielded(|| drop(error));
        }
        Ok(Err(error)) => {
            entry.ends_as(End::Failed);
            service.report(ServeFailure::Handler { peer, error });
        }
        Err(payload) => {
            entry.ends_as(End::Panicked);
            service.report(ServeFailure::Panic { peer, payload: payload.into() });
        }
    }
}

/// Runs a future to its end and drops it; a panic is an outcome, one of its destructor too.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(Some(future));
    let ended = poll_fn(|cx| {
        let running = future.as_mut().as_pin_mut().expect("it is there until it has ended");
        match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    });
    let ended = ended.await;
    let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None)));
    let Err(later) = dropped else { return ended };
    match ended {
        Ok(output) => drop(shielded(|| drop(output))),
        Err(earlier) => dispose_of(earlier),
    }
    Err(later)
}
