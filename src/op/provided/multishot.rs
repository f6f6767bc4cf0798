//! Streams of what arrives, each piece in a buffer of a pool.

use std::io;
use std::task::{Context, Poll};

use io_uring::{opcode, squeue};

use super::{Supply, check_bundles, gives_messages};
use crate::buf::{BufferPool, PooledBuffer};
use crate::op::position::CURRENT;
use crate::op::{After, Descriptor, Multishot, MultishotOperation, Shot, Start};

/// See [`recv_multishot`].
#[derive(Debug)]
pub struct RecvMultishot {
    supply: Supply,
    flags: i32,
    gives_messages: bool,
}

/// Receives from a socket again and again, each time into a buffer of the pool:
/// `IORING_OP_RECV` with `IORING_RECV_MULTISHOT`. Since Linux 6.0.
///
/// The stream ends when the peer will send no more, and after an error. Of sockets that give
/// messages it ends only when the ring stops; a message that is longer than a buffer is cut off.
/// `flags` are those of recv(2), except for [`MSG_TRUNC`](libc::MSG_TRUNC), which is ignored, and
/// [`MSG_WAITALL`](libc::MSG_WAITALL), which the kernel refuses. The socket must not be in
/// non-blocking mode.
///
/// If no buffer is free, the stream waits until one comes back; see
/// [`WhenEmpty`](crate::buf::WhenEmpty). What has arrived stays in the socket meanwhile. Of a
/// [direct descriptor](crate::op::DirectFd) an empty message is taken for the end.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the pool belongs to another ring. Those of
/// recv(2).
///
/// # Cancel safety
///
/// What has been received waits in the stream; dropping the stream loses it, and its buffers go
/// back to the pool.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (mut peer, socket) = UnixStream::pair()?;
/// let socket = SharedFd::from(OwnedFd::from(socket));
/// peer.write_all(b"salt and pepper")?;
/// drop(peer);
/// pool.block_on(async move {
///     let buffers = BufferPool::new(2, 4)?;
///     let mut pieces = op::recv_multishot(&socket, &buffers, 0);
///     let mut received = Vec::new();
///     while let Some(piece) = pieces.next().await {
///         received.extend_from_slice(&piece?);
///     }
///     assert_eq!(received, b"salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn recv_multishot(
    fd: &impl Descriptor,
    pool: &BufferPool,
    flags: i32,
) -> Multishot<RecvMultishot> {
    let supply = Supply::new(fd, pool);
    let gives_messages = gives_messages(&supply.fd);
    Multishot::new(RecvMultishot { supply, flags: flags & !libc::MSG_TRUNC, gives_messages })
}

