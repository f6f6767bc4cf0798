//! TCP connections.

use std::future::Future;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::{fmt, io};

use super::address::{ToSocketAddrs, no_address, resolve};
use super::{OwnedReadHalf, OwnedWriteHalf, Shutdown, socket, split};
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::{SharedFd, connect};
use crate::stream::{Socket, Stream};

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
    pub(super) stream: Stream<Socket>,
}

impl TcpStream {
    /// Connects to `address`; if there are several, to the first that works.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of connect(2), the latter for the last address.
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
        let mut last_error = no_address();
        for address in resolve(address).await? {
            let fd = SharedFd::from(socket::for_address(address)?);
            match connect(&fd, address).await {
                Ok(()) => return Ok(Self::new(fd)),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
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

    /// Ends one or both directions; it does not wait.
    ///
    /// After [`Write`](Shutdown::Write) the peer reads what has been sent and then the end. A read
    /// under way ends after [`Read`](Shutdown::Read), a write that was dropped and is under way
    /// fails after `Write`.
    ///
    /// # Errors
    ///
    /// Those of shutdown(2).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.as_std(|stream| stream.shutdown(how))
    }

    /// Whether small writes are sent at once, instead of being gathered.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "TCP_NODELAY")]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.as_std(std::net::TcpStream::nodelay)
    }

    /// Says whether small writes shall be sent at once.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "TCP_NODELAY")]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.as_std(|stream| stream.set_nodelay(nodelay))
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// Those of getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(std::net::TcpStream::peer_addr)
    }

    /// Our own address.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(std::net::TcpStream::local_addr)
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
        split::split(self)
    }

    fn as_std<T>(&self, f: impl FnOnce(&std::net::TcpStream) -> T) -> T {
        f(&socket::as_std(self.stream.fd()))
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.fd().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.fd().as_raw_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_std(|stream| fmt::Debug::fmt(stream, f))
    }
}
