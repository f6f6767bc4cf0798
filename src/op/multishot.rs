//! Operations that complete many times: streams.
//!
//! # Who owns what
//!
//! A *shot* is one completion of a multishot operation; it is *armed* from its submission to its
//! last completion, which the kernel may send at any time: an error, a full completion queue, no
//! buffer left. The cell holds the operation, which the kernel uses, and a queue of items
//! ([`Shots`]), which home fills and the stream empties, wherever it is.
//!
//! * **Home** makes an item of each completion at once, so that a descriptor or a buffer it names
//!   has an owner before anybody asks for it, and puts it into the queue. If the stream is gone,
//!   the item is dropped there and then.
//! * **The stream** takes items out. When the queue is empty and the last completion has come, it
//!   takes the operation out of the cell, and arms it again when it is polled the next time, on
//!   the ring of the thread it is polled on then.
//!
//! # Back-pressure
//!
//! When as many items wait as the stream was made for, home tells the kernel to stop; what it
//! sends until then is queued too, so nothing is lost. The stream arms again when it has handed
//! out all that was queued. A consumer that does not come leaves things where the kernel keeps
//! them anyway: in the backlog of a listener, in the buffer of a socket.
//!
//! # Ends
//!
//! A last completion that says [`ECANCELED`](libc::ECANCELED) because we asked for it, or because
//! the ring it was on stops, is no item: the stream arms again, or is at its end if that was asked
//! for. Every other last completion is given to the operation, which makes an item of it first, and
//! then says how to go on.

use std::cell::Cell;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use std::{fmt, io, mem};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use io_uring::{cqueue, squeue};

use super::Start;
use super::cell::{CellHeader, CellVTable};
use super::content::{Fresh, Started, content_of, free};
use super::future::{count_started, entry_of, into_result, not_on_a_ring, stop};
use super::shots::Shots;
use crate::awaiting::{Awaited, noted};
use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::coop;
use crate::foreign::shielded;
use crate::ring::Beginning;
use crate::stop::{self, Seen, Watch, cancelled};

/// What a multishot operation asks of the kernel, and what its completions mean.
///
/// # Safety
///
/// As for [`Operation`](super::Operation): the entry points only to memory that `self` owns or
/// that is valid for ever, as long as `self` stays where it is and is not changed.
pub unsafe trait MultishotOperation: Send + 'static {
    /// What one completion gives.
    type Item: Send + 'static;

    /// Writes the submission entry; `self` is where it will stay until the kernel has finished.
    ///
    /// # Errors
    ///
    /// If it cannot be started on this ring.
    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry>;

    /// Makes the item of a completion, as soon as it has been reaped, on the ring's own thread:
    /// what the kernel hands out (a descriptor, a buffer) must be owned by the item. `None` for
    /// what is of no interest.
    fn item(&self, shot: Shot) -> Option<io::Result<Self::Item>>;

    /// Waits for what has to be there before it is armed, such as a free buffer. The stream is
    /// armed when this is ready.
    ///
    /// # Errors
    ///
    /// If it cannot be armed now; the stream gives the error, and asks again the next time.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// What to do when the last completion has come, and all items have been taken. It is that
    /// completion's result.
    fn after(&mut self, last: Shot) -> After;
}

/// What one completion said.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    outcome: Outcome,
}

impl Shot {
    pub(super) fn new(outcome: Outcome) -> Self {
        Self { outcome }
    }

    /// The number, or the error.
    ///
    /// # Errors
    ///
    /// That of the completion.
    pub fn result(&self) -> io::Result<u32> {
        into_result(self.outcome)
    }

    /// The flags: `IORING_CQE_F_BUFFER` and others.
    pub fn flags(&self) -> u32 {
        self.outcome.flags
    }
}

/// What becomes of a multishot operation that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum After {
    /// It is armed again when the stream is polled the next time.
    Again,
    /// The stream is at its end.
    End,
}

/// How many items wait at most before the kernel is told to stop, unless said otherwise.
const WAITING_MAX: u32 = 64;

/// The stream of a multishot operation.
///
/// It is armed when it is first polled, on that thread's ring, and again whenever the kernel has
/// ended it; from then on it may be polled, moved and dropped anywhere. Outside the tasks of a
/// pool it gives [`Unsupported`](io::ErrorKind::Unsupported).
///
/// In a [scope](crate::stop) that is asked to stop, the kernel is told to stop: what it has
/// delivered still comes, and then [`ECANCELED`](libc::ECANCELED) at each poll. Polled outside of
/// the scope it is armed again.
///
/// # Cancel safety
///
/// What has been delivered waits in the stream; dropping the stream stops the operation and drops
/// what was delivered: descriptors are closed, buffers go back to their pool.
#[must_use = "streams do nothing unless they are polled"]
pub struct Multishot<M: MultishotOperation> {
    state: State<M>,
    waiting_max: u32,
    /// It is not armed again.
    is_ending: bool,
    watch: Watch,
}

