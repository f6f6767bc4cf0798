//! Ranges of files, beside `fallocate` and `sync_file_range`.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ringpool::Pool;
use ringpool::op::{self, Descriptor, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called, errno_of};
use crate::support::{Scratch, open, pipe};

const PUNCH: i32 = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;

/// Reserves and gives up ranges of `fd`, which is open on `ours`, and of `theirs`.
pub(crate) async fn compare_fallocate(fd: &impl Descriptor, ours: &Path, theirs: &Path) {
    let std_file = open(theirs);
    for (mode, offset, len) in [
        (0, 0, 10_000),
        (libc::FALLOC_FL_KEEP_SIZE, 10_000, 100_000),
        (PUNCH, 4096, 4096),
        (libc::FALLOC_FL_ZERO_RANGE, 0, 100),
        (libc::FALLOC_FL_PUNCH_HOLE, 0, 4096),
        (1 << 20, 0, 4096),
        (0, 0, 0),
        (0, 1 << 63, 1),
        (0, 0, u64::MAX),
        (0, i64::MAX as u64, 1),
    ] {
        // SAFETY: only numbers are passed.
        let done =
            unsafe { libc::fallocate(std_file.as_raw_fd(), mode, offset as i64, len as i64) };
        let theirs_done = called(done);
        let ours_done = op::fallocate(fd, mode, offset, len).await;
        assert_same(ours_done.map(|()| 0_u64), theirs_done, (mode, offset, len));
        let (a, b) = (fs::metadata(ours).unwrap(), fs::metadata(theirs).unwrap());
        assert_eq!((a.len(), a.blocks()), (b.len(), b.blocks()), "{mode} {offset} {len}");
        assert_eq!(fs::read(ours).unwrap(), fs::read(theirs).unwrap(), "{mode} {offset} {len}");
    }
}

#[test]
fn a_range_that_is_reserved_or_given_up_is_as_fallocate_leaves_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", [7; 5000]), scratch.file("theirs", [7; 5000]));
    let fd = SharedFd::from(OwnedFd::from(open(&ours)));
    Pool::new(1).block_on(compare_fallocate(&fd, &ours, &theirs));
}

#[test]
fn what_has_no_ranges_or_may_not_be_written_is_not_reserved() {
    let _limit = limit();
    let scratch = Scratch::new();
    let read_only = fs::File::open(scratch.file("file", "")).unwrap();
    let read_only = SharedFd::from(OwnedFd::from(read_only));
    let (_reader, writer) = pipe();
    Pool::new(1).block_on(async {
        assert_eq!(errno_of(op::fallocate(&writer, 0, 0, 1).await), libc::ESPIPE);
        assert_eq!(errno_of(op::fallocate(&read_only, 0, 0, 1).await), libc::EBADF);
    });
}

/// Writes ranges of `fd` to the disk, with every set of flags, and those of `std_fd`.
pub(crate) async fn compare_sync_file_range(fd: &impl Descriptor, std_fd: &impl AsRawFd) {
    for flags in 0..16 {
        for (offset, len) in [(0, 0), (4096, 4096), (1 << 40, 7), (1 << 63, 1)] {
            let (std_fd, std_len) = (std_fd.as_raw_fd(), i64::from(len));
            // SAFETY: only numbers are passed.
            let done = unsafe { libc::sync_file_range(std_fd, offset as i64, std_len, flags) };
            let theirs = called(done);
            let ours = op::sync_file_range(fd, offset, len, flags).await;
            assert_same(ours.map(|()| 0_u64), theirs, (flags, offset, len));
        }
    }
}

#[test]
fn a_range_is_written_to_the_disk_with_the_flags_of_sync_file_range() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", [7; 100_000]);
    let fd = SharedFd::from(OwnedFd::from(open(&path)));
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        compare_sync_file_range(&fd, &open(&path)).await;
        let error = errno_of(op::sync_file_range(&reader, 0, 0, 0).await);
        assert_eq!(error, libc::ESPIPE);
    });
}
