//! Pipes and what moves through them, beside `splice`, `tee` and `pipe2`.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use ringpool::Pool;
use ringpool::op::{self, Descriptor, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called, errno_of, is_missing};
use crate::support::{Scratch, begin, open, pipe};

fn shared(path: &Path) -> SharedFd {
    SharedFd::from(OwnedFd::from(open(path)))
}

fn their_splice(
    from: (&impl AsRawFd, Option<u64>),
    to: (&impl AsRawFd, Option<u64>),
    len: usize,
    flags: u32,
) -> std::io::Result<u64> {
    let (mut from_offset, mut to_offset) = (from.1.map(|at| at as i64), to.1.map(|at| at as i64));
    let pointer =
        |offset: &mut Option<i64>| offset.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    let (from_at, to_at) = (pointer(&mut from_offset), pointer(&mut to_offset));
    let (from, to) = (from.0.as_raw_fd(), to.0.as_raw_fd());
    // SAFETY: the offsets are null or outlive the call.
    called(unsafe { libc::splice(from, from_at, to, to_at, len, flags) })
}

/// Moves parts of `file`, which has the bytes of `std_file`, into a pipe.
pub(crate) async fn compare_splice_from(file: &impl Descriptor, std_file: &fs::File) {
    for (offset, len) in [
        (Some(0), 10),
        (Some(5), 10),
        (Some(4090), 100),
        (Some(1 << 40), 10),
        (Some(0), 0),
        (None, 7),
        (None, 7),
        (Some(1 << 63), 10),
        (Some(u64::MAX), 10),
    ] {
        let ((our_end, our_way), (their_end, their_way)) = (pipe(), pipe());
        let theirs = their_splice((std_file, offset), (&their_way, None), len as usize, 0);
        let moved = theirs.as_ref().copied().unwrap_or(0) as usize;
        let ours = op::splice(file, offset, &our_way, None, len, 0).await;
        assert_same(ours, theirs, (offset, len));
        if moved > 0 {
            let (_, ours) = op::read(&our_end, vec![0; 200]).await.unwrap();
            let (_, theirs) = op::read(&their_end, vec![0; 200]).await.unwrap();
            assert_eq!(ours[..moved], theirs[..moved], "{offset:?} {len}");
        }
    }
}

#[test]
fn a_file_is_moved_into_a_pipe_as_splice_moves_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let contents: Vec<u8> = (0..10_000_u32).map(|at| (at * 7) as u8).collect();
    let path = scratch.file("file", contents);
    Pool::new(1).block_on(compare_splice_from(&shared(&path), &open(&path)));
}

#[test]
fn a_pipe_is_moved_into_a_file_at_an_offset_or_at_its_position() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "0123456789");
    let file = shared(&path);
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        op::write(&writer, "salt and pepper").await.unwrap();
        assert_eq!(op::splice(&reader, None, &file, Some(6), 4, 0).await.unwrap(), 4);
        assert_eq!(fs::read(&path).unwrap(), b"012345salt");
        assert_eq!(op::splice(&reader, None, &file, None, 4, 0).await.unwrap(), 4);
        assert_eq!(fs::read(&path).unwrap(), b" and45salt");
        drop(writer);
        assert_eq!(op::splice(&reader, None, &file, None, 100, 0).await.unwrap(), 7);
        assert_eq!(op::splice(&reader, None, &file, None, 100, 0).await.unwrap(), 0);
    });
    assert_eq!(fs::read(&path).unwrap(), b" and peppert"[..11].to_vec());
}

#[test]
fn what_splice_cannot_move_is_the_same_error() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (one, other) = (scratch.file("one", "contents"), scratch.file("other", ""));
    let (one, other) = (shared(&one), shared(&other));
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let two_files = op::splice(&one, Some(0), &other, Some(0), 4, 0).await;
        assert_same(two_files, their_splice((&one, Some(0)), (&other, Some(0)), 4, 0), "files");
        let at_offset = op::splice(&one, Some(0), &writer, Some(1), 4, 0).await;
        assert_same(at_offset, their_splice((&one, Some(0)), (&writer, Some(1)), 4, 0), "offset");
        let wrong_end = op::splice(&writer, None, &other, None, 4, 0).await;
        assert_same(wrong_end, their_splice((&writer, None), (&other, None), 4, 0), "wrong end");
        let odd = op::splice(&one, Some(0), &writer, None, 4, 1 << 12).await;
        assert_same(odd, their_splice((&one, Some(0)), (&writer, None), 4, 1 << 12), "flags");
        let empty = op::splice(&reader, None, &other, None, 4, libc::SPLICE_F_NONBLOCK).await;
        assert_eq!(errno_of(empty), libc::EAGAIN);
    });
}

