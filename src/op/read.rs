//! Reading from files, pipes, terminals and whatever else can be read.

use std::io;

use io_uring::{opcode, squeue};

use super::position::{CURRENT, IoVecs, at};
use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{BufResult, IoBufMut, IoBufsMut, entry_len, finish_read, finish_read_vectored};

/// See [`read`] and [`read_at`].
#[derive(Debug)]
pub struct Read<B> {
    fd: AnyFd,
    buffer: B,
    position: u64,
    rw_flags: i32,
}

/// Reads from `offset` into the buffer: `IORING_OP_READ`. Since Linux 5.6.
///
/// The buffer is filled from its beginning, over whatever is there, up to its capacity; the result
/// says how many bytes were read, and 0 means the end of the file, or a buffer without room. At
/// most 2 GiB less a page are read at once. Pipes, sockets and terminals have no offsets, and
/// ignore it.
///
/// # Errors
///
/// Those of `pread(2)`, with the buffer as it was. As for every operation,
/// [`Unsupported`](io::ErrorKind::Unsupported) outside the tasks of a pool, and `ECANCELED` if it
/// was cancelled.
///
/// # Cancel safety
///
/// If it is dropped, the buffer is lost, but nothing of the file.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
///     let (count, buffer) = op::read_at(&zero, vec![1; 100], 0).await?;
///     assert_eq!((count, buffer), (100, vec![0; 100]));
///     Ok(())
/// })
/// # }
/// ```
pub fn read_at<B: IoBufMut>(fd: &impl Descriptor, buffer: B, offset: u64) -> Op<Read<B>> {
    Op::new(Read { fd: fd.to_any_fd(), buffer, position: at(offset), rw_flags: 0 })
}

/// Reads from where the file's position is, or what comes next where there is none, into the
/// buffer: `IORING_OP_READ` with offset −1. Since Linux 5.6.
///
/// The buffer is filled as by [`read_at`]. The kernel does not let operations on one position take
/// turns: two at a time may read the same bytes.
///
/// # Errors
///
/// Those of `read(2)`, with the buffer as it was.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, it may have read, and what it has read is lost.
/// [`Op::cancel`] gives it back.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let file = op::openat2(None, "/proc/self/comm", libc::O_RDONLY, 0).await?;
///     let (_, first) = op::read(&file, [0; 1]).await?;
///     let (_, whole) = op::read_at(&file, [0; 2], 0).await?;
///     let (_, second) = op::read(&file, [0; 1]).await?;
///     assert_eq!([first, second].concat(), whole);
///     Ok(())
/// })
/// # }
/// ```
pub fn read<B: IoBufMut>(fd: &impl Descriptor, buffer: B) -> Op<Read<B>> {
    Op::new(Read { fd: fd.to_any_fd(), buffer, position: CURRENT, rw_flags: 0 })
}

impl<B: IoBufMut> Op<Read<B>> {
    /// Says how to read, by flags of `preadv2(2)`, in place of those that were set before.
    ///
    /// [`RWF_NOWAIT`](libc::RWF_NOWAIT) reads only what is there at once, and fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is, since Linux 5.6;
    /// [`RWF_DONTCACHE`](libc::RWF_DONTCACHE) does not leave it in memory, since 6.14.
    /// [`RWF_HIPRI`](libc::RWF_HIPRI) is `EINVAL`, for it takes a ring that only polls disks. A
    /// flag that the kernel or the file does not know is `EOPNOTSUPP`, as is `RWF_NOWAIT` for
    /// pipes and sockets on some older kernels.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::{self, SharedFd};
    /// use std::io::ErrorKind;
    /// use std::os::fd::OwnedFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = SharedFd::from(OwnedFd::from(reader));
    /// let read = op::read(&reader, vec![0; 10]).rw_flags(libc::RWF_NOWAIT);
    /// let kind = pool.block_on(read).unwrap_err().error.kind();
    /// assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::Unsupported)); // not known there
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn rw_flags(self, flags: i32) -> Self {
        self.adjust(|read| read.rw_flags = flags)
    }
}

