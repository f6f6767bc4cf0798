//! The operation in flight of a stream that does not keep it itself.
//!
//! Each begins its operations with a function of the stream's, polls them, and begins anew what
//! has to be: after an interruption, or when the ring that an operation was started on has stopped
//! while its task went on elsewhere.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use super::BUFFER_LEN;
use super::traits::takes_no_more;
use crate::buf::{BufError, BufResult};
use crate::op::parked::was_cancelled;
use crate::op::{Op, Operation};

/// A read that may be under way, for the [`Reading`](super::AsyncReadOwned::Reading) of a stream.
///
/// # Examples
///
/// A stream of one's own, here what a descriptor gives, becomes readable in every way:
///
/// ```
/// use ringpool::buf::{BufResult, IoBufMut};
/// use ringpool::io::{AsyncReadOwned, BufReader, ReadUnderWay};
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
/// use std::task::{Context, Poll};
/// use std::{future::Future, io};
///
/// struct Source(SharedFd);
///
/// impl AsyncReadOwned for Source {
///     type Reading = ReadUnderWay<op::Read<Vec<u8>>>;
///
///     fn read<B: IoBufMut>(
///         &mut self,
///         buffer: B,
///     ) -> impl Future<Output = BufResult<usize, B>> + Send {
///         op::read(&self.0, buffer)
///     }
///
///     fn poll_read_owned(
///         &mut self,
///         reading: &mut Self::Reading,
///         buffer: &mut Vec<u8>,
///         cx: &mut Context<'_>,
///     ) -> Poll<io::Result<usize>> {
///         reading.poll(buffer, cx, |buffer| op::read(&self.0, buffer))
///     }
///
///     fn poll_stop_reading(
///         &mut self,
///         reading: &mut Self::Reading,
///         buffer: &mut Vec<u8>,
///         cx: &mut Context<'_>,
///     ) -> Poll<()> {
///         reading.poll_stop(buffer, cx)
///     }
/// }
///
/// # fn main() -> io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let file = std::fs::File::open("/proc/self/status")?;
/// let mut lines = BufReader::new(Source(OwnedFd::from(file).into())).lines();
/// let first = pool.block_on(lines.next_line())?;
/// assert!(first.is_some_and(|line| line.starts_with("Name:")));
/// # Ok(())
/// # }
/// ```
pub struct ReadUnderWay<O: Operation> {
    operation: Option<Op<O>>,
    /// It has been polled before.
    is_old: bool,
    /// It has been asked to end.
    is_stopping: bool,
}

impl<O: Operation<Output = BufResult<usize, Vec<u8>>>> ReadUnderWay<O> {
    /// What [`poll_read_owned`](super::AsyncReadOwned::poll_read_owned) has to do; `begin` makes
    /// the operation that fills a buffer.
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub fn poll(
        &mut self,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
        mut begin: impl FnMut(Vec<u8>) -> Op<O>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.operation.is_none() {
                (self.is_old, self.is_stopping) = (false, false);
                self.operation = Some(begin(take_for_reading(buffer)));
            }
            match ready!(self.poll_ended(buffer, cx)) {
                Err(error) if self.begins_anew(&error) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// What [`poll_stop_reading`](super::AsyncReadOwned::poll_stop_reading) has to do: asks the
    /// kernel to stop, and waits for what comes of it.
    pub fn poll_stop(&mut self, buffer: &mut Vec<u8>, cx: &mut Context<'_>) -> Poll<()> {
        if !mem::replace(&mut self.is_stopping, true) {
            self.operation = self.operation.take().map(Op::cancel);
        }
        if self.operation.is_some() && ready!(self.poll_ended(buffer, cx)).is_err() {
            // It has brought nothing, and what is wrong the next read will find as well.
            buffer.clear();
        }
        Poll::Ready(())
    }

    /// Polls the operation, and gives its buffer back when it has ended.
    fn poll_ended(
        &mut self,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(operation) = &mut self.operation else { return Poll::Ready(Ok(0)) };
        let Poll::Ready(ended) = Pin::new(operation).poll(cx) else {
            self.is_old = true;
            return Poll::Pending;
        };
        self.operation = None;
        Poll::Ready(match ended {
            Ok((count, filled)) => {
                *buffer = filled;
                Ok(count)
            }
            Err(BufError { error, buffer: untouched }) => {
                *buffer = untouched;
                buffer.clear();
                Err(error)
            }
        })
    }

    fn begins_anew(&self, error: &io::Error) -> bool {
        let was_left = self.is_old && was_cancelled(error);
        error.kind() == ErrorKind::Interrupted || (was_left && !self.is_stopping)
    }
}

impl<O: Operation> Default for ReadUnderWay<O> {
    fn default() -> Self {
        Self { operation: None, is_old: false, is_stopping: false }
    }
}

impl<O: Operation> fmt::Debug for ReadUnderWay<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadUnderWay").field("operation", &self.operation).finish()
    }
}

