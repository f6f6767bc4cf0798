//! When a silent connection is found to be dead.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::socket::{number, set_option};

/// How a connection on which nothing is sent is asked whether the peer is still there.
///
/// # Examples
///
/// ```
/// use ringpool::net::{TcpKeepalive, TcpStream};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = std::net::TcpStream::connect(listener.local_addr()?)?;
/// let stream = TcpStream::from_std(stream)?;
/// assert_eq!(stream.keepalive()?, None);
/// let keepalive = TcpKeepalive {
///     idle: Duration::from_secs(60),
///     interval: Duration::from_secs(10),
///     retries: 3,
/// };
/// stream.set_keepalive(Some(keepalive))?;
/// assert_eq!(stream.keepalive()?, Some(keepalive));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// How long nothing has to come before it is asked, in whole seconds.
    pub idle: Duration,
    /// How long it is between two questions, in whole seconds.
    pub interval: Duration,
    /// How many questions have to go without an answer for the connection to be dead.
    pub retries: u32,
}

/// What `fd` is set to.
pub(super) fn keepalive(fd: &impl AsRawFd) -> io::Result<Option<TcpKeepalive>> {
    if number(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE)? == 0 {
        return Ok(None);
    }
    let of_tcp = |name| number(fd, libc::IPPROTO_TCP, name).map(|number| number as u32);
    Ok(Some(TcpKeepalive {
        idle: Duration::from_secs(of_tcp(libc::TCP_KEEPIDLE)?.into()),
        interval: Duration::from_secs(of_tcp(libc::TCP_KEEPINTVL)?.into()),
        retries: of_tcp(libc::TCP_KEEPCNT)?,
    }))
}

pub(super) fn set_keepalive(fd: &impl AsRawFd, keepalive: Option<TcpKeepalive>) -> io::Result<()> {
    if let Some(keepalive) = keepalive {
        let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let retries = i32::try_from(keepalive.retries).unwrap_or(i32::MAX);
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, &seconds(keepalive.idle))?;
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, &seconds(keepalive.interval))?;
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, &retries)?;
    }
    set_option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, &i32::from(keepalive.is_some()))
}
