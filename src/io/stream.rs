//! Reading and writing one stream, with buffers in between.

use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

use super::{AsyncReadOwned, AsyncWriteOwned, BUFFER_LEN, BufReader, BufWriter, Duplex};
use super::{IntoInnerError, Lines};
use crate::buf::{BufResult, IoBufMut};

/// A [`BufReader`] and a [`BufWriter`] of one connection: what libraries of other runtimes take
/// for a connection of theirs.
///
/// It is the reader of a writer of the stream: the methods for reading are those of the
/// [`BufReader`], to which it dereferences.
///
/// # Examples
///
/// ```
/// use ringpool::io::BufStream;
/// use ringpool::net::{TcpListener, TcpStream};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let address = listener.local_addr()?;
///     let server = ringpool::spawn(async move {
///         let mut client = BufStream::new(listener.accept().await?.0);
///         let mut name = String::new();
///         client.read_line(&mut name).await?;
///         client.write_all(format!("Hello, {name}").as_bytes()).await?;
///         client.shutdown().await
///     });
///     let mut stream = BufStream::new(TcpStream::connect(address).await?);
///     stream.write_all(b"Ada\n").await?;
///     stream.flush().await?;
///     assert_eq!(stream.lines().next_line().await?.as_deref(), Some("Hello, Ada"));
///     server.await?
/// })
/// # }
/// ```
#[derive(Debug)]
pub struct BufStream<S: Duplex> {
    reader: BufReader<BufWriter<S>>,
}

impl<S: Duplex> BufStream<S> {
    /// Buffers of 8 KiB around `stream`, which are allocated when they are needed.
    pub fn new(stream: S) -> Self {
        Self::with_capacity(BUFFER_LEN, BUFFER_LEN, stream)
    }

    /// Buffers of the given sizes around `stream`, which are allocated when they are needed.
    pub fn with_capacity(reader_capacity: usize, writer_capacity: usize, stream: S) -> Self {
        let writer = BufWriter::with_capacity(writer_capacity, stream);
        Self { reader: BufReader::with_capacity(reader_capacity, writer) }
    }

    /// The stream; see [`BufReader::get_ref`].
    pub fn get_ref(&self) -> &S {
        self.reader.get_ref().get_ref()
    }

    /// The stream; see [`BufReader::get_mut`] and [`BufWriter::get_mut`].
    pub fn get_mut(&mut self) -> &mut S {
        self.reader.get_mut().get_mut()
    }

    /// As [`BufWriter::write`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        self.reader.get_mut().write(bytes)
    }

    /// As [`BufWriter::write_all`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send {
        self.reader.get_mut().write_all(bytes)
    }

    /// As [`BufWriter::flush`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.reader.get_mut().flush()
    }

    /// As [`BufWriter::shutdown`]; what the peer still sends can be read.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.reader.get_mut().shutdown()
    }

    /// As [`BufReader::lines`].
    pub fn lines(self) -> Lines<BufWriter<S>> {
        self.reader.lines()
    }

    /// Flushes, and gives the stream back, with the bytes that it could not keep, as
    /// [`BufReader::into_inner`] does. A socket keeps them all.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush), with the writer; what it has read the stream keeps, if it
    /// can.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, so is all it has.
    pub async fn into_inner(self) -> Result<(S, Vec<u8>), IntoInnerError<S>> {
        let (writer, unread) = self.reader.into_inner().await;
        writer.into_inner().await.map(|stream| (stream, unread))
    }
}

#[cfg(any(feature = "futures-io", feature = "tokio"))]
impl<S: Duplex> BufStream<S> {
    pub(super) fn reader(&mut self) -> &mut BufReader<BufWriter<S>> {
        &mut self.reader
    }

    pub(super) fn writer(&mut self) -> &mut BufWriter<S> {
        self.reader.get_mut()
    }
}

impl<S: Duplex> Deref for BufStream<S> {
    type Target = BufReader<BufWriter<S>>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

impl<S: Duplex> DerefMut for BufStream<S> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

/// Reading goes past the writer's buffer: it is about the other direction.
impl<S: AsyncReadOwned + AsyncWriteOwned> AsyncReadOwned for BufWriter<S> {
    type Reading = S::Reading;

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.get_mut().read(buffer)
    }

    fn poll_read_owned(
        &mut self,
        reading: &mut S::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_read_owned(reading, buffer, cx)
    }

    fn poll_stop_reading(
        &mut self,
        reading: &mut S::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        self.get_mut().poll_stop_reading(reading, buffer, cx)
    }

    fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        self.get_mut().unread(bytes)
    }
}
