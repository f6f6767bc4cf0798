//! Who accepts next.
//!
//! A listener has at most one operation in the kernel: a single `accept`, or the stream of an
//! `incoming`. The task whose turn it is waits for it, the others stand in line; when the turn's
//! task has its connection, the first in line is told. A task that is dropped in its turn leaves
//! the operation to the next one. So a connection never sits in an operation that nobody looks at
//! while others wait, and tasks that all accept take turns, on whichever ring they are.
//!
//! A stream is left to the next one as well, with the connections that the kernel has delivered to
//! it. It is told to stop when there is no `incoming` any more, so that the kernel takes no more
//! connections than somebody wants; those it has delivered still come out first.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::stream::FusedStream;

use crate::op::parked::was_cancelled;
use crate::op::{
    Accept, AcceptMultishot, Multishot, Op, SharedFd, SocketAddress, accept, accept_multishot,
};
use crate::primitives::{Mutex, lock};
use crate::stop::{self, Watch};
use crate::wakes::wake;

/// The peer's address, as [`accept`] gives it.
type Address = SocketAddress;

/// A connection, and its peer's address, unless it has to be asked for.
pub(super) type Accepted = (SharedFd, Option<Address>);

/// The line of those who accept at one listener.
pub(super) struct Acceptors(Mutex<Line>);

#[derive(Default)]
struct Line {
    /// Somebody has the turn, or has been told to come for it.
    is_taken: bool,
    /// Who has been told.
    called: Option<u64>,
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
    /// What the last one left in the kernel.
    parked: Option<Source>,
    /// How many want a stream.
    streams: usize,
}

/// Where connections come from.
enum Source {
    One(Op<Accept>),
    Stream(Multishot<AcceptMultishot>),
}

struct Waiting {
    ticket: u64,
    waker: Waker,
}

impl Acceptors {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Line::default()))
    }

    /// Whether nothing is left in the kernel.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.0).parked.is_none()
    }

    /// Takes the turn if nobody has it, with what is parked.
    fn try_begin(&self) -> Option<Option<Source>> {
        let mut line = lock(&self.0);
        if line.is_taken {
            return None;
        }
        line.is_taken = true;
        Some(line.parked.take())
    }

    /// Takes the turn or a place in line.
    fn begin_or_wait(&self, waker: Waker) -> Result<Option<Source>, u64> {
        let mut line = lock(&self.0);
        if !line.is_taken {
            line.is_taken = true;
            let parked = line.parked.take();
            drop(line);
            drop(waker);
            return Ok(parked);
        }
        let ticket = line.next_ticket;
        line.next_ticket += 1;
        line.waiting.push_back(Waiting { ticket, waker });
        Err(ticket)
    }

    /// Takes the turn if we have been called; otherwise `waker` is woken when we are.
    fn begin_if_called(&self, ticket: u64, waker: &Waker) -> Option<Option<Source>> {
        let is_ours = |waiting: &&mut Waiting| waiting.ticket == ticket;
        {
            let mut line = lock(&self.0);
            if line.called == Some(ticket) {
                line.called = None;
                return Some(line.parked.take());
            }
            let place = line.waiting.iter_mut().find(is_ours);
            if place.is_none_or(|place| place.waker.will_wake(waker)) {
                return None;
            }
        }
        let mut other = waker.clone();
        let mut line = lock(&self.0);
        match line.waiting.iter_mut().find(is_ours) {
            Some(place) => std::mem::swap(&mut place.waker, &mut other),
            // Called meanwhile.
            None => {
                line.called = None;
                return Some(line.parked.take());
            }
        }
        drop(line);
        drop(other);
        None
    }

    /// Gives the turn to the next one, with what is left in the kernel.
    fn end(&self, mut left: Option<Source>) {
        let mut line = loop {
            let line = lock(&self.0);
            let Some(Source::Stream(stream)) = &mut left else { break line };
            if line.streams > 0 || stream.is_ending() {
                break line;
            }
            // It may have to ring a bell.
            drop(line);
            stream.stop();
        };
        line.parked = left.take_if(|left| !left.is_over());
        let next = line.waiting.pop_front();
        line.called = next.as_ref().map(|next| next.ticket);
        line.is_taken = next.is_some();
        drop(line);
        drop(left);
        if let Some(next) = next {
            wake(next.waker);
        }
    }

    fn add_stream(&self) {
        lock(&self.0).streams += 1;
    }

    /// One who wanted a stream is gone; has no turn, and is not in line.
    fn remove_stream(&self) {
        let mut line = lock(&self.0);
        line.streams -= 1;
        if line.streams == 0 && !line.is_taken && line.parked.is_some() {
            line.is_taken = true;
            let left = line.parked.take();
            drop(line);
            self.end(left);
        }
    }

    /// Gives up a place in line.
    fn leave(&self, ticket: u64) {
        let mut line = lock(&self.0);
        if line.called == Some(ticket) {
            let left = line.parked.take();
            drop(line);
            return self.end(left);
        }
        let place = line.waiting.iter().position(|waiting| waiting.ticket == ticket);
        let ours = place.and_then(|place| line.waiting.remove(place));
        drop(line);
        drop(ours);
    }
}

