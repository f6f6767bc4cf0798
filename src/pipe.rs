//! Pipes: bytes from one task or process to another.
//!
//! # Examples
//!
//! ```
//! use ringpool::{pipe, spawn};
//!
//! # fn main() -> std::io::Result<()> {
//! # let pool = ringpool::Pool::new(1);
//! pool.block_on(async {
//!     let (reader, writer) = pipe::pipe()?;
//!     let writing = spawn(async move { writer.write_all("salt and pepper").await });
//!     let ((), word) = reader.read_exact([0; 4]).await?;
//!     assert_eq!(&word, b"salt");
//!     writing.await??; // The writer is gone with its task, so the pipe ends behind the bytes.
//!     let (count, rest) = reader.read(Vec::with_capacity(64)).await?;
//!     assert_eq!((count, &rest[..]), (11, &b" and pepper"[..]));
//!     assert_eq!(reader.read([0; 64]).await?.0, 0);
//!     Ok(())
//! })
//! # }
//! ```

use std::future::Future;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::{fmt, io};

use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::{self, SharedFd};
use crate::stream::{ByPipe, Stream, reads, writes};

/// A new pipe: the end to read from, and the end to write to.
///
/// # Errors
///
/// Those of pipe2(2): no descriptor or no memory is left.
///
/// # Examples
///
/// See [the module](self).
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Opens the named pipe at `path` to read from it, and waits until somebody has it open to write.
/// By [`op::openat2`]; since Linux 5.6.
///
/// # Errors
///
/// Those of open(2); [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no pipe.
///
/// # Cancel safety
///
/// The attempt is given up; a writer that came just then sees a reader come and go.
///
/// # Examples
///
/// ```
/// use ringpool::pipe;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-open-{}", std::process::id()));
/// # assert!(std::process::Command::new("mkfifo").arg(&path).status()?.success());
/// pool.block_on(async {
///     let (reader, writer) =
///         futures::try_join!(pipe::open_reader(&path), pipe::open_writer(&path))?;
///     writer.write_all("salt").await?;
///     assert_eq!(&reader.read_exact([0; 4]).await?.1, b"salt");
/// #   std::fs::remove_file(&path)?;
///     Ok(())
/// })
/// # }
/// ```
pub async fn open_reader(path: impl AsRef<Path>) -> io::Result<PipeReader> {
    open(path.as_ref(), libc::O_RDONLY).await.map(PipeReader::new)
}

/// Opens the named pipe at `path` to write to it, and waits until somebody has it open to read.
/// By [`op::openat2`]; since Linux 5.6.
///
/// # Errors
///
/// Those of open(2); [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no pipe.
///
/// # Cancel safety
///
/// The attempt is given up; a reader that came just then sees the pipe end.
///
/// # Examples
///
/// See [`open_reader`].
pub async fn open_writer(path: impl AsRef<Path>) -> io::Result<PipeWriter> {
    open(path.as_ref(), libc::O_WRONLY).await.map(PipeWriter::new)
}

/// A thread of the kernel's waits for the other end.
async fn open(path: &Path, flags: i32) -> io::Result<SharedFd> {
    // To look first keeps an open from having an effect on what is no pipe.
    check_kind(op::statx(None, path, 0).await?.is_fifo(), path)?;
    let fd = op::openat2_waiting(path, flags, 0).await?;
    check_kind(op::statx(Some(&fd), "", libc::AT_EMPTY_PATH).await?.is_fifo(), path)?;
    Ok(fd)
}

fn check_kind(is_pipe: bool, path: &Path) -> io::Result<()> {
    if is_pipe {
        return Ok(());
    }
    let message = format!("{path:?} is no named pipe; open it with fs::File");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// The end of a pipe that bytes come out of.
///
/// It belongs to no ring. There is one read at a time; a second one fails with
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy), since bytes would come out of order.
///
/// # Examples
///
/// See [`pipe`](self).
pub struct PipeReader {
    stream: Stream<ByPipe>,
}

impl PipeReader {
    fn new(fd: SharedFd) -> Self {
        Self { stream: Stream::new(fd) }
    }

