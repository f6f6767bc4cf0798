//! The blocking forms: a plain thread parks until its place in line is served.
//!
//! They panic on the thread of a ring, before anything is taken or put into line.

use std::time::{Duration, Instant};

use super::receiving::Receiving;
use super::reserving::Reserving;
use super::sending::Sending;
use super::shared::Shared;
use crate::error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError};
use crate::line::Removed;
use crate::parking::{assert_may_block, park_until};

#[track_caller]
pub(super) fn send<T>(shared: &Shared<T>, item: T) -> Result<(), SendError<T>> {
    assert_may_block("send");
    let mut sending = Sending::Holding(Some(item));
    let sent = park_until(None, |waker| shared.poll_send(&mut sending, waker));
    sent.expect("a wait without a deadline ends only when it is served")
}

/// Goes on with a receive that may be in line already.
#[track_caller]
pub(super) fn recv_from<T>(
    shared: &Shared<T>,
    begun: impl FnOnce() -> Receiving,
) -> Result<T, RecvError> {
    assert_may_block("recv");
    let mut receiving = begun();
    let received = park_until(None, |waker| shared.poll_recv(&mut receiving, waker));
    received.expect("a wait without a deadline ends only when it is served")
}

#[track_caller]
pub(super) fn send_timeout<T>(
    shared: &Shared<T>,
    item: T,
    timeout: Duration,
) -> Result<(), SendTimeoutError<T>> {
    assert_may_block("send");
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
#[track_caller]
pub(super) fn reserve<T>(shared: &Shared<T>) -> Result<(), SendError<()>> {
    assert_may_block("reserve");
    let mut reserving = Reserving::Idle;
    let reserved = park_until(None, |waker| shared.poll_reserve(&mut reserving, waker));
    reserved.expect("a wait without a deadline ends only when it is served")
}

/// As [`reserve`], but gives up when the time is over.
#[track_caller]
pub(super) fn reserve_timeout<T>(
    shared: &Shared<T>,
    timeout: Duration,
) -> Result<(), SendTimeoutError<()>> {
    assert_may_block("reserve");
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
#[track_caller]
pub(super) fn recv_timeout_from<T>(
    shared: &Shared<T>,
    begun: impl FnOnce() -> Receiving,
    timeout: Duration,
) -> Result<T, RecvTimeoutError> {
    assert_may_block("recv");
    let mut receiving = begun();
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
