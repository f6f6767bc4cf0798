//! Commands that a device or a kind of file has of its own.

use std::io;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{BufError, BufResult};

/// See [`uring_cmd`].
pub struct UringCmd<T> {
    fd: AnyFd,
    command: u32,
    bytes: [u8; 16],
    address: Option<u64>,
    registered_buffer: Option<u16>,
    owned: T,
}

/// Gives a file a command of its driver's own: `IORING_OP_URING_CMD`. Since Linux 5.19.
///
/// What it does, and what the result means, is the driver's affair: as for `ioctl(2)`, of which
/// this is the successor. `command` and `bytes` go to the driver; `owned` is kept until the command
/// has completed, and comes back with the result, so it is the place for what the command points
/// to. Drivers whose commands have 80 bytes (NVMe among them) cannot be reached: they want rings
/// with entries of twice the size.
///
/// # Safety
///
/// Whatever the driver does in answer to these bytes must be sound. Above all, every pointer among
/// them must be valid for what the driver does with it until the command completes, which may be
/// after the future is gone: into memory that `owned` keeps alive and in place although `owned`
/// itself is moved (a box, say), or that is there for ever. The driver must complete the command
/// once; those that complete many times need an [`Operation`](super::MultishotOperation) of their
/// own. A descriptor that the driver makes belongs to the caller.
///
/// # Errors
///
/// Those of the driver; `EOPNOTSUPP` if there is none for this kind of file. `ECANCELED` if it was
/// cancelled, which not all drivers allow. Each with `owned`.
///
/// # Cancel safety
///
/// If it is dropped, the command may have been carried out, and `owned` is lost.
///
/// # Examples
///
/// How many bytes wait in a socket, since Linux 6.7:
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// const SOCKET_URING_OP_SIOCINQ: u32 = 0;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut theirs = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let ours = SharedFd::from(OwnedFd::from(listener.accept()?.0));
/// theirs.write_all(b"salt")?;
/// pool.block_on(async {
///     op::poll_add(&ours, libc::POLLIN).await?;
///     // SAFETY: the command points to nothing, and gives a number.
///     let count = unsafe { op::uring_cmd(&ours, SOCKET_URING_OP_SIOCINQ, [0; 16], ()) };
///     match count.await {
///         Ok((count, ())) => assert_eq!(count, 4),
///         Err(error) => println!("this kernel cannot tell: {error}"),
///     }
///     Ok(())
/// })
/// # }
/// ```
pub unsafe fn uring_cmd<T: Send + 'static>(
    fd: &impl Descriptor,
    command: u32,
    bytes: [u8; 16],
    owned: T,
) -> Op<UringCmd<T>> {
    let (fd, address, registered_buffer) = (fd.to_any_fd(), None, None);
    Op::new(UringCmd { fd, command, bytes, address, registered_buffer, owned })
}

impl<T: Send + 'static> Op<UringCmd<T>> {
    /// Sets the `addr` field of the entry, which some drivers want.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Safety
    ///
    /// As for [`uring_cmd`].
    #[track_caller]
    pub unsafe fn address(self, address: u64) -> Self {
        self.adjust(|command| command.address = Some(address))
    }

    /// Names a buffer that is registered with the ring for the driver to use.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Safety
    ///
    /// As for [`uring_cmd`]; nobody else may use the part of the buffer that the driver uses.
    #[track_caller]
    pub unsafe fn registered_buffer(self, index: u16) -> Self {
        self.adjust(|command| command.registered_buffer = Some(index))
    }
}

// SAFETY: who made the operation has promised that what the entry points to stays as long as
// `owned` does, which the operation owns, as it does the descriptor.
unsafe impl<T: Send + 'static> Operation for UringCmd<T> {
    type Output = BufResult<u32, T>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::UringCmd16::new(start.target(&self.fd)?, self.command)
            .cmd(self.bytes)
            .addr(self.address)
            .buf_index(self.registered_buffer)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            Ok(answer) => Ok((answer, self.owned)),
            Err(error) => Err(BufError { error, buffer: self.owned }),
        }
    }
}

impl<T> std::fmt::Debug for UringCmd<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringCmd")
            .field("fd", &self.fd)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}
