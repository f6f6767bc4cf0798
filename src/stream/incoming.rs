//! What a stream knows about its reads: the one that was dropped, and what it has brought.

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Flow;
use super::attempt::{Attempt, Inward, did_nothing};
use super::kept::Kept;
use crate::buf::{BufError, BufResult, IoBufMut};
use crate::coop;
use crate::op::rest::Rest;
use crate::op::{Op, Operation, Received, SharedFd};

/// The reading side of a stream.
pub(crate) struct Incoming<F: Flow> {
    /// A read that was dropped in flight; its bytes come first.
    pub(super) parked: Kept<Earlier<F>>,
    /// Descriptors that came with its bytes.
    descriptors: Kept<Vec<OwnedFd>>,
}

/// A read that nobody holds.
pub(super) enum Earlier<F: Flow> {
    Dropped(Box<dyn ParkedRead>),
    /// One of [`poll_read`](super::Stream::poll_read), which begins too many to box each.
    Polled(Parked<Attempt<Inward<F>, Rest<Vec<u8>>>>),
}

impl<F: Flow> Deref for Earlier<F> {
    type Target = dyn ParkedRead;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Dropped(read) => &**read,
            Self::Polled(read) => read,
        }
    }
}

impl<F: Flow> DerefMut for Earlier<F> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Dropped(read) => &mut **read,
            Self::Polled(read) => read,
        }
    }
}

impl<F: Flow> Default for Incoming<F> {
    fn default() -> Self {
        Self { parked: Kept::new(), descriptors: Kept::new() }
    }
}

impl<F: Flow> Incoming<F> {
    /// Whether nothing is in the kernel, and nothing received is left.
    pub(super) fn is_idle(&self) -> bool {
        self.parked.is_none() && self.descriptors.is_none()
    }

    /// Keeps a read whose future is dropped, for the next one.
    pub(super) fn park<T: Transfer + 'static>(&mut self, stage: Stage<T>) {
        let read = Parked { stage, taken: 0 };
        self.parked.put(Earlier::Dropped(Box::new(read)));
    }

    /// Waits until the kernel has finished with what is parked.
    pub(super) fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<()> {
        let Some(parked) = self.parked.get_mut() else { return Poll::Ready(()) };
        if parked.poll_ended(fd, cx).is_pending() {
            return Poll::Pending;
        }
        let mut new = parked.take_descriptors();
        if !new.is_empty() {
            let mut all = self.take_descriptors();
            all.append(&mut new);
            self.descriptors.put(all);
        }
        coop::poll_proceed(cx)
    }

    /// Tells a read of [`poll_read`](super::Stream::poll_read) to end.
    pub(super) fn stop(&mut self, fd: &SharedFd) {
        let parked = match self.parked.take() {
            Some(Earlier::Polled(Parked { stage: Stage::InFlight(read), taken })) => {
                let in_flight = |read| Parked { stage: Stage::InFlight(read), taken };
                read.give_up(fd, true).ok().map(in_flight).map(Earlier::Polled)
            }
            other => other,
        };
        if let Some(parked) = parked {
            self.parked.put(parked);
        }
    }

    /// See [`Stream::poll_unread`](super::Stream::poll_unread).
    pub(super) fn poll_unread(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<usize> {
        self.stop(fd);
        let Some(parked) = self.parked.get_mut() else { return Poll::Ready(0) };
        parked.poll_ended(fd, cx).map(|()| self.left().len())
    }

    /// Whether a read that is parked is in the kernel.
    pub(super) fn is_in_flight(&self) -> bool {
        self.parked.get().is_some_and(|parked| parked.is_in_flight())
    }

    /// Bytes that are left, of a read that has ended, for who only looks at them.
    pub(super) fn left(&self) -> &[u8] {
        self.parked.get().map_or(&[], |parked| parked.bytes())
    }

    /// The descriptors that came with bytes which have been taken, or are left.
    pub(super) fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        self.descriptors.take().unwrap_or_default()
    }

    /// Moves bytes that are left to `target`, of a read that has ended.
    pub(super) fn take_left(&mut self, target: &mut impl Fill) {
        let Some(parked) = self.parked.get_mut() else { return };
        while target.room() > 0 {
            let bytes = parked.bytes();
            if bytes.is_empty() {
                break;
            }
            let count = target.fill(bytes);
            parked.take(count);
        }
        if parked.is_spent() {
            self.parked.take();
        }
    }

    /// What the read that is parked met behind its bytes, once all of them have been taken.
    pub(super) fn take_ending(&mut self) -> Ending {
        let parked = self.parked.get_mut()?;
        if !parked.bytes().is_empty() {
            return None;
        }
        let ending = parked.take_ending();
        self.parked.take();
        ending
    }
}

