//! Reading from a stream, so that no byte is lost by a future that is dropped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::buf::{BufError, BufResult, IoBufMut};
use crate::coop;
use crate::op::parked::{Claim, Slot, busy, was_cancelled};
use crate::op::rest::Rest;
use crate::op::{Op, Recv, SharedFd, recv};

/// What a stream knows about its reads.
#[derive(Default)]
pub(super) struct Incoming {
    /// A read that was dropped in flight; its bytes come first.
    parked: Option<Box<dyn ParkedRead>>,
}

impl Incoming {
    /// Whether nothing is in the kernel, and nothing received is left.
    pub(super) fn is_idle(&self) -> bool {
        self.parked.is_none()
    }
}

/// A read that was dropped, whatever its buffer.
trait ParkedRead: Send {
    /// Waits until the kernel has finished with it.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Offers the bytes that are left, if any; `take` says how many it took.
    fn offer(&mut self, take: &mut dyn FnMut(&[u8]) -> usize);

    /// How it failed, once all bytes have been taken.
    fn take_error(&mut self) -> Option<io::Error>;

    /// Whether there are no bytes and no error left.
    fn is_spent(&self) -> bool;
}

struct Parked<B: IoBufMut> {
    stage: Stage<B>,
    /// Bytes that have been taken out.
    taken: usize,
}

enum Stage<B: IoBufMut> {
    InFlight(Op<Recv<Rest<B>>>),
    Ended(Rest<B>, Option<io::Error>),
}

impl<B: IoBufMut> ParkedRead for Parked<B> {
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Stage::InFlight(operation) = &mut self.stage else { return Poll::Ready(()) };
        let Poll::Ready(result) = Pin::new(operation).poll(cx) else { return Poll::Pending };
        self.stage = match result {
            Ok((_, rest)) => Stage::Ended(rest, None),
            Err(BufError { error, buffer }) => {
                Stage::Ended(buffer, Some(error).filter(|error| !was_cancelled(error)))
            }
        };
        Poll::Ready(())
    }

    fn offer(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) {
        if let Stage::Ended(rest, _) = &self.stage
            && self.taken < rest.done
        {
            self.taken += take(&rest.buffer.as_bytes()[self.taken..rest.done]);
        }
    }

    fn take_error(&mut self) -> Option<io::Error> {
        match &mut self.stage {
            Stage::Ended(rest, error) if self.taken == rest.done => error.take(),
            _ => None,
        }
    }

    fn is_spent(&self) -> bool {
        matches!(&self.stage, Stage::Ended(rest, None) if self.taken == rest.done)
    }
}

/// A read of what has arrived, or of as much as the buffer holds.
pub(super) struct Reading<'a, B: IoBufMut> {
    fd: &'a SharedFd,
    slot: &'a Slot<Incoming>,
    wants_all: bool,
    state: State<'a, B>,
}

enum State<'a, B: IoBufMut> {
    New(B),
    /// An earlier read, which was dropped, comes first.
    Queued(Claim<'a, Incoming>, B),
    Receiving(Receiving<'a, B>),
    Finished,
}

struct Receiving<'a, B: IoBufMut> {
    claim: Claim<'a, Incoming>,
    operation: Op<Recv<Rest<B>>>,
    /// Bytes that were in the buffer when the operation was made.
    done: usize,
    /// It has been polled before.
    is_old: bool,
}

impl<B: IoBufMut> Unpin for Reading<'_, B> {}

impl<'a, B: IoBufMut> Reading<'a, B> {
    pub(super) fn new(
        fd: &'a SharedFd,
        slot: &'a Slot<Incoming>,
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
        if claim.parked.is_some() {
            self.state = State::Queued(claim, buffer);
        } else {
            self.receive(claim, Rest::new(buffer));
        }
        None
    }

    fn receive(&mut self, claim: Claim<'a, Incoming>, rest: Rest<B>) {
        let done = rest.done;
        let operation = recv(self.fd, rest, 0);
        self.state = State::Receiving(Receiving { claim, operation, done, is_old: false });
    }

    /// Takes what an earlier read has brought.
    fn take_over(
        &mut self,
        mut claim: Claim<'a, Incoming>,
        buffer: B,
    ) -> Option<BufResult<usize, B>> {
        let mut rest = Rest::new(buffer);
        let mut is_enough = false;
        if let Some(parked) = &mut claim.parked {
            parked.offer(&mut |bytes| copy(bytes, &mut rest));
            is_enough = rest.done > 0 && (!self.wants_all || rest.capacity() == 0);
            let error = if is_enough { None } else { parked.take_error() };
            if parked.is_spent() {
                claim.parked = None;
            }
            if let Some(error) = error {
                return Some(Err(BufError { error, buffer: rest.buffer }));
            }
        }
        if is_enough {
            return Some(Ok((rest.done, rest.buffer)));
        }
        self.receive(claim, rest);
        None
    }

    /// The operation has ended.
    fn received(
        &mut self,
        claim: Claim<'a, Incoming>,
        was_old: bool,
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
            Err(BufError { error, buffer }) if was_old && was_cancelled(&error) => {
                self.receive(claim, buffer);
                None
            }
            Err(BufError { error, buffer }) => Some(Err(BufError { error, buffer: buffer.buffer })),
        }
    }
}

impl<B: IoBufMut> Future for Reading<'_, B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let mut ended = None;
            match &mut this.state {
                State::Receiving(Receiving { operation, is_old, .. }) => {
                    match Pin::new(operation).poll(cx) {
                        Poll::Ready(result) => ended = Some(result),
                        Poll::Pending => {
                            *is_old = true;
                            return Poll::Pending;
                        }
                    }
                }
                State::Queued(claim, _) => {
                    let parked = claim.parked.as_mut();
                    let ended = parked.map_or(Poll::Ready(()), |parked| parked.poll_ended(cx));
                    if ended.is_pending() || coop::poll_proceed(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                State::New(_) | State::Finished => {}
            }
            let output = match std::mem::replace(&mut this.state, State::Finished) {
                State::New(buffer) => this.begin(buffer),
                State::Queued(claim, buffer) => this.take_over(claim, buffer),
                State::Receiving(Receiving { claim, is_old, .. }) => {
                    ended.and_then(|result| this.received(claim, is_old, result))
                }
                State::Finished => panic!("a finished read was polled again"),
            };
            if let Some(output) = output {
                return Poll::Ready(output);
            }
        }
    }
}

impl<B: IoBufMut> Drop for Reading<'_, B> {
    fn drop(&mut self) {
        let State::Receiving(receiving) = std::mem::replace(&mut self.state, State::Finished)
        else {
            return;
        };
        let Receiving { mut claim, operation, done, .. } = receiving;
        // Bytes that are there already must not wait for more to come.
        let operation = if done > 0 { operation.cancel() } else { operation };
        claim.parked = Some(Box::new(Parked { stage: Stage::InFlight(operation), taken: 0 }));
    }
}

/// Copies as many bytes as there is room for; gives how many.
fn copy<B: IoBufMut>(bytes: &[u8], into: &mut Rest<B>) -> usize {
    let count = bytes.len().min(into.capacity());
    // SAFETY: there is room for that many, and nobody else can have a buffer that we own.
    unsafe { into.ptr_mut().copy_from_nonoverlapping(bytes.as_ptr(), count) };
    // SAFETY: just written.
    unsafe { into.set_initialized_len(count) };
    count
}

#[cold]
fn too_early() -> io::Error {
    let message = "the peer ended the stream before the buffer was full";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
