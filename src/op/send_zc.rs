//! What is sent without being copied: a buffer, or several, with an address or without.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ptr;

use io_uring::{opcode, squeue};

use super::position::IoVecs;
use super::transfer::MSG_CMSG_COMPAT;
use super::zero_copy::sealed::{Manner, Sending};
use super::{AnyFd, Descriptor, SocketAddress, Start, ZeroCopy};
use crate::buf::{IoBuf, IoBufs, entry_len};

/// See [`send_zc`] and [`sendto_zc`].
#[derive(Debug)]
pub struct SendZc<B> {
    fd: AnyFd,
    buffer: B,
    address: Option<SocketAddress>,
    flags: i32,
}

/// Sends bytes through a connected socket without copying them: `IORING_OP_SEND_ZC`.
/// Since Linux 6.0.
///
/// The network reads them out of the buffer itself, so the buffer comes back only when it has let
/// go of them: the result is the number of bytes that were taken, as for [`send`](super::send()),
/// and a [`Returning`](super::Returning) buffer. That pays for large buffers only, and over a real
/// network: to a peer on the same machine the kernel copies nevertheless. See
/// [`ZeroCopy::or_copy`]. `flags` are those of [`send`](super::send()).
///
/// # Errors
///
/// Those of send(2), `EOPNOTSUPP` if the socket is of a kind that cannot do this, such as a Unix
/// socket, and `ECANCELED` if it was cancelled; each with the buffer.
///
/// # Cancel safety
///
/// If it is dropped, all of the bytes may have been sent, or the first of them, or none.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let socket = SharedFd::from(OwnedFd::from(socket));
/// pool.block_on(async {
///     let (count, returning) = op::send_zc(&socket, vec![7; 30_000], 0).await?;
///     println!("{count} bytes are on their way");
///     let buffer = returning.await;
///     assert_eq!(buffer.len(), 30_000);
///     Ok(())
/// })
/// # }
/// ```
pub fn send_zc<B: IoBuf>(fd: &impl Descriptor, buffer: B, flags: i32) -> ZeroCopy<SendZc<B>> {
    let (fd, flags) = (fd.to_any_fd(), checked(flags));
    ZeroCopy::new(SendZc { fd, buffer, address: None, flags })
}

/// Sends a datagram to an address without copying it: `IORING_OP_SEND_ZC`. Since Linux 6.0.
///
/// As [`send_zc`] otherwise.
///
/// # Errors
///
/// Those of sendto(2), and as for [`send_zc`].
///
/// # Cancel safety
///
/// If it is dropped, the datagram may have been sent.
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
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// let address = receiver.local_addr()?;
/// let socket = SharedFd::from(OwnedFd::from(UdpSocket::bind("127.0.0.1:0")?));
/// pool.block_on(async {
///     let (count, _) = op::sendto_zc(&socket, "hello", address, 0).await?;
///     assert_eq!(count, 5);
///     Ok::<_, std::io::Error>(())
/// })?;
/// assert_eq!(receiver.recv(&mut [0; 16])?, 5);
/// # Ok(())
/// # }
/// ```
pub fn sendto_zc<B: IoBuf>(
    fd: &impl Descriptor,
    buffer: B,
    address: SocketAddr,
    flags: i32,
) -> ZeroCopy<SendZc<B>> {
    let (fd, flags) = (fd.to_any_fd(), checked(flags));
    ZeroCopy::new(SendZc { fd, buffer, address: Some(address.into()), flags })
}

/// The flags that are good for both manners of sending.
///
/// A peer that is gone is an error, never a signal; and `MSG_ZEROCOPY` has its own way to tell that
/// the buffer is free, which nobody here would listen to.
fn checked(flags: i32) -> i32 {
    (flags | libc::MSG_NOSIGNAL) & !(libc::MSG_ZEROCOPY | MSG_CMSG_COMPAT)
}

/// The address as an entry has it.
fn parts_of(address: Option<&SocketAddress>) -> (*const libc::sockaddr, libc::socklen_t) {
    address.map_or((ptr::null(), 0), |address| (address.ptr(), address.len()))
}

// SAFETY: the entry points to the buffer and the address, which are part of `self`; the buffer's
// trait promises that its bytes stay as long as nobody touches it.
unsafe impl<B: IoBuf> Sending for SendZc<B> {
    type Buffer = B;

