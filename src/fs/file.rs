//! An open file.

use std::fs::{FileTimes, Permissions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;
use std::{fmt, io};

use super::blocking::blocking_on;
use super::lock::Locking;
use super::{Metadata, OpenOptions};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut, IoBufs, IoBufsMut};
use crate::op::parked::Slot;
use crate::op::rest::Rest;
use crate::op::{self, Op, SharedFd};
use crate::stream::{ByPosition, Stream};

/// An open file.
///
/// It may be used from any ring, by many tasks at once, and be passed about. Dropping it does not
/// wait for operations under way: the descriptor is closed after the last of them.
///
/// # Examples
///
/// ```
/// use ringpool::fs::File;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let file = File::open("/proc/version").await?;
///     let (count, buffer) = file.read_at(vec![0; 5], 0).await?;
///     assert_eq!(&buffer[..count], b"Linux");
///     Ok(())
/// })
/// # }
/// ```
pub struct File {
    /// With what moves the position: a read and a write that were dropped in flight.
    pub(super) stream: Stream<ByPosition>,
    pub(super) locking: Slot<Locking>,
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file to write it: makes it if it is not there, and empties it if it is.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the file may have been made or emptied.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// Makes a file, and fails if it is there; to read and write it.
    ///
    /// # Errors
    ///
    /// Those of [`OpenOptions::open`], [`AlreadyExists`](io::ErrorKind::AlreadyExists) among them.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the file may have been made.
    pub async fn create_new(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).await
    }

    /// Options for opening a file: `File::options()` is [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// The standard library's file.
    pub fn from_std(file: std::fs::File) -> Self {
        Self::from(OwnedFd::from(file))
    }

    /// The standard library's file again, if nobody else uses it.
    ///
    /// # Errors
    ///
    /// Itself, if operations on it are under way, a dropped read has left bytes behind, or somebody
    /// has a clone of its [`shared_fd`](File::shared_fd).
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::fs::File;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let file = File::from_std(std::fs::File::open("/dev/null")?);
    /// let file: std::fs::File = file.into_std().expect("nobody else uses it");
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_std(self) -> Result<std::fs::File, Self> {
        let Self { stream, locking } = self;
        let owned = stream.into_fd().map(std::fs::File::from);
        owned.map_err(|stream| Self { stream, locking })
    }

    /// The descriptor, for the operations of [`op`].
    pub fn shared_fd(&self) -> &SharedFd {
        self.stream.fd()
    }

    /// Another handle of the same open file, with the same position, and a descriptor of its own.
    ///
    /// # Errors
    ///
    /// If no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.as_fd().try_clone_to_owned().map(Self::from)
    }

    /// Reads from `offset` into the buffer; see [`op::read_at`]. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::read_at`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the buffer is lost, but nothing of the file.
    pub fn read_at<B: IoBufMut>(&self, buffer: B, offset: u64) -> Op<op::Read<B>> {
        op::read_at(self.shared_fd(), buffer, offset)
    }

    /// Writes the buffer's bytes, or some of them, at `offset`; see [`op::write_at`].
    /// Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::write_at`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may have been written.
    pub fn write_at<B: IoBuf>(&self, buffer: B, offset: u64) -> Op<op::Write<B>> {
        op::write_at(self.shared_fd(), buffer, offset)
    }

    /// Fills the buffer up to its capacity with what follows `offset`. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::read_at`], and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file
    /// ends before. The buffer has what was read until then.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the buffer is lost, but nothing of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let file = ringpool::fs::File::open("/proc/version").await?;
    ///     let ((), word) = file.read_exact_at([0; 5], 0).await?;
    ///     assert_eq!(&word, b"Linux");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn read_exact_at<B: IoBufMut>(&self, buffer: B, offset: u64) -> BufResult<(), B> {
        let mut rest = Rest::new(buffer);
        while rest.capacity() > 0 {
            let at = behind(offset, rest.done);
            let read = op::read_at(self.shared_fd(), rest, at).await;
            let end = (io::ErrorKind::UnexpectedEof, "the file ends before the buffer is full");
            (_, rest) = go_on(read, end)?;
        }
        Ok(((), rest.buffer))
    }

    /// Writes all bytes of the buffer at `offset`. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::write_at`], and [`WriteZero`](io::ErrorKind::WriteZero) if the file takes no
    /// more. Some bytes may have been written; where it matters how many, use
    /// [`write_at`](File::write_at).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may have been written.
    pub async fn write_all_at<B: IoBuf>(&self, buffer: B, offset: u64) -> BufResult<(), B> {
        let mut rest = Rest::new(buffer);
        while rest.initialized_len() > 0 {
            let at = behind(offset, rest.done);
            let write = op::write_at(self.shared_fd(), rest, at).await;
            let written;
            (written, rest) =
                go_on(write, (io::ErrorKind::WriteZero, "the file takes no more bytes"))?;
            rest.done += written;
        }
        Ok(((), rest.buffer))
    }

    /// Reads from `offset` into several buffers, one after the other; see [`op::readv_at`].
    /// Since Linux 5.1.
    ///
    /// # Errors
    ///
    /// Those of [`op::readv_at`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the buffers are lost, but nothing of the file.
    pub fn read_vectored_at<B: IoBufsMut>(
        &self,
        buffers: B,
        offset: u64,
    ) -> Op<op::ReadVectored<B>> {
        op::readv_at(self.shared_fd(), buffers, offset)
    }

    /// Writes the bytes of several buffers, or some of them, at `offset`; see [`op::writev_at`].
    /// Since Linux 5.1.
    ///
    /// # Errors
    ///
    /// Those of [`op::writev_at`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may have been written.
    pub fn write_vectored_at<B: IoBufs>(
        &self,
        buffers: B,
        offset: u64,
    ) -> Op<op::WriteVectored<B>> {
        op::writev_at(self.shared_fd(), buffers, offset)
    }

    /// What the file system knows about the file; see [`op::statx`]. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::statx`].
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        op::statx(Some(self.shared_fd()), "", libc::AT_EMPTY_PATH).await
    }

    /// Waits until the disk has the contents and everything about the file; see [`op::fsync`].
    /// Since Linux 5.1.
    ///
    /// # Errors
    ///
    /// Those of [`op::fsync`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the file may or may not have been written.
    pub async fn sync_all(&self) -> io::Result<()> {
        op::fsync(self.shared_fd()).await
    }

    /// Waits until the disk has the contents; see [`op::fdatasync`]. Since Linux 5.1.
    ///
    /// # Errors
    ///
    /// Those of [`op::fdatasync`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the file may or may not have been written.
    pub async fn sync_data(&self) -> io::Result<()> {
        op::fdatasync(self.shared_fd()).await
    }

    /// Cuts the file to `len` bytes, or extends it with zeros; see [`op::ftruncate`].
    /// Since Linux 6.9; on older ones by a thread for blocking work.
    ///
    /// The position stays where it is.
    ///
    /// # Errors
    ///
    /// Those of [`op::ftruncate`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the file may or may not have the new length.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        match op::ftruncate(self.shared_fd(), len).await {
            // An error that is not the kernel's: it does not have the operation.
            Err(error) if error.kind() == io::ErrorKind::Unsupported && !is_errno(&error) => {
                blocking_on(self.shared_fd(), move |file| file.set_len(len)).await
            }
            done => done,
        }
    }

    /// Says who has what rights to the file. On a thread for blocking work, as io_uring has no
    /// operation for it.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_permissions`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the rights may or may not have been changed.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        blocking_on(self.shared_fd(), |file| file.set_permissions(permissions)).await
    }

    /// Says when the file was last read and changed. On a thread for blocking work, as io_uring
    /// has no operation for it.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_times`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the times may or may not have been changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::FileTimes;
    /// use std::time::SystemTime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-times-{}", std::process::id()));
    /// pool.block_on(async {
    ///     let file = ringpool::fs::File::create(&path).await?;
    ///     file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).await?;
    ///     assert_eq!(file.metadata().await?.modified()?, SystemTime::UNIX_EPOCH);
    ///     ringpool::fs::remove_file(&path).await
    /// })
    /// # }
    /// ```
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        blocking_on(self.shared_fd(), move |file| file.set_times(times)).await
    }

    /// Says when the file was last changed; see [`set_times`](Self::set_times).
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::File::set_modified`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the time may or may not have been changed.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }

    /// Closes the file and says whether that went well; see [`op::close`]. Since Linux 5.6.
    ///
    /// A write at the position that was dropped is done first.
    ///
    /// # Errors
    ///
    /// Those of [`op::close`] and of such a write. The file is closed, or will be after the last
    /// operation on it.
    ///
    /// # Cancel safety
    ///
    /// The file is closed in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let file = ringpool::fs::File::open("/dev/null").await?;
    ///     file.close().await
    /// })
    /// # }
    /// ```
    pub async fn close(mut self) -> io::Result<()> {
        let written = self.end_of_writes().await;
        self.end_of_reads().await;
        let closed = op::close(self.stream.into_shared_fd()).await;
        written.and(closed)
    }
}

