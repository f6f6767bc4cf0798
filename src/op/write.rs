//! Writing to files, pipes, terminals and whatever else can be written.

use std::io;

use io_uring::{opcode, squeue};

use super::position::{CURRENT, IoVecs, at};
use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{BufResult, IoBuf, IoBufs, entry_len, finish_write};

/// See [`write`](write()) and [`write_at`].
#[derive(Debug)]
pub struct Write<B> {
    fd: AnyFd,
    buffer: B,
    position: u64,
    rw_flags: i32,
}

/// Writes the buffer's bytes at `offset`: `IORING_OP_WRITE`. Since Linux 5.6.
///
/// The result says how many were written, which may be fewer, and is never more than 2 GiB less a
/// page. Pipes, sockets and terminals have no offsets, and ignore it; so do files opened for
/// appending.
///
/// # Errors
///
/// Those of `pwrite(2)`, with the buffer.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
/// [`Op::cancel`] says how many.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-write-at-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     let (count, _) = op::write_at(&file, "pepper", 4).await?;
///     assert_eq!(count, 6);
///     let (_, buffer) = op::read_at(&file, Vec::with_capacity(20), 0).await?;
///     assert_eq!(buffer, b"\0\0\0\0pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn write_at<B: IoBuf>(fd: &impl Descriptor, buffer: B, offset: u64) -> Op<Write<B>> {
    Op::new(Write { fd: fd.to_any_fd(), buffer, position: at(offset), rw_flags: 0 })
}

/// Writes the buffer's bytes where the file's position is, or after what was written before where
/// there is none: `IORING_OP_WRITE` with offset −1. Since Linux 5.6.
///
/// It may write fewer, as [`write_at`] does. The kernel does not let operations on one position
/// take turns: two at a time may write to the same place.
///
/// # Errors
///
/// Those of `write(2)`, with the buffer.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
/// [`Op::cancel`] says how many.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-write-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     op::write(&file, "salt ").await?;
///     op::write(&file, String::from("and pepper")).await?;
///     let (_, buffer) = op::read_at(&file, Vec::with_capacity(20), 0).await?;
///     assert_eq!(buffer, b"salt and pepper");
///     Ok(())
/// })
/// # }
/// ```
pub fn write<B: IoBuf>(fd: &impl Descriptor, buffer: B) -> Op<Write<B>> {
    Op::new(Write { fd: fd.to_any_fd(), buffer, position: CURRENT, rw_flags: 0 })
}

impl<B: IoBuf> Op<Write<B>> {
    /// Says how to write, by flags of `pwritev2(2)`, in place of those that were set before.
    ///
    /// [`RWF_DSYNC`](libc::RWF_DSYNC) and [`RWF_SYNC`](libc::RWF_SYNC) wait until the disk has it,
    /// as [`fdatasync`](super::fdatasync) and [`fsync`](super::fsync) do;
    /// [`RWF_APPEND`](libc::RWF_APPEND) writes at the end of the file, wherever the offset is;
    /// [`RWF_NOWAIT`](libc::RWF_NOWAIT) fails with [`WouldBlock`](io::ErrorKind::WouldBlock)
    /// instead of waiting. All since Linux 5.6. [`RWF_NOAPPEND`](libc::RWF_NOAPPEND) heeds the
    /// offset also in a file opened for appending, since 6.9; [`RWF_ATOMIC`](libc::RWF_ATOMIC)
    /// writes all or nothing, since 6.11; [`RWF_DONTCACHE`](libc::RWF_DONTCACHE) does not leave it
    /// in memory, since 6.14. [`RWF_HIPRI`](libc::RWF_HIPRI) is `EINVAL`, for it takes a ring that
    /// only polls disks. A flag that the kernel or the file system does not know is `EOPNOTSUPP`.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-rwf-{}", std::process::id()));
    /// pool.block_on(async {
    ///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
    /// #   std::fs::remove_file(&path)?;
    ///     op::write_at(&file, "salt", 0).rw_flags(libc::RWF_DSYNC).await?;
    ///     op::write_at(&file, "y", 0).rw_flags(libc::RWF_APPEND).await?;
    ///     let (_, buffer) = op::read_at(&file, Vec::with_capacity(10), 0).await?;
    ///     assert_eq!(buffer, b"salty");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn rw_flags(self, flags: i32) -> Self {
        self.adjust(|write| write.rw_flags = flags)
    }
}

