//! Streams of bytes: what connections, pipes, terminals and files at their position have in
//! common.
//!
//! A [`Stream`] is a descriptor and two slots, one for each direction. A slot holds what a dropped
//! future has left in the kernel (see [`parked`](crate::op::parked)): the next read takes what an
//! earlier one has brought before it asks for more, and the next write waits until an earlier one
//! has ended. Both are touched only by who has claimed the slot, which is one future at a time.
//!
//! How bytes are moved is the [`Flow`]'s affair: sockets receive and send, the others read and
//! write. Where the kernel does not wait, an [`Attempt`](attempt::Attempt) does.

mod at_once;
mod attempt;
mod incoming;
mod kept;
mod messages;
mod polled;
mod reading;
mod streaming;
mod writing;

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::fs::with_std;
use crate::op::parked::Slot;
use crate::op::{self, Op, Operation, SharedFd};

use self::incoming::Incoming;
use self::reading::Reading;
use self::writing::{Outgoing, Writing};

pub(crate) use self::incoming::{Fill, Pieces};
pub use self::messages::ReceivedFds;
pub(crate) use self::messages::{carrying, receive_fds, single};
pub(crate) use self::streaming::{reads, writes};

/// How a kind of stream moves its bytes.
pub trait Flow: Send + Sync + 'static {
    /// Whether a dropped read goes on in the kernel. Not so where it might swallow what is meant
    /// for another kind of read: descriptors that come with the bytes.
    const KEEPS_READING: bool = true;
    /// Whether a read waits by a poll from the beginning, so that one which is stopped while it
    /// waits cannot have taken anything.
    const LOOKS_FIRST: bool = false;

    /// Whether a transfer that is under way may be stopped. Not so where it ends by itself: before
    /// Linux 6.12 or so, a read of a file that is stopped after its first part gives that part, but
    /// does not move the position.
    fn may_stop(_: &SharedFd) -> bool {
        true
    }

    /// What takes bytes out.
    type Receive<B: IoBufMut>: Operation<Output = BufResult<usize, B>>;
    /// What puts bytes in.
    type Send<B: IoBuf>: Operation<Output = BufResult<usize, B>>;

    /// Takes what has arrived, waiting until there is something.
    fn receive<B: IoBufMut>(fd: &SharedFd, buffer: B) -> Op<Self::Receive<B>>;

    /// Puts in what there is room for, waiting until there is some; if it can, it goes on until
    /// all is in where `sends_all` says so.
    fn send<B: IoBuf>(fd: &SharedFd, buffer: B, sends_all: bool) -> Op<Self::Send<B>>;

    /// Puts in what there is room for without an operation; `None` if that does not pay, or would
    /// have to wait.
    fn send_at_once<B: IoBuf>(_: &SharedFd, _: &B) -> Option<io::Result<usize>> {
        None
    }
}

/// The flow of TCP connections.
#[derive(Debug)]
pub struct Tcp;

/// The flow of Unix connections.
#[derive(Debug)]
pub struct Unix;

impl Flow for Tcp {
    type Receive<B: IoBufMut> = op::Recv<B>;
    type Send<B: IoBuf> = op::Send<B>;

    fn receive<B: IoBufMut>(fd: &SharedFd, buffer: B) -> Op<op::Recv<B>> {
        op::recv(fd, buffer, 0)
    }

    fn send<B: IoBuf>(fd: &SharedFd, buffer: B, sends_all: bool) -> Op<op::Send<B>> {
        // The kernel does the waiting between two parts better than we could.
        op::send(fd, buffer, if sends_all { libc::MSG_WAITALL } else { 0 })
    }

    fn send_at_once<B: IoBuf>(fd: &SharedFd, bytes: &B) -> Option<io::Result<usize>> {
        at_once::send(fd, bytes)
    }
}

impl Flow for Unix {
    const KEEPS_READING: bool = false;

    type Receive<B: IoBufMut> = op::Recv<B>;
    type Send<B: IoBuf> = op::Send<B>;

    fn receive<B: IoBufMut>(fd: &SharedFd, buffer: B) -> Op<op::Recv<B>> {
        Tcp::receive(fd, buffer)
    }

    fn send<B: IoBuf>(fd: &SharedFd, buffer: B, sends_all: bool) -> Op<op::Send<B>> {
        Tcp::send(fd, buffer, sends_all)
    }

    fn send_at_once<B: IoBuf>(fd: &SharedFd, bytes: &B) -> Option<io::Result<usize>> {
        at_once::send(fd, bytes)
    }
}

/// The flow of what is read and written, and not a socket.
#[derive(Debug)]
pub(crate) struct Plain<const KEEPS_READING: bool, const LOOKS_FIRST: bool>;

