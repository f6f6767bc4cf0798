//! Writing with a buffer in between.

use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::task::{Context, Poll, ready};
use std::{error, fmt};

use super::{AsyncWriteOwned, BUFFER_LEN, Seekable};

/// Takes small pieces, and writes large ones to a stream.
///
/// It is what lets code that was not written for io_uring write to a stream. With the feature
/// `futures-io` it is a `futures_io::AsyncWrite`, with the feature `tokio` a
/// `tokio::io::AsyncWrite`; without any it has the methods below. It has two buffers: the kernel
/// writes one while the other is filled. Nothing is allocated after the first writes.
///
/// # What is written when
///
/// A buffer that is full is written; what is not enough to fill one waits for
/// [`flush`](BufWriter::flush) or [`shutdown`](BufWriter::shutdown). A write that fails while
/// nobody waits for it is reported by the next call. **Dropping it without a flush loses what has
/// not been written**, as with tokio: a destructor cannot wait.
///
/// # Errors
///
/// What could not be written is kept, and a later call tries again, from where it failed.
///
/// # Examples
///
/// ```
/// use ringpool::{fs::File, io::BufWriter};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-writer-{}", std::process::id()));
/// pool.block_on(async {
///     let mut writer = BufWriter::new(File::create(&path).await?);
///     for number in 0..1000 {
///         writer.write_all(format!("{number}\n").as_bytes()).await?;
///     }
///     writer.flush().await?;
///     assert!(std::fs::read_to_string(&path)?.ends_with("998\n999\n"));
/// #   std::fs::remove_file(&path)?;
///     Ok(())
/// })
/// # }
/// ```
pub struct BufWriter<S: AsyncWriteOwned> {
    stream: S,
    writing: S::Writing,
    /// What the stream has not been given yet.
    buffer: Vec<u8>,
    capacity: usize,
    /// Where a seek that has been started goes.
    #[cfg(feature = "tokio")]
    seek: Option<SeekFrom>,
}

// Nothing in it is ever pinned.
impl<S: AsyncWriteOwned> Unpin for BufWriter<S> {}

impl<S: AsyncWriteOwned> BufWriter<S> {
    /// A writer to `stream` with two buffers of 8 KiB, which are allocated when they are needed.
    pub fn new(stream: S) -> Self {
        Self::with_capacity(BUFFER_LEN, stream)
    }

    /// A writer to `stream` with two buffers of `capacity` bytes, but at least one, which are
    /// allocated when they are needed.
    pub fn with_capacity(capacity: usize, stream: S) -> Self {
        Self {
            stream,
            writing: S::Writing::default(),
            buffer: Vec::new(),
            capacity: capacity.max(1),
            #[cfg(feature = "tokio")]
            seek: None,
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream. What is written to it overtakes what is in the buffer.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// What the stream has not been given yet.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes as many bytes as there is room for, waiting until there is some; gives how many.
    ///
    /// # Errors
    ///
    /// Those of the stream, also of an earlier write; nothing has been taken then.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is ready, nothing has been taken.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_taken(bytes, cx)).await
    }

    /// Takes all of the bytes.
    ///
    /// # Errors
    ///
    /// Those of the stream, also of an earlier write. How many of the bytes have been taken by then
    /// cannot be said.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is ready, any number of the bytes has been taken.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Writes what is in the buffer, and waits until it is written: the kernel has it then, which
    /// is not to say that the disk or the peer has.
    ///
    /// # Errors
    ///
    /// Those of the stream, also of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost or written twice; another flush goes on.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flushed(cx)).await
    }