// SAFETY: the entry points to the buffer, which the operation owns, as it does the descriptor.
unsafe impl<B: IoBufMut> Operation for Read<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let capacity = entry_len(self.buffer.capacity());
        Ok(opcode::Read::new(start.target(&self.fd)?, self.buffer.ptr_mut(), capacity)
            .offset(self.position)
            .rw_flags(self.rw_flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_read(result, self.buffer)
    }
}

/// See [`readv`] and [`readv_at`].
#[derive(Debug)]
pub struct ReadVectored<B> {
    fd: AnyFd,
    buffers: B,
    vectors: IoVecs,
    position: u64,
    rw_flags: i32,
}

/// Reads from `offset` into several buffers, one after the other: `IORING_OP_READV`.
/// Since Linux 5.1.
///
/// They are a vector, a boxed slice or an array of buffers, or a tuple of different ones. Each is
/// filled up to its capacity before the next one is. Those that are not reached are empty
/// afterwards, as far as their type can be.
///
/// # Errors
///
/// Those of `preadv(2)`, with the buffers as they were;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more than 1024.
///
/// # Cancel safety
///
/// If it is dropped, the buffers are lost, but nothing of the file.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
///     let (count, buffers) = op::readv_at(&zero, vec![[1; 3], [2; 3]], 0).await?;
///     assert_eq!((count, buffers), (6, vec![[0; 3], [0; 3]]));
///     let head_and_body = ([9; 2], vec![9; 3]);
///     let (count, head_and_body) = op::readv_at(&zero, head_and_body, 0).await?;
///     assert_eq!((count, head_and_body), (5, ([0; 2], vec![0; 3])));
///     Ok(())
/// })
/// # }
/// ```
pub fn readv_at<B: IoBufsMut>(
    fd: &impl Descriptor,
    buffers: B,
    offset: u64,
) -> Op<ReadVectored<B>> {
    let (fd, vectors) = (fd.to_any_fd(), IoVecs::default());
    Op::new(ReadVectored { fd, buffers, vectors, position: at(offset), rw_flags: 0 })
}

/// Reads from the file's position into several buffers, one after the other: `IORING_OP_READV`
/// with offset −1. Since Linux 5.1.
///
/// The buffers are filled as by [`readv_at`]; of the position the same is true as for [`read`].
///
/// # Errors
///
/// Those of `readv(2)`, with the buffers as they were;
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more than 1024.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, it may have read, and what it has read is lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let file = op::openat2(None, "/proc/self/comm", libc::O_RDONLY, 0).await?;
///     let buffers = vec![Vec::with_capacity(1), Vec::with_capacity(100)];
///     let (count, buffers) = op::readv(&file, buffers).await?;
///     assert_eq!(count, buffers[0].len() + buffers[1].len());
///     Ok(())
/// })
/// # }
/// ```
pub fn readv<B: IoBufsMut>(fd: &impl Descriptor, buffers: B) -> Op<ReadVectored<B>> {
    let (fd, vectors) = (fd.to_any_fd(), IoVecs::default());
    Op::new(ReadVectored { fd, buffers, vectors, position: CURRENT, rw_flags: 0 })
}

impl<B: IoBufsMut> Op<ReadVectored<B>> {
    /// Says how to read, by flags of `preadv2(2)`; those of [`Read`] are told of there.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub fn rw_flags(self, flags: i32) -> Self {
        self.adjust(|read| read.rw_flags = flags)
    }
}

// SAFETY: the entry points to the list and the list to the buffers; the operation owns both, as it
// does the descriptor, and leaves the vectors that hold them alone.
unsafe impl<B: IoBufsMut> Operation for ReadVectored<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.vectors = IoVecs::to_read_into(&mut self.buffers)?;
        Ok(opcode::Readv::new(start.target(&self.fd)?, self.vectors.as_ptr(), self.vectors.len())
            .offset(self.position)
            .rw_flags(self.rw_flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_read_vectored(result, self.buffers)
    }
}
