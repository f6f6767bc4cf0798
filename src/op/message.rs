//! Messages: bytes in several buffers, with an address and control messages beside them.

use std::os::fd::OwnedFd;
use std::{fmt, io, mem};

use io_uring::{opcode, squeue};

use super::control::{ControlMessage, ControlMessages, ControlRoom};
use super::position::IoVecs;
use super::transfer::{MSG_CMSG_COMPAT, sending};
use super::{AnyFd, Descriptor, Op, Operation, SocketAddress, Start};
use crate::buf::{
    BufError, BufResult, IoBuf, IoBufMut, finish_read, finish_read_vectored, finish_write,
};

/// What the kernel is told of a message: where its parts are.
struct Header {
    header: libc::msghdr,
    /// The list of buffers, where there is one.
    vector: libc::iovec,
}

// SAFETY: the pointers are not followed by us, and what they point to is `Send`.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

impl Header {
    fn new() -> Self {
        // SAFETY: zeros are valid: they stand for nothing.
        unsafe { mem::zeroed() }
    }

    fn set_vectors(&mut self, vectors: &IoVecs) {
        self.header.msg_iov = vectors.as_ptr().cast_mut();
        self.header.msg_iovlen = vectors.len() as _;
    }

    fn set_buffer(&mut self, base: *mut u8, len: usize) {
        self.vector = libc::iovec { iov_base: base.cast(), iov_len: len };
        self.header.msg_iov = &raw mut self.vector;
        self.header.msg_iovlen = 1;
    }

    fn set_address(&mut self, address: *const libc::sockaddr, len: libc::socklen_t) {
        self.header.msg_name = address.cast_mut().cast();
        self.header.msg_namelen = len;
    }

    fn set_control(&mut self, control: *const u8, len: usize) {
        self.header.msg_control = control.cast_mut().cast();
        self.header.msg_controllen = len as _;
    }

    fn set_room(&mut self, address: &mut SocketAddress, control: &mut ControlRoom) {
        self.set_address(address.ptr_mut(), address.len());
        if control.capacity() > 0 {
            self.set_control(control.ptr_mut(), control.capacity());
        }
    }

    /// What has been received besides the bytes, once the operation is over.
    fn received(
        &self,
        result: &io::Result<u32>,
        address: SocketAddress,
        control: ControlRoom,
    ) -> Received {
        // SAFETY: nobody but the kernel has been told of the room. Also where the operation has
        // failed, descriptors that came with the message are ours.
        let control = unsafe { control.into_messages() };
        let count = result.as_ref().map_or(0, |count| *count as usize);
        let address = address.written(self.header.msg_namelen);
        Received { count, address, control, flags: self.header.msg_flags }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").finish_non_exhaustive()
    }
}

/// See [`sendmsg`].
#[derive(Debug)]
pub struct SendMessage<B> {
    fd: AnyFd,
    buffers: Vec<B>,
    address: Option<SocketAddress>,
    control: ControlMessages,
    flags: i32,
    vectors: IoVecs,
    header: Header,
}

/// Sends the bytes of several buffers, one after the other: `IORING_OP_SENDMSG`. Since Linux 5.3.
///
/// They go to `address`, or to the peer if the socket is connected, and the control messages go
/// with them. The flags are those of [`send`](super::send()), with the same exceptions; with those
/// too it may send fewer bytes than there are, unless it is a datagram.
///
/// # Errors
///
/// Those of sendmsg(2), and `ECANCELED` if it was cancelled;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more than 1024 buffers; each with the
/// buffers.
///
/// # Cancel safety
///
/// If it is dropped, any number of bytes may have been sent, and the control messages with the
/// first of them. [`Op::cancel`] tells how many.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, ControlMessage, ControlMessages, SharedFd};
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = UnixStream::pair()?;
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// let null = SharedFd::from(OwnedFd::from(std::fs::File::open("/dev/null")?));
/// pool.block_on(async {
///     let mut control = ControlMessages::new();
///     control.add_descriptors([null]);
///     op::sendmsg(&ours, vec!["salt", " and ", "pepper"], None, control, 0).await?;
///     let (received, buffers) = op::recvmsg(&theirs, vec![[0; 9], [0; 9]], 64, 0).await?;
///     assert_eq!((received.count, &buffers.concat()[..15]), (15, &b"salt and pepper"[..]));
///     let [ControlMessage::Descriptors(null)] = &received.control[..] else { unreachable!() };
///     assert_eq!(null.len(), 1);
///     Ok(())
/// })
/// # }
/// ```
pub fn sendmsg<B: IoBuf>(
    fd: &impl Descriptor,
    buffers: Vec<B>,
    address: Option<SocketAddress>,
    control: ControlMessages,
    flags: i32,
) -> Op<SendMessage<B>> {
    let (fd, vectors, header) = (fd.to_any_fd(), IoVecs::default(), Header::new());
    let flags = sending(flags);
    Op::new(SendMessage { fd, buffers, address, control, flags, vectors, header })
}

