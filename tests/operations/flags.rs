//! Flags of single reads and writes, beside `preadv2` and `pwritev2`.

use std::fs;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use ringpool::Pool;
use ringpool::op::{self, Descriptor, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called};
use crate::support::{Scratch, open, pipe};

const WRITE_FLAGS: [i32; 7] = [
    0,
    libc::RWF_DSYNC,
    libc::RWF_SYNC,
    libc::RWF_APPEND,
    libc::RWF_DSYNC | libc::RWF_APPEND,
    libc::RWF_NOAPPEND,
    1 << 30,
];

fn their_write(file: &fs::File, text: &str, offset: i64, flags: i32) -> std::io::Result<u64> {
    let slices = [IoSlice::new(text.as_bytes())];
    // SAFETY: a slice of the standard library is laid out as an iovec, and this is one of them.
    called(unsafe { libc::pwritev2(file.as_raw_fd(), slices.as_ptr().cast(), 1, offset, flags) })
}

fn their_read(file: &impl AsRawFd, flags: i32) -> std::io::Result<u64> {
    let mut buffer = [0; 10];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    // SAFETY: as above.
    called(unsafe { libc::preadv2(file.as_raw_fd(), slices.as_mut_ptr().cast(), 1, 0, flags) })
}

/// A read of a pipe that must not wait.
fn their_pipe_read(pipe: &impl AsRawFd) -> std::io::Result<u64> {
    let mut buffer = [0; 10];
    let mut slices = [IoSliceMut::new(&mut buffer)];
    let (fd, slices) = (pipe.as_raw_fd(), slices.as_mut_ptr().cast());
    // SAFETY: as above.
    called(unsafe { libc::preadv2(fd, slices, 1, -1, libc::RWF_NOWAIT) })
}

/// Writes with every flag to `fd`, which is open on `ours` as `std_file` is on `theirs`.
pub(crate) async fn compare_writes(
    fd: &impl Descriptor,
    ours: &Path,
    std_file: &fs::File,
    theirs: &Path,
) {
    for flags in WRITE_FLAGS {
        let one = op::write_at(fd, "salt", 2).rw_flags(flags).await;
        let their_one = their_write(std_file, "salt", 2, flags);
        assert_same(one.map(|one| one.0).map_err(|error| error.error), their_one, flags);
        let both = op::writev_at(fd, vec!["pep", "per"], 1).rw_flags(flags).await;
        let their_both = their_write(std_file, "pepper", 1, flags);
        assert_same(both.map(|both| both.0).map_err(|error| error.error), their_both, flags);
        assert_eq!(fs::read(ours).unwrap(), fs::read(theirs).unwrap(), "{flags:#x}");
    }
}

#[test]
fn writes_with_flags_leave_what_pwritev2_leaves() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", "0123"), scratch.file("theirs", "0123"));
    let fd = SharedFd::from(OwnedFd::from(open(&ours)));
    Pool::new(1).block_on(compare_writes(&fd, &ours, &open(&theirs), &theirs));
}

#[test]
fn writes_with_flags_to_a_file_opened_for_appending_leave_what_pwritev2_leaves() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", "0123"), scratch.file("theirs", "0123"));
    let append = |path| fs::OpenOptions::new().append(true).open(path).unwrap();
    let fd = SharedFd::from(OwnedFd::from(append(&ours)));
    Pool::new(1).block_on(compare_writes(&fd, &ours, &append(&theirs), &theirs));
}

#[test]
fn reads_with_flags_give_what_preadv2_gives() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = open(&scratch.file("file", "contents"));
    let fd = SharedFd::from(OwnedFd::from(file.try_clone().unwrap()));
    Pool::new(1).block_on(async {
        for flags in [0, libc::RWF_NOWAIT, libc::RWF_DSYNC, libc::RWF_DONTCACHE, 1 << 30] {
            let ours = op::read_at(&fd, [0; 10], 0).rw_flags(flags).await;
            let ours = ours.map(|(count, _)| count).map_err(|error| error.error);
            assert_same(ours, their_read(&file, flags), flags);
            let ours = op::readv_at(&fd, vec![[0; 3]; 2], 0).rw_flags(flags).await;
            let ours = ours.map(|(count, _)| count + 2).map_err(|error| error.error);
            assert_same(ours, their_read(&file, flags), flags);
        }
    });
}

#[test]
fn a_read_that_must_not_wait_does_not() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let error = op::read(&reader, vec![7; 10]).rw_flags(libc::RWF_NOWAIT).await.unwrap_err();
        if error.error.raw_os_error() == Some(libc::EOPNOTSUPP) {
            let theirs = their_pipe_read(&reader);
            assert_eq!(theirs.unwrap_err().raw_os_error(), Some(libc::EOPNOTSUPP));
            println!("skipped: a_read_that_must_not_wait_does_not needs a newer Linux for pipes");
            return;
        }
        assert_eq!(error.error.kind(), ErrorKind::WouldBlock);
        assert_eq!(error.buffer, [7; 10]);
        let error = op::readv(&reader, vec![[7; 10]]).rw_flags(libc::RWF_NOWAIT).await;
        assert_eq!(error.unwrap_err().error.kind(), ErrorKind::WouldBlock);
        op::write(&writer, "salt").rw_flags(libc::RWF_NOWAIT).await.unwrap();
        let read = op::read(&reader, vec![7; 10]).rw_flags(libc::RWF_NOWAIT).await.unwrap();
        assert_eq!(read.1, b"salt");
    });
}

#[test]
fn a_ring_that_does_not_only_poll_disks_takes_no_hipri() {
    let _limit = limit();
    let scratch = Scratch::new();
    let fd = SharedFd::from(OwnedFd::from(open(&scratch.file("file", "contents"))));
    Pool::new(1).block_on(async {
        let error = op::read_at(&fd, [0; 4], 0).rw_flags(libc::RWF_HIPRI).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
        let error = op::write_at(&fd, "salt", 0).rw_flags(libc::RWF_HIPRI).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EINVAL));
    });
}
