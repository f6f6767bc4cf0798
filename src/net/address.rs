//! From what a user gives for an address to the addresses.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::failed::FailedAddresses;
use crate::task::leavings::uncounted;
use crate::{Task, TaskError, blocking, context, stop};

use self::sealed::{Target, ToTarget};

/// What can be turned into socket addresses: that for which [`std::net::ToSocketAddrs`] does it.
///
/// Addresses, also written out (`"127.0.0.1:80"`, `("::1", 80)`), are taken as they are. Names of
/// hosts are looked up on a thread for blocking work, so that no ring waits for it.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let listener = ringpool::net::TcpListener::bind(("localhost", 0)).await?;
///     assert!(listener.local_addr()?.ip().is_loopback());
///     Ok(())
/// })
/// # }
/// ```
pub trait ToSocketAddrs: ToTarget {}

mod sealed {
    use super::SocketAddr;

    pub trait ToTarget {
        fn to_target(&self) -> Target;
    }

    #[derive(Debug)]
    pub enum Target {
        Addresses(Vec<SocketAddr>),
        Name(String, u16),
        Invalid,
    }
}

/// The addresses of `target`.
pub(super) async fn resolve(target: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = match target.to_target() {
        Target::Addresses(addresses) => return Ok(addresses),
        Target::Name(host, port) => (host, port),
        Target::Invalid => {
            let message = "this is no socket address: write it as `host:port`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    };
    if context::here().is_null() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "names of hosts are looked up on the threads of a pool, and this is no thread of a \
             ring; await it in a task, or give an IP address",
        ));
    }
    poll_fn(|cx| stop::poll_running(cx)).await?;
    let task = blocking::spawn_blocking(move || {
        std::net::ToSocketAddrs::to_socket_addrs(&(host, port)).map(Iterator::collect)
    });
    Lookup(Some(task)).await?
}

/// A lookup for which nobody waits when it is dropped, as a race would for other work: it leaves
/// nothing behind, and may take half a minute.
struct Lookup(Option<Task<io::Result<Vec<SocketAddr>>>>);

impl Future for Lookup {
    type Output = Result<io::Result<Vec<SocketAddr>>, TaskError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.0.as_mut().expect("it is there until the drop")).poll(cx)
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        uncounted(|| drop(self.0.take()));
    }
}

/// Tries `attempt` on one address after the other until it succeeds.
pub(super) fn first_that_works<T>(
    addresses: &[SocketAddr],
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failed = FailedAddresses::default();
    for address in addresses {
        match attempt(*address) {
            Ok(value) => return Ok(value),
            Err(error) => failed.push(*address, error),
        }
    }
    Err(failed.into())
}

/// The addresses of a host: its name is looked up on a thread for blocking work.
///
/// # Errors
///
/// Those of the lookup; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is no port, and
/// [`Unsupported`](io::ErrorKind::Unsupported) if a name is to be looked up outside the tasks of a
/// pool.
///
/// # Cancel safety
///
/// A lookup that has begun goes on on its thread, and nobody hears of it.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let mut addresses = pool.block_on(ringpool::net::lookup_host("localhost:80"))?;
/// assert!(addresses.all(|address| address.ip().is_loopback() && address.port() == 80));
/// # Ok(())
/// # }
/// ```
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr> + use<T>> {
    resolve(host).await.map(Vec::into_iter)
}

fn host_and_port(host: &str, port: u16) -> Target {
    match host.parse::<IpAddr>() {
        Ok(ip) => Target::Addresses(vec![SocketAddr::new(ip, port)]),
        Err(_) => Target::Name(host.into(), port),
    }
}

macro_rules! is_an_address {
    ($($address:ty),*) => { $(
        impl ToSocketAddrs for $address {}
        impl ToTarget for $address {
            fn to_target(&self) -> Target {
                Target::Addresses(vec![SocketAddr::from(*self)])
            }
        }
    )* };
}

is_an_address!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

impl ToSocketAddrs for str {}
impl ToTarget for str {
    fn to_target(&self) -> Target {
        if let Ok(address) = self.parse() {
            return Target::Addresses(vec![address]);
        }
        let parts = self.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        parts.map_or(Target::Invalid, |(host, port)| host_and_port(host, port))
    }
}

impl ToSocketAddrs for String {}
impl ToTarget for String {
    fn to_target(&self) -> Target {
        self.as_str().to_target()
    }
}

impl ToSocketAddrs for (&str, u16) {}
impl ToTarget for (&str, u16) {
    fn to_target(&self) -> Target {
        host_and_port(self.0, self.1)
    }
}

impl ToSocketAddrs for (String, u16) {}
impl ToTarget for (String, u16) {
    fn to_target(&self) -> Target {
        host_and_port(&self.0, self.1)
    }
}

impl ToSocketAddrs for [SocketAddr] {}
impl ToTarget for [SocketAddr] {
    fn to_target(&self) -> Target {
        Target::Addresses(self.to_vec())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}
impl<T: ToTarget + ?Sized> ToTarget for &T {
    fn to_target(&self) -> Target {
        (**self).to_target()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_written_out_need_no_lookup() {
        let loopback: SocketAddr = "[::1]:80".parse().expect("an address");
        for target in ["[::1]:80".to_target(), ("::1", 80).to_target(), loopback.to_target()] {
            assert!(matches!(target, Target::Addresses(found) if found == [loopback]));
        }
        assert!(matches!(
            "host.example:80".to_target(),
            Target::Name(host, 80) if host == "host.example"
        ));
    }

    #[test]
    fn what_has_no_port_is_refused() {
        for text in ["", "127.0.0.1", "host", "host:", "host:port", "host:65536"] {
            assert!(matches!(text.to_target(), Target::Invalid), "{text}");
        }
    }
}