    /// Reads what there is, waiting until there is something; gives how much it was and the
    /// buffer. 0 means that nobody has the pipe open to write any more, or that the buffer has no
    /// capacity.
    ///
    /// # Errors
    ///
    /// Those of read(2), and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another read is
    /// under way; each with the buffer. A read that was dropped leaves its error to the next one.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what comes for a read that has been dropped comes out of the next one,
    /// whatever their buffers. The dropped read's buffer is kept until then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::time::timeout;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let (reader, writer) = ringpool::pipe::pipe()?;
    ///     let read = reader.read(Vec::with_capacity(4096));
    ///     assert!(timeout(Duration::from_millis(1), read).await.is_err());
    ///     writer.write_all("late").await?;
    ///     let (count, buffer) = reader.read([0; 16]).await?;
    ///     assert_eq!(&buffer[..count], b"late");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn read<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.read(buffer)
    }

    /// Reads until the buffer is full, to its [capacity](IoBufMut::capacity).
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the pipe ends before; and as
    /// [`read`](Self::read). What has been read by then is in the buffer.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what a dropped `read_exact` has read already comes out of the next read.
    pub fn read_exact<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.read_exact(buffer)
    }

    /// The end as one of `std`.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped read is still in the kernel or has left bytes behind, or somebody has a
    /// clone of its [`shared_fd`](Self::shared_fd).
    pub fn into_std(self) -> Result<io::PipeReader, Self> {
        self.stream.into_fd().map(Into::into).map_err(|stream| Self { stream })
    }

    /// The descriptor, for the operations of [`op`]. What those read is missing here.
    pub fn shared_fd(&self) -> &SharedFd {
        self.stream.fd()
    }
}

/// The end of a pipe that bytes are put into.
///
/// It belongs to no ring. There is one write at a time; a second one fails with
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy), since bytes would get out of order. The pipe ends
/// for those who read when all ends to write are gone, and writes that were dropped in flight.
///
/// # Examples
///
/// See [`pipe`](self).
pub struct PipeWriter {
    stream: Stream<ByPipe>,
}

impl PipeWriter {
    fn new(fd: SharedFd) -> Self {
        Self { stream: Stream::new(fd) }
    }

    /// Writes as many bytes of the buffer as there is room for, waiting until there is some; gives
    /// how many and the buffer. Up to 4096 bytes ([`PIPE_BUF`](libc::PIPE_BUF)) are written in one
    /// piece.
    ///
    /// # Errors
    ///
    /// Those of write(2), such as [`BrokenPipe`](io::ErrorKind::BrokenPipe) if nobody has the pipe
    /// open to read, and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another write is under
    /// way; each with the buffer. A write that was dropped leaves its error to the next one.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all of the bytes may be written, or the first of them, or none; nobody can
    /// say how many. The next write begins after that, so bytes never get out of order. Where this
    /// matters use [`write_all`](Self::write_all).
    pub fn write<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.write(buffer)
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). How much has been written by then cannot be said.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all of the bytes are written or none: what has been begun goes on, and the
    /// next write sees to the rest before its own bytes; what was still waiting for an earlier
    /// write, which had been dropped, is not begun. So a message is never cut, except by an error,
    /// or by dropping the writer.
    pub fn write_all<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.write_all(buffer)
    }

    /// The end as one of `std`.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped write is still in the kernel, or somebody has a clone of its
    /// [`shared_fd`](Self::shared_fd).
    pub fn into_std(self) -> Result<io::PipeWriter, Self> {
        self.stream.into_fd().map(Into::into).map_err(|stream| Self { stream })
    }

    /// The descriptor, for the operations of [`op`].
    pub fn shared_fd(&self) -> &SharedFd {
        self.stream.fd()
    }
}

macro_rules! an_end {
    ($($end:ident)+) => {$(
        impl From<OwnedFd> for $end {
            fn from(fd: OwnedFd) -> Self {
                Self::new(fd.into())
            }
        }

        impl From<io::$end> for $end {
            fn from(end: io::$end) -> Self {
                Self::from(OwnedFd::from(end))
            }
        }

        crate::op::has_descriptor!($end, self => self.stream.fd());

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($end)).field("fd", &self.as_raw_fd()).finish()
            }
        }
    )+};
}

an_end! { PipeReader PipeWriter }

reads!([] PipeReader, self => self.stream);
reads!([] &PipeReader, self => self.stream);
writes!([] PipeWriter, self => self.stream, Ok(()));
writes!([] &PipeWriter, self => self.stream, Ok(()));
