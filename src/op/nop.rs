//! The operation that does nothing.

use std::io;

use io_uring::{opcode, squeue};

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
