//! Places for files, pipes, buffers that tell when they go.

use std::ffi::CString;
use std::future::{Future, poll_fn};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::{fs, io};

use ringpool::buf::{IoBuf, IoBufMut};
use ringpool::op::{Op, Operation, SharedFd};
use ringpool::yield_now;

use crate::common::{Count, CountsDrop};

/// A directory of the test's own, which goes with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringpool-fs-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a directory for the test");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with these contents.
    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).expect("a file for the test");
        path
    }

    pub(crate) fn named_pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let text = CString::new(path.as_os_str().as_bytes()).expect("no zero in it");
        // SAFETY: the text ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a failed test does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The two ends of a pipe, to read from and to write to.
pub(crate) fn pipe() -> (SharedFd, SharedFd) {
    let (reader, writer) = io::pipe().expect("a pipe");
    (SharedFd::from(OwnedFd::from(reader)), SharedFd::from(OwnedFd::from(writer)))
}

/// Opens a file to read and write it.
pub(crate) fn open(path: &Path) -> fs::File {
    fs::OpenOptions::new().read(true).write(true).open(path).expect("the test has made it")
}

/// Begins an operation and lets the kernel have it.
pub(crate) async fn begin<O: Operation>(op: &mut Op<O>) {
    begin_without_submitting(op).await;
    // The ring submits between two polls of a task that is always ready.
    yield_now().await;
    yield_now().await;
}

/// Begins an operation; the kernel has not heard of it when this returns.
pub(crate) async fn begin_without_submitting<O: Operation>(op: &mut Op<O>) {
    poll_fn(|cx| {
        let polled = std::pin::Pin::new(&mut *op).poll(cx);
        assert!(polled.is_pending(), "the operation was to stay under way");
        Poll::Ready(())
    })
    .await;
}

/// A buffer that counts when it goes.
pub(crate) struct Counted {
    bytes: Box<[u8]>,
    _dropped: CountsDrop,
}

impl Counted {
    pub(crate) fn new(bytes: &[u8], count: &Count) -> Self {
        Self { bytes: bytes.into(), _dropped: count.on_drop() }
    }
}

// SAFETY: the box owns the bytes.
unsafe impl IoBuf for Counted {
    fn ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.bytes.len()
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Counted {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// # Safety
    ///
    /// None: all bytes are initialized.
    unsafe fn set_initialized_len(&mut self, _: usize) {}
}

/// The same failure: number and kind.
#[track_caller]
pub(crate) fn assert_same_error(ours: &io::Error, theirs: &io::Error) {
    assert_eq!(ours.raw_os_error(), theirs.raw_os_error(), "{ours} and {theirs}");
    assert_eq!(ours.kind(), theirs.kind(), "{ours} and {theirs}");
}
