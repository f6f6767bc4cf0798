//! What sockets for datagrams have in common, so that no datagram is lost by a dropped future.
//!
//! A dropped receive is told to stop and parked, as those of [streams](crate::stream) are: had it
//! got its datagram already, the next receive gets that. Others stay in the socket, and so are not
//! cut to the size of a buffer that nobody waits with any more.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::coop;
use crate::op::parked::{Claim, Slot, busy, run, was_cancelled};
use crate::op::rest::Rest;
use crate::op::{self, ControlMessages, Op, Operation, Received, SharedFd, SocketAddress};
use crate::stop;
use crate::stream::{Fill, Pieces, ReceivedFds, carrying, receive_fds, single};

/// A socket for datagrams.
pub(super) struct Datagrams {
    incoming: Slot<Incoming>,
    fd: SharedFd,
}

/// What a socket knows about its receives.
#[derive(Default)]
struct Incoming {
    /// A receive that was dropped in flight.
    parked: Option<Box<dyn ParkedReceive>>,
    /// What it has brought.
    left: Option<Box<Datagram>>,
}

/// A datagram that nobody has taken yet.
#[derive(Default)]
struct Datagram {
    bytes: Vec<u8>,
    address: Option<SocketAddress>,
    descriptors: Vec<OwnedFd>,
    is_truncated: bool,
}

/// A receive that was dropped, whatever its buffers.
trait ParkedReceive: Send {
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Datagram>>;
}

impl<O: Operation<Output: ReceiveOutput>> ParkedReceive for Op<O> {
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Datagram>> {
        Pin::new(self).poll(cx).map(O::Output::into_datagram)
    }
}

/// What the operation of a receive gives.
trait ReceiveOutput {
    fn into_datagram(self) -> io::Result<Datagram>;
}

impl<B: IoBufMut> ReceiveOutput for BufResult<(usize, Option<SocketAddress>), B> {
    fn into_datagram(self) -> io::Result<Datagram> {
        let ((count, address), buffer) = self?;
        let bytes = buffer.as_bytes()[..count].to_vec();
        Ok(Datagram { bytes, address, ..Datagram::default() })
    }
}

impl<B: IoBufMut> ReceiveOutput for BufResult<Received, Vec<B>> {
    fn into_datagram(self) -> io::Result<Datagram> {
        let (received, buffers) = self?;
        let mut bytes = Vec::with_capacity(received.count);
        for buffer in &buffers {
            let left = received.count - bytes.len();
            bytes.extend(&buffer.as_bytes()[..left.min(buffer.capacity())]);
        }
        let address = received.address;
        let ReceivedFds { descriptors, is_truncated, .. } = ReceivedFds::new(received);
        Ok(Datagram { bytes, address, descriptors, is_truncated })
    }
}

impl Incoming {
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(parked) = &mut self.parked else { return Poll::Ready(Ok(())) };
        let Poll::Ready(result) = parked.poll_ended(cx) else { return Poll::Pending };
        self.parked = None;
        match result {
            Ok(datagram) => self.left = Some(Box::new(datagram)),
            Err(error) if was_cancelled(&error) => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
        coop::poll_proceed(cx).map(Ok)
    }

    fn park<O: Operation<Output: ReceiveOutput>>(&mut self, receive: Op<O>) {
        self.parked = Some(Box::new(receive.cancel()));
    }
}

/// As much of a datagram as a buffer holds.
fn put<B: IoBufMut>(bytes: &[u8], buffer: B) -> (usize, B) {
    let mut rest = Rest::new(buffer);
    rest.fill(bytes);
    (rest.done, rest.buffer)
}

/// As much of a datagram as several buffers hold.
fn put_vectored<B: IoBufMut>(bytes: &[u8], buffers: Vec<B>) -> (usize, Vec<B>) {
    let mut pieces = Pieces::new(buffers);
    pieces.fill(bytes);
    (pieces.done, pieces.finish())
}

/// A datagram's length, and its sender where the kernel says who it was.
pub(super) type From = (usize, Option<SocketAddress>);

impl Datagrams {
    pub(super) fn new(fd: SharedFd) -> Self {
        Self { incoming: Slot::new(Incoming::default()), fd }
    }

    pub(super) fn fd(&self) -> &SharedFd {
        &self.fd
    }

    /// The descriptor alone.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped receive is still in the kernel or has left a datagram behind.
    pub(super) fn into_fd(mut self) -> Result<OwnedFd, Self> {
        let Incoming { parked, left } = self.incoming.get_mut();
        if parked.is_some() || left.is_some() {
            return Err(self);
        }
        let Self { incoming, fd } = self;
        fd.try_into_owned().map_err(|fd| Self { incoming, fd })
    }

