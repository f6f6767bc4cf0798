//! Operations that complete once.

use std::{io, ptr};

use io_uring::{opcode, squeue};

use super::{Supply, check_bundles};
use crate::buf::{BufferPool, PooledBuffer};
use crate::op::position::CURRENT;
use crate::op::{Descriptor, Op, Operation, Shot, Start};

/// See [`recv_pooled`].
#[derive(Debug)]
pub struct RecvPooled {
    pub(super) supply: Supply,
    flags: i32,
    received: Option<io::Result<PooledBuffer>>,
}

/// Receives what has arrived at a socket into a buffer of the pool: `IORING_OP_RECV` with
/// `IOSQE_BUFFER_SELECT`. Since Linux 5.19.
///
/// While it waits it has no buffer. An empty buffer means that the peer will send no more, or that
/// it sent an empty message. `flags` are those of recv(2), except for
/// [`MSG_TRUNC`](libc::MSG_TRUNC), which is ignored. The socket must not be in non-blocking mode.
///
/// # Errors
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) if something has arrived and no buffer is free; see
/// [`Op::or_wait`]. [`InvalidInput`](io::ErrorKind::InvalidInput) if the pool belongs to another
/// ring. Those of recv(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// What had been received when it was dropped is lost; its buffer goes back to the pool.
///
/// # Examples
///
/// See [`BufferPool`].
pub fn recv_pooled(fd: &impl Descriptor, pool: &BufferPool, flags: i32) -> Op<RecvPooled> {
    let supply = Supply::new(fd, pool);
    Op::new(RecvPooled { supply, flags: flags & !libc::MSG_TRUNC, received: None })
}

// SAFETY: the entry points to nothing; the kernel writes to the pool's memory, which the operation
// owns a share of, and only to what is claimed afterwards.
unsafe impl Operation for RecvPooled {
    type Output = io::Result<PooledBuffer>;

    const SEES_REAPED: bool = true;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let group = self.supply.begin(start, false)?;
        Ok(opcode::Recv::new(start.target(&self.supply.fd)?, ptr::null_mut(), 0)
            .flags(self.flags)
            .buf_group(group)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT))
    }

    fn reaped(&mut self, completion: Shot) {
        self.received = Some(self.supply.claim_one(completion));
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_one(&self.supply, self.received, result)
    }
}

/// See [`read_pooled`].
#[derive(Debug)]
pub struct ReadPooled {
    pub(super) supply: Supply,
    offset: u64,
    received: Option<io::Result<PooledBuffer>>,
}

/// Reads from where the file's position is, or from a pipe or a terminal, into a buffer of the
/// pool: `IORING_OP_READ` with `IOSQE_BUFFER_SELECT`. Since Linux 5.19.
///
/// It pays where one waits for data. While it waits it has no buffer. An empty buffer means the
/// end. The pool must not be [incremental](crate::buf::BufferPoolBuilder::incremental).
///
/// # Errors
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) if no buffer is free; see [`Op::or_wait`].
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the pool belongs to another ring or is
/// incremental. Those of read(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// What had been read when it was dropped is lost; its buffer goes back to the pool.
///
/// # Examples
///
/// ```
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// writer.write_all(b"salt")?;
/// pool.block_on(async move {
///     let buffers = BufferPool::new(4, 512)?;
///     assert_eq!(&op::read_pooled(&reader, &buffers).await?[..], b"salt");
///     Ok(())
/// })
/// # }
/// ```
pub fn read_pooled(fd: &impl Descriptor, pool: &BufferPool) -> Op<ReadPooled> {
    let supply = Supply::new(fd, pool);
    Op::new(ReadPooled { supply, offset: CURRENT, received: None })
}

// SAFETY: as for `RecvPooled`.
unsafe impl Operation for ReadPooled {
    type Output = io::Result<PooledBuffer>;

    const SEES_REAPED: bool = true;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        if self.supply.shared().is_incremental() {
            return Err(whole_buffers_only());
        }
        let group = self.supply.begin(start, false)?;
        Ok(opcode::Read::new(start.target(&self.supply.fd)?, ptr::null_mut(), 0)
            .offset(self.offset)
            .buf_group(group)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT))
    }

    fn reaped(&mut self, completion: Shot) {
        self.received = Some(self.supply.claim_one(completion));
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_one(&self.supply, self.received, result)
    }
}

/// See [`recv_bundle`].
#[derive(Debug)]
pub struct RecvBundle {
    pub(super) supply: Supply,
    flags: i32,
    received: Option<io::Result<Vec<PooledBuffer>>>,
}

/// Receives what has arrived at a stream socket into as many buffers of the pool as it takes:
/// `IORING_OP_RECV` with `IORING_RECVSEND_BUNDLE`. Since Linux 6.10.
///
/// As [`recv_pooled`] otherwise. The bytes are in the buffers in their order; none but the last has
/// room left. No buffer at all means that the peer will send no more.
///
/// # Errors
///
/// As [`recv_pooled`], and [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel.
///
/// # Cancel safety
///
/// What had been received when it was dropped is lost; its buffers go back to the pool.
///
/// # Examples
///
/// ```
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::io::ErrorKind;
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = UnixStream::pair()?;
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// pool.block_on(async move {
///     let buffers = BufferPool::new(8, 4)?;
///     op::send(&ours, "salt and pepper", 0).await?;
///     let mut received = Vec::new();
///     while received.len() < 15 {
///         match op::recv_bundle(&theirs, &buffers, 0).await {
///             Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///             bundle => bundle?.iter().for_each(|part| received.extend_from_slice(part)),
///         }
///     }
///     assert_eq!(received, b"salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn recv_bundle(fd: &impl Descriptor, pool: &BufferPool, flags: i32) -> Op<RecvBundle> {
    let supply = Supply::new(fd, pool);
    Op::new(RecvBundle { supply, flags: flags & !libc::MSG_TRUNC, received: None })
}

// SAFETY: as for `RecvPooled`.
unsafe impl Operation for RecvBundle {
    type Output = io::Result<Vec<PooledBuffer>>;

    const SEES_REAPED: bool = true;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        check_bundles(start)?;
        let group = self.supply.begin(start, true)?;
        Ok(opcode::RecvBundle::new(start.target(&self.supply.fd)?, group).flags(self.flags).build())
    }

    fn reaped(&mut self, completion: Shot) {
        self.received = Some(self.supply.claim_all(completion));
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            Ok(_) => self.received.unwrap_or(Ok(Vec::new())),
            Err(error) => Err(self.supply.explain(error)),
        }
    }
}

/// The output of an operation that has one buffer.
fn finish_one(
    supply: &Supply,
    received: Option<io::Result<PooledBuffer>>,
    result: io::Result<u32>,
) -> io::Result<PooledBuffer> {
    match result {
        Ok(_) => received.unwrap_or_else(|| Ok(PooledBuffer::empty())),
        Err(error) => Err(supply.explain(error)),
    }
}

#[cold]
fn whole_buffers_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a single read cannot take parts of incremental buffers; use a pool of whole ones, or \
         read_multishot",
    )
}
