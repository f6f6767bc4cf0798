//! Writing to a pipe, a terminal or a file's position, so that bytes never change their order.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::SharedFd;
use super::attempt::{Attempt, Outward};
use super::parked::{Claim, Slot, busy};
use super::rest::Rest;
use crate::buf::{BufError, BufResult, IoBuf};

/// What is known of earlier writes.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// A write that was dropped in flight; it has to end before the next one begins.
    parked: Option<Box<dyn ParkedWrite>>,
}

impl Outgoing {
    /// Whether nothing is in the kernel.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.is_none()
    }

    /// Goes on with a write that was dropped until it has ended; how it ended.
    pub(crate) fn poll_settled(
        &mut self,
        fd: &SharedFd,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(parked) = &mut self.parked else { return Poll::Ready(Ok(())) };
        let ended = parked.poll_ended(fd, cx);
        if ended.is_ready() {
            self.parked = None;
        }
        ended
    }
}

/// A write that was dropped, whatever its buffer.
trait ParkedWrite: Send {
    /// Goes on with it until it has ended.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<B: IoBuf> ParkedWrite for Sending<B> {
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(fd, cx).map(|result| result.map(drop).map_err(io::Error::from))
    }
}

/// Bytes on their way to the kernel.
struct Sending<B: IoBuf> {
    attempt: Attempt<Outward, Rest<B>>,
    /// Goes on until all is sent.
    sends_all: bool,
}

impl<B: IoBuf> Sending<B> {
    fn new(fd: &SharedFd, rest: Rest<B>, sends_all: bool) -> Self {
        Self { attempt: Attempt::new(fd, rest), sends_all }
    }

    fn poll_sent(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        loop {
            let Poll::Ready(result) = self.attempt.poll_ended(fd, cx) else {
                return Poll::Pending;
            };
            match result {
                Ok((count, mut rest)) => {
                    rest.done += count;
                    if !self.sends_all || rest.initialized_len() == 0 {
                        return Poll::Ready(Ok((rest.done, rest.buffer)));
                    }
                    if count == 0 {
                        let error = no_room();
                        return Poll::Ready(Err(BufError { error, buffer: rest.buffer }));
                    }
                    *self = Self::new(fd, rest, true);
                }
                Err(BufError { error, buffer }) => {
                    return Poll::Ready(Err(BufError { error, buffer: buffer.buffer }));
                }
            }
        }
    }
}

/// A write of what there is room for, or of all.
pub(crate) struct Writing<'a, B: IoBuf> {
    fd: &'a SharedFd,
    slot: &'a Slot<Outgoing>,
    sends_all: bool,
    state: State<'a, B>,
}

enum State<'a, B: IoBuf> {
    New(B),
    /// An earlier write, which was dropped, has to end first.
    Queued(Claim<'a, Outgoing>, B),
    Sending(Claim<'a, Outgoing>, Sending<B>),
    Finished,
}

impl<B: IoBuf> Unpin for Writing<'_, B> {}

impl<'a, B: IoBuf> Writing<'a, B> {
    pub(crate) fn new(
        fd: &'a SharedFd,
        slot: &'a Slot<Outgoing>,
        buffer: B,
        sends_all: bool,
    ) -> Self {
        Self { fd, slot, sends_all, state: State::New(buffer) }
    }

    /// Claims the writing side.
    fn begin(&mut self, buffer: B) -> Option<BufResult<usize, B>> {
        if buffer.initialized_len() == 0 {
            return Some(Ok((0, buffer)));
        }
        let Some(claim) = self.slot.claim() else {
            return Some(Err(BufError { error: busy("write"), buffer }));
        };
        self.state = if claim.parked.is_some() {
            State::Queued(claim, buffer)
        } else {
            State::Sending(claim, Sending::new(self.fd, Rest::new(buffer), self.sends_all))
        };
        None
    }

    /// The earlier write has ended.
    fn take_over(
        &mut self,
        mut claim: Claim<'a, Outgoing>,
        buffer: B,
        ended: io::Result<()>,
    ) -> Option<BufResult<usize, B>> {
        claim.parked = None;
        if let Err(error) = ended {
            return Some(Err(BufError { error, buffer }));
        }
        self.state =
            State::Sending(claim, Sending::new(self.fd, Rest::new(buffer), self.sends_all));
        None
    }
}

impl<B: IoBuf> Future for Writing<'_, B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let mut earlier = Ok(());
            let mut sent = None;
            match &mut this.state {
                State::Sending(_, sending) => match sending.poll_sent(this.fd, cx) {
                    Poll::Ready(result) => sent = Some(result),
                    Poll::Pending => return Poll::Pending,
                },
                State::Queued(claim, _) => {
                    if let Some(parked) = &mut claim.parked {
                        match parked.poll_ended(this.fd, cx) {
                            Poll::Ready(ended) => earlier = ended,
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                }
                State::New(_) | State::Finished => {}
            }
            let output = match std::mem::replace(&mut this.state, State::Finished) {
                State::New(buffer) => this.begin(buffer),
                State::Queued(claim, buffer) => this.take_over(claim, buffer, earlier),
                State::Sending(..) => sent,
                State::Finished => panic!("a finished write was polled again"),
            };
            if let Some(output) = output {
                return Poll::Ready(output);
            }
        }
    }
}

impl<B: IoBuf> Drop for Writing<'_, B> {
    fn drop(&mut self) {
        if let State::Sending(mut claim, sending) =
            std::mem::replace(&mut self.state, State::Finished)
        {
            claim.parked = Some(Box::new(sending));
        }
    }
}

#[cold]
fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::WriteZero, "it takes no more bytes")
}
