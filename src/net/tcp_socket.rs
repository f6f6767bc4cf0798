//! TCP sockets whose options are set before they connect or listen.

use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;
use std::{fmt, io};

use super::keepalive::{self, TcpKeepalive};
use super::socket::{self, number, set_option};
use super::{TcpListener, TcpStream};
use crate::op::{SharedFd, address, connect};

/// A TCP socket that neither is connected nor listens yet, so that its options can be set.
///
/// # Examples
///
/// A listener for each ring at one port, with a backlog of its own:
///
/// ```
/// use ringpool::net::TcpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(2);
/// let mut address = "127.0.0.1:0".parse().expect("an address");
/// for ring in pool.runtimes() {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseport(true)?;
///     socket.bind(address)?;
///     let listener = socket.listen(128)?;
///     address = listener.local_addr()?;
///     ring.spawn(async move { listener.accept().await.map(drop) }).detach();
/// }
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    fd: OwnedFd,
}

impl TcpSocket {
    /// A socket for IPv4 addresses.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn new_v4() -> io::Result<Self> {
        socket::new(libc::AF_INET, libc::SOCK_STREAM).map(Self::from)
    }

    /// A socket for IPv6 addresses.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn new_v6() -> io::Result<Self> {
        socket::new(libc::AF_INET6, libc::SOCK_STREAM).map(Self::from)
    }

    /// A socket for addresses of the same kind as `address`.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn for_address(address: SocketAddr) -> io::Result<Self> {
        socket::new(address::family(address), libc::SOCK_STREAM).map(Self::from)
    }

    /// Gives the socket its own address; port 0 has the system choose one.
    ///
    /// # Errors
    ///
    /// Those of bind(2).
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        socket::bind(&self.fd, address)
    }

    /// Makes it a listener for which at most `backlog` connections wait to be accepted; the system
    /// has a limit of its own.
    ///
    /// # Errors
    ///
    /// Those of listen(2).
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        socket::listen(&self.fd, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::new(self.fd))
    }

    /// Connects it.
    ///
    /// # Errors
    ///
    /// Those of connect(2).
    ///
    /// # Cancel safety
    ///
    /// The attempt is given up, and the socket closed.
    pub async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let fd = SharedFd::from(self.fd);
        connect(&fd, address).await?;
        Ok(TcpStream::new(fd))
    }

    /// Whether its address may be one that was in use until just now.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_REUSEADDR")]
    pub fn reuseaddr(&self) -> io::Result<bool> {
        number(&self.fd, libc::SOL_SOCKET, libc::SO_REUSEADDR).map(|value| value != 0)
    }

    /// Says whether its address may be one that was in use until just now.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "SO_REUSEADDR")]
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &i32::from(reuseaddr))
    }

    /// Whether several sockets of one user may listen at its address.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_REUSEPORT")]
    pub fn reuseport(&self) -> io::Result<bool> {
        number(&self.fd, libc::SOL_SOCKET, libc::SO_REUSEPORT).map(|value| value != 0)
    }

    /// Says whether several sockets of one user may listen at its address.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "SO_REUSEPORT")]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, &i32::from(reuseport))
    }

    /// The kernel's room for what is to be sent, which is twice what it was set to.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        number(&self.fd, libc::SOL_SOCKET, libc::SO_SNDBUF).map(|size| size as u32)
    }

    /// Sets the kernel's room for what is to be sent, within the system's limits.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "SO_SNDBUF")]
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_SNDBUF, &size)
    }

    /// The kernel's room for what has been received, which is twice what it was set to.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_RCVBUF")]
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        number(&self.fd, libc::SOL_SOCKET, libc::SO_RCVBUF).map(|size| size as u32)
    }

    /// Sets the kernel's room for what has been received, within the system's limits.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "SO_RCVBUF")]
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        set_option(&self.fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &size)
    }

    /// As [`TcpStream::set_nodelay`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "TCP_NODELAY")]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        set_option(&self.fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &i32::from(nodelay))
    }

    /// As [`TcpStream::set_linger`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "SO_LINGER")]
    pub fn set_linger(&self, time: Option<Duration>) -> io::Result<()> {
        socket::set_linger(&self.fd, time)
    }

    /// As [`TcpStream::set_keepalive`].
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn set_keepalive(&self, keepalive: Option<TcpKeepalive>) -> io::Result<()> {
        keepalive::set_keepalive(&self.fd, keepalive)
    }

    /// Our own address, once it is bound.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::as_std::<std::net::TcpListener>(&self.fd).local_addr()
    }
}

/// Takes a TCP socket that neither is connected nor listens; it must not be in non-blocking mode.
impl From<OwnedFd> for TcpSocket {
    fn from(fd: OwnedFd) -> Self {
        Self { fd }
    }
}

impl From<TcpSocket> for OwnedFd {
    fn from(socket: TcpSocket) -> Self {
        socket.fd
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").field("fd", &self.as_raw_fd()).finish()
    }
}
