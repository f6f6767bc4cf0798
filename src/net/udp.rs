//! UDP.

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::{fmt, io};

use super::address::{ToSocketAddrs, first_that_works, resolve};
use super::datagrams::{Datagrams, From as Sender};
use super::socket;
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op::{SharedFd, has_descriptor};

/// A UDP socket.
///
/// It belongs to no ring. Any number of tasks may send at once, on any rings; one at a time
/// receives, and a second one fails with [`ResourceBusy`](io::ErrorKind::ResourceBusy): have one
/// task receive for all, or give each a socket of its own.
///
/// # Examples
///
/// ```
/// use ringpool::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (here, there) =
///         (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
///     here.send_to("hello", there.local_addr()?).await?;
///     let ((count, sender), buffer) = there.recv_from([0; 1500]).await?;
///     assert_eq!((&buffer[..count], sender), (&b"hello"[..], here.local_addr()?));
///     Ok(())
/// })
/// # }
/// ```
pub struct UdpSocket {
    datagrams: Datagrams,
}

impl UdpSocket {
    /// A socket at `address`; port 0 has the system choose one. If there are several addresses, the
    /// first that works is taken.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of bind(2). If several addresses have been tried, it is of
    /// the last one's kind, and holds [`FailedAddresses`](super::FailedAddresses).
    ///
    /// # Cancel safety
    ///
    /// Nothing is left behind.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let addresses = resolve(address).await?;
        let bound = first_that_works(&addresses, std::net::UdpSocket::bind)?;
        Ok(Self::new(bound.into()))
    }

    fn new(fd: OwnedFd) -> Self {
        Self { datagrams: Datagrams::new(SharedFd::from(fd)) }
    }

    /// Takes a socket of `std`, and its non-blocking mode, if on, off.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Ok(Self::new(socket.into()))
    }

    /// The socket as one of `std`, in blocking mode.
    ///
    /// # Errors
    ///
    /// Itself, if a dropped receive is still in the kernel or has left a datagram behind.
    pub fn into_std(self) -> Result<std::net::UdpSocket, Self> {
        self.datagrams.into_fd().map(Into::into).map_err(|datagrams| Self { datagrams })
    }

    /// Has [`send`](Self::send) send to `address`, and receives only what comes from there. If
    /// there are several addresses, the first that works is taken.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of connect(2), as for [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// The socket is connected or not.
    pub async fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        let addresses = resolve(address).await?;
        first_that_works(&addresses, |address| self.as_std(|socket| socket.connect(address)))
    }

    /// Sends a datagram to `address`; if there are several, to the first.
    ///
    /// # Errors
    ///
    /// Those of the name's lookup and of sendto(2), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send_to<'a, B: IoBuf, A: ToSocketAddrs + Send + 'a>(
        &'a self,
        buffer: B,
        address: A,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'a, B, A> {
        let resolving = resolve(address);
        async move {
            match resolving.await.and_then(first) {
                Ok(address) => self.datagrams.send_to(buffer, address).await,
                Err(error) => Err(BufError { error, buffer }),
            }
        }
    }

    /// Sends a datagram to the address that the socket is [connected](Self::connect) to.
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

    /// Sends the bytes of several buffers as one datagram to the address that the socket is
    /// connected to.
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

    /// Sends the bytes of several buffers as one datagram to `address`.
    ///
    /// # Errors
    ///
    /// Those of sendmsg(2), with the buffers.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the datagram is sent as a whole or not at all.
    pub fn send_vectored_to<B: IoBuf>(
        &self,
        buffers: Vec<B>,
        address: SocketAddr,
    ) -> impl Future<Output = BufResult<usize, Vec<B>>> + Send + use<'_, B> {
        self.datagrams.send_vectored(buffers, Some(address.into()))
    }

    /// Waits for the next datagram; gives its length and its sender. Of one that is longer than the
    /// buffer the rest is lost.
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
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::net::UdpSocket;
    /// use ringpool::time::timeout;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     let received = timeout(Duration::from_millis(1), socket.recv_from([0; 4])).await;
    ///     assert!(received.is_err());
    ///     socket.send_to("late, but whole", socket.local_addr()?).await?;
    ///     let ((count, _), buffer) = socket.recv_from([0; 1500]).await?;
    ///     assert_eq!(&buffer[..count], b"late, but whole");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn recv_from<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(usize, SocketAddr), B>> + Send + use<'_, B> {
        let received = self.datagrams.recv_from(buffer);
        async { with_sender(received.await) }
    }

    /// Waits for the next datagram from the address that the socket is connected to; gives its
    /// length.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<'_, B> {
        self.datagrams.recv(buffer)
    }

    /// Waits for the next datagram, and puts it into several buffers, one after the other. Those
    /// that are not reached are empty afterwards, as far as their type can be.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_vectored_from<B: IoBufMut>(
        &self,
        buffers: Vec<B>,
    ) -> impl Future<Output = BufResult<(usize, SocketAddr), Vec<B>>> + Send + use<'_, B> {
        let received = self.datagrams.recv_vectored(buffers);
        async { with_sender(received.await) }
    }

    /// Waits for the next datagram and gives what the next receive will, without taking it.
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken, so nothing is lost.
    pub fn peek_from<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(usize, SocketAddr), B>> + Send + use<'_, B> {
        let received = self.datagrams.peek_from(buffer);
        async { with_sender(received.await) }
    }

    /// As [`peek_from`](Self::peek_from), without the sender.
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
        let received = self.datagrams.peek_from(buffer);
        async { received.await.map(|((count, _), buffer)| (count, buffer)) }
    }

    fn as_std<T>(&self, f: impl FnOnce(&std::net::UdpSocket) -> T) -> T {
        f(&socket::as_std(self))
    }
}

