//! What the handles of one channel share: the lock, the counts of handles, and every operation.
//!
//! All wakes and all drops of user values happen here, after the lock has been let go.

use std::fmt;
use std::task::{Poll, Waker, ready};

use super::ring::{Caller, PopRefused, PushRefused, Ring};
use super::state::{Offered, Received, Sent, State, Taken};
use crate::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::line::{Key, Line, Polled, Removed};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::{Mutex, lock};
use crate::wakes::wake;

pub(super) struct Shared<T> {
    ring: Ring<T>,
    state: Mutex<State<T>>,
    /// Handles that can send, and handles that can receive; a `Channel` counts as both.
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

/// How far a send has come.
pub(super) enum Sending<T> {
    /// Not in line; `None` when it is over.
    Holding(Option<T>),
    Waiting(Key),
}

/// How far a receive has come.
#[derive(Clone, Copy)]
pub(super) enum Receiving {
    Idle,
    Waiting(Key),
}

impl<T> Shared<T> {
    /// One handle for each end exists already.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            state: Mutex::new(State::new(capacity)),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    #[inline]
    pub(super) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        match self.ring.push(item, Caller::Anybody) {
            Ok(()) => Ok(()),
            Err(PushRefused::Full(item)) => Err(TrySendError::Full(item)),
            Err(PushRefused::TakeLock(item)) => self.try_send_locked(item),
        }
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.ring.pop(Caller::Anybody) {
            Ok(item) => Ok(item),
            Err(PopRefused::Empty) => Err(TryRecvError::Empty),
            Err(PopRefused::TakeLock) => self.try_recv_locked(),
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

    fn try_recv_locked(&self) -> Result<T, TryRecvError> {
        match self.receive_or_line_up(None) {
            Taken::Item(item) => Ok(item),
            Taken::Closed => Err(TryRecvError::Closed),
            Taken::Empty => Err(TryRecvError::Empty),
            Taken::Waiting(_) => unreachable!("without a waker nobody is lined up"),
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

    /// Ends a send that is in line; says how far it came, and gives the item back if not sent.
    pub(super) fn abandon_send(&self, key: Key) -> Removed<T, Sent<T>> {
        lock(&self.state).abandon_sender(&self.ring, key)
    }

    /// Ends a receive that is in line; an item it was handed goes back to the channel.
    pub(super) fn abandon_recv(&self, key: Key) {
        let (_removed, woken) = lock(&self.state).abandon_receiver(&self.ring, key);
        wake(woken);
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
            Removed::Waiting((), _waker) => self.try_recv(),
        }
    }

    pub(super) fn close(&self) {
        let woken = lock(&self.state).close(&self.ring);
        woken.into_iter().for_each(|waker| wake(Some(waker)));
    }

    pub(super) fn len(&self) -> usize {
        if !self.ring.is_guarded() {
            return self.ring.len();
        }
        let state = lock(&self.state);
        self.ring.len() + state.returned()
    }

    pub(super) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.ring.are_senders_guarded() && lock(&self.state).is_closed()
    }

    /// The `Debug` of every handle.
    pub(super) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }

    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed, since the new handle is made from one that keeps the count above 0.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        // Ordering: Relaxed, since the new handle is made from one that keeps the count above 0.
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handle less; the last one closes the channel.
    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel, each decrement with the last one, so that whoever closes comes after
        // all that was sent; the lock taken by `close` would order that as well.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// Counts a handle less; the last one closes the channel and drops what is left in it.
    pub(super) fn remove_receiver(&self) {
        // Ordering: AcqRel, as in `remove_sender`.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
            let left = lock(&self.state).take_all(&self.ring);
            drop(left);
        }
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
        // With room inside nobody will have to wait, so it is worth trying without a waker.
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
        offered
    }

    fn receive_or_line_up(&self, mut waker: Option<Waker>) -> Taken<T> {
        let (taken, woken) = lock(&self.state).receive(&self.ring, &mut waker);
        wake(woken);
        taken
    }

    fn poll_line<W, D>(
        &self,
        line: impl Fn(&mut State<T>) -> &mut Line<W, D>,
        key: Key,
        waker: &Waker,
    ) -> Poll<D> {
        let polled = line(&mut lock(&self.state)).poll(key, waker);
        match polled {
            Polled::Served(found) => return Poll::Ready(found),
            Polled::Waiting => return Poll::Pending,
            Polled::WakerChanged => {}
        }
        // Cloning and dropping wakers is user code: both happen outside of the lock.
        let new_waker = waker.clone();
        let mut state = lock(&self.state);
        let old_waker = line(&mut state).set_waker(key, new_waker);
        let polled = line(&mut state).poll(key, waker);
        drop(state);
        drop(old_waker);
        match polled {
            Polled::Served(found) => Poll::Ready(found),
            Polled::Waiting | Polled::WakerChanged => Poll::Pending,
        }
    }
}
