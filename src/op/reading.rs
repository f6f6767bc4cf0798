//! Reading from a pipe, a terminal or a file's position, so that no byte is lost by a future that
//! is dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, mem};

use super::SharedFd;
use super::attempt::{Attempt, Inward, Means, did_nothing};
use super::parked::{Claim, Slot, busy};
use super::rest::Rest;
use crate::buf::{BufError, BufResult, IoBufMut};
use crate::coop;

/// What is known of earlier reads.
#[derive(Default)]
pub(crate) struct Incoming {
    /// A read that was dropped in flight; its bytes come first.
    parked: Option<Box<dyn ParkedRead>>,
}

impl Incoming {
    /// Whether nothing is in the kernel, and nothing received is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.is_none()
    }

    /// Waits until the kernel has finished with a read that was dropped; how many bytes of it
    /// nobody has taken.
    pub(crate) fn poll_unread(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<usize> {
        let Some(parked) = &mut self.parked else { return Poll::Ready(0) };
        let Poll::Ready(()) = parked.poll_ended(fd, cx) else { return Poll::Pending };
        let mut unread = 0;
        parked.offer(&mut |bytes| {
            unread = bytes.len();
            0
        });
        Poll::Ready(unread)
    }

    /// Throws away what nobody has taken.
    pub(crate) fn clear(&mut self) {
        self.parked = None;
    }
}

/// A read that was dropped, whatever its buffer.
trait ParkedRead: Send {
    /// Waits until the kernel has finished with it.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<()>;

    /// Offers the bytes that are left, if any; `take` says how many it took.
    fn offer(&mut self, take: &mut dyn FnMut(&[u8]) -> usize);

    /// How it failed, once all bytes have been taken.
    fn take_error(&mut self) -> Option<io::Error>;

    /// Whether there are no bytes and no error left.
    fn is_spent(&self) -> bool;
}

struct Parked<M: Means, B: IoBufMut> {
    stage: Stage<M, B>,
    /// Bytes that have been taken out.
    taken: usize,
}

enum Stage<M: Means, B: IoBufMut> {
    InFlight(Attempt<Inward<M>, Rest<B>>),
    Ended(Rest<B>, Option<io::Error>),
}

impl<M: Means, B: IoBufMut> ParkedRead for Parked<M, B> {
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<()> {
        let Stage::InFlight(attempt) = &mut self.stage else { return Poll::Ready(()) };
        let Poll::Ready(result) = attempt.poll_ended(fd, cx) else { return Poll::Pending };
        self.stage = match result {
            Ok((_, rest)) => Stage::Ended(rest, None),
            Err(BufError { error, buffer }) => {
                Stage::Ended(buffer, Some(error).filter(|error| !did_nothing(error)))
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
pub(crate) struct Reading<'a, M: Means, B: IoBufMut> {
    fd: &'a SharedFd,
    slot: &'a Slot<Incoming>,
    wants_all: bool,
    state: State<'a, M, B>,
}

enum State<'a, M: Means, B: IoBufMut> {
    New(B),
    /// An earlier read, which was dropped, comes first.
    Queued(Claim<'a, Incoming>, B),
    Receiving(Receiving<'a, M, B>),
    Finished,
}

struct Receiving<'a, M: Means, B: IoBufMut> {
    claim: Claim<'a, Incoming>,
    attempt: Attempt<Inward<M>, Rest<B>>,
    /// Bytes that were in the buffer when the attempt began.
    done: usize,
}

impl<M: Means, B: IoBufMut> Unpin for Reading<'_, M, B> {}

impl<'a, M: Means, B: IoBufMut> Reading<'a, M, B> {
    pub(crate) fn new(
        fd: &'a SharedFd,
        slot: &'a Slot<Incoming>,
        buffer: B,
        wants_all: bool,
    ) -> Self {
        Self { fd, slot, wants_all, state: State::New(buffer) }
    }

    /// Claims the reading side.
    fn begin(&mut self, buffer: B) -> Option<BufResult<usize, B>> {
        if buffer.capacity() == 0 {
            return Some(Ok((0, buffer)));
        }
        let Some(claim) = self.slot.claim() else {
            return Some(Err(BufError { error: busy("read"), buffer }));
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
        let attempt = Attempt::new(self.fd, rest);
        self.state = State::Receiving(Receiving { claim, attempt, done });
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

    /// The attempt has ended.
    fn received(
        &mut self,
        claim: Claim<'a, Incoming>,
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

impl<M: Means, B: IoBufMut> Future for Reading<'_, M, B> {
    type Output = BufResult<usize, B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let mut ended = None;
            match &mut this.state {
                State::Receiving(Receiving { attempt, .. }) => {
                    match attempt.poll_ended(this.fd, cx) {
                        Poll::Ready(result) => ended = Some(result),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                State::Queued(claim, _) => {
                    let parked = claim.parked.as_mut();
                    let ended =
                        parked.map_or(Poll::Ready(()), |parked| parked.poll_ended(this.fd, cx));
                    if ended.is_pending() || coop::poll_proceed(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                State::New(_) | State::Finished => {}
            }
            let output = match mem::replace(&mut this.state, State::Finished) {
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

impl<M: Means, B: IoBufMut> Drop for Reading<'_, M, B> {
    fn drop(&mut self) {
        let State::Receiving(receiving) = mem::replace(&mut self.state, State::Finished) else {
            return;
        };
        let Receiving { mut claim, attempt, done } = receiving;
        // Bytes that are there already must not wait for more to come.
        let stage = match attempt.give_up(M::STOPS || done > 0) {
            Ok(attempt) => Stage::InFlight(attempt),
            Err(rest) if done > 0 => Stage::Ended(rest, None),
            Err(_) => return,
        };
        claim.parked = Some(Box::new(Parked { stage, taken: 0 }));
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
    let message = "it ends before the buffer is full";
    io::Error::new(io::ErrorKind::UnexpectedEof, message)
}
