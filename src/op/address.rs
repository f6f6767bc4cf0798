//! Socket addresses as the kernel reads and writes them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an IPv4 or IPv6 address, and its length.
///
/// Of an address of another family, which may be longer, the kernel writes what fits, so that at
/// least the family can be told.
pub(crate) struct RawAddress {
    storage: Storage,
    len: libc::socklen_t,
}

#[repr(C)]
union Storage {
    generic: libc::sockaddr,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

// SAFETY: addresses are plain numbers.
const NO_ADDRESS: Storage = unsafe { std::mem::zeroed() };

impl RawAddress {
    /// Room for the kernel to write to.
    pub(crate) fn empty() -> Self {
        Self { storage: NO_ADDRESS, len: size_of::<Storage>() as libc::socklen_t }
    }

    /// What the kernel has written somewhere else; of a longer address, what fits.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut address = Self::empty();
        let len = bytes.len().min(size_of::<Storage>());
        let to = (&raw mut address.storage).cast::<u8>();
        // SAFETY: no more than the storage holds, which is plain numbers.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), len) };
        address.len = len as libc::socklen_t;
        address
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

    /// The address, if it is one of IPv4 or IPv6.
    pub(crate) fn to_socket_addr(&self) -> Option<SocketAddr> {
        // SAFETY: all bytes of the storage are always initialized, and any are valid.
        let (generic, v4, v6) =
            unsafe { (&self.storage.generic, &self.storage.v4, &self.storage.v6) };
        match i32::from(generic.sa_family) {
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
}

impl From<SocketAddr> for RawAddress {
    fn from(address: SocketAddr) -> Self {
        let mut storage = NO_ADDRESS;
        let len = match address {
            SocketAddr::V4(address) => {
                storage.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(address) => {
                storage.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                size_of::<libc::sockaddr_in6>()
            }
        };
        Self { storage, len: len as libc::socklen_t }
    }
}

impl fmt::Debug for RawAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_socket_addr().fmt(f)
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
            let raw = RawAddress::from(address);
            assert_eq!(raw.to_socket_addr(), Some(address));
            // SAFETY: any bytes are valid, and all are initialized.
            let written = i32::from(unsafe { raw.storage.generic }.sa_family);
            assert_eq!(written, family(address));
        }
        assert_eq!(RawAddress::empty().to_socket_addr(), None);
    }
}
