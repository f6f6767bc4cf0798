//! Streaming: reading and writing piece by piece, also by code that was not written for io_uring.
//!
//! The kernel reads and writes memory of its own time, so a stream of this crate takes its buffers
//! by value. Most code in the world lends them: `poll_read(cx, &mut [u8])` of `tokio::io` and
//! `futures_io`. Between the two stand [`BufReader`], [`BufWriter`] and [`BufStream`], which own
//! what the kernel uses and copy from there. They take everything that is [`AsyncReadOwned`] and
//! [`AsyncWriteOwned`]: sockets and their halves, files at their position, and what a user adds.
//!
//! | feature | gives them |
//! |---|---|
//! | none | methods with the names of tokio's: `read`, `read_line`, `lines`, `write_all`, `flush` … |
//! | `futures-io` | `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek` of `futures_io` |
//! | `tokio` | the same of `tokio::io`; of tokio itself nothing runs |
//!
//! So `hyper`, `tokio-util`'s codecs and whatever else asks for a `tokio::io::AsyncRead + Send` run
//! over a `BufStream<TcpStream>`, in a task that may move between rings.
//!
//! # Dropped futures
//!
//! A read or a write that is under way belongs to the stream or its buffered reader or writer, not
//! to the future that waits for it. So nothing is lost when such a future is dropped, where its
//! documentation does not say otherwise, and what polls next goes on with it, on whatever ring.
//!
//! One task at a time reads a stream, and one writes: if several poll one direction, through
//! references or [`get_ref`](BufReader::get_ref), the last one is woken, and gets what there is.
//!
//! # Examples
//!
//! [`copy()`] takes any two of them:
//!
//! ```
//! use ringpool::fs::File;
//! use ringpool::io;
//! use ringpool::net::TcpStream;
//! use std::io::Read;
//!
//! # fn main() -> std::io::Result<()> {
//! # let pool = ringpool::Pool::new(1);
//! let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! let mut peer = std::net::TcpStream::connect(listener.local_addr()?)?;
//! let mut stream = TcpStream::from_std(listener.accept()?.0)?;
//! let copied = pool.block_on(async move {
//!     let mut file = File::open("/proc/version").await?;
//!     io::copy(&mut file, &mut stream).await
//! })?;
//! let mut text = String::new();
//! peer.read_to_string(&mut text)?;
//! assert_eq!(text.len() as u64, copied);
//! # Ok(())
//! # }
//! ```

mod copy;
mod forward;
#[cfg(feature = "futures-io")]
mod futures;
mod owned;
mod reader;
mod reading;
mod stream;
#[cfg(feature = "tokio")]
mod tokio;
mod traits;
pub(crate) mod under_way;
mod writer;

pub use copy::{copy, copy_bidirectional};
pub use reader::BufReader;
pub use reading::Lines;
pub use stream::BufStream;
pub(crate) use traits::takes_no_more;
pub use traits::{AsyncReadOwned, AsyncWriteOwned, Duplex, Seekable};
pub use under_way::{ReadUnderWay, WriteUnderWay};
pub use writer::{BufWriter, IntoInnerError};

/// The length of a buffer, if nothing is said about it: as in `std`.
pub(crate) const BUFFER_LEN: usize = 8 * 1024;
