//! Connections of Unix sockets.

use std::future::Future;
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::path::Path;
use std::{fmt, io};

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{Shutdown, socket};
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::{SharedFd, SocketAddress, connect, has_descriptor};
use crate::stream::{ReceivedFds, Stream, Unix};

/// A connection of Unix sockets.
///
/// It belongs to no ring, and is used as a [`TcpStream`](super::TcpStream) is: one read and one
/// write at a time, by reference, in an [`Arc`](std::sync::Arc) or [split](Self::into_split).
/// Descriptors may go with the bytes: [`send_fds`](Self::send_fds), [`recv_fds`](Self::recv_fds).
///
/// # Examples
///
/// ```
/// use ringpool::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (here, there) = UnixStream::pair()?;
/// pool.block_on(async {
///     here.write_all("hello").await?;
///     assert_eq!(&there.read_exact([0; 5]).await?.1, b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixStream {
    stream: Stream<Unix>,
}

impl UnixStream {
    /// Connects to the listener at `path`, waiting until it has room for another connection.
    ///
    /// # Errors
    ///
    /// Those of connect(2).
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up, and nothing is left behind.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let address = SocketAddress::unix(path)?;
        Self::connect_to(address).await
    }

    /// Connects to the listener at `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of connect(2).
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up, and nothing is left behind.
    pub async fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::connect_to(address.clone().into()).await
    }

    async fn connect_to(address: SocketAddress) -> io::Result<Self> {
        let fd = SharedFd::from(socket::new(libc::AF_UNIX, libc::SOCK_STREAM)?);
        connect(&fd, address).await?;
        Ok(Self::new(fd))
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    ///
    /// Those of socketpair(2).
    pub fn pair() -> io::Result<(Self, Self)> {
        let (first, second) = StdStream::pair()?;
        Ok((Self::from_std(first)?, Self::from_std(second)?))
    }

    pub(super) fn new(fd: SharedFd) -> Self {
        Self { stream: Stream::new(fd) }
    }

    /// Takes a connection of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self::new(SharedFd::from(std::os::fd::OwnedFd::from(stream))))
    }

    /// The connection as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped read or write is still in the kernel, or has left bytes or descriptors
    /// behind.
    pub fn into_std(self) -> Result<StdStream, Self> {
        self.stream.into_fd().map(Into::into).map_err(|stream| Self { stream })
    }

    /// Reads what has arrived, as [`TcpStream::read`](super::TcpStream::read); descriptors that
    /// come with it are closed. A dropped read leaves those that come after it for
    /// [`recv_fds`](Self::recv_fds).
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

    /// Reads until the buffer is full, as [`TcpStream::read_exact`](super::TcpStream::read_exact).
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

    /// Reads into several buffers, as
    /// [`TcpStream::read_vectored`](super::TcpStream::read_vectored).
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
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.stream.read_vectored(buffers)
    }

    /// Reads without taking, as [`TcpStream::peek`](super::TcpStream::peek).
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
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.stream.peek(buffer)
    }

    /// Writes what there is room for, as [`TcpStream::write`](super::TcpStream::write).
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

    /// Writes the whole buffer, as [`TcpStream::write_all`](super::TcpStream::write_all).
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

    /// Writes several buffers, as [`TcpStream::write_vectored`](super::TcpStream::write_vectored).
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
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.stream.write_vectored(buffers)
    }

    /// Sends as many bytes of the buffer as there is room for, at least one, and descriptors with
    /// them; gives how many bytes. The peer gets descriptors of its own of the same open files,
    /// with a [`recv_fds`](Self::recv_fds); ours stay open until they have been sent, and longer if
    /// they have other owners.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), with the buffer; [`InvalidInput`](io::ErrorKind::InvalidInput)
    /// for an empty buffer, and for more than [`DESCRIPTORS_MAX`](crate::op::DESCRIPTORS_MAX)
    /// descriptors.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the descriptors go with the first of the bytes, and these may all be sent,
    /// or the first of them, or none. The next write begins after that.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::UnixStream;
    /// use ringpool::op::SharedFd;
    /// use std::io::Read;
    /// use std::os::fd::OwnedFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let (here, there) = UnixStream::pair()?;
    /// let version = SharedFd::from(OwnedFd::from(std::fs::File::open("/proc/version")?));
    /// pool.block_on(here.send_fds("look", &[version]))?;
    /// let (received, buffer) = pool.block_on(there.recv_fds([0; 16]))?;
    /// assert_eq!(&buffer[..received.count], b"look");
    /// let [version] = received.descriptors.try_into().expect("one was sent");
    /// let mut text = String::new();
    /// std::fs::File::from(version).read_to_string(&mut text)?;
    /// assert!(text.starts_with("Linux"));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SCM_RIGHTS")]
    pub fn send_fds<'a, B: IoBuf>(
        &'a self,
        buffer: B,
        descriptors: &'a [SharedFd],
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'a, B> {
        self.stream.send_fds(buffer, descriptors)
    }

    /// Reads what has arrived, waiting until there is something, with the descriptors that have
    /// been sent with it. Bytes with which descriptors were sent end a read, so those of two
    /// messages are never mixed.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// No byte and no descriptor is lost: those that came for a dropped one come out of the next.
    #[doc(alias = "SCM_RIGHTS")]
    pub fn recv_fds<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<ReceivedFds, B>> + Send + use<'_, B> {
        self.stream.recv_fds(buffer)
    }

    /// Ends one or both directions, as [`TcpStream::shutdown`](super::TcpStream::shutdown) does.
    ///
    /// # Errors
    ///
    /// Those of shutdown(2).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.as_std(|stream| stream.shutdown(how))
    }

    /// The process at the other end, as it was when it connected or began to listen.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (here, _there) = ringpool::net::UnixStream::pair()?;
    /// assert_eq!(here.peer_cred()?.pid, Some(std::process::id() as i32));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_PEERCRED")]
    pub fn peer_cred(&self) -> io::Result<UCred> {
        // SAFETY: numbers, which are valid whatever their bytes are.
        let cred: libc::ucred =
            unsafe { socket::option(self, libc::SOL_SOCKET, libc::SO_PEERCRED) }?;
        Ok(UCred { pid: (cred.pid != 0).then_some(cred.pid), uid: cred.uid, gid: cred.gid })
    }

    /// Two halves that borrow the connection.
    pub fn split(&mut self) -> (ReadHalf<'_, Self>, WriteHalf<'_, Self>) {
        split::split(self)
    }

    /// Two halves that may live in different tasks, on different rings.
    pub fn into_split(self) -> (OwnedReadHalf<Self>, OwnedWriteHalf<Self>) {
        split::into_split(self)
    }

    /// Our own address.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.local_addr())
    }

    /// The peer's address, which is [unnamed](SocketAddr::is_unnamed) unless it has bound its
    /// socket.
    ///
    /// # Errors
    ///
    /// Those of getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.peer_addr())
    }

    /// Takes the error that the kernel keeps for the connection, if there is one.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.as_std(|socket| socket.take_error())
    }

    fn as_std<T>(&self, f: impl FnOnce(&StdStream) -> T) -> T {
        f(&socket::as_std(self))
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UCred {
    /// The process, unless it is in a namespace that this one cannot see.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl split::sealed::Connection for UnixStream {
    type Flow = Unix;

    fn bytes(&self) -> &Stream<Unix> {
        &self.stream
    }

    fn end(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

has_descriptor!(UnixStream, self => self.stream.fd());

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_std(|socket| fmt::Debug::fmt(socket, f))
    }
}
