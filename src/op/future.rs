//! The future of an operation that completes once.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};
use std::{fmt, io, mem};

use io_uring::squeue;

use super::cell::{CellHeader, CellVTable};
use super::content::{Fresh, Started, content_of, free};
use super::{Operation, Shot, Start};
use crate::awaiting::{Awaited, noted};
use crate::completion::Outcome;
use crate::context::{self, Local};
use crate::coop;
use crate::foreign::shielded;
use crate::ring::{Beginning, family_of, unsupported};
use crate::stop::{self, Seen, Watch, cancelled};

/// A future that the kernel completes.
///
/// It starts when it is first polled, on that thread's ring, and must be polled on a ring's thread
/// for that; elsewhere it fails with [`io::ErrorKind::Unsupported`] and gives back what it owns.
///
/// In a [scope](crate::stop) that is asked to stop it does as if [`cancel`](Self::cancel) had been
/// called.
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
    /// With what is set in the entry besides what the operation says.
    Unstarted(O, squeue::Flags),
    /// It will not begin: it was cancelled before, or cannot be submitted at all.
    Refused(O, io::Error),
    /// In its cell, while those that are submitted together with it are made ready.
    Ready(Fresh<O>),
    /// In the kernel; with its place in the line of the scope in which it is polled, if any.
    Started(Started<O>, Watch),
    Finished,
}

impl<O: Operation> Unpin for Op<O> {}

impl<O: Operation> Op<O> {
    /// The future of an operation; of one of the caller's own, too.
    pub fn new(operation: O) -> Self {
        Self { state: State::Unstarted(operation, squeue::Flags::empty()) }
    }

    /// An operation that fails when it is polled: what it was given is found wrong already.
    pub(crate) fn refused(operation: O, error: io::Error) -> Self {
        Self { state: State::Refused(operation, error) }
    }

