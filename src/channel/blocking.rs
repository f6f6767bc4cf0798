//! The blocking forms: a plain thread parks until its place in line is served.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::receiving::Receiving;
use super::reserving::Reserving;
use super::sending::Sending;
use super::shared::Shared;
use crate::error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError};
use crate::line::Removed;

pub(super) fn send<T>(shared: &Shared<T>, item: T) -> Result<(), SendError<T>> {
    let mut sending = Sending::Holding(Some(item));
    let sent = park_until(None, |waker| shared.poll_send(&mut sending, waker));
    sent.expect("a wait without a deadline ends only when it is served")
}

/// Goes on with a receive that may be in line already.
pub(super) fn recv_from<T>(shared: &Shared<T>, mut receiving: Receiving) -> Result<T, RecvError> {
    let received = park_until(None, |waker| shared.poll_recv(&mut receiving, waker));
    received.expect("a wait without a deadline ends only when it is served")
}

pub(super) fn send_timeout<T>(
    shared: &Shared<T>,
    item: T,
    timeout: Duration,
) -> Result<(), SendTimeoutError<T>> {
    let mut sending = Sending::Holding(Some(item));
    // A deadline too far away to be told is none.
    let deadline = Instant::now().checked_add(timeout);
    if let Some(sent) = park_until(deadline, |waker| shared.poll_send(&mut sending, waker)) {
        return sent.map_err(SendTimeoutError::from);
    }
    let Sending::Waiting(key) = sending else { unreachable!("a send that has to wait is in line") };
    match shared.abandon_send(key) {
        Removed::Waiting(offer, _waker) => Err(SendTimeoutError::Timeout(offer.item)),
        Removed::Served(Ok(())) => Ok(()),
        Removed::Served(Err(item)) => Err(SendTimeoutError::Closed(item)),
    }
}

/// Reserves a place, which is the caller's then.
pub(super) fn reserve<T>(shared: &Shared<T>) -> Result<(), SendError<()>> {
    let mut reserving = Reserving::Idle;
    let reserved = park_until(None, |waker| shared.poll_reserve(&mut reserving, waker));
    reserved.expect("a wait without a deadline ends only when it is served")
}

/// As [`reserve`], but gives up when the time is over.
pub(super) fn reserve_timeout<T>(
    shared: &Shared<T>,
    timeout: Duration,
) -> Result<(), SendTimeoutError<()>> {
    let mut reserving = Reserving::Idle;
    let deadline = Instant::now().checked_add(timeout);
    let reserved = park_until(deadline, |waker| shared.poll_reserve(&mut reserving, waker));
    if let Some(reserved) = reserved {
        return reserved.map_err(SendTimeoutError::from);
    }
    let Reserving::Waiting(key) = reserving else {
        unreachable!("a reservation that has to wait is in line")
    };
    match shared.finish_reserve(key) {
        Removed::Waiting(_turn, _waker) => Err(SendTimeoutError::Timeout(())),
        Removed::Served(true) => Ok(()),
        Removed::Served(false) => Err(SendTimeoutError::Closed(())),
    }
}

/// As [`recv_from`], but gives up when the time is over.
pub(super) fn recv_timeout_from<T>(
    shared: &Shared<T>,
    mut receiving: Receiving,
    timeout: Duration,
) -> Result<T, RecvTimeoutError> {
    let deadline = Instant::now().checked_add(timeout);
    if let Some(received) = park_until(deadline, |waker| shared.poll_recv(&mut receiving, waker)) {
        return received.map_err(RecvTimeoutError::from);
    }
    let Receiving::Waiting(key) = receiving else {
        unreachable!("a receive that has to wait is in line")
    };
    match shared.finish_recv(key) {
        Removed::Waiting((), _waker) => Err(RecvTimeoutError::Timeout),
        Removed::Served(Some(handed)) => Ok(handed.item),
        Removed::Served(None) => Err(RecvTimeoutError::Closed),
    }
}

/// Polls until it is ready or the deadline is over, and parks the thread in between.
fn park_until<R>(deadline: Option<Instant>, mut poll: impl FnMut(&Waker) -> Poll<R>) -> Option<R> {
    let parker = Parker::of_this_thread();
    loop {
        if let Poll::Ready(result) = poll(&parker.waker) {
            return Some(result);
        }
        if !parker.park(deadline) {
            return None;
        }
    }
}

/// Lets a thread sleep until its waker is woken. Each thread keeps one for its next wait; it is
/// taken out while in use, so that a wait inside a wait cannot swallow the wake of the outer one.
struct Parker {
    signal: Arc<Signal>,
    waker: Waker,
}

struct Signal {
    thread: Thread,
    woken: AtomicBool,
}

thread_local! {
    static IDLE_PARKER: Cell<Option<Parker>> = const { Cell::new(None) };
}

impl Parker {
    fn of_this_thread() -> InUse {
        let kept = IDLE_PARKER.try_with(Cell::take).ok().flatten();
        InUse(Some(kept.unwrap_or_else(Self::new)))
    }

    fn new() -> Self {
        let signal = Arc::new(Signal { thread: thread::current(), woken: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&signal)), signal }
    }

    /// Sleeps until woken; `false` if the deadline came first.
    fn park(&self, deadline: Option<Instant>) -> bool {
        // Ordering: Acquire, with the Release in `wake_by_ref`.
        while !self.signal.woken.swap(false, Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return false,
                Some(left) => thread::park_timeout(left),
            }
        }
        true
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: Release, with the Acquire in `park`. Only the first wake has to unpark.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// A parker in use; goes back to its thread when dropped.
struct InUse(Option<Parker>);

impl std::ops::Deref for InUse {
    type Target = Parker;

    fn deref(&self) -> &Parker {
        self.0.as_ref().expect("a parker is given back only by drop")
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let parker = self.0.take();
        // A thread that is ending has no place to keep it; then it is dropped.
        let _ = IDLE_PARKER.try_with(|idle| idle.set(parker));
    }
}
