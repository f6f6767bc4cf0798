//! Advice on files and memory, beside `posix_fadvise` and `madvise`.

use std::io::{Error, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};

use ringpool::Pool;
use ringpool::buf::{IoBuf, RegisteredBuffers};
use ringpool::op::{self, Descriptor, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, errno_of};
use crate::support::{Scratch, open, pipe};

/// Gives every advice there is, and some there is not, on `fd` and on `std_fd`.
pub(crate) async fn compare_fadvise(fd: &impl Descriptor, std_fd: &impl AsRawFd) {
    for advice in -1..10 {
        for (offset, len) in [(0, 0), (4096, 4096), (0, 5 << 30), (1 << 40, 1), (1 << 63, 1)] {
            // SAFETY: only numbers are passed.
            let errno = unsafe {
                libc::posix_fadvise(std_fd.as_raw_fd(), offset as i64, len as i64, advice)
            };
            let theirs = if errno == 0 { Ok(0) } else { Err(Error::from_raw_os_error(errno)) };
            let ours = op::fadvise(fd, offset, len, advice).await;
            if len > u64::from(u32::MAX) && theirs.is_ok() && ours.is_err() {
                println!("skipped: advice on {len} bytes needs Linux 6.11");
                assert_eq!(errno_of(ours), libc::EINVAL);
                continue;
            }
            assert_same(ours.map(|()| 0_u64), theirs, (advice, offset, len));
        }
    }
}

#[test]
fn advice_on_a_file_is_taken_as_posix_fadvise_takes_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", [7; 100_000]);
    let fd = SharedFd::from(OwnedFd::from(open(&path)));
    Pool::new(1).block_on(compare_fadvise(&fd, &open(&path)));
}

#[test]
fn advice_on_a_pipe_is_an_error() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let done = Pool::new(1).block_on(op::fadvise(&reader, 0, 0, libc::POSIX_FADV_NORMAL));
    assert_eq!(errno_of(done), libc::ESPIPE);
}

#[test]
fn memory_that_is_given_back_is_zero_in_whole_pages_and_untouched_beside_them() {
    let _limit = limit();
    // A buffer that begins and ends within a page, with neighbours on both sides.
    struct Middle(Vec<u8>);
    // SAFETY: a part of the vector, which owns its bytes.
    unsafe impl IoBuf for Middle {
        fn ptr(&self) -> *const u8 {
            self.0[100..].as_ptr()
        }
        fn initialized_len(&self) -> usize {
            self.0.len() - 200
        }
    }
    // SAFETY: as above.
    unsafe impl ringpool::buf::IoBufMut for Middle {
        fn ptr_mut(&mut self) -> *mut u8 {
            self.0[100..].as_mut_ptr()
        }
        fn capacity(&self) -> usize {
            self.0.len() - 200
        }
        /// # Safety
        ///
        /// None: all bytes are initialized.
        unsafe fn set_initialized_len(&mut self, _: usize) {}
    }
    for len in [20_000, 65_536, 1 << 20] {
        let advised = op::madvise(Middle(vec![7; len]), libc::MADV_DONTNEED);
        let (advised, buffer) = Pool::new(1).block_on(advised).unwrap();
        assert!(advised > 0 && advised <= len - 200, "{advised} of {len}");
        let zeros = buffer.0.iter().filter(|byte| **byte == 0).count();
        assert_eq!(zeros, advised, "of {len}");
        assert!(buffer.0[..100].iter().chain(&buffer.0[len - 100..]).all(|byte| *byte == 7));
    }
}

#[test]
fn advice_that_leaves_memory_as_it_is_leaves_it_and_the_length_of_the_vector() {
    let _limit = limit();
    let pool = Pool::new(1);
    for advice in [libc::MADV_WILLNEED, libc::MADV_COLD, libc::MADV_POPULATE_WRITE] {
        let mut buffer = Vec::with_capacity(1 << 20);
        buffer.extend([7; 5]);
        let (advised, buffer) = pool.block_on(op::madvise(buffer, advice)).unwrap();
        assert!(advised >= (1 << 20) - 8192 && advised % 4096 == 0, "{advised}");
        assert_eq!(buffer, [7; 5]);
    }
}

#[test]
fn advice_that_would_pull_memory_from_under_its_owner_is_refused() {
    let _limit = limit();
    let pool = Pool::new(1);
    let guard_install = 102;
    for advice in [
        libc::MADV_FREE,
        libc::MADV_REMOVE,
        libc::MADV_DONTFORK,
        libc::MADV_WIPEONFORK,
        libc::MADV_HWPOISON,
        guard_install,
        -1,
    ] {
        let error = pool.block_on(op::madvise(vec![7; 100_000], advice)).unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput, "{advice}");
        assert_eq!(error.buffer, vec![7; 100_000]);
    }
}

#[test]
fn a_buffer_without_a_whole_page_takes_no_advice() {
    let _limit = limit();
    let error = Pool::new(1).block_on(op::madvise([7; 100], libc::MADV_WILLNEED)).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("no whole page"), "{error}");
    assert_eq!(error.buffer, [7; 100]);
}

/// The kernel has pinned the pages of registered memory and goes on with them: the program would
/// see others from then on.
#[test]
fn registered_memory_is_not_given_back_to_the_system() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(1, 1 << 14).unwrap();
        let error = op::madvise(buffers.wait().await, libc::MADV_DONTNEED).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        let slice = error.buffer.slice(..1 << 13);
        let error = op::madvise(slice, libc::MADV_DONTNEED).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        drop(error);
        let mut buffer = buffers.wait().await;
        buffer.fill(1);
        let zeros = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await.unwrap();
        let (count, buffer) = op::read_fixed(&zeros, buffer).await.unwrap();
        assert_eq!(buffer.iter().filter(|byte| **byte == 0).count(), count);
    });
}
