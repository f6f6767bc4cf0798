//! TCP connections.

use std::future::Future;
use std::net::SocketAddr;
use std::{fmt, io};

use super::address::{ToSocketAddrs, resolve};
use super::failed::FailedAddresses;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, WriteHalf, socket, split};
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::{SharedFd, connect, has_descriptor};
use crate::stop;
use crate::stream::{Stream, Tcp};

/// A TCP connection.
///
/// It belongs to no ring. One task may read while another one writes, also on different rings:
/// share it by reference or in an [`Arc`](std::sync::Arc), or [split](Self::into_split) it. There
/// is one read at a time and one write at a time; a second one fails with
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy), since bytes would come out of order.
///
/// Dropping it closes the connection once the kernel has given back what is under way.
///
/// # Examples
///
/// See [`net`](crate::net).
pub struct TcpStream {
    stream: Stream<Tcp>,
}

impl TcpStream {
    /// Connects to `address`; if there are several, to the first that works.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of connect(2). If several addresses have been tried, it is of
    /// the last one's kind, and holds [`FailedAddresses`] with the errors of all.
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up, and nothing is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let stream = pool.block_on(ringpool::net::TcpStream::connect(address))?;
    /// assert_eq!(stream.peer_addr()?, address);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut failed = FailedAddresses::default();
        for address in resolve(address).await? {
            let attempt = async {
                let fd = SharedFd::from(socket::for_address(address)?);
                connect(&fd, address).await.map(|()| Self::new(fd))
            };
            match attempt.await {
                Ok(stream) => return Ok(stream),
                Err(error) if stop::is_stopped() => return Err(error),
                Err(error) => failed.push(address, error),
            }
        }
        Err(failed.into())
    }

    /// Connects to `address` from an address of our own; port 0 has the system choose one.
    ///
    /// For other options before connecting see [`TcpSocket`](super::TcpSocket).
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and those of bind(2).
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up, and nothing is left behind.
    pub async fn connect_from(local: SocketAddr, address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut failed = FailedAddresses::default();
        for address in resolve(address).await? {
            let attempt = async {
                let socket = super::TcpSocket::for_address(local)?;
                socket.bind(local)?;
                socket.connect(address).await
            };
            match attempt.await {
                Ok(stream) => return Ok(stream),
                Err(error) if stop::is_stopped() => return Err(error),
                Err(error) => failed.push(address, error),
            }
        }
        Err(failed.into())
    }

    pub(super) fn new(fd: SharedFd) -> Self {
        Self { stream: Stream::new(fd) }
    }

    /// Takes a connection of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self::new(SharedFd::from(std::os::fd::OwnedFd::from(stream))))
    }

    /// The connection as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped read or write is still in the kernel or has left bytes behind.
    pub fn into_std(self) -> Result<std::net::TcpStream, Self> {
        self.stream.into_fd().map(Into::into).map_err(|stream| Self { stream })
    }

    /// Reads what has arrived, waiting until there is something; gives how much it was and the
    /// buffer. 0 means that the peer will send no more, or that the buffer has no capacity.
    ///
    /// # Errors
    ///
    /// Those of recv(2), and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another read is
    /// under way; each with the buffer. A read that was dropped leaves its error to the next one.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what arrives for a read that has been dropped comes out of the next one,
    /// whatever their buffers. The dropped read's buffer is kept until then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::TcpStream;
    /// use ringpool::time::timeout;
    /// use std::io::Write;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let stream = TcpStream::from_std(listener.accept()?.0)?;
    /// pool.block_on(async {
    ///     let read = stream.read(Vec::with_capacity(4096));
    ///     assert!(timeout(Duration::from_millis(1), read).await.is_err());
    ///     peer.write_all(b"late")?;
    ///     let (count, buffer) = stream.read([0; 16]).await?;
    ///     assert_eq!(&buffer[..count], b"late");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn read<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.read(buffer)
    }

    /// Reads until the buffer is full, to its [capacity](IoBufMut::capacity).
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the peer ends the stream before; and as
    /// [`read`](Self::read). What has been read by then is in the buffer.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what a dropped `read_exact` has read already comes out of the next read.
    pub fn read_exact<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.read_exact(buffer)
    }

    /// Writes as many bytes of the buffer as there is room for, waiting until there is some; gives
    /// how many and the buffer.
    ///
    /// # Errors
    ///
    /// Those of send(2), and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another write is
    /// under way; each with the buffer. A write that was dropped leaves its error to the next one.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all of the bytes may be sent, or the first of them, or none; nobody can
    /// say how many. The next write begins after that, so bytes are never sent out of order. Where
    /// this matters use [`write_all`](Self::write_all).
    pub fn write<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + Unpin + use<'_, B> {
        self.stream.write(buffer)
    }

    /// Writes the whole buffer.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). How much has been sent by then cannot be said.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all of the bytes are sent or none: what has been begun the kernel goes on
    /// sending, and the next write sees to the rest before its own bytes; what was still waiting
    /// for an earlier write, which had been dropped, is not begun. So a message is never cut,
    /// except by the end of the stream: an error, dropping it, or [`shutdown`](Self::shutdown).
    pub fn write_all<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<'_, B> {
        self.stream.write_all(buffer)
    }

    /// Reads what has arrived into several buffers, one after the other, waiting until there is
    /// something. Those that are not reached are empty afterwards, as far as their type can be.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`InvalidInput`](io::ErrorKind::InvalidInput) for more than 1024
    /// buffers.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost, as for [`read`](Self::read).
    pub fn read_vectored<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.stream.read_vectored(buffers)
    }

    /// Writes as many bytes of several buffers, one after the other, as there is room for, waiting
    /// until there is some.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); [`InvalidInput`](io::ErrorKind::InvalidInput) for more than 1024
    /// buffers.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](Self::write).
    pub fn write_vectored<B: IoBuf>(
        &self,
        buffers: Vec<B>,
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.stream.write_vectored(buffers)
    }

    /// Reads what the next read will give, without taking it; it may be less than that.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken, so nothing is lost.
    pub fn peek<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.stream.peek(buffer)
    }

    /// Two halves that borrow the connection.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::split(self)
    }

    /// Two halves that may live in different tasks, on different rings.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::TcpStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let peer = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// let (reader, writer) = TcpStream::from_std(listener.accept()?.0)?.into_split();
    /// let reading = ringpool::spawn_on(&pool.runtime(0), async move {
    ///     reader.read_exact([0; 5]).await
    /// });
    /// let writing = ringpool::spawn_on(&pool.runtime(1), async move {
    ///     writer.write_all("hello").await
    /// });
    /// std::io::copy(&mut &peer, &mut &peer)?; // echoes until the writing half is dropped
    /// writing.wait()??;
    /// assert_eq!(&reading.wait()??.1, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::into_split(self)
    }
}

impl split::sealed::Connection for TcpStream {
    type Flow = Tcp;

    fn bytes(&self) -> &Stream<Tcp> {
        &self.stream
    }

    fn end(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

has_descriptor!(TcpStream, self => self.stream.fd());

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*socket::as_std::<std::net::TcpStream>(self), f)
    }
}
