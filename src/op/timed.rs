//! An operation with a time limit of the kernel's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use io_uring::types::Timespec;
use io_uring::{opcode, squeue};

use super::linked::{self, sealed};
use super::{Op, Operation, Start};

/// An operation that is stopped if it takes too long; made by [`Op::timeout`].
///
/// # Cancel safety
///
/// As for the operation.
#[must_use = "an operation does nothing unless it is polled"]
pub struct Timed<O: Operation> {
    operation: Op<O>,
    limit: Op<LinkTimeout>,
    is_started: bool,
    /// The operation has ended, and this came of it.
    ended: Option<(O, io::Result<u32>)>,
    /// The limit has ended, and whether because time was up.
    is_up: Option<bool>,
}

impl<O: Operation> Unpin for Timed<O> {}

impl<O: Operation> Timed<O> {
    pub(super) fn new(mut operation: Op<O>, limit: Duration) -> Self {
        operation.add_flags(squeue::Flags::IO_LINK);
        let limit = Op::new(LinkTimeout(timespec_of(limit)));
        Self { operation, limit, is_started: false, ended: None, is_up: None }
    }

    /// Asks the kernel to stop the operation, and goes on waiting for what comes of it; see
    /// [`Op::cancel`].
    pub fn cancel(mut self) -> Self {
        sealed::Member::request_cancel(&mut self);
        self
    }
}

impl<O: Operation> sealed::Member for Timed<O> {
    fn entries(&self) -> usize {
        2
    }

    fn make_ready(&mut self, batch: &mut sealed::Batch<'_, '_>) -> bool {
        self.is_started = true;
        self.operation.make_ready(batch) && self.limit.make_ready(batch)
    }

    fn begin(&mut self) {
        self.operation.begin();
        self.limit.begin();
    }

    fn take_back(&mut self, error: &dyn Fn() -> io::Error) {
        self.is_started = true;
        self.operation.take_back(error());
        self.limit.take_back(error());
    }

    fn request_cancel(&mut self) {
        // The limit ends with the operation; of one that has not begun both have to be told.
        self.operation.request_cancel();
        if !self.is_started {
            self.limit.request_cancel();
        }
    }
}

impl<O: Operation> sealed::Step for Timed<O> {
    fn add_link(&mut self, flags: squeue::Flags) {
        self.limit.add_flags(flags);
        // What follows is linked to the limit, but it is the operation that fails.
        self.operation.add_flags(flags);
    }
}

impl<O: Operation> Future for Timed<O> {
    type Output = O::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let this = self.get_mut();
        if !this.is_started {
            this.is_started = true;
            linked::start(vec![this], cx);
        }
        if this.ended.is_none()
            && let Poll::Ready(ended) = this.operation.poll_ended(cx)
        {
            this.ended = Some(ended);
        }
        if this.is_up.is_none()
            && let Poll::Ready(is_up) = Pin::new(&mut this.limit).poll(cx)
        {
            this.is_up = Some(is_up);
            if is_up && this.ended.is_none() {
                // The limit asks once, and may come when the kernel has set the operation aside
                // for a moment and does not find it; we ask until it has ended.
                this.operation.request_cancel();
            }
        }
        let Some(is_up) = this.is_up else { return Poll::Pending };
        let Some((operation, result)) = this.ended.take() else { return Poll::Pending };
        Poll::Ready(operation.finish(if is_up { result.map_err(explain) } else { result }))
    }
}

impl<O: Operation> fmt::Debug for Timed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// A time as the kernel takes it, which knows no longer ones than these.
pub(super) fn timespec_of(time: Duration) -> Timespec {
    Timespec::from(time.min(Duration::new(i64::MAX as u64, 0)))
}

/// The error of an operation whose time was up, if that is what ended it.
fn explain(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ECANCELED | libc::EINTR) => {
            let message = "the operation was stopped because its time was up";
            io::Error::new(io::ErrorKind::TimedOut, message)
        }
        _ => error,
    }
}

/// The limit. Its output says whether time was up before the operation had ended.
#[derive(Debug)]
pub(super) struct LinkTimeout(Timespec);

// SAFETY: the entry points to the time, which is part of `self`.
unsafe impl Operation for LinkTimeout {
    type Output = bool;

    /// It ends with its operation, and the kernel would not find it by itself.
    const STOPS: bool = false;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::LinkTimeout::new(&raw const self.0).build())
    }

    fn finish(self, result: io::Result<u32>) -> bool {
        result.err().and_then(|error| error.raw_os_error()) != Some(libc::ECANCELED)
    }
}
