//! Options and queues of sockets, asked for and set through the ring.

use std::{io, mem, ptr};

use io_uring::types::Fd;
use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, Start};

/// The kernel's commands on sockets: `SOCKET_URING_OP_…`.
const UNREAD: u32 = 0;
const UNSENT: u32 = 1;
const GET_OPTION: u32 = 2;
const SET_OPTION: u32 = 3;

/// Where an entry has the command's number: the upper half of what other operations call the
/// offset is not used.
const COMMAND_AT: usize = 8;

/// The value of a socket option, as the kernel reads and writes it.
///
/// # Safety
///
/// Any bytes are a valid value, all bytes of a value are initialized, and it points to nothing.
pub unsafe trait OptionValue: Copy + Send + 'static {}

// SAFETY: numbers.
unsafe impl OptionValue for u8 {}
// SAFETY: numbers.
unsafe impl OptionValue for i32 {}
// SAFETY: numbers.
unsafe impl OptionValue for u32 {}
// SAFETY: numbers.
unsafe impl OptionValue for u64 {}
// SAFETY: names and other bytes.
unsafe impl<const N: usize> OptionValue for [u8; N] {}
// SAFETY: two numbers, with nothing between them.
unsafe impl OptionValue for libc::linger {}
// SAFETY: two numbers of one size.
unsafe impl OptionValue for libc::timeval {}
// SAFETY: three numbers of one size.
unsafe impl OptionValue for libc::ucred {}
// SAFETY: two addresses and a number of four bytes each.
unsafe impl OptionValue for libc::ip_mreqn {}
// SAFETY: 16 bytes of an address, and a number.
unsafe impl OptionValue for libc::ipv6_mreq {}

/// See [`setsockopt`].
#[derive(Debug)]
pub struct SetSockOpt<T> {
    fd: AnyFd,
    level: i32,
    name: i32,
    value: T,
}

/// Sets an option of a socket: `SOCKET_URING_OP_SETSOCKOPT` of `IORING_OP_URING_CMD`.
/// Since Linux 6.7.
///
/// `level`, `name` and the type of `value` are those of setsockopt(2) and the manual of the
/// protocol. It works on direct descriptors, too.
///
/// # Errors
///
/// Those of setsockopt(2); [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and for
/// sockets that take no commands, as Unix sockets of older kernels do not; `ECANCELED` if it was
/// cancelled; [`InvalidInput`](io::ErrorKind::InvalidInput) for options with pointers in their
/// values, such as `SO_ATTACH_FILTER`.
///
/// # Cancel safety
///
/// The option may be set or not.
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
///     match op::setsockopt(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1i32).await {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         set => set?,
///     }
///     let is_set: i32 = op::getsockopt(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE).await?;
///     assert_eq!(is_set, 1);
///     Ok(())
/// })
/// # }
/// ```
pub fn setsockopt<T: OptionValue>(
    fd: &impl Descriptor,
    level: i32,
    name: i32,
    value: T,
) -> Op<SetSockOpt<T>> {
    let operation = SetSockOpt { fd: fd.to_any_fd(), level, name, value };
    match check_set(level, name) {
        Ok(()) => Op::new(operation),
        Err(error) => Op::refused(operation, error),
    }
}

// SAFETY: the entry points to the value, which is part of `self`.
unsafe impl<T: OptionValue> Operation for SetSockOpt<T> {
    type Output = io::Result<()>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let value = (&raw const self.value).cast();
        let named = (self.level, self.name);
        Ok(command(SET_OPTION, start.target(&self.fd)?, named, value, size_of::<T>()))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop).map_err(explain)
    }
}

/// See [`getsockopt`].
#[derive(Debug)]
pub struct GetSockOpt<T> {
    fd: AnyFd,
    level: i32,
    name: i32,
    value: T,
}

/// Asks for an option of a socket: `SOCKET_URING_OP_GETSOCKOPT` of `IORING_OP_URING_CMD`.
/// Since Linux 6.7.
///
/// `name` and the type of the value are those of getsockopt(2); the kernel knows only the level
/// [`SOL_SOCKET`](libc::SOL_SOCKET) here. Where the value has fewer bytes than its type, as a name
/// may have, zeros follow.
///
/// # Errors
///
/// Those of getsockopt(2); [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, at
/// another level, and for ///
/// # Cancel safety
///
/// Nothing is lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let socket = op::socket(libc::AF_INET, libc::SOCK_DGRAM, 0).await?;
///     let kind = op::getsockopt::<i32>(&socket, libc::SOL_SOCKET, libc::SO_TYPE).await;
///     match kind {
///         Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         kind => assert_eq!(kind?, libc::SOCK_DGRAM),
///     }
///     Ok(())
/// })
/// # }
/// ```
pub fn getsockopt<T: OptionValue>(
    fd: &impl Descriptor,
    level: i32,
    name: i32,
) -> Op<GetSockOpt<T>> {
    // SAFETY: any bytes are a valid value.
    let value = unsafe { mem::zeroed() };
    let operation = GetSockOpt { fd: fd.to_any_fd(), level, name, value };
    match check_get(level, name) {
        Ok(()) => Op::new(operation),
        Err(error) => Op::refused(operation, error),
    }
}

// SAFETY: the entry points to the value, which is part of `self`.
unsafe impl<T: OptionValue> Operation for GetSockOpt<T> {
    type Output = io::Result<T>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let value = (&raw mut self.value).cast();
        let named = (self.level, self.name);
        Ok(command(GET_OPTION, start.target(&self.fd)?, named, value, size_of::<T>()))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|_| self.value).map_err(explain)
    }
}

/// See [`siocinq`] and [`siocoutq`].
#[derive(Debug)]
pub struct QueuedBytes {
    fd: AnyFd,
    command: u32,
}

