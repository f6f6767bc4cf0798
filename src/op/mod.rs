//! Operations: futures that the kernel completes.
//!
//! An [`Op`] is `Send` although its ring is not. It is started on the ring of the thread that polls
//! it first; from then on it may be polled, moved and dropped anywhere. All that the kernel touches
//! lives in its cell.
//!
//! One small file a family: each operation is a struct with what the kernel needs, and an
//! [`Operation`] that says how to submit it and what its result means.

pub(crate) mod address;
pub(crate) mod cell;
mod close;
mod descriptor;
mod nop;
mod open;
pub(crate) mod parked;
mod path;
mod poll;
mod position;
mod read;
pub(crate) mod rest;
mod socket;
mod statx;
mod sync;
mod transfer;
mod write;

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::{fmt, io};

use io_uring::squeue;

use self::cell::{CellHeader, CellVTable};
use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::recycle;
use crate::ring::unsupported;

pub use close::{Close, close};
pub use descriptor::SharedFd;
pub use nop::{Nop, nop};
pub(crate) use open::openat2_waiting;
pub use open::{OpenAt2, openat2};
pub use poll::{PollAdd, poll_add};
pub use read::{Read, ReadVectored, read, read_at, readv, readv_at};
pub use socket::{
    Accept, Bind, Connect, Listen, Shutdown, Socket, accept, bind, connect, listen, shutdown,
    socket,
};
pub use statx::{Statx, statx};
pub use sync::{Fsync, Ftruncate, fdatasync, fsync, ftruncate};
pub use transfer::{Recv, Send, recv, send};
pub use write::{Write, WriteVectored, write, write_at, writev, writev_at};

/// What an operation asks of the kernel, and what the answer means.
///
/// # Safety
///
/// The entry points only to memory that `self` owns or that is valid for ever, as long as `self`
/// stays where it is and is not changed.
pub unsafe trait Operation: std::marker::Send + 'static {
    /// What the future gives.
    type Output;

    /// Whether the kernel is told when nobody waits any more. Not so for an operation of which one
    /// could not tell afterwards whether it has taken effect.
    const STOPS: bool = true;

    /// Writes the submission entry; `self` is where it will stay until the kernel has finished.
    fn entry(&mut self) -> squeue::Entry;

    /// Makes the output of the kernel's answer, whether or not somebody still waits for it: what
    /// it hands out (a descriptor, say) must be owned by the output.
    fn finish(self, result: io::Result<u32>) -> Self::Output;
}

/// A future that the kernel completes.
///
/// It starts when it is first polled, on that thread's ring, and must be polled on a ring's thread
/// for that; elsewhere it fails with [`io::ErrorKind::Unsupported`] and gives back what it owns.
///
/// # Cancel safety
///
/// Dropping it asks the kernel to stop, and never blocks. What the kernel still reads or writes is
/// kept until it has finished; a descriptor it hands out after all is closed.
#[must_use = "an operation does nothing unless it is polled"]
pub struct Op<O: Operation> {
    state: State<O>,
}

enum State<O> {
    Unstarted(O),
    /// It will not begin: it was cancelled before, or cannot be submitted at all.
    Refused(O, io::Error),
    Started(Started<O>),
    Finished,
}

impl<O: Operation> Unpin for Op<O> {}

/// A cell whose future we are.
struct Started<O> {
    cell: NonNull<CellHeader>,
    operation: PhantomData<O>,
}

// SAFETY: the cell is made to be used from any thread, and `O` is `Send`.
unsafe impl<O: std::marker::Send> std::marker::Send for Started<O> {}
// SAFETY: nothing can be done with a shared one.
unsafe impl<O> Sync for Started<O> {}

impl<O> Drop for Started<O> {
    fn drop(&mut self) {
        // SAFETY: we are the cell's future, and gone hereafter.
        unsafe { cell::abandon(self.cell) };
    }
}

/// A cell that has not been submitted, so that nobody else knows it.
struct Prepared<O> {
    cell: NonNull<CellHeader>,
    operation: PhantomData<O>,
}

