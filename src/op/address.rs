//! Socket addresses as the kernel reads and writes them.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;
use std::{fmt, io};

/// Room for every address there is: the size of `sockaddr_storage`.
const ROOM: usize = 128;

/// Where the path begins in a Unix address.
const PATH: usize = std::mem::offset_of!(libc::sockaddr_un, sun_path);

/// The address of a socket of any family: IPv4, IPv6, Unix (a path, an abstract name, or none), or
/// one that this crate knows nothing of.
///
/// # Examples
///
/// ```
/// use ringpool::op::SocketAddress;
/// use std::net::SocketAddr;
///
/// # fn main() -> std::io::Result<()> {
/// let loopback: SocketAddr = "[::1]:80".parse().expect("an address");
/// let address = SocketAddress::from(loopback);
/// assert_eq!((address.family(), address.to_socket_addr()), (libc::AF_INET6, Some(loopback)));
/// let address = SocketAddress::unix("service/socket")?;
/// assert_eq!(address.as_pathname(), Some("service/socket".as_ref()));
/// let address = SocketAddress::abstract_name("service")?;
/// assert_eq!(address.as_abstract_name(), Some(&b"service"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct SocketAddress {
    storage: Storage,
    len: libc::socklen_t,
}

#[derive(Clone, Copy)]
#[repr(C)]
union Storage {
    bytes: [u8; ROOM],
    generic: libc::sockaddr,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
    unix: libc::sockaddr_un,
}

impl SocketAddress {
    /// The address of a Unix socket at `path`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the path is too long (more than 107 bytes)
    /// or has a zero byte.
    pub fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        UnixAddr::from_pathname(path).map(Self::from)
    }

    /// The address of a Unix socket with a name that is in no file system.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the name is too long (more than 107 bytes).
    pub fn abstract_name(name: impl AsRef<[u8]>) -> io::Result<Self> {
        UnixAddr::from_abstract_name(name).map(Self::from)
    }

    /// The address that the kernel has as these bytes: `sockaddr_in` and its likes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are fewer than the two of the family
    /// or more than 128.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::SocketAddress;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut bytes = [0; 12];
    /// bytes[..2].copy_from_slice(&(libc::AF_NETLINK as u16).to_ne_bytes());
    /// let kernel = SocketAddress::from_bytes(&bytes)?;
    /// assert_eq!((kernel.family(), kernel.as_bytes()), (libc::AF_NETLINK, &bytes[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> io::Result<Self> {
        if !(size_of::<libc::sa_family_t>()..=ROOM).contains(&bytes.len()) {
            let message = format!("an address has 2 to {ROOM} bytes, not {}", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut storage = [0; ROOM];
        storage[..bytes.len()].copy_from_slice(bytes);
        Ok(Self { storage: Storage { bytes: storage }, len: bytes.len() as libc::socklen_t })
    }

    /// Room for the kernel to write to.
    pub(crate) fn empty() -> Self {
        Self { storage: Storage { bytes: [0; ROOM] }, len: ROOM as libc::socklen_t }
    }

    /// What the kernel has written, if it has: of a peer without an address it writes nothing.
    pub(crate) fn written(self, len: libc::socklen_t) -> Option<Self> {
        (len > 0).then_some(Self { len, ..self })
    }

    pub(crate) fn ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub(crate) fn ptr_mut(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        self.len
    }

    pub(crate) fn len_mut(&mut self) -> *mut libc::socklen_t {
        &raw mut self.len
    }

    /// The address as the kernel has it.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: all bytes of the storage are always initialized: it is made of bytes, and no
        // other variant has any between its fields.
        let bytes = unsafe { &self.storage.bytes };
        // Of a longer address the kernel writes what fits, and says how long it is.
        &bytes[..ROOM.min(self.len as usize)]
    }

    /// [`AF_INET`](libc::AF_INET), [`AF_UNIX`](libc::AF_UNIX), ….
    pub fn family(&self) -> i32 {
        // SAFETY: any bytes are valid, and all are initialized.
        i32::from(unsafe { self.storage.generic }.sa_family)
    }

    /// The address, if it is one of IPv4 or IPv6.
    pub fn to_socket_addr(&self) -> Option<SocketAddr> {
        // SAFETY: all bytes of the storage are always initialized, and any are valid.
        let (v4, v6) = unsafe { (&self.storage.v4, &self.storage.v6) };
        match self.family() {
            libc::AF_INET => Some(SocketAddr::V4(SocketAddrV4::new(
                Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes()),
                u16::from_be(v4.sin_port),
            ))),
            libc::AF_INET6 => Some(SocketAddr::V6(SocketAddrV6::new(
                Ipv6Addr::from(v6.sin6_addr.s6_addr),
                u16::from_be(v6.sin6_port),
                v6.sin6_flowinfo,
                v6.sin6_scope_id,
            ))),
            _ => None,
        }
    }

    /// The address as one of `std`, if it is that of a Unix socket.
    pub fn to_unix_addr(&self) -> Option<UnixAddr> {
        let unnamed = || UnixAddr::from_pathname("").ok();
        match self.unix_name()? {
            [] => unnamed(),
            [0, name @ ..] => UnixAddr::from_abstract_name(name).ok(),
            path => UnixAddr::from_pathname(OsStr::from_bytes(path)).ok(),
        }
    }

    /// The path, if it is the address of a Unix socket that has one.
    pub fn as_pathname(&self) -> Option<&Path> {
        let name = self.unix_name().filter(|name| name.first().is_some_and(|first| *first != 0))?;
        Some(Path::new(OsStr::from_bytes(name)))
    }

    /// The name, if it is the address of a Unix socket with one that is in no file system.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.unix_name()?.strip_prefix(&[0])
    }

    /// The path without the zero at its end, or the abstract name with the one before it.
    fn unix_name(&self) -> Option<&[u8]> {
        if self.family() != libc::AF_UNIX {
            return None;
        }
        match self.as_bytes().get(PATH..).unwrap_or_default() {
            name @ [0, ..] => Some(name),
            path => path.split(|byte| *byte == 0).next(),
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        let mut this = Self::empty();
        let len = match address {
            SocketAddr::V4(address) => {
                this.storage.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(address) => {
                this.storage.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                size_of::<libc::sockaddr_in6>()
            }
        };
        Self { len: len as libc::socklen_t, ..this }
    }
}

impl From<UnixAddr> for SocketAddress {
    fn from(address: UnixAddr) -> Self {
        let path = address.as_pathname().map(|path| path.as_os_str().as_bytes());
        let (before, name, after) = match (path, address.as_abstract_name()) {
            (Some(path), _) => (0, path, 1),
            (None, Some(name)) => (1, name, 0),
            (None, None) => (0, &[][..], 0),
        };
        let mut bytes = [0; ROOM];
        bytes[..PATH].copy_from_slice(&(libc::AF_UNIX as libc::sa_family_t).to_ne_bytes());
        bytes[PATH + before..][..name.len()].copy_from_slice(name);
        let len = (PATH + before + name.len() + after) as libc::socklen_t;
        Self { storage: Storage { bytes }, len }
    }
}

impl PartialEq for SocketAddress {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SocketAddress {}

/// For the address of a peer, which is compared with a known one.
impl PartialEq<SocketAddr> for SocketAddress {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.to_socket_addr() == Some(*other)
    }
}

impl fmt::Debug for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.to_socket_addr() {
            return address.fmt(f);
        }
        if let Some(address) = self.to_unix_addr() {
            return address.fmt(f);
        }
        f.debug_struct("SocketAddress")
            .field("family", &self.family())
            .field("bytes", &self.as_bytes())
            .finish()
    }
}

