//! Operations on sockets as such: making them, connecting them, ending them.

use std::io;
use std::net::Shutdown as How;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, SharedFd, SocketAddress, Start};

/// See [`socket`].
#[derive(Debug)]
pub struct Socket {
    domain: i32,
    kind: i32,
    protocol: i32,
}

/// Makes a socket: `IORING_OP_SOCKET`. Since Linux 5.19.
///
/// `domain` ([`AF_INET`](libc::AF_INET), …), `kind` ([`SOCK_STREAM`](libc::SOCK_STREAM), …) and
/// `protocol` are those of socket(2). The descriptor is closed on exec.
///
/// # Errors
///
/// Those of socket(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing is lost; a socket that is made after all is closed.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let socket = op::socket(libc::AF_INET, libc::SOCK_STREAM, 0).await?;
///     assert!(socket.try_into_owned().is_ok());
///     Ok(())
/// })
/// # }
/// ```
pub fn socket(domain: i32, kind: i32, protocol: i32) -> Op<Socket> {
    Op::new(Socket { domain, kind, protocol })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for Socket {
    type Output = io::Result<SharedFd>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Socket::new(self.domain, self.kind | libc::SOCK_CLOEXEC, self.protocol).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        SharedFd::from_result(result)
    }
}

/// See [`bind`].
#[derive(Debug)]
pub struct Bind {
    fd: AnyFd,
    address: SocketAddress,
}

/// Gives a socket its local address: `IORING_OP_BIND`. Since Linux 6.11.
///
/// # Errors
///
/// Those of bind(2), [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// The socket may be bound or not.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let socket = op::socket(libc::AF_INET, libc::SOCK_STREAM, 0).await?;
///     match op::bind(&socket, std::net::SocketAddr::from(([127, 0, 0, 1], 0))).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         bound => bound?,
///     }
///     op::listen(&socket, 128).await
/// })
/// # }
/// ```
pub fn bind(fd: &impl Descriptor, address: impl Into<SocketAddress>) -> Op<Bind> {
    Op::new(Bind { fd: fd.to_any_fd(), address: address.into() })
}

// SAFETY: the entry points to the address, which is part of `self`.
unsafe impl Operation for Bind {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Bind::new(start.target(&self.fd)?, self.address.ptr(), self.address.len())
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`listen`].
#[derive(Debug)]
pub struct Listen {
    fd: AnyFd,
    backlog: i32,
}

/// Makes a bound socket one that accepts connections: `IORING_OP_LISTEN`. Since Linux 6.11.
///
/// At most `backlog` connections wait to be accepted; the system has a limit of its own.
///
/// # Errors
///
/// Those of listen(2), [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// The socket may listen or not.
///
/// # Examples
///
/// See [`bind`].
pub fn listen(fd: &impl Descriptor, backlog: i32) -> Op<Listen> {
    Op::new(Listen { fd: fd.to_any_fd(), backlog })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for Listen {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Listen::new(start.target(&self.fd)?, self.backlog).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`accept`].
#[derive(Debug)]
pub struct Accept {
    fd: AnyFd,
    peer: SocketAddress,
}

/// Takes the next connection of a listening socket: `IORING_OP_ACCEPT`. Since Linux 5.5.
///
/// Gives the connection's descriptor, which is closed on exec, and the peer's address. The
/// listening socket must not be in non-blocking mode, in which the kernel does not wait.
///
/// # Errors
///
/// Those of accept(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// A connection that is accepted after all is closed.
/// [`TcpListener::accept`](crate::net::TcpListener::accept) keeps it for the next caller.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let listener = SharedFd::from(OwnedFd::from(listener));
/// let (_connection, peer) = pool.block_on(op::accept(&listener))?;
/// assert_eq!(peer.to_socket_addr(), Some(client.local_addr()?));
/// # Ok(())
/// # }
/// ```
pub fn accept(fd: &impl Descriptor) -> Op<Accept> {
    Op::new(Accept { fd: fd.to_any_fd(), peer: SocketAddress::empty() })
}

// SAFETY: the entry points to the address and its length, which are part of `self`.
unsafe impl Operation for Accept {
    type Output = io::Result<(SharedFd, SocketAddress)>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (address, len) = (self.peer.ptr_mut(), self.peer.len_mut());
        Ok(opcode::Accept::new(start.target(&self.fd)?, address, len)
            .flags(libc::SOCK_CLOEXEC)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        Ok((SharedFd::from_result(result)?, self.peer))
    }
}

/// See [`connect`].
#[derive(Debug)]
pub struct Connect {
    fd: AnyFd,
    address: SocketAddress,
}

/// Connects a socket to an address: `IORING_OP_CONNECT`. Since Linux 5.5.
///
/// # Errors
///
/// Those of connect(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// The socket may be connected or not, or be about to be: close it.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("[::1]:0")?;
/// let address = listener.local_addr()?;
/// pool.block_on(async {
///     let socket = op::socket(libc::AF_INET6, libc::SOCK_STREAM, 0).await?;
///     op::connect(&socket, address).await
/// })
/// # }
/// ```
pub fn connect(fd: &impl Descriptor, address: impl Into<SocketAddress>) -> Op<Connect> {
    Op::new(Connect { fd: fd.to_any_fd(), address: address.into() })
}

// SAFETY: the entry points to the address, which is part of `self`.
unsafe impl Operation for Connect {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Connect::new(start.target(&self.fd)?, self.address.ptr(), self.address.len())
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

/// See [`shutdown`].
#[derive(Debug)]
pub struct Shutdown {
    fd: AnyFd,
    how: How,
}

/// Ends one or both directions of a connection: `IORING_OP_SHUTDOWN`. Since Linux 5.11.
///
/// # Errors
///
/// Those of shutdown(2), and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// The direction may be ended or not.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::net::Shutdown;
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = UnixStream::pair()?;
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// pool.block_on(async {
///     op::shutdown(&ours, Shutdown::Write).await?;
///     let (count, _) = op::recv(&theirs, vec![0; 8], 0).await?;
///     assert_eq!(count, 0);
///     Ok(())
/// })
/// # }
/// ```
pub fn shutdown(fd: &impl Descriptor, how: How) -> Op<Shutdown> {
    Op::new(Shutdown { fd: fd.to_any_fd(), how })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for Shutdown {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let how = match self.how {
            How::Read => libc::SHUT_RD,
            How::Write => libc::SHUT_WR,
            How::Both => libc::SHUT_RDWR,
        };
        Ok(opcode::Shutdown::new(start.target(&self.fd)?, how).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}
