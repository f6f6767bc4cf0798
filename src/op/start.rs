//! What an operation learns of the ring that it is started on.

use std::{fmt, io};

use io_uring::squeue;
use io_uring::types::Fd;

use super::direct::DirectTable;
use super::{AnyFd, DirectFd};
use crate::buf::RegisteredBuffer;
use crate::context::Local;

/// The start of an operation: the ring it is started on, and how.
///
/// Given to [`Operation::entry`](super::Operation::entry), which turns what is bound to a ring into
/// what the kernel understands there.
pub struct Start<'a> {
    local: &'a Local,
    flags: squeue::Flags,
}

impl<'a> Start<'a> {
    pub(crate) fn new(local: &'a Local, flags: squeue::Flags) -> Self {
        Self { local, flags }
    }

    /// The ring's own thread.
    pub(crate) fn local(&self) -> &'a Local {
        self.local
    }

    /// The descriptor that the entry is about, for the constructors of [`io_uring::opcode`]. That
    /// of a ring's table makes the entry one with `IOSQE_FIXED_FILE`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it belongs to another ring.
    #[inline]
    pub fn target(&mut self, fd: &AnyFd) -> io::Result<Fd> {
        let (number, is_direct) = self.number(fd)?;
        if is_direct {
            self.flags |= squeue::Flags::FIXED_FILE;
        }
        Ok(Fd(number))
    }

    /// Another descriptor that the entry names, and whether it is one of the ring's table, for
    /// operations that have a flag of their own for that.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it belongs to another ring.
    #[inline]
    pub fn number(&self, fd: &AnyFd) -> io::Result<(i32, bool)> {
        match fd {
            AnyFd::Shared(fd) => Ok((fd.target().0, false)),
            AnyFd::Direct(fd) => Ok((self.slot(fd)? as i32, true)),
        }
    }

    /// The place of a direct descriptor in this ring's table, for operations on no other kind.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it belongs to another ring.
    #[inline]
    pub fn slot(&self, fd: &DirectFd) -> io::Result<u32> {
        if fd.is_of(&self.local.shared) {
            Ok(fd.slot())
        } else {
            Err(fd.foreign(&self.local.shared))
        }
    }

    /// This ring's table, for an operation that puts a file into it: it is made if it is not there
    /// yet.
    pub(crate) fn direct_table(&self) -> io::Result<DirectTable> {
        let places = self.local.ring.borrow_mut().make_file_table()?;
        Ok(DirectTable::new(self.local.shared.clone(), places))
    }

    /// Whether the kernel has the operation with this code.
    pub(super) fn has_operation(&self, code: u8) -> bool {
        self.local.ring.borrow().features().operations.supports(code)
    }

    /// The buffer index of a registered buffer, for the constructors of [`io_uring::opcode`] that
    /// take one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not registered on this ring.
    #[inline]
    pub fn registered(&self, buffer: &RegisteredBuffer) -> io::Result<u16> {
        buffer.place_on(&self.local.shared)
    }

    /// What to set in the entry.
    pub(crate) fn flags(&self) -> squeue::Flags {
        self.flags
    }
}

impl fmt::Debug for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("ring", &self.local.shared.index).finish_non_exhaustive()
    }
}