// SAFETY: the entry points to nothing; the kernel writes to the pool's memory, which the operation
// owns a share of, and only to what is claimed afterwards.
unsafe impl MultishotOperation for RecvMultishot {
    type Item = PooledBuffer;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let group = self.supply.begin(start, false)?;
        Ok(opcode::RecvMulti::new(start.target(&self.supply.fd)?, group).flags(self.flags).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<PooledBuffer>> {
        let received = self.supply.claim_one(shot);
        match shot.result() {
            Ok(0) if !self.gives_messages => None,
            Ok(_) => Some(received),
            Err(error) => self.supply.failed(error),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.supply.poll_ready(cx)
    }

    fn after(&mut self, last: Shot) -> After {
        match last.result() {
            Ok(0) if !self.gives_messages => After::End,
            Ok(_) => After::Again,
            Err(error) => self.supply.after_failure(&error, self.gives_messages),
        }
    }
}

/// See [`recv_bundle_multishot`].
#[derive(Debug)]
pub struct RecvBundleMultishot {
    supply: Supply,
    flags: i32,
}

/// Receives from a stream socket again and again, each time into as many buffers of the pool as it
/// takes: `IORING_OP_RECV` with `IORING_RECV_MULTISHOT` and `IORING_RECVSEND_BUNDLE`.
/// Since Linux 6.10.
///
/// As [`recv_multishot`] otherwise. The bytes are in the buffers in their order.
///
/// # Errors
///
/// As [`recv_multishot`], and [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel.
///
/// # Cancel safety
///
/// As [`recv_multishot`].
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::io::{ErrorKind, Write};
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (mut peer, socket) = UnixStream::pair()?;
/// let socket = SharedFd::from(OwnedFd::from(socket));
/// peer.write_all(b"salt and pepper")?;
/// drop(peer);
/// pool.block_on(async move {
///     let buffers = BufferPool::new(8, 4)?;
///     let mut bundles = op::recv_bundle_multishot(&socket, &buffers, 0);
///     let mut received = Vec::new();
///     while let Some(bundle) = bundles.next().await {
///         match bundle {
///             Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///             bundle => bundle?.iter().for_each(|part| received.extend_from_slice(part)),
///         }
///     }
///     assert_eq!(received, b"salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn recv_bundle_multishot(
    fd: &impl Descriptor,
    pool: &BufferPool,
    flags: i32,
) -> Multishot<RecvBundleMultishot> {
    let supply = Supply::new(fd, pool);
    Multishot::new(RecvBundleMultishot { supply, flags: flags & !libc::MSG_TRUNC })
}

// SAFETY: as for `RecvMultishot`.
unsafe impl MultishotOperation for RecvBundleMultishot {
    type Item = Vec<PooledBuffer>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        check_bundles(start)?;
        let group = self.supply.begin(start, true)?;
        let target = start.target(&self.supply.fd)?;
        Ok(opcode::RecvMultiBundle::new(target, group).flags(self.flags).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<Vec<PooledBuffer>>> {
        let received = self.supply.claim_all(shot);
        match shot.result() {
            Ok(0) => None,
            Ok(_) => Some(received),
            Err(error) => self.supply.failed(error),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.supply.poll_ready(cx)
    }

    fn after(&mut self, last: Shot) -> After {
        match last.result() {
            Ok(0) => After::End,
            Ok(_) => After::Again,
            Err(error) => self.supply.after_failure(&error, false),
        }
    }
}

/// See [`read_multishot`].
#[derive(Debug)]
pub struct ReadMultishot {
    supply: Supply,
}

/// Reads from a pipe, a terminal, a tun device or the like again and again, each time into a buffer
/// of the pool: `IORING_OP_READ_MULTISHOT`. Since Linux 6.7.
///
/// The stream ends when the other side is closed, and after an error. If no buffer is free, it
/// waits until one comes back; see [`WhenEmpty`](crate::buf::WhenEmpty). What one reads from must
/// not be in non-blocking mode.
///
/// # Errors
///
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the pool belongs to another ring,
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, `EBADFD` for files that one need
/// not wait for. Those of read(2).
///
/// # Cancel safety
///
/// What has been read waits in the stream; dropping the stream loses it, and its buffers go back to
/// the pool.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::io::{ErrorKind, Write};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// writer.write_all(b"salt")?;
/// drop(writer);
/// pool.block_on(async move {
///     let buffers = BufferPool::new(4, 512)?;
///     let mut pieces = op::read_multishot(&reader, &buffers);
///     match pieces.next().await {
///         Some(Err(error)) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///         piece => assert_eq!(&piece.expect("salt")?[..], b"salt"),
///     }
///     assert!(pieces.next().await.is_none());
///     Ok(())
/// })
/// # }
/// ```
pub fn read_multishot(fd: &impl Descriptor, pool: &BufferPool) -> Multishot<ReadMultishot> {
    Multishot::new(ReadMultishot { supply: Supply::new(fd, pool) })
}

// SAFETY: as for `RecvMultishot`.
unsafe impl MultishotOperation for ReadMultishot {
    type Item = PooledBuffer;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let group = self.supply.begin(start, false)?;
        let target = start.target(&self.supply.fd)?;
        Ok(opcode::ReadMulti::new(target, 0, group).offset(CURRENT).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<PooledBuffer>> {
        let read = self.supply.claim_one(shot);
        match shot.result() {
            Ok(0) => None,
            Ok(_) => Some(read),
            Err(error) => self.supply.failed(error),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.supply.poll_ready(cx)
    }

    fn after(&mut self, last: Shot) -> After {
        match last.result() {
            Ok(0) => After::End,
            Ok(_) => After::Again,
            Err(error) => self.supply.after_failure(&error, false),
        }
    }
}