/// The family of an address, for `socket`.
pub(crate) fn family(address: SocketAddr) -> i32 {
    if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went() {
        for text in ["127.0.0.1:80", "1.2.3.4:65535", "[::1]:443", "[fe80::1:2%7]:9"] {
            let address: SocketAddr = text.parse().expect("an address");
            let ours = SocketAddress::from(address);
            assert_eq!(ours.to_socket_addr(), Some(address));
            assert_eq!(ours.family(), family(address));
            assert!(ours == address && ours.to_unix_addr().is_none());
            assert_eq!(SocketAddress::from_bytes(ours.as_bytes()).expect("whole"), ours);
        }
        assert_eq!(SocketAddress::empty().to_socket_addr(), None);
    }

    #[test]
    fn addresses_of_unix_sockets_come_back_as_they_went() {
        let long = "x".repeat(107);
        for path in ["a", "some/where", &long] {
            let address = SocketAddress::unix(path).expect("short enough");
            let back = address.to_unix_addr().expect("it is one");
            assert_eq!(back.as_pathname(), Some(path.as_ref()));
            assert_eq!(SocketAddress::from(back), address);
            assert_eq!(
                (address.as_pathname(), address.as_abstract_name()),
                (back_path(path), None)
            );
        }
        for name in [&b""[..], b"name", b"with\0zero\0", long.as_bytes()] {
            let address = SocketAddress::abstract_name(name).expect("short enough");
            let back = address.to_unix_addr().expect("it is one");
            assert_eq!(back.as_abstract_name(), Some(name));
            assert_eq!((address.as_pathname(), address.as_abstract_name()), (None, Some(name)));
        }
        let error = SocketAddress::unix(format!("{long}x")).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let family = (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes();
        let unnamed = SocketAddress::from_bytes(&family).expect("a family alone");
        assert!(unnamed.to_unix_addr().is_some_and(|address| address.is_unnamed()));
        assert_eq!((unnamed.as_pathname(), unnamed.as_abstract_name()), (None, None));
    }

    fn back_path(path: &str) -> Option<&Path> {
        Some(Path::new(path))
    }

    #[test]
    fn bytes_that_are_no_address_are_refused() {
        for len in [0, 1, ROOM + 1] {
            let error = SocketAddress::from_bytes(&vec![0; len]).expect_err("no address");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
