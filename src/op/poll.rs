//! Waiting until a descriptor is ready.

use std::io;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, Start};

/// See [`poll_add`].
#[derive(Debug)]
pub struct PollAdd {
    fd: AnyFd,
    events: libc::c_short,
}

/// Waits until a descriptor is ready for one of `events`: `IORING_OP_POLL_ADD`. Since Linux 5.1.
///
/// It gives what it is ready for, once. Both masks are those of poll(2); as there,
/// [`POLLERR`](libc::POLLERR) and [`POLLHUP`](libc::POLLHUP) are told of in any case. It works with
/// everything that poll(2) works with: sockets, pipes, eventfds, timerfds, terminals, devices.
///
/// # Errors
///
/// Those of poll(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing can be lost: what the descriptor is ready for stays there.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// writer.write_all(b"x")?;
/// let ready = pool.block_on(op::poll_add(&reader, libc::POLLIN))?;
/// assert_eq!(ready, libc::POLLIN);
/// # Ok(())
/// # }
/// ```
pub fn poll_add(fd: &impl Descriptor, events: libc::c_short) -> Op<PollAdd> {
    Op::new(PollAdd { fd: fd.to_any_fd(), events })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for PollAdd {
    type Output = io::Result<libc::c_short>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        // Not sign-extended: the bits above are flags of the kernel's own.
        Ok(opcode::PollAdd::new(start.target(&self.fd)?, u32::from(self.events as u16)).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|ready| ready as libc::c_short)
    }
}