enum State<M: MultishotOperation> {
    /// Not armed; it will be when it is polled.
    Idle(M),
    Armed(Started<Armed<M>>),
    Ended,
}

/// What is in the cell.
struct Armed<M: MultishotOperation> {
    operation: M,
    shots: Shots<io::Result<M::Item>>,
    /// The last completion is what became of a request to stop. Written by home before it settles
    /// the cell, and read by the stream afterwards.
    was_stopped: Cell<bool>,
}

impl<M: MultishotOperation> Unpin for Multishot<M> {}

impl<M: MultishotOperation> Multishot<M> {
    /// The stream of an operation; of one of the caller's own, too.
    pub fn new(operation: M) -> Self {
        let (waiting_max, is_ending) = (WAITING_MAX, false);
        Self { state: State::Idle(operation), waiting_max, is_ending, watch: Watch::new() }
    }

    /// How many items may wait before the kernel is told to stop, 64 unless said otherwise; at
    /// least one. It takes effect when the operation is armed the next time.
    pub fn waiting_max(mut self, items: usize) -> Self {
        self.waiting_max = u32::try_from(items).unwrap_or(u32::MAX).max(1);
        self
    }

    /// Asks the kernel to stop. What it has delivered by then still comes, and then the end: so
    /// nothing is lost, other than by dropping the stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use ringpool::op::{self, SharedFd};
    /// use std::net::TcpStream;
    /// use std::os::fd::OwnedFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let clients = [(); 3].map(|()| TcpStream::connect(listener.local_addr().unwrap()));
    /// let listener = SharedFd::from(OwnedFd::from(listener));
    /// let accepted = pool.block_on(async {
    ///     let mut connections = op::accept_multishot(&listener);
    ///     let first = connections.next().await;
    ///     connections.stop();
    ///     1 + connections.count().await
    /// });
    /// assert_eq!(accepted, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop(&mut self) {
        self.is_ending = true;
        match &self.state {
            State::Armed(started) => {
                if shots_of::<M>(started).begin_stop() {
                    started.cancel();
                }
            }
            State::Idle(_) => self.state = State::Ended,
            State::Ended => {}
        }
    }

    /// The next item, or the end.
    #[track_caller]
    pub fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<M::Item>>> {
        noted(Awaited::Operation, self.poll_unnoted(cx))
    }

    fn poll_unnoted(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<M::Item>>> {
        loop {
            if matches!(self.state, State::Ended) {
                return Poll::Ready(None);
            }
            // Errors count as well: who goes on after each must not keep the ring busy.
            if coop::poll_proceed(cx).is_pending() {
                return Poll::Pending;
            }
            match &mut self.state {
                State::Idle(operation) => {
                    let ready = self.watch.wait_for(cx, |cx| operation.poll_ready(cx));
                    let Poll::Ready(ready) = ready else { return Poll::Pending };
                    if let Err(error) = ready.flatten().and_then(|()| self.arm()) {
                        coop::spend();
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Armed(started) => {
                    match shots_of::<M>(started).poll(cx.waker()) {
                        Poll::Pending => {
                            let is_stopped = self.watch.look(cx.waker()) == Seen::StoppedNow;
                            if is_stopped && shots_of::<M>(started).begin_stop() {
                                started.cancel();
                            }
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(item)) => {
                            coop::spend();
                            return Poll::Ready(Some(item));
                        }
                        Poll::Ready(None) => {}
                    }
                    // SAFETY: we are the future.
                    let polled = unsafe { started.header().completion.poll(cx.waker()) };
                    let Some(outcome) = polled else { return Poll::Pending };
                    // It may be armed again in the same scope, which is to be told of it then.
                    self.watch.rest();
                    self.disarm(outcome);
                }
                State::Ended => {}
            }
        }
    }

    /// The last completion has come, and all items are taken.
    fn disarm(&mut self, outcome: Outcome) {
        let State::Armed(started) = mem::replace(&mut self.state, State::Ended) else {
            unreachable!("called on what is armed");
        };
        // SAFETY: the outcome has been given to us.
        let Armed { mut operation, was_stopped, .. } = unsafe { started.into_content() };
        if self.is_ending {
            return;
        }
        if was_stopped.get() || matches!(operation.after(Shot { outcome }), After::Again) {
            self.state = State::Idle(operation);
        }
    }

    fn arm(&mut self) -> io::Result<()> {
        context::with(|local| {
            let local = local.ok_or_else(not_on_a_ring)?;
            if local.stopping.get() || stop::is_stopped() {
                return Err(cancelled());
            }
            let State::Idle(operation) = mem::replace(&mut self.state, State::Ended) else {
                unreachable!("called on what is not armed");
            };
            let shots = Shots::new(self.waiting_max);
            let content = Armed { operation, shots, was_stopped: Cell::new(false) };
            let waker = Waker::noop().clone();
            let mut fresh = Fresh::new(local, Types::<M>::VTABLE, waker, content);
            let flags = squeue::Flags::empty();
            match entry_of(local, &mut fresh, flags, |armed, start| armed.operation.entry(start)) {
                Ok(entry) => {
                    self.state = State::Armed(fresh.into_started());
                    count_started(local, &entry);
                    // SAFETY: the operation keeps what the entry points to, in the cell that its
                    // user data names, which stays until its last completion has been reaped.
                    unsafe { local.ring.borrow_mut().start(entry, Beginning::here(local)) };
                    Ok(())
                }
                Err(error) => {
                    self.state = State::Idle(fresh.into_content().operation);
                    Err(error)
                }
            }
        })
    }

    /// Nobody polls it for now; a stop of the scope in which it was polled is no affair of it.
    pub(crate) fn rest(&mut self) {
        self.watch.rest();
    }

    /// The operation, if it is not armed; for those who have something to change in it.
    pub(crate) fn idle_mut(&mut self) -> Option<&mut M> {
        match &mut self.state {
            State::Idle(operation) => Some(operation),
            _ => None,
        }
    }

    /// Whether [`stop`](Self::stop) was called, or the end has come.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending || matches!(self.state, State::Ended)
    }
}

/// What home and the stream share, in the cell of `started`.
fn shots_of<M: MultishotOperation>(started: &Started<Armed<M>>) -> &Shots<io::Result<M::Item>> {
    // SAFETY: we are the future, so the cell is there and full; the queue is made to be shared.
    unsafe { &(*started.content()).shots }
}

impl<M: MultishotOperation> Drop for Multishot<M> {
    fn drop(&mut self) {
        if let State::Armed(started) = &self.state {
            let (items, waker) = shots_of::<M>(started).abandon();
            drop(items);
            drop(waker);
        }
    }
}

impl<M: MultishotOperation> Stream for Multishot<M> {
    type Item = io::Result<M::Item>;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
    }
}

