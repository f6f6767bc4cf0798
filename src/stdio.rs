//! Standard input, output and error, without blocking a thread.
//!
//! They are the process's: all handles of one of them are the same, and dropping them closes
//! nothing. Their mode is left as it is, be it blocking or not, since other processes may share
//! them. Nothing is buffered: what the standard library has read ahead into the buffer of its own
//! `stdin` is not seen here, and what it has not flushed to its `stdout` yet comes later.
//!
//! # Examples
//!
//! ```
//! use ringpool::stdio::stdout;
//!
//! # fn main() -> std::io::Result<()> {
//! # let pool = ringpool::Pool::new(1);
//! pool.block_on(async {
//!     stdout().write_all("salt and pepper\n").await?;
//!     Ok(())
//! })
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

use crate::Channel;
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::op::attempt::InCompany;
use crate::op::parked::Slot;
use crate::op::reading::{Incoming, Reading};
use crate::op::writing::{Outgoing, Writing};
use crate::op::{AnyFd, Descriptor, SharedFd};

/// What all handles of one of the three share.
struct Stream<T> {
    fd: SharedFd,
    slot: Slot<T>,
    /// Holds one token while nobody uses the slot. Those who wait get it in their order, and a
    /// future that is dropped just then passes it on.
    turn: Channel<()>,
}

/// The end of a turn.
struct Turn<'a>(&'a Channel<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // There is room for the one token, which we have.
        let _ = self.0.try_send(());
    }
}

impl<T: Default> Stream<T> {
    fn new(number: RawFd) -> Self {
        // SAFETY: the three are open from the start of the process and nobody's, as the standard
        // library has it, and this owner lives in a static, so it never closes them.
        let fd = SharedFd::from(unsafe { OwnedFd::from_raw_fd(number) });
        let turn = Channel::bounded(1);
        drop(Turn(&turn));
        Self { fd, slot: Slot::new(T::default()), turn }
    }

    async fn turn(&self) -> Turn<'_> {
        // It fails only for a channel that is closed, which this one never is.
        let _ = self.turn.recv().await;
        Turn(&self.turn)
    }
}

static INPUT: OnceLock<Stream<Incoming>> = OnceLock::new();
static OUTPUT: OnceLock<Stream<Outgoing>> = OnceLock::new();
static ERROR: OnceLock<Stream<Outgoing>> = OnceLock::new();

/// Standard input.
///
/// # Examples
///
/// ```no_run
/// use ringpool::stdio::stdin;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let (count, buffer) = stdin().read(Vec::with_capacity(4096)).await?;
///     println!("{count} bytes: {buffer:?}");
///     Ok(())
/// })
/// # }
/// ```
pub fn stdin() -> Stdin {
    Stdin(INPUT.get_or_init(|| Stream::new(libc::STDIN_FILENO)))
}

/// Standard output.
///
/// # Examples
///
/// See [`stdio`](self).
pub fn stdout() -> Stdout {
    Stdout(OUTPUT.get_or_init(|| Stream::new(libc::STDOUT_FILENO)))
}

/// Standard error.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     ringpool::stdio::stderr().write_all("no salt is left\n").await?;
///     Ok(())
/// })
/// # }
/// ```
pub fn stderr() -> Stderr {
    Stderr(ERROR.get_or_init(|| Stream::new(libc::STDERR_FILENO)))
}

/// A handle of standard input; see [`stdin`].
#[derive(Clone, Copy)]
pub struct Stdin(&'static Stream<Incoming>);

impl Stdin {
    /// Reads what there is, waiting until there is something; gives how much it was and the
    /// buffer. 0 means the end, or that the buffer has no capacity. A terminal gives a line at a
    /// time.
    ///
    /// If others read at the same time they come one after the other.
    ///
    /// # Errors
    ///
    /// Those of read(2), with the buffer.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost, and none is taken without need: it waits for bytes before it reads, so a
    /// read that is dropped while it waits has taken nothing, and whoever else reads standard
    /// input, in this process or another, gets all. What a read has got that is dropped just then
    /// comes out of the next one.
    pub fn read<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send + use<B> {
        let stream = self.0;
        async move {
            let _turn = stream.turn().await;
            Reading::<InCompany, B>::new(&stream.fd, &stream.slot, buffer, false).await
        }
    }

    /// Reads until the buffer is full, to its [capacity](IoBufMut::capacity).
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the input ends before; and as
    /// [`read`](Self::read). What has been read by then is in the buffer.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost: what a dropped `read_exact` has read already comes out of the next read.
    pub fn read_exact<B: IoBufMut>(
        &self,
        buffer: B,
    ) -> impl Future<Output = BufResult<(), B>> + Send + use<B> {
        let stream = self.0;
        async move {
            let _turn = stream.turn().await;
            let reading = Reading::<InCompany, B>::new(&stream.fd, &stream.slot, buffer, true);
            reading.await.map(|(_, buffer)| ((), buffer))
        }
    }
}

/// A handle of standard output; see [`stdout`].
#[derive(Clone, Copy)]
pub struct Stdout(&'static Stream<Outgoing>);

/// A handle of standard error; see [`stderr`].
#[derive(Clone, Copy)]
pub struct Stderr(&'static Stream<Outgoing>);

async fn write<B: IoBuf>(
    stream: &'static Stream<Outgoing>,
    buffer: B,
    all: bool,
) -> BufResult<usize, B> {
    let _turn = stream.turn().await;
    Writing::new(&stream.fd, &stream.slot, buffer, all).await
}

macro_rules! an_output {
    ($($output:ident)+) => {$(
        impl $output {
            /// Writes as many bytes of the buffer as there is room for, waiting until there is
            /// some; gives how many and the buffer.
            ///
            /// # Errors
            ///
            /// Those of write(2), with the buffer. A write that was dropped leaves its error to the
            /// next one.
            ///
            /// # Cancel safety
            ///
            /// If it is dropped, any number of the bytes may be written. The next write begins
            /// after that, so bytes never get out of order.
            pub fn write<B: IoBuf>(
                &self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send + use<B> {
                write(self.0, buffer, false)
            }

            /// Writes the whole buffer. If others write at the same time they come one after the
            /// other, so that what is written by one call stays together.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write). How much has been written by then cannot be said.
            ///
            /// # Cancel safety
            ///
            /// If it is dropped, all of the bytes are written or none, unless the process ends:
            /// what has been begun goes on, and the next write sees to the rest before its own
            /// bytes.
            pub fn write_all<B: IoBuf>(
                &self,
                buffer: B,
            ) -> impl Future<Output = BufResult<(), B>> + Send + use<B> {
                let writing = write(self.0, buffer, true);
                async { writing.await.map(|(_, buffer)| ((), buffer)) }
            }
        }
    )+};
}

an_output! { Stdout Stderr }

macro_rules! a_handle {
    ($($handle:ident)+) => {$(
        impl $handle {
            /// The descriptor, for the operations of [`op`](crate::op). It is never closed.
            pub fn shared_fd(&self) -> &'static SharedFd {
                &self.0.fd
            }
        }

        impl Descriptor for $handle {
            fn to_any_fd(&self) -> AnyFd {
                self.0.fd.to_any_fd()
            }
        }

        impl AsFd for $handle {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.fd.as_fd()
            }
        }

        impl AsRawFd for $handle {
            fn as_raw_fd(&self) -> RawFd {
                self.0.fd.as_raw_fd()
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }
    )+};
}

a_handle! { Stdin Stdout Stderr }
