//! Closing descriptors.

use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use io_uring::{opcode, squeue, types};

use super::parked::was_cancelled;
use super::{AnyFd, DirectFd, Op, Operation, Start};

/// See [`close`].
#[derive(Debug)]
pub struct Close {
    closing: Closing,
    /// The kernel was told to close it.
    was_asked: bool,
}

impl Close {
    fn new(closing: Closing) -> Self {
        Self { closing, was_asked: false }
    }
}

#[derive(Debug)]
enum Closing {
    /// A descriptor of the process.
    Owned(OwnedFd),
    /// A place in a ring's table.
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
/// Those of `close(2)`; the descriptor is gone nevertheless. Only if the kernel itself gives
/// `ECANCELED`, because it is linked to an operation that fails, the descriptor stays open for
/// ever: nobody can tell then whether the number is still its own.
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
            Ok(fd) => Op::new(Close::new(Closing::Owned(fd))),
            Err(shared) => {
                let name = format!("descriptor {}", shared.as_raw_fd());
                drop(shared);
                busy(&name)
            }
        },
        AnyFd::Direct(mut fd) => {
            if fd.is_sole() {
                return Op::new(Close::new(Closing::Direct(fd)));
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
    Op::refused(Close::new(Closing::Shared), error)
}

// SAFETY: the entry points to nothing. The descriptor is the operation's alone.
unsafe impl Operation for Close {
    type Output = io::Result<()>;

    const STOPS: bool = false;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        match &self.closing {
            Closing::Owned(fd) => Ok(opcode::Close::new(types::Fd(fd.as_raw_fd())).build()),
            Closing::Direct(fd) => Ok(opcode::Close::new(types::Fixed(start.slot(fd)?)).build()),
            Closing::Shared => unreachable!("it was refused"),
        }
    }

    fn take_flags(&mut self, _: u32) {
        self.was_asked = true;
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let is_cancelled = result.as_ref().is_err_and(was_cancelled);
        match self.closing {
            // The number may be somebody else's by now, whatever the kernel says: a file system
            // may report any error when its file is closed.
            Closing::Owned(fd) if self.was_asked => _ = fd.into_raw_fd(),
            // For places in the table this error means that it was not begun.
            Closing::Direct(mut fd) if self.was_asked && !is_cancelled => fd.give_away(),
            Closing::Owned(_) | Closing::Direct(_) | Closing::Shared => {}
        }
        result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::{FromRawFd, RawFd};

    /// A pipe of which the end to write is in an operation that has made its entry.
    fn begun() -> (io::PipeReader, Close, RawFd) {
        let (reader, writer) = io::pipe().unwrap();
        let number = writer.as_raw_fd();
        (reader, Close::new(Closing::Owned(writer.into())), number)
    }

    #[test]
    fn an_entry_that_was_not_submitted_leaves_the_descriptor_to_be_closed() {
        let cancelled = io::Error::from_raw_os_error(libc::ECANCELED);
        for error in [io::ErrorKind::Unsupported.into(), cancelled] {
            let (mut reader, close, _) = begun();
            close.finish(Err(error)).unwrap_err();
            assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0, "no end to write is open");
        }
    }

    #[test]
    fn a_number_that_the_kernel_has_answered_for_is_not_closed_again() {
        for errno in [libc::EIO, libc::ECANCELED, libc::EINTR] {
            let (mut reader, mut close, number) = begun();
            close.take_flags(0);
            close.finish(Err(io::Error::from_raw_os_error(errno))).unwrap_err();
            // SAFETY: no kernel was asked, so this is still the writer.
            let writer = unsafe { OwnedFd::from_raw_fd(number) };
            io::Write::write_all(&mut io::PipeWriter::from(writer), b"x").unwrap();
            assert_eq!(reader.read(&mut [0; 2]).unwrap(), 1);
        }
    }
}