    /// The receiving side, when an earlier receive has ended.
    async fn claim(&self) -> io::Result<Claim<'_, Incoming>> {
        let mut claim = self.incoming.claim().ok_or_else(|| busy("receive at this socket"))?;
        stop::wait_for(|cx| claim.poll_ended(cx)).await??;
        Ok(claim)
    }

    /// Gives what has been left, or else what the operation gives that `make` makes.
    async fn receive<N, B, O>(
        &self,
        buffer: B,
        give: impl FnOnce(Datagram, B) -> (N, B),
        make: impl Fn(B) -> Op<O>,
    ) -> BufResult<N, B>
    where
        O: Operation<Output = BufResult<N, B>>,
        BufResult<N, B>: ReceiveOutput,
    {
        let mut claim = match self.claim().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer }),
        };
        if let Some(datagram) = claim.left.take() {
            return Ok(give(*datagram, buffer));
        }
        run(claim, buffer, make, Incoming::park).await
    }

    pub(super) async fn recv_from<B: IoBufMut>(&self, buffer: B) -> BufResult<From, B> {
        let give = |datagram: Datagram, buffer| {
            let (count, buffer) = put(&datagram.bytes, buffer);
            ((count, datagram.address), buffer)
        };
        self.receive(buffer, give, |buffer| op::recvfrom(&self.fd, buffer, 0)).await
    }

    pub(super) async fn recv<B: IoBufMut>(&self, buffer: B) -> BufResult<usize, B> {
        self.recv_from(buffer).await.map(|((count, _), buffer)| (count, buffer))
    }

    async fn recv_message<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
        make: impl Fn(Vec<B>) -> Op<op::RecvMessage<B>>,
    ) -> BufResult<Received, Vec<B>> {
        let give = |datagram: Datagram, buffers| {
            let (count, buffers) = put_vectored(&datagram.bytes, buffers);
            let flags = if datagram.is_truncated { libc::MSG_CTRUNC } else { 0 };
            let received = Received::new(count, datagram.address, datagram.descriptors, flags);
            (received, buffers)
        };
        self.receive(buffers, give, make).await
    }

    pub(super) async fn recv_vectored<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
    ) -> BufResult<From, Vec<B>> {
        let make = |buffers| op::recvmsg(&self.fd, buffers, 0, 0);
        let received = self.recv_message(buffers, make).await;
        received.map(|(received, buffers)| ((received.count, received.address), buffers))
    }

    pub(super) async fn recv_fds<B: IoBufMut>(&self, buffer: B) -> BufResult<ReceivedFds, B> {
        let make = |buffers| receive_fds(&self.fd, buffers);
        let received = self.recv_message(vec![buffer], make).await;
        single(received.map(|(received, buffers)| (ReceivedFds::new(received), buffers)))
    }

    pub(super) async fn peek_from<B: IoBufMut>(&self, buffer: B) -> BufResult<From, B> {
        let claim = match self.claim().await {
            Ok(claim) => claim,
            Err(error) => return Err(BufError { error, buffer }),
        };
        if let Some(datagram) = &claim.left {
            let (count, buffer) = put(&datagram.bytes, buffer);
            return Ok(((count, datagram.address), buffer));
        }
        // Nothing is taken by it, so nothing is lost with it.
        let forget = |_: &mut Incoming, operation| drop::<Op<op::RecvFrom<B>>>(operation);
        run(claim, buffer, |buffer| op::recvfrom(&self.fd, buffer, libc::MSG_PEEK), forget).await
    }

    pub(super) async fn send<B: IoBuf>(&self, buffer: B) -> BufResult<usize, B> {
        op::send(&self.fd, buffer, 0).await
    }

    pub(super) async fn send_to<B: IoBuf>(
        &self,
        buffer: B,
        address: impl Into<SocketAddress>,
    ) -> BufResult<usize, B> {
        op::sendto(&self.fd, buffer, address, 0).await
    }

    pub(super) async fn send_vectored<B: IoBuf>(
        &self,
        buffers: Vec<B>,
        address: Option<SocketAddress>,
    ) -> BufResult<usize, Vec<B>> {
        op::sendmsg(&self.fd, buffers, address, ControlMessages::new(), 0).await
    }

    pub(super) async fn send_fds<B: IoBuf>(
        &self,
        buffer: B,
        address: Option<SocketAddress>,
        descriptors: &[SharedFd],
    ) -> BufResult<usize, B> {
        single(op::sendmsg(&self.fd, vec![buffer], address, carrying(descriptors), 0).await)
    }
}
