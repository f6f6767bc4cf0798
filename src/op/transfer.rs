//! Operations that move bytes through a socket.

use std::io;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, SocketAddress, Start};
use crate::buf::{BufResult, IoBuf, IoBufMut, entry_len, finish_read, finish_write};

/// See [`recv`].
#[derive(Debug)]
pub struct Recv<B> {
    fd: AnyFd,
    buffer: B,
    flags: i32,
}

/// Receives what has arrived at a socket: `IORING_OP_RECV`. Since Linux 5.6.
///
/// It waits until there is something, and gives how much it was and the buffer; 0 means that the
/// peer will send no more. `flags` are those of recv(2), except for
/// [`MSG_TRUNC`](libc::MSG_TRUNC), which is ignored: with it the kernel counts bytes that it has
/// not written. The socket must not be in non-blocking mode, in which the kernel does not wait.
///
/// # Errors
///
/// Those of recv(2), and `ECANCELED` if it was cancelled; each with the buffer.
///
/// # Cancel safety
///
/// What had been received when it was dropped is lost. [`TcpStream`](crate::net::TcpStream) keeps
/// it for the next read.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = UnixStream::pair()?;
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// pool.block_on(async {
///     let (count, _) = op::send(&ours, "hello", 0).await?;
///     assert_eq!(count, 5);
///     let (count, buffer) = op::recv(&theirs, Vec::with_capacity(64), 0).await?;
///     assert_eq!((count, &buffer[..]), (5, &b"hello"[..]));
///     Ok(())
/// })
/// # }
/// ```
pub fn recv<B: IoBufMut>(fd: &impl Descriptor, buffer: B, flags: i32) -> Op<Recv<B>> {
    // The buffer is as long as the kernel says, so it must say what it has written.
    let flags = flags & !libc::MSG_TRUNC;
    Op::new(Recv { fd: fd.to_any_fd(), buffer, flags })
}

// SAFETY: the entry points to the buffer, which is part of `self` and, as its trait promises, valid
// as long as nobody touches it.
unsafe impl<B: IoBufMut> Operation for Recv<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let len = entry_len(self.buffer.capacity());
        Ok(opcode::Recv::new(start.target(&self.fd)?, self.buffer.ptr_mut(), len)
            .flags(self.flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_read(result, self.buffer)
    }
}

/// See [`send`].
#[derive(Debug)]
pub struct Send<B> {
    fd: AnyFd,
    buffer: B,
    flags: i32,
}

/// Sends bytes through a connected socket: `IORING_OP_SEND`. Since Linux 5.6.
///
/// It waits until there is room for some of them, and gives how many those were and the buffer.
/// `flags` are those of send(2); with [`MSG_WAITALL`](libc::MSG_WAITALL) it goes on until all are
/// sent or an error comes between. A peer that is gone is an error, never a signal:
/// [`MSG_NOSIGNAL`](libc::MSG_NOSIGNAL) is always set. [`MSG_ZEROCOPY`](libc::MSG_ZEROCOPY) is
/// ignored: with it the kernel would still read the buffer afterwards. The socket must not be in
/// non-blocking mode, in which the kernel does not wait.
///
/// # Errors
///
/// Those of send(2), and `ECANCELED` if it was cancelled; each with the buffer.
///
/// # Cancel safety
///
/// If it is dropped, all of the bytes may have been sent, or the first of them, or none.
///
/// # Examples
///
/// See [`recv`].
pub fn send<B: IoBuf>(fd: &impl Descriptor, buffer: B, flags: i32) -> Op<Send<B>> {
    Op::new(Send::new(fd, buffer, flags))
}

impl<B: IoBuf> Send<B> {
    fn new(fd: &impl Descriptor, buffer: B, flags: i32) -> Self {
        Self { fd: fd.to_any_fd(), buffer, flags: sending(flags) }
    }

    fn to_opcode(&self, start: &mut Start<'_>) -> io::Result<opcode::Send> {
        let len = entry_len(self.buffer.initialized_len());
        let entry = opcode::Send::new(start.target(&self.fd)?, self.buffer.ptr(), len);
        Ok(entry.flags(self.flags))
    }
}

/// The flags of whatever sends.
pub(super) fn sending(flags: i32) -> i32 {
    (flags | libc::MSG_NOSIGNAL) & !(libc::MSG_ZEROCOPY | MSG_CMSG_COMPAT)
}

/// Tells the kernel that control messages look as for programs of 32 bits: it would not find in
/// ours what is there, nor we in its own, and descriptors would belong to nobody.
pub(super) const MSG_CMSG_COMPAT: i32 = i32::MIN;

// SAFETY: the entry points to the buffer, which is part of `self` and, as its trait promises, valid
// as long as nobody touches it.
unsafe impl<B: IoBuf> Operation for Send<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(self.to_opcode(start)?.build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffer)
    }
}

/// See [`sendto`].
#[derive(Debug)]
pub struct SendTo<B> {
    send: Send<B>,
    address: SocketAddress,
}

/// Sends bytes to an address, through a socket that need not be connected: `IORING_OP_SEND` with an
/// address. Since Linux 6.1.
///
/// Otherwise as [`send`]; a datagram is sent as a whole or not at all.
///
/// # Errors
///
/// Those of sendto(2), and `ECANCELED` if it was cancelled; each with the buffer.
///
/// # Cancel safety
///
/// If it is dropped, the datagram may have been sent or not.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::net::UdpSocket;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// let (from, to) = (ours.local_addr()?, theirs.local_addr()?);
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// pool.block_on(async {
///     op::sendto(&ours, "hello", to, 0).await?;
///     let ((count, sender), buffer) = op::recvfrom(&theirs, [0; 64], 0).await?;
///     assert_eq!(&buffer[..count], b"hello");
///     assert_eq!(sender.and_then(|sender| sender.to_socket_addr()), Some(from));
///     Ok(())
/// })
/// # }
/// ```
pub fn sendto<B: IoBuf>(
    fd: &impl Descriptor,
    buffer: B,
    address: impl Into<SocketAddress>,
    flags: i32,
) -> Op<SendTo<B>> {
    Op::new(SendTo { send: Send::new(fd, buffer, flags), address: address.into() })
}

// SAFETY: the entry points to the address, which is part of `self`, and otherwise as for `Send`.
unsafe impl<B: IoBuf> Operation for SendTo<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (address, len) = (self.address.ptr(), self.address.len());
        let entry = self.send.to_opcode(start)?;
        Ok(entry.dest_addr(address).dest_addr_len(len).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        self.send.finish(result)
    }
}
