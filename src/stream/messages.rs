//! Reads and writes of several buffers, of descriptors, and those that only look.
//!
//! Each is one operation, under the same claims as [`Reading`](super::reading::Reading) and
//! [`Writing`](super::writing::Writing): what is dropped in flight is parked.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;

use super::incoming::{Fill, Incoming, Pieces, ReadOutput, Stage};
use super::writing::{Outgoing, ParkedWrite};
use super::{Flow, Stream, Unix};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::control::DESCRIPTORS_ROOM;
use crate::op::parked::{Claim, busy, run};
use crate::op::rest::Rest;
use crate::op::{self, ControlMessages, Op, Operation, SharedFd};
use crate::stop;

fn park_read<F: Flow, O: Operation<Output: ReadOutput>>(incoming: &mut Incoming<F>, read: Op<O>) {
    incoming.park(Stage::InFlight(if F::KEEPS_READING { read } else { read.cancel() }));
}

fn park_write<F: Flow, O: Operation>(outgoing: &mut Outgoing<F>, write: Op<O>)
where
    Op<O>: ParkedWrite,
{
    outgoing.park(write);
}

impl<F: Flow> Stream<F> {
    /// The reading side, when an earlier read has ended.
    async fn claim_incoming(&self) -> io::Result<Claim<'_, Incoming<F>>> {
        let mut claim = self.incoming.claim().ok_or_else(|| busy("read of this stream"))?;
        poll_fn(|cx| claim.poll_ended(&self.fd, cx)).await;
        Ok(claim)
    }

    /// The writing side, when an earlier write has ended.
    async fn claim_outgoing(&self) -> io::Result<Claim<'_, Outgoing<F>>> {
        let mut claim = self.outgoing.claim().ok_or_else(|| busy("write to this stream"))?;
        stop::wait_for(|cx| claim.poll_ended(&self.fd, cx)).await??;
        Ok(claim)
    }

    /// A read of what has arrived, into several buffers.
    pub(crate) async fn read_vectored<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
    ) -> BufResult<usize, Vec<B>> {
        let mut claim = match self.claim_incoming().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer: buffers }),
        };
        let mut pieces = Pieces::new(buffers);
        if pieces.room() == 0 {
            return Ok((0, pieces.buffers));
        }
        claim.take_left(&mut pieces);
        if pieces.done > 0 {
            return Ok((pieces.done, pieces.finish()));
        }
        match claim.take_ending() {
            None => {}
            Some(Ok(())) => return Ok((0, pieces.finish())),
            Some(Err(error)) => return Err(BufError { error, buffer: pieces.buffers }),
        }
        let make = |buffers| op::readv(&self.fd, buffers);
        run(claim, pieces.buffers, make, park_read::<F, _>).await
    }

    /// A write of what there is room for, from several buffers.
    pub(crate) async fn write_vectored<B: IoBuf>(
        &self,
        buffers: Vec<B>,
    ) -> BufResult<usize, Vec<B>> {
        if buffers.iter().all(|buffer| buffer.initialized_len() == 0) {
            return Ok((0, buffers));
        }
        let claim = match self.claim_outgoing().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer: buffers }),
        };
        let make = |buffers| op::sendmsg(&self.fd, buffers, None, ControlMessages::new(), 0);
        run(claim, buffers, make, park_write::<F, _>).await
    }

    /// What the next read would give.
    pub(crate) async fn peek<B: IoBufMut>(&self, buffer: B) -> BufResult<usize, B> {
        let claim = match self.claim_incoming().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer }),
        };
        let mut rest = Rest::new(buffer);
        let left = claim.left();
        if !left.is_empty() && rest.room() > 0 {
            rest.fill(left);
            return Ok((rest.done, rest.buffer));
        }
        // Nothing is taken by it, so nothing is lost with it.
        let forget = |_: &mut Incoming<F>, operation| drop::<Op<op::Recv<B>>>(operation);
        run(claim, rest.buffer, |buffer| op::recv(&self.fd, buffer, libc::MSG_PEEK), forget).await
    }
}