/// What a read met behind the bytes that it brought: the end of the stream, or a failure. Who reads
/// next is told, and does not ask again: one that is dropped time after time would never get to
/// know that there is no more, and a terminal says so only once.
pub(super) type Ending = Option<io::Result<()>>;

fn end_if(is_end: bool) -> Ending {
    is_end.then_some(Ok(()))
}

/// Whether it is the end, or a failure that is more than having been stopped.
fn says_something(ending: &io::Result<()>) -> bool {
    !ending.as_ref().is_err_and(did_nothing)
}

/// What a read fills.
pub(crate) trait Fill {
    /// How many bytes still fit.
    fn room(&self) -> usize;

    /// Copies as many of the bytes as there is room for, at least one; gives how many.
    fn fill(&mut self, bytes: &[u8]) -> usize;
}

impl<B: IoBufMut> Fill for Rest<B> {
    fn room(&self) -> usize {
        self.capacity()
    }

    fn fill(&mut self, bytes: &[u8]) -> usize {
        self.append(bytes)
    }
}

impl<B: IoBufMut> Fill for Pieces<B> {
    fn room(&self) -> usize {
        self.buffers.iter().map(IoBufMut::capacity).sum::<usize>() - self.done
    }

    fn fill(&mut self, bytes: &[u8]) -> usize {
        let (mut before, mut count) = (self.done, 0);
        for buffer in &mut self.buffers {
            let capacity = buffer.capacity();
            if before >= capacity {
                before -= capacity;
                continue;
            }
            let part = &bytes[count..][..(bytes.len() - count).min(capacity - before)];
            // SAFETY: there is room for that many behind those before, and nobody else can have a
            // buffer that we own.
            unsafe {
                buffer.ptr_mut().add(before).copy_from_nonoverlapping(part.as_ptr(), part.len());
            }
            // SAFETY: just written, and those before were already.
            unsafe { buffer.set_initialized_len(before + part.len()) };
            count += part.len();
            before = 0;
            if count == bytes.len() {
                break;
            }
        }
        self.done += count;
        count
    }
}

/// Several buffers, of which the first `done` bytes are filled.
pub(crate) struct Pieces<B> {
    pub(crate) buffers: Vec<B>,
    pub(crate) done: usize,
}

impl<B: IoBufMut> Pieces<B> {
    pub(crate) fn new(buffers: Vec<B>) -> Self {
        Self { buffers, done: 0 }
    }

    /// The buffers, of which those that were not reached are empty, as far as they can be.
    pub(crate) fn finish(mut self) -> Vec<B> {
        let mut before = self.done;
        for buffer in &mut self.buffers {
            if before == 0 {
                // SAFETY: no byte has to be initialized for that.
                unsafe { buffer.set_initialized_len(0) };
            }
            before = before.saturating_sub(buffer.capacity());
        }
        self.buffers
    }
}

impl<B: IoBufMut> Content for Pieces<B> {
    fn bytes_after(&self, taken: usize) -> &[u8] {
        let (mut before, mut left) = (taken, self.done - taken);
        for buffer in &self.buffers {
            let capacity = buffer.capacity();
            if before >= capacity {
                before -= capacity;
                continue;
            }
            left = left.min(capacity - before);
            return &buffer.as_bytes()[before..][..left];
        }
        &[]
    }
}

impl<B: IoBufMut> ReadOutput for BufResult<usize, Vec<B>> {
    type Content = Pieces<B>;

    fn into_content(self) -> (Pieces<B>, Ending) {
        match self {
            Ok((done, buffers)) => {
                let pieces = Pieces { buffers, done };
                let ending = end_if(done == 0 && pieces.room() > 0);
                (pieces, ending)
            }
            Err(BufError { error, buffer }) => {
                (Pieces { buffers: buffer, done: 0 }, Some(Err(error)))
            }
        }
    }
}

/// Bytes that came with descriptors.
pub(super) struct WithDescriptors<B> {
    pieces: Pieces<B>,
    descriptors: Vec<OwnedFd>,
}

impl<B: IoBufMut> Content for WithDescriptors<B> {
    fn bytes_after(&self, taken: usize) -> &[u8] {
        self.pieces.bytes_after(taken)
    }

    fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }
}

impl<B: IoBufMut> ReadOutput for BufResult<Received, Vec<B>> {
    type Content = WithDescriptors<B>;

