//! Reading with a buffer in between.

use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use super::{AsyncReadOwned, BUFFER_LEN, Seekable};

/// Reads large pieces of a stream, and gives out small ones.
///
/// It is what lets code that was not written for io_uring read from a stream: such code lends its
/// memory for the moment of a poll only, so what the kernel fills is this buffer, and the bytes are
/// copied from there. With the feature `futures-io` it is a `futures_io::AsyncBufRead`, with the
/// feature `tokio` a `tokio::io::AsyncBufRead`; without any it has the methods below. Nothing is
/// allocated after the first read.
///
/// All must be polled in a task of a pool, on any of its rings, also on another one each time.
///
/// # Examples
///
/// ```
/// use ringpool::fs::File;
/// use ringpool::io::BufReader;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let mut status = BufReader::new(File::open("/proc/self/status").await?).lines();
///     while let Some(line) = status.next_line().await? {
///         if let Some(threads) = line.strip_prefix("Threads:") {
///             assert!(threads.trim().parse::<u32>().is_ok());
///         }
///     }
///     Ok(())
/// })
/// # }
/// ```
pub struct BufReader<S: AsyncReadOwned> {
    stream: S,
    reading: S::Reading,
    /// What has been read; empty and without capacity while a read has it.
    buffer: Vec<u8>,
    /// How much of that has been consumed.
    consumed: usize,
    capacity: usize,
    /// The last poll left a read under way, which has a buffer.
    is_reading: bool,
    /// Where a seek that has been started goes.
    #[cfg(feature = "tokio")]
    seek: Option<SeekFrom>,
}

// Nothing in it is ever pinned.
impl<S: AsyncReadOwned> Unpin for BufReader<S> {}

impl<S: AsyncReadOwned> BufReader<S> {
    /// A reader of `stream` with a buffer of 8 KiB, which is allocated by the first read.
    pub fn new(stream: S) -> Self {
        Self::with_capacity(BUFFER_LEN, stream)
    }

    /// A reader of `stream` with a buffer of `capacity` bytes, but at least one, which is allocated
    /// by the first read.
    pub fn with_capacity(capacity: usize, stream: S) -> Self {
        Self {
            stream,
            reading: S::Reading::default(),
            buffer: Vec::new(),
            consumed: 0,
            capacity: capacity.max(1),
            is_reading: false,
            #[cfg(feature = "tokio")]
            seek: None,
        }
    }

    /// The stream. Whoever reads from it reads past what is in the buffer.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream. Whoever reads from it reads past what is in the buffer.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// What has been read from the stream and not yet consumed.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// The stream again, and nothing lost: a read under way is ended or stays with the stream, and
    /// what has been read and not consumed comes out of the stream's next read. Bytes that the
    /// stream cannot keep are given back; sockets, pipes and files keep them
    /// all, unless somebody else is reading them at the same time.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, so is all it has.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::fs::File;
    /// use ringpool::io::BufReader;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let mut reader = BufReader::new(File::open("/proc/version").await?);
    ///     let mut word = [0; 6];
    ///     reader.read_exact(&mut word).await?;
    ///     let (mut file, unread) = reader.into_inner().await;
    ///     assert!(unread.is_empty()); // the file is where we have stopped reading
    ///     let ((), next) = file.read_exact([0; 7]).await?;
    ///     assert_eq!((&word, &next), (b"Linux ", b"version"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn into_inner(mut self) -> (S, Vec<u8>) {
        poll_fn(|cx| self.poll_settle(cx)).await;
        let left = match self.put_back() {
            Ok(()) => Vec::new(),
            Err(bytes) => bytes,
        };
        (self.stream, left)
    }

    /// Ends the read under way, unless there are bytes before it.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.buffer().is_empty() {
            self.clear();
            let (reading, buffer) = (&mut self.reading, &mut self.buffer);
            ready!(self.stream.poll_stop_reading(reading, buffer, cx));
            self.is_reading = false;
        }
        Poll::Ready(())
    }

    fn clear(&mut self) {
        self.buffer.clear();
        self.consumed = 0;
    }

    /// Gives the bytes in the buffer back to the stream, if it can keep them.
    fn put_back(&mut self) -> Result<(), Vec<u8>> {
        let mut bytes = mem::take(&mut self.buffer);
        bytes.drain(..mem::take(&mut self.consumed));
        if bytes.is_empty() { Ok(()) } else { self.stream.unread(bytes) }
    }

    /// Waits until there are bytes in the buffer; gives them all, or none at the end of the stream.
    pub(super) fn poll_filled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.buffer().is_empty() {
            if !self.is_reading && self.buffer.capacity() == 0 {
                self.buffer.reserve_exact(self.capacity);
            }
            self.clear();
            let (reading, buffer) = (&mut self.reading, &mut self.buffer);
            let polled = self.stream.poll_read_owned(reading, buffer, cx);
            self.is_reading = polled.is_pending();
            ready!(polled)?;
        }
        Poll::Ready(Ok(self.buffer()))
    }

    /// Says that the first `count` bytes of the [`buffer`](Self::buffer) have been used.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.buffer().len(), "more bytes are consumed than there are");
        self.consumed += count;
    }

    /// Copies as many bytes as there are, or fit.
    pub(super) fn poll_copied(
        &mut self,
        into: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let filled = ready!(self.poll_filled(cx))?;
        let count = filled.len().min(into.len());
        into[..count].copy_from_slice(&filled[..count]);
        self.consume(count);
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncReadOwned + Seekable> BufReader<S> {
    /// Goes to another place of the file; gives where it is, counted from the beginning. The
    /// buffer is emptied.
    ///
    /// # Errors
    ///
    /// Those of lseek(2); it is where it was then.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, nothing has moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{fs::File, io::BufReader};
    /// use std::io::SeekFrom;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-seek-{}", std::process::id()));
    /// # std::fs::write(&path, "salt and pepper")?;
    /// pool.block_on(async {
    ///     let mut reader = BufReader::new(File::open(&path).await?);
    /// #   std::fs::remove_file(&path)?;
    ///     let mut word = [0; 4];
    ///     reader.read_exact(&mut word).await?;
    ///     assert_eq!(reader.seek(SeekFrom::Current(5)).await?, 9);
    ///     let mut rest = String::new();
    ///     reader.read_to_string(&mut rest).await?;
    ///     assert_eq!((&word, rest.as_str()), (b"salt", "pepper"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        poll_fn(|cx| self.poll_sought(position, cx)).await
    }

    pub(super) fn poll_sought(
        &mut self,
        position: SeekFrom,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        ready!(self.poll_settle(cx));
        // The file is ahead of its reader by what is in the buffer.
        let ahead = self.buffer().len() as i64;
        let position = match position {
            SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(ahead)),
            absolute => absolute,
        };
        let sought = self.stream.seek_to(position);
        if sought.is_ok() {
            self.clear();
        }
        Poll::Ready(sought)
    }
}

#[cfg(feature = "tokio")]
impl<S: AsyncReadOwned + Seekable> BufReader<S> {
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

impl<S: AsyncReadOwned + fmt::Debug> fmt::Debug for BufReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufReader")
            .field("stream", &self.stream)
            .field("buffered", &self.buffer().len())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
