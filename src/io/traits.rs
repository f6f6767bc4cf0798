//! What can be read from and written to, with buffers by value.

use std::future::Future;
use std::io::{self, ErrorKind, SeekFrom};
use std::task::{Context, Poll, ready};

use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::rest::{Rest, Tail};

/// What bytes are read from, into buffers by value: [`std::io::Read`] for a kernel that keeps the
/// buffer until it has filled it.
///
/// The futures are `Send`, so generic code may move between rings. Besides
/// [`read`](AsyncReadOwned::read) there is a form to be polled, without a future that borrows the
/// stream: on it the types of this module are built. Who implements the trait for a stream of
/// their own finds all that needs care done in [`ReadUnderWay`](super::ReadUnderWay).
///
/// # Examples
///
/// ```
/// use ringpool::io::AsyncReadOwned;
///
/// async fn first_byte(stream: &mut impl AsyncReadOwned) -> std::io::Result<Option<u8>> {
///     let (count, [byte]) = stream.read([0; 1]).await?;
///     Ok((count > 0).then_some(byte))
/// }
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let mut file = ringpool::fs::File::open("/proc/version").await?;
///     assert_eq!(first_byte(&mut file).await?, Some(b'L'));
///     Ok(())
/// })
/// # }
/// ```
pub trait AsyncReadOwned: Send {
    /// What the caller of [`poll_read_owned`](AsyncReadOwned::poll_read_owned) keeps for the
    /// stream between two calls: the operation in flight, if the stream does not keep that itself.
    type Reading: Default + Send + Unpin;

    /// Reads into the buffer what is there, waiting until there is something; gives how much it
    /// was and the buffer. 0 means the end, or that the buffer has no capacity.
    ///
    /// # Errors
    ///
    /// Those of the stream, with the buffer.
    ///
    /// # Cancel safety
    ///
    /// As the stream's own `read`: nothing is lost of a connection or a file.
    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send;

    /// Goes on reading, or begins to, with a whole buffer at a time.
    ///
    /// A read that begins takes `buffer` away and leaves an empty one; what was in it is
    /// overwritten. Once it has ended, `buffer` is the one that was filled, as long as what has
    /// been read, and the count says so as well; 0 means the end. A buffer without capacity is
    /// given some.
    ///
    /// # Errors
    ///
    /// Those of the stream; `buffer` is empty then. The next call begins a new read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two calls with the same `reading`.
    fn poll_read_owned(
        &mut self,
        reading: &mut Self::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>>;

    /// Ends the read that `reading` holds, if there is one: nobody will poll it again. What it has
    /// brought after all is in `buffer`.
    ///
    /// A stream that keeps its reads itself has nothing to do.
    fn poll_stop_reading(
        &mut self,
        _reading: &mut Self::Reading,
        _buffer: &mut Vec<u8>,
        _cx: &mut Context<'_>,
    ) -> Poll<()> {
        Poll::Ready(())
    }

    /// Puts bytes back, so that the next read begins with them.
    ///
    /// # Errors
    ///
    /// The bytes, if the stream cannot keep them.
    fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        if bytes.is_empty() { Ok(()) } else { Err(bytes) }
    }

    /// Reads up to the end and appends it to `buffer`; gives how much it was.
    ///
    /// # Errors
    ///
    /// Those of [`read`](AsyncReadOwned::read); what has been read by then is in the buffer.
    ///
    /// # Cancel safety
    ///
    /// What has been read by then is lost with the buffer.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::io::AsyncReadOwned;
    /// use ringpool::net::TcpStream;
    /// use std::io::Write;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let mut stream = TcpStream::from_std(listener.accept()?.0)?;
    /// peer.write_all(b"all of it")?;
    /// drop(peer);
    /// let (count, bytes) = pool.block_on(stream.read_to_end(Vec::new()))?;
    /// assert_eq!((count, &bytes[..]), (9, &b"all of it"[..]));
    /// # Ok(())
    /// # }
    /// ```
    fn read_to_end(
        &mut self,
        buffer: Vec<u8>,
    ) -> impl Future<Output = BufResult<usize, Vec<u8>>> + Send {
        async move {
            let before = buffer.len();
            let mut buffer = buffer;
            loop {
                if buffer.capacity() - buffer.len() < ROOM_MIN {
                    // It doubles what there is, which keeps the number of copies small.
                    buffer.reserve(super::BUFFER_LEN);
                }
                match self.read(Tail::new(buffer)).await {
                    Ok((0, tail)) => return Ok((tail.buffer.len() - before, tail.buffer)),
                    Ok((_, tail)) => buffer = tail.buffer,
                    Err(BufError { error, buffer: tail }) => {
                        buffer = tail.buffer;
                        if error.kind() != ErrorKind::Interrupted {
                            return Err(BufError { error, buffer });
                        }
                    }
                }
            }
        }
    }

    /// Reads text up to the end.
    ///
    /// # Errors
    ///
    /// Those of [`read`](AsyncReadOwned::read), and [`InvalidData`](ErrorKind::InvalidData) if it
    /// is not UTF-8.
    ///
    /// # Cancel safety
    ///
    /// What has been read by then is lost.
    fn read_to_string(&mut self) -> impl Future<Output = io::Result<String>> + Send {
        async move {
            let (_, bytes) = self.read_to_end(Vec::new()).await?;
            String::from_utf8(bytes).map_err(|_| not_text())
        }
    }
}