/// Asks how many bytes a socket has received that have not been read; of a datagram socket, how
/// many the next datagram has: `SOCKET_URING_OP_SIOCINQ` of `IORING_OP_URING_CMD`.
/// Since Linux 6.7.
///
/// # Errors
///
/// `EINVAL` for a socket that listens; [`Unsupported`](io::ErrorKind::Unsupported) on an older
/// kernel, and for sockets that have no such count here, such as Unix sockets; `ECANCELED` if it
/// was cancelled.
///
/// # Cancel safety
///
/// Nothing is lost.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::net::UdpSocket;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let receiver = UdpSocket::bind("127.0.0.1:0")?;
/// UdpSocket::bind("127.0.0.1:0")?.send_to(b"hello", receiver.local_addr()?)?;
/// let receiver = SharedFd::from(OwnedFd::from(receiver));
/// match pool.block_on(op::siocinq(&receiver)) {
///     Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
///     count => assert_eq!(count?, 5),
/// }
/// # Ok(())
/// # }
/// ```
pub fn siocinq(fd: &impl Descriptor) -> Op<QueuedBytes> {
    Op::new(QueuedBytes { fd: fd.to_any_fd(), command: UNREAD })
}

/// Asks how many bytes a socket was given to send that the peer has not confirmed:
/// `SOCKET_URING_OP_SIOCOUTQ` of `IORING_OP_URING_CMD`. Since Linux 6.7.
///
/// # Errors
///
/// As for [`siocinq`].
///
/// # Cancel safety
///
/// Nothing is lost.
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
/// let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let socket = SharedFd::from(OwnedFd::from(socket));
/// match pool.block_on(op::siocoutq(&socket)) {
///     Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {}
///     count => assert_eq!(count?, 0),
/// }
/// # Ok(())
/// # }
/// ```
pub fn siocoutq(fd: &impl Descriptor) -> Op<QueuedBytes> {
    Op::new(QueuedBytes { fd: fd.to_any_fd(), command: UNSENT })
}

// SAFETY: the entry points to nothing.
unsafe impl Operation for QueuedBytes {
    type Output = io::Result<usize>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(command(self.command, start.target(&self.fd)?, (0, 0), ptr::null(), 0))
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(|count| count as usize).map_err(explain)
    }
}

/// The entry of a command on a socket. The crate knows only the one that sets an option; the others
/// differ from it in nothing but their number.
fn command(
    number: u32,
    fd: Fd,
    (level, name): (i32, i32),
    value: *const libc::c_void,
    len: usize,
) -> squeue::Entry {
    let (level, name, len) = (level as u32, name as u32, len as u32);
    let mut entry = opcode::SetSockOpt::new(fd, level, name, value, len).build();
    // SAFETY: an entry is a plain io_uring_sqe, which has the four bytes of the command's number
    // there, aligned.
    unsafe { (&raw mut entry).byte_add(COMMAND_AT).cast::<u32>().write(number) };
    entry
}

/// The options that replace tables of packet filters, of IP and IPv6, ARP and bridges: the kernel
/// writes counters to where the value points.
const REPLACE_FILTERS: [i32; 3] = [64, 96, 128];

/// What may be set: nothing of which the value has pointers, since the kernel would read, or even
/// write, whatever they lead to. Sockets for XDP and RDS are given memory in this way to receive
/// into.
fn check_set(level: i32, name: i32) -> io::Result<()> {
    let has_pointers = match level {
        libc::SOL_SOCKET => {
            matches!(name, libc::SO_ATTACH_FILTER | libc::SO_ATTACH_REUSEPORT_CBPF)
        }
        libc::IPPROTO_IP => REPLACE_FILTERS.contains(&name),
        libc::IPPROTO_IPV6 => name == REPLACE_FILTERS[0],
        libc::SOL_XDP | libc::SOL_RDS => true,
        _ => false,
    };
    if has_pointers { Err(beyond_its_value(level, name)) } else { Ok(()) }
}

/// What may be asked for: nothing that the kernel writes more of than it is told that there is room
/// for. It takes the length for a number of instructions when it is asked for a filter.
fn check_get(level: i32, name: i32) -> io::Result<()> {
    let is_filter = (level, name) == (libc::SOL_SOCKET, libc::SO_GET_FILTER);
    if is_filter { Err(beyond_its_value(level, name)) } else { Ok(()) }
}

#[cold]
fn beyond_its_value(level: i32, name: i32) -> io::Error {
    let message = format!(
        "option {name} of level {level} makes the kernel use memory beyond the value; use the \
         system call"
    );
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// What the kernel's refusal means.
fn explain(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::EOPNOTSUPP) {
        return error;
    }
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this socket does not take the command through a ring: that needs Linux 6.7, for \
         Unix sockets a newer one, and options are read at level SOL_SOCKET only; use the system \
         call instead",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_command_stands_where_the_kernel_looks_for_it() {
        let value = 0i32;
        let value = (&raw const value).cast();
        let entry = command(SET_OPTION, Fd(3), (1, 2), value, 4);
        let built = opcode::SetSockOpt::new(Fd(3), 1, 2, value, 4).build();
        assert_eq!(format!("{entry:?}"), format!("{built:?}"));
        // SAFETY: the command's number, as above; the other half of the word is zero.
        let number = |entry: &squeue::Entry| unsafe {
            (&raw const *entry).byte_add(COMMAND_AT).cast::<[u32; 2]>().read()
        };
        assert_eq!(number(&entry), [SET_OPTION, 0]);
        assert_eq!(number(&built), [SET_OPTION, 0]);
        assert_eq!(number(&command(UNSENT, Fd(3), (0, 0), ptr::null(), 0)), [UNSENT, 0]);
    }
}
