//! Opening in the old way, with limits to the path, and asking for a part of what is known.

use std::ffi::CString;
use std::io::{ErrorKind, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringpool::Pool;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called, errno_of};
use crate::support::Scratch;

fn their_openat(directory: &SharedFd, path: &str, flags: i32, mode: u32) -> Result<u64> {
    let path = CString::new(path).unwrap();
    // SAFETY: the path ends with a zero.
    let fd = unsafe { libc::openat(directory.as_raw_fd(), path.as_ptr(), flags, mode) };
    called(fd).map(|fd| {
        // SAFETY: the call has just made it.
        drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
        0
    })
}

fn directory(path: &Path) -> SharedFd {
    SharedFd::from(OwnedFd::from(std::fs::File::open(path).unwrap()))
}

#[test]
fn openat_opens_and_fails_as_the_system_call_does() {
    let _limit = limit();
    let scratch = Scratch::new();
    scratch.file("file", "contents");
    std::os::unix::fs::symlink("file", scratch.path("link")).unwrap();
    let directory = directory(&scratch.path(""));
    let long = "x".repeat(300);
    Pool::new(1).block_on(async {
        for (path, flags, mode) in [
            ("file", libc::O_RDONLY, 0),
            ("file", libc::O_RDONLY, 0o644),
            ("file", libc::O_RDWR | 1 << 30, 0),
            ("missing", libc::O_RDONLY, 0),
            ("file", libc::O_CREAT | libc::O_EXCL | libc::O_RDWR, 0o600),
            ("file", libc::O_DIRECTORY, 0),
            ("link", libc::O_NOFOLLOW, 0),
            ("", libc::O_RDONLY, 0),
            (long.as_str(), libc::O_RDONLY, 0),
        ] {
            let ours = op::openat(Some(&directory), path, flags, mode).await;
            let theirs = their_openat(&directory, path, flags, mode);
            assert_same(ours.map(|_| 0_u64), theirs, (path, flags, mode));
        }
        let made = op::openat(Some(&directory), "made", libc::O_CREAT | libc::O_WRONLY, 0o640);
        let made = made.await.unwrap();
        op::write(&made, "salt").await.unwrap();
        assert_eq!(std::fs::read(scratch.path("made")).unwrap(), b"salt");
        // SAFETY: only numbers are passed.
        let flags = unsafe { libc::fcntl(made.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC);
        let error = op::openat(None, "/dev/nu\0ll", libc::O_RDONLY, 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn openat_lets_pass_what_openat2_refuses() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for (flags, mode) in [(libc::O_RDONLY, 0o644), (libc::O_RDONLY | 1 << 30, 0)] {
            op::openat(None, "/dev/null", flags, mode).await.unwrap();
            let strict = op::openat2(None, "/dev/null", flags, mode).await;
            assert_eq!(errno_of(strict), libc::EINVAL, "{flags} {mode:o}");
        }
    });
}

#[test]
fn limits_to_the_path_are_those_of_openat2() {
    let _limit = limit();
    let scratch = Scratch::new();
    scratch.file("file", "contents");
    std::os::unix::fs::symlink("file", scratch.path("link")).unwrap();
    std::os::unix::fs::symlink("/file", scratch.path("rooted")).unwrap();
    let directory = directory(&scratch.path(""));
    Pool::new(1).block_on(async {
        for (path, resolve, errno) in [
            ("file", libc::RESOLVE_BENEATH, None),
            ("link", libc::RESOLVE_BENEATH, None),
            ("../x", libc::RESOLVE_BENEATH, Some(libc::EXDEV)),
            ("rooted", libc::RESOLVE_BENEATH, Some(libc::EXDEV)),
            ("rooted", libc::RESOLVE_IN_ROOT, None),
            ("../../file", libc::RESOLVE_IN_ROOT, None),
            ("link", libc::RESOLVE_NO_SYMLINKS, Some(libc::ELOOP)),
            ("/proc/self/exe", libc::RESOLVE_NO_MAGICLINKS, Some(libc::ELOOP)),
            ("/proc/version", libc::RESOLVE_NO_XDEV, Some(libc::EXDEV)),
            ("file", libc::RESOLVE_CACHED, None),
            ("file", 1 << 40, Some(libc::EINVAL)),
            ("file", libc::RESOLVE_BENEATH | libc::RESOLVE_IN_ROOT, Some(libc::EINVAL)),
        ] {
            let open = op::openat2(Some(&directory), path, libc::O_RDONLY, 0).resolve(resolve);
            match (open.await, errno) {
                (Ok(_), None) => {}
                (opened, errno) => {
                    assert_eq!(Some(errno_of(opened)), errno, "{path} {resolve:#x}");
                }
            }
        }
    });
}

#[test]
fn a_mask_says_what_statx_is_asked_for() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "contents");
    Pool::new(1).block_on(async {
        let size = op::statx(None, &path, 0).mask(libc::STATX_SIZE).await.unwrap();
        assert_eq!(size.len(), 8);
        let reserved = 1 << 31;
        let refused = op::statx(None, &path, 0).mask(reserved).await;
        let text = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: it is all numbers.
        let mut answer = unsafe { std::mem::zeroed() };
        // SAFETY: the path ends with a zero, and the answer outlives the call.
        let done = unsafe { libc::statx(libc::AT_FDCWD, text.as_ptr(), 0, reserved, &mut answer) };
        assert_same(refused.map(|_| 0_u64), called(done), "reserved");
    });
}