    /// Changes what the operation asks for.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub(super) fn adjust(mut self, change: impl FnOnce(&mut O)) -> Self {
        match &mut self.state {
            State::Unstarted(operation, _) | State::Refused(operation, _) => change(operation),
            _ => panic!("{LATE}"),
        }
        self
    }

    /// Sets `flags` in the entry.
    ///
    /// # Panics
    ///
    /// If the entry is made already.
    #[track_caller]
    pub(super) fn add_flags(&mut self, added: squeue::Flags) {
        match &mut self.state {
            State::Unstarted(_, flags) => *flags |= added,
            State::Refused(..) => {}
            _ => panic!("{LATE}"),
        }
    }

    /// Whether it is to wait for all others.
    pub(super) fn is_drained(&self) -> bool {
        matches!(self.state, State::Unstarted(_, flags) if flags.contains(squeue::Flags::IO_DRAIN))
    }

    /// What was set by [`add_flags`](Self::add_flags), of an operation that has not begun.
    pub(super) fn flags(&self) -> squeue::Flags {
        match &self.state {
            State::Unstarted(_, flags) => *flags,
            _ => squeue::Flags::empty(),
        }
    }

    /// Asks the kernel to stop the operation, and goes on waiting for what comes of it: the result
    /// with which it was done, or [`ECANCELED`](libc::ECANCELED), and in both cases all it owns.
    ///
    /// One that has not begun never will, and gives `ECANCELED`.
    pub fn cancel(mut self) -> Self {
        self.request_cancel();
        self
    }

    /// See [`cancel`](Self::cancel).
    pub(super) fn request_cancel(&mut self) {
        match mem::replace(&mut self.state, State::Finished) {
            State::Unstarted(operation, _) => self.state = State::Refused(operation, cancelled()),
            State::Ready(fresh) => self.state = State::Refused(fresh.into_content(), cancelled()),
            State::Started(started, watch) => {
                started.cancel();
                self.state = State::Started(started, watch);
            }
            ended => self.state = ended,
        }
    }

    /// Makes the cell and the entry, which is for [`begin`](Self::begin) to submit; `None` if the
    /// operation has failed already.
    pub(super) fn make_entry(&mut self, local: &Local, cx: &Context<'_>) -> Option<squeue::Entry> {
        let (operation, flags) = match mem::replace(&mut self.state, State::Finished) {
            State::Unstarted(operation, flags) => (operation, flags),
            other => {
                self.state = other;
                return None;
            }
        };
        // The user's code, before anything is begun.
        let waker = cx.waker().clone();
        let mut fresh = Fresh::new(local, Types::<O>::VTABLE, waker, operation);
        // The ring sees to the drain itself.
        let flags = flags - squeue::Flags::IO_DRAIN;
        match entry_of(local, &mut fresh, flags, |operation, start| operation.entry(start)) {
            Ok(entry) => {
                self.state = State::Ready(fresh);
                Some(entry)
            }
            Err(error) => {
                self.state = State::Refused(fresh.into_content(), error);
                None
            }
        }
    }

    /// The entry is about to be submitted.
    pub(super) fn begin(&mut self) {
        match mem::replace(&mut self.state, State::Finished) {
            State::Ready(fresh) => {
                self.state = State::Started(fresh.into_started(), Watch::new());
            }
            other => self.state = other,
        }
    }

    /// The entry will not be submitted, because one that belongs to it cannot be.
    pub(super) fn take_back(&mut self, error: io::Error) {
        match mem::replace(&mut self.state, State::Finished) {
            State::Ready(fresh) => self.state = State::Refused(fresh.into_content(), error),
            State::Unstarted(operation, _) => self.state = State::Refused(operation, error),
            other => self.state = other,
        }
    }

    /// Starts it alone.
    fn start(&mut self, cx: &Context<'_>) {
        context::with(|local| match local {
            None => self.take_back(not_on_a_ring()),
            Some(local) if local.stopping.get() => self.take_back(cancelled()),
            Some(local) => {
                let is_drained = self.is_drained();
                let Some(entry) = self.make_entry(local, cx) else { return };
                self.begin();
                count_started(local, &entry);
                let beginning = Beginning::here(local);
                let mut ring = local.ring.borrow_mut();
                if is_drained {
                    // SAFETY: as below.
                    return unsafe { ring.start_together(vec![entry], true, beginning) };
                }
                // SAFETY: the operation keeps what the entry points to, in the cell that its user
                // data names, which stays until its completion has been reaped.
                unsafe { ring.start(entry, beginning) };
            }
        });
    }

    /// Starts it alone, unless the scope is asked to stop.
    #[cold]
    fn start_in_scope(&mut self, cx: &Context<'_>, may_stop: impl FnOnce() -> bool) {
        if stop::is_stopped() {
            return self.take_back(cancelled());
        }
        self.start(cx);
        let State::Started(started, watch) = &mut self.state else { return };
        if O::STOPS && watch.look(cx.waker()) == Seen::StoppedNow && may_stop() {
            started.cancel();
        }
    }

    /// Nobody polls it for now; a stop of the scope in which it was polled is no affair of it.
    pub(crate) fn rest(&mut self) {
        if let State::Started(_, watch) = &mut self.state {
            watch.rest();
        }
    }

    /// As its poll; `may_stop` is asked before the operation is told to stop, because its scope is.
    #[track_caller]
    pub(crate) fn poll_unless(
        &mut self,
        cx: &Context<'_>,
        may_stop: impl FnOnce() -> bool,
    ) -> Poll<O::Output> {
        noted(Awaited::Operation, self.poll_stopping(cx, may_stop))
            .map(|(operation, result)| operation.finish(result))
    }

    /// The operation and the kernel's answer, once it is there.
    #[inline]
    #[track_caller]
    pub(super) fn poll_ended(&mut self, cx: &Context<'_>) -> Poll<(O, io::Result<u32>)> {
        noted(Awaited::Operation, self.poll_stopping(cx, || true))
    }

    /// As [`poll_ended`](Self::poll_ended); `may_stop` is asked before the operation is told to
    /// stop, because its scope is.
    #[inline]
    fn poll_stopping(
        &mut self,
        cx: &Context<'_>,
        may_stop: impl FnOnce() -> bool,
    ) -> Poll<(O, io::Result<u32>)> {
        if let State::Unstarted(..) = self.state {
            if !stop::is_scope() {
                self.start(cx);
            } else {
                self.start_in_scope(cx, may_stop);
            }
            return match self.state {
                // It has the waker, and nothing has come yet.
                State::Started(..) => Poll::Pending,
                _ => self.poll_unbegun(cx),
            };
        }
        if let State::Started(started, watch) = &mut self.state {
            // SAFETY: we are the future.
            let polled = unsafe { started.header().completion.poll(cx.waker()) };
            let Some(outcome) = polled else {
                if O::STOPS && watch.look(cx.waker()) == Seen::StoppedNow && may_stop() {
                    started.cancel();
                }
                return Poll::Pending;
            };
            let State::Started(started, _) = mem::replace(&mut self.state, State::Finished) else {
                unreachable!("it was just looked at");
            };
            // SAFETY: the outcome has been given to us.
            let mut operation = unsafe { started.into_content() };
            tell_flags(&mut operation, outcome);
            return Poll::Ready((operation, into_result(outcome)));
        }
        self.poll_unbegun(cx)
    }

    /// What became of an operation that the kernel never had. That is ready at once, and who tries
    /// again after each failure must not keep the ring to itself.
    #[cold]
    fn poll_unbegun(&mut self, cx: &Context<'_>) -> Poll<(O, io::Result<u32>)> {
        ready!(coop::poll_proceed(cx));
        coop::spend();
        match mem::replace(&mut self.state, State::Finished) {
            State::Refused(operation, error) => Poll::Ready((operation, Err(error))),
            State::Ready(fresh) => Poll::Ready((fresh.into_content(), Err(cancelled()))),
            _ => panic!("a finished operation was polled again"),
        }
    }
}

