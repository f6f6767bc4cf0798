//! What a TCP connection can be asked and told beside its bytes. None of it waits.

use std::io;
use std::net::SocketAddr;
use std::os::linux::net::TcpStreamExt;
use std::time::Duration;

use super::keepalive::{self, TcpKeepalive};
use super::{Shutdown, TcpStream, socket};

impl TcpStream {
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

    /// How long a connection that is closed waits for the peer to have everything; `None` if it is
    /// closed at once, and the kernel sees to the rest.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_LINGER")]
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        socket::linger(self)
    }

    /// Says how long a connection that is closed waits for the peer to have everything, in whole
    /// seconds.
    ///
    /// With more than none, dropping the connection may block the thread that does it. With none
    /// (`Some(Duration::ZERO)`) it is reset, and what has not been sent is lost.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "SO_LINGER")]
    pub fn set_linger(&self, time: Option<Duration>) -> io::Result<()> {
        socket::set_linger(self, time)
    }

    /// When the peer is asked whether it is still there; `None` if never.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn keepalive(&self) -> io::Result<Option<TcpKeepalive>> {
        keepalive::keepalive(self)
    }

    /// Says when the peer shall be asked whether it is still there.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2): `EINVAL` for times of zero seconds, or more than nine hours.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn set_keepalive(&self, keepalive: Option<TcpKeepalive>) -> io::Result<()> {
        keepalive::set_keepalive(self, keepalive)
    }

    /// How many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "IP_TTL")]
    pub fn ttl(&self) -> io::Result<u32> {
        self.as_std(std::net::TcpStream::ttl)
    }

    /// Says how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "IP_TTL")]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.as_std(|stream| stream.set_ttl(ttl))
    }

    /// Whether what comes is acknowledged at once; the kernel changes that by itself.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "TCP_QUICKACK")]
    pub fn quickack(&self) -> io::Result<bool> {
        self.as_std(TcpStreamExt::quickack)
    }

    /// Says whether what comes shall be acknowledged at once, until the kernel thinks otherwise.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "TCP_QUICKACK")]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        self.as_std(|stream| stream.set_quickack(quickack))
    }

    /// Takes the error that the kernel keeps for the connection, if there is one.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.as_std(std::net::TcpStream::take_error)
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

    fn as_std<T>(&self, f: impl FnOnce(&std::net::TcpStream) -> T) -> T {
        f(&socket::as_std(self))
    }
}
