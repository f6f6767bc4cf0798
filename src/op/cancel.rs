//! Stopping operations by what they are about.

use std::io;

use io_uring::{opcode, squeue, types};

use super::fields::change;
use super::{AnyFd, Descriptor, Op, Operation, Start};

/// `IORING_ASYNC_CANCEL_ALL`
const ALL: u32 = 1 << 0;
/// `IORING_ASYNC_CANCEL_ANY`
const ANY: u32 = 1 << 2;
/// `IORING_ASYNC_CANCEL_OP`
const OPCODE: u32 = 1 << 5;

/// See [`cancel_fd`], [`cancel_opcode`] and [`cancel_all`].
#[derive(Debug)]
pub struct Cancel(Which);

#[derive(Debug)]
enum Which {
    Fd(AnyFd),
    Opcode(u8),
    All,
}

/// Stops all operations on a file that the ring has under way: `IORING_OP_ASYNC_CANCEL` with
/// `IORING_ASYNC_CANCEL_FD`. Since Linux 5.19.
///
/// It is about the ring of the thread that polls it first, and about whatever operations are on
/// the file there, also those of other tasks and through other descriptors of the same file. They
/// end as after [`Op::cancel`]: with what they have done, or with
/// [`ECANCELED`](libc::ECANCELED). Those on other rings go on; so do those that the kernel cannot
/// stop, and may those that begin at the same time. To stop an operation of one's own
/// [`Op::cancel`] is better, which does not miss it.
///
/// It gives how many times the kernel has found something to stop, 0 if nothing.
///
/// # Errors
///
/// `ECANCELED` if it was cancelled itself.
///
/// # Cancel safety
///
/// If it is dropped, the operations may or may not have been stopped.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, _writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// pool.block_on(async {
///     let read = op::read(&reader, vec![0; 10]);
///     let (read, cancelled) = futures::join!(read, op::cancel_fd(&reader));
///     assert_eq!(cancelled?, 1);
///     assert_eq!(read.unwrap_err().error.raw_os_error(), Some(libc::ECANCELED));
///     Ok(())
/// })
/// # }
/// ```
pub fn cancel_fd(fd: &impl Descriptor) -> Op<Cancel> {
    Op::new(Cancel(Which::Fd(fd.to_any_fd())))
}

/// Stops all operations of one kind that the ring has under way: `IORING_OP_ASYNC_CANCEL` with
/// `IORING_ASYNC_CANCEL_OP`. Since Linux 6.7; that of 6.6 could do it, but does not tell.
///
/// `opcode` is a `CODE` of [`raw::opcode`](super::raw::opcode). It is about the whole ring of the
/// thread that polls it first, also about operations of other tasks, which get `ECANCELED` without
/// having asked for it: a server may drain with it, a library should not use it. In the rest it is
/// like [`cancel_fd`].
///
/// # Errors
///
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel; `ECANCELED` if it was cancelled
/// itself.
///
/// # Cancel safety
///
/// If it is dropped, the operations may or may not have been stopped.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, raw::opcode};
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let timeout = op::timeout(Duration::from_secs(1));
///     let cancel = op::cancel_opcode(opcode::Timeout::CODE);
///     let (timeout, cancelled) = futures::join!(timeout, cancel);
///     match cancelled {
///         Ok(count) => assert_eq!((count, timeout.is_err()), (1, true)),
///         Err(error) => assert!(timeout.is_ok(), "before Linux 6.7: {error}"),
///     }
/// });
/// ```
pub fn cancel_opcode(opcode: u8) -> Op<Cancel> {
    Op::new(Cancel(Which::Opcode(opcode)))
}

/// Stops everything that the ring has under way: `IORING_OP_ASYNC_CANCEL` with
/// `IORING_ASYNC_CANCEL_ANY`. Since Linux 5.19.
///
/// It is about the whole ring of the thread that polls it first: every operation of every task
/// there gets `ECANCELED`, as if the pool were stopping, and streams of operations end their turn.
/// Most code takes that for a failure of its file or connection. A close that still waits for a
/// kernel thread is stopped too, and leaves its descriptor open. So this is for the owner of the
/// whole pool, who winds it down and wants the operations to come back first; the pool itself goes
/// on working. Timers of [`time`](crate::time) and channels are no operations, and do not notice.
///
/// It gives how many times the kernel has found something to stop, 0 if nothing; what the ring has
/// under way for itself is counted as well.
///
/// # Errors
///
/// `ECANCELED` if it was cancelled itself.
///
/// # Cancel safety
///
/// If it is dropped, the operations may or may not have been stopped.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use std::time::Duration;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let long = op::timeout(Duration::from_secs(3600));
///     let (long, cancelled) = futures::join!(long, op::cancel_all());
///     assert!(cancelled.unwrap() >= 1);
///     assert_eq!(long.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
/// });
/// ```
pub fn cancel_all() -> Op<Cancel> {
    Op::new(Cancel(Which::All))
}

// SAFETY: the entry points to nothing; the operation owns the descriptor. Whatever is stopped still
// completes, and what it owns is kept until then.
unsafe impl Operation for Cancel {
    type Output = io::Result<u32>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(match &self.0 {
            Which::All => cancel(ANY),
            Which::Opcode(opcode) => {
                // Of kernels that do not know the flag not all refuse it.
                if !start.has_operation(opcode::WaitId::CODE) {
                    return Err(no_opcodes());
                }
                change(cancel(ALL | OPCODE), |fields| fields.len = u32::from(*opcode))
            }
            Which::Fd(fd) => {
                let file = match start.number(fd)? {
                    (slot, true) => types::CancelBuilder::fd(types::Fixed(slot as u32)),
                    (number, false) => types::CancelBuilder::fd(types::Fd(number)),
                };
                opcode::AsyncCancel2::new(file.all()).build()
            }
        })
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result
    }
}

fn cancel(flags: u32) -> squeue::Entry {
    let entry = opcode::AsyncCancel2::new(types::CancelBuilder::any()).build();
    change(entry, |fields| fields.operation_flags = flags)
}

#[cold]
fn no_opcodes() -> io::Error {
    let message = "this kernel cannot stop all operations of one kind, which is there since \
                   Linux 6.7; stop them one by one";
    io::Error::new(io::ErrorKind::Unsupported, message)
}
