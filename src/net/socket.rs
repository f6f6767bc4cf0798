//! System calls on sockets that never wait, and so need no ring.

use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::op::SocketAddress;
use crate::op::address::family;

/// Connections that wait to be accepted. The system has a limit of its own, often of 4096.
pub(super) const BACKLOG: i32 = 4096;

/// A socket of the given family and kind.
pub(super) fn new(family: i32, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let fd = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: just made, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A TCP socket of the address's family.
pub(super) fn for_address(address: SocketAddr) -> io::Result<OwnedFd> {
    new(family(address), libc::SOCK_STREAM)
}

/// A TCP socket that listens at `address`.
pub(super) fn listening_at(address: SocketAddr, shares_port: bool) -> io::Result<OwnedFd> {
    let fd = for_address(address)?;
    set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &1)?;
    if shares_port {
        set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, &1)?;
    }
    bind(&fd, address)?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

pub(super) fn bind(fd: &impl AsRawFd, address: impl Into<SocketAddress>) -> io::Result<()> {
    let address = address.into();
    // SAFETY: the pointer and the length are those of a whole address.
    check(unsafe { libc::bind(fd.as_raw_fd(), address.ptr(), address.len()) }).map(drop)
}

pub(super) fn listen(fd: &impl AsRawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// Whether a listener has a connection in line, or an error.
pub(super) fn is_ready(listener: &impl AsRawFd) -> io::Result<bool> {
    let mut polled = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: there is one of them. It does not wait.
    check(unsafe { libc::poll(&raw mut polled, 1, 0) }).map(|count| count > 0)
}

/// Sets an option to a number, or to a structure of numbers.
pub(super) fn set_option<T: Copy>(
    fd: &impl AsRawFd,
    level: i32,
    option: i32,
    value: &T,
) -> io::Result<()> {
    let (value, len) = (std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the value and its length belong together.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value, len) }).map(drop)
}

/// What an option is set to.
///
/// # Safety
///
/// All bytes are valid for `T`, and the kernel writes them all.
pub(super) unsafe fn option<T: Copy>(fd: &impl AsRawFd, level: i32, option: i32) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the room and its length belong together.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, option, value.as_mut_ptr().cast(), &raw mut len)
    })?;
    // SAFETY: zeroed at least, says the caller.
    Ok(unsafe { value.assume_init() })
}

/// What an option that is a number is set to.
pub(super) fn number(fd: &impl AsRawFd, level: i32, name: i32) -> io::Result<i32> {
    // SAFETY: a number is valid whatever its bytes are.
    unsafe { option(fd, level, name) }
}

/// How long a socket that is closed waits for the peer to have everything.
pub(super) fn linger(fd: &impl AsRawFd) -> io::Result<Option<Duration>> {
    // SAFETY: two numbers, which are valid whatever their bytes are.
    let linger: libc::linger = unsafe { option(fd, libc::SOL_SOCKET, libc::SO_LINGER) }?;
    Ok((linger.l_onoff != 0).then(|| Duration::from_secs(linger.l_linger as u64)))
}

/// See [`linger`].
pub(super) fn set_linger(fd: &impl AsRawFd, time: Option<Duration>) -> io::Result<()> {
    let seconds = time.map_or(0, |time| i32::try_from(time.as_secs()).unwrap_or(i32::MAX));
    let linger = libc::linger { l_onoff: time.is_some().into(), l_linger: seconds };
    set_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

pub(super) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The socket as one of `std`, to ask it or set its options; it stays the owner's.
pub(super) fn as_std<S: FromRawFd>(fd: &impl AsRawFd) -> ManuallyDrop<S> {
    // SAFETY: never closed through this, and used by the caller as long as it borrows the owner.
    ManuallyDrop::new(unsafe { S::from_raw_fd(fd.as_raw_fd()) })
}