#[test]
fn the_flag_that_says_which_table_the_source_is_in_is_not_the_callers() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = shared(&scratch.file("file", "contents"));
    let (reader, writer) = pipe();
    let (other, to_other) = pipe();
    Pool::new(1).block_on(async {
        let moved = op::splice(&file, Some(0), &writer, None, 4, 1 << 31).await;
        assert_eq!(moved.unwrap(), 4);
        assert_eq!(op::tee(&reader, &to_other, 10, 1 << 31).await.unwrap(), 4);
        assert_eq!(op::read(&other, vec![0; 4]).await.unwrap().1, b"cont");
    });
}

#[test]
fn a_splice_that_waits_for_bytes_can_be_cancelled() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = shared(&scratch.file("file", ""));
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let mut splice = op::splice(&reader, None, &file, None, 10, 0);
        begin(&mut splice).await;
        let errno = errno_of(splice.cancel().await);
        assert!(matches!(errno, libc::ECANCELED | libc::EINTR), "{errno}");
    });
}

#[test]
fn tee_copies_and_leaves_what_it_copied() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = shared(&scratch.file("file", "contents"));
    let (first, to_first) = pipe();
    let (second, to_second) = pipe();
    Pool::new(1).block_on(async {
        op::write(&to_first, "salt and pepper").await.unwrap();
        assert_eq!(op::tee(&first, &to_second, 4, 0).await.unwrap(), 4);
        assert_eq!(op::read(&second, vec![0; 100]).await.unwrap().1, b"salt");
        assert_eq!(op::read(&first, vec![0; 100]).await.unwrap().1, b"salt and pepper");
        let calls = [(&first, &to_first), (&file, &to_second), (&first, &file)];
        for (from, to) in calls {
            // SAFETY: only numbers are passed.
            let done = unsafe { libc::tee(from.as_raw_fd(), to.as_raw_fd(), 4, 0) };
            let theirs = called(done);
            assert_same(op::tee(from, to, 4, 0).await, theirs, (from, to));
        }
        drop(to_first);
        assert_eq!(op::tee(&first, &to_second, 4, 0).await.unwrap(), 0);
    });
}

fn flags_of(fd: &impl AsRawFd, which: i32) -> i32 {
    // SAFETY: only numbers are passed.
    unsafe { libc::fcntl(fd.as_raw_fd(), which) }
}

#[test]
fn a_pipe_has_the_flags_it_was_made_with_and_is_closed_on_exec() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for flags in [0, libc::O_NONBLOCK, libc::O_DIRECT, libc::O_CLOEXEC] {
            let made = op::pipe(flags).await;
            if is_missing(&made, "a_pipe_has_the_flags_it_was_made_with", "6.16") {
                return;
            }
            let (reader, writer) = made.unwrap();
            let mut theirs = [0; 2];
            // SAFETY: there is room for two numbers.
            called(unsafe { libc::pipe2(theirs.as_mut_ptr(), flags) }).unwrap();
            // SAFETY: the call has just made them.
            let theirs = theirs.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
            for (ours, theirs) in [&reader, &writer].into_iter().zip(&theirs) {
                assert_eq!(flags_of(ours, libc::F_GETFL), flags_of(theirs, libc::F_GETFL));
                assert_eq!(flags_of(ours, libc::F_GETFD), libc::FD_CLOEXEC);
            }
            op::write(&writer, "salt").await.unwrap();
            drop(writer);
            assert_eq!(op::read(&reader, vec![0; 10]).await.unwrap().1, b"salt");
            assert_eq!(op::read(&reader, vec![0; 10]).await.unwrap().0, 0, "its end is closed");
        }
        assert_eq!(errno_of(op::pipe(libc::O_APPEND).await), libc::EINVAL);
    });
}