impl<M: MultishotOperation> FusedStream for Multishot<M> {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl<M: MultishotOperation> fmt::Debug for Multishot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle(_) => "idle",
            State::Armed(_) => "armed",
            State::Ended => "ended",
        };
        f.debug_struct("Multishot").field("state", &state).finish_non_exhaustive()
    }
}

struct Types<M>(PhantomData<M>);

impl<M: MultishotOperation> Types<M> {
    const VTABLE: &'static CellVTable = &CellVTable {
        leaves_orphan: true,
        stop,
        reaped: Some(reaped::<M>),
        dispose: dispose::<M>,
        free: free::<Armed<M>>,
    };
}

/// A completion has come: makes its item and queues it.
///
/// # Safety
///
/// See [`CellVTable::reaped`].
unsafe fn reaped<M: MultishotOperation>(
    local: &Local,
    cell: NonNull<CellHeader>,
    outcome: Outcome,
) -> Option<Waker> {
    let content = content_of::<Armed<M>>(cell);
    // SAFETY: pending, so it is full; the kernel reads it and nobody changes it.
    let operation = unsafe { &(*content).operation };
    // SAFETY: as above; the queue is made to be shared.
    let shots = unsafe { &(*content).shots };
    let is_last = !cqueue::more(outcome.flags);
    let is_cancelled = is_last && outcome.result == -libc::ECANCELED;
    let was_stopped = is_cancelled && (local.stopping.get() || shots.is_told_to_stop());
    let mut item = None;
    if was_stopped {
        // SAFETY: as above; the stream reads it only when the cell is settled.
        unsafe { &(*content).was_stopped }.set(true);
    } else {
        // It may be the user's.
        let _ = shielded(|| item = operation.item(Shot { outcome }));
    }
    let pushed = shots.push(item, is_last);
    if pushed.holds_back {
        local.ring.borrow_mut().cancel(cell);
    }
    let _ = shielded(|| drop(pushed.unwanted));
    pushed.waker
}

/// Nobody waits, and what was queued has been dropped.
///
/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose<M: MultishotOperation>(cell: NonNull<CellHeader>) {
    // SAFETY: settled and the caller's, and not used again.
    drop(unsafe { std::ptr::read(content_of::<Armed<M>>(cell)) });
}