// SAFETY: the entry points to the header, which is part of `self`. That points to the address,
// which is too, to the list of buffers and from there to the buffers, and to the control messages;
// the operation owns all of them, as it does the descriptors, and leaves the vectors that hold them
// alone. The kernel only reads them.
unsafe impl<B: IoBuf> Operation for SendMessage<B> {
    type Output = BufResult<usize, Vec<B>>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.vectors = IoVecs::to_write_from(&self.buffers)?;
        self.header.set_vectors(&self.vectors);
        if let Some(address) = &self.address {
            self.header.set_address(address.ptr(), address.len());
        }
        if self.control.len() > 0 {
            self.header.set_control(self.control.ptr(), self.control.len());
        }
        Ok(opcode::SendMsg::new(start.target(&self.fd)?, &raw const self.header.header)
            .flags(self.flags as u32)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffers)
    }
}

/// What [`recvmsg`] has received, besides the bytes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Received {
    /// How many bytes there are in the buffers.
    pub count: usize,
    /// Who has sent them, where the kernel says so: not for connections, and not for Unix sockets
    /// without an address.
    pub address: Option<SocketAddress>,
    /// What came with them.
    pub control: Vec<ControlMessage>,
    /// The flags that the kernel has set: with [`MSG_TRUNC`](libc::MSG_TRUNC) the datagram was
    /// longer than the buffers, with [`MSG_CTRUNC`](libc::MSG_CTRUNC) there were control messages
    /// for which there was no room, or descriptors beyond what the process may have.
    pub flags: i32,
}

impl Received {
    pub(crate) fn new(
        count: usize,
        address: Option<SocketAddress>,
        descriptors: Vec<OwnedFd>,
        flags: i32,
    ) -> Self {
        let has_any = !descriptors.is_empty();
        let control = has_any.then_some(ControlMessage::Descriptors(descriptors));
        Self { count, address, control: control.into_iter().collect(), flags }
    }

    /// The descriptors among the control messages, all of them.
    pub fn into_descriptors(self) -> Vec<OwnedFd> {
        let descriptors = self.control.into_iter().map(|message| match message {
            ControlMessage::Descriptors(descriptors) => descriptors,
            _ => Vec::new(),
        });
        descriptors.flatten().collect()
    }
}

/// See [`recvmsg`].
#[derive(Debug)]
pub struct RecvMessage<B> {
    fd: AnyFd,
    buffers: Vec<B>,
    address: SocketAddress,
    control: ControlRoom,
    flags: i32,
    vectors: IoVecs,
    header: Header,
}

