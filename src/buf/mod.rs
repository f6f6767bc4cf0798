//! Buffers that an operation owns while the kernel uses them.
//!
//! An operation takes its buffer by value and gives it back with the result, on success as on
//! failure: [`BufResult`]. In between it lives in the operation's own memory, so arrays will do as
//! well as vectors.
//!
//! | buffer | written from | read into |
//! |---|---|---|
//! | `Vec<u8>` | all of it | up to the capacity; it is then as long as what was read |
//! | `Box<[u8]>`, `[u8; N]`, `Box<[u8; N]>`, [`AlignedBuf`] | all of it | stays as long as it is |
//! | `&'static [u8]`, `&'static str`, `String`, `Box<str>`, `Cow<'static, …>`, `Arc<[u8]>`, `Arc<str>`, `Arc<Vec<u8>>` | all of it | not |
//! | `bytes::Bytes` and `bytes::BytesMut`, with the feature `bytes` | all of it | `BytesMut`, as a vector |
//! | [`RegisteredBuffer`] | all of it | as a vector |
//! | [`PooledBuffer`] | all of it | not |
//! | [`Slice`], made by [`IoBuf::slice`] of any of these | the part | the part, and nothing else changes |
//!
//! Vectored operations take several: a `Vec`, a boxed slice or an array of buffers, or a tuple of
//! different ones; see [`IoBufs`]. A user's own type can be a buffer as well: the traits are
//! unsafe to implement, and say what has to be promised.

mod aligned;
mod arena;
#[cfg(feature = "bytes")]
mod bytes;
mod impls;
pub(crate) mod provided;
mod registered;
mod registration;
mod slice;
mod vectored;

use std::ops::RangeBounds;
use std::{error, fmt, io};

pub use aligned::AlignedBuf;
pub use provided::{BufferPool, BufferPoolBuilder, PooledBuffer, WhenEmpty};
pub use registered::{Registered, RegisteredBuffer, RegisteredBuffers, RegisteredBufs};
pub use slice::Slice;
use vectored::set_initialized_total;
pub use vectored::{IoBufs, IoBufsMut};

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

    /// A part of the buffer, to be used as a buffer of its own.
    ///
    /// A range that ends behind the buffer ends with it: with its initialized bytes where it is
    /// written from, and with its capacity where it is read into.
    ///
    /// # Panics
    ///
    /// If the range begins behind the initialized bytes, or after its own end.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::buf::IoBuf;
    ///
    /// let and = "salt and pepper".slice(5..8);
    /// assert_eq!(and.as_bytes(), b"and");
    /// assert_eq!(and.into_inner(), "salt and pepper");
    /// ```
    #[track_caller]
    fn slice(self, range: impl RangeBounds<usize>) -> Slice<Self>
    where
        Self: Sized,
    {
        Slice::new(self, range)
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

/// How a read into several buffers ends.
pub(crate) fn finish_read_vectored<B: IoBufsMut>(
    result: io::Result<u32>,
    mut buffers: B,
) -> BufResult<usize, B> {
    match result {
        Ok(count) => {
            let count = count as usize;
            // SAFETY: the kernel has written that many, filling one buffer after the other.
            unsafe { set_initialized_total(&mut buffers, count) };
            Ok((count, buffers))
        }
        Err(error) => Err(BufError { error, buffer: buffers }),
    }
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
