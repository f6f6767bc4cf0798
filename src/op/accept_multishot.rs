//! Accepting connections, one after the other, with one operation.

use std::io;

use io_uring::{opcode, squeue};

use super::{After, AnyFd, Descriptor, Multishot, MultishotOperation, SharedFd, Shot, Start};

/// See [`accept_multishot`].
#[derive(Debug)]
pub struct AcceptMultishot {
    fd: AnyFd,
}

/// Takes every connection of a listening socket, as it comes: `IORING_OP_ACCEPT` with
/// `IORING_ACCEPT_MULTISHOT`. Since Linux 5.19.
///
/// Gives the connections' descriptors, which are closed on exec; who the peer is says
/// getpeername(2). The listening socket must not be in non-blocking mode, in which the kernel does
/// not wait. When the kernel ends the operation without an error, as it does when its queue of
/// completions is full, it is armed again, and nothing is said of it.
///
/// # Errors
///
/// Those of accept(2). Most concern one connection, or pass (`ECONNABORTED`, `EMFILE`): the stream
/// gives them, and goes on when it is polled the next time. With no descriptor left (`EMFILE`,
/// `ENFILE`) that would fail at once again, so wait a little before; the connections wait in the
/// backlog. After an error that lasts (`EINVAL`: it does not listen, or has been shut down;
/// `EAGAIN`: it is in non-blocking mode), or a cancel from elsewhere, the stream is at its end.
///
/// # Cancel safety
///
/// Between two items nothing is lost. Dropping the stream closes the connections that have been
/// accepted and not taken; [`stop`](Multishot::stop) it and take the rest to lose none, or use
/// [`TcpListener::incoming`](crate::net::TcpListener::incoming), which keeps them.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// let listener = SharedFd::from(OwnedFd::from(listener));
/// pool.block_on(async {
///     let mut connections = op::accept_multishot(&listener);
///     for _ in 0..3 {
///         let _client = std::net::TcpStream::connect(address)?;
///         let connection = connections.next().await.expect("it goes on")?;
///         op::send(&connection, "hello", 0).await?;
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn accept_multishot(fd: &impl Descriptor) -> Multishot<AcceptMultishot> {
    Multishot::new(AcceptMultishot { fd: fd.to_any_fd() })
}

// SAFETY: the entry points to nothing.
unsafe impl MultishotOperation for AcceptMultishot {
    type Item = SharedFd;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::AcceptMulti::new(start.target(&self.fd)?).flags(libc::SOCK_CLOEXEC).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<SharedFd>> {
        Some(SharedFd::from_result(shot.result()))
    }

    fn after(&mut self, last: Shot) -> After {
        match last.result() {
            Err(error) if lasts(&error) => After::End,
            _ => After::Again,
        }
    }
}

/// Whether the next accept would fail in the same way, whatever time has passed.
fn lasts(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EAGAIN
                | libc::EBADF
                | libc::ECANCELED
                | libc::EFAULT
                | libc::EINVAL
                | libc::ENOTSOCK
                | libc::EOPNOTSUPP
        )
    )
}