    /// Flushes, and ends the writing direction of the stream, if it has one that can end: the peer
    /// of a socket reads what was written and then the end.
    ///
    /// # Errors
    ///
    /// Those of the stream, also of an earlier write.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost or written twice; another shutdown goes on.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_ended(cx)).await
    }

    /// Flushes, and gives the stream back.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush), with the writer, which still has what could not be written.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, so is all it has.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{fs::File, io::BufWriter};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let full = File::options().write(true).open("/dev/full").await?;
    ///     let mut writer = BufWriter::new(full);
    ///     writer.write_all(b"this finds no room").await?; // so far it is only in the buffer
    ///     let error = writer.into_inner().await.unwrap_err();
    ///     assert_eq!(error.error.kind(), std::io::ErrorKind::StorageFull);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn into_inner(mut self) -> Result<S, IntoInnerError<S>> {
        match self.flush().await {
            Ok(()) => Ok(self.stream),
            Err(error) => Err(IntoInnerError { error, writer: self }),
        }
    }

    /// Makes room in the buffer, by giving the stream what is in it if it is full.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.buffer.len() >= self.capacity {
            ready!(self.poll_given(cx))?;
        }
        if self.buffer.capacity() == 0 {
            self.buffer.reserve_exact(self.capacity);
        }
        Poll::Ready(Ok(self.capacity.saturating_sub(self.buffer.len())))
    }

    /// Gives the stream what is in the buffer.
    fn poll_given(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_write_owned(&mut self.writing, &mut self.buffer, cx)
    }

    /// Takes as many bytes as there is room for.
    pub(super) fn poll_taken(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.poll_room(cx))?;
        let count = room.min(bytes.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    pub(super) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_given(cx))?;
        self.stream.poll_flush_owned(&mut self.writing, cx)
    }

    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_given(cx))?;
        self.stream.poll_shutdown_owned(&mut self.writing, cx)
    }
}

#[cfg(any(feature = "futures-io", feature = "tokio"))]
impl<S: AsyncWriteOwned> BufWriter<S> {
    /// Takes as many bytes of several pieces as there is room for.
    pub(super) fn poll_taken_of(
        &mut self,
        pieces: &[io::IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        let room = ready!(self.poll_room(cx))?;
        let before = self.buffer.len();
        for piece in pieces {
            let left = room - (self.buffer.len() - before);
            self.buffer.extend_from_slice(&piece[..left.min(piece.len())]);
        }
        Poll::Ready(Ok(self.buffer.len() - before))
    }
}

impl<S: AsyncWriteOwned + Seekable> BufWriter<S> {
    /// Flushes, and goes to another place of the file; gives where it is, counted from the
    /// beginning.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush) and of lseek(2).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, nothing has moved.
    pub async fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.poll_sought(position, cx)).await
    }

    pub(super) fn poll_sought(
        &mut self,
        position: SeekFrom,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_flushed(cx))?;
        Poll::Ready(self.stream.seek_to(position))
    }
}

#[cfg(feature = "tokio")]
impl<S: AsyncWriteOwned + Seekable> BufWriter<S> {
    /// Says where to go.
    pub(super) fn start_seek(&mut self, position: SeekFrom) {
        self.seek = Some(position);
    }

    /// Goes there; stays here if nothing was said.
    pub(super) fn poll_started_seek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let position = self.seek.unwrap_or(SeekFrom::Current(0));
        let sought = ready!(self.poll_sought(position, cx));
        self.seek = None;
        Poll::Ready(sought)
    }
}

impl<S: AsyncWriteOwned + fmt::Debug> fmt::Debug for BufWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufWriter")
            .field("stream", &self.stream)
            .field("buffered", &self.buffer.len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// A [`BufWriter`] could not write what it had; here it is.
#[derive(Debug)]
pub struct IntoInnerError<S: AsyncWriteOwned> {
    /// What went wrong.
    pub error: io::Error,
    /// The writer, with what could not be written.
    pub writer: BufWriter<S>,
}

impl<S: AsyncWriteOwned> fmt::Display for IntoInnerError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S: AsyncWriteOwned + fmt::Debug> error::Error for IntoInnerError<S> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<S: AsyncWriteOwned> From<IntoInnerError<S>> for io::Error {
    fn from(error: IntoInnerError<S>) -> Self {
        error.error
    }
}
