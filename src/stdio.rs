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

use std::future::Future;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use crate::Channel;
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::channel::RecvFuture;
use crate::io::{AsyncReadOwned, AsyncWriteOwned};
use crate::op::SharedFd;
use crate::stop::{self, Watch};
use crate::stream::{InCompany, Stream};

/// What all handles of one of the three share.
struct Shared {
    stream: Stream<InCompany>,
    /// Holds one token while nobody uses the stream. Those who wait get it in their order, and a
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

impl Shared {
    fn new(number: RawFd) -> Self {
        // SAFETY: the three are open from the start of the process and nobody's, as the standard
        // library has it, and this owner lives in a static, so it never closes them.
        let fd = SharedFd::from(unsafe { OwnedFd::from_raw_fd(number) });
        let turn = Channel::bounded(1);
        drop(Turn(&turn));
        Self { stream: Stream::new(fd), turn }
    }

    /// Waits for a turn; it gives `buffer` back if the scope is stopped before.
    async fn turn<B>(&self, buffer: B) -> Result<(Turn<'_>, B), BufError<B>> {
        match stop::until(self.turn.recv()).await {
            // It fails only for a channel that is closed, which this one never is.
            Ok(_) => Ok((Turn(&self.turn), buffer)),
            Err(stopped) => Err(BufError { error: stopped.into(), buffer }),
        }
    }
}

static INPUT: OnceLock<Shared> = OnceLock::new();
static OUTPUT: OnceLock<Shared> = OnceLock::new();
static ERROR: OnceLock<Shared> = OnceLock::new();

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
    Stdin(INPUT.get_or_init(|| Shared::new(libc::STDIN_FILENO)))
}

/// Standard output.
///
/// # Examples
///
/// See [`stdio`](self).
pub fn stdout() -> Stdout {
    Stdout(OUTPUT.get_or_init(|| Shared::new(libc::STDOUT_FILENO)))
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
    Stderr(ERROR.get_or_init(|| Shared::new(libc::STDERR_FILENO)))
}

/// A handle of standard input; see [`stdin`].
#[derive(Clone, Copy)]
pub struct Stdin(&'static Shared);

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
        let shared = self.0;
        async move {
            let (_turn, buffer) = shared.turn(buffer).await?;
            shared.stream.read(buffer).await
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
        let shared = self.0;
        async move {
            let (_turn, buffer) = shared.turn(buffer).await?;
            shared.stream.read_exact(buffer).await
        }
    }
}

/// A handle of standard output; see [`stdout`].
#[derive(Clone, Copy)]
pub struct Stdout(&'static Shared);

/// A handle of standard error; see [`stderr`].
#[derive(Clone, Copy)]
pub struct Stderr(&'static Shared);

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
                let shared = self.0;
                async move {
                    let (_turn, buffer) = shared.turn(buffer).await?;
                    shared.stream.write(buffer).await
                }
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
                let shared = self.0;
                async move {
                    let (_turn, buffer) = shared.turn(buffer).await?;
                    shared.stream.write_all(buffer).await
                }
            }
        }

        impl AsyncWriteOwned for $output {
            type Writing = PolledTurn;

            fn write<B: IoBuf>(
                &mut self,
                buffer: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                $output::write(self, buffer)
            }

            fn write_all<B: IoBuf>(
                &mut self,
                buffer: B,
            ) -> impl Future<Output = BufResult<(), B>> + Send {
                $output::write_all(self, buffer)
            }

            fn poll_write_owned(
                &mut self,
                turn: &mut PolledTurn,
                buffer: &mut Vec<u8>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                turn.poll(self.0, cx, |stream, spare, cx| stream.poll_write(spare, buffer, cx))
            }

            fn poll_flush_owned(
                &mut self,
                turn: &mut PolledTurn,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                turn.poll(self.0, cx, |stream, spare, cx| stream.poll_flush(spare, cx))
            }
        }
    )+};
}

an_output! { Stdout Stderr }

