//! Unix sockets for datagrams.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::path::Path;
use std::{fmt, io};

use super::datagrams::{Datagrams, From as Sender};
use super::{Shutdown, socket};
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::{SharedFd, SocketAddress, has_descriptor};
use crate::stream::ReceivedFds;

/// A Unix socket for datagrams.
///
/// It belongs to no ring. Any number of tasks may send at once; one at a time receives, and a
/// second one fails with [`ResourceBusy`](io::ErrorKind::ResourceBusy).
///
/// # Examples
///
/// ```
/// use ringpool::net::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (here, there) = UnixDatagram::pair()?;
/// pool.block_on(async {
///     here.send("hello").await?;
///     let (count, buffer) = there.recv([0; 64]).await?;
///     assert_eq!(&buffer[..count], b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram {
    datagrams: Datagrams,
}

impl UnixDatagram {
    /// A socket at `path`, where it makes a file; that stays when the socket is dropped.
    ///
    /// # Errors
    ///
    /// Those of bind(2).
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        StdDatagram::bind(path).map(|socket| Self::new(socket.into()))
    }

    /// A socket at `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Those of bind(2).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        StdDatagram::bind_addr(address).map(|socket| Self::new(socket.into()))
    }

    /// A socket without an address.
    ///
    /// # Errors
    ///
    /// Those of socket(2).
    pub fn unbound() -> io::Result<Self> {
        StdDatagram::unbound().map(|socket| Self::new(socket.into()))
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    ///
    /// Those of socketpair(2).
    pub fn pair() -> io::Result<(Self, Self)> {
        let (first, second) = StdDatagram::pair()?;
        Ok((Self::new(first.into()), Self::new(second.into())))
    }

    fn new(fd: OwnedFd) -> Self {
        Self { datagrams: Datagrams::new(SharedFd::from(fd)) }
    }

    /// Takes a socket of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(socket: StdDatagram) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self::new(socket.into()))
    }

    /// The socket as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped receive is still in the kernel or has left a datagram behind.
    pub fn into_std(self) -> Result<StdDatagram, Self> {
        self.datagrams.into_fd().map(Into::into).map_err(|datagrams| Self { datagrams })
    }

    /// Has [`send`](Self::send) send to the socket at `path`; it does not wait.
    ///
    /// # Errors
    ///
    /// Those of connect(2).
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.as_std(|socket| socket.connect(path))
    }

    /// Has [`send`](Self::send) send to the socket at `address`; it does not wait.
    ///
    /// # Errors
    ///
    /// Those of connect(2).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.as_std(|socket| socket.connect_addr(address))
    }

    /// Sends a datagram to the socket it is connected to, waiting until there is room.
    ///
    /// # Errors
    ///
    /// Those of send(2), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send<B: IoBuf>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.datagrams.send(buffer)
    }

    /// Sends a datagram to the socket at `path`, waiting until there is room.
    ///
    /// # Errors
    ///
    /// Those of sendto(2), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send_to<B: IoBuf>(
        &self,
        buffer: B,
        path: impl AsRef<Path>,
    ) -> impl Future<Output = BufResult<usize, B>> + Send {
        let address = SocketAddress::unix(path);
        async move {
            match address {
                Ok(address) => self.datagrams.send_to(buffer, address).await,
                Err(error) => Err(BufError { error, buffer }),
            }
        }
    }

    /// Sends a datagram to the socket at `address`, waiting until there is room.
    ///
    /// # Errors
    ///
    /// Those of sendto(2), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send_to_addr<B: IoBuf>(
        &self,
        buffer: B,
        address: SocketAddr,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.datagrams.send_to(buffer, address)
    }

    /// Sends the bytes of several buffers as one datagram to the socket it is connected to.
    ///
    /// # Errors
    ///
    /// Those of sendmsg(2), with the buffers.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send_vectored<B: IoBuf>(
        &self,
        buffers: Vec<B>,
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.datagrams.send_vectored(buffers, None)
    }

    /// Sends a datagram, which may be empty, and descriptors with it, to the socket it is connected
    /// to. The peer gets descriptors of its own.
    ///
    /// # Errors
    ///
    /// Those of sendmsg(2), with the buffer: `EINVAL` for more than
    /// [`DESCRIPTORS_MAX`](crate::op::DESCRIPTORS_MAX).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    #[doc(alias = "SCM_RIGHTS")]
    pub fn send_fds<'a, B: IoBuf>(
        &'a self,
        buffer: B,
        descriptors: &'a [SharedFd],
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'a, B> {
        self.datagrams.send_fds(buffer, None, descriptors)
    }

    /// As [`send_fds`](Self::send_fds), to the socket at `address`.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn send_fds_to_addr<'a, B: IoBuf>(
        &'a self,
        buffer: B,
        descriptors: &'a [SharedFd],
        address: SocketAddr,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'a, B> {
        self.datagrams.send_fds(buffer, Some(address.into()), descriptors)
    }

    /// Waits for the next datagram; gives its length. Of one that is longer than the buffer the
    /// rest is lost, and descriptors that come with it are closed.
    ///
    /// # Errors
    ///
    /// Those of recvmsg(2), and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if another receive is
    /// under way; each with the buffer. A receive that was dropped leaves its error to the next
    /// one.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost: one that came for a dropped receive comes out of the next one, as much
    /// of it as the dropped one's buffer held.
    pub fn recv<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.datagrams.recv(buffer)
    }

    /// As [`recv`](Self::recv), with the sender's address, which is
    /// [unnamed](SocketAddr::is_unnamed) if it has none.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn recv_from<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(usize, SocketAddr), B>> + Send + use<'_, B> {
        let received = self.datagrams.recv_from(buffer);
        async { with_sender(received.await) }
    }

    /// As [`recv_from`](Self::recv_from), into several buffers, one after the other. Those that are
    /// not reached are empty afterwards, as far as their type can be.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub fn recv_vectored_from<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
    ) -> impl Future<Output = BufResult<(usize, SocketAddr), Vec<B>>> + Send + use<'_, B> {
        let received = self.datagrams.recv_vectored(buffers);
        async { with_sender(received.await) }
    }

    /// As [`recv`](Self::recv), with the descriptors that come with the datagram.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there; no descriptor is lost either.
    #[doc(alias = "SCM_RIGHTS")]
    pub fn recv_fds<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<ReceivedFds, B>> + Send + use<'_, B> {
        self.datagrams.recv_fds(buffer)
    }

    /// Waits for the next datagram and gives what the next receive will, without taking it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken, so nothing is lost.
    pub fn peek<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        let received = self.datagrams.peek_from(buffer);
        async { received.await.map(|((count, _), buffer)| (count, buffer)) }
    }

    /// Our own address.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.local_addr())
    }

    /// The address of the socket it is connected to.
    ///
    /// # Errors
    ///
    /// Those of getpeername(2).
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.peer_addr())
    }

    /// Takes the error that the kernel keeps for the socket, if there is one.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.as_std(|socket| socket.take_error())
    }

    /// Ends one or both directions; it does not wait.
    ///
    /// # Errors
    ///
    /// Those of shutdown(2).
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.as_std(|socket| socket.shutdown(how))
    }

    fn as_std<T>(&self, f: impl FnOnce(&StdDatagram) -> T) -> T {
        f(&socket::as_std(self))
    }
}

has_descriptor!(UnixDatagram, self => self.datagrams.fd());

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_std(|socket| fmt::Debug::fmt(socket, f))
    }
}

fn with_sender<B>(received: BufResult<Sender, B>) -> BufResult<(usize, SocketAddr), B> {
    let ((count, sender), buffer) = received?;
    let sender = sender.and_then(|sender| sender.to_unix_addr());
    match sender.map_or_else(|| SocketAddr::from_pathname(""), Ok) {
        Ok(sender) => Ok(((count, sender), buffer)),
        Err(error) => Err(BufError { error, buffer }),
    }
}
