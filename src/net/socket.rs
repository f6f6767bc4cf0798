//! System calls on sockets that never wait, and so need no ring.

use std::io;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::op::address::family;
use crate::op::{SharedFd, SocketAddress};

/// Connections that wait to be accepted. The system has a limit of its own, often of 4096.
const BACKLOG: i32 = 4096;

/// A TCP socket of the address's family.
pub(super) fn for_address(address: SocketAddr) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: takes numbers only.
    let fd = check(unsafe { libc::socket(family(address), kind, 0) })?;
    // SAFETY: just made, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A TCP socket that listens at `address`.
pub(super) fn listening_at(address: SocketAddr, shares_port: bool) -> io::Result<OwnedFd> {
    let fd = for_address(address)?;
    switch_on(&fd, libc::SO_REUSEADDR)?;
    if shares_port {
        switch_on(&fd, libc::SO_REUSEPORT)?;
    }
    let address = SocketAddress::from(address);
    // SAFETY: the pointer and the length are those of a whole address.
    check(unsafe { libc::bind(fd.as_raw_fd(), address.ptr(), address.len()) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::listen(fd.as_raw_fd(), BACKLOG) })?;
    Ok(fd)
}

fn switch_on(fd: &OwnedFd, option: i32) -> io::Result<()> {
    let on: i32 = 1;
    let (value, len) = ((&raw const on).cast(), size_of::<i32>() as libc::socklen_t);
    // SAFETY: the value and its length belong together.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, value, len) })?;
    Ok(())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The socket as one of `std`, to ask it or set its options; it stays the owner's.
pub(super) fn as_std<S: FromRawFd>(fd: &SharedFd) -> ManuallyDrop<S> {
    // SAFETY: never closed through this, and used by the caller as long as it borrows the owner.
    ManuallyDrop::new(unsafe { S::from_raw_fd(fd.as_raw_fd()) })
}
