//! From one stream to another.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem;
use std::task::{Context, Poll, ready};

use super::{AsyncReadOwned, AsyncWriteOwned};

/// The piece that is copied at once. While one is written the next one is read.
const PIECE_LEN: usize = 64 * 1024;

/// Copies all that `reader` gives, up to its end, to `writer`, and flushes that; gives how many
/// bytes it was.
///
/// When the reader has nothing for the moment the writer is flushed, so that a peer that waits for
/// an answer gets what there is.
///
/// # Errors
///
/// Those of both streams.
///
/// # Cancel safety
///
/// If it is dropped, nothing is lost between two sockets: what has been read goes out before what
/// is written next, or comes out of the next read. What is lost of another stream is what was under
/// way in the kernel, at most one piece for each direction, and what a reader cannot take
/// [back](AsyncReadOwned::unread).
///
/// # Examples
///
/// See [`io`](crate::io).
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncReadOwned,
    W: AsyncWriteOwned,
{
    let mut copying = Copying { reader, writer, direction: Direction::new(false) };
    poll_fn(|cx| copying.poll(cx)).await
}

/// Copies in both directions, as a proxy does, until both have ended; gives how many bytes came
/// from `a` and from `b`.
///
/// When one stream ends, the writing direction of the other is [shut
/// down](AsyncWriteOwned::poll_shutdown_owned) once all is written, and the other direction goes
/// on.
///
/// # Errors
///
/// Those of both streams; the first one ends it.
///
/// # Cancel safety
///
/// As for [`copy()`].
///
/// # Examples
///
/// ```
/// use ringpool::io::copy_bidirectional;
/// use ringpool::net::TcpStream;
/// use std::io::{Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let pair = || -> std::io::Result<_> {
/// #     let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// #     let peer = std::net::TcpStream::connect(listener.local_addr()?)?;
/// #     Ok((peer, TcpStream::from_std(listener.accept()?.0)?))
/// # };
/// let (mut client, mut to_client) = pair()?;
/// let (mut server, mut to_server) = pair()?;
/// let proxy = pool.runtime(0).spawn(async move {
///     copy_bidirectional(&mut to_client, &mut to_server).await
/// });
/// client.write_all(b"question")?;
/// let mut question = [0; 8];
/// server.read_exact(&mut question)?;
/// server.write_all(b"answer")?;
/// drop(server);
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// drop(client);
/// assert_eq!((&question, answer.as_str()), (b"question", "answer"));
/// assert_eq!(proxy.wait()??, (8, 6));
/// # Ok(())
/// # }
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncReadOwned + AsyncWriteOwned,
    B: AsyncReadOwned + AsyncWriteOwned,
{
    let mut copying =
        Bidirectional { a, b, from_a: Direction::new(true), from_b: Direction::new(true) };
    poll_fn(|cx| copying.poll(cx)).await
}

/// One direction of a copy.
struct Direction<R: AsyncReadOwned, W: AsyncWriteOwned> {
    reading: R::Reading,
    writing: W::Writing,
    buffer: Vec<u8>,
    stage: Stage,
    copied: u64,
    /// Ends the writing direction when there is nothing more to come.
    shuts_down: bool,
}

#[derive(Clone, Copy)]
enum Stage {
    /// A piece has to be read; a read may be under way.
    Reads {
        is_under_way: bool,
    },
    /// There is a piece in the buffer that the writer has not been given.
    Writes,
    Ends,
    Ended,
}

const READS: Stage = Stage::Reads { is_under_way: false };

impl<R: AsyncReadOwned, W: AsyncWriteOwned> Direction<R, W> {
    fn new(shuts_down: bool) -> Self {
        Self {
            reading: R::Reading::default(),
            writing: W::Writing::default(),
            buffer: Vec::new(),
            stage: READS,
            copied: 0,
            shuts_down,
        }
    }

    fn poll(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        loop {
            self.stage = match self.stage {
                Stage::Reads { is_under_way } => {
                    if !is_under_way && self.buffer.capacity() == 0 {
                        self.buffer.reserve_exact(PIECE_LEN);
                    }
                    ready!(self.poll_piece(reader, writer, cx))?
                }
                Stage::Writes => {
                    ready!(writer.poll_write_owned(&mut self.writing, &mut self.buffer, cx))?;
                    READS
                }
                Stage::Ends => {
                    let ended = if self.shuts_down {
                        writer.poll_shutdown_owned(&mut self.writing, cx)
                    } else {
                        writer.poll_flush_owned(&mut self.writing, cx)
                    };
                    ready!(ended)?;
                    Stage::Ended
                }
                Stage::Ended => return Poll::Ready(Ok(self.copied)),
            };
        }
    }

    /// Reads a piece, and lets the writer go on meanwhile.
    fn poll_piece(
        &mut self,
        reader: &mut R,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Stage>> {
        match reader.poll_read_owned(&mut self.reading, &mut self.buffer, cx) {
            Poll::Pending => {
                self.stage = Stage::Reads { is_under_way: true };
                if let Poll::Ready(flushed) = writer.poll_flush_owned(&mut self.writing, cx) {
                    flushed?;
                }
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => Poll::Ready(Ok(Stage::Ends)),
            Poll::Ready(Ok(count)) => {
                self.copied += count as u64;
                Poll::Ready(Ok(Stage::Writes))
            }
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {
                Poll::Ready(Ok(READS))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// What has been read and not written goes back to the reader, if that takes it.
    fn give_back(&mut self, reader: &mut R) {
        if let Stage::Writes = self.stage {
            // There is nobody else to give it to.
            let _ = reader.unread(mem::take(&mut self.buffer));
        }
    }
}

struct Copying<'a, R: AsyncReadOwned, W: AsyncWriteOwned> {
    reader: &'a mut R,
    writer: &'a mut W,
    direction: Direction<R, W>,
}

impl<R: AsyncReadOwned, W: AsyncWriteOwned> Copying<'_, R, W> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.direction.poll(self.reader, self.writer, cx)
    }
}

impl<R: AsyncReadOwned, W: AsyncWriteOwned> Drop for Copying<'_, R, W> {
    fn drop(&mut self) {
        self.direction.give_back(self.reader);
    }
}

struct Bidirectional<'a, A, B>
where
    A: AsyncReadOwned + AsyncWriteOwned,
    B: AsyncReadOwned + AsyncWriteOwned,
{
    a: &'a mut A,
    b: &'a mut B,
    from_a: Direction<A, B>,
    from_b: Direction<B, A>,
}

impl<A, B> Bidirectional<'_, A, B>
where
    A: AsyncReadOwned + AsyncWriteOwned,
    B: AsyncReadOwned + AsyncWriteOwned,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(u64, u64)>> {
        let from_a = self.from_a.poll(self.a, self.b, cx)?;
        let from_b = self.from_b.poll(self.b, self.a, cx)?;
        match (from_a, from_b) {
            (Poll::Ready(from_a), Poll::Ready(from_b)) => Poll::Ready(Ok((from_a, from_b))),
            _ => Poll::Pending,
        }
    }
}

impl<A, B> Drop for Bidirectional<'_, A, B>
where
    A: AsyncReadOwned + AsyncWriteOwned,
    B: AsyncReadOwned + AsyncWriteOwned,
{
    fn drop(&mut self) {
        self.from_a.give_back(self.a);
        self.from_b.give_back(self.b);
    }
}
