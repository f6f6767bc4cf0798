//! A buffer of which a part is done.

use crate::buf::{IoBuf, IoBufMut};

/// What is left of a buffer after its first `done` bytes, for operations that take several steps.
pub(crate) struct Rest<B> {
    pub(crate) buffer: B,
    pub(crate) done: usize,
}

impl<B> Rest<B> {
    pub(crate) fn new(buffer: B) -> Self {
        Self { buffer, done: 0 }
    }
}

impl<B: IoBufMut> Rest<B> {
    /// Copies as many of the bytes as there is room for; gives how many.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.capacity());
        // SAFETY: there is room for that many, and nobody else can have a buffer that we own.
        unsafe { self.ptr_mut().copy_from_nonoverlapping(bytes.as_ptr(), count) };
        // SAFETY: just written.
        unsafe { self.set_initialized_len(count) };
        count
    }
}

// SAFETY: a part of what the buffer promises: `done` never exceeds the buffer's capacity, nor what
// is initialized in a buffer to read from.
unsafe impl<B: IoBuf> IoBuf for Rest<B> {
    fn ptr(&self) -> *const u8 {
        // SAFETY: within the buffer.
        unsafe { self.buffer.ptr().add(self.done) }
    }

    fn initialized_len(&self) -> usize {
        self.buffer.initialized_len().saturating_sub(self.done)
    }
}

// SAFETY: as above.
unsafe impl<B: IoBufMut> IoBufMut for Rest<B> {
    fn ptr_mut(&mut self) -> *mut u8 {
        // SAFETY: within the buffer.
        unsafe { self.buffer.ptr_mut().add(self.done) }
    }

    fn capacity(&self) -> usize {
        self.buffer.capacity() - self.done
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        self.done += len;
        // SAFETY: the caller's promise for the rest, and ours for what is before it.
        unsafe { self.buffer.set_initialized_len(self.done) };
    }
}

/// The end of a vector from `start` on, for reads that append. Unlike a [`Rest`] it stays where it
/// is while it is filled, so it may be given to whoever takes several steps.
pub(crate) struct Tail {
    pub(crate) buffer: Vec<u8>,
    start: usize,
}

impl Tail {
    /// What comes after the bytes of `buffer`.
    pub(crate) fn new(buffer: Vec<u8>) -> Self {
        Self { start: buffer.len(), buffer }
    }
}

// SAFETY: a part of what the vector promises: `start` is at most its length.
unsafe impl IoBuf for Tail {
    fn ptr(&self) -> *const u8 {
        // SAFETY: within the vector.
        unsafe { self.buffer.as_ptr().add(self.start) }
    }

    fn initialized_len(&self) -> usize {
        self.buffer.len() - self.start
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Tail {
    fn ptr_mut(&mut self) -> *mut u8 {
        // SAFETY: within the vector.
        unsafe { self.buffer.as_mut_ptr().add(self.start) }
    }

    fn capacity(&self) -> usize {
        self.buffer.capacity() - self.start
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        // SAFETY: the caller's promise for the tail; what is before it was initialized all along.
        unsafe { self.buffer.set_len(self.start + len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_to_write_is_what_has_not_been_written() {
        let mut rest = Rest::new("salt and pepper");
        rest.done += 5;
        rest.done += 4;
        assert_eq!(rest.as_bytes(), b"pepper");
        rest.done += 6;
        assert_eq!(rest.as_bytes(), b"");
    }

    #[test]
    fn a_tail_is_filled_in_several_steps_and_leaves_what_is_before_it() {
        let mut buffer = Vec::with_capacity(10);
        buffer.extend_from_slice(b"ab");
        let mut rest = Rest::new(Tail::new(buffer));
        let room = rest.capacity();
        for part in ["cd", "e"] {
            assert_eq!(rest.append(part.as_bytes()), part.len());
        }
        assert_eq!(rest.capacity(), room - 3);
        assert_eq!(rest.buffer.as_bytes(), b"cde");
        assert_eq!(rest.buffer.buffer, b"abcde");
    }

    #[test]
    fn a_rest_to_read_into_lengthens_the_whole() {
        let mut rest = Rest::new(Vec::with_capacity(10));
        for part in ["salt", "y"] {
            // SAFETY: the bytes are written first.
            unsafe {
                rest.ptr_mut().copy_from(part.as_ptr(), part.len());
                rest.set_initialized_len(part.len());
            }
        }
        assert_eq!(rest.capacity(), rest.buffer.capacity() - 5);
        assert_eq!(rest.buffer, b"salty");
    }
}
