//! Streams behind a reference, and streams that are plain memory.

use std::future::{Future, ready};
use std::io;
use std::task::{Context, Poll};

use super::under_way::take_for_reading;
use super::{AsyncReadOwned, AsyncWriteOwned};
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::rest::Rest;

macro_rules! reads_what_it_points_to {
    ($pointer:ty) => {
        impl<S: AsyncReadOwned + ?Sized> AsyncReadOwned for $pointer {
            type Reading = S::Reading;

            fn read<B: IoBufMut>(
                &mut self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                (**self).read(buffer)
            }

            fn poll_read_owned(
                &mut self,
                reading: &mut S::Reading,
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<usize>> {
                (**self).poll_read_owned(reading, buffer, cx)
            }

            fn poll_stop_reading(
                &mut self,
                reading: &mut S::Reading,
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<()> {
                (**self).poll_stop_reading(reading, buffer, cx)
            }

            fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
                (**self).unread(bytes)
            }
        }
    };
}

macro_rules! writes_what_it_points_to {
    ($pointer:ty) => {
        impl<S: AsyncWriteOwned + ?Sized> AsyncWriteOwned for $pointer {
            type Writing = S::Writing;

            fn write<B: IoBuf>(
                &mut self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                (**self).write(buffer)
            }

            fn write_all<B: IoBuf>(
                &mut self,
                buffer: B,
            ) -> impl Future<Output = BufResult<(), B>> + Send {
                (**self).write_all(buffer)
            }

            fn poll_write_owned(
                &mut self,
                writing: &mut S::Writing,
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                (**self).poll_write_owned(writing, buffer, cx)
            }

            fn poll_flush_owned(
                &mut self,
                writing: &mut S::Writing,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                (**self).poll_flush_owned(writing, cx)
            }

            fn poll_shutdown_owned(
                &mut self,
                writing: &mut S::Writing,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                (**self).poll_shutdown_owned(writing, cx)
            }
        }
    };
}

reads_what_it_points_to!(&mut S);
reads_what_it_points_to!(Box<S>);
writes_what_it_points_to!(&mut S);
writes_what_it_points_to!(Box<S>);

/// Reading takes bytes off the front.
impl AsyncReadOwned for &[u8] {
    type Reading = ();

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        let mut rest = Rest::new(buffer);
        let count = rest.append(self);
        *self = &self[count..];
        ready(Ok((count, rest.buffer)))
    }

    fn poll_read_owned(
        &mut self,
        (): &mut (),
        buffer: &mut Vec<u8>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        *buffer = take_for_reading(buffer);
        let (now, later) = self.split_at(self.len().min(buffer.capacity()));
        buffer.extend_from_slice(now);
        *self = later;
        Poll::Ready(Ok(now.len()))
    }
}

/// Writing appends.
impl AsyncWriteOwned for Vec<u8> {
    type Writing = ();

    fn write<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        self.extend_from_slice(buffer.as_bytes());
        ready(Ok((buffer.initialized_len(), buffer)))
    }

    fn poll_write_owned(
        &mut self,
        (): &mut (),
        buffer: &mut Vec<u8>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.append(buffer);
        Poll::Ready(Ok(()))
    }

    fn poll_flush_owned(&mut self, (): &mut (), _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
