//! The two directions of a connection, apart.

use std::future::Future;
use std::sync::Arc;
use std::{error, fmt, io};

use super::{Shutdown, TcpStream};
use crate::buf::{BufResult, IoBuf, IoBufMut};

pub(super) fn split(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    let writer = OwnedWriteHalf { stream: stream.clone(), ends_on_drop: true };
    (OwnedReadHalf { stream }, writer)
}

/// The reading half of a connection; made by [`TcpStream::into_split`].
///
/// The connection is closed when both halves have been dropped.
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: Arc<TcpStream>,
}

impl OwnedReadHalf {
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
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.read(buffer)
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
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.read_exact(buffer)
    }

    /// The whole connection.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// Both, if they are not of one connection.
    pub fn reunite(self, writer: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.stream, &writer.stream) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.stream).expect("there are two halves, and one has just gone"))
    }
}

/// The writing half of a connection; made by [`TcpStream::into_split`].
///
/// Dropping it ends the writing direction: the peer reads what has been sent, and then the end.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Arc<TcpStream>,
    ends_on_drop: bool,
}

impl OwnedWriteHalf {
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
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.write(buffer)
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
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.write_all(buffer)
    }

    /// The whole connection.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Drops the half without ending its direction; that ends with the reading half.
    pub fn forget(mut self) {
        self.ends_on_drop = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.ends_on_drop {
            // It fails only if the connection has ended already.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// The halves are not of one connection; here they are.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these two halves are not of one connection")
    }
}

impl error::Error for ReuniteError {}

impl From<ReuniteError> for io::Error {
    fn from(error: ReuniteError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}
