//! Opening files as programs have always done.

use std::io;
use std::path::Path;

use io_uring::{opcode, squeue};

use super::path::Place;
use super::{Op, Operation, SharedFd, Start};

/// See [`openat`].
#[derive(Debug)]
pub struct OpenAt {
    place: Place,
    flags: i32,
    mode: u32,
}

/// Opens a file, relative to `directory` or to the working directory: `IORING_OP_OPENAT`.
/// Since Linux 5.6.
///
/// `flags` and `mode` are those of `open(2)`; `O_CLOEXEC` is added. It differs from
/// [`openat2`](super::openat2()) in what it lets pass: flags that the kernel does not know, and a
/// mode that has no meaning.
///
/// # Errors
///
/// Those of `openat(2)`; [`InvalidInput`](io::ErrorKind::InvalidInput) if the path has a zero byte
/// in it; `ECANCELED` if it was cancelled.
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
///     let null = op::openat(None, "/dev/null", libc::O_WRONLY, 0o644).await?;
///     assert_eq!(op::write(&null, "gone").await?.0, 4);
///     Ok(())
/// })
/// # }
/// ```
pub fn openat(
    directory: Option<&SharedFd>,
    path: impl AsRef<Path>,
    flags: i32,
    mode: u32,
) -> Op<OpenAt> {
    let flags = flags | libc::O_CLOEXEC;
    match Place::new(directory, path.as_ref()) {
        Ok(place) => Op::new(OpenAt { place, flags, mode }),
        Err((place, error)) => Op::refused(OpenAt { place, flags, mode }, error),
    }
}

// SAFETY: the path is on the heap; the operation owns it and the directory.
unsafe impl Operation for OpenAt {
    type Output = io::Result<SharedFd>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::OpenAt::new(self.place.directory(), self.place.path())
            .flags(self.flags)
            .mode(self.mode)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        SharedFd::from_result(result)
    }
}
