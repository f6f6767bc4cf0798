//! Closing descriptors.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use io_uring::{opcode, squeue, types};

use super::{Op, Operation, SharedFd, Start};

/// See [`close`].
#[derive(Debug)]
pub struct Close(Closing);

#[derive(Debug)]
enum Closing {
    /// It is ours, and closed in any case.
    Owned(OwnedFd),
    /// The kernel was told to close it, so the number may be somebody else's by now.
    GivenAway(RawFd),
    /// Others use it.
    Shared,
}

/// Closes a descriptor and says whether that went well: `IORING_OP_CLOSE`. Since Linux 5.6.
///
/// Some file systems report only here that earlier writes have failed. Dropping the descriptor
/// closes it as well, but blocks the thread if the file system is slow, and says nothing.
///
/// # Errors
///
/// Those of `close(2)`; the descriptor is gone nevertheless.
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy) if there are other owners, such as operations
/// under way: it is closed when the last of them goes.
///
/// # Cancel safety
///
/// The descriptor is closed in any case: a close that has begun is not cancelled, neither by
/// dropping it nor by [`Op::cancel`].
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let file = op::openat2(None, "/dev/null", libc::O_RDWR, 0).await?;
///     op::close(file).await
/// })
/// # }
/// ```
pub fn close(fd: SharedFd) -> Op<Close> {
    match fd.try_into_owned() {
        Ok(fd) => Op::new(Close(Closing::Owned(fd))),
        Err(shared) => {
            let number = shared.as_raw_fd();
            drop(shared);
            let message = format!(
                "descriptor {number} has other owners, such as operations under way; it is closed \
                 when the last of them goes"
            );
            let error = io::Error::new(io::ErrorKind::ResourceBusy, message);
            Op::refused(Close(Closing::Shared), error)
        }
    }
}

impl Close {
    /// From here on the kernel closes it.
    fn give_away(&mut self) -> RawFd {
        let number = match std::mem::replace(&mut self.0, Closing::Shared) {
            Closing::Owned(fd) => fd.into_raw_fd(),
            Closing::GivenAway(_) | Closing::Shared => unreachable!("an entry is made once"),
        };
        self.0 = Closing::GivenAway(number);
        number
    }
}

// SAFETY: the entry points to nothing. The descriptor is the operation's alone.
unsafe impl Operation for Close {
    type Output = io::Result<()>;

    const STOPS: bool = false;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Close::new(types::Fd(self.give_away())).build())
    }

    /// Whatever the kernel has answered, the number is never closed again: it may be another
    /// file's. The one descriptor that stays open is that of a close which the end of the pool
    /// overtook while it was waiting for a slow file system.
    fn finish(self, result: io::Result<u32>) -> Self::Output {
        if let (Closing::GivenAway(number), Err(error)) = (&self.0, &result)
            && error.raw_os_error().is_none()
        {
            // SAFETY: an error that is not the kernel's means that the entry was not submitted, so
            // the descriptor is still the one we owned.
            drop(unsafe { OwnedFd::from_raw_fd(*number) });
        }
        result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A pipe of which the end to write is in an operation that has made its entry.
    fn begun() -> (io::PipeReader, Close) {
        let (reader, writer) = io::pipe().unwrap();
        let mut close = Close(Closing::Owned(writer.into()));
        close.give_away();
        (reader, close)
    }

    #[test]
    fn an_entry_that_was_not_submitted_leaves_the_descriptor_to_be_closed() {
        let (mut reader, close) = begun();
        close.finish(Err(io::ErrorKind::Unsupported.into())).unwrap_err();
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0, "no end to write is open");
    }

    #[test]
    fn a_number_that_the_kernel_has_answered_for_is_not_closed_again() {
        for errno in [libc::EIO, libc::ECANCELED, libc::EINTR] {
            let (mut reader, close) = begun();
            let Closing::GivenAway(number) = close.0 else { panic!("the entry is made") };
            close.finish(Err(io::Error::from_raw_os_error(errno))).unwrap_err();
            // SAFETY: no kernel was asked, so this is still the writer.
            let writer = unsafe { OwnedFd::from_raw_fd(number) };
            io::Write::write_all(&mut io::PipeWriter::from(writer), b"x").unwrap();
            assert_eq!(reader.read(&mut [0; 2]).unwrap(), 1);
        }
    }
}
