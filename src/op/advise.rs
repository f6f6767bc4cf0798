//! Telling the kernel what a file or memory will be used for.

use std::any::TypeId;
use std::io;

use io_uring::{opcode, squeue};

use super::fields::change;
use super::{AnyFd, Descriptor, Op, Operation, Start};
use crate::buf::{BufError, BufResult, IoBufMut, RegisteredBuffer, Slice};

/// See [`fadvise`].
#[derive(Debug)]
pub struct Fadvise {
    fd: AnyFd,
    offset: u64,
    len: u64,
    advice: i32,
}

/// Tells the kernel how a range of a file will be read: `IORING_OP_FADVISE`. Since Linux 5.6.
///
/// `advice` is one of `posix_fadvise(2)`: [`POSIX_FADV_WILLNEED`](libc::POSIX_FADV_WILLNEED) begins
/// to read it, [`POSIX_FADV_DONTNEED`](libc::POSIX_FADV_DONTNEED) gives up what is in memory of it,
/// and [`POSIX_FADV_SEQUENTIAL`](libc::POSIX_FADV_SEQUENTIAL),
/// [`POSIX_FADV_RANDOM`](libc::POSIX_FADV_RANDOM) and
/// [`POSIX_FADV_NORMAL`](libc::POSIX_FADV_NORMAL) say how far to read ahead. A `len` of 0 means up
/// to the end. A `len` of 4 GiB and more is known since Linux 6.11, and `EINVAL` before.
///
/// # Errors
///
/// Those of `posix_fadvise(2)`: `EINVAL` for unknown advice, `ESPIPE` for a pipe.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let program = op::openat2(None, "/proc/self/exe", libc::O_RDONLY, 0).await?;
///     op::fadvise(&program, 0, 0, libc::POSIX_FADV_SEQUENTIAL).await
/// })
/// # }
/// ```
pub fn fadvise(fd: &impl Descriptor, offset: u64, len: u64, advice: i32) -> Op<Fadvise> {
    Op::new(Fadvise { fd: fd.to_any_fd(), offset, len, advice })
}

// SAFETY: the entry points to nothing; the operation owns the descriptor.
unsafe impl Operation for Fadvise {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let entry = opcode::Fadvise::new(start.target(&self.fd)?, 0, self.advice)
            .offset(self.offset)
            .build();
        // There are two fields for the length, and old kernels refuse the long one.
        Ok(change(entry, |fields| match u32::try_from(self.len) {
            Ok(len) => fields.len = len,
            Err(_) => fields.address = self.len,
        }))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`madvise`].
#[derive(Debug)]
pub struct Madvise<B> {
    buffer: B,
    advice: i32,
    /// Of the pages that are advised on.
    len: usize,
}

/// Not in the libc crate for every C library.
const MADV_COLLAPSE: i32 = 25;

/// The advice that may be given on memory of safe Rust: the bytes stay what they are, or become
/// zeros at once.
const ADVICE: [i32; 16] = [
    libc::MADV_NORMAL,
    libc::MADV_RANDOM,
    libc::MADV_SEQUENTIAL,
    libc::MADV_WILLNEED,
    libc::MADV_DONTNEED,
    libc::MADV_MERGEABLE,
    libc::MADV_UNMERGEABLE,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    libc::MADV_DONTDUMP,
    libc::MADV_DODUMP,
    libc::MADV_COLD,
    libc::MADV_PAGEOUT,
    libc::MADV_POPULATE_READ,
    libc::MADV_POPULATE_WRITE,
    MADV_COLLAPSE,
];

