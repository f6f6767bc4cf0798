//! An open file.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use super::{Metadata, OpenOptions};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::rest::Rest;
use crate::op::{self, Op, SharedFd};

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
#[derive(Debug)]
pub struct File {
    fd: SharedFd,
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
    /// Itself, if operations on it are under way, or somebody has a clone of its
    /// [`shared_fd`](File::shared_fd).
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
        self.fd.try_into_owned().map(std::fs::File::from).map_err(Self::from)
    }

    /// The descriptor, for the operations of [`op`].
    pub fn shared_fd(&self) -> &SharedFd {
        &self.fd
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
        op::read_at(&self.fd, buffer, offset)
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
        op::write_at(&self.fd, buffer, offset)
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
        self.fill(buffer, Some(offset)).await
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
        self.drain(buffer, Some(offset)).await
    }

    /// Reads from the file's position into the buffer, and moves the position; see [`op::read`].
    /// Since Linux 5.6.
    ///
    /// It takes the file for itself, since the kernel does not let operations on one position take
    /// turns. Clones share the position: there it is up to the caller.
    ///
    /// # Errors
    ///
    /// Those of [`op::read`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, it may still read, and the position moves.
    pub async fn read<B: IoBufMut>(&mut self, buffer: B) -> BufResult<usize, B> {
        op::read(&self.fd, buffer).await
    }

    /// Writes the buffer's bytes, or some of them, at the file's position, and moves the position;
    /// see [`op::write()`]. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::write()`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may be written.
    pub async fn write<B: IoBuf>(&mut self, buffer: B) -> BufResult<usize, B> {
        op::write(&self.fd, buffer).await
    }

    /// Fills the buffer up to its capacity from the file's position. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// As for [`read_exact_at`](File::read_exact_at).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, it may still read, and the position moves.
    pub async fn read_exact<B: IoBufMut>(&mut self, buffer: B) -> BufResult<(), B> {
        self.fill(buffer, None).await
    }

    /// Writes all bytes of the buffer at the file's position. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// As for [`write_all_at`](File::write_all_at).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may be written.
    pub async fn write_all<B: IoBuf>(&mut self, buffer: B) -> BufResult<(), B> {
        self.drain(buffer, None).await
    }

    async fn fill<B: IoBufMut>(&self, buffer: B, offset: Option<u64>) -> BufResult<(), B> {
        let mut rest = Rest::new(buffer);
        while rest.capacity() > 0 {
            let read = match behind(offset, &rest) {
                Some(offset) => op::read_at(&self.fd, rest, offset),
                None => op::read(&self.fd, rest),
            };
            let end = (io::ErrorKind::UnexpectedEof, "the file ends before the buffer is full");
            (_, rest) = go_on(read.await, end)?;
        }
        Ok(((), rest.buffer))
    }

    async fn drain<B: IoBuf>(&self, buffer: B, offset: Option<u64>) -> BufResult<(), B> {
        let mut rest = Rest::new(buffer);
        while rest.initialized_len() > 0 {
            let write = match behind(offset, &rest) {
                Some(offset) => op::write_at(&self.fd, rest, offset),
                None => op::write(&self.fd, rest),
            };
            let end = (io::ErrorKind::WriteZero, "the file takes no more bytes");
            let written;
            (written, rest) = go_on(write.await, end)?;
            rest.done += written;
        }
        Ok(((), rest.buffer))
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
        op::statx(Some(&self.fd), "", libc::AT_EMPTY_PATH).await
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
        op::fsync(&self.fd).await
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
        op::fdatasync(&self.fd).await
    }

    /// Cuts the file to `len` bytes, or extends it with zeros; see [`op::ftruncate`].
    /// Since Linux 6.9.
    ///
    /// # Errors
    ///
    /// Those of [`op::ftruncate`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the file may or may not have the new length.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        op::ftruncate(&self.fd, len).await
    }

    /// Closes the file and says whether that went well; see [`op::close`]. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::close`]. The file is closed, or will be after the last operation on it.
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
    pub async fn close(self) -> io::Result<()> {
        op::close(self.fd).await
    }
}

/// Where in the file the rest's bytes are, if the whole buffer's begin at `offset`.
fn behind<B>(offset: Option<u64>, rest: &Rest<B>) -> Option<u64> {
    offset.map(|offset| offset.saturating_add(rest.done as u64))
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
        Self { fd }
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self { fd: fd.into() }
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self::from_std(file)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