    fn entry(&mut self, start: &mut Start<'_>, manner: Manner) -> io::Result<squeue::Entry> {
        let fd = start.target(&self.fd)?;
        let (bytes, len) = (self.buffer.ptr(), entry_len(self.buffer.initialized_len()));
        let (address, address_len) = parts_of(self.address.as_ref());
        Ok(match manner {
            Manner::ZeroCopy(zc_flags) => opcode::SendZc::new(fd, bytes, len)
                .flags(self.flags)
                .zc_flags(zc_flags)
                .dest_addr(address)
                .dest_addr_len(address_len)
                .build(),
            Manner::Copying => opcode::Send::new(fd, bytes, len)
                .flags(self.flags)
                .dest_addr(address)
                .dest_addr_len(address_len)
                .build(),
        })
    }

    fn len(&self) -> usize {
        self.buffer.initialized_len()
    }

    fn into_buffer(self) -> B {
        self.buffer
    }
}

/// See [`sendmsg_zc`].
#[derive(Debug)]
pub struct SendMsgZc<B> {
    fd: AnyFd,
    buffers: B,
    address: Option<SocketAddress>,
    flags: i32,
    vectors: IoVecs,
    header: Header,
}

/// The kernel's description of a message.
struct Header(libc::msghdr);

// SAFETY: the pointers are not followed by us, and what they point to is `Send`.
unsafe impl Send for Header {}

impl Header {
    fn empty() -> Self {
        // SAFETY: null pointers and zeros are a message of nothing.
        Self(unsafe { std::mem::zeroed() })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").finish_non_exhaustive()
    }
}

/// Sends the bytes of several buffers, one after the other, without copying them, to an address or
/// to the peer: `IORING_OP_SENDMSG_ZC`. Since Linux 6.1.
///
/// To a datagram socket they are one datagram. As [`send_zc`] otherwise.
///
/// # Errors
///
/// Those of sendmsg(2), with the buffers, and as for [`send_zc`];
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more than 1024.
///
/// # Cancel safety
///
/// If it is dropped, all of the bytes may have been sent, or the first of them, or none.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let socket = SharedFd::from(OwnedFd::from(socket));
/// pool.block_on(async {
///     let parts = vec!["salt", " and ", "pepper"];
///     let (count, returning) = op::sendmsg_zc(&socket, parts, None, 0).await?;
///     assert_eq!(count, 15);
///     assert_eq!(returning.await.concat(), "salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn sendmsg_zc<B: IoBufs>(
    fd: &impl Descriptor,
    buffers: B,
    address: Option<SocketAddr>,
    flags: i32,
) -> ZeroCopy<SendMsgZc<B>> {
    let (vectors, header) = (IoVecs::default(), Header::empty());
    let (fd, address, flags) = (fd.to_any_fd(), address.map(SocketAddress::from), checked(flags));
    ZeroCopy::new(SendMsgZc { fd, buffers, address, flags, vectors, header })
}

// SAFETY: the entry points to the header, and that to the address and the list of vectors, which
// points to the buffers; the operation owns them all and leaves the vectors that hold them alone.
unsafe impl<B: IoBufs> Sending for SendMsgZc<B> {
    type Buffer = B;

    fn entry(&mut self, start: &mut Start<'_>, manner: Manner) -> io::Result<squeue::Entry> {
        let fd = start.target(&self.fd)?;
        self.vectors = IoVecs::to_write_from(&self.buffers)?;
        let (address, address_len) = parts_of(self.address.as_ref());
        let Header(header) = &mut self.header;
        header.msg_name = address.cast_mut().cast();
        header.msg_namelen = address_len;
        header.msg_iov = self.vectors.as_ptr().cast_mut();
        header.msg_iovlen = self.vectors.len() as _;
        let (header, flags) = (&raw const self.header.0, self.flags as u32);
        Ok(match manner {
            Manner::ZeroCopy(zc_flags) => {
                opcode::SendMsgZc::new(fd, header).ioprio(zc_flags).flags(flags).build()
            }
            Manner::Copying => opcode::SendMsg::new(fd, header).flags(flags).build(),
        })
    }

    fn len(&self) -> usize {
        let mut len = 0;
        self.buffers.for_each(&mut |buffer| len += buffer.initialized_len());
        len
    }

    fn into_buffer(self) -> B {
        self.buffers
    }
}
