//! TCP, UDP and Unix sockets, with the names of `std` and tokio.
//!
//! Sockets belong to no ring: any task on any ring may use them, two of them at once
//! as well, one to read and one to write. All methods take `&self`.
//!
//! # Servers
//!
//! [`serve`](serve()) accepts connections, spreads them over the rings of a pool, and ends in good
//! order.
//!
//! # Dropped futures
//!
//! Nothing is lost when a future of this module is dropped before it is ready, as timeouts and
//! selects do. What the kernel has been asked for already stays with the socket: a connection that
//! arrives for a dropped `accept` goes to the next one, bytes that arrive for a dropped `read` come
//! out of the next one, and so do a datagram and descriptors. It ends with the socket.
//!
//! # Examples
//!
//! ```
//! use ringpool::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! let pool = ringpool::Pool::new(2);
//! pool.block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let echo = ringpool::spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         let mut buffer = Vec::with_capacity(4096);
//!         loop {
//!             let count;
//!             (count, buffer) = stream.read(buffer).await?;
//!             if count == 0 {
//!                 return Ok::<_, std::io::Error>(());
//!             }
//!             ((), buffer) = stream.write_all(buffer).await?;
//!         }
//!     });
//!     let stream = TcpStream::connect(address).await?;
//!     stream.write_all("hello").await?;
//!     let ((), answer) = stream.read_exact([0; 5]).await?;
//!     assert_eq!(&answer, b"hello");
//!     drop(stream);
//!     echo.await?
//! })
//! # }
//! ```

mod accepting;
mod address;
mod datagrams;
mod failed;
mod keepalive;
mod listener;
mod serve;
mod socket;
mod split;
mod stream;
mod streaming;
mod tcp_options;
mod tcp_socket;
mod udp;
mod unix_datagram;
mod unix_listener;
mod unix_stream;

pub use std::net::Shutdown;

pub use address::{ToSocketAddrs, lookup_host};
pub use failed::FailedAddresses;
pub use keepalive::TcpKeepalive;
pub use listener::{Incoming, TcpListener};
pub use serve::{HandlerOutput, Listen, Serve, ServeFailure, Served, ServerHandle, Serving, serve};
pub use split::{Connection, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
pub use tcp_socket::TcpSocket;
pub use udp::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::{UCred, UnixStream};

pub use crate::stream::ReceivedFds;
