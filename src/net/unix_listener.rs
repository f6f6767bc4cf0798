//! Unix sockets that accept connections.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::path::Path;
use std::{fmt, io};

use super::accepting::{Accepted, Accepting, Acceptors};
use super::{UnixStream, socket};
use crate::op::{SharedFd, has_descriptor};

/// A Unix socket that accepts connections.
///
/// Any number of tasks, on any rings, may [`accept`](UnixListener::accept) at once: they take
/// turns.
///
/// # Examples
///
/// ```
/// use ringpool::net::{UnixListener, UnixStream};
/// use std::os::linux::net::SocketAddrExt;
/// use std::os::unix::net::SocketAddr;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let address = SocketAddr::from_abstract_name(format!("example-{}", std::process::id()))?;
/// pool.block_on(async {
///     let listener = UnixListener::bind_addr(&address)?;
///     let client = UnixStream::connect_addr(&address).await?;
///     let (server, peer) = listener.accept().await?;
///     assert!(peer.is_unnamed());
///     client.write_all("hello").await?;
///     assert_eq!(&server.read_exact([0; 5]).await?.1, b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixListener {
    acceptors: Acceptors,
    fd: SharedFd,
}

impl UnixListener {
    /// A listener at `path`, where it makes a file; that stays when the listener is dropped.
    ///
    /// # Errors
    ///
    /// Those of bind(2).
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        StdListener::bind(path).map(|listener| Self::new(listener.into()))
    }

    /// A listener at `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of bind(2).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        StdListener::bind_addr(address).map(|listener| Self::new(listener.into()))
    }

    fn new(fd: OwnedFd) -> Self {
        Self { acceptors: Acceptors::new(), fd: fd.into() }
    }

    /// Takes a listener of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        Ok(Self::new(listener.into()))
    }

    /// The listener as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped [`accept`](Self::accept) is still in the kernel.
    #[expect(clippy::result_large_err, reason = "what was given comes back as it was")]
    pub fn into_std(self) -> Result<StdListener, Self> {
        if !self.acceptors.is_idle() {
            return Err(self);
        }
        let Self { acceptors, fd } = self;
        fd.try_into_owned().map(Into::into).map_err(|fd| Self { acceptors, fd })
    }

    /// Waits for the next connection, and gives it with its peer's address, which is
    /// [unnamed](SocketAddr::is_unnamed) unless the peer has bound its socket.
    ///
    /// # Errors
    ///
    /// Those of accept(2). Most concern one connection or pass (`EMFILE`): a server goes on.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost, as for [`TcpListener::accept`](super::TcpListener::accept).
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + Sync + use<'_> {
        let accepting = Accepting::new(&self.fd, &self.acceptors);
        async { Self::connection(accepting.await?) }
    }

    /// What has been accepted, and its peer's address.
    pub(super) fn connection((fd, peer): Accepted) -> io::Result<(UnixStream, SocketAddr)> {
        let Some(peer) = peer else {
            let stream = UnixStream::new(fd);
            let peer = stream.peer_addr()?;
            return Ok((stream, peer));
        };
        let peer = peer.to_unix_addr().ok_or_else(|| {
            let message = "a connection that is not of a Unix socket came in, and was closed";
            io::Error::new(io::ErrorKind::Unsupported, message)
        })?;
        Ok((UnixStream::new(fd), peer))
    }

    /// What it consists of.
    pub(super) fn into_parts(self) -> (Acceptors, SharedFd) {
        (self.acceptors, self.fd)
    }

    /// The address it listens at.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.local_addr())
    }

    /// Takes the error that the kernel keeps for the listener, if there is one.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.as_std(|socket| socket.take_error())
    }

    fn as_std<T>(&self, f: impl FnOnce(&StdListener) -> T) -> T {
        f(&socket::as_std(self))
    }
}

has_descriptor!(UnixListener, self => &self.fd);

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_std(|socket| fmt::Debug::fmt(socket, f))
    }
}
