//! File descriptors that operations share.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::DirectFd;

/// A file descriptor that is closed when the last of its owners goes.
///
/// Every operation owns one until the kernel has finished with it. So a descriptor that is dropped
/// while operations on it are under way is closed after them, and its number is never reused under
/// them.
///
/// # Examples
///
/// ```
/// use ringpool::op::SharedFd;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// let file = SharedFd::from(OwnedFd::from(std::fs::File::open("/dev/null")?));
/// let same = file.clone();
/// assert!(file.try_into_owned().is_err()); // `same` still uses it
/// assert!(same.try_into_owned().is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SharedFd(Arc<OwnedFd>);

impl SharedFd {
    /// The descriptor, if nobody else uses it.
    ///
    /// # Errors
    ///
    /// Itself, if there are other owners, such as operations under way.
    pub fn try_into_owned(self) -> Result<OwnedFd, Self> {
        Arc::try_unwrap(self.0).map_err(Self)
    }

    /// For a submission entry.
    pub(crate) fn target(&self) -> io_uring::types::Fd {
        io_uring::types::Fd(self.0.as_raw_fd())
    }

    /// What the kernel answered to an operation that makes a descriptor.
    pub(crate) fn from_result(result: io::Result<u32>) -> io::Result<Self> {
        // SAFETY: the kernel has just given us this descriptor; nobody else knows it.
        result.map(|fd| Self::from(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }))
    }
}

impl From<OwnedFd> for SharedFd {
    fn from(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }
}

impl AsFd for SharedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for SharedFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What operations work on: a [`SharedFd`], a [`DirectFd`], or something that has one, such as a
/// [`File`](crate::fs::File) or a [`TcpStream`](crate::net::TcpStream).
pub trait Descriptor {
    /// Another owner of it, for an operation to keep.
    fn to_any_fd(&self) -> AnyFd;
}

/// A descriptor of either kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnyFd {
    /// One of the process, good for every ring.
    Shared(SharedFd),
    /// One of a single ring.
    Direct(DirectFd),
}

impl Descriptor for AnyFd {
    fn to_any_fd(&self) -> AnyFd {
        self.clone()
    }
}

impl Descriptor for SharedFd {
    #[inline]
    fn to_any_fd(&self) -> AnyFd {
        AnyFd::Shared(self.clone())
    }
}

impl Descriptor for DirectFd {
    fn to_any_fd(&self) -> AnyFd {
        AnyFd::Direct(self.clone())
    }
}

impl From<SharedFd> for AnyFd {
    fn from(fd: SharedFd) -> Self {
        Self::Shared(fd)
    }
}

impl From<DirectFd> for AnyFd {
    fn from(fd: DirectFd) -> Self {
        Self::Direct(fd)
    }
}

/// Gives a type that has a [`SharedFd`] the traits of descriptors.
macro_rules! has_descriptor {
    ($owner:ty, $this:ident => $fd:expr) => {
        impl $crate::op::Descriptor for $owner {
            fn to_any_fd(&$this) -> $crate::op::AnyFd {
                $crate::op::Descriptor::to_any_fd($fd)
            }
        }

        impl std::os::fd::AsFd for $owner {
            fn as_fd(&$this) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd($fd)
            }
        }

        impl std::os::fd::AsRawFd for $owner {
            fn as_raw_fd(&$this) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd($fd)
            }
        }
    };
}

pub(crate) use has_descriptor;
