//! One transfer, waiting where the kernel does not.
//!
//! Of a descriptor in non-blocking mode the kernel does not wait in a transfer, it fails with
//! `EAGAIN`. The mode is not ours to change where others share the descriptor, as they do standard
//! input; so then an [`Attempt`] waits by a poll, and tries again.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Flow;
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::parked::was_cancelled;
use crate::op::{Op, Operation, PollAdd, SharedFd, poll_add};

/// Which way the bytes go.
pub(super) trait Direction<B> {
    type Transfer: Operation<Output = BufResult<usize, B>>;

    const EVENTS: libc::c_short;
    const LOOKS_FIRST: bool;

    /// See [`Flow::may_stop`].
    fn may_stop(fd: &SharedFd) -> bool;

    /// One transfer; of all there is if the kernel can and `moves_all` says so.
    fn begin(fd: &SharedFd, buffer: B, moves_all: bool) -> Op<Self::Transfer>;
}

/// From the descriptor into the buffer.
pub(super) struct Inward<F>(PhantomData<F>);

impl<F: Flow, B: IoBufMut> Direction<B> for Inward<F> {
    type Transfer = F::Receive<B>;

    const EVENTS: libc::c_short = libc::POLLIN;
    const LOOKS_FIRST: bool = F::LOOKS_FIRST;

    fn may_stop(fd: &SharedFd) -> bool {
        F::may_stop(fd)
    }

    fn begin(fd: &SharedFd, buffer: B, _: bool) -> Op<F::Receive<B>> {
        F::receive(fd, buffer)
    }
}

/// From the buffer into the descriptor.
pub(super) struct Outward<F>(PhantomData<F>);

impl<F: Flow, B: IoBuf> Direction<B> for Outward<F> {
    type Transfer = F::Send<B>;

    const EVENTS: libc::c_short = libc::POLLOUT;
    const LOOKS_FIRST: bool = false;

    fn may_stop(fd: &SharedFd) -> bool {
        F::may_stop(fd)
    }

    fn begin(fd: &SharedFd, buffer: B, moves_all: bool) -> Op<F::Send<B>> {
        F::send(fd, buffer, moves_all)
    }
}

/// One transfer, which waits by a poll where the kernel does not wait, and begins anew when it was
/// interrupted or its ring has stopped.
pub(super) struct Attempt<D: Direction<B>, B> {
    state: State<D, B>,
    moves_all: bool,
    /// What is under way has been polled before, perhaps on another ring.
    is_old: bool,
    /// Nobody wants it to begin anew.
    is_given_up: bool,
}

enum State<D: Direction<B>, B> {
    Transfer(Op<D::Transfer>),
    Wait(Op<PollAdd>, B),
    Ended,
}

impl<D: Direction<B>, B> Attempt<D, B> {
    pub(super) fn new(fd: &SharedFd, buffer: B, moves_all: bool) -> Self {
        let (is_old, is_given_up) = (false, false);
        let mut attempt = Self { state: State::Ended, moves_all, is_old, is_given_up };
        if D::LOOKS_FIRST {
            attempt.wait(fd, buffer);
        } else {
            attempt.transfer(fd, buffer);
        }
        attempt
    }

    fn transfer(&mut self, fd: &SharedFd, buffer: B) {
        self.state = State::Transfer(D::begin(fd, buffer, self.moves_all));
        self.is_old = false;
    }

    fn wait(&mut self, fd: &SharedFd, buffer: B) {
        self.state = State::Wait(poll_add(fd, D::EVENTS), buffer);
        self.is_old = false;
    }

    /// Whether this ended it only for now.
    fn begins_anew(&self, error: &io::Error) -> bool {
        let is_passing = error.kind() == io::ErrorKind::Interrupted;
        !self.is_given_up && (is_passing || (self.is_old && was_cancelled(error)))
    }

    /// Goes on until bytes have been transferred, or it has failed.
    pub(super) fn poll_moved(
        &mut self,
        fd: &SharedFd,
        cx: &mut Context<'_>,
    ) -> Poll<BufResult<usize, B>> {
        loop {
            let polled = match &mut self.state {
                State::Transfer(transfer) => {
                    transfer.poll_unless(cx, || D::may_stop(fd)).map(Event::Transferred)
                }
                State::Wait(ready, _) => Pin::new(ready).poll(cx).map(Event::Waited),
                State::Ended => panic!("a finished transfer was polled again"),
            };
            let Poll::Ready(event) = polled else {
                self.is_old = true;
                return Poll::Pending;
            };
            let ended = match (event, mem::replace(&mut self.state, State::Ended)) {
                (Event::Transferred(result), _) => self.transferred(fd, result),
                (Event::Waited(ready), State::Wait(_, buffer)) => self.waited(fd, ready, buffer),
                (Event::Waited(_), _) => unreachable!("it is what has just been polled"),
            };
            if let Some(ended) = ended {
                return Poll::Ready(ended);
            }
        }
    }

    fn transferred(
        &mut self,
        fd: &SharedFd,
        result: BufResult<usize, B>,
    ) -> Option<BufResult<usize, B>> {
        match result {
            Err(BufError { error, buffer }) if self.begins_anew(&error) => {
                self.transfer(fd, buffer);
                None
            }
            Err(BufError { error, buffer })
                if error.kind() == io::ErrorKind::WouldBlock && !self.is_given_up =>
            {
                self.wait(fd, buffer);
                None
            }
            ended => Some(ended),
        }
    }

    fn waited(
        &mut self,
        fd: &SharedFd,
        ready: io::Result<libc::c_short>,
        buffer: B,
    ) -> Option<BufResult<usize, B>> {
        match ready {
            // Also for `POLLERR` and `POLLHUP`: the transfer says what they mean.
            Ok(_) => self.transfer(fd, buffer),
            Err(error) if self.begins_anew(&error) => self.wait(fd, buffer),
            Err(error) => return Some(Err(BufError { error, buffer })),
        }
        None
    }

    /// Nobody awaits it any more: it ends as soon as it can, without beginning anew. The buffer,
    /// if nothing is under way.
    pub(super) fn give_up(mut self, fd: &SharedFd, is_stopped: bool) -> Result<Self, B> {
        if mem::replace(&mut self.is_given_up, true) {
            return Ok(self);
        }
        match self.state {
            State::Wait(_, buffer) => Err(buffer),
            State::Transfer(mut transfer) => {
                transfer.rest();
                let is_stopped = is_stopped && D::may_stop(fd);
                let transfer = if is_stopped { transfer.cancel() } else { transfer };
                self.state = State::Transfer(transfer);
                Ok(self)
            }
            State::Ended => Ok(self),
        }
    }
}

/// What an [`Attempt`] waited for.
enum Event<B> {
    Transferred(BufResult<usize, B>),
    Waited(io::Result<libc::c_short>),
}

/// Whether a transfer that was given up ended without having done anything.
pub(super) fn did_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    was_cancelled(error) || matches!(error.kind(), Interrupted | WouldBlock)
}
