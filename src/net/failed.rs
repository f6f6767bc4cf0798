//! What went wrong where several addresses have been tried.

use std::net::SocketAddr;
use std::{error, fmt, io};

/// None of the addresses works; here is why not, for each.
///
/// An [`io::Error`] of [`TcpStream::connect`](super::TcpStream::connect) and its likes has it
/// inside if there was more than one address.
///
/// # Examples
///
/// ```
/// use ringpool::net::{FailedAddresses, TcpStream};
/// use std::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// // Nobody listens there any more.
/// let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
/// let addresses = [free()?, free()?];
/// let error = pool.block_on(TcpStream::connect(&addresses[..])).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
/// let failed = error.get_ref().and_then(|error| error.downcast_ref::<FailedAddresses>());
/// let tried = failed.expect("there were two").attempts().iter().map(|(address, _)| *address);
/// assert!(tried.eq(addresses));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct FailedAddresses(Vec<(SocketAddr, io::Error)>);

impl FailedAddresses {
    pub(super) fn push(&mut self, address: SocketAddr, error: io::Error) {
        self.0.push((address, error));
    }

    /// The addresses, in the order in which they were tried, each with its error.
    pub fn attempts(&self) -> &[(SocketAddr, io::Error)] {
        &self.0
    }
}

impl fmt::Display for FailedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of the addresses works")?;
        self.0.iter().try_for_each(|(address, error)| write!(f, "; {address}: {error}"))
    }
}

impl error::Error for FailedAddresses {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.last().map(|(_, error)| error as _)
    }
}

impl From<FailedAddresses> for io::Error {
    fn from(mut failed: FailedAddresses) -> Self {
        match failed.0.len() {
            0 => Self::new(io::ErrorKind::InvalidInput, "there is no address to try"),
            1 => failed.0.remove(0).1,
            count => Self::new(failed.0[count - 1].1.kind(), failed),
        }
    }
}
