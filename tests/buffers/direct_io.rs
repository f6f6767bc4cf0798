//! Files that are read and written past the page cache.

use std::path::Path;

use ringpool::Pool;
use ringpool::buf::{AlignedBuf, IoBuf, RegisteredBuffers};
use ringpool::fs;
use ringpool::op::{self, SharedFd};

use crate::common::{limit, skip};
use crate::support::Scratch;

const BYTES: usize = 64 << 10;

/// The file, opened with `O_DIRECT`, and what its transfers have to keep to; `None` where the file
/// system knows no such thing.
async fn open_direct(path: &Path) -> Option<(SharedFd, usize, usize)> {
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_DIRECT;
    let file = match op::openat2(None, path, flags, 0o600).await {
        Ok(file) => file,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}");
            skip("a file system that takes O_DIRECT");
            return None;
        }
    };
    match fs::metadata(path).await.unwrap().direct_io_alignment() {
        Some(direct) => {
            assert!(direct.memory.is_power_of_two() && direct.offset.is_power_of_two());
            Some((file, direct.memory, direct.offset))
        }
        // It does not say, and so it takes what every file system takes.
        None => Some((file, 4096, 4096)),
    }
}

fn pattern(at: usize) -> u8 {
    (at / 512 * 7 + at) as u8
}

#[test]
fn aligned_buffers_are_written_and_read() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.path("direct");
    Pool::new(1).block_on(async {
        let Some((file, memory, offset)) = open_direct(&path).await else { return };
        let mut buffer = AlignedBuf::new(BYTES, memory.max(offset));
        buffer.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(at));
        let (count, buffer) = op::write_at(&file, buffer, 0).await.unwrap();
        assert_eq!(count, BYTES);
        let on_disk = std::fs::read(&path).unwrap();
        assert_eq!(on_disk[..], buffer[..]);

        let part = AlignedBuf::new(BYTES, memory.max(offset)).slice(offset..3 * offset);
        let (count, part) = op::read_at(&file, part, 8 * offset as u64).await.unwrap();
        assert_eq!(count, 2 * offset);
        assert_eq!(part.as_bytes(), &on_disk[8 * offset..10 * offset]);
        let whole = part.into_inner();
        assert!(whole[..offset].iter().chain(&whole[3 * offset..]).all(|byte| *byte == 0));

        let parts = (AlignedBuf::new(offset, memory.max(8)), AlignedBuf::new(offset, 4096));
        let (count, parts) = op::readv_at(&file, parts, 0).await.unwrap();
        assert_eq!(count, 2 * offset);
        assert_eq!([&parts.0[..], &parts.1[..]].concat(), on_disk[..2 * offset]);
    });
}

#[test]
fn what_is_not_aligned_is_an_error_that_gives_the_buffer_back() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.path("direct");
    Pool::new(1).block_on(async {
        let Some((file, memory, offset)) = open_direct(&path).await else { return };
        if fs::metadata(&path).await.unwrap().direct_io_alignment().is_none() || offset == 1 {
            return skip("a file system that says how O_DIRECT has to be aligned");
        }
        let buffer = AlignedBuf::new(BYTES, memory.max(offset));
        let (_, buffer) = op::write_at(&file, buffer, 0).await.unwrap();
        let error = op::read_at(&file, buffer, 1).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(error.buffer.len(), BYTES);
        let error = op::read_at(&file, error.buffer.slice(..offset + 1), 0).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
    });
}

#[test]
fn registered_buffers_are_written_and_read() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.path("direct");
    Pool::new(1).block_on(async {
        let Some((file, ..)) = open_direct(&path).await else { return };
        let buffers = RegisteredBuffers::new(2, BYTES).unwrap();
        let mut buffer = buffers.take().unwrap();
        buffer.iter_mut().enumerate().for_each(|(at, byte)| *byte = pattern(at));
        let (count, buffer) = op::write_fixed_at(&file, buffer, 0).await.unwrap();
        assert_eq!((count, &std::fs::read(&path).unwrap()[..]), (BYTES, &buffer[..]));
        let part = buffers.take().unwrap().slice(4096..);
        let (count, part) = op::read_fixed_at(&file, part, 4096).await.unwrap();
        assert_eq!((count, part.as_bytes()), (BYTES - 4096, &buffer[4096..]));
    });
}