impl Source {
    /// Nothing will come of it.
    fn is_over(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.is_terminated())
    }

    /// Nobody waits for it for now.
    fn rest(&mut self) {
        match self {
            Self::One(operation) => operation.rest(),
            Self::Stream(stream) => stream.rest(),
        }
    }

    /// The next connection, or the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted>>> {
        match self {
            Self::One(operation) => Pin::new(operation)
                .poll(cx)
                .map(|accepted| Some(accepted.map(|(fd, peer)| (fd, Some(peer))))),
            Self::Stream(stream) => {
                stream.poll_item(cx).map(|item| item.map(|fd| fd.map(|fd| (fd, None))))
            }
        }
    }
}

/// One who accepts: waits for the turn, and then for a connection.
struct Acceptor<'a> {
    fd: &'a SharedFd,
    acceptors: &'a Acceptors,
    wants_stream: bool,
    state: State,
    /// For the wait in line.
    watch: Watch,
}

enum State {
    Idle,
    Waiting(u64),
    /// It is our turn, and this is in the kernel.
    Accepting(Source),
}

impl<'a> Acceptor<'a> {
    fn new(fd: &'a SharedFd, acceptors: &'a Acceptors, wants_stream: bool) -> Self {
        Self { fd, acceptors, wants_stream, state: State::Idle, watch: Watch::new() }
    }

    fn begin(&self) -> Source {
        if self.wants_stream {
            Source::Stream(accept_multishot(self.fd))
        } else {
            Source::One(accept(self.fd))
        }
    }

    /// Takes the turn, with the operation to go on with if one has been left in the kernel.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Option<Source>> {
        let turn = match self.state {
            State::Waiting(ticket) => self.acceptors.begin_if_called(ticket, cx.waker()),
            _ => self.acceptors.try_begin().or_else(|| {
                let place = self.acceptors.begin_or_wait(cx.waker().clone());
                place.map_err(|ticket| self.state = State::Waiting(ticket)).ok()
            }),
        };
        turn.map_or(Poll::Pending, Poll::Ready)
    }

    /// The next connection; the turn is the next one's then.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let mut begun_now = false;
        if !matches!(self.state, State::Accepting(_)) {
            let Poll::Ready(parked) = self.poll_turn(cx) else {
                if self.watch.poll_stopped(cx).is_ready() {
                    self.leave();
                    return Poll::Ready(Err(stop::cancelled()));
                }
                return Poll::Pending;
            };
            self.watch.rest();
            begun_now = parked.is_none();
            self.state = State::Accepting(parked.unwrap_or_else(|| self.begin()));
        }
        loop {
            let State::Accepting(source) = &mut self.state else {
                unreachable!("it is our turn");
            };
            let Poll::Ready(next) = source.poll_next(cx) else { return Poll::Pending };
            let accepted = match next {
                // What was left to us: the ring it was on has stopped, which ours has not, or it
                // was told to stop.
                Some(Err(error)) if was_cancelled(&error) && !begun_now => None,
                next => next,
            };
            let Some(accepted) = accepted else {
                begun_now = true;
                self.state = State::Accepting(self.begin());
                continue;
            };
            let State::Accepting(source) = std::mem::replace(&mut self.state, State::Idle) else {
                unreachable!("it was just looked at");
            };
            self.acceptors.end(Some(source).filter(|it| matches!(it, Source::Stream(_))));
            return Poll::Ready(accepted);
        }
    }

    /// Gives up the turn, or the place in line.
    fn leave(&mut self) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Waiting(ticket) => self.acceptors.leave(ticket),
            State::Accepting(mut source) => {
                source.rest();
                self.acceptors.end(Some(source));
            }
            State::Idle => {}
        }
    }
}

/// Waits for the turn, and then for one connection.
pub(super) struct Accepting<'a> {
    acceptor: Acceptor<'a>,
    is_finished: bool,
}

impl<'a> Accepting<'a> {
    pub(super) fn new(fd: &'a SharedFd, acceptors: &'a Acceptors) -> Self {
        Self { acceptor: Acceptor::new(fd, acceptors, false), is_finished: false }
    }
}

impl Future for Accepting<'_> {
    type Output = io::Result<Accepted>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_finished, "a finished accept was polled again");
        let accepted = self.acceptor.poll_accept(cx);
        self.is_finished = accepted.is_ready();
        accepted
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.acceptor.leave();
    }
}

/// One connection after the other, from a stream; it never ends.
pub(super) struct Connections<'a>(Acceptor<'a>);

impl<'a> Connections<'a> {
    pub(super) fn new(fd: &'a SharedFd, acceptors: &'a Acceptors) -> Self {
        acceptors.add_stream();
        Self(Acceptor::new(fd, acceptors, true))
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<SharedFd>> {
        self.0.poll_accept(cx).map_ok(|(connection, _)| connection)
    }
}

impl Drop for Connections<'_> {
    fn drop(&mut self) {
        self.0.leave();
        self.0.acceptors.remove_stream();
    }
}
