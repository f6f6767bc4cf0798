//! Connections as streams for code that polls; see [`io`](crate::io).

use std::io;
use std::sync::Arc;

use super::split::{Connection, sealed::Connection as _};
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, Shutdown, TcpStream, UnixStream, WriteHalf};
use crate::io::Duplex;
use crate::stream::{reads, writes};

/// What leads to a whole connection; the connection keeps what is under way.
macro_rules! connections {
    ($($connection:ty),+) => {$(
        reads!([] $connection, self => self.bytes());
        reads!([] &$connection, self => self.bytes());
        reads!([] Arc<$connection>, self => self.bytes());
        writes!([] $connection, self => self.bytes(), unless_ended(self.end(Shutdown::Write)));
        writes!([] &$connection, self => self.bytes(), unless_ended(self.end(Shutdown::Write)));
        writes!([] Arc<$connection>, self => self.bytes(), unless_ended(self.end(Shutdown::Write)));

        impl Duplex for $connection {}
        impl Duplex for &$connection {}
        impl Duplex for Arc<$connection> {}
    )+};
}

connections!(TcpStream, UnixStream);
reads!([S: Connection] OwnedReadHalf<S>, self => self.stream().bytes());
reads!([S: Connection] ReadHalf<'_, S>, self => self.stream().bytes());
writes!([S: Connection] OwnedWriteHalf<S>, self => self.stream().bytes(), end(self.stream()));
writes!([S: Connection] WriteHalf<'_, S>, self => self.stream().bytes(), end(self.stream()));

/// A connection that the peer has reset has no direction left to end, which is what was wanted.
fn unless_ended(shut_down: io::Result<()>) -> io::Result<()> {
    match shut_down {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

/// Ends the writing direction.
fn end(connection: &impl Connection) -> io::Result<()> {
    unless_ended(connection.end(Shutdown::Write))
}
