//! Sockets that accept connections.

use std::future::Future;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use futures_core::Stream;

use super::accepting::{Accepted, Accepting, Acceptors, Connections};
use super::address::{ToSocketAddrs, first_that_works, resolve};
use super::{TcpStream, socket};
use crate::op::{SharedFd, has_descriptor};

/// A TCP socket that accepts connections.
///
/// Any number of tasks, on any rings, may [`accept`](TcpListener::accept) at once: they take turns.
/// Where each ring shall have its own line of connections, make a listener for each with
/// [`bind_shared`](TcpListener::bind_shared).
///
/// # Examples
///
/// See [`net`](crate::net).
pub struct TcpListener {
    acceptors: Acceptors,
    fd: SharedFd,
}

impl TcpListener {
    /// A listener at `address`; port 0 has the system choose one.
    ///
    /// If there are several addresses, the first that works is taken. `SO_REUSEADDR` is set, so
    /// that a server can be started again at once.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of bind(2). If several addresses have been tried, it is of
    /// the last one's kind, and holds [`FailedAddresses`](super::FailedAddresses).
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let listener = pool.block_on(ringpool::net::TcpListener::bind("[::1]:0"))?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let addresses = resolve(address).await?;
        first_that_works(&addresses, |address| socket::listening_at(address, false)).map(Self::new)
    }

    /// As [`bind`](Self::bind), with `SO_REUSEPORT`: several listeners of one user may be bound to
    /// one address, and the system spreads the connections over them.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::TcpListener;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let first = TcpListener::bind_shared("127.0.0.1:0").await?;
    ///     let second = TcpListener::bind_shared(first.local_addr()?).await?;
    ///     assert_eq!(first.local_addr()?, second.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[doc(alias = "SO_REUSEPORT")]
    pub async fn bind_shared(address: impl ToSocketAddrs) -> io::Result<Self> {
        let addresses = resolve(address).await?;
        first_that_works(&addresses, |address| socket::listening_at(address, true)).map(Self::new)
    }

    /// So many listeners at one address, for as many rings: the system spreads the connections over
    /// them by a hash of their addresses. [`serve`](super::serve()) takes them.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::TcpListener;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(2);
    /// let listeners = pool.block_on(TcpListener::bind_group("127.0.0.1:0", pool.len()))?;
    /// assert_eq!(listeners[0].local_addr()?, listeners[1].local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "SO_REUSEPORT")]
    pub async fn bind_group(address: impl ToSocketAddrs, count: usize) -> io::Result<Vec<Self>> {
        let mut group = Vec::with_capacity(count);
        if count > 0 {
            let first = Self::bind_shared(address).await?;
            let address = first.local_addr()?;
            group.push(first);
            for _ in 1..count {
                group.push(Self::new(socket::listening_at(address, true)?));
            }
        }
        Ok(group)
    }

    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { acceptors: Acceptors::new(), fd: fd.into() }
    }

    /// Takes a listener of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        Ok(Self::new(listener.into()))
    }

    /// The listener as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped [`accept`](Self::accept) or [`incoming`](Self::incoming) is still in
    /// the kernel.
    #[expect(clippy::result_large_err, reason = "what was given comes back as it was")]
    pub fn into_std(self) -> Result<std::net::TcpListener, Self> {
        if !self.acceptors.is_idle() {
            return Err(self);
        }
        let Self { acceptors, fd } = self;
        fd.try_into_owned().map(Into::into).map_err(|fd| Self { acceptors, fd })
    }

    /// Waits for the next connection, and gives it with its peer's address.
    ///
    /// # Errors
    ///
    /// Those of accept(2). Most concern one connection or pass (`ECONNABORTED`, `EMFILE`): a
    /// server goes on.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost: if one arrives for an `accept` that has been dropped, the next one
    /// gets it. It is closed only if the listener is dropped before. A future that is neither
    /// polled nor dropped keeps all others waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::TcpListener;
    /// use ringpool::time::timeout;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
    ///     let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    ///     let (_stream, peer) = listener.accept().await?;
    ///     assert_eq!(peer, client.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn accept(
        &self,
    ) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + Sync + use<'_> {
        let accepting = Accepting::new(&self.fd, &self.acceptors);
        async { Self::connection(accepting.await?) }
    }

    /// What has been accepted, and its peer's address.
    pub(super) fn connection((fd, peer): Accepted) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(peer) = peer else {
            let peer = peer_of(&fd)?;
            return Ok((TcpStream::new(fd), peer));
        };
        let peer = peer.to_socket_addr().ok_or_else(|| {
            let message = "a connection that is not TCP came in, and was closed";
            io::Error::new(io::ErrorKind::Unsupported, message)
        })?;
        Ok((TcpStream::new(fd), peer))
    }

    /// What it consists of.
    pub(super) fn into_parts(self) -> (Acceptors, SharedFd) {
        (self.acceptors, self.fd)
    }

    /// How many routers a packet of its connections may pass.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "IP_TTL")]
    pub fn ttl(&self) -> io::Result<u32> {
        socket::as_std::<std::net::TcpListener>(&self.fd).ttl()
    }

    /// Says how many routers a packet of its connections may pass.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    #[doc(alias = "IP_TTL")]
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        socket::as_std::<std::net::TcpListener>(&self.fd).set_ttl(ttl)
    }

    /// Takes the error that the kernel keeps for the listener, if there is one.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    #[doc(alias = "SO_ERROR")]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        socket::as_std::<std::net::TcpListener>(&self.fd).take_error()
    }

    /// All connections, as they come: one operation of the kernel's for any number of them.
    ///
    /// The peer's address is that of [`TcpStream::peer_addr`]. The stream never ends.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept): a server goes on. When there is no descriptor left
    /// (`EMFILE`), wait a little before: it would fail at once again.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost: those that the kernel has delivered when the stream is dropped are
    /// for the next [`accept`](Self::accept) or `incoming`. They are closed only if the listener is
    /// dropped before. It takes turns with others that accept; one that was polled in vain and is
    /// neither polled again nor dropped keeps them waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use ringpool::net::TcpListener;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let client = std::net::TcpStream::connect(listener.local_addr()?)?;
    ///     let mut incoming = listener.incoming();
    ///     let stream = incoming.next().await.expect("it never ends")?;
    ///     assert_eq!(stream.peer_addr()?, client.local_addr()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(Connections::new(&self.fd, &self.acceptors))
    }

    /// The address it listens at.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        socket::as_std::<std::net::TcpListener>(&self.fd).local_addr()
    }
}

has_descriptor!(TcpListener, self => &self.fd);

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TcpListener");
        if let Ok(address) = self.local_addr() {
            shown.field("address", &address);
        }
        shown.field("fd", &self.as_raw_fd()).finish()
    }
}

/// Asks a connection for its peer.
fn peer_of(connection: &SharedFd) -> io::Result<SocketAddr> {
    let peer = socket::as_std::<std::net::TcpStream>(connection).peer_addr();
    peer.map_err(|error| match error.raw_os_error() {
        // Its peer is gone already.
        Some(libc::ENOTCONN) => io::Error::from_raw_os_error(libc::ECONNABORTED),
        _ => error,
    })
}

/// The connections of a [`TcpListener`]; made by [`incoming`](TcpListener::incoming).
#[must_use = "streams do nothing unless they are polled"]
pub struct Incoming<'a>(Connections<'a>);

impl Stream for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx).map_ok(TcpStream::new).map(Some)
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}
