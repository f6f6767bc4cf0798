//! Who accepts next.
//!
//! A listener has at most one `accept` in the kernel. The task whose turn it is waits for it, the
//! others stand in line; when the turn's task has its connection, the first in line is told. A task
//! that is dropped in its turn leaves the operation to the next one. So a connection never sits in
//! an operation that nobody looks at while others wait, and tasks that all accept take turns, on
//! whichever ring they are.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::op::parked::was_cancelled;
use crate::op::{Accept, Op, Operation, SharedFd, accept};
use crate::primitives::{Mutex, lock};
use crate::task::run;

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
    parked: Option<Op<Accept>>,
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
    fn try_begin(&self) -> Option<Option<Op<Accept>>> {
        let mut line = lock(&self.0);
        if line.is_taken {
            return None;
        }
        line.is_taken = true;
        Some(line.parked.take())
    }

    /// Takes the turn or a place in line.
    fn begin_or_wait(&self, waker: Waker) -> Result<Option<Op<Accept>>, u64> {
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
    fn begin_if_called(&self, ticket: u64, waker: &Waker) -> Option<Option<Op<Accept>>> {
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
    fn end(&self, left: Option<Op<Accept>>) {
        let mut line = lock(&self.0);
        line.parked = left;
        let next = line.waiting.pop_front();
        line.called = next.as_ref().map(|next| next.ticket);
        line.is_taken = next.is_some();
        drop(line);
        if let Some(next) = next {
            run::wake(next.waker);
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

/// Waits for the turn, and then for a connection.
pub(super) struct Accepting<'a> {
    fd: &'a SharedFd,
    acceptors: &'a Acceptors,
    state: State,
}

enum State {
    New,
    Waiting(u64),
    /// It is our turn, and this is in the kernel.
    Accepting(Op<Accept>),
    Finished,
}

impl<'a> Accepting<'a> {
    pub(super) fn new(fd: &'a SharedFd, acceptors: &'a Acceptors) -> Self {
        Self { fd, acceptors, state: State::New }
    }

    /// Takes the turn, with the operation to go on with if one has been left in the kernel.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Option<Op<Accept>>> {
        let turn = match self.state {
            State::Waiting(ticket) => self.acceptors.begin_if_called(ticket, cx.waker()),
            _ => self.acceptors.try_begin().or_else(|| {
                let place = self.acceptors.begin_or_wait(cx.waker().clone());
                place.map_err(|ticket| self.state = State::Waiting(ticket)).ok()
            }),
        };
        turn.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Future for Accepting<'_> {
    type Output = <Accept as Operation>::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut begun_now = false;
        if matches!(this.state, State::New | State::Waiting(_)) {
            let Poll::Ready(parked) = this.poll_turn(cx) else { return Poll::Pending };
            begun_now = parked.is_none();
            this.state = State::Accepting(parked.unwrap_or_else(|| accept(this.fd)));
        }
        loop {
            let State::Accepting(operation) = &mut this.state else {
                panic!("a finished accept was polled again");
            };
            let Poll::Ready(result) = Pin::new(operation).poll(cx) else { return Poll::Pending };
            match result {
                Err(error) if was_cancelled(&error) && !begun_now => {
                    // The ring of whoever left it to us has stopped; ours has not.
                    begun_now = true;
                    this.state = State::Accepting(accept(this.fd));
                }
                result => {
                    this.state = State::Finished;
                    this.acceptors.end(None);
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Waiting(ticket) => self.acceptors.leave(ticket),
            State::Accepting(operation) => self.acceptors.end(Some(operation)),
            State::New | State::Finished => {}
        }
    }
}
