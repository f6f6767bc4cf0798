//! What a file system knows about a file.

use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

use io_uring::{opcode, squeue};

use super::path::Place;
use super::{Op, Operation, SharedFd, Start};
use crate::fs::Metadata;

/// See [`statx`].
pub struct Statx {
    place: Place,
    flags: i32,
    mask: u32,
    answer: MaybeUninit<libc::statx>,
}

/// What the file system knows about a file, relative to `directory` or to the working directory:
/// `IORING_OP_STATX`. Since Linux 5.6.
///
/// `flags` are those of `statx(2)`: with `AT_EMPTY_PATH` and an empty path it is `directory` itself
/// that is looked at, whatever it is; with `AT_SYMLINK_NOFOLLOW` symbolic links are not followed.
///
/// # Errors
///
/// Those of `statx(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if the path has a zero byte
/// in it.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     assert!(op::statx(None, "/dev", 0).await?.is_dir());
///     let null = op::openat2(None, "/dev/null", libc::O_RDWR, 0).await?;
///     assert!(!op::statx(Some(&null), "", libc::AT_EMPTY_PATH).await?.is_file());
///     Ok(())
/// })
/// # }
/// ```
pub fn statx(directory: Option<&SharedFd>, path: impl AsRef<Path>, flags: i32) -> Op<Statx> {
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME | libc::STATX_DIOALIGN;
    let answer = MaybeUninit::zeroed();
    match Place::new(directory, path.as_ref()) {
        Ok(place) => Op::new(Statx { place, flags, mask, answer }),
        Err((place, error)) => Op::refused(Statx { place, flags, mask, answer }, error),
    }
}

impl Op<Statx> {
    /// Says what is asked for, by `STATX_` flags, in place of all that [`Metadata`] tells.
    ///
    /// A remote file system may answer sooner if it is asked for less. What was not asked for may
    /// be out of date, or zero.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # let pool = ringpool::Pool::new(1);
    /// let kind = ringpool::op::statx(None, "/dev", 0).mask(libc::STATX_TYPE);
    /// assert!(pool.block_on(kind).unwrap().is_dir());
    /// ```
    #[track_caller]
    pub fn mask(self, mask: u32) -> Self {
        self.adjust(|statx| statx.mask = mask)
    }
}

// SAFETY: the path is on the heap and the answer's place in the operation itself; the operation
// owns both, and the directory.
unsafe impl Operation for Statx {
    type Output = io::Result<Metadata>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let answer = self.answer.as_mut_ptr().cast();
        Ok(opcode::Statx::new(self.place.directory(), self.place.path(), answer)
            .flags(self.flags)
            .mask(self.mask)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        // SAFETY: it is all numbers, and was zeroed before the kernel filled it.
        result.map(|_| Metadata::new(unsafe { self.answer.assume_init() }))
    }
}

impl std::fmt::Debug for Statx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statx").field("place", &self.place).finish_non_exhaustive()
    }
}
