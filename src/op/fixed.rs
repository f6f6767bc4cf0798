//! Reading into and writing from registered buffers.

use std::io;

use io_uring::{opcode, squeue};

use super::position::{CURRENT, at};
use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{
    BufResult, IoBufMut, Registered, RegisteredBuffer, entry_len, finish_read, finish_write,
};

/// See [`read_fixed`](read_fixed()) and [`read_fixed_at`].
#[derive(Debug)]
pub struct ReadFixed<B = RegisteredBuffer> {
    fd: AnyFd,
    buffer: B,
    position: u64,
}

/// Reads from `offset` into a registered buffer, or a slice of one: `IORING_OP_READ_FIXED`.
/// Since Linux 5.1.
///
/// It does what [`read_at`](super::read_at) does, and the kernel has less to look up.
///
/// # Errors
///
/// Those of [`read_at`](super::read_at), with the buffer as it was;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the buffer is not registered on this ring.
///
/// # Cancel safety
///
/// If it is dropped, the buffer goes back to its set when the kernel has finished with it, and
/// nothing of the file is lost.
///
/// # Examples
///
/// ```
/// use ringpool::buf::{IoBuf, RegisteredBuffers};
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-fixed-{}", std::process::id()));
/// pool.block_on(async {
///     let buffers = RegisteredBuffers::new(1, 4096)?;
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     let mut buffer = buffers.take().expect("there is one");
///     buffer[..4].copy_from_slice(b"salt");
///     let (_, part) = op::write_fixed_at(&file, buffer.slice(..4), 0).await?;
///     let (count, buffer) = op::read_fixed_at(&file, part.into_inner(), 1).await?;
///     assert_eq!((count, &buffer[..]), (3, &b"alt"[..]));
///     Ok(())
/// })
/// # }
/// ```
pub fn read_fixed_at<B: Registered + IoBufMut>(
    fd: &impl Descriptor,
    buffer: B,
    offset: u64,
) -> Op<ReadFixed<B>> {
    Op::new(ReadFixed { fd: fd.to_any_fd(), buffer, position: at(offset) })
}

/// Reads from the file's position, or what comes next where there is none, into a registered
/// buffer, or a slice of one: `IORING_OP_READ_FIXED` with offset −1. Since Linux 5.1.
///
/// It does what [`read`](super::read()) does, and the kernel has less to look up.
///
/// # Errors
///
/// Those of [`read`](super::read()), with the buffer as it was;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the buffer is not registered on this ring.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, it may have read, and what it has read is lost. The
/// buffer goes back to its set when the kernel has finished with it.
///
/// # Examples
///
/// See [`Pool::register_buffers`](crate::Pool::register_buffers).
pub fn read_fixed<B: Registered + IoBufMut>(fd: &impl Descriptor, buffer: B) -> Op<ReadFixed<B>> {
    Op::new(ReadFixed { fd: fd.to_any_fd(), buffer, position: CURRENT })
}

// SAFETY: the entry points to the buffer, which the operation owns, as it does the descriptor. The
// kernel takes no address that is not within what is registered.
unsafe impl<B: Registered + IoBufMut> Operation for ReadFixed<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let index = start.registered(self.buffer.registered())?;
        let capacity = entry_len(self.buffer.capacity());
        let bytes = self.buffer.ptr_mut();
        Ok(opcode::ReadFixed::new(start.target(&self.fd)?, bytes, capacity, index)
            .offset(self.position)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_read(result, self.buffer)
    }
}

/// See [`write_fixed`](write_fixed()) and [`write_fixed_at`].
#[derive(Debug)]
pub struct WriteFixed<B = RegisteredBuffer> {
    fd: AnyFd,
    buffer: B,
    position: u64,
}

/// Writes the bytes of a registered buffer, or of a slice of one, at `offset`:
/// `IORING_OP_WRITE_FIXED`. Since Linux 5.1.
///
/// It does what [`write_at`](super::write_at) does, and the kernel has less to look up.
///
/// # Errors
///
/// Those of [`write_at`](super::write_at), with the buffer;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the buffer is not registered on this ring.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written. The buffer
/// goes back to its set when the kernel has finished with it.
///
/// # Examples
///
/// See [`read_fixed_at`].
pub fn write_fixed_at<B: Registered>(
    fd: &impl Descriptor,
    buffer: B,
    offset: u64,
) -> Op<WriteFixed<B>> {
    Op::new(WriteFixed { fd: fd.to_any_fd(), buffer, position: at(offset) })
}

/// Writes the bytes of a registered buffer, or of a slice of one, at the file's position, or after
/// what was written before where there is none: `IORING_OP_WRITE_FIXED` with offset −1.
/// Since Linux 5.1.
///
/// It does what [`write`](super::write()) does, and the kernel has less to look up.
///
/// # Errors
///
/// Those of [`write`](super::write()), with the buffer;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the buffer is not registered on this ring.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written. The buffer
/// goes back to its set when the kernel has finished with it.
///
/// # Examples
///
/// ```
/// use ringpool::buf::RegisteredBuffers;
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let buffers = RegisteredBuffers::new(1, 4096)?;
///     let null = op::openat2(None, "/dev/null", libc::O_WRONLY, 0).await?;
///     let mut buffer = buffers.take().expect("there is one");
///     buffer.set_len(100);
///     let (count, _) = op::write_fixed(&null, buffer).await?;
///     assert_eq!(count, 100);
///     Ok(())
/// })
/// # }
/// ```
pub fn write_fixed<B: Registered>(fd: &impl Descriptor, buffer: B) -> Op<WriteFixed<B>> {
    Op::new(WriteFixed { fd: fd.to_any_fd(), buffer, position: CURRENT })
}

// SAFETY: the entry points to the buffer, which the operation owns, as it does the descriptor. The
// kernel takes no address that is not within what is registered.
unsafe impl<B: Registered> Operation for WriteFixed<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let index = start.registered(self.buffer.registered())?;
        let len = entry_len(self.buffer.initialized_len());
        let bytes = self.buffer.ptr();
        Ok(opcode::WriteFixed::new(start.target(&self.fd)?, bytes, len, index)
            .offset(self.position)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffer)
    }
}
