//! The buffers of the standard library.

use super::{IoBuf, IoBufMut};

// SAFETY: the vector owns its bytes, which stay where they are while nobody touches the vector.
unsafe impl IoBuf for Vec<u8> {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above, and the spare capacity is the vector's own too.
unsafe impl IoBufMut for Vec<u8> {
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

// SAFETY: the box owns its bytes.
unsafe impl IoBuf for Box<[u8]> {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Box<[u8]> {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.len()
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

// SAFETY: the bytes are in the value itself, which is not moved while the kernel uses them.
unsafe impl<const N: usize> IoBuf for [u8; N] {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        N
    }
}

// SAFETY: as above.
unsafe impl<const N: usize> IoBufMut for [u8; N] {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        N
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

// SAFETY: static bytes stay for ever, and nobody writes to them.
unsafe impl IoBuf for &'static [u8] {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: static bytes stay for ever, and nobody writes to them.
unsafe impl<const N: usize> IoBuf for &'static [u8; N] {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        N
    }
}

// SAFETY: static text stays for ever, and nobody writes to it.
unsafe impl IoBuf for &'static str {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}

// SAFETY: the string owns its bytes.
unsafe impl IoBuf for String {
    fn ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len()
    }
}
