//! What is in a directory.
//!
//! The kernel gives the entries in batches, on a thread for blocking work; a batch that is under
//! way belongs to the [`ReadDir`], not to the future that waits for it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::{FileType, Metadata};
use crate::Task;
use crate::op::{self, SharedFd, not_on_a_ring};
use crate::stop;

/// Room for one batch: some hundreds of entries.
const BATCH_BYTES: usize = 32 * 1024;

/// The entries of the directory at `path`, without `.` and `..`, in no order.
///
/// What is made or removed meanwhile may be among them or not.
///
/// # Errors
///
/// Those of [`std::fs::read_dir`].
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let mut devices = ringpool::fs::read_dir("/dev").await?;
///     let mut has_null = false;
///     while let Some(entry) = devices.next_entry().await? {
///         has_null |= entry.file_name() == "null";
///     }
///     assert!(has_null);
///     Ok(())
/// })
/// # }
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let fd = op::openat2(None, &path, libc::O_RDONLY | libc::O_DIRECTORY, 0).await?;
    let directory = Arc::new(Directory { fd, path });
    Ok(ReadDir { directory, batch: Batch::default(), reading: None, is_over: false })
}

/// The entries of a directory, one after the other; made by [`read_dir`].
///
/// It is a [`Stream`] too.
pub struct ReadDir {
    directory: Arc<Directory>,
    batch: Batch,
    /// The next batch, under way.
    reading: Option<Task<io::Result<Batch>>>,
    is_over: bool,
}

/// What every entry needs of its directory.
struct Directory {
    fd: SharedFd,
    path: PathBuf,
}

impl ReadDir {
    /// The next entry, or none if there are no more, or it has failed before.
    ///
    /// # Errors
    ///
    /// Those of getdents64(2).
    ///
    /// # Cancel safety
    ///
    /// No entry is lost.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        while !self.is_over {
            if let Some(found) = self.batch.next() {
                let directory = self.directory.clone();
                return Poll::Ready(Ok(Some(DirEntry { directory, found })));
            }
            if self.reading.is_none() {
                ready!(stop::poll_running(cx))?;
            }
            let batch = ready!(self.poll_batch(cx));
            self.reading = None;
            self.is_over = !batch.as_ref().is_ok_and(|batch| !batch.bytes.is_empty());
            self.batch = batch?;
        }
        Poll::Ready(Ok(None))
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Batch>> {
        if self.reading.is_none() {
            if crate::current().is_none() {
                return Poll::Ready(Err(not_on_a_ring()));
            }
            let (directory, bytes) =
                (self.directory.clone(), std::mem::take(&mut self.batch).bytes);
            self.reading = Some(crate::spawn_blocking(move || read_batch(&directory.fd, bytes)));
        }
        let reading = self.reading.as_mut().expect("just made");
        Pin::new(reading).poll(cx).map(|batch| batch?)
    }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_entry(cx).map(Result::transpose)
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.directory.path).finish()
    }
}

/// One file in a directory.
///
/// It keeps the directory open, so what it is asked about the file is right even if the directory
/// gets another name.
pub struct DirEntry {
    directory: Arc<Directory>,
    found: Found,
}

impl DirEntry {
    /// The path that was given to [`read_dir`], with the file's name behind it.
    pub fn path(&self) -> PathBuf {
        self.directory.path.join(&self.found.name)
    }

    /// The file's name in the directory.
    pub fn file_name(&self) -> OsString {
        self.found.name.clone()
    }

    /// Its number on the device that holds it.
    pub fn ino(&self) -> u64 {
        self.found.number
    }

    /// What the file system knows about it, be it a symbolic link or not.
    /// By [`op::statx`]; since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::statx`].
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let directory = Some(&self.directory.fd);
        op::statx(directory, &self.found.name, libc::AT_SYMLINK_NOFOLLOW).await
    }

    /// What kind of file it is. Most file systems have told already; of others it is asked as by
    /// [`metadata`](Self::metadata).
    ///
    /// # Errors
    ///
    /// Those of [`op::statx`].
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost.
    pub async fn file_type(&self) -> io::Result<FileType> {
        match FileType::from_entry(self.found.kind) {
            Some(file_type) => Ok(file_type),
            None => self.metadata().await.map(|metadata| metadata.file_type()),
        }
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}

/// What the kernel says of one entry.
#[derive(Debug, PartialEq)]
struct Found {
    name: OsString,
    number: u64,
    kind: u8,
}

/// Entries as the kernel gives them, one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// How many bytes have been taken.
    taken: usize,
}

impl Batch {
    fn next(&mut self) -> Option<Found> {
        loop {
            let rest = &self.bytes[self.taken..];
            let (found, len) = parse(rest)?;
            self.taken += len;
            if found.0 != "." && found.0 != ".." {
                let (name, number, kind) = found;
                return Some(Found { name: name.to_owned(), number, kind });
            }
        }
    }
}

/// The first entry of a batch and its length: a `struct linux_dirent64`, which has the file's
/// number (8 bytes), the position behind it (8), its length (2), its kind (1), and its name, which
/// ends with a zero.
fn parse(bytes: &[u8]) -> Option<((&OsStr, u64, u8), usize)> {
    let number = u64::from_ne_bytes(bytes.get(..8)?.try_into().ok()?);
    let len = u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?).into();
    let kind = *bytes.get(18)?;
    let name = bytes.get(19..len)?.split(|byte| *byte == 0).next()?;
    Some(((OsStr::from_bytes(name), number, kind), len))
}

/// Reads what comes next of a directory; nothing if it is at its end.
fn read_batch(fd: &SharedFd, mut bytes: Vec<u8>) -> io::Result<Batch> {
    bytes.clear();
    bytes.reserve(BATCH_BYTES);
    let room = bytes.spare_capacity_mut();
    // SAFETY: the kernel writes at most as many bytes as it is told, which the vector has room for.
    let len = unsafe {
        libc::syscall(libc::SYS_getdents64, fd.as_raw_fd(), room.as_mut_ptr(), room.len())
    };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has just written them.
    unsafe { bytes.set_len(len) };
    Ok(Batch { bytes, taken: 0 })
}