/// Tells the kernel what a buffer's memory will be used for: `IORING_OP_MADVISE`. Since Linux 5.6.
///
/// It is about the whole pages that lie within the buffer's capacity, and gives how many bytes
/// those are; the ends of a buffer may share theirs with other values. With
/// [`MADV_DONTNEED`](libc::MADV_DONTNEED) the memory is given back to the system, and those bytes
/// are zeros afterwards. Buffers of 4 GiB and more can be advised on since Linux 6.11, and are
/// `EINVAL` before.
///
/// # Errors
///
/// Those of `madvise(2)`, with the buffer. [`InvalidInput`](io::ErrorKind::InvalidInput) if there
/// is no whole page in the buffer, and for advice that would change or forbid memory behind its
/// owner's back, such as [`MADV_FREE`](libc::MADV_FREE) and
/// [`MADV_DONTFORK`](libc::MADV_DONTFORK); also for `MADV_DONTNEED` on a
/// [`RegisteredBuffer`], of which the kernel would go on with the old pages.
///
/// # Cancel safety
///
/// If it is dropped, the buffer is lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (advised, buffer) = op::madvise(vec![1; 1 << 20], libc::MADV_DONTNEED).await?;
///     assert!(advised > 0);
///     assert_eq!(buffer.iter().filter(|byte| **byte == 0).count(), advised);
///     Ok(())
/// })
/// # }
/// ```
pub fn madvise<B: IoBufMut>(buffer: B, advice: i32) -> Op<Madvise<B>> {
    let operation = Madvise { buffer, advice, len: 0 };
    if advice == libc::MADV_DONTNEED && is_registered::<B>() {
        let message = "the kernel goes on with the pages of a registered buffer, so they cannot be \
                       given back to the system; drop the set of buffers";
        return Op::refused(operation, io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    if ADVICE.contains(&advice) {
        return Op::new(operation);
    }
    let message = format!(
        "advice {advice} is not given: the memory would change, or could not be used any more, \
         when its owner does not expect it, or the advice is unknown"
    );
    Op::refused(operation, io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Whether the kernel has pinned the pages, and would not see the ones that come in their place.
fn is_registered<B: 'static>() -> bool {
    let kind = TypeId::of::<B>();
    kind == TypeId::of::<RegisteredBuffer>() || kind == TypeId::of::<Slice<RegisteredBuffer>>()
}

// SAFETY: the entry points to the buffer, which the operation owns, and only to pages of which
// every byte belongs to it. No advice that is let through touches them after the completion.
unsafe impl<B: IoBufMut> Operation for Madvise<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let start = self.buffer.ptr_mut();
        let (skipped, len) = whole_pages(start.addr(), self.buffer.capacity(), page_size());
        if len == 0 {
            let message = "there is no whole page in the buffer, and advice is given on pages";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.len = len;
        let entry = opcode::Madvise::new(start.wrapping_add(skipped).cast(), 0, self.advice);
        // There are two fields for the length, and old kernels refuse the long one.
        Ok(change(entry.build(), |fields| match u32::try_from(len) {
            Ok(len) => fields.len = len,
            Err(_) => fields.offset = len as u64,
        }))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            Ok(_) => Ok((self.len, self.buffer)),
            Err(error) => Err(BufError { error, buffer: self.buffer }),
        }
    }
}

/// How many bytes lie before the first page that begins in this memory, and how many the whole
/// pages in it have.
fn whole_pages(start: usize, len: usize, page: usize) -> (usize, usize) {
    let skipped = start.next_multiple_of(page) - start;
    let rest = len.saturating_sub(skipped);
    (skipped, rest - rest % page)
}

fn page_size() -> usize {
    // SAFETY: it only reads a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).expect("every Linux tells the size of its pages")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_are_wholly_inside_count() {
        assert_eq!(whole_pages(0x1000, 0x2000, 0x1000), (0, 0x2000));
        assert_eq!(whole_pages(0x1001, 0x2000, 0x1000), (0xfff, 0x1000));
        assert_eq!(whole_pages(0x1001, 0x1fff, 0x1000), (0xfff, 0x1000));
        assert_eq!(whole_pages(0x1001, 0x1ffe, 0x1000), (0xfff, 0));
        assert_eq!(whole_pages(0x1fff, 0x1001, 0x1000), (1, 0x1000));
        assert_eq!(whole_pages(0x1001, 5, 0x1000).1, 0);
    }
}
