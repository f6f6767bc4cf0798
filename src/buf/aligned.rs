//! Memory whose address the caller has a say in.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::{fmt, io};

use super::{IoBuf, IoBufMut};

/// Bytes that begin at a multiple of a given number, as files that are opened with
/// [`O_DIRECT`](libc::O_DIRECT) want them.
///
/// It is as long as it was made and all initialized. What a file wants is told by
/// [`Metadata::direct_io_alignment`](crate::fs::Metadata::direct_io_alignment): not the address
/// alone, but also length and offset of each transfer have to be multiples of something.
///
/// # Examples
///
/// ```
/// use ringpool::buf::AlignedBuf;
///
/// let mut buffer = AlignedBuf::new(8192, 4096);
/// assert_eq!(buffer.as_ptr() as usize % 4096, 0);
/// buffer[..4].copy_from_slice(b"salt");
/// assert_eq!(buffer[2..6], *b"lt\0\0");
/// ```
pub struct AlignedBuf {
    bytes: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it owns its memory, as a box does.
unsafe impl Send for AlignedBuf {}
// SAFETY: as above.
unsafe impl Sync for AlignedBuf {}

impl AlignedBuf {
    /// `len` zeros, of which the first is at a multiple of `align`.
    ///
    /// # Panics
    ///
    /// If `align` is no power of two, or `len` is more than half of the addresses there are.
    #[track_caller]
    pub fn new(len: usize, align: usize) -> Self {
        let Ok(layout) = Layout::from_size_align(len, align) else {
            panic!("{len} bytes cannot be aligned to {align}: that must be a power of two");
        };
        Self::with_layout(layout).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// As [`new`](Self::new), where having no memory is an error.
    pub(crate) fn try_new(len: usize, align: usize) -> io::Result<Self> {
        let layout = Layout::from_size_align(len, align).map_err(io::Error::other)?;
        let error = || {
            let message = format!("there is no memory for {len} bytes of buffers; use fewer");
            io::Error::new(io::ErrorKind::OutOfMemory, message)
        };
        Self::with_layout(layout).ok_or_else(error)
    }

    fn with_layout(layout: Layout) -> Option<Self> {
        if layout.size() == 0 {
            let bytes = NonNull::new(ptr::without_provenance_mut(layout.align()))?;
            return Some(Self { bytes, layout });
        }
        // SAFETY: the size is not zero.
        let bytes = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { bytes, layout })
    }

    /// What the address is a multiple of.
    pub fn align(&self) -> usize {
        self.layout.align()
    }

    /// Where the bytes are; good for reads and writes of all of them as long as this lives, as far
    /// as the caller knows that nobody else uses them.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.bytes
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: allocated with this layout, and ours.
            unsafe { dealloc(self.bytes.as_ptr(), self.layout) };
        }
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: all of it is initialized and ours.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed from nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_ptr(), self.layout.size()) }
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, align) = (self.layout.size(), self.layout.align());
        f.debug_struct("AlignedBuf").field("len", &len).field("align", &align).finish()
    }
}

// SAFETY: it owns its memory, which never moves.
unsafe impl IoBuf for AlignedBuf {
    fn ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.layout.size()
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for AlignedBuf {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.bytes.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.layout.size()
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_zero_and_where_it_was_asked_to_be() {
        for align in [1, 2, 512, 4096, 1 << 16] {
            for len in [0, 1, 511, 4096, 10_000] {
                let buffer = AlignedBuf::new(len, align);
                assert_eq!(buffer.as_ptr() as usize % align, 0);
                assert_eq!((buffer.align(), buffer.len()), (align, len));
                assert!(buffer.iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    #[should_panic(expected = "cannot be aligned to 3")]
    fn an_alignment_that_is_no_power_of_two_is_refused() {
        let _ = AlignedBuf::new(10, 3);
    }

    #[test]
    fn more_than_there_can_be_is_an_error_where_it_may_be() {
        assert!(AlignedBuf::try_new(usize::MAX, 4096).is_err());
        // AddressSanitizer ends the process where an allocation is too large.
        if cfg!(not(ringpool_asan)) {
            let too_much = isize::MAX as usize - 4096;
            let error = AlignedBuf::try_new(too_much, 4096).expect_err("too much");
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        }
    }
}
