//! Connections as streams for code that polls; see [`io`](crate::io).

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::split::{Connection, sealed::Connection as _};
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, UnixStream, WriteHalf};
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::io::{AsyncReadOwned, AsyncWriteOwned, Duplex};

/// Reading from what has, or leads to, a connection; the connection keeps the read under way.
macro_rules! reads {
    ([$($generic:tt)*] $reader:ty, $self:ident => $connection:expr) => {
        impl<$($generic)*> AsyncReadOwned for $reader {
            type Reading = ();

            fn read<B: IoBufMut>(
                &mut $self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                $connection.bytes().read(buffer)
            }

            fn poll_read_owned(
                &mut $self,
                (): &mut (),
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<usize>> {
                $connection.bytes().poll_read(buffer, cx)
            }

            fn poll_stop_reading(
                &mut $self,
                (): &mut (),
                _: &mut Vec<u8>,
                _: &mut Context<'_>,
            ) -> Poll<()> {
                $connection.bytes().stop_reading();
                Poll::Ready(())
            }

            fn unread(&mut $self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
                $connection.bytes().unread(bytes)
            }
        }
    };
}

/// Writing to what has, or leads to, a connection; the connection keeps the write under way, and
/// the caller a spare buffer.
macro_rules! writes {
    ([$($generic:tt)*] $writer:ty, $self:ident => $connection:expr) => {
        impl<$($generic)*> AsyncWriteOwned for $writer {
            type Writing = Vec<u8>;

            fn write<B: IoBuf>(
                &mut $self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                $connection.bytes().write(buffer)
            }

            /// As the stream's own: it goes on sending what was begun.
            fn write_all<B: IoBuf>(
                &mut $self,
                buffer: B,
            ) -> impl Future<Output = BufResult<(), B>> + Send {
                $connection.bytes().write_all(buffer)
            }

            fn poll_write_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                $connection.bytes().poll_write(spare, buffer, cx)
            }

            fn poll_flush_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                $connection.bytes().poll_flush(spare, cx)
            }

            fn poll_shutdown_owned(
                &mut $self,
                spare: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                ready!($connection.bytes().poll_flush(spare, cx))?;
                Poll::Ready(unless_ended($connection.end(Shutdown::Write)))
            }
        }
    };
}

macro_rules! connections {
    ($($connection:ty),+) => {$(
        reads!([] $connection, self => self);
        reads!([] &$connection, self => self);
        reads!([] Arc<$connection>, self => self);
        writes!([] $connection, self => self);
        writes!([] &$connection, self => self);
        writes!([] Arc<$connection>, self => self);

        impl Duplex for $connection {}
        impl Duplex for &$connection {}
        impl Duplex for Arc<$connection> {}
    )+};
}

connections!(TcpStream, UnixStream);
reads!([S: Connection] OwnedReadHalf<S>, self => self.stream());
reads!([S: Connection] ReadHalf<'_, S>, self => self.stream());
writes!([S: Connection] OwnedWriteHalf<S>, self => self.stream());
writes!([S: Connection] WriteHalf<'_, S>, self => self.stream());

/// A connection that the peer has reset has no direction left to end, which is what was wanted.
fn unless_ended(shut_down: io::Result<()>) -> io::Result<()> {
    match shut_down {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}
