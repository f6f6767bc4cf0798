//! A buffer of which the beginning is done with.

use std::collections::TryReserveError;

use super::{IoBuf, IoBufMut};

/// What follows the first `done` bytes of a buffer: for transfers that take more than one operation.
///
/// The first `done` bytes are initialized.
pub(crate) struct Part<B> {
    buffer: B,
    done: usize,
}

impl<B> Part<B> {
    /// All of the buffer.
    pub(crate) fn new(buffer: B) -> Self {
        Self { buffer, done: 0 }
    }

    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// The buffer as a whole again.
    pub(crate) fn into_inner(self) -> B {
        self.buffer
    }
}

impl Part<Vec<u8>> {
    /// Makes room for `more` bytes behind those that are initialized.
    pub(crate) fn try_reserve_exact(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.buffer.try_reserve_exact(more)
    }
}

impl<B: IoBuf> Part<B> {
    /// What follows the first `count` bytes of this part.
    ///
    /// # Panics
    ///
    /// If the buffer has not so many initialized bytes.
    pub(crate) fn after(self, count: usize) -> Self {
        assert!(count <= self.initialized_len(), "a part ends before {count} bytes");
        Self { done: self.done + count, buffer: self.buffer }
    }
}

// SAFETY: a part of what the buffer promises.
unsafe impl<B: IoBuf> IoBuf for Part<B> {
    fn ptr(&self) -> *const u8 {
        // SAFETY: the buffer has at least `done` bytes.
        unsafe { self.buffer.ptr().add(self.done) }
    }

    fn initialized_len(&self) -> usize {
        self.buffer.initialized_len() - self.done
    }
}

// SAFETY: as above.
unsafe impl<B: IoBufMut> IoBufMut for Part<B> {
    fn ptr_mut(&mut self) -> *mut u8 {
        // SAFETY: the buffer has at least `done` bytes.
        unsafe { self.buffer.ptr_mut().add(self.done) }
    }

    fn capacity(&self) -> usize {
        self.buffer.capacity() - self.done
    }

    unsafe fn set_initialized_len(&mut self, len: usize) {
        // SAFETY: the first `done` bytes are initialized, and the caller promises those after them.
        unsafe { self.buffer.set_initialized_len(self.done + len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_what_has_not_been_done() {
        let part = Part::new(String::from("salt and pepper")).after(5).after(4);
        assert_eq!(part.as_bytes(), b"pepper");
        assert_eq!(part.done(), 9);
        assert_eq!(part.into_inner(), "salt and pepper");
    }

    #[test]
    fn a_part_that_is_filled_lengthens_the_whole() {
        let mut part = Part::new(Vec::with_capacity(10));
        // SAFETY: the four bytes are written first.
        unsafe {
            part.ptr_mut().copy_from(b"salt".as_ptr(), 4);
            part.set_initialized_len(4);
        }
        let mut part = part.after(3);
        assert!(part.capacity() >= 7);
        // SAFETY: the two bytes are written first.
        unsafe {
            part.ptr_mut().copy_from(b"ty".as_ptr(), 2);
            part.set_initialized_len(2);
        }
        assert_eq!(part.as_bytes(), b"ty");
        assert_eq!(part.into_inner(), b"salty");
    }

    #[test]
    #[should_panic(expected = "ends before 5 bytes")]
    fn a_part_cannot_begin_behind_its_end() {
        Part::new("salt").after(5);
    }
}
