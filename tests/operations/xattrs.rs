//! Extended attributes, beside `getxattr` and `setxattr`.

use std::ffi::{CString, c_void};
use std::io::{ErrorKind, Result};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ringpool::Pool;
use ringpool::buf::BufError;
use ringpool::op::{self, SharedFd};

use crate::common::limit;
use crate::same::{assert_same, called, errno_of};
use crate::support::{Scratch, open, pipe};

fn text(text: impl AsRef<Path>) -> CString {
    CString::new(text.as_ref().as_os_str().as_bytes()).unwrap()
}

fn their_set(path: &Path, name: &str, value: &[u8], flags: i32) -> Result<u64> {
    let (path, name, start) = (text(path), text(name), value.as_ptr().cast::<c_void>());
    // SAFETY: both texts end with a zero, and the value has that many bytes.
    called(unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), start, value.len(), flags) })
}

fn their_get(path: &Path, name: &str, room: usize) -> Result<(u64, Vec<u8>)> {
    let (path, name) = (text(path), text(name));
    let mut value = vec![0_u8; room];
    let start = value.as_mut_ptr().cast::<c_void>();
    // SAFETY: both texts end with a zero, and the value has that much room.
    let len = called(unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), start, room) })?;
    value.truncate(len as usize);
    Ok((len, value))
}

/// One of the ways to name a file.
#[derive(Clone, Debug)]
enum By<'a> {
    Path(&'a Path),
    Fd(SharedFd),
}

impl By<'_> {
    async fn set(&self, name: &str, value: Vec<u8>, flags: i32) -> Result<u64> {
        let expected = value.clone();
        let (result, buffer) = match self {
            Self::Path(path) => split(op::setxattr(path, name, value, flags).await),
            Self::Fd(fd) => split(op::fsetxattr(fd, name, value, flags).await),
        };
        assert_eq!(buffer, expected, "the buffer comes back");
        result.map(|()| 0)
    }

    async fn get(&self, name: &str, room: usize) -> Result<(u64, Vec<u8>)> {
        let value = Vec::with_capacity(room);
        let (result, buffer) = match self {
            Self::Path(path) => split(op::getxattr(path, name, value).await),
            Self::Fd(fd) => split(op::fgetxattr(fd, name, value).await),
        };
        result.map(|len| (len as u64, buffer))
    }
}

fn split<T, B>(result: std::result::Result<(T, B), BufError<B>>) -> (Result<T>, B) {
    match result {
        Ok((value, buffer)) => (Ok(value), buffer),
        Err(BufError { error, buffer }) => (Err(error), buffer),
    }
}

async fn compare(ours: By<'_>, theirs: &Path) {
    let (create, replace) = (libc::XATTR_CREATE, libc::XATTR_REPLACE);
    let long_name = format!("user.{}", "n".repeat(251));
    for (name, len, flags) in [
        ("user.colour", 3, 0),
        ("user.colour", 5, create),
        ("user.colour", 6, replace),
        ("user.none", 1, replace),
        ("user.empty", 0, 0),
        ("user.colour", 1, 77),
        ("user.huge", 70_000, 0),
        ("nonsense.colour", 3, 0),
        ("", 3, 0),
        (long_name.as_str(), 3, 0),
    ] {
        let value = vec![b'x'; len];
        let their_answer = their_set(theirs, name, &value, flags);
        assert_same(ours.set(name, value, flags).await, their_answer, (&ours, name, len, flags));
    }
    for (name, room) in [
        ("user.colour", 100),
        ("user.colour", 6),
        ("user.colour", 5),
        ("user.colour", 0),
        ("user.empty", 10),
        ("user.none", 10),
        ("nonsense.colour", 10),
        (long_name.as_str(), 10),
    ] {
        let (our_answer, their_answer) =
            (ours.get(name, room).await, their_get(theirs, name, room));
        if let (Ok(ours), Ok(theirs)) = (&our_answer, &their_answer) {
            assert_eq!(ours.1, theirs.1, "{name} {room}");
        }
        let what = (&ours, name, room);
        assert_same(our_answer.map(|ours| ours.0), their_answer.map(|theirs| theirs.0), what);
    }
}

#[test]
fn attributes_of_a_path_are_those_of_getxattr_and_setxattr() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", ""), scratch.file("theirs", ""));
    Pool::new(1).block_on(compare(By::Path(&ours), &theirs));
}

#[test]
fn attributes_of_an_open_file_are_those_of_its_path() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (ours, theirs) = (scratch.file("ours", ""), scratch.file("theirs", ""));
    let fd = SharedFd::from(OwnedFd::from(open(&ours)));
    Pool::new(1).block_on(compare(By::Fd(fd), &theirs));
}

#[test]
fn a_missing_file_a_pipe_and_a_path_that_is_too_long_have_no_attributes_of_users() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (_reader, writer) = pipe();
    let missing = scratch.path("missing");
    Pool::new(1).block_on(async {
        let set = By::Path(&missing).set("user.colour", vec![1], 0).await;
        assert_eq!(errno_of(set), libc::ENOENT);
        let get = By::Path(&missing).get("user.colour", 10).await;
        assert_eq!(errno_of(get), libc::ENOENT);
        let long = "x".repeat(5000);
        let get = By::Path(Path::new(&long)).get("user.colour", 10).await;
        assert_eq!(errno_of(get), libc::ENAMETOOLONG);
        let set = By::Fd(writer).set("user.colour", vec![1], 0).await;
        assert!(matches!(errno_of(set), libc::EPERM | libc::EOPNOTSUPP));
    });
}

#[test]
fn a_zero_byte_in_a_name_or_a_path_is_refused_and_the_buffer_given_back() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for (path, name) in [("/dev/nu\0ll", "user.colour"), ("/dev/null", "user.col\0our")] {
            let error = op::getxattr(path, name, [7; 3]).await.unwrap_err();
            assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.buffer, [7; 3]);
            let error = op::setxattr(path, name, "red", 0).await.unwrap_err();
            assert_eq!((error.error.kind(), error.buffer), (ErrorKind::InvalidInput, "red"));
        }
    });
}