/// What a reader or writer of one of the three keeps between two polls: its turn, or its place
/// among those who wait for one. It keeps the turn while it is in the middle of a read or a flush,
/// until that is polled to its end, or it is dropped.
#[derive(Default)]
pub struct PolledTurn {
    waiting: Option<RecvFuture<'static, ()>>,
    watch: Watch,
    turn: Option<Turn<'static>>,
    spare: Vec<u8>,
}

impl PolledTurn {
    /// Runs `poll` in a turn, which ends when that is ready.
    fn poll<T, P>(
        &mut self,
        shared: &'static Shared,
        cx: &mut Context<'_>,
        poll: P,
    ) -> Poll<io::Result<T>>
    where
        P: FnOnce(&Stream<InCompany>, &mut Vec<u8>, &mut Context<'_>) -> Poll<io::Result<T>>,
    {
        if self.turn.is_none() {
            let waiting = self.waiting.get_or_insert_with(|| shared.turn.recv());
            let ended = ready!(self.watch.wait_for(cx, |cx| Pin::new(waiting).poll(cx)));
            // Also if the scope is stopped: others wait behind us.
            self.waiting = None;
            self.watch.rest();
            // It fails only for a channel that is closed, which this one never is.
            let _ = ended?;
            self.turn = Some(Turn(&shared.turn));
        }
        let ended = ready!(poll(&shared.stream, &mut self.spare, cx));
        self.turn = None;
        Poll::Ready(ended)
    }
}

impl fmt::Debug for PolledTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolledTurn").field("is_ours", &self.turn.is_some()).finish_non_exhaustive()
    }
}

impl AsyncReadOwned for Stdin {
    type Reading = PolledTurn;

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        Stdin::read(self, buffer)
    }

    fn poll_read_owned(
        &mut self,
        turn: &mut PolledTurn,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        turn.poll(self.0, cx, |stream, _, cx| stream.poll_read(buffer, cx))
    }

    fn poll_stop_reading(
        &mut self,
        turn: &mut PolledTurn,
        _: &mut Vec<u8>,
        _: &mut Context<'_>,
    ) -> Poll<()> {
        if turn.turn.is_some() {
            self.0.stream.stop_reading();
        }
        *turn = PolledTurn::default();
        Poll::Ready(())
    }

    fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        self.0.stream.unread(bytes)
    }
}

macro_rules! a_handle {
    ($($handle:ident)+) => {$(
        impl $handle {
            /// The descriptor, for the operations of [`op`](crate::op). It is never closed.
            pub fn shared_fd(&self) -> &'static SharedFd {
                self.0.stream.fd()
            }
        }

        crate::op::has_descriptor!($handle, self => self.0.stream.fd());

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }
    )+};
}

a_handle! { Stdin Stdout Stderr }

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;
    use crate::stop::{StopSource, with_stop};
    use std::task::Waker;

    #[test]
    fn who_is_stopped_while_it_waits_for_a_turn_gives_its_place_up() {
        static SHARED: OnceLock<Shared> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let fd = SharedFd::from(OwnedFd::from(std::io::pipe().expect("a pipe can be made").1));
            Shared { stream: Stream::new(fd), turn: Channel::bounded(1) }
        });
        let source = StopSource::new();
        let (mut first, mut second) = (PolledTurn::default(), PolledTurn::default());
        let poll = |turn: &mut PolledTurn, source: &StopSource| {
            let mut cx = Context::from_waker(Waker::noop());
            let polled =
                std::future::poll_fn(|cx| turn.poll(shared, cx, |_, _, _| Poll::Ready(Ok(()))));
            std::pin::pin!(with_stop(source.token(), polled)).as_mut().poll(&mut cx)
        };
        assert!(poll(&mut first, &source).is_pending());
        assert!(poll(&mut second, &StopSource::new()).is_pending());
        source.stop();
        assert!(matches!(poll(&mut first, &source), Poll::Ready(Err(_))));
        drop(Turn(&shared.turn));
        assert!(matches!(poll(&mut second, &StopSource::new()), Poll::Ready(Ok(()))));
    }
}