impl<O> Prepared<O> {
    fn into_started(self) -> Started<O> {
        Started { cell: ManuallyDrop::new(self).cell, operation: PhantomData }
    }

    fn into_operation(self) -> O {
        // SAFETY: the cell is ours, and given up here.
        unsafe { recall(ManuallyDrop::new(self).cell) }
    }
}

impl<O> Drop for Prepared<O> {
    fn drop(&mut self) {
        // SAFETY: the cell is ours, and given up here.
        drop(unsafe { recall::<O>(self.cell) });
    }
}

#[repr(C)]
struct OpCell<O> {
    header: CellHeader,
    operation: UnsafeCell<ManuallyDrop<O>>,
}

impl<O: Operation> Op<O> {
    /// An operation of the caller's own.
    pub(crate) fn new(operation: O) -> Self {
        Self { state: State::Unstarted(operation) }
    }

    /// An operation that fails when it is polled: what it was given is found wrong already.
    pub(crate) fn refused(operation: O, error: io::Error) -> Self {
        Self { state: State::Refused(operation, error) }
    }

    /// Asks the kernel to stop the operation, and goes on waiting for what comes of it: the result
    /// with which it was done, or [`ECANCELED`](libc::ECANCELED), and in both cases all it owns.
    ///
    /// One that has not begun never will, and gives `ECANCELED`.
    pub fn cancel(mut self) -> Self {
        self.state = match self.state {
            State::Unstarted(operation) => State::Refused(operation, cancelled()),
            State::Started(started) => {
                // SAFETY: we are the cell's future.
                unsafe { cell::request_cancel(started.cell) };
                State::Started(started)
            }
            ended => ended,
        };
        self
    }

    fn start(&mut self, cx: &Context<'_>) -> Poll<O::Output> {
        let State::Unstarted(operation) = std::mem::replace(&mut self.state, State::Finished)
        else {
            unreachable!("called on an operation that has not begun");
        };
        context::with(|local| match local {
            None => Poll::Ready(operation.finish(Err(not_on_a_ring()))),
            Some(local) if local.stopping.get() => Poll::Ready(operation.finish(Err(cancelled()))),
            Some(local) => self.submit(local, operation, cx),
        })
    }

    fn finish_refused(&mut self) -> Poll<O::Output> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Refused(operation, error) => Poll::Ready(operation.finish(Err(error))),
            _ => unreachable!("called on a refused operation"),
        }
    }

    fn submit(&mut self, local: &Local, operation: O, cx: &Context<'_>) -> Poll<O::Output> {
        // The user's code, before anything is begun.
        let waker = cx.waker().clone();
        let memory = recycle::take(Layout::new::<OpCell<O>>()).cast::<OpCell<O>>();
        let header = CellHeader::new(local, Types::<O>::VTABLE, waker);
        let operation = UnsafeCell::new(ManuallyDrop::new(operation));
        // SAFETY: the block is ours, large enough and aligned.
        unsafe { memory.write(OpCell { header, operation }) };
        let cell = memory.cast::<CellHeader>();
        let prepared = Prepared { cell, operation: PhantomData::<O> };
        // The user's code, if the buffer is of a type of the user's.
        // SAFETY: the cell is ours alone until it is submitted.
        let entry = unsafe { operation_of::<O>(cell) }.entry();
        let opcode = entry.get_opcode() as u8;
        if !local.ring.borrow().features().operations.supports(opcode) {
            return Poll::Ready(prepared.into_operation().finish(Err(unsupported(opcode))));
        }
        let started = prepared.into_started();
        local.counters().operations_started.add(1);
        // SAFETY: the operation keeps what the entry points to, in the cell, which stays until its
        // completion has been reaped.
        unsafe { local.ring.borrow_mut().start(entry, cell) };
        self.state = State::Started(started);
        Poll::Pending
    }
}

