//! A file read and written where its position is.
//!
//! The position is the kernel's, which clones of the file and other processes may share, so it is
//! never kept here. The kernel does not let transfers take turns at it: one that was dropped in
//! flight could still move it after the next has begun. So each function here first sees to what
//! was dropped, which the file keeps: a write goes on to its end, and the bytes of a read are given
//! to the next read, or the position is moved back before them.

use std::future::{Future, poll_fn};
use std::io::{self, Seek, SeekFrom};
use std::task::{Context, Poll, ready};

use super::File;
use super::blocking::{blocking_on, with_std};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::rest::Tail;
use crate::stop;

/// Room for the first read. Files that fit are read without asking how long they are, for which
/// the kernel would need a thread.
const FIRST_READ_BYTES: usize = 16 * 1024;

impl File {
    /// Reads from the file's position into the buffer, and moves the position; see
    /// [`op::read`](crate::op::read). Since Linux 5.6.
    ///
    /// It takes the file for itself, since the kernel does not let operations on one position take
    /// turns. Clones share the position: there it is up to the caller.
    ///
    /// # Errors
    ///
    /// Those of [`op::read`](crate::op::read).
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what it has read by then comes out of the next read, or the position moves
    /// back before the next write or seek.
    pub fn read<B: IoBufMut>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.take(buffer)
    }

    /// Fills the buffer up to its capacity from the file's position. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// As for [`read_exact_at`](File::read_exact_at).
    ///
    /// # Cancel safety
    ///
    /// As for [`read`](File::read).
    #[expect(clippy::manual_async_fn, reason = "of an async fn it is not seen to be Send")]
    pub fn read_exact<B: IoBufMut>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        async {
            match self.end_of_writes().await {
                Ok(()) => self.stream.read_exact(buffer).await,
                Err(error) => Err(BufError { error, buffer }),
            }
        }
    }

    async fn take<B: IoBufMut>(&mut self, buffer: B) -> BufResult<usize, B> {
        match self.end_of_writes().await {
            Ok(()) => self.stream.read(buffer).await,
            Err(error) => Err(BufError { error, buffer }),
        }
    }

    /// Reads from the file's position to the end of the file, and appends what it finds to the
    /// buffer; gives how much that was. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::read`](crate::op::read), and
    /// [`OutOfMemory`](io::ErrorKind::OutOfMemory). The buffer has what was read until then.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, what it has read is lost with the buffer, and the position is anywhere
    /// behind where it was. Seek back to begin anew.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let mut file = ringpool::fs::File::open("/proc/version").await?;
    ///     let (count, version) = file.read_to_end(b"This is ".to_vec()).await?;
    ///     assert_eq!(version.len(), 8 + count);
    ///     assert!(version.starts_with(b"This is Linux"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn read_to_end(&mut self, buffer: Vec<u8>) -> BufResult<usize, Vec<u8>> {
        let start = buffer.len();
        let mut buffer = buffer;
        loop {
            if buffer.len() == buffer.capacity()
                && let Err(error) = self.make_room(&mut buffer, start).await
            {
                return Err(BufError { error, buffer });
            }
            let end = buffer.len();
            match self.take(Tail::new(buffer)).await {
                Ok((0, tail)) => return Ok((end - start, tail.buffer)),
                Ok((_, tail)) => buffer = tail.buffer,
                Err(BufError { error, buffer }) => {
                    return Err(BufError { error, buffer: buffer.buffer });
                }
            }
        }
    }

    /// Room for what is left of the file, as far as its length is known.
    async fn make_room(&mut self, buffer: &mut Vec<u8>, start: usize) -> io::Result<()> {
        let done = buffer.len() - start;
        let more = if done == 0 {
            FIRST_READ_BYTES
        } else if done <= FIRST_READ_BYTES {
            let len = self.metadata().await?.len();
            let position = self.stream_position().await.unwrap_or(len);
            // The read that finds the end needs some room too.
            usize::try_from(len.saturating_sub(position)).unwrap_or(usize::MAX).saturating_add(1)
        } else {
            done
        };
        buffer.try_reserve_exact(more.max(done)).map_err(io::Error::from)
    }

    /// Reads text from the file's position to the end of the file, and appends it to the buffer;
    /// see [`read_to_end`](File::read_to_end). Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`read_to_end`](File::read_to_end), and
    /// [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8: the buffer is as it was
    /// then.
    ///
    /// # Cancel safety
    ///
    /// As for [`read_to_end`](File::read_to_end).
    pub async fn read_to_string(&mut self, buffer: String) -> BufResult<usize, String> {
        let start = buffer.len();
        let (read, mut bytes) = match self.read_to_end(buffer.into_bytes()).await {
            Ok((count, bytes)) => (Ok(count), bytes),
            Err(BufError { error, buffer }) => (Err(error), buffer),
        };
        let text = std::str::from_utf8(&bytes[start..]).map(drop);
        let error = match (read, text) {
            (Ok(count), Ok(())) => return Ok((count, into_text(bytes))),
            (Err(error), Ok(())) => error,
            (read, Err(error)) => {
                bytes.truncate(start);
                let message = format!("the file is not UTF-8: {error}");
                read.err().unwrap_or(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        };
        Err(BufError { error, buffer: into_text(bytes) })
    }

    /// Writes the buffer's bytes, or some of them, at the file's position, and moves the position;
    /// see [`op::write()`](crate::op::write()). Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// Those of [`op::write()`](crate::op::write()). A write that was dropped leaves its error to
    /// the next read, write or seek.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, any number of bytes may be written. What is done next
    /// at the position begins after that.
    pub fn write<B: IoBuf>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.put(buffer)
    }

    /// Writes all bytes of the buffer at the file's position. Since Linux 5.6.
    ///
    /// # Errors
    ///
    /// As for [`write_all_at`](File::write_all_at). A write that was dropped leaves its error to
    /// the next read, write or seek.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all bytes are written or none: what has been begun goes on, and what is
    /// done next at the position, or [`close`](File::close), sees to the rest before it begins;
    /// what was still waiting for an earlier write, which had been dropped, is not begun. If
    /// nothing follows, a part may be missing.
    #[expect(clippy::manual_async_fn, reason = "of an async fn it is not seen to be Send")]
    pub fn write_all<B: IoBuf>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        async {
            self.end_of_reads().await;
            self.stream.write_all(buffer).await
        }
    }

    async fn put<B: IoBuf>(&mut self, buffer: B) -> BufResult<usize, B> {
        self.end_of_reads().await;
        self.stream.write(buffer).await
    }

    /// Moves the file's position; gives where it is now, from the start.
    ///
    /// # Errors
    ///
    /// Those of [`std::io::Seek::seek`]: a position before the start, or a file that has none.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the position may or may not have been moved.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::SeekFrom;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-seek-{}", std::process::id()));
    /// # std::fs::write(&path, "salt and pepper")?;
    /// pool.block_on(async {
    ///     let mut file = ringpool::fs::File::open(&path).await?;
    ///     assert_eq!(file.seek(SeekFrom::End(-6)).await?, 9);
    ///     let ((), word) = file.read_exact([0; 6]).await?;
    ///     assert_eq!(&word, b"pepper");
    /// #   std::fs::remove_file(&path)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.end_of_writes().await?;
        self.end_of_reads().await;
        match to {
            // Where the end is a file system may have to ask somebody.
            SeekFrom::End(_) => blocking_on(self.shared_fd(), move |mut file| file.seek(to)).await,
            SeekFrom::Start(_) | SeekFrom::Current(_) => {
                with_std(self.shared_fd(), |mut file| file.seek(to))
            }
        }
    }

    /// Moves the file's position to its start.
    ///
    /// # Errors
    ///
    /// Those of [`seek`](File::seek).
    ///
    /// # Cancel safety
    ///
    /// As for [`seek`](File::seek).
    pub async fn rewind(&mut self) -> io::Result<()> {
        self.seek(SeekFrom::Start(0)).await.map(drop)
    }

    /// Where the file's position is, from the start.
    ///
    /// # Errors
    ///
    /// Those of [`seek`](File::seek).
    ///
    /// # Cancel safety
    ///
    /// Nothing can be lost.
    pub async fn stream_position(&mut self) -> io::Result<u64> {
        self.seek(SeekFrom::Current(0)).await
    }

    /// Goes on with a write that was dropped, to its end.
    pub(super) async fn end_of_writes(&mut self) -> io::Result<()> {
        stop::wait_for(|cx| self.stream.poll_written(cx)).await?
    }

    /// As [`poll_end_of_reads`](File::poll_end_of_reads).
    pub(super) async fn end_of_reads(&mut self) {
        poll_fn(|cx| self.poll_end_of_reads(cx)).await
    }

    /// Moves the position back before what a read has read that nobody has taken. What has no
    /// position, such as a pipe, keeps the bytes for the next read.
    pub(super) fn poll_end_of_reads(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unread = ready!(self.stream.poll_unread(cx)) as i64;
        let back = SeekFrom::Current(-unread);
        if unread == 0 || with_std(self.shared_fd(), |mut file| file.seek(back)).is_ok() {
            self.stream.clear_unread();
        }
        Poll::Ready(())
    }
}

/// Bytes that are known to be text.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it was text, and text has been added")
}
