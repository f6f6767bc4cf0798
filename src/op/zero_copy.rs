//! Sends of which the kernel reads the buffer itself, after they have been done.
//!
//! # Who owns what
//!
//! The kernel completes such a send twice: first with the result, then, when the network has let go
//! of the buffer, with a notification. Only the last completion gives the cell back, as for every
//! operation, so what is sent stays in the cell until then, whatever becomes of the futures. A
//! first completion that announces no other one is the last.
//!
//! * **[`ZeroCopy`]** waits for the first completion, which home leaves in the cell behind a mutex,
//!   with whom to wake. It fails with the buffer only when the kernel is done with that.
//! * **[`Returning`]** takes over the cell and waits for the last completion, as the future of
//!   any operation does, on the cell's own word.
//!
//! After the first completion there is nothing to stop: the kernel does not find a notification,
//! and would be asked again and again. So home only keeps in mind that the cell is out.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};
use std::{fmt, io, mem};

use io_uring::{cqueue, squeue};

use super::cell::{CellHeader, CellVTable};
use super::content::{Fresh, Started, content_of, free};
use super::future::{count_started, entry_of, into_result, not_on_a_ring};
use super::{Returning, Start};
use crate::awaiting::{Awaited, noted};
use crate::buf::BufError;
use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::coop;
use crate::primitives::{Mutex, lock};
use crate::ring::Beginning;
use crate::stop::{self, Seen, Watch, cancelled};

/// The least number of bytes for which [`ZeroCopy::or_copy`] does without copying.
///
/// Preparing the pages, and a second completion, cost as much as copying about 4 KiB over a fast
/// network card; from 16 KiB on, sending without a copy takes a third less of the processor and
/// more.
pub const ZERO_COPY_MIN: usize = 16 * 1024;

/// `IORING_SEND_ZC_REPORT_USAGE`: the notification says whether the kernel has copied after all.
const REPORT_USAGE: u16 = 8;

/// What can be sent without being copied; see [`ZeroCopy`].
pub trait ZeroCopyOperation: sealed::Sending {}

impl<S: sealed::Sending> ZeroCopyOperation for S {}

pub(super) mod sealed {
    use super::{Start, io, squeue};

    /// How to send.
    #[derive(Clone, Copy, Debug)]
    pub enum Manner {
        /// Without a copy, with these flags in the entry's `ioprio`.
        ZeroCopy(u16),
        /// As any send.
        Copying,
    }

    /// # Safety
    ///
    /// The entry points only to memory that `self` owns or that is valid for ever, as long as
    /// `self` stays where it is and is not changed. The kernel may read the buffer until the last
    /// completion.
    pub unsafe trait Sending: Send + 'static {
        /// What comes back.
        type Buffer: Send + 'static;

        /// Writes the submission entry; `self` is where it will stay.
        fn entry(&mut self, start: &mut Start<'_>, manner: Manner) -> io::Result<squeue::Entry>;

        /// How many bytes there are to send.
        fn len(&self) -> usize;

        fn into_buffer(self) -> Self::Buffer;
    }
}

/// A send that does not copy; made by [`send_zc`](super::send_zc()),
/// [`sendto_zc`](super::sendto_zc) and [`sendmsg_zc`](super::sendmsg_zc).
///
/// It gives how many bytes were sent, as soon as that is known, and the [`Returning`] buffer. If it
/// fails, it gives the buffer with the error, when the kernel is done with it.
///
/// It starts when it is first polled, on that thread's ring; outside the tasks of a pool it fails
/// with [`Unsupported`](io::ErrorKind::Unsupported).
///
/// # Cancel safety
///
/// If it is dropped, all of the bytes may have been sent, or the first of them, or none. The buffer
/// is freed when the kernel is done with it.
#[must_use = "an operation does nothing unless it is polled"]
pub struct ZeroCopy<S: ZeroCopyOperation> {
    state: State<S>,
    copying: Copying,
    watch: Watch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copying {
    Never,
    IfRefused,
    Always,
}

enum State<S> {
    Unstarted(S),
    /// It will not begin.
    Refused(S, io::Error),
    Started(Started<Sent<S>>),
    Finished,
}

/// What is in the cell.
struct Sent<S> {
    operation: S,
    /// The notification says whether the kernel has copied.
    is_reported: bool,
    first: Mutex<First>,
}

/// The first completion, and who waits for it.
struct First {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

impl<S: ZeroCopyOperation> Unpin for ZeroCopy<S> {}

impl<S: ZeroCopyOperation> ZeroCopy<S> {
    pub(super) fn new(operation: S) -> Self {
        let state = State::Unstarted(operation);
        Self { state, copying: Copying::Never, watch: Watch::new() }
    }

