//! The two directions of a connection, apart.

use std::future::Future;
use std::sync::Arc;
use std::{error, fmt, io};

use super::{Shutdown, TcpStream};
use crate::buf::{BufResult, IoBuf, IoBufMut};

/// What can be split: a [`TcpStream`] or a [`UnixStream`](super::UnixStream).
pub trait Connection: sealed::Connection {}

impl<S: sealed::Connection> Connection for S {}

pub(super) mod sealed {
    use super::Shutdown;
    use crate::stream::{Flow, Stream};

    pub trait Connection: std::fmt::Debug + Send + Sync {
        type Flow: Flow;

        fn bytes(&self) -> &Stream<Self::Flow>;

        fn end(&self, how: Shutdown) -> std::io::Result<()>;
    }
}

pub(super) fn split<S: Connection>(stream: &S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf { stream }, WriteHalf { stream })
}

pub(super) fn into_split<S: Connection>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let writer = OwnedWriteHalf { stream: stream.clone(), ends_on_drop: true };
    (OwnedReadHalf { stream }, writer)
}

/// What a reading half can do.
macro_rules! reads {
    () => {
        /// As [`TcpStream::read`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn read<B: IoBufMut>(
            &self,
            buffer: B,
        ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin {
            self.stream.bytes().read(buffer)
        }

        /// As [`TcpStream::read_exact`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn read_exact<B: IoBufMut>(
            &self,
            buffer: B,
        ) -> impl Future<Output = BufResult<(), B>> + Send {
            self.stream.bytes().read_exact(buffer)
        }

        /// As [`TcpStream::read_vectored`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn read_vectored<B: IoBufMut>(
            &self,
            buffers: Vec<B>,
        ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send {
            self.stream.bytes().read_vectored(buffers)
        }

        /// As [`TcpStream::peek`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn peek<B: IoBufMut>(
            &self,
            buffer: B,
        ) -> impl Future<Output = BufResult<usize, B>> + Send {
            self.stream.bytes().peek(buffer)
        }

        /// The whole connection.
        pub fn stream(&self) -> &S {
            &self.stream
        }
    };
}

/// What a writing half can do.
macro_rules! writes {
    () => {
        /// As [`TcpStream::write`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn write<B: IoBuf>(
            &self,
            buffer: B,
        ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin {
            self.stream.bytes().write(buffer)
        }

        /// As [`TcpStream::write_all`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn write_all<B: IoBuf>(
            &self,
            buffer: B,
        ) -> impl Future<Output = BufResult<(), B>> + Send {
            self.stream.bytes().write_all(buffer)
        }

        /// As [`TcpStream::write_vectored`].
        ///
        /// # Errors
        ///
        /// As there.
        ///
        /// # Cancel safety
        ///
        /// As there.
        pub fn write_vectored<B: IoBuf>(
            &self,
            buffers: Vec<B>,
        ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send {
            self.stream.bytes().write_vectored(buffers)
        }

        /// The whole connection.
        pub fn stream(&self) -> &S {
            &self.stream
        }
    };
}

/// The reading half of a borrowed connection; made by [`TcpStream::split`] and
/// [`UnixStream::split`](super::UnixStream::split).
#[derive(Debug)]
pub struct ReadHalf<'a, S: Connection = TcpStream> {
    stream: &'a S,
}

impl<S: Connection> ReadHalf<'_, S> {
    reads!();
}

/// The writing half of a borrowed connection; made by [`TcpStream::split`] and
/// [`UnixStream::split`](super::UnixStream::split).
#[derive(Debug)]
pub struct WriteHalf<'a, S: Connection = TcpStream> {
    stream: &'a S,
}

impl<S: Connection> WriteHalf<'_, S> {
    writes!();
}

/// The reading half of a connection; made by [`TcpStream::into_split`] and
/// [`UnixStream::into_split`](super::UnixStream::into_split).
///
/// The connection is closed when both halves have been dropped.
#[derive(Debug)]
pub struct OwnedReadHalf<S: Connection = TcpStream> {
    stream: Arc<S>,
}

impl<S: Connection> OwnedReadHalf<S> {
    reads!();

    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// Both, if they are not of one connection.
    pub fn reunite(self, writer: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, &writer.stream) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.stream).expect("there are two halves, and one has just gone"))
    }
}

/// The writing half of a connection; made by [`TcpStream::into_split`] and
/// [`UnixStream::into_split`](super::UnixStream::into_split).
///
/// Dropping it ends the writing direction: the peer reads what has been sent, and then the end.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Connection = TcpStream> {
    stream: Arc<S>,
    ends_on_drop: bool,
}

impl<S: Connection> OwnedWriteHalf<S> {
    writes!();

    /// Drops the half without ending its direction; that ends with the reading half.
    pub fn forget(mut self) {
        self.ends_on_drop = false;
    }
}

impl<S: Connection> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.ends_on_drop {
            // It fails only if the connection has ended already.
            let _ = self.stream.end(Shutdown::Write);
        }
    }
}

/// The halves are not of one connection; here they are.
#[derive(Debug)]
pub struct ReuniteError<S: Connection = TcpStream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: Connection> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these two halves are not of one connection")
    }
}

impl<S: Connection> error::Error for ReuniteError<S> {}

impl<S: Connection + 'static> From<ReuniteError<S>> for io::Error {
    fn from(error: ReuniteError<S>) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