impl<O: Operation> Future for Op<O> {
    type Output = O::Output;

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        self.get_mut().poll_ended(cx).map(|(operation, result)| operation.finish(result))
    }
}

impl<O: Operation> fmt::Debug for Op<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Unstarted(..) | State::Ready(_) => "unstarted",
            State::Refused(..) => "refused",
            State::Started(..) => "started",
            State::Finished => "finished",
        };
        f.debug_struct("Op").field("state", &state).finish()
    }
}

/// The entry of what is in a cell, made by `make` and ready to be submitted.
///
/// # Errors
///
/// Those of `make`; `Unsupported` if this kernel does not have the operation.
#[inline]
pub(super) fn entry_of<C>(
    local: &Local,
    fresh: &mut Fresh<C>,
    flags: squeue::Flags,
    make: impl FnOnce(&mut C, &mut Start<'_>) -> io::Result<squeue::Entry>,
) -> io::Result<squeue::Entry> {
    let mut start = Start::new(local, flags);
    // The user's code, if the buffer is of a type of the user's.
    let entry = check_opcode(local, make(fresh.content(), &mut start)?)?;
    fresh.header().set_opcode(entry.get_opcode() as u8);
    Ok(entry.flags(start.flags()).user_data(user_data_of(fresh.cell())))
}

/// The entry, if this kernel has its operation.
#[inline]
fn check_opcode(local: &Local, entry: squeue::Entry) -> io::Result<squeue::Entry> {
    let opcode = entry.get_opcode() as u8;
    if local.ring.borrow().features().operations.supports(opcode) {
        Ok(entry)
    } else {
        Err(unsupported(opcode))
    }
}

/// The entry is about to be submitted.
#[inline]
pub(super) fn count_started(local: &Local, entry: &squeue::Entry) {
    local.counters().operations.start(family_of(entry.get_opcode() as u8));
}

#[inline]
fn user_data_of(cell: NonNull<CellHeader>) -> u64 {
    crate::ring::UserData::Cell(cell).into_bits()
}

fn tell_flags(operation: &mut impl Operation, outcome: Outcome) {
    if outcome.is_the_kernels() {
        operation.take_flags(outcome.flags);
    }
}

/// The kernel's answer: a number, or a negative errno.
#[inline]
pub(super) fn into_result(outcome: Outcome) -> io::Result<u32> {
    u32::try_from(outcome.result).map_err(|_| io::Error::from_raw_os_error(-outcome.result))
}

pub(crate) fn not_on_a_ring() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this is no thread of a ring, so there is no ring to start the operation on; \
         await it in a task of a pool",
    )
}

/// Said to who links, drains or limits an operation that is under way.
pub(super) const LATE: &str =
    "how an operation is done, after what and for how long has to be said before it is polled";

struct Types<O>(PhantomData<O>);

impl<O: Operation> Types<O> {
    const VTABLE: &'static CellVTable = &CellVTable {
        leaves_orphan: true,
        stop: if O::STOPS { stop } else { let_it_end },
        reaped: if O::SEES_REAPED { Some(reaped::<O>) } else { None },
        dispose: dispose::<O>,
        free: free::<O>,
    };
}

/// The future of an operation is gone, or wants it to end.
///
/// # Safety
///
/// See [`CellVTable::stop`].
pub(super) unsafe fn stop(local: &Local, cell: NonNull<CellHeader>) {
    local.ring.borrow_mut().cancel(cell);
}

/// In place of [`stop`](stop()) for operations that are not stopped.
///
/// # Safety
///
/// See [`CellVTable::stop`].
unsafe fn let_it_end(_: &Local, _: NonNull<CellHeader>) {}

/// A completion has come: shows it to the operation.
///
/// # Safety
///
/// See [`CellVTable::reaped`].
unsafe fn reaped<O: Operation>(
    _: &Local,
    cell: NonNull<CellHeader>,
    outcome: Outcome,
) -> Option<Waker> {
    // SAFETY: pending, so it is full, and neither the future nor the kernel looks at it now: the
    // future because it is pending, the kernel because its entry does not point to what this
    // changes.
    let operation = unsafe { &mut *content_of::<O>(cell) };
    // It may be the user's.
    let _ = shielded(|| operation.reaped(Shot::new(outcome)));
    None
}

/// Nobody waits: make the output, so that whatever it owns is dropped as it should be.
///
/// # Safety
///
/// See [`CellVTable::dispose`].
unsafe fn dispose<O: Operation>(cell: NonNull<CellHeader>) {
    // SAFETY: settled and the caller's.
    let outcome = unsafe { cell.as_ref().completion.outcome() };
    // SAFETY: the caller's, and not used again.
    let mut operation = unsafe { std::ptr::read(content_of::<O>(cell)) };
    tell_flags(&mut operation, outcome);
    drop(operation.finish(into_result(outcome)));
}
