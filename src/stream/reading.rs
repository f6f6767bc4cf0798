//! Reading from a stream, so that no byte is lost by a future that is dropped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Flow;
use super::attempt::{Attempt, Inward};
use super::incoming::{Incoming, Stage};
use crate::buf::{BufError, BufResult, IoBufMut};
use crate::op::SharedFd;
use crate::op::parked::{Claim, Slot, busy};
use crate::op::rest::Rest;

/// A read of what has arrived, or of as much as the buffer holds.
pub(super) struct Reading<'a, F: Flow, B: IoBufMut> {
    fd: &'a SharedFd,
    slot: &'a Slot<Incoming<F>>,
    wants_all: bool,
    state: State<'a, F, B>,
}

enum State<'a, F: Flow, B: IoBufMut> {
    New(B),
    /// An earlier read, which was dropped, comes first.
    Queued(Claim<'a, Incoming<F>>, B),
    Receiving(Receiving<'a, F, B>),
    Finished,
}

struct Receiving<'a, F: Flow, B: IoBufMut> {
    claim: Claim<'a, Incoming<F>>,
    attempt: Attempt<Inward<F>, Rest<B>>,
    /// Bytes that were in the buffer when the attempt began.
    done: usize,
}

impl<F: Flow, B: IoBufMut> Unpin for Reading<'_, F, B> {}

impl<'a, F: Flow, B: IoBufMut> Reading<'a, F, B> {
    pub(super) fn new(
        fd: &'a SharedFd,
        slot: &'a Slot<Incoming<F>>,
        buffer: B,
        wants_all: bool,
    ) -> Self {
        Self { fd, slot, wants_all, state: State::New(buffer) }
    }

    /// Claims the reading side of the stream.
    fn begin(&mut self, buffer: B) -> Option<BufResult<usize, B>> {
        if buffer.capacity() == 0 {
            return Some(Ok((0, buffer)));
        }
        let Some(claim) = self.slot.claim() else {
            return Some(Err(BufError { error: busy("read of this stream"), buffer }));
        };
        if claim.is_idle() {
            self.receive(claim, Rest::new(buffer));
        } else {
            self.state = State::Queued(claim, buffer);
        }
        None
    }

    fn receive(&mut self, claim: Claim<'a, Incoming<F>>, rest: Rest<B>) {
        let done = rest.done;
        let attempt = Attempt::new(self.fd, rest, false);
        self.state = State::Receiving(Receiving { claim, attempt, done });
    }

    /// Takes what an earlier read has brought.
    fn take_over(
        &mut self,
        mut claim: Claim<'a, Incoming<F>>,
        buffer: B,
    ) -> Option<BufResult<usize, B>> {
        let mut rest = Rest::new(buffer);
        claim.take_left(&mut rest);
        if rest.done > 0 && (!self.wants_all || rest.capacity() == 0) {
            return Some(Ok((rest.done, rest.buffer)));
        }
        let error = match claim.take_ending() {
            None => {
                self.receive(claim, rest);
                return None;
            }
            Some(Ok(())) if !self.wants_all => return Some(Ok((0, rest.buffer))),
            Some(Ok(())) => too_early(),
            Some(Err(error)) => error,
        };
        Some(Err(BufError { error, buffer: rest.buffer }))
    }

    /// The attempt has ended.
    fn received(
        &mut self,
        claim: Claim<'a, Incoming<F>>,
        result: BufResult<usize, Rest<B>>,
    ) -> Option<BufResult<usize, B>> {
        match result {
            Ok((count, rest)) => {
                let is_full = rest.capacity() == 0;
                if is_full || !self.wants_all {
                    return Some(Ok((rest.done, rest.buffer)));
                }
                if count == 0 {
                    return Some(Err(BufError { error: too_early(), buffer: rest.buffer }));
                }
                self.receive(claim, rest);
                None
            }
            Err(BufError { error, buffer }) => Some(Err(BufError { error, buffer: buffer.buffer })),
        }
    }
}

impl<F: Flow, B: IoBufMut> Future for Reading<'_, F, B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let mut ended = None;
            match &mut this.state {
                State::Receiving(Receiving { attempt, .. }) => {
                    match attempt.poll_moved(this.fd, cx) {
                        Poll::Ready(result) => ended = Some(result),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                State::Queued(claim, _) => {
                    if claim.poll_ended(this.fd, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                State::New(_) | State::Finished => {}
            }
            let output = match std::mem::replace(&mut this.state, State::Finished) {
                State::New(buffer) => this.begin(buffer),
                State::Queued(claim, buffer) => this.take_over(claim, buffer),
                State::Receiving(Receiving { claim, .. }) => {
                    ended.and_then(|result| this.received(claim, result))
                }
                State::Finished => panic!("a finished read was polled again"),
            };
            if let Some(output) = output {
                return Poll::Ready(output);
            }
        }
    }
}

impl<F: Flow, B: IoBufMut> Drop for Reading<'_, F, B> {
    fn drop(&mut self) {
        let State::Receiving(receiving) = std::mem::replace(&mut self.state, State::Finished)
        else {
            return;
        };
        let Receiving { mut claim, attempt, done } = receiving;
        // Bytes that are there already must not wait for more to come.
        let stage = match attempt.give_up(self.fd, !F::KEEPS_READING || done > 0) {
            Ok(attempt) => Stage::InFlight(attempt),
            Err(rest) if done > 0 => Stage::Ended(rest, None),
            Err(_) => return,
        };
        claim.park(stage);
    }
}

#[cold]
fn too_early() -> io::Error {
    let message = "the stream ended before the buffer was full";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
