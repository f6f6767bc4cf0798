//! Buffered streams as streams: the end of one [`copy()`](super::copy()) may be a `BufWriter`.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use super::under_way::take_for_reading;
use super::{AsyncReadOwned, AsyncWriteOwned, BufReader, BufWriter};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::rest::Rest;

/// Reading takes what is in the buffer first.
impl<S: AsyncReadOwned> AsyncReadOwned for BufReader<S> {
    type Reading = ();

    async fn read<B: IoBufMut>(&mut self, buffer: B) -> BufResult<usize, B> {
        match poll_fn(|cx| self.poll_filled(cx).map_ok(|_| ())).await {
            Err(error) => Err(BufError { error, buffer }),
            Ok(()) => {
                let mut rest = Rest::new(buffer);
                let count = rest.append(self.buffer());
                self.consume(count);
                Ok((count, rest.buffer))
            }
        }
    }

    fn poll_read_owned(
        &mut self,
        (): &mut (),
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let filled = ready!(self.poll_filled(cx))?;
        *buffer = take_for_reading(buffer);
        let count = filled.len().min(buffer.capacity());
        buffer.extend_from_slice(&filled[..count]);
        self.consume(count);
        Poll::Ready(Ok(count))
    }
}

/// Writing goes to the buffer.
impl<S: AsyncWriteOwned> AsyncWriteOwned for BufWriter<S> {
    type Writing = ();

    async fn write<B: IoBuf>(&mut self, mut buffer: B) -> BufResult<usize, B> {
        // Borrowed exclusively, since a buffer need not be `Sync`.
        let bytes = &mut buffer;
        match poll_fn(move |cx| self.poll_taken(bytes.as_bytes(), cx)).await {
            Ok(count) => Ok((count, buffer)),
            Err(error) => Err(BufError { error, buffer }),
        }
    }

    fn poll_write_owned(
        &mut self,
        (): &mut (),
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !buffer.is_empty() {
            let count = ready!(self.poll_taken(buffer, cx))?;
            buffer.drain(..count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush_owned(&mut self, (): &mut (), cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flushed(cx)
    }

    fn poll_shutdown_owned(&mut self, (): &mut (), cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ended(cx)
    }
}
