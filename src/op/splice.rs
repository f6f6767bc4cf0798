//! Moving bytes between descriptors within the kernel.

use std::io;

use io_uring::types::{Fd, Fixed};
use io_uring::{opcode, squeue};

use super::position::at;
use super::{AnyFd, Descriptor, Op, Operation, Start};

/// In the flags of an entry: the source is one of the ring's table.
const FROM_TABLE: u32 = 1 << 31;

/// See [`splice`].
#[derive(Debug)]
pub struct Splice {
    from: AnyFd,
    from_offset: i64,
    to: AnyFd,
    to_offset: i64,
    len: u32,
    flags: u32,
}

/// Moves up to `len` bytes from one descriptor to another, one of which is a pipe, without copying
/// them to the program: `IORING_OP_SPLICE`. Since Linux 5.7.
///
/// It gives how many were moved; 0 means the end of the source. An offset of `None` means the
/// file's position, or what comes next, and is the only one for pipes and sockets. `flags` are
/// those of `splice(2)`. A thread of the kernel's does it.
///
/// # Errors
///
/// Those of `splice(2)`: `EINVAL` if neither is a pipe or a file was opened for appending,
/// `ESPIPE` for an offset in a pipe. `ECANCELED` or `EINTR` if it was cancelled.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been moved.
/// [`Op::cancel`] says how many.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (reader, writer) = std::io::pipe()?;
/// let (reader, writer) = (OwnedFd::from(reader).into(), OwnedFd::from(writer).into());
/// let (reader, writer): (SharedFd, SharedFd) = (reader, writer);
/// pool.block_on(async {
///     let file = op::openat2(None, "/proc/self/exe", libc::O_RDONLY, 0).await?;
///     let count = op::splice(&file, Some(1), &writer, None, 3, 0).await?;
///     let (_, buffer) = op::read(&reader, vec![0; count]).await?;
///     assert_eq!(buffer, b"ELF");
///     Ok(())
/// })
/// # }
/// ```
pub fn splice(
    from: &impl Descriptor,
    from_offset: Option<u64>,
    to: &impl Descriptor,
    to_offset: Option<u64>,
    len: u32,
    flags: u32,
) -> Op<Splice> {
    Op::new(Splice {
        from: from.to_any_fd(),
        from_offset: signed(from_offset),
        to: to.to_any_fd(),
        to_offset: signed(to_offset),
        len,
        // Which table the source is in is not the caller's to say.
        flags: flags & !FROM_TABLE,
    })
}

/// As the entry has it: −1 stands for none, and what is too large is negative and no −1.
fn signed(offset: Option<u64>) -> i64 {
    offset.map_or(-1, |offset| at(offset) as i64)
}

// SAFETY: the entry points to nothing; the operation owns both descriptors.
unsafe impl Operation for Splice {
    type Output = io::Result<usize>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (from, to) = (start.number(&self.from)?, start.target(&self.to)?);
        let (from_offset, to_offset) = (self.from_offset, self.to_offset);
        let entry = match from {
            (slot, true) => {
                opcode::Splice::new(Fixed(slot as u32), from_offset, to, to_offset, self.len)
            }
            (number, false) => {
                opcode::Splice::new(Fd(number), from_offset, to, to_offset, self.len)
            }
        };
        Ok(add_flags(entry.build(), self.flags))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|count| count as usize)
    }
}

/// Sets `flags` besides the one that says where the source is.
fn add_flags(entry: squeue::Entry, flags: u32) -> squeue::Entry {
    super::fields::change(entry, |fields| fields.operation_flags |= flags)
}

/// See [`tee`].
#[derive(Debug)]
pub struct Tee {
    from: AnyFd,
    to: AnyFd,
    len: u32,
    flags: u32,
}

/// Copies up to `len` bytes from one pipe to another, and leaves them in the first:
/// `IORING_OP_TEE`. Since Linux 5.8.
///
/// It gives how many were copied; 0 means that nothing can come any more. `flags` are those of
/// `tee(2)`. A thread of the kernel's does it.
///
/// # Errors
///
/// Those of `tee(2)`: `EINVAL` if one of them is no pipe, or both are ends of the same one.
/// `ECANCELED` or `EINTR` if it was cancelled.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, any number of bytes may have been copied.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let pipe = || {
///     let (reader, writer) = std::io::pipe()?;
///     Ok::<_, std::io::Error>((OwnedFd::from(reader).into(), OwnedFd::from(writer).into()))
/// };
/// let (first, to_first): (SharedFd, SharedFd) = pipe()?;
/// let (second, to_second): (SharedFd, SharedFd) = pipe()?;
/// pool.block_on(async {
///     op::write(&to_first, "salt").await?;
///     assert_eq!(op::tee(&first, &to_second, 100, 0).await?, 4);
///     for end in [&first, &second] {
///         assert_eq!(op::read(end, Vec::with_capacity(10)).await?.1, b"salt");
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn tee(from: &impl Descriptor, to: &impl Descriptor, len: u32, flags: u32) -> Op<Tee> {
    // Which table the source is in is not the caller's to say.
    let flags = flags & !FROM_TABLE;
    Op::new(Tee { from: from.to_any_fd(), to: to.to_any_fd(), len, flags })
}

// SAFETY: the entry points to nothing; the operation owns both descriptors.
unsafe impl Operation for Tee {
    type Output = io::Result<usize>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (from, to) = (start.number(&self.from)?, start.target(&self.to)?);
        let entry = match from {
            (slot, true) => opcode::Tee::new(Fixed(slot as u32), to, self.len),
            (number, false) => opcode::Tee::new(Fd(number), to, self.len),
        };
        Ok(add_flags(entry.build(), self.flags))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|count| count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_never_mistaken_for_none() {
        assert_eq!(signed(None), -1);
        assert_eq!(signed(Some(0)), 0);
        assert_eq!(signed(Some(i64::MAX as u64)), i64::MAX);
        for too_large in [1 << 63, u64::MAX - 1, u64::MAX] {
            assert!(signed(Some(too_large)) < -1, "{too_large}");
        }
    }
}
