//! Opening files.

use std::io;
use std::path::Path;

use io_uring::types::OpenHow;
use io_uring::{opcode, squeue};

use super::path::Place;
use super::{Op, Operation, SharedFd, Start};

/// See [`openat2`].
#[derive(Debug)]
pub struct OpenAt2 {
    place: Place,
    how: OpenHow,
    entry_flags: squeue::Flags,
}

/// Opens a file, relative to `directory` or to the working directory: `IORING_OP_OPENAT2`.
/// Since Linux 5.6.
///
/// `flags` are those of `open(2)`; `O_CLOEXEC` is added. `mode` counts only for flags that make a
/// file, and must be 0 otherwise.
///
/// The kernel may open a named pipe without waiting for the other end, as if `O_NONBLOCK` were
/// set: to read, reads wait for a writer then; to write, `ENXIO` says that nobody reads.
///
/// # Errors
///
/// Those of `openat2(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if the path has a zero byte
/// in it. As for every operation, [`Unsupported`](io::ErrorKind::Unsupported) outside the tasks of
/// a pool, and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// If it is dropped, the file may have been opened or made; it is closed then.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let directory = op::openat2(None, "/proc/self", libc::O_PATH, 0).await?;
///     let file = op::openat2(Some(&directory), "comm", libc::O_RDONLY, 0).await?;
///     let (count, _) = op::read_at(&file, [0; 16], 0).await?;
///     assert!(count > 0);
///     Ok(())
/// })
/// # }
/// ```
pub fn openat2(
    directory: Option<&SharedFd>,
    path: impl AsRef<Path>,
    flags: i32,
    mode: u32,
) -> Op<OpenAt2> {
    OpenAt2::make(directory, path.as_ref(), (flags, mode), squeue::Flags::empty())
}

/// As [`openat2`] of the working directory, by a thread of the kernel's, which can wait for the
/// other end of a named pipe.
pub(crate) fn openat2_waiting(path: &Path, flags: i32, mode: u32) -> Op<OpenAt2> {
    OpenAt2::make(None, path, (flags, mode), squeue::Flags::ASYNC)
}

impl OpenAt2 {
    fn make(
        directory: Option<&SharedFd>,
        path: &Path,
        (flags, mode): (i32, u32),
        entry_flags: squeue::Flags,
    ) -> Op<Self> {
        let flags = (flags | libc::O_CLOEXEC) as u32;
        let how = OpenHow::new().flags(flags.into()).mode(mode.into());
        match Place::new(directory, path) {
            Ok(place) => Op::new(Self { place, how, entry_flags }),
            Err((place, error)) => Op::refused(Self { place, how, entry_flags }, error),
        }
    }
}

impl Op<OpenAt2> {
    /// Says which ways to the file are allowed, by `RESOLVE_` flags of `openat2(2)`, in place of
    /// those that were set before.
    ///
    /// [`RESOLVE_BENEATH`](libc::RESOLVE_BENEATH) fails with `EXDEV` if the path leads out of
    /// `directory`, [`RESOLVE_IN_ROOT`](libc::RESOLVE_IN_ROOT) takes `directory` for the root,
    /// [`RESOLVE_NO_SYMLINKS`](libc::RESOLVE_NO_SYMLINKS) fails with `ELOOP` at a symbolic link,
    /// and [`RESOLVE_CACHED`](libc::RESOLVE_CACHED), since Linux 5.12, fails with
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it would take the disk to find the file. A flag
    /// that the kernel does not know is `EINVAL`.
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
    /// pool.block_on(async {
    ///     let directory = op::openat2(None, "/proc/self", libc::O_PATH, 0).await?;
    ///     let out = op::openat2(Some(&directory), "../version", libc::O_RDONLY, 0);
    ///     let error = out.resolve(libc::RESOLVE_BENEATH).await.unwrap_err();
    ///     assert_eq!(error.raw_os_error(), Some(libc::EXDEV));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn resolve(self, flags: u64) -> Self {
        self.adjust(|open| open.how = open.how.resolve(flags))
    }
}

// SAFETY: the path is on the heap and `how` in the operation itself; the operation owns both, and
// the directory.
unsafe impl Operation for OpenAt2 {
    type Output = io::Result<SharedFd>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::OpenAt2::new(self.place.directory(), self.place.path(), &raw const self.how)
            .build()
            .flags(self.entry_flags))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        SharedFd::from_result(result)
    }
}
