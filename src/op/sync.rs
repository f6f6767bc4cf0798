//! What becomes of a file's contents as a whole: written to the disk, cut or extended.

use std::io;

use io_uring::{opcode, squeue, types};

use super::{AnyFd, Descriptor, Op, Operation, Start};

/// See [`fsync`] and [`fdatasync`].
#[derive(Debug)]
pub struct Fsync {
    fd: AnyFd,
    flags: types::FsyncFlags,
}

/// Waits until the disk has a file's contents and everything about it: `IORING_OP_FSYNC`.
/// Since Linux 5.1.
///
/// It does not wait for writes that are still under way: await them first.
///
/// # Errors
///
/// Those of `fsync(2)`.
///
/// # Cancel safety
///
/// If it is dropped, the file may or may not have been written.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-fsync-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     op::write_at(&file, "kept", 0).await?;
///     op::fsync(&file).await
/// })
/// # }
/// ```
pub fn fsync(fd: &impl Descriptor) -> Op<Fsync> {
    Op::new(Fsync { fd: fd.to_any_fd(), flags: types::FsyncFlags::empty() })
}

/// Waits until the disk has a file's contents, and of the rest what is needed to read them:
/// `IORING_OP_FSYNC` with `IORING_FSYNC_DATASYNC`. Since Linux 5.1.
///
/// It does not wait for writes that are still under way: await them first.
///
/// # Errors
///
/// Those of `fdatasync(2)`.
///
/// # Cancel safety
///
/// If it is dropped, the file may or may not have been written.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-fdatasync-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     op::write_at(&file, "kept", 0).await?;
///     op::fdatasync(&file).await
/// })
/// # }
/// ```
pub fn fdatasync(fd: &impl Descriptor) -> Op<Fsync> {
    Op::new(Fsync { fd: fd.to_any_fd(), flags: types::FsyncFlags::DATASYNC })
}

// SAFETY: the entry points to nothing; the operation owns the descriptor.
unsafe impl Operation for Fsync {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Fsync::new(start.target(&self.fd)?).flags(self.flags).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`ftruncate`].
#[derive(Debug)]
pub struct Ftruncate {
    fd: AnyFd,
    len: u64,
}

/// Cuts a file to `len` bytes, or extends it with zeros: `IORING_OP_FTRUNCATE`. Since Linux 6.9.
///
/// # Errors
///
/// Those of `ftruncate(2)`; [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel.
///
/// # Cancel safety
///
/// If it is dropped, the file may or may not have the new length.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-ftruncate-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     match op::ftruncate(&file, 1 << 20).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => println!("{error}"),
///         done => done?,
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn ftruncate(fd: &impl Descriptor, len: u64) -> Op<Ftruncate> {
    Op::new(Ftruncate { fd: fd.to_any_fd(), len })
}

// SAFETY: the entry points to nothing; the operation owns the descriptor.
unsafe impl Operation for Ftruncate {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Ftruncate::new(start.target(&self.fd)?, self.len).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}
