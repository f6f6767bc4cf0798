//! Reading and writing at offsets, beside `pread` and `pwrite`.

use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use ringpool::Pool;
use ringpool::fs::File;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::support::{Scratch, assert_same_error, open};

/// Bytes of which no two neighbourhoods are alike.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn a_read_at_any_offset_gives_what_pread_gives() {
    let _limit = limit();
    let scratch = Scratch::new();
    let std_file = open(&scratch.file("file", pattern(10_000)));
    let file = File::from_std(std_file.try_clone().unwrap());
    Pool::new(1).block_on(async {
        for offset in [0, 1, 4095, 4096, 9_999, 10_000, 10_001, 1 << 40] {
            for len in [0, 1, 100, 4096, 20_000] {
                let mut expected = vec![0; len];
                let count = std_file.read_at(&mut expected, offset).unwrap();
                let (ours, buffer) = file.read_at(Vec::with_capacity(len), offset).await.unwrap();
                assert_eq!(ours, count, "{len} bytes at {offset}");
                assert_eq!(buffer, expected[..count], "{len} bytes at {offset}");
            }
        }
    });
}

#[test]
fn a_write_at_any_offset_leaves_what_pwrite_leaves() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", b"before"), scratch.file("theirs", b"before"));
    let std_file = open(&theirs);
    let file = File::from_std(open(&ours));
    Pool::new(1).block_on(async {
        for (offset, len) in [(0, 3), (6, 0), (100, 5000), (4096, 1), (50, 100), (1 << 20, 10)] {
            let count = std_file.write_at(&pattern(len), offset).unwrap();
            let (written, buffer) = file.write_at(pattern(len), offset).await.unwrap();
            assert_eq!((written, buffer), (count, pattern(len)));
        }
    });
    assert_eq!(std::fs::read(&ours).unwrap(), std::fs::read(&theirs).unwrap());
}

#[test]
fn an_offset_that_is_too_large_is_an_error_and_not_the_files_position() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"contents");
    let std_file = open(&path);
    let file = File::from_std(open(&path));
    Pool::new(1).block_on(async {
        for offset in [1 << 63, u64::MAX - 1, u64::MAX] {
            let theirs = std_file.read_at(&mut [0; 8], offset).unwrap_err();
            let ours = file.read_at([0; 8], offset).await.unwrap_err();
            assert_same_error(&ours.error, &theirs);
            let theirs = std_file.write_at(b"x", offset).unwrap_err();
            let ours = file.write_at(*b"x", offset).await.unwrap_err();
            assert_same_error(&ours.error, &theirs);
            let ours = file.write_all_at("xyz", offset).await.unwrap_err();
            assert_same_error(&ours.error, &theirs);
            assert_eq!(ours.buffer, "xyz");
        }
    });
    assert_eq!(std::fs::read(path).unwrap(), b"contents");
}

#[test]
fn an_exact_read_fills_the_buffer_or_says_that_the_file_ends() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = File::from_std(open(&scratch.file("file", b"salt and pepper")));
    Pool::new(1).block_on(async {
        let ((), word) = file.read_exact_at([0; 6], 9).await.unwrap();
        assert_eq!(&word, b"pepper");
        let ((), nothing) = file.read_exact_at(Vec::new(), 1 << 30).await.unwrap();
        assert!(nothing.is_empty());
        let error = file.read_exact_at(Vec::with_capacity(7), 9).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.buffer, b"pepper");
        let error = file.read_exact_at(vec![1; 4], 100).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.buffer.is_empty(), "nothing was read");
    });
}

#[test]
fn all_is_written_or_the_buffer_comes_back_with_the_reason() {
    let _limit = limit();
    let scratch = Scratch::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = File::from_std(full);
    let path = scratch.file("file", b"");
    Pool::new(1).block_on(async {
        let error = file.write_all_at(String::from("does not fit"), 0).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(error.buffer, "does not fit");
        let file = File::from_std(open(&path));
        let ((), buffer) = file.write_all_at(pattern(3_000_000), 5).await.unwrap();
        assert_eq!(buffer, pattern(3_000_000));
    });
    assert_eq!(std::fs::read(path).unwrap(), [&[0; 5][..], &pattern(3_000_000)].concat());
}

#[test]
fn a_failed_transfer_gives_the_buffer_back_as_it_was() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"contents");
    let (read_only, directory) =
        (std::fs::File::open(&path).unwrap(), std::fs::File::open(path.parent().unwrap()).unwrap());
    Pool::new(1).block_on(async {
        let theirs = directory.read_at(&mut [0; 8], 0).unwrap_err();
        let ours = File::from_std(directory).read_at(vec![7; 8], 0).await.unwrap_err();
        assert_same_error(&ours.error, &theirs);
        assert_eq!(ours.buffer, vec![7; 8]);
        let theirs = read_only.write_at(b"x", 0).unwrap_err();
        let ours = File::from_std(read_only).write_at("x", 0).await.unwrap_err();
        assert_same_error(&ours.error, &theirs);
        assert_eq!(std::io::Error::from(ours).raw_os_error(), Some(libc::EBADF));
    });
}

#[test]
fn outside_the_tasks_of_a_pool_an_operation_says_so_and_gives_the_buffer_back() {
    let _limit = limit();
    let null = std::fs::File::open("/dev/null").unwrap();
    let null = SharedFd::from(std::os::fd::OwnedFd::from(null));
    let error = futures::executor::block_on(op::read_at(&null, vec![7; 8], 0)).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::Unsupported);
    assert!(error.error.to_string().contains("in a task of a pool"), "{}", error.error);
    assert_eq!(error.buffer, vec![7; 8]);
    let error = futures::executor::block_on(op::writev(&null, vec!["a", "b"])).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.buffer, ["a", "b"]);
    let error = futures::executor::block_on(File::open("/dev/null")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(null.try_into_owned().is_ok(), "no operation keeps the descriptor");
}

#[test]
fn contents_are_cut_extended_and_written_to_the_disk() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"salt and pepper");
    let std_file = open(&path);
    let file = File::from_std(open(&path));
    Pool::new(1).block_on(async {
        match file.set_len(4).await {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                assert!(error.to_string().contains("since Linux 6.9"), "{error}");
                return;
            }
            done => done.unwrap(),
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"salt");
        file.set_len(6).await.unwrap();
        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"salt\0\0");
        let theirs = ftruncate_of(&std_file, u64::MAX);
        // Where the kernel has no operation for it, it is the standard library that refuses.
        assert_eq!(file.set_len(u64::MAX).await.unwrap_err().kind(), theirs.kind());
    });
}

/// What `ftruncate` says to a length that the standard library does not even pass on.
fn ftruncate_of(file: &std::fs::File, len: u64) -> std::io::Error {
    use std::os::fd::AsRawFd;
    // SAFETY: only numbers are passed.
    assert_eq!(unsafe { libc::ftruncate(file.as_raw_fd(), len as i64) }, -1);
    std::io::Error::last_os_error()
}
