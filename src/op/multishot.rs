//! Operations that complete many times: streams.
//!
//! # Who owns what
//!
//! A *shot* is one completion of a multishot operation; it is *armed* from its submission to its
//! last completion, which the kernel may send at any time: an error, a full completion queue, no
//! buffer left. The cell holds the operation, which the kernel uses, and a queue of items behind a
//! mutex, which home fills and the stream empties, wherever it is.
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
//! # No lost wake
//!
//! The waker is in the queue, under the mutex, taken with the push. After the last push the stream
//! may find the queue at its end before home has settled the cell; then it leaves its waker in the
//! cell's [`Completion`](crate::completion), which home takes when it settles. Wakers are called
//! and dropped, and items dropped, with nothing locked.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use std::{fmt, io, mem};

use futures_core::Stream;
use io_uring::{cqueue, squeue};

use super::Start;
use super::cell::{CellHeader, CellVTable};
use super::content::{Fresh, Started, content_of, free};
use super::future::{cancelled, check_opcode, into_result, not_on_a_ring, stop, user_data_of};
use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::coop;
use crate::primitives::{Mutex, lock};
use crate::task::run::shielded;

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
const WAITING_MAX: usize = 64;

/// The stream of a multishot operation.
///
/// It is armed when it is first polled, on that thread's ring, and again whenever the kernel has
/// ended it; from then on it may be polled, moved and dropped anywhere. Outside the tasks of a
/// pool it gives [`Unsupported`](io::ErrorKind::Unsupported).
///
/// # Cancel safety
///
/// What has been delivered waits in the stream; dropping the stream stops the operation and drops
/// what was delivered: descriptors are closed, buffers go back to their pool.
#[must_use = "streams do nothing unless they are polled"]
pub struct Multishot<M: MultishotOperation> {
    state: State<M>,
    waiting_max: usize,
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
    queue: Mutex<Queue<io::Result<M::Item>>>,
}

struct Queue<T> {
    items: VecDeque<T>,
    waker: Option<Waker>,
    waiting_max: usize,
    /// The last completion has come.
    is_last: bool,
    /// The kernel was told to stop because too many items wait.
    is_held_back: bool,
    /// The stream is gone: nobody takes items any more.
    is_abandoned: bool,
}

impl<M: MultishotOperation> Unpin for Multishot<M> {}

impl<M: MultishotOperation> Multishot<M> {
    /// The stream of an operation; of one of the caller's own, too.
    pub fn new(operation: M) -> Self {
        Self { state: State::Idle(operation), waiting_max: WAITING_MAX }
    }

    /// How many items may wait before the kernel is told to stop, 64 unless said otherwise; at
    /// least one. It takes effect when the operation is armed the next time.
    pub fn waiting_max(mut self, items: usize) -> Self {
        self.waiting_max = items.max(1);
        self
    }

    /// The next item, or the end.
    pub fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<M::Item>>> {
        loop {
            match &mut self.state {
                State::Idle(operation) => {
                    let Poll::Ready(ready) = operation.poll_ready(cx) else { return Poll::Pending };
                    if let Err(error) = ready.and_then(|()| self.arm()) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Ended => return Poll::Ready(None),
                State::Armed(started) => {
                    if coop::poll_proceed(cx).is_pending() {
                        return Poll::Pending;
                    }
                    match poll_queue::<M>(started, cx) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Some(item)) => {
                            coop::spend();
                            return Poll::Ready(Some(item));
                        }
                        Poll::Ready(None) => {}
                    }
                    // SAFETY: we are the future.
                    let polled = unsafe { started.header().completion.poll(cx.waker()) };
                    let Some(outcome) = polled else { return Poll::Pending };
                    self.disarm(outcome);
                }
            }
        }
    }

    /// The last completion has come, and all items are taken.
    fn disarm(&mut self, outcome: Outcome) {
        let State::Armed(started) = mem::replace(&mut self.state, State::Ended) else {
            unreachable!("called on what is armed");
        };
        // SAFETY: the outcome has been given to us.
        let Armed { mut operation, queue } = unsafe { started.into_content() };
        let is_held_back = lock(&queue).is_held_back;
        let was_stopped = is_held_back && outcome.result == -libc::ECANCELED;
        let again = was_stopped || matches!(operation.after(Shot { outcome }), After::Again);
        if again {
            self.state = State::Idle(operation);
        }
    }

    fn arm(&mut self) -> io::Result<()> {
        context::with(|local| {
            let local = local.ok_or_else(not_on_a_ring)?;
            if local.stopping.get() {
                return Err(cancelled());
            }
            let State::Idle(operation) = mem::replace(&mut self.state, State::Ended) else {
                unreachable!("called on what is not armed");
            };
            let queue = Mutex::new(Queue::new(self.waiting_max));
            let waker = Waker::noop().clone();
            let content = Armed { operation, queue };
            let mut fresh = Fresh::new(local, Types::<M>::VTABLE, waker, content);
            let mut start = Start::new(local, squeue::Flags::empty());
            let entry = fresh.content().operation.entry(&mut start);
            match entry.and_then(|entry| check_opcode(local, entry)) {
                Ok(entry) => {
                    let entry = entry.flags(start.flags()).user_data(user_data_of(fresh.cell()));
                    self.state = State::Armed(fresh.into_started());
                    local.counters().operations_started.add(1);
                    // SAFETY: the operation keeps what the entry points to, in the cell that its
                    // user data names, which stays until its last completion has been reaped.
                    unsafe { local.ring.borrow_mut().start(entry) };
                    Ok(())
                }
                Err(error) => {
                    self.state = State::Idle(fresh.into_content().operation);
                    Err(error)
                }
            }
        })
    }

    /// The operation, if it is not armed; for those who have something to change in it.
    pub(crate) fn idle_mut(&mut self) -> Option<&mut M> {
        match &mut self.state {
            State::Idle(operation) => Some(operation),
            _ => None,
        }
    }

    /// Asks the kernel to stop. What has been delivered still comes, and then what the operation
    /// makes of [`ECANCELED`](libc::ECANCELED).
    pub(crate) fn request_stop(&mut self) {
        if let State::Armed(started) = &self.state {
            started.cancel();
        }
    }
}

