//! The operations that do nothing.

use std::io;

use io_uring::{opcode, squeue};

use super::fields::change;
use super::{Op, Operation, Start};

/// See [`nop`].
#[derive(Debug)]
pub struct Nop(());

/// Does nothing, by way of the kernel: `IORING_OP_NOP`. Since Linux 5.1.
///
/// # Errors
///
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async { ringpool::op::nop().await }).unwrap();
/// ```
pub fn nop() -> Op<Nop> {
    Op::new(Nop(()))
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for Nop {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Nop::new().build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// `IORING_NOP_INJECT_RESULT`
const INJECT_RESULT: u32 = 1;

/// The largest error number of the kernel's.
const ERRNO_MAX: i32 = 4095;

/// See [`nop_with_result`].
#[derive(Debug)]
pub struct NopWithResult(i32);

/// Does nothing, and ends as it is told to: `IORING_OP_NOP` with `IORING_NOP_INJECT_RESULT`.
/// Since Linux 6.10.
///
/// A negative `result` is an error number. It is there for tests: of chains, say, in which a step
/// fails.
///
/// # Errors
///
/// The one asked for. [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, unless the
/// result was to be 0; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no such error
/// number; `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use std::io::ErrorKind;
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (failed, behind) = op::nop_with_result(-libc::ENOSPC).link(op::nop()).await;
///     match failed.unwrap_err() {
///         error if error.kind() == ErrorKind::Unsupported => println!("{error}"),
///         error => {
///             assert_eq!(error.kind(), ErrorKind::StorageFull);
///             assert_eq!(behind.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
///         }
///     }
/// });
/// ```
pub fn nop_with_result(result: i32) -> Op<NopWithResult> {
    if result >= -ERRNO_MAX {
        return Op::new(NopWithResult(result));
    }
    let message = format!("{result} is no result of an operation: errors go to -{ERRNO_MAX}");
    let error = io::Error::new(io::ErrorKind::InvalidInput, message);
    Op::refused(NopWithResult(result), error)
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for NopWithResult {
    type Output = io::Result<u32>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let entry = opcode::Nop::new().build();
        if self.0 == 0 {
            return Ok(entry);
        }
        Ok(change(entry, |fields| {
            fields.operation_flags = INJECT_RESULT;
            fields.len = self.0 as u32;
        }))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        // Older kernels do not look at the flag, or refuse it.
        let is_ignored = self.0 != 0 && matches!(result, Ok(0));
        let is_refused = matches!(&result, Err(error) if is_invalid(error));
        if is_ignored || is_refused && self.0 != -libc::EINVAL {
            let message = "the NOP of this kernel gives no result but 0; it gives others since \
                           Linux 6.10";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        result
    }
}

fn is_invalid(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINVAL)
}