/// With less room than this a read to the end gets more.
const ROOM_MIN: usize = 32;

/// What bytes are written to, from buffers by value: [`std::io::Write`] for a kernel that keeps
/// the buffer until it has taken the bytes.
///
/// The futures are `Send`. As with [`AsyncReadOwned`] there is a form to be polled, for which
/// [`WriteUnderWay`](super::WriteUnderWay) has all that needs care.
///
/// # Examples
///
/// ```
/// use ringpool::io::AsyncWriteOwned;
///
/// async fn greet(stream: &mut impl AsyncWriteOwned) -> std::io::Result<()> {
///     stream.write_all(b"hello\n".to_vec()).await?;
///     Ok(())
/// }
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let mut memory = Vec::new();
///     greet(&mut memory).await?;
///     assert_eq!(memory, b"hello\n");
///     Ok(())
/// })
/// # }
/// ```
pub trait AsyncWriteOwned: Send {
    /// What the caller of [`poll_write_owned`](AsyncWriteOwned::poll_write_owned) keeps for the
    /// stream between two calls: a spare buffer, and the operation in flight if the stream does
    /// not keep that itself.
    type Writing: Default + Send + Unpin;

    /// Writes the buffer's bytes, or some of them; gives how many and the buffer.
    ///
    /// # Errors
    ///
    /// Those of the stream, with the buffer.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, any number of the bytes may be written.
    fn write<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send;

    /// Writes the whole buffer.
    ///
    /// # Errors
    ///
    /// Those of [`write`](AsyncWriteOwned::write), and [`WriteZero`](ErrorKind::WriteZero) if the
    /// stream takes no more. How much has been written by then cannot be said.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, any number of the bytes may be written.
    fn write_all<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<(), B>> + Send {
        async move {
            let mut rest = Rest::new(buffer);
            while rest.initialized_len() > 0 {
                rest = match self.write(rest).await {
                    Ok((0, rest)) => {
                        return Err(BufError { error: takes_no_more(), buffer: rest.buffer });
                    }
                    Ok((count, mut rest)) => {
                        rest.done += count;
                        rest
                    }
                    Err(BufError { error, buffer }) if error.kind() == ErrorKind::Interrupted => {
                        buffer
                    }
                    Err(BufError { error, buffer }) => {
                        return Err(BufError { error, buffer: buffer.buffer });
                    }
                };
            }
            Ok(((), rest.buffer))
        }
    }

    /// Begins to write all of `buffer`, after what was begun before has been written; gives an
    /// empty one for it. It does not wait until the bytes are written: for that there is
    /// [`poll_flush_owned`](AsyncWriteOwned::poll_flush_owned).
    ///
    /// # Errors
    ///
    /// That of the earlier write, if that has failed, or its own, if it fails at once. The stream
    /// goes on from where it failed when it is called again. What `buffer` still has then has not
    /// been taken.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost between two calls with the same `writing`.
    fn poll_write_owned(
        &mut self,
        writing: &mut Self::Writing,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>;

    /// Waits until all that was begun has been written.
    ///
    /// # Errors
    ///
    /// As [`poll_write_owned`](AsyncWriteOwned::poll_write_owned).
    fn poll_flush_owned(
        &mut self,
        writing: &mut Self::Writing,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>;

    /// Waits until all that was begun has been written, and ends the writing direction, if the
    /// stream has one that can end.
    ///
    /// # Errors
    ///
    /// As [`poll_write_owned`](AsyncWriteOwned::poll_write_owned), and those of shutdown(2).
    fn poll_shutdown_owned(
        &mut self,
        writing: &mut Self::Writing,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushed = ready!(self.poll_flush_owned(writing, cx));
        Poll::Ready(flushed)
    }
}

/// A stream whose two directions have nothing to do with each other, as those of a socket, and
/// unlike a file, whose one position both move.
pub trait Duplex: AsyncReadOwned + AsyncWriteOwned {}

impl<S: Duplex + ?Sized> Duplex for &mut S {}
impl<S: Duplex + ?Sized> Duplex for Box<S> {}

/// What has a position that can be moved without waiting, as a file has.
pub trait Seekable {
    /// Moves the position, and gives where it is then, counted from the beginning.
    ///
    /// # Errors
    ///
    /// Those of lseek(2), such as `ESPIPE` for what has no position after all.
    fn seek_to(&mut self, position: SeekFrom) -> io::Result<u64>;
}

impl<S: Seekable + ?Sized> Seekable for &mut S {
    fn seek_to(&mut self, position: SeekFrom) -> io::Result<u64> {
        (**self).seek_to(position)
    }
}

impl<S: Seekable + ?Sized> Seekable for Box<S> {
    fn seek_to(&mut self, position: SeekFrom) -> io::Result<u64> {
        (**self).seek_to(position)
    }
}

#[cold]
pub(super) fn not_text() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "the stream holds bytes that are not UTF-8")
}

#[cold]
pub(crate) fn takes_no_more() -> io::Error {
    io::Error::new(ErrorKind::WriteZero, "the stream takes no more bytes")
}
