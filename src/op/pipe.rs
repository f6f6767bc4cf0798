//! Making pipes.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use io_uring::{opcode, squeue};

use super::{Op, Operation, SharedFd, Start};

/// See [`pipe`].
#[derive(Debug)]
pub struct Pipe {
    flags: i32,
    ends: [RawFd; 2],
}

/// Makes a pipe, and gives the end to read from and the one to write to: `IORING_OP_PIPE`.
/// Since Linux 6.16.
///
/// `flags` are those of `pipe2(2)`; `O_CLOEXEC` is added. With `O_NONBLOCK` operations on the pipe
/// fail with [`WouldBlock`](io::ErrorKind::WouldBlock) instead of waiting.
///
/// # Errors
///
/// Those of `pipe2(2)`, [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing is lost; a pipe that is made after all is closed.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (reader, writer) = match op::pipe(0).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         made => made?,
///     };
///     op::write(&writer, "salt").await?;
///     let (_, buffer) = op::read(&reader, Vec::with_capacity(10)).await?;
///     assert_eq!(buffer, b"salt");
///     Ok(())
/// })
/// # }
/// ```
pub fn pipe(flags: i32) -> Op<Pipe> {
    Op::new(Pipe { flags: flags | libc::O_CLOEXEC, ends: [-1; 2] })
}

// SAFETY: the entry points to the place for the two numbers, which is part of `self`.
unsafe impl Operation for Pipe {
    type Output = io::Result<(SharedFd, SharedFd)>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Pipe::new(self.ends.as_mut_ptr()).flags(self.flags as u32).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|_| {
            // SAFETY: the kernel has just made these two for us; nobody else knows them.
            let [reader, writer] = self.ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
            (reader.into(), writer.into())
        })
    }
}