    /// Copies, as other sends do, where that is better: what is shorter than [`ZERO_COPY_MIN`], and
    /// what goes to a socket that cannot do without, such as a Unix socket. The buffer comes back
    /// at once then.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::{self, SharedFd};
    /// use std::os::fd::OwnedFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let (ours, _theirs) = UnixStream::pair()?;
    /// let ours = SharedFd::from(OwnedFd::from(ours));
    /// pool.block_on(async {
    ///     let (count, buffer) = op::send_zc(&ours, vec![7; 20_000], 0).or_copy().await?;
    ///     assert_eq!((count, buffer.await.len()), (20_000, 20_000));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn or_copy(mut self) -> Self {
        if let State::Unstarted(operation) = &self.state {
            let is_short = operation.len() < ZERO_COPY_MIN;
            self.copying = if is_short { Copying::Always } else { Copying::IfRefused };
        }
        self
    }

    /// Asks the kernel to stop it, and goes on waiting for what comes of it: the result with which
    /// it was done, or [`ECANCELED`](libc::ECANCELED).
    ///
    /// One that has not begun never will, and gives `ECANCELED`.
    pub fn cancel(mut self) -> Self {
        match mem::replace(&mut self.state, State::Finished) {
            State::Unstarted(operation) => self.state = State::Refused(operation, cancelled()),
            State::Started(started) => {
                started.cancel();
                self.state = State::Started(started);
            }
            ended => self.state = ended,
        }
        self.copying = Copying::Never;
        self
    }

    fn start(&mut self, operation: S, cx: &Context<'_>) {
        self.state = context::with(|local| match local {
            None => State::Refused(operation, not_on_a_ring()),
            Some(local) if local.stopping.get() || stop::is_stopped() => {
                State::Refused(operation, cancelled())
            }
            Some(local) => self.submit(local, operation, cx),
        });
    }

    fn submit(&self, local: &Local, operation: S, cx: &Context<'_>) -> State<S> {
        // The user's code, before anything is begun.
        let first = Mutex::new(First { outcome: None, waker: Some(cx.waker().clone()) });
        let manner = self.manner(local);
        let is_reported = matches!(manner, sealed::Manner::ZeroCopy(REPORT_USAGE));
        let content = Sent { operation, is_reported, first };
        let waker = Waker::noop().clone();
        let mut fresh = Fresh::new(local, Types::<S>::VTABLE, waker, content);
        let flags = squeue::Flags::empty();
        let make = |sent: &mut Sent<S>, start: &mut Start<'_>| sent.operation.entry(start, manner);
        match entry_of(local, &mut fresh, flags, make) {
            Ok(entry) => {
                let started = fresh.into_started();
                count_started(local, &entry);
                // SAFETY: the operation keeps what the entry points to, in the cell that its user
                // data names, which stays until its last completion has been reaped.
                unsafe { local.ring.borrow_mut().start(entry, Beginning::here(local)) };
                State::Started(started)
            }
            Err(error) => State::Refused(fresh.into_content().operation, error),
        }
    }

    fn manner(&self, local: &Local) -> sealed::Manner {
        if self.copying == Copying::Always {
            return sealed::Manner::Copying;
        }
        let reports = local.ring.borrow().features().reports_zero_copy();
        sealed::Manner::ZeroCopy(if reports { REPORT_USAGE } else { 0 })
    }

    /// The kernel is done with what was started: the operation, and the first completion.
    fn take_ended(&mut self, cx: &Context<'_>) -> Poll<S> {
        let State::Started(started) = &self.state else {
            unreachable!("called on what is started")
        };
        // SAFETY: we are the future.
        let polled = unsafe { started.header().completion.poll(cx.waker()) };
        if polled.is_none() {
            return Poll::Pending;
        }
        let State::Started(started) = mem::replace(&mut self.state, State::Finished) else {
            unreachable!("it was just looked at");
        };
        // SAFETY: the outcome has been given to us.
        Poll::Ready(unsafe { started.into_content() }.operation)
    }

    /// The first completion is there.
    fn go_on(&mut self, first: Outcome, cx: &Context<'_>) -> Poll<Option<Output<S>>> {
        if first.result >= 0 && cqueue::more(first.flags) {
            let State::Started(started) = mem::replace(&mut self.state, State::Finished) else {
                unreachable!("called on what is started");
            };
            // SAFETY: `take` is for cells of `S`.
            let returning = unsafe { Returning::in_kernel(started.without_kind(), take::<S>) };
            return Poll::Ready(Some(Ok((first.result as usize, returning))));
        }
        let Poll::Ready(operation) = self.take_ended(cx) else { return Poll::Pending };
        let output = match into_result(first) {
            Err(error) if self.copies_instead_of(&error) => {
                self.copying = Copying::Always;
                self.state = State::Unstarted(operation);
                return Poll::Ready(None);
            }
            Err(error) => Err(BufError { error, buffer: operation.into_buffer() }),
            Ok(count) => {
                let was_copied = (self.copying == Copying::Always).then_some(true);
                Ok((count as usize, Returning::here(operation.into_buffer(), was_copied)))
            }
        };
        Poll::Ready(Some(output))
    }

