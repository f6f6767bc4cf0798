//! Reading into and writing from several registered buffers at once.

use std::io;

use io_uring::{opcode, squeue};

use super::position::{CURRENT, IoVecs, at};
use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{BufResult, IoBufsMut, RegisteredBufs, finish_read_vectored, finish_write};

/// See [`readv_fixed`] and [`readv_fixed_at`].
#[derive(Debug)]
pub struct ReadVectoredFixed<B> {
    fd: AnyFd,
    buffers: B,
    vectors: IoVecs,
    position: u64,
}

/// Reads from `offset` into several registered buffers of one set, or slices of them, one after the
/// other: `IORING_OP_READV_FIXED`. Since Linux 6.15.
///
/// They are a vector or an array, and are filled as by [`readv_at`](super::readv_at).
///
/// # Errors
///
/// Those of [`readv_at`](super::readv_at), with the buffers as they were;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if they are not all of one set, or not registered
/// on this ring, or if there are none.
///
/// # Cancel safety
///
/// If it is dropped, the buffers go back to their set when the kernel has finished with them, and
/// nothing of the file is lost.
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
///     let buffers = RegisteredBuffers::new(2, 512)?;
///     let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
///     let [first, second] = [(); 2].map(|()| buffers.take().expect("there are two"));
///     let (count, _) = op::readv_fixed_at(&zero, [first, second], 0).await?;
///     assert_eq!(count, 1024);
///     Ok(())
/// })
/// # }
/// ```
pub fn readv_fixed_at<B: RegisteredBufs + IoBufsMut>(
    fd: &impl Descriptor,
    buffers: B,
    offset: u64,
) -> Op<ReadVectoredFixed<B>> {
    let vectors = IoVecs::default();
    Op::new(ReadVectoredFixed { fd: fd.to_any_fd(), buffers, vectors, position: at(offset) })
}

/// Reads from the file's position into several registered buffers of one set, or slices of them:
/// `IORING_OP_READV_FIXED` with offset −1. Since Linux 6.15.
///
/// The buffers are as for [`readv_fixed_at`]; of the position the same is true as for
/// [`read`](super::read()).
///
/// # Errors
///
/// Those of [`readv_fixed_at`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, it may have read, and what it has read is lost.
///
/// # Examples
///
/// See [`readv_fixed_at`].
pub fn readv_fixed<B: RegisteredBufs + IoBufsMut>(
    fd: &impl Descriptor,
    buffers: B,
) -> Op<ReadVectoredFixed<B>> {
    let vectors = IoVecs::default();
    Op::new(ReadVectoredFixed { fd: fd.to_any_fd(), buffers, vectors, position: CURRENT })
}

// SAFETY: the entry points to the list and the list to the buffers; the operation owns both, as it
// does the descriptor, and leaves the vectors that hold them alone. The kernel takes no address
// that is not within what is registered.
unsafe impl<B: RegisteredBufs + IoBufsMut> Operation for ReadVectoredFixed<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let index = index_of(&self.buffers, start)?;
        self.vectors = IoVecs::to_read_into(&mut self.buffers)?;
        let (list, count) = (self.vectors.as_ptr(), self.vectors.len());
        Ok(opcode::ReadvFixed::new(start.target(&self.fd)?, list, count, index)
            .offset(self.position)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_read_vectored(result, self.buffers)
    }
}

/// See [`writev_fixed`] and [`writev_fixed_at`].
#[derive(Debug)]
pub struct WriteVectoredFixed<B> {
    fd: AnyFd,
    buffers: B,
    vectors: IoVecs,
    position: u64,
}

/// Writes the bytes of several registered buffers of one set, or of slices of them, at `offset`,
/// one after the other: `IORING_OP_WRITEV_FIXED`. Since Linux 6.15.
///
/// They are a vector or an array. It may write fewer bytes than they have.
///
/// # Errors
///
/// Those of [`writev_at`](super::writev_at), with the buffers;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if they are not all of one set, or not registered
/// on this ring, or if there are none.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
///
/// # Examples
///
/// See [`readv_fixed_at`].
pub fn writev_fixed_at<B: RegisteredBufs>(
    fd: &impl Descriptor,
    buffers: B,
    offset: u64,
) -> Op<WriteVectoredFixed<B>> {
    let vectors = IoVecs::default();
    Op::new(WriteVectoredFixed { fd: fd.to_any_fd(), buffers, vectors, position: at(offset) })
}

/// Writes the bytes of several registered buffers of one set, or of slices of them, at the file's
/// position: `IORING_OP_WRITEV_FIXED` with offset −1. Since Linux 6.15.
///
/// The buffers are as for [`writev_fixed_at`]; of the position the same is true as for
/// [`write`](super::write()).
///
/// # Errors
///
/// Those of [`writev_fixed_at`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
///
/// # Examples
///
/// See [`readv_fixed_at`].
pub fn writev_fixed<B: RegisteredBufs>(
    fd: &impl Descriptor,
    buffers: B,
) -> Op<WriteVectoredFixed<B>> {
    let vectors = IoVecs::default();
    Op::new(WriteVectoredFixed { fd: fd.to_any_fd(), buffers, vectors, position: CURRENT })
}

// SAFETY: the entry points to the list and the list to the buffers; the operation owns both, as it
// does the descriptor, and leaves the vectors that hold them alone. The kernel only reads them, and
// takes no address that is not within what is registered.
unsafe impl<B: RegisteredBufs> Operation for WriteVectoredFixed<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let index = index_of(&self.buffers, start)?;
        self.vectors = IoVecs::to_write_from(&self.buffers)?;
        let (list, count) = (self.vectors.as_ptr(), self.vectors.len());
        Ok(opcode::WritevFixed::new(start.target(&self.fd)?, list, count, index)
            .offset(self.position)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffers)
    }
}

/// The one buffer index that all the buffers have.
fn index_of(buffers: &impl RegisteredBufs, start: &Start<'_>) -> io::Result<u16> {
    let mut all = Ok(None);
    buffers.for_each_registered(&mut |buffer| {
        let Ok(before) = all else { return };
        all = start.registered(buffer).and_then(|index| match before {
            Some(before) if before != index => Err(not_of_one_set()),
            _ => Ok(Some(index)),
        });
    });
    all?.ok_or_else(none_to_transfer)
}

#[cold]
fn not_of_one_set() -> io::Error {
    let message = "the buffers are of several sets, and one operation takes those of one set \
                   only; transfer them in several steps, or use readv or writev";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cold]
fn none_to_transfer() -> io::Error {
    let message = "there are no buffers, and so no set that they are of";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