// SAFETY: the entry points to the buffer, which the operation owns, as it does the descriptor.
unsafe impl<B: IoBuf> Operation for Write<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let len = entry_len(self.buffer.initialized_len());
        Ok(opcode::Write::new(start.target(&self.fd)?, self.buffer.ptr(), len)
            .offset(self.position)
            .rw_flags(self.rw_flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffer)
    }
}

/// See [`writev`] and [`writev_at`].
#[derive(Debug)]
pub struct WriteVectored<B> {
    fd: AnyFd,
    buffers: B,
    vectors: IoVecs,
    position: u64,
    rw_flags: i32,
}

/// Writes the bytes of several buffers at `offset`, one after the other: `IORING_OP_WRITEV`.
/// Since Linux 5.1.
///
/// They are a vector, a boxed slice or an array of buffers, or a tuple of different ones. It may
/// write fewer bytes than they have, as [`write_at`] does.
///
/// # Errors
///
/// Those of `pwritev(2)`, with the buffers; [`InvalidInput`](io::ErrorKind::InvalidInput) if there
/// are more than 1024.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-writev-at-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     let (count, _) = op::writev_at(&file, vec!["salt", " and ", "pepper"], 0).await?;
///     assert_eq!(count, 15);
///     Ok(())
/// })
/// # }
/// ```
pub fn writev_at<B: IoBufs>(fd: &impl Descriptor, buffers: B, offset: u64) -> Op<WriteVectored<B>> {
    let (fd, vectors) = (fd.to_any_fd(), IoVecs::default());
    Op::new(WriteVectored { fd, buffers, vectors, position: at(offset), rw_flags: 0 })
}

/// Writes the bytes of several buffers at the file's position, one after the other:
/// `IORING_OP_WRITEV` with offset −1. Since Linux 5.1.
///
/// It may write fewer than they have; of the position the same is true as for [`write`](write()).
///
/// # Errors
///
/// Those of `writev(2)`, with the buffers; [`InvalidInput`](io::ErrorKind::InvalidInput) if there
/// are more than 1024.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been written.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let null = op::openat2(None, "/dev/null", libc::O_WRONLY, 0).await?;
///     let (count, _) = op::writev(&null, vec![vec![1; 10], vec![2; 20]]).await?;
///     assert_eq!(count, 30);
///     let (count, _) = op::writev(&null, ("head", vec![2; 20])).await?;
///     assert_eq!(count, 24);
///     Ok(())
/// })
/// # }
/// ```
pub fn writev<B: IoBufs>(fd: &impl Descriptor, buffers: B) -> Op<WriteVectored<B>> {
    let (fd, vectors) = (fd.to_any_fd(), IoVecs::default());
    Op::new(WriteVectored { fd, buffers, vectors, position: CURRENT, rw_flags: 0 })
}

impl<B: IoBufs> Op<WriteVectored<B>> {
    /// Says how to write, by flags of `pwritev2(2)`; those of [`Write`] are told of there.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub fn rw_flags(self, flags: i32) -> Self {
        self.adjust(|write| write.rw_flags = flags)
    }
}

// SAFETY: the entry points to the list and the list to the buffers; the operation owns both, as it
// does the descriptor, and leaves the vectors that hold them alone. The kernel only reads them.
unsafe impl<B: IoBufs> Operation for WriteVectored<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.vectors = IoVecs::to_write_from(&self.buffers)?;
        Ok(opcode::Writev::new(start.target(&self.fd)?, self.vectors.as_ptr(), self.vectors.len())
            .offset(self.position)
            .rw_flags(self.rw_flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.buffers)
    }
}
