//! The buffers of the standard library.

use std::borrow::Cow;
use std::sync::Arc;

use super::{IoBuf, IoBufMut};

/// What is only read from.
macro_rules! read_only {
    ($($type:ty),* $(,)?) => {$(
        // SAFETY: it keeps its bytes, which nobody writes to while it is there, where they are
        // while nobody touches it.
        unsafe impl IoBuf for $type {
            fn ptr(&self) -> *const u8 {
                self.as_ptr()
            }

            fn initialized_len(&self) -> usize {
                self.len()
            }
        }
    )*};
}

read_only! {
    &'static [u8],
    &'static str,
    String,
    Box<str>,
    Cow<'static, [u8]>,
    Cow<'static, str>,
    Arc<[u8]>,
    Arc<str>,
    Arc<Vec<u8>>,
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

/// What is as long as it is, and all initialized.
macro_rules! fixed_length {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        // SAFETY: it owns its bytes, which stay where they are while it is not moved or touched.
        unsafe impl<$($generics)*> IoBuf for $type {
            fn ptr(&self) -> *const u8 {
                self.as_ptr()
            }

            fn initialized_len(&self) -> usize {
                self.len()
            }
        }

        // SAFETY: as above, and nobody else has them.
        unsafe impl<$($generics)*> IoBufMut for $type {
            fn ptr_mut(&mut self) -> *mut u8 {
                self.as_mut_ptr()
            }

            fn capacity(&self) -> usize {
                self.len()
            }

            // SAFETY: demanded of the caller by the trait.
            unsafe fn set_initialized_len(&mut self, _: usize) {}
        }
    )*};
}

fixed_length! {
    [] Box<[u8]>,
    [const N: usize] [u8; N],
    [const N: usize] Box<[u8; N]>,
}

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
