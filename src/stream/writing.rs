//! Writing to a stream, so that bytes never change their order.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Flow;
use super::attempt::{Attempt, Outward};
use super::kept::Kept;
use crate::buf::{BufError, BufResult, IoBuf};
use crate::io::takes_no_more;
use crate::op::parked::{Claim, Slot, busy, was_cancelled};
use crate::op::rest::Rest;
use crate::op::{Op, SendMessage, SharedFd};
use crate::stop::Watch;

/// What a stream knows about its writes.
pub(crate) struct Outgoing<F: Flow> {
    /// A write that was dropped in flight; it has to end before the next one begins.
    pub(super) parked: Kept<Earlier<F>>,
}

/// A write that nobody holds.
pub(super) enum Earlier<F: Flow> {
    Dropped(Box<dyn ParkedWrite>),
    /// One of [`poll_write`](super::Stream::poll_write), which begins too many to box each.
    Polled(Sending<F, Vec<u8>>),
}

impl<F: Flow> Earlier<F> {
    /// Goes on with it until it has ended.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Dropped(write) => write.poll_ended(fd, cx),
            Self::Polled(write) => write.poll_ended(fd, cx),
        }
    }
}

impl<F: Flow> Default for Outgoing<F> {
    fn default() -> Self {
        Self { parked: Kept::new() }
    }
}

impl<F: Flow> Outgoing<F> {
    /// Whether nothing is in the kernel.
    pub(super) fn is_idle(&self) -> bool {
        self.parked.is_none()
    }

    /// Keeps a write whose future is dropped: it has to end before the next one.
    pub(super) fn park(&mut self, write: impl ParkedWrite + 'static) {
        self.parked.put(Earlier::Dropped(Box::new(write)));
    }

    /// Goes on with what is parked until it has ended; says how.
    pub(super) fn poll_ended(
        &mut self,
        fd: &SharedFd,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(parked) = self.parked.get_mut() else { return Poll::Ready(Ok(())) };
        let ended = parked.poll_ended(fd, cx);
        if ended.is_ready() {
            self.parked.take();
        }
        ended
    }
}

/// A write that was dropped, whatever its buffer.
pub(super) trait ParkedWrite: Send {
    /// Goes on with it until it has ended.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl<F: Flow, B: IoBuf> ParkedWrite for Sending<F, B> {
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(fd, cx).map(|result| result.map(drop).map_err(io::Error::from))
    }
}

impl<B: IoBuf> ParkedWrite for Op<SendMessage<B>> {
    fn poll_ended(&mut self, _: &SharedFd, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // One of a ring that has stopped is not begun anew: part of it was all that was promised.
        Pin::new(self).poll(cx).map(|result| match result {
            Err(BufError { error, .. }) if !was_cancelled(&error) => Err(error),
            _ => Ok(()),
        })
    }
}

/// Bytes on their way to the kernel.
pub(super) struct Sending<F: Flow, B: IoBuf> {
    attempt: Attempt<Outward<F>, Rest<B>>,
    /// Goes on until all is sent.
    sends_all: bool,
}

impl<F: Flow, B: IoBuf> Sending<F, B> {
    pub(super) fn new(fd: &SharedFd, rest: Rest<B>, sends_all: bool) -> Self {
        Self { attempt: Attempt::new(fd, rest, sends_all), sends_all }
    }

    fn poll_sent(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        self.poll_left(fd, cx).map(|ended| match ended {
            Ok(rest) => Ok((rest.done, rest.buffer)),
            Err(BufError { error, buffer }) => Err(BufError { error, buffer: buffer.buffer }),
        })
    }

    /// Goes on until it has ended, and gives what is left: nothing, if all is sent.
    pub(super) fn poll_left(
        &mut self,
        fd: &SharedFd,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Rest<B>, BufError<Rest<B>>>> {
        loop {
            let (count, mut rest) = ready!(self.attempt.poll_moved(fd, cx))?;
            rest.done += count;
            if !self.sends_all || rest.initialized_len() == 0 {
                return Poll::Ready(Ok(rest));
            }
            if count == 0 {
                return Poll::Ready(Err(BufError { error: takes_no_more(), buffer: rest }));
            }
            *self = Self::new(fd, rest, true);
        }
    }
}

/// A write of what there is room for, or of all.
pub(super) struct Writing<'a, F: Flow, B: IoBuf> {
    fd: &'a SharedFd,
    slot: &'a Slot<Outgoing<F>>,
    sends_all: bool,
    state: State<'a, F, B>,
    /// For the wait behind an earlier write, which is no affair of our scope.
    watch: Watch,
}

enum State<'a, F: Flow, B: IoBuf> {
    New(B),
    /// An earlier write, which was dropped, has to end first.
    Queued(Claim<'a, Outgoing<F>>, B),
    Sending(Claim<'a, Outgoing<F>>, Sending<F, B>),
    Finished,
}

impl<F: Flow, B: IoBuf> Unpin for Writing<'_, F, B> {}

impl<'a, F: Flow, B: IoBuf> Writing<'a, F, B> {
    pub(super) fn new(
        fd: &'a SharedFd,
        slot: &'a Slot<Outgoing<F>>,
        buffer: B,
        sends_all: bool,
    ) -> Self {
        Self { fd, slot, sends_all, state: State::New(buffer), watch: Watch::new() }
    }

    /// Claims the writing side of the stream.
    fn begin(&mut self, buffer: B) -> Option<BufResult<usize, B>> {
        if buffer.initialized_len() == 0 {
            return Some(Ok((0, buffer)));
        }
        let Some(claim) = self.slot.claim() else {
            return Some(Err(BufError { error: busy("write to this stream"), buffer }));
        };
        if !claim.is_idle() {
            self.state = State::Queued(claim, buffer);
            return None;
        }
        let mut rest = Rest::new(buffer);
        match F::send_at_once(self.fd, &rest) {
            Some(Ok(count)) => rest.done += count,
            Some(Err(error)) => return Some(Err(BufError { error, buffer: rest.buffer })),
            None => {}
        }
        if rest.done > 0 && (!self.sends_all || rest.initialized_len() == 0) {
            return Some(Ok((rest.done, rest.buffer)));
        }
        self.state = State::Sending(claim, Sending::new(self.fd, rest, self.sends_all));
        None
    }

    /// The earlier write has ended.
    fn take_over(
        &mut self,
        claim: Claim<'a, Outgoing<F>>,
        buffer: B,
        ended: io::Result<()>,
    ) -> Option<BufResult<usize, B>> {
        if let Err(error) = ended {
            return Some(Err(BufError { error, buffer }));
        }
        self.state =
            State::Sending(claim, Sending::new(self.fd, Rest::new(buffer), self.sends_all));
        None
    }
}

impl<F: Flow, B: IoBuf> Future for Writing<'_, F, B> {
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
                    let wait = |cx: &mut Context<'_>| claim.poll_ended(this.fd, cx);
                    match this.watch.wait_for(cx, wait) {
                        Poll::Ready(ended) => earlier = ended.flatten(),
                        Poll::Pending => return Poll::Pending,
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

impl<F: Flow, B: IoBuf> Drop for Writing<'_, F, B> {
    fn drop(&mut self) {
        if let State::Sending(mut claim, sending) =
            std::mem::replace(&mut self.state, State::Finished)
        {
            claim.park(sending);
        }
    }
}