    fn copies_instead_of(&self, error: &io::Error) -> bool {
        self.copying == Copying::IfRefused && error.raw_os_error() == Some(libc::EOPNOTSUPP)
    }
}

type Buffer<S> = <S as sealed::Sending>::Buffer;
type Output<S> = Result<(usize, Returning<Buffer<S>>), BufError<Buffer<S>>>;

impl<S: ZeroCopyOperation> Future for ZeroCopy<S> {
    type Output = Output<S>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let State::Started(started) = &this.state {
                let Poll::Ready(first) = poll_first(started, cx) else {
                    if this.watch.look(cx.waker()) == Seen::StoppedNow {
                        started.cancel();
                    }
                    return noted(Awaited::Operation, Poll::Pending);
                };
                this.watch.rest();
                match this.go_on(first, cx) {
                    Poll::Ready(Some(output)) => return Poll::Ready(output),
                    Poll::Ready(None) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            if let State::Refused(..) = this.state {
                // Who tries again after each failure must not keep the ring to itself.
                ready!(coop::poll_proceed(cx));
                coop::spend();
            }
            match mem::replace(&mut this.state, State::Finished) {
                State::Unstarted(operation) => this.start(operation, cx),
                State::Refused(operation, error) => {
                    let buffer = operation.into_buffer();
                    return Poll::Ready(Err(BufError { error, buffer }));
                }
                State::Started(_) | State::Finished => {
                    panic!("a finished operation was polled again")
                }
            }
        }
    }
}

/// The first completion of what is in flight.
fn poll_first<S: ZeroCopyOperation>(started: &Started<Sent<S>>, cx: &Context<'_>) -> Poll<Outcome> {
    let mutex = first_of(started);
    {
        let first = lock(mutex);
        if let Some(outcome) = first.outcome {
            return Poll::Ready(outcome);
        }
        if first.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
    }
    // The user's code, so outside the lock; what is left of it is dropped outside as well.
    let mut waker = Some(cx.waker().clone());
    let outcome = {
        let mut first = lock(mutex);
        if first.outcome.is_none() {
            mem::swap(&mut first.waker, &mut waker);
        }
        first.outcome
    };
    drop(waker);
    outcome.map_or(Poll::Pending, Poll::Ready)
}

/// What home and the future share, in the cell of `started`.
fn first_of<S: ZeroCopyOperation>(started: &Started<Sent<S>>) -> &Mutex<First> {
    // SAFETY: we are the future, so the cell is there and full; the mutex is made to be shared.
    unsafe { &(*started.content()).first }
}

impl<S: ZeroCopyOperation> Drop for ZeroCopy<S> {
    fn drop(&mut self) {
        if let State::Started(started) = &self.state {
            let waker = lock(first_of(started)).waker.take();
            drop(waker);
        }
    }
}

impl<S: ZeroCopyOperation> fmt::Debug for ZeroCopy<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unstarted(_) => "unstarted",
            State::Refused(..) => "refused",
            State::Started(_) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("ZeroCopy").field("state", &state).field("copying", &self.copying).finish()
    }
}

/// # Safety
///
/// The cell is one of `Sent<S>`, settled, and its outcome has been given to the caller.
unsafe fn take<S: ZeroCopyOperation>(started: Started<()>) -> (S::Buffer, bool) {
    // SAFETY: the caller's promise.
    let started = unsafe { started.of_kind::<Sent<S>>() };
    // SAFETY: the caller's promise.
    let sent = unsafe { started.into_content() };
    (sent.operation.into_buffer(), sent.is_reported)
}

struct Types<S>(PhantomData<S>);

impl<S: ZeroCopyOperation> Types<S> {
    const VTABLE: &'static CellVTable = &CellVTable {
        leaves_orphan: true,
        stop: stop::<S>,
        reaped: Some(reaped::<S>),
        dispose: dispose::<S>,
        free: free::<Sent<S>>,
    };
}

/// The future is gone, or wants an early end: of a notification there is none.
///
/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn stop<S: ZeroCopyOperation>(local: &Local, cell: NonNull<CellHeader>) {
    // SAFETY: pending, so it is full; the mutex is made to be shared.
    let is_sent = lock(unsafe { &(*content_of::<Sent<S>>(cell)).first }).outcome.is_some();
    let mut ring = local.ring.borrow_mut();
    if is_sent { ring.wait_for(cell) } else { ring.cancel(cell) }
}

/// A completion has come: the first one is the result.
///
/// # Safety
///
/// See [`CellVTable::reaped`].
unsafe fn reaped<S: ZeroCopyOperation>(
    local: &Local,
    cell: NonNull<CellHeader>,
    outcome: Outcome,
) -> Option<Waker> {
    // SAFETY: pending, so it is full; the mutex is made to be shared.
    let mutex = unsafe { &(*content_of::<Sent<S>>(cell)).first };
    let waker = {
        let mut first = lock(mutex);
        if first.outcome.is_some() {
            return None;
        }
        first.outcome = Some(outcome);
        first.waker.take()
    };
    if cqueue::more(outcome.flags) {
        local.ring.borrow_mut().cannot_stop(cell);
    }
    waker
}

/// Nobody waits, and the kernel is done with the buffer.
///
/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose<S: ZeroCopyOperation>(cell: NonNull<CellHeader>) {
    // SAFETY: settled and the caller's, and not used again.
    drop(unsafe { std::ptr::read(content_of::<Sent<S>>(cell)) });
}