/// The options, of which none waits.
impl UdpSocket {
    /// Our own address.
    ///
    /// # Errors
    ///
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.as_std(|socket| socket.local_addr())
    }

    /// The address it is connected to.
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

    /// Whether it may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn broadcast(&self) -> io::Result<bool> {
        self.as_std(|socket| socket.broadcast())
    }

    /// Says whether it may send to broadcast addresses.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.as_std(|socket| socket.set_broadcast(broadcast))
    }

    /// How many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn ttl(&self) -> io::Result<u32> {
        self.as_std(|socket| socket.ttl())
    }

    /// Says how many routers a packet may pass.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.as_std(|socket| socket.set_ttl(ttl))
    }

    /// Whether what it sends to IPv4 groups comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.as_std(|socket| socket.multicast_loop_v4())
    }

    /// Says whether what it sends to IPv4 groups shall come back to this machine.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_multicast_loop_v4(&self, comes_back: bool) -> io::Result<()> {
        self.as_std(|socket| socket.set_multicast_loop_v4(comes_back))
    }

    /// Whether what it sends to IPv6 groups comes back to this machine.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.as_std(|socket| socket.multicast_loop_v6())
    }

    /// Says whether what it sends to IPv6 groups shall come back to this machine.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_multicast_loop_v6(&self, comes_back: bool) -> io::Result<()> {
        self.as_std(|socket| socket.set_multicast_loop_v6(comes_back))
    }

    /// How many routers a packet to an IPv4 group may pass.
    ///
    /// # Errors
    ///
    /// Those of getsockopt(2).
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.as_std(|socket| socket.multicast_ttl_v4())
    }

    /// Says how many routers a packet to an IPv4 group may pass.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.as_std(|socket| socket.set_multicast_ttl_v4(ttl))
    }

    /// Receives what is sent to the IPv4 group, through the interface that has the second address.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.as_std(|socket| socket.join_multicast_v4(&group, &interface))
    }

    /// Undoes [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.as_std(|socket| socket.leave_multicast_v4(&group, &interface))
    }

    /// Receives what is sent to the IPv6 group, through the interface of that index; 0 is any.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.as_std(|socket| socket.join_multicast_v6(group, interface))
    }

    /// Undoes [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2).
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.as_std(|socket| socket.leave_multicast_v6(group, interface))
    }
}

has_descriptor!(UdpSocket, self => self.datagrams.fd());

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_std(|socket| fmt::Debug::fmt(socket, f))
    }
}

fn first(addresses: Vec<SocketAddr>) -> io::Result<SocketAddr> {
    first_that_works(&addresses, Ok)
}

fn with_sender<B>(received: BufResult<Sender, B>) -> BufResult<(usize, SocketAddr), B> {
    let ((count, sender), buffer) = received?;
    match sender.and_then(|sender| sender.to_socket_addr()) {
        Some(sender) => Ok(((count, sender), buffer)),
        None => Err(BufError { error: not_udp(), buffer }),
    }
}

#[cold]
fn not_udp() -> io::Error {
    let message = "the datagram has no IP address: this is no UDP socket";
    io::Error::new(io::ErrorKind::Unsupported, message)
}