/// Where in the file a transfer goes on that began at `offset`.
fn behind(offset: u64, done: usize) -> u64 {
    offset.saturating_add(done as u64)
}

fn is_errno(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

/// The count of a transfer that is to be followed by the next; `end` is the error of one that has
/// not transferred anything.
fn go_on<B>(
    transferred: BufResult<usize, Rest<B>>,
    end: (io::ErrorKind, &str),
) -> Result<(usize, Rest<B>), BufError<B>> {
    match transferred {
        Ok((0, rest)) => Err(BufError { error: io::Error::new(end.0, end.1), buffer: rest.buffer }),
        Err(BufError { error, buffer }) if error.kind() == io::ErrorKind::Interrupted => {
            Ok((0, buffer))
        }
        Err(BufError { error, buffer }) => Err(BufError { error, buffer: buffer.buffer }),
        Ok(moved) => Ok(moved),
    }
}

impl From<SharedFd> for File {
    fn from(fd: SharedFd) -> Self {
        Self { stream: Stream::new(fd), locking: Slot::new(Locking::default()) }
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self::from(SharedFd::from(fd))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("fd", &self.as_raw_fd()).finish_non_exhaustive()
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self::from_std(file)
    }
}

crate::op::has_descriptor!(File, self => self.shared_fd());
