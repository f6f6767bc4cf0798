//! Operations whose file goes straight into the table of their ring.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::Path;

use io_uring::types::{DestinationSlot, OpenHow};
use io_uring::{opcode, squeue};

use super::direct::DirectTable;
use super::path::Place;
use super::{AnyFd, Descriptor, DirectFd, Op, Operation, SharedFd, SocketAddress, Start};

/// The kernel chooses the place.
const ANY_PLACE: Option<DestinationSlot> = Some(DestinationSlot::auto_target());

/// See [`accept_direct`].
#[derive(Debug)]
pub struct AcceptDirect {
    fd: AnyFd,
    peer: SocketAddress,
    table: Option<DirectTable>,
}

/// Takes the next connection of a listening socket, as [`accept`](super::accept) does, into the
/// table of the ring: `IORING_OP_ACCEPT`. Since Linux 5.19.
///
/// # Errors
///
/// Those of accept(2), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the table is full, in
/// which case the connection is lost, and `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// A connection that is accepted after all is closed.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::io::Read;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let listener = SharedFd::from(OwnedFd::from(listener));
/// pool.block_on(async {
///     let (connection, _peer) = op::accept_direct(&listener).await?;
///     op::send(&connection, "hello", 0).await?;
///     op::close(connection).await
/// })?;
/// let mut text = String::new();
/// client.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub fn accept_direct(fd: &impl Descriptor) -> Op<AcceptDirect> {
    Op::new(AcceptDirect { fd: fd.to_any_fd(), peer: SocketAddress::empty(), table: None })
}

// SAFETY: the entry points to the address and its length, which are part of `self`.
unsafe impl Operation for AcceptDirect {
    type Output = io::Result<(DirectFd, Option<SocketAddr>)>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.table = Some(start.direct_table()?);
        let (address, len) = (self.peer.ptr_mut(), self.peer.len_mut());
        Ok(opcode::Accept::new(start.target(&self.fd)?, address, len).file_index(ANY_PLACE).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let fd = DirectTable::take_over(self.table.as_ref(), result)?;
        Ok((fd, self.peer.to_socket_addr()))
    }
}

/// See [`openat2_direct`].
#[derive(Debug)]
pub struct OpenAt2Direct {
    place: Place,
    how: OpenHow,
    table: Option<DirectTable>,
}

/// Opens a file, as [`openat2`](super::openat2) does, into the table of the ring:
/// `IORING_OP_OPENAT2`. Since Linux 5.19.
///
/// `O_CLOEXEC` is ignored: what is in the table of a ring never reaches another program.
///
/// # Errors
///
/// Those of [`openat2`](super::openat2), and [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the
/// table is full.
///
/// # Cancel safety
///
/// If it is dropped, the file may have been opened or made; it is closed then.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let file = op::openat2_direct(None, "/proc/self/comm", libc::O_RDONLY, 0).await?;
///     let (count, _) = op::read_at(&file, [0; 16], 0).await?;
///     assert!(count > 0);
///     Ok(())
/// })
/// # }
/// ```
pub fn openat2_direct(
    directory: Option<&SharedFd>,
    path: impl AsRef<Path>,
    flags: i32,
    mode: u32,
) -> Op<OpenAt2Direct> {
    let flags = (flags & !libc::O_CLOEXEC) as u32;
    let how = OpenHow::new().flags(flags.into()).mode(mode.into());
    match Place::new(directory, path.as_ref()) {
        Ok(place) => Op::new(OpenAt2Direct { place, how, table: None }),
        Err((place, error)) => Op::refused(OpenAt2Direct { place, how, table: None }, error),
    }
}

// SAFETY: the path is on the heap and `how` in the operation itself; the operation owns both, and
// the directory.
unsafe impl Operation for OpenAt2Direct {
    type Output = io::Result<DirectFd>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.table = Some(start.direct_table()?);
        Ok(opcode::OpenAt2::new(self.place.directory(), self.place.path(), &raw const self.how)
            .file_index(ANY_PLACE)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        DirectTable::take_over(self.table.as_ref(), result)
    }
}

/// See [`socket_direct`].
#[derive(Debug)]
pub struct SocketDirect {
    domain: i32,
    kind: i32,
    protocol: i32,
    table: Option<DirectTable>,
}

/// Makes a socket, as [`socket`](super::socket()) does, in the table of the ring:
/// `IORING_OP_SOCKET`. Since Linux 5.19.
///
/// # Errors
///
/// Those of socket(2), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the table is full, and
/// `ECANCELED` if it was cancelled.
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
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = listener.local_addr()?;
/// pool.block_on(async {
///     let socket = op::socket_direct(libc::AF_INET, libc::SOCK_STREAM, 0).await?;
///     op::connect(&socket, address).await
/// })
/// # }
/// ```
pub fn socket_direct(domain: i32, kind: i32, protocol: i32) -> Op<SocketDirect> {
    Op::new(SocketDirect { domain, kind: kind & !libc::SOCK_CLOEXEC, protocol, table: None })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for SocketDirect {
    type Output = io::Result<DirectFd>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.table = Some(start.direct_table()?);
        Ok(opcode::Socket::new(self.domain, self.kind, self.protocol).file_index(ANY_PLACE).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        DirectTable::take_over(self.table.as_ref(), result)
    }
}

/// See [`pipe_direct`].
#[derive(Debug)]
pub struct PipeDirect {
    slots: [RawFd; 2],
    flags: i32,
    table: Option<DirectTable>,
}

/// Makes a pipe in the table of the ring, and gives its end to read and its end to write:
/// `IORING_OP_PIPE`. Since Linux 6.16.
///
/// `flags` are those of pipe2(2); `O_CLOEXEC` is ignored.
///
/// # Errors
///
/// Those of pipe2(2), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded) if the table has no two
/// places left, [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and `ECANCELED` if
/// it was cancelled.
///
/// # Cancel safety
///
/// Nothing is lost; a pipe that is made after all is closed.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (reader, writer) = match op::pipe_direct(0).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         made => made?,
///     };
///     op::write(&writer, "hello").await?;
///     let (_, buffer) = op::read(&reader, Vec::with_capacity(16)).await?;
///     assert_eq!(buffer, b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub fn pipe_direct(flags: i32) -> Op<PipeDirect> {
    Op::new(PipeDirect { slots: [0; 2], flags: flags & !libc::O_CLOEXEC, table: None })
}

// SAFETY: the entry points to `slots`, which is part of `self`.
unsafe impl Operation for PipeDirect {
    type Output = io::Result<(DirectFd, DirectFd)>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        self.table = Some(start.direct_table()?);
        let slots = (&raw mut self.slots).cast();
        Ok(opcode::Pipe::new(slots).flags(self.flags as u32).file_index(ANY_PLACE).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let [reader, writer] = self.slots.map(|slot| slot as u32);
        let reader = DirectTable::take_over(self.table.as_ref(), result.map(|_| reader))?;
        let writer = DirectTable::take_over(self.table.as_ref(), Ok(writer))?;
        Ok((reader, writer))
    }
}
