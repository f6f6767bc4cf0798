//! What the receiving handles do with what they share.

use std::task::{Poll, Waker, ready};

use super::ring::{Caller, PopRefused};
use super::shared::Shared;
use super::state::{Received, Taken};
use super::wakes::wake;
use crate::error::{RecvError, TryRecvError};
use crate::line::{Key, Removed};
use crate::primitives::lock;
use crate::wakes::discard;

/// How far a receive has come.
#[derive(Clone, Copy)]
pub(super) enum Receiving {
    Idle,
    Waiting(Key),
}

impl<T> Shared<T> {
    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.ring.pop(Caller::Anybody) {
            Ok(item) => Ok(item),
            Err(PopRefused::Empty) => Err(TryRecvError::Empty),
            Err(PopRefused::TakeLock) => self.try_recv_locked(),
        }
    }

    fn try_recv_locked(&self) -> Result<T, TryRecvError> {
        match self.receive_or_line_up(None) {
            Taken::Item(item) => Ok(item),
            Taken::Closed => Err(TryRecvError::Closed),
            Taken::Empty => Err(TryRecvError::Empty),
            Taken::Waiting(_) => unreachable!("without a waker nobody is lined up"),
        }
    }

    /// One poll of a receive. What `receiving` says is true even if a method of `waker` panics.
    pub(super) fn poll_recv(
        &self,
        receiving: &mut Receiving,
        waker: &Waker,
    ) -> Poll<Result<T, RecvError>> {
        if let Receiving::Waiting(key) = *receiving {
            let received = ready!(self.poll_line(|state| &mut state.receivers, key, waker));
            *receiving = Receiving::Idle;
            return Poll::Ready(received.map(|handed| handed.item).ok_or(RecvError));
        }
        match self.ring.pop(Caller::Anybody) {
            Ok(item) => Poll::Ready(Ok(item)),
            Err(_) => self.start_recv(receiving, waker),
        }
    }

    /// Takes the lock, and lines up if need be.
    #[inline(never)]
    fn start_recv(&self, receiving: &mut Receiving, waker: &Waker) -> Poll<Result<T, RecvError>> {
        // With items inside nobody will have to wait, so it is worth trying without a waker.
        if self.ring.len() > 0 {
            match self.try_recv_locked() {
                Ok(item) => return Poll::Ready(Ok(item)),
                Err(TryRecvError::Closed) => return Poll::Ready(Err(RecvError)),
                Err(TryRecvError::Empty) => {}
            }
        }
        match self.receive_or_line_up(Some(waker.clone())) {
            Taken::Item(item) => Poll::Ready(Ok(item)),
            Taken::Closed => Poll::Ready(Err(RecvError)),
            Taken::Waiting(key) => {
                *receiving = Receiving::Waiting(key);
                Poll::Pending
            }
            Taken::Empty => unreachable!("with a waker the receiver is lined up"),
        }
    }

    /// Ends a receive that is in line; an item it was handed goes back to the channel.
    pub(super) fn abandon_recv(&self, key: Key) {
        let (removed, woken) = lock(&self.state).abandon_receiver(&self.ring, key);
        wake(woken);
        if let Removed::Waiting((), waker) = removed {
            discard(waker);
        }
    }

    /// Ends a receive that is in line; an item it was handed is kept.
    pub(super) fn finish_recv(&self, key: Key) -> Removed<(), Received<T>> {
        lock(&self.state).finish_receiver(&self.ring, key)
    }

    /// Ends a receive that is in line, and receives what can be had at once.
    pub(super) fn finish_or_try_recv(&self, key: Key) -> Result<T, TryRecvError> {
        match self.finish_recv(key) {
            Removed::Served(Some(handed)) => Ok(handed.item),
            Removed::Served(None) => Err(TryRecvError::Closed),
            Removed::Waiting((), waker) => {
                discard(waker);
                self.try_recv()
            }
        }
    }

    fn receive_or_line_up(&self, mut waker: Option<Waker>) -> Taken<T> {
        let (taken, woken) = lock(&self.state).receive(&self.ring, &mut waker);
        woken.wake();
        waker.into_iter().for_each(discard);
        taken
    }
}