impl<O: Operation> Future for Op<O> {
    type Output = O::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let this = self.get_mut();
        match &this.state {
            State::Unstarted(_) => this.start(cx),
            State::Refused(..) => this.finish_refused(),
            State::Started(started) => {
                // SAFETY: we are the future, so the cell is there.
                let completion = unsafe { &started.cell.as_ref().completion };
                // SAFETY: we are the future.
                let Some(outcome) = (unsafe { completion.poll(cx.waker()) }) else {
                    return Poll::Pending;
                };
                let cell = started.cell;
                std::mem::forget(std::mem::replace(&mut this.state, State::Finished));
                // SAFETY: settled, so the cell is ours; and we have forgotten it.
                let operation = unsafe { take_apart::<O>(cell) };
                Poll::Ready(operation.finish(into_result(outcome)))
            }
            State::Finished => panic!("a finished operation was polled again"),
        }
    }
}

impl<O: Operation> fmt::Debug for Op<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unstarted(_) => "unstarted",
            State::Refused(..) => "refused",
            State::Started(_) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("Op").field("state", &state).finish()
    }
}

/// The kernel's answer: a number, or a negative errno.
fn into_result(outcome: Outcome) -> io::Result<u32> {
    u32::try_from(outcome.result).map_err(|_| io::Error::from_raw_os_error(-outcome.result))
}

fn cancelled() -> io::Error {
    io::Error::from_raw_os_error(libc::ECANCELED)
}

fn not_on_a_ring() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this is no thread of a ring, so there is no ring to start the operation on; \
         await it in a task of a pool",
    )
}

struct Types<O>(PhantomData<O>);

impl<O: Operation> Types<O> {
    const VTABLE: &'static CellVTable = &CellVTable {
        leaves_orphan: true,
        stop: if O::STOPS { stop } else { let_it_end },
        dispose: dispose::<O>,
        free: free::<O>,
    };
}

/// # Safety
///
/// `cell` heads an `OpCell<O>` that holds its operation, which is the caller's for `'a`.
unsafe fn operation_of<'a, O>(cell: NonNull<CellHeader>) -> &'a mut O {
    // SAFETY: the caller's promise.
    unsafe { &mut *cell.cast::<OpCell<O>>().as_ref().operation.get() }
}

/// Takes the operation out of a cell and frees the cell.
///
/// # Safety
///
/// `cell` heads an `OpCell<O>` that is the caller's and holds its operation.
unsafe fn take_apart<O>(cell: NonNull<CellHeader>) -> O {
    // SAFETY: the caller's, and not used again.
    let operation = unsafe { std::ptr::read(operation_of::<O>(cell)) };
    // SAFETY: the caller's, and empty now.
    unsafe { free::<O>(cell) };
    operation
}

/// Takes the operation out of a cell that was never submitted, and frees the cell.
///
/// # Safety
///
/// `cell` heads an `OpCell<O>` that only the caller knows, on its home thread.
unsafe fn recall<O>(cell: NonNull<CellHeader>) -> O {
    // SAFETY: the caller's, at home; nobody else completes it.
    let (_, waker) = unsafe { cell.as_ref().completion.take_over() };
    // SAFETY: the caller's, and it holds its operation.
    let operation = unsafe { take_apart(cell) };
    // The user's code, so last.
    drop(waker);
    operation
}

/// The future of an operation is gone, or wants it to end.
///
/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn stop(local: &Local, cell: NonNull<CellHeader>) {
    local.ring.borrow_mut().cancel(cell);
}

/// In place of [`stop`] for operations that are not stopped.
///
/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn let_it_end(_: &Local, _: NonNull<CellHeader>) {}

/// Nobody waits: make the output, so that whatever it owns is dropped as it should be.
///
/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose<O: Operation>(cell: NonNull<CellHeader>) {
    // SAFETY: settled and the caller's.
    let outcome = unsafe { cell.as_ref().completion.outcome() };
    // SAFETY: the caller's, and not used again.
    let operation = unsafe { std::ptr::read(operation_of::<O>(cell)) };
    drop(operation.finish(into_result(outcome)));
}

/// # Safety
///
/// See [`CellVTable::free`].
unsafe fn free<O>(cell: NonNull<CellHeader>) {
    // SAFETY: made by `submit` with this layout, says the caller.
    unsafe { recycle::give(cell.cast(), Layout::new::<OpCell<O>>()) };
}