/// The buffer for a read: empty, and with room.
pub(crate) fn take_for_reading(buffer: &mut Vec<u8>) -> Vec<u8> {
    let mut taken = mem::take(buffer);
    taken.clear();
    if taken.capacity() == 0 {
        taken.reserve_exact(BUFFER_LEN);
    }
    taken
}

/// A write that may be under way, and a spare buffer, for the
/// [`Writing`](super::AsyncWriteOwned::Writing) of a stream.
///
/// A write that fails is kept, and begun again from where it failed when this is polled again: no
/// byte is left out because a disk was full for a while.
pub struct WriteUnderWay<O: Operation> {
    operation: Option<Op<O>>,
    /// The operation has been polled before.
    is_old: bool,
    spare: Vec<u8>,
}

impl<O: Operation<Output = BufResult<usize, Vec<u8>>>> WriteUnderWay<O> {
    /// What [`poll_write_owned`](super::AsyncWriteOwned::poll_write_owned) has to do; `begin` makes
    /// the operation that writes a buffer.
    ///
    /// # Errors
    ///
    /// Those of the operation, and [`WriteZero`](ErrorKind::WriteZero) if it takes no bytes.
    pub fn poll(
        &mut self,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
        mut begin: impl FnMut(Vec<u8>) -> Op<O>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx, &mut begin))?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let next = mem::replace(buffer, mem::take(&mut self.spare));
        self.start(next, &mut begin);
        match self.poll_flush(cx, &mut begin) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// What [`poll_flush_owned`](super::AsyncWriteOwned::poll_flush_owned) has to do.
    ///
    /// # Errors
    ///
    /// As for [`poll`](Self::poll).
    pub fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        mut begin: impl FnMut(Vec<u8>) -> Op<O>,
    ) -> Poll<io::Result<()>> {
        while let Some(operation) = &mut self.operation {
            let Poll::Ready(ended) = Pin::new(operation).poll(cx) else {
                self.is_old = true;
                return Poll::Pending;
            };
            self.operation = None;
            let (left, error) = match ended {
                Ok((count, mut buffer)) => {
                    buffer.drain(..count);
                    (buffer, (count == 0).then(takes_no_more))
                }
                Err(BufError { error, buffer }) => {
                    let was_left = self.is_old && was_cancelled(&error);
                    let begins_anew = was_left || error.kind() == ErrorKind::Interrupted;
                    (buffer, Some(error).filter(|_| !begins_anew))
                }
            };
            if left.is_empty() {
                self.spare = left;
            } else {
                self.start(left, &mut begin);
            }
            if let Some(error) = error {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn start(&mut self, buffer: Vec<u8>, begin: &mut impl FnMut(Vec<u8>) -> Op<O>) {
        self.is_old = false;
        self.operation = Some(begin(buffer));
    }
}

impl<O: Operation> Default for WriteUnderWay<O> {
    fn default() -> Self {
        Self { operation: None, is_old: false, spare: Vec::new() }
    }
}

impl<O: Operation> fmt::Debug for WriteUnderWay<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteUnderWay").field("operation", &self.operation).finish()
    }
}
