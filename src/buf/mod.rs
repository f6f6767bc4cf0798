//! Buffers that an operation owns while the kernel uses them.
//!
//! An operation takes its buffer by value and gives it back with the result, on success as on
//! failure: [`BufResult`]. In between it lives in the operation's own memory, so arrays will do as
//! well as vectors.

mod impls;

use std::{error, fmt, io};

/// What the kernel may read from.
///
/// # Safety
///
/// As long as the value is not moved and nothing is called on it, [`ptr`](IoBuf::ptr) stays valid
/// for reads of [`initialized_len`](IoBuf::initialized_len) bytes, nobody writes to them, and both
/// functions keep giving the same answer.
pub unsafe trait IoBuf: Send + 'static {
    /// Where the bytes begin.
    fn ptr(&self) -> *const u8;

    /// How many bytes have been written by somebody, from the beginning.
    fn initialized_len(&self) -> usize;

    /// The initialized bytes.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: the trait's contract, as long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.ptr(), self.initialized_len()) }
    }
}

/// What the kernel may write to.
///
/// A read fills it from the beginning, over whatever is there, up to
/// [`capacity`](IoBufMut::capacity).
///
/// # Safety
///
/// As long as the value is not moved and nothing is called on it, [`ptr_mut`](IoBufMut::ptr_mut)
/// stays valid for writes of `capacity` bytes, nobody else reads or writes them, and both functions
/// keep giving the same answer.
pub unsafe trait IoBufMut: IoBuf {
    /// Where the bytes begin.
    fn ptr_mut(&mut self) -> *mut u8;

    /// How many bytes fit, initialized or not.
    fn capacity(&self) -> usize;

    /// Says that the first `len` bytes are initialized now. Types that can be shorter than their
    /// capacity become `len` long.
    ///
    /// # Safety
    ///
    /// They are, and `len` is not more than the capacity.
    unsafe fn set_initialized_len(&mut self, len: usize);
}

/// A result, and the buffer that the operation was given.
///
/// `?` turns the error into an [`io::Error`], where the buffer is not wanted any more.
pub type BufResult<T, B> = Result<(T, B), BufError<B>>;

/// An operation failed; here is its buffer.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use ringpool::buf::BufError;
///
/// let error = BufError { error: std::io::ErrorKind::BrokenPipe.into(), buffer: vec![1, 2, 3] };
/// assert_eq!(error.buffer, [1, 2, 3]);
/// let error: std::io::Error = error.into();
/// assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
/// # Ok(())
/// # }
/// ```
pub struct BufError<B> {
    /// What went wrong.
    pub error: io::Error,
    /// What the operation was given, as the operation left it.
    pub buffer: B,
}

impl<B> BufError<B> {
    /// The error and the buffer.
    pub fn into_parts(self) -> (io::Error, B) {
        (self.error, self.buffer)
    }
}

impl<B> From<BufError<B>> for io::Error {
    fn from(error: BufError<B>) -> Self {
        error.error
    }
}

impl<B> fmt::Display for BufError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<B> fmt::Debug for BufError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<B> error::Error for BufError<B> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

/// How a read ends: the buffer as long as what was read, or as it was.
pub(crate) fn finish_read<B: IoBufMut>(
    result: io::Result<u32>,
    mut buffer: B,
) -> BufResult<usize, B> {
    match result {
        Ok(count) => {
            let count = count as usize;
            // SAFETY: the kernel has written that many, and was told the capacity.
            unsafe { buffer.set_initialized_len(count) };
            Ok((count, buffer))
        }
        Err(error) => Err(BufError { error, buffer }),
    }
}

/// How a read into several buffers ends: each as long as what is in it, or as they were.
pub(crate) fn finish_read_vectored<B: IoBufMut>(
    result: io::Result<u32>,
    mut buffers: Vec<B>,
) -> BufResult<usize, Vec<B>> {
    let total = match result {
        Ok(total) => total as usize,
        Err(error) => return Err(BufError { error, buffer: buffers }),
    };
    let mut left = total;
    for buffer in &mut buffers {
        let count = left.min(buffer.capacity());
        // SAFETY: the kernel fills each buffer before it comes to the next, and has written
        // `total` bytes.
        unsafe { buffer.set_initialized_len(count) };
        left -= count;
    }
    Ok((total, buffers))
}

/// How a write ends.
pub(crate) fn finish_write<B>(result: io::Result<u32>, buffer: B) -> BufResult<usize, B> {
    match result {
        Ok(count) => Ok((count as usize, buffer)),
        Err(error) => Err(BufError { error, buffer }),
    }
}

/// A length as a submission entry has it. The kernel transfers no more than 2 GiB less a page at
/// once anyway, and says how much it was.
pub(crate) fn entry_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
