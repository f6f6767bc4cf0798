//! A part of a buffer.

use std::ops::{Bound, RangeBounds};

use super::{IoBuf, IoBufMut};

/// A part of a buffer, which operations take for a buffer of its own.
///
/// Made by [`IoBuf::slice`]. It owns the whole, which [`into_inner`](Slice::into_inner) gives back.
///
/// A read fills the part from its beginning, and the part is then as long as what was read. What
/// the buffer has before and behind that stays: the buffer is lengthened if the read went beyond
/// what it had, and never shortened, unlike one that is read into as a whole.
///
/// # Examples
///
/// ```
/// use ringpool::buf::IoBuf;
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
///     let (count, part) = op::read(&zero, vec![1; 6].slice(2..4)).await?;
///     assert_eq!((count, part.as_bytes()), (2, &[0, 0][..]));
///     assert_eq!(part.into_inner(), [1, 1, 0, 0, 1, 1]);
///
///     let head = b"two lines\n".to_vec();
///     let room = head.len() + 4;
///     let mut buffer = head;
///     buffer.reserve_exact(4);
///     let (_, part) = op::read(&zero, buffer.slice(10..room)).await?;
///     assert_eq!(part.into_inner(), b"two lines\n\0\0\0\0");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Slice<B> {
    buffer: B,
    begin: usize,
    /// Where it ends at the latest.
    end: usize,
    /// How many bytes of it are initialized, as far as the buffer's are.
    len: usize,
}

impl<B: IoBuf> Slice<B> {
    #[track_caller]
    pub(super) fn new(buffer: B, range: impl RangeBounds<usize>) -> Self {
        let begin = match range.start_bound() {
            Bound::Included(begin) => *begin,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => usize::MAX,
        };
        let initialized = buffer.initialized_len();
        assert!(begin <= end, "a slice begins at {begin} but ends at {end}");
        assert!(
            begin <= initialized,
            "a slice begins at {begin}, behind the {initialized} bytes that the buffer has"
        );
        let len = initialized.min(end) - begin;
        Self { buffer, begin, end, len }
    }

    /// The whole buffer.
    pub fn into_inner(self) -> B {
        self.buffer
    }

    /// The whole buffer, to look at.
    pub fn get_ref(&self) -> &B {
        &self.buffer
    }

    /// Where the part begins. The buffer's answer counts, should it have less by now.
    fn begin(&self) -> usize {
        self.begin.min(self.buffer.initialized_len())
    }
}

// SAFETY: a part of what the buffer promises: it begins within the initialized bytes, and ends
// with them at the latest.
unsafe impl<B: IoBuf> IoBuf for Slice<B> {
    fn ptr(&self) -> *const u8 {
        // SAFETY: within the buffer's initialized bytes, or just behind them.
        unsafe { self.buffer.ptr().add(self.begin()) }
    }

    fn initialized_len(&self) -> usize {
        self.len.min(self.buffer.initialized_len() - self.begin())
    }
}

// SAFETY: a part of what the buffer promises: from within the initialized bytes to where the
// capacity ends at the latest.
unsafe impl<B: IoBufMut> IoBufMut for Slice<B> {
    fn ptr_mut(&mut self) -> *mut u8 {
        let begin = self.begin();
        // SAFETY: within the buffer's initialized bytes, or just behind them.
        unsafe { self.buffer.ptr_mut().add(begin) }
    }

    fn capacity(&self) -> usize {
        self.buffer.capacity().min(self.end).saturating_sub(self.begin())
    }

    // SAFETY: demanded of the caller by the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        self.len = len;
        let (before, now) = (self.buffer.initialized_len(), self.begin() + len);
        if now > before {
            // SAFETY: what is before the slice is initialized, since it begins within that; the
            // first `len` bytes of the slice are, says the caller.
            unsafe { self.buffer.set_initialized_len(now) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what the kernel does.
    fn fill<B: IoBufMut>(buffer: &mut B, bytes: &[u8]) {
        assert!(bytes.len() <= buffer.capacity());
        // SAFETY: there is room, and the bytes are written first.
        unsafe {
            buffer.ptr_mut().copy_from(bytes.as_ptr(), bytes.len());
            buffer.set_initialized_len(bytes.len());
        }
    }

    #[test]
    fn a_slice_to_write_is_the_range_of_what_is_there() {
        assert_eq!("salt and pepper".slice(5..8).as_bytes(), b"and");
        assert_eq!("salt".slice(..).as_bytes(), b"salt");
        assert_eq!("salt".slice(1..=2).as_bytes(), b"al");
        assert_eq!("salt".slice(2..100).as_bytes(), b"lt");
        assert_eq!("salt".slice(4..).as_bytes(), b"");
        assert_eq!("salt and pepper".slice(5..).slice(4..7).as_bytes(), b"pep");
    }

    #[test]
    fn a_read_into_a_slice_keeps_what_is_around_it() {
        let mut slice = b"salt and pepper".to_vec().slice(5..8);
        fill(&mut slice, b"or");
        assert_eq!(slice.as_bytes(), b"or");
        assert_eq!(slice.capacity(), 3);
        assert_eq!(slice.into_inner(), b"salt ord pepper");
    }

    #[test]
    fn a_read_beyond_the_length_lengthens_a_vector_up_to_what_was_read() {
        let mut buffer = Vec::with_capacity(10);
        buffer.extend_from_slice(b"salt");
        let mut slice = buffer.slice(2..8);
        assert_eq!((slice.as_bytes(), slice.capacity()), (&b"lt"[..], 6));
        fill(&mut slice, b"nds");
        assert_eq!(slice.as_bytes(), b"nds");
        fill(&mut slice, b"");
        assert_eq!(slice.as_bytes(), b"");
        assert_eq!(slice.into_inner(), b"sands");
    }

    #[test]
    fn a_slice_of_a_slice_stays_within_both() {
        let mut inner = vec![9; 10].slice(2..8).slice(1..100);
        assert_eq!(inner.capacity(), 5);
        fill(&mut inner, &[1; 5]);
        let outer = inner.into_inner();
        assert_eq!(outer.as_bytes(), [9, 1, 1, 1, 1, 1]);
        assert_eq!(outer.into_inner(), [9, 9, 9, 1, 1, 1, 1, 1, 9, 9]);
    }

    #[test]
    #[should_panic(expected = "begins at 5, behind the 4 bytes")]
    fn a_slice_does_not_begin_behind_what_is_initialized() {
        let _ = Vec::from(*b"salt").slice(5..);
    }

    #[test]
    #[should_panic(expected = "begins at 3 but ends at 2")]
    fn a_slice_does_not_end_before_it_begins() {
        let (begin, end) = (3, 2);
        let _ = "salt".slice(begin..end);
    }
}