/// Receives what has arrived into several buffers, one after the other: `IORING_OP_RECVMSG`.
/// Since Linux 5.3.
///
/// Each buffer is filled up to its capacity before the next one is. Those that are not reached are
/// empty afterwards, as far as their type can be. Control messages are received if there is room
/// for them: `control_capacity` bytes, of which each takes [`CMSG_SPACE`](libc::CMSG_SPACE) of its
/// data's length; descriptors that come with them are owned, and closed on exec. The flags are
/// those of [`recv`](super::recv()), with the same exception.
///
/// # Errors
///
/// Those of recvmsg(2), and `ECANCELED` if it was cancelled;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more than 1024 buffers; each with the
/// buffers.
///
/// # Cancel safety
///
/// What had been received when it was dropped is lost; descriptors are closed. The sockets of
/// [`net`](crate::net) keep it for the next receive.
///
/// # Examples
///
/// See [`sendmsg`].
pub fn recvmsg<B: IoBufMut>(
    fd: &impl Descriptor,
    buffers: Vec<B>,
    control_capacity: usize,
    flags: i32,
) -> Op<RecvMessage<B>> {
    Op::new(RecvMessage {
        fd: fd.to_any_fd(),
        buffers,
        address: SocketAddress::empty(),
        control: ControlRoom::new(control_capacity),
        flags: receiving(flags),
        vectors: IoVecs::default(),
        header: Header::new(),
    })
}

/// The flags of whatever receives messages.
pub(crate) fn receiving(flags: i32) -> i32 {
    // The buffers are as long as the kernel says, so it must say what it has written.
    (flags | libc::MSG_CMSG_CLOEXEC) & !(libc::MSG_TRUNC | MSG_CMSG_COMPAT)
}

// SAFETY: as for `SendMessage`; what the kernel writes to is the operation's alone.
unsafe impl<B: IoBufMut> Operation for RecvMessage<B> {
    type Output = BufResult<Received, Vec<B>>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.vectors = IoVecs::to_read_into(&mut self.buffers)?;
        self.header.set_vectors(&self.vectors);
        self.header.set_room(&mut self.address, &mut self.control);
        Ok(opcode::RecvMsg::new(start.target(&self.fd)?, &raw mut self.header.header)
            .flags(self.flags as u32)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let received = self.header.received(&result, self.address, self.control);
        finish_read_vectored(result, self.buffers).map(|(_, buffers)| (received, buffers))
    }
}

/// See [`recvfrom`].
#[derive(Debug)]
pub struct RecvFrom<B> {
    fd: AnyFd,
    buffer: B,
    address: SocketAddress,
    flags: i32,
    header: Header,
}

/// Receives a datagram and its sender's address: `IORING_OP_RECVMSG`. Since Linux 5.3.
///
/// Of one that is longer than the buffer the rest is lost. There is no address where the kernel
/// does not say it: for connections, and for Unix sockets without one. The flags are those of
/// [`recv`](super::recv()), with the same exception.
///
/// # Errors
///
/// Those of recvfrom(2), and `ECANCELED` if it was cancelled; each with the buffer.
///
/// # Cancel safety
///
/// What had been received when it was dropped is lost. [`UdpSocket`](crate::net::UdpSocket) keeps
/// it for the next receive.
///
/// # Examples
///
/// See [`sendto`](super::sendto()).
pub fn recvfrom<B: IoBufMut>(fd: &impl Descriptor, buffer: B, flags: i32) -> Op<RecvFrom<B>> {
    Op::new(RecvFrom {
        fd: fd.to_any_fd(),
        buffer,
        address: SocketAddress::empty(),
        flags: receiving(flags),
        header: Header::new(),
    })
}

// SAFETY: as for `RecvMessage`; the buffer and the list of it are part of `self`.
unsafe impl<B: IoBufMut> Operation for RecvFrom<B> {
    type Output = BufResult<(usize, Option<SocketAddress>), B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.header.set_buffer(self.buffer.ptr_mut(), self.buffer.capacity());
        self.header.set_address(self.address.ptr_mut(), self.address.len());
        Ok(opcode::RecvMsg::new(start.target(&self.fd)?, &raw mut self.header.header)
            .flags(self.flags as u32)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let address = self.address.written(self.header.header.msg_namelen);
        match finish_read(result, self.buffer) {
            Ok((count, buffer)) => Ok(((count, address), buffer)),
            Err(BufError { error, buffer }) => Err(BufError { error, buffer }),
        }
    }
}
