//! Waiting until a descriptor is ready.

use std::io;

use io_uring::{opcode, squeue};

use super::{After, AnyFd, Descriptor, Multishot, MultishotOperation, Op, Operation, Shot, Start};

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
        Ok(opcode::PollAdd::new(start.target(&self.fd)?, mask(self.events)).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|ready| ready as libc::c_short)
    }
}

/// Not sign-extended: the bits above are flags of the kernel's own.
fn mask(events: libc::c_short) -> u32 {
    u32::from(events as u16)
}

/// See [`poll_multishot`].
#[derive(Debug)]
pub struct PollMultishot {
    fd: AnyFd,
    events: libc::c_short,
}

/// Tells each time a descriptor becomes ready for one of `events`: `IORING_OP_POLL_ADD` with
/// `IORING_POLL_ADD_MULTI`. Since Linux 5.13.
///
/// The masks are those of [`poll_add`]. It is *edge-triggered*, as `EPOLLET` is: what the
/// descriptor is ready for is told once when the stream is armed, and then each time something
/// new happens, not as long as it is ready. So read until nothing is left before you wait for the
/// next item. One item may stand for several events, and an item may come although what it tells
/// of has been read already. When the kernel ends the operation without an error, it is armed
/// again, which tells what is ready by then.
///
/// # Errors
///
/// Those of poll(2), and `ECANCELED` if it was cancelled from elsewhere. After one the stream is at
/// its end.
///
/// # Cancel safety
///
/// Nothing can be lost: what the descriptor is ready for stays there, and a new stream tells of it.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// pool.block_on(async {
///     let mut ready = op::poll_multishot(&reader, libc::POLLIN);
///     for text in ["salt", "pepper"] {
///         writer.write_all(text.as_bytes())?;
///         assert_eq!(ready.next().await.expect("it goes on")?, libc::POLLIN);
///         let (count, _) = op::read(&reader, vec![0; 16]).await?;
///         assert_eq!(count, text.len());
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn poll_multishot(fd: &impl Descriptor, events: libc::c_short) -> Multishot<PollMultishot> {
    Multishot::new(PollMultishot { fd: fd.to_any_fd(), events })
}

// SAFETY: the entry points to nothing.
unsafe impl MultishotOperation for PollMultishot {
    type Item = libc::c_short;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let target = start.target(&self.fd)?;
        Ok(opcode::PollAdd::new(target, mask(self.events)).multi(true).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<libc::c_short>> {
        Some(shot.result().map(|ready| ready as libc::c_short))
    }

    fn after(&mut self, last: Shot) -> After {
        if last.result().is_ok() { After::Again } else { After::End }
    }
}
