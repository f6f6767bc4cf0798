//! Closing descriptors.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use io_uring::{opcode, squeue, types};

use super::{AnyFd, DirectFd, Op, Operation, Start};

/// See [`close`].
#[derive(Debug)]
pub struct Close(Closing);

#[derive(Debug)]
enum Closing {
    /// It is ours, and closed in any case.
    Owned(OwnedFd),
    /// The kernel was told to close it, so the number may be somebody else's by now.
    GivenAway(RawFd),
    /// As above, but a place in a ring's table; the descriptor knows whether the kernel was told.
    Direct(DirectFd),
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
/// A direct descriptor has to be closed on its ring, and is closed all the same if this fails with
/// [`InvalidInput`](io::ErrorKind::InvalidInput) on another. The kernel does not say of one what
/// became of earlier writes.
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
pub fn close(fd: impl Into<AnyFd>) -> Op<Close> {
    match fd.into() {
        AnyFd::Shared(fd) => match fd.try_into_owned() {
            Ok(fd) => Op::new(Close(Closing::Owned(fd))),
            Err(shared) => {
                let name = format!("descriptor {}", shared.as_raw_fd());
                drop(shared);
                busy(&name)
            }
        },
        AnyFd::Direct(mut fd) => {
            if fd.is_sole() {
                return Op::new(Close(Closing::Direct(fd)));
            }
            let name = format!("direct descriptor {}", fd.slot());
            drop(fd);
            busy(&name)
        }
    }
}

fn busy(name: &str) -> Op<Close> {
    let message = format!(
        "{name} has other owners, such as operations under way; it is closed when the last of \
         them goes"
    );
    let error = io::Error::new(io::ErrorKind::ResourceBusy, message);
    Op::refused(Close(Closing::Shared), error)
}

// SAFETY: the entry points to nothing. The descriptor is the operation's alone.
unsafe impl Operation for Close {
    type Output = io::Result<()>;

    const STOPS: bool = false;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        if let Closing::Direct(fd) = &mut self.0 {
            let slot = start.slot(fd)?;
            fd.set_given_away(true);
            return Ok(opcode::Close::new(types::Fixed(slot)).build());
        }
        Ok(opcode::Close::new(types::Fd(self.give_away())).build())
    }

    /// Whatever the kernel has answered, the number is never closed again: it may be another
    /// file's. The one descriptor that stays open is that of a close which the end of the pool
    /// overtook while it was waiting for a slow file system.
    ///
    /// Closing a place in a table asks no file system, so there it is known that a close which was
    /// cancelled has not begun.
    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let errno = result.as_ref().err().map(io::Error::raw_os_error);
        match (self.0, errno) {
            (Closing::GivenAway(number), Some(None)) => {
                // SAFETY: an error that is not the kernel's means that the entry was not submitted,
                // so the descriptor is still the one we owned.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
            (Closing::Direct(mut fd), Some(None | Some(libc::ECANCELED))) => {
                fd.set_given_away(false);
            }
            _ => {}
        }
        result.map(drop)
    }
}

impl Close {
    /// From here on the kernel closes it.
    fn give_away(&mut self) -> RawFd {
        let number = match std::mem::replace(&mut self.0, Closing::Shared) {
            Closing::Owned(fd) => fd.into_raw_fd(),
            _ => unreachable!("an entry is made once, of a descriptor of the process"),
        };
        self.0 = Closing::GivenAway(number);
        number
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
