//! What who reserves a place does with what the handles share.

use std::task::{Poll, Waker, ready};

use super::places::Reserved;
use super::shared::Shared;
use super::wakes::Wakes;
use crate::error::{SendError, TrySendError};
use crate::line::{Key, Removed};
use crate::primitives::lock;
use crate::wakes::discard;

/// How far a reservation has come.
#[derive(Clone, Copy)]
pub(super) enum Reserving {
    /// Not in line.
    Idle,
    Waiting(Key),
}

impl<T> Shared<T> {
    /// Reserves a place that is free now. It is the caller's, to be used or released.
    pub(super) fn try_reserve(&self) -> Result<(), TrySendError<()>> {
        match lock(&self.state).reserve(&self.ring, &mut None) {
            Reserved::Granted => Ok(()),
            Reserved::Closed => Err(TrySendError::Closed(())),
            Reserved::Full => Err(TrySendError::Full(())),
            Reserved::Waiting(_) => unreachable!("without a waker nobody is lined up"),
        }
    }

    /// One poll of a reservation. What `reserving` says is true even if a method of `waker`
    /// panics. With the success the place is the caller's, to be used or released.
    pub(super) fn poll_reserve(
        &self,
        reserving: &mut Reserving,
        waker: &Waker,
    ) -> Poll<Result<(), SendError<()>>> {
        if let Reserving::Waiting(key) = *reserving {
            let granted = ready!(self.poll_line(|state| &mut state.reservers, key, waker));
            *reserving = Reserving::Idle;
            return Poll::Ready(if granted { Ok(()) } else { Err(SendError(())) });
        }
        match self.try_reserve() {
            Ok(()) => return Poll::Ready(Ok(())),
            Err(TrySendError::Closed(())) => return Poll::Ready(Err(SendError(()))),
            Err(TrySendError::Full(())) => {}
        }
        // It may be dropped if it is not needed, and that is user code: outside of the lock.
        let mut waker = Some(waker.clone());
        let reserved = lock(&self.state).reserve(&self.ring, &mut waker);
        waker.into_iter().for_each(discard);
        match reserved {
            Reserved::Granted => Poll::Ready(Ok(())),
            Reserved::Closed => Poll::Ready(Err(SendError(()))),
            Reserved::Waiting(key) => {
                *reserving = Reserving::Waiting(key);
                Poll::Pending
            }
            Reserved::Full => unreachable!("with a waker the reserver is lined up"),
        }
    }

    /// Ends a reservation that is in line; a place that it got is kept.
    pub(super) fn finish_reserve(&self, key: Key) -> Removed<u64, bool> {
        lock(&self.state).finish_reserver(&self.ring, key)
    }

    /// Ends a reservation that is in line; a place that it got goes to the next.
    pub(super) fn abandon_reserve(&self, key: Key) {
        match self.finish_reserve(key) {
            Removed::Served(true) => self.release(),
            Removed::Served(false) => {}
            Removed::Waiting(_turn, waker) => discard(waker),
        }
    }

    /// Uses a place of the caller's.
    pub(super) fn send_reserved(&self, item: T) {
        let (left, woken) = lock(&self.state).send_reserved(&self.ring, item);
        woken.wake();
        drop(left);
    }

    /// Gives a place of the caller's back.
    pub(super) fn release(&self) {
        let mut woken = Wakes::default();
        lock(&self.state).release(&self.ring, &mut woken);
        woken.wake();
    }
}