    fn into_content(self) -> (WithDescriptors<B>, Ending) {
        match self {
            Ok((received, buffers)) => {
                let pieces = Pieces { buffers, done: received.count };
                let ending = end_if(received.count == 0 && pieces.room() > 0);
                (WithDescriptors { pieces, descriptors: received.into_descriptors() }, ending)
            }
            Err(BufError { error, buffer: buffers }) => {
                let pieces = Pieces { buffers, done: 0 };
                (WithDescriptors { pieces, descriptors: Vec::new() }, Some(Err(error)))
            }
        }
    }
}

/// A read that was dropped, whatever its buffer.
pub(super) trait ParkedRead: Send {
    /// Waits until the kernel has finished with it.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether the kernel has it.
    fn is_in_flight(&self) -> bool;

    /// Some of the bytes that are left; none only if none are left.
    fn bytes(&self) -> &[u8];

    /// The next `count` bytes have been taken.
    fn take(&mut self, count: usize);

    /// The descriptors that came with the bytes.
    fn take_descriptors(&mut self) -> Vec<OwnedFd>;

    /// What it met behind its bytes.
    fn take_ending(&mut self) -> Ending;

    /// Whether nothing of it is left that anybody has to be told.
    fn is_spent(&self) -> bool;
}

/// What the operation of a read gives.
pub(super) trait ReadOutput {
    /// The buffers, and what is in them.
    type Content: Content;

    /// What has been read, and what came behind that.
    fn into_content(self) -> (Self::Content, Ending);
}

/// What a read has brought.
pub(super) trait Content: Send + 'static {
    /// Some of the bytes after the first `taken`; none only if there are no more.
    fn bytes_after(&self, taken: usize) -> &[u8];

    /// The descriptors that came with the bytes.
    fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        Vec::new()
    }
}

impl<B: IoBufMut> ReadOutput for BufResult<usize, Rest<B>> {
    type Content = Rest<B>;

    fn into_content(self) -> (Rest<B>, Ending) {
        match self {
            Ok((count, rest)) => {
                let ending = end_if(count == 0 && rest.room() > 0);
                (rest, ending)
            }
            Err(BufError { error, buffer }) => (buffer, Some(Err(error))),
        }
    }
}

impl<B: IoBufMut> Content for Rest<B> {
    fn bytes_after(&self, taken: usize) -> &[u8] {
        &self.buffer.as_bytes()[..self.done][taken..]
    }
}

/// A read that may be in the kernel.
pub(super) trait Transfer: Send {
    type Output: ReadOutput;

    /// Goes on with it until it has ended.
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<Self::Output>;
}

impl<O: Operation<Output: ReadOutput>> Transfer for Op<O> {
    type Output = O::Output;

    fn poll_ended(&mut self, _: &SharedFd, cx: &mut Context<'_>) -> Poll<O::Output> {
        Pin::new(self).poll(cx)
    }
}

impl<F: Flow, B: IoBufMut> Transfer for Attempt<Inward<F>, Rest<B>> {
    type Output = BufResult<usize, Rest<B>>;

    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_moved(fd, cx)
    }
}

pub(super) struct Parked<T: Transfer> {
    pub(super) stage: Stage<T>,
    /// Bytes that have been taken out.
    pub(super) taken: usize,
}

pub(super) enum Stage<T: Transfer> {
    InFlight(T),
    Ended(<T::Output as ReadOutput>::Content, Ending),
}

impl<T: Transfer> ParkedRead for Parked<T> {
    fn poll_ended(&mut self, fd: &SharedFd, cx: &mut Context<'_>) -> Poll<()> {
        let Stage::InFlight(transfer) = &mut self.stage else { return Poll::Ready(()) };
        let Poll::Ready(output) = transfer.poll_ended(fd, cx) else { return Poll::Pending };
        let (content, ending) = output.into_content();
        self.stage = Stage::Ended(content, ending);
        Poll::Ready(())
    }

    fn is_in_flight(&self) -> bool {
        matches!(self.stage, Stage::InFlight(_))
    }

    fn bytes(&self) -> &[u8] {
        match &self.stage {
            Stage::InFlight(_) => &[],
            Stage::Ended(content, _) => content.bytes_after(self.taken),
        }
    }

    fn take(&mut self, count: usize) {
        self.taken += count;
    }

    fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        match &mut self.stage {
            Stage::InFlight(_) => Vec::new(),
            Stage::Ended(content, _) => content.take_descriptors(),
        }
    }

    fn take_ending(&mut self) -> Ending {
        match &mut self.stage {
            Stage::InFlight(_) => None,
            Stage::Ended(_, ending) => ending.take().filter(says_something),
        }
    }

    fn is_spent(&self) -> bool {
        let Stage::Ended(_, ending) = &self.stage else { return false };
        !ending.as_ref().is_some_and(says_something) && self.bytes().is_empty()
    }
}