/// The flow of a pipe, which nobody else reads.
pub(crate) type ByPipe = Plain<true, false>;
/// The flow of a file with a position, which may be somebody else's as well.
pub(crate) type ByPosition = Plain<false, false>;
/// The flow of something that other processes may read too, such as a terminal.
pub(crate) type InCompany = Plain<false, true>;

impl<const KEEPS: bool, const LOOKS: bool> Flow for Plain<KEEPS, LOOKS> {
    const KEEPS_READING: bool = KEEPS;
    const LOOKS_FIRST: bool = LOOKS;

    fn may_stop(fd: &SharedFd) -> bool {
        let metadata = with_std(fd, std::fs::File::metadata);
        let kind = metadata.map(|metadata| metadata.file_type());
        !kind.is_ok_and(|kind| kind.is_file() || kind.is_block_device())
    }

    type Receive<B: IoBufMut> = op::Read<B>;
    type Send<B: IoBuf> = op::Write<B>;

    fn receive<B: IoBufMut>(fd: &SharedFd, buffer: B) -> Op<op::Read<B>> {
        op::read(fd, buffer)
    }

    fn send<B: IoBuf>(fd: &SharedFd, buffer: B, _: bool) -> Op<op::Write<B>> {
        op::write(fd, buffer)
    }
}

/// A descriptor with two directions, in each of which nothing is lost by a dropped future.
pub struct Stream<F: Flow> {
    incoming: Slot<Incoming<F>>,
    outgoing: Slot<Outgoing<F>>,
    fd: SharedFd,
    flow: PhantomData<F>,
}

impl<F: Flow> fmt::Debug for Stream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("fd", &self.fd).finish_non_exhaustive()
    }
}

impl<F: Flow> Stream<F> {
    pub(crate) fn new(fd: SharedFd) -> Self {
        let (incoming, outgoing) = Default::default();
        let (incoming, outgoing) = (Slot::new(incoming), Slot::new(outgoing));
        Self { incoming, outgoing, fd, flow: PhantomData }
    }

    pub(crate) fn fd(&self) -> &SharedFd {
        &self.fd
    }

    /// The descriptor alone.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped read or write is still in the kernel or has left something behind.
    pub(crate) fn into_fd(mut self) -> Result<OwnedFd, Self> {
        if !self.incoming.get_mut().is_idle() || !self.outgoing.get_mut().is_idle() {
            return Err(self);
        }
        let Self { incoming, outgoing, fd, flow } = self;
        fd.try_into_owned().map_err(|fd| Self { incoming, outgoing, fd, flow })
    }

    /// The descriptor, for who closes it: nothing may be left in either direction that matters.
    pub(crate) fn into_shared_fd(self) -> SharedFd {
        self.fd
    }

    /// Goes on with a write that was dropped until it has ended; how it ended.
    pub(crate) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.get_mut().poll_ended(&self.fd, cx)
    }

    /// How many bytes are left of a read that was dropped; `None` while one is in the kernel.
    pub(crate) fn left_behind(&mut self) -> Option<usize> {
        let incoming = self.incoming.get_mut();
        (!incoming.is_in_flight()).then(|| incoming.left().len())
    }

    /// Ends a read that is left in the kernel; how many bytes of it nobody has taken.
    pub(crate) fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        self.incoming.get_mut().poll_unread(&self.fd, cx)
    }

    /// Throws away what earlier reads have brought.
    pub(crate) fn clear_unread(&mut self) {
        self.incoming.get_mut().parked.take();
    }

    /// A read of what has arrived.
    pub(crate) fn read<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, F, B> {
        Reading::<F, B>::new(&self.fd, &self.incoming, buffer, false)
    }

    /// A read of as much as the buffer holds.
    pub(crate) fn read_exact<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, F, B> {
        Uncounted(Reading::<F, B>::new(&self.fd, &self.incoming, buffer, true))
    }

    /// A write of what there is room for.
    pub(crate) fn write<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, F, B> {
        Writing::<F, B>::new(&self.fd, &self.outgoing, buffer, false)
    }

    /// A write of all there is in the buffer.
    pub(crate) fn write_all<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, F, B> {
        Uncounted(Writing::<F, B>::new(&self.fd, &self.outgoing, buffer, true))
    }
}

/// A transfer of all there is, of which the count says nothing. An `async` block would have room
/// for the transfer twice, in each connection's task.
struct Uncounted<T>(T);

impl<T, B> Future for Uncounted<T>
where
    T: Future<Output = BufResult<usize, B>> + Unpin,
{
    type Output = BufResult<(), B>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.get_mut().0).poll(cx);
        polled.map(|result| result.map(|(_, buffer)| ((), buffer)))
    }
}
