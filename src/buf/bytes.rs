//! The buffers of the crate `bytes`.

use bytes::{Bytes, BytesMut};

use super::{IoBuf, IoBufMut};

// SAFETY: it keeps its bytes, which nobody writes to, where they are.
unsafe impl IoBuf for Bytes {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: nobody else has its bytes, which stay where they are while nobody touches it.
unsafe impl IoBuf for BytesMut {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above, and the spare capacity is its own too.
unsafe impl IoBufMut for BytesMut {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.set_len(len) };
    }
}
