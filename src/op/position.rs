//! Where in a file a transfer begins, and how many buffers it may have.

use std::io;

use crate::buf::{IoBufs, IoBufsMut};

/// Offset −1 stands for the file's own position.
pub(crate) const CURRENT: u64 = u64::MAX;

/// The buffers that one vectored transfer takes: the kernel's `UIO_MAXIOV`.
const BUFFERS_MAX: usize = 1024;

/// `offset` as a submission entry has it: no offset of a caller's means the position. The one that
/// would is as much too large as the one before it.
pub(crate) fn at(offset: u64) -> u64 {
    offset.min(CURRENT - 1)
}

/// The kernel's list of buffers.
#[derive(Debug, Default)]
pub(crate) struct IoVecs(Vec<libc::iovec>);

// SAFETY: the pointers are not followed by us, and the buffers they point to are `Send`.
unsafe impl Send for IoVecs {}

impl IoVecs {
    /// What the kernel may read from.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are more buffers than it takes.
    pub(crate) fn to_write_from(buffers: &impl IoBufs) -> io::Result<Self> {
        let mut vectors = Vec::new();
        buffers.for_each(&mut |buffer| {
            let (base, len) = (buffer.ptr().cast_mut(), buffer.initialized_len());
            vectors.push(libc::iovec { iov_base: base.cast(), iov_len: len });
        });
        Self(vectors).checked()
    }

    /// What the kernel may write to.
    ///
    /// # Errors
    ///
    /// As for [`to_write_from`](Self::to_write_from).
    pub(crate) fn to_read_into(buffers: &mut impl IoBufsMut) -> io::Result<Self> {
        let mut vectors = Vec::new();
        buffers.for_each_mut(&mut |buffer| {
            let (base, len) = (buffer.ptr_mut(), buffer.capacity());
            vectors.push(libc::iovec { iov_base: base.cast(), iov_len: len });
        });
        Self(vectors).checked()
    }

    /// Refuses more buffers than the kernel takes, which would only say that something is invalid.
    fn checked(self) -> io::Result<Self> {
        let count = self.0.len();
        if count <= BUFFERS_MAX {
            return Ok(self);
        }
        let message = format!(
            "one vectored transfer takes {BUFFERS_MAX} buffers at most, not {count}; transfer them \
             in several steps"
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    pub(crate) fn as_ptr(&self) -> *const libc::iovec {
        self.0.as_ptr()
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_offset_means_the_position() {
        assert_eq!(at(0), 0);
        assert_eq!(at(i64::MAX as u64), i64::MAX as u64);
        assert_ne!(at(u64::MAX), CURRENT);
    }

    #[test]
    fn too_many_buffers_are_counted_in_the_error() {
        assert_eq!(IoVecs::to_write_from(&vec![""; 1024]).expect("as many as may be").len(), 1024);
        let error = IoVecs::to_write_from(&vec![""; 1025]).expect_err("one too many");
        assert!(error.to_string().contains("not 1025"), "{error}");
        let error = IoVecs::to_read_into(&mut [[0; 0]; 1025]).expect_err("one too many");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("not 1025"), "{error}");
    }
}