/// What has come with descriptors.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedFds {
    /// How many bytes there are in the buffer; 0 means that the peer will send no more, or that
    /// the buffer has no capacity.
    pub count: usize,
    /// The descriptors, in the order in which they were sent. They are closed on exec.
    pub descriptors: Vec<OwnedFd>,
    /// The kernel had more descriptors for us, and has closed them: this process has as many open
    /// files as it may have, or is not allowed to have these.
    pub is_truncated: bool,
}

impl ReceivedFds {
    pub(crate) fn new(received: op::Received) -> Self {
        let is_truncated = received.flags & libc::MSG_CTRUNC != 0;
        Self { count: received.count, descriptors: received.into_descriptors(), is_truncated }
    }
}

/// The control messages that carry descriptors.
pub(crate) fn carrying(descriptors: &[SharedFd]) -> ControlMessages {
    let mut control = ControlMessages::new();
    if !descriptors.is_empty() {
        control.add_descriptors(descriptors.iter().cloned());
    }
    control
}

/// What one message receives, with all the descriptors that can come with it.
pub(crate) fn receive_fds<B: IoBufMut>(fd: &SharedFd, buffers: Vec<B>) -> Op<op::RecvMessage<B>> {
    op::recvmsg(fd, buffers, DESCRIPTORS_ROOM, 0)
}

/// One buffer out of the list that it was put into.
pub(crate) fn single<N, B>(result: BufResult<N, Vec<B>>) -> BufResult<N, B> {
    let take = |mut buffers: Vec<B>| buffers.pop().expect("it was put in, and has come back");
    match result {
        Ok((output, buffers)) => Ok((output, take(buffers))),
        Err(BufError { error, buffer }) => Err(BufError { error, buffer: take(buffer) }),
    }
}

impl Stream<Unix> {
    /// A write of what there is room for, with descriptors.
    pub(crate) async fn send_fds<B: IoBuf>(
        &self,
        buffer: B,
        descriptors: &[SharedFd],
    ) -> BufResult<usize, B> {
        if buffer.initialized_len() == 0 {
            return Err(BufError { error: no_bytes(), buffer });
        }
        let claim = match self.claim_outgoing().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer }),
        };
        let make = |buffers| op::sendmsg(&self.fd, buffers, None, carrying(descriptors), 0);
        single(run(claim, vec![buffer], make, park_write::<Unix, _>).await)
    }

    /// A read of what has arrived, with descriptors.
    pub(crate) async fn recv_fds<B: IoBufMut>(&self, buffer: B) -> BufResult<ReceivedFds, B> {
        let mut claim = match self.claim_incoming().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer }),
        };
        let mut rest = Rest::new(buffer);
        if rest.room() > 0 {
            claim.take_left(&mut rest);
        }
        let descriptors = claim.take_descriptors();
        // Bytes that there is no room for are there still, and must not be read past.
        if rest.done > 0 || !descriptors.is_empty() || !claim.left().is_empty() {
            let (count, buffer) = (rest.done, rest.buffer);
            return Ok((ReceivedFds { count, descriptors, is_truncated: false }, buffer));
        }
        match claim.take_ending() {
            None => {}
            Some(Ok(())) => {
                let received = ReceivedFds { count: 0, descriptors, is_truncated: false };
                return Ok((received, rest.buffer));
            }
            Some(Err(error)) => return Err(BufError { error, buffer: rest.buffer }),
        }
        let make = |buffers| receive_fds(&self.fd, buffers);
        let received = run(claim, vec![rest.buffer], make, park_read::<Unix, _>).await;
        single(received.map(|(received, buffers)| (ReceivedFds::new(received), buffers)))
    }
}

#[cold]
fn no_bytes() -> io::Error {
    let message = "descriptors go with bytes of the stream: give at least one";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
