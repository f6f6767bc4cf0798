//! A buffer of a pool, in use.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use super::SharedPool;
use crate::buf::IoBuf;
use crate::ring::provided::Part;

/// A buffer out of a [`BufferPool`](super::BufferPool), or a part of one, with what an operation
/// has put into it; it goes back to the pool when it is dropped.
///
/// It may be used and dropped on any thread, also when the pool's other handles have gone and its
/// ring has stopped. It can be [sent](crate::op::send) as it is.
///
/// # Examples
///
/// See [`BufferPool`](super::BufferPool).
pub struct PooledBuffer {
    start: NonNull<u8>,
    len: usize,
    /// None if there was nothing to put into a buffer.
    lease: Option<Lease>,
}

/// Gives the buffer back when it is dropped.
struct Lease {
    pool: Arc<SharedPool>,
    buffer: u16,
}

// SAFETY: the bytes are ours alone until the lease is dropped, which may happen on any thread.
unsafe impl Send for PooledBuffer {}
// SAFETY: a shared one only lets read.
unsafe impl Sync for PooledBuffer {}

impl PooledBuffer {
    /// Takes over a part that has been claimed.
    pub(super) fn new(pool: Arc<SharedPool>, part: Part) -> Self {
        let start = pool.address(part.buffer, part.offset);
        let lease = Some(Lease { pool, buffer: part.buffer });
        Self { start, len: part.len as usize, lease }
    }

    /// No bytes, and no buffer.
    pub(crate) fn empty() -> Self {
        Self { start: NonNull::dangling(), len: 0, lease: None }
    }

    /// Keeps only the first `len` bytes; does nothing if there are no more than that.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Leaves out the first `count` bytes.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len, "cannot leave out {count} bytes of {}", self.len);
        // SAFETY: within the bytes.
        self.start = unsafe { self.start.add(count) };
        self.len -= count;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.buffer);
    }
}

impl Deref for PooledBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the part is ours and the pool there as long as the lease, and its memory began
        // as zeros.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the bytes are in the pool's memory, which stays as long as the lease; nobody else has the
// part.
unsafe impl IoBuf for PooledBuffer {
    fn ptr(&self) -> *const u8 {
        self.start.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.len
    }
}

impl fmt::Debug for PooledBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buffer = self.lease.as_ref().map(|lease| lease.buffer);
        let mut debug = f.debug_struct("PooledBuffer");
        debug.field("len", &self.len).field("buffer", &buffer).finish_non_exhaustive()
    }
}
