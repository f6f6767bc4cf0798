//! A turn that one at a time has, until somebody finishes what it is for.
//!
//! The word says that nobody has the turn (`FREE`), that somebody has it (`BUSY`), that somebody
//! has it and others wait for it (`BUSY | GUARDED`), or that it is finished, for good (`OVER`). The
//! guard is put on under the lock, by the read-modify-write that looks for the last time, before
//! the one who is to wait goes into line. So whoever ends a turn finds it, and comes to the lock.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::waiting::{Begun, Left, Locked, Place, Wait, WaitList, const_fn, poll_with_budget};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::wakes::Wakes;

const FREE: usize = 0;
const BUSY: usize = 1;
const GUARDED: usize = 2;
const OVER: usize = 4;

pub(super) struct Turns {
    word: AtomicUsize,
    waits: WaitList<(), (), Found>,
}

/// What a wait for the turn ends with.
enum Found {
    Turn,
    Over,
}

/// What somebody finds who does not wait.
pub(super) enum Taken<'a> {
    Turn(Turn<'a>),
    BySomebodyElse,
    Over,
}

/// The turn. Dropping it gives it to the next in line.
pub(super) struct Turn<'a>(&'a Turns);

/// A wait for the turn; `None` once it is over.
pub(super) struct TurnWait<'a> {
    turns: &'a Turns,
    place: Place,
}

impl Turns {
    const_fn! {
        pub(super) fn new() -> Self {
            Self { word: AtomicUsize::new(FREE), waits: WaitList::new(()) }
        }
    }

    pub(super) fn try_take(&self) -> Taken<'_> {
        // Ordering: Acquire, with the Release of who ended the turn before.
        match self.word.compare_exchange(FREE, BUSY, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => Taken::Turn(Turn(self)),
            Err(OVER) => Taken::Over,
            Err(_) => Taken::BySomebodyElse,
        }
    }

    pub(super) fn take(&self) -> TurnWait<'_> {
        TurnWait { turns: self, place: Place::Outside }
    }

    /// Gives the turn to the next in line; the lock is held, and the turn is the caller's.
    fn pass_on(&self, locked: &mut Locked<(), (), Found>, wakes: &mut Wakes) {
        let is_taken = locked.serve_first(wakes, |()| Found::Turn);
        if !is_taken {
            // Ordering: Release, with the Acquire of who takes the turn.
            self.word.fetch_and(!BUSY, Ordering::Release);
        }
        self.settle(locked);
    }

    /// Takes the guard away if nobody is left in line.
    fn settle(&self, locked: &Locked<(), (), Found>) {
        if locked.line.is_empty() {
            // Ordering: Relaxed: who has the turn frees it later.
            self.word.fetch_and(!GUARDED, Ordering::Relaxed);
        }
    }

    /// The last look of who is to wait; the lock is held. Guards the word if there is nothing.
    fn look_or_guard(&self) -> Option<Found> {
        // Ordering: Relaxed, a guess that the exchange confirms.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let (next, found) = match word {
                OVER => (OVER, Some(Found::Over)),
                FREE => (BUSY, Some(Found::Turn)),
                _ => (BUSY | GUARDED, None),
            };
            // Ordering: Acquire, with the Release of who ended the turn before.
            match self.word.compare_exchange_weak(word, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return found,
                Err(now) => word = now,
            }
        }
    }

    fn outcome(&self, found: Found) -> Option<Turn<'_>> {
        match found {
            Found::Turn => Some(Turn(self)),
            Found::Over => None,
        }
    }
}

impl Turn<'_> {
    /// Nobody gets a turn any more, and nobody waits for one.
    pub(super) fn finish(self) {
        let turns = ManuallyDrop::new(self).0;
        // Ordering: Release, with the Acquire of who looks. Nobody guards the word after this.
        if turns.word.swap(OVER, Ordering::Release) & GUARDED != 0 {
            turns.waits.with(|locked, wakes| locked.serve_all(wakes, |()| Found::Over));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let turns = self.0;
        // Ordering: Release, with the Acquire of who takes the turn.
        let freed = turns.word.compare_exchange(BUSY, FREE, Ordering::Release, Ordering::Relaxed);
        if freed.is_err() {
            turns.waits.with(|locked, wakes| turns.pass_on(locked, wakes));
        }
    }
}

impl<'a> Wait for TurnWait<'a> {
    type Output = Option<Turn<'a>>;

    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
        let turns = self.turns;
        if !self.place.is_in_line() {
            match turns.try_take() {
                Taken::Turn(turn) => return Poll::Ready(Some(turn)),
                Taken::Over => return Poll::Ready(None),
                Taken::BySomebodyElse => {}
            }
        }
        let polled = turns.waits.poll(&mut self.place, waker, |_, _| match turns.look_or_guard() {
            Some(found) => Begun::Done(found),
            None => Begun::Wait(()),
        });
        polled.map(|found| turns.outcome(found))
    }

    fn give_up(&mut self) -> Option<Self::Output> {
        let turns = self.turns;
        let left = turns.waits.leave(&mut self.place, |locked, _, left| match left {
            Left::Served(found) => Some(found),
            Left::Waiting(()) => {
                turns.settle(locked);
                None
            }
        });
        left.flatten().map(|found| turns.outcome(found))
    }
}

impl<'a> Future for TurnWait<'a> {
    type Output = Option<Turn<'a>>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_with_budget(&mut *self, cx)
    }
}

impl Drop for TurnWait<'_> {
    fn drop(&mut self) {
        // A turn that had been handed over goes to the next when it is dropped.
        drop(self.give_up());
    }
}
