//! What becomes of a range of a file: its room on the disk, and when it is written there.

use std::io;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, Start};

/// See [`fallocate`].
#[derive(Debug)]
pub struct Fallocate {
    fd: AnyFd,
    mode: i32,
    offset: u64,
    len: u64,
}

/// Reserves room on the disk for a range of a file, or gives it up: `IORING_OP_FALLOCATE`.
/// Since Linux 5.6.
///
/// With `mode` 0 writes into the range cannot fail for want of room any more, and the file is
/// extended to its end. The other modes are those of `fallocate(2)`:
/// [`FALLOC_FL_KEEP_SIZE`](libc::FALLOC_FL_KEEP_SIZE) leaves the length as it is,
/// [`FALLOC_FL_PUNCH_HOLE`](libc::FALLOC_FL_PUNCH_HOLE) with it makes a hole,
/// [`FALLOC_FL_ZERO_RANGE`](libc::FALLOC_FL_ZERO_RANGE) zeros. What a file system can do varies.
///
/// # Errors
///
/// Those of `fallocate(2)`; `EOPNOTSUPP` for a mode that the file system does not know. As for
/// every operation, `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// If it is dropped, the range may or may not have been changed.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-fallocate-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     op::fallocate(&file, 0, 0, 1 << 16).await?;
///     assert_eq!(op::statx(Some(&file), "", libc::AT_EMPTY_PATH).await?.len(), 1 << 16);
///     Ok(())
/// })
/// # }
/// ```
pub fn fallocate(fd: &impl Descriptor, mode: i32, offset: u64, len: u64) -> Op<Fallocate> {
    Op::new(Fallocate { fd: fd.to_any_fd(), mode, offset, len })
}

// SAFETY: the entry points to nothing; the operation owns the descriptor.
unsafe impl Operation for Fallocate {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Fallocate::new(start.target(&self.fd)?, self.len)
            .offset(self.offset)
            .mode(self.mode)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`sync_file_range`].
#[derive(Debug)]
pub struct SyncFileRange {
    fd: AnyFd,
    offset: u64,
    len: u32,
    flags: u32,
}

/// Begins or awaits the writing of a range of a file to the disk: `IORING_OP_SYNC_FILE_RANGE`.
/// Since Linux 5.2.
///
/// A `len` of 0 means up to the end. `flags` are those of `sync_file_range(2)`:
/// [`SYNC_FILE_RANGE_WRITE`](libc::SYNC_FILE_RANGE_WRITE) begins,
/// [`SYNC_FILE_RANGE_WAIT_BEFORE`](libc::SYNC_FILE_RANGE_WAIT_BEFORE) and
/// [`SYNC_FILE_RANGE_WAIT_AFTER`](libc::SYNC_FILE_RANGE_WAIT_AFTER) wait.
///
/// It spreads the work of a later [`fdatasync`](super::fdatasync), and does not replace one: it
/// neither writes what is needed to find the data again, nor makes the disk empty its own cache.
///
/// # Errors
///
/// Those of `sync_file_range(2)`: `EINVAL` for unknown flags, `ESPIPE` for what is no file.
///
/// # Cancel safety
///
/// If it is dropped, the range may or may not have been written.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-range-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     op::write_at(&file, vec![1; 10_000], 0).await?;
///     op::sync_file_range(&file, 0, 10_000, libc::SYNC_FILE_RANGE_WRITE).await?;
///     op::fdatasync(&file).await // has less to wait for
/// })
/// # }
/// ```
pub fn sync_file_range(
    fd: &impl Descriptor,
    offset: u64,
    len: u32,
    flags: u32,
) -> Op<SyncFileRange> {
    Op::new(SyncFileRange { fd: fd.to_any_fd(), offset, len, flags })
}

// SAFETY: the entry points to nothing; the operation owns the descriptor.
unsafe impl Operation for SyncFileRange {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::SyncFileRange::new(start.target(&self.fd)?, self.len)
            .offset(self.offset)
            .flags(self.flags)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}