impl<T> Queue<T> {
    fn new(waiting_max: usize) -> Self {
        Self {
            items: VecDeque::new(),
            waker: None,
            waiting_max,
            is_last: false,
            is_held_back: false,
            is_abandoned: false,
        }
    }
}

/// What home and the stream share, in the cell of `started`.
fn queue_of<M: MultishotOperation>(
    started: &Started<Armed<M>>,
) -> &Mutex<Queue<io::Result<M::Item>>> {
    // SAFETY: we are the future, so the cell is there and full; the queue is made to be shared.
    unsafe { &(*started.content()).queue }
}

/// The next item; none if the last completion has come and there is none left.
fn poll_queue<M: MultishotOperation>(
    started: &Started<Armed<M>>,
    cx: &Context<'_>,
) -> Poll<Option<io::Result<M::Item>>> {
    let mutex = queue_of::<M>(started);
    let mut queue = lock(mutex);
    if let Some(item) = queue.items.pop_front() {
        return Poll::Ready(Some(item));
    }
    if queue.is_last {
        return Poll::Ready(None);
    }
    if queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        return Poll::Pending;
    }
    drop(queue);
    // The user's code, so outside the lock.
    let mut waker = Some(cx.waker().clone());
    let mut queue = lock(mutex);
    if queue.items.is_empty() && !queue.is_last {
        mem::swap(&mut queue.waker, &mut waker);
        drop(queue);
        drop(waker);
        return Poll::Pending;
    }
    let item = queue.items.pop_front();
    drop(queue);
    drop(waker);
    Poll::Ready(item)
}

impl<M: MultishotOperation> Drop for Multishot<M> {
    fn drop(&mut self) {
        let State::Armed(started) = &self.state else { return };
        let (items, waker) = {
            let mut queue = lock(queue_of::<M>(started));
            queue.is_abandoned = true;
            (mem::take(&mut queue.items), queue.waker.take())
        };
        drop(items);
        drop(waker);
    }
}

impl<M: MultishotOperation> Stream for Multishot<M> {
    type Item = io::Result<M::Item>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
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
    let mutex = unsafe { &(*content).queue };
    let mut item = None;
    // It may be the user's.
    let _ = shielded(|| item = operation.item(Shot { outcome }));
    let is_last = !cqueue::more(outcome.flags);
    let mut queue = lock(mutex);
    queue.is_last = is_last;
    if queue.is_abandoned {
        drop(queue);
        let _ = shielded(|| drop(item));
        return None;
    }
    let is_our_stop = is_last && queue.is_held_back && outcome.result == -libc::ECANCELED;
    let unwanted = if is_our_stop { item.take() } else { None };
    queue.items.extend(item);
    let is_too_much = queue.items.len() >= queue.waiting_max;
    let holds_back = !is_last && !queue.is_held_back && is_too_much;
    queue.is_held_back |= holds_back;
    let waker = queue.waker.take();
    drop(queue);
    let _ = shielded(|| drop(unwanted));
    if holds_back {
        local.ring.borrow_mut().cancel(cell);
    }
    waker
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
