//! What is listened at, and the next connection of it.

use std::fmt::{self, Debug};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;

use self::sealed::Doors;
use crate::future::join;
use crate::net::accepting::{Accepted, Accepting, Acceptors, Connections};
use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream, socket};
use crate::op::{self, SharedFd};
use crate::stop::{StopSource, with_stop};

/// So many places have to be free before connections are taken by one operation for all of them:
/// the kernel may have delivered some more of them than there are places by the time it is told.
const MANY_FROM: usize = 512;

/// And so many for that to go on.
const MANY_DOWN_TO: usize = 256;

/// What [`serve`](super::serve()) accepts connections at: a [`TcpListener`], a [`UnixListener`], or
/// a [`Vec`] of either, one for each ring.
pub trait Listen:
    sealed::Listen<Connection = (<Self as Listen>::Stream, <Self as Listen>::Address)>
{
    /// A connection.
    type Stream: Send + 'static;
    /// Where it comes from.
    type Address: Clone + Debug + Send + Sync + 'static;
}

pub(super) mod sealed {
    use std::io;

    use super::Door;
    use crate::net::accepting::Accepted;

    pub trait Listen: Send + 'static {
        type Connection;

        fn into_doors(self) -> Doors;

        fn connection(accepted: Accepted) -> io::Result<Self::Connection>;
    }

    /// All doors of a server.
    #[derive(Debug)]
    pub enum Doors {
        /// One, whose connections are handed out.
        Shared(Box<Door>),
        /// Each ring has its own.
        Own(Vec<Door>),
    }
}

macro_rules! listens {
    ($($listener:ty => $stream:ty, $address:ty;)+) => {$(
        impl Listen for $listener {
            type Stream = $stream;
            type Address = $address;
        }

        impl sealed::Listen for $listener {
            type Connection = ($stream, $address);

            fn into_doors(self) -> Doors {
                Doors::Shared(Box::new(Door::new(self.into_parts())))
            }

            fn connection(accepted: Accepted) -> io::Result<Self::Connection> {
                Self::connection(accepted)
            }
        }

        impl Listen for Vec<$listener> {
            type Stream = $stream;
            type Address = $address;
        }

        impl sealed::Listen for Vec<$listener> {
            type Connection = ($stream, $address);

            fn into_doors(self) -> Doors {
                let doors = self.into_iter().map(|listener| Door::new(listener.into_parts()));
                Doors::Own(doors.collect())
            }

            fn connection(accepted: Accepted) -> io::Result<Self::Connection> {
                <$listener>::connection(accepted)
            }
        }
    )+};
}

listens! {
    TcpListener => TcpStream, SocketAddr;
    UnixListener => UnixStream, UnixAddr;
}

/// A listener of either kind.
pub struct Door {
    acceptors: Acceptors,
    fd: SharedFd,
}

impl Door {
    fn new((acceptors, fd): (Acceptors, SharedFd)) -> Self {
        Self { acceptors, fd }
    }

    /// Whether nothing that the kernel has delivered may be waiting here.
    pub(super) fn is_idle(&self) -> bool {
        self.acceptors.is_idle()
    }

    /// Whether a connection, or an error, is to be had at once.
    pub(super) fn has_more(&self) -> bool {
        !self.acceptors.is_idle() || socket::is_ready(&self.fd).unwrap_or(false)
    }

    /// A connection that has come already; `ECANCELED` if there is none.
    ///
    /// The kernel looks for one as soon as it is asked, before it looks at what comes behind: the
    /// operation that does nothing tells us that it has.
    pub(super) async fn accept_waiting(&self) -> io::Result<Accepted> {
        let has_looked = StopSource::new();
        let accepting = Accepting::new(&self.fd, &self.acceptors);
        let accepting = with_stop(has_looked.token(), accepting);
        let looking = async {
            // If even that fails, so does the accept.
            let _ = op::nop().await;
            has_looked.stop();
        };
        join((accepting, looking)).await.0
    }
}

impl Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("fd", &self.fd).finish_non_exhaustive()
    }
}

/// Where the connections of a door come from: one by one, or from an operation for all of them.
pub(super) struct Source<'a> {
    door: &'a Door,
    many: Option<Connections<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(door: &'a Door) -> Self {
        Self { door, many: None }
    }

    /// Waits for the next connection; so many may be served besides.
    pub(super) async fn next(&mut self, places: usize) -> io::Result<Accepted> {
        if places < MANY_DOWN_TO {
            self.many = None;
        } else if places >= MANY_FROM && self.many.is_none() {
            self.many = Some(Connections::new(&self.door.fd, &self.door.acceptors));
        }
        match &mut self.many {
            Some(many) => poll_fn(|cx| many.poll_next(cx)).await.map(|fd| (fd, None)),
            None => Accepting::new(&self.door.fd, &self.door.acceptors).await,
        }
    }
}
