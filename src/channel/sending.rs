//! What the sending handles do with what they share.

use std::task::{Poll, Waker, ready};

use super::ring::{Caller, PushRefused};
use super::shared::Shared;
use super::state::{Offer, Offered, Sent};
use super::wakes::wake;
use crate::error::{SendError, TrySendError};
use crate::line::{Key, Removed};
use crate::primitives::lock;
use crate::wakes::discard;

/// How far a send has come.
pub(super) enum Sending<T> {
    /// Not in line; `None` when it is over.
    Holding(Option<T>),
    Waiting(Key),
}

impl<T> Shared<T> {
    #[inline]
    pub(super) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        match self.ring.push(item, Caller::Anybody) {
            Ok(()) => Ok(()),
            Err(PushRefused::Full(item)) if self.capacity() != usize::MAX => {
                Err(TrySendError::Full(item))
            }
            Err(PushRefused::Full(item) | PushRefused::TakeLock(item)) => {
                self.try_send_locked(item)
            }
        }
    }

    fn try_send_locked(&self, item: T) -> Result<(), TrySendError<T>> {
        match self.send_or_line_up(item, None) {
            Offered::Sent => Ok(()),
            Offered::Closed(item) => Err(TrySendError::Closed(item)),
            Offered::Full(item) => Err(TrySendError::Full(item)),
            Offered::Waiting(_) => unreachable!("without a waker nobody is lined up"),
        }
    }

    /// One poll of a send. What `sending` says is true even if a method of `waker` panics.
    pub(super) fn poll_send(
        &self,
        sending: &mut Sending<T>,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<T>>> {
        let sent = match sending {
            Sending::Waiting(key) => {
                ready!(self.poll_line(|state| &mut state.senders, *key, waker))
            }
            Sending::Holding(held) => match self.start_send(held, waker) {
                Ok(sent) => sent,
                Err(key) => {
                    *sending = Sending::Waiting(key);
                    return Poll::Pending;
                }
            },
        };
        *sending = Sending::Holding(None);
        Poll::Ready(sent.map_err(SendError))
    }

    /// Ends a send that is in line; says how far it came, and gives the item back if not sent.
    pub(super) fn abandon_send(&self, key: Key) -> Removed<Offer<T>, Sent<T>> {
        lock(&self.state).abandon_sender(&self.ring, key)
    }

    /// Sends at once, or lines up. The error is the key of the place in line.
    #[inline]
    fn start_send(&self, held: &mut Option<T>, waker: &Waker) -> Result<Sent<T>, Key> {
        let item = held.take().expect("a send must not be polled after it has completed");
        match self.ring.push(item, Caller::Anybody) {
            Ok(()) => Ok(Ok(())),
            Err(PushRefused::Full(item) | PushRefused::TakeLock(item)) => {
                *held = Some(item);
                self.start_send_locked(held, waker)
            }
        }
    }

    /// Takes the lock, and lines up if need be. The item is held while the waker is cloned, since
    /// that may panic.
    #[inline(never)]
    fn start_send_locked(&self, held: &mut Option<T>, waker: &Waker) -> Result<Sent<T>, Key> {
        // With room inside (and an unbounded channel always has some) nobody will have to wait,
        // so it is worth trying without a waker.
        if self.ring.len() < self.capacity()
            && let Some(item) = held.take()
        {
            match self.try_send_locked(item) {
                Ok(()) => return Ok(Ok(())),
                Err(TrySendError::Closed(item)) => return Ok(Err(item)),
                Err(TrySendError::Full(item)) => *held = Some(item),
            }
        }
        let waker = waker.clone();
        let item = held.take().expect("the item was put back by who could not send it");
        match self.send_or_line_up(item, Some(waker)) {
            Offered::Sent => Ok(Ok(())),
            Offered::Closed(item) => Ok(Err(item)),
            Offered::Waiting(key) => Err(key),
            Offered::Full(_) => unreachable!("with a waker the sender is lined up"),
        }
    }

    fn send_or_line_up(&self, item: T, mut waker: Option<Waker>) -> Offered<T> {
        let (offered, woken) = lock(&self.state).send(&self.ring, item, &mut waker);
        wake(woken);
        waker.into_iter().for_each(discard);
        offered
    }
}
