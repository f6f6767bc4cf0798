//! Permits that are taken, waited for in line, and given back: what [`Mutex`](super::Mutex) (one
//! permit), [`Semaphore`](super::Semaphore) and [`RwLock`](super::RwLock) (a reader takes one, a
//! writer all of them) are made of.
//!
//! One word counts the permits that nobody has; its two lowest bits say what concerns everybody:
//!
//! | bits of the word | meaning                                                         |
//! |------------------|-----------------------------------------------------------------|
//! | 2 and above      | how many permits are there to be taken                          |
//! | 1                | `WAITED`: somebody waits, or is about to; take the lock         |
//! | 0                | `CLOSED`: nobody gets any more                                  |
//!
//! Without `WAITED` permits are taken by one compare-and-exchange, and given back by one addition.
//! With it nobody takes any but under the lock, so that nobody overtakes the line; and whoever
//! gives back sees it in the value that the addition returns, and serves the line.
//!
//! **Why no wake is lost.** Who is to wait sets `WAITED` under the lock and looks at the value that
//! this returns. What was given back before is in that value, and is taken. What is given back
//! later finds the bit, and its giver comes to the lock. One word, read-modify-writes only: there
//! is no moment in between. `WAITED` is set and cleared under the lock alone, and is set as long as
//! anybody is in line.
//!
//! **First come, first served.** The first in line gets its permits as soon as there are enough,
//! all at once, and those behind it wait for that; so a wish for many is not starved by wishes for
//! few. Permits that come meanwhile stay in the word, where `WAITED` keeps them for the line.
//! Before it lines up a wait looks on for a moment, as long as nobody is in line: what two
//! processors hold in turns, for some nanoseconds each, would else cost a wake each time. It does
//! not if the last who took permits is on this very thread, and so cannot give back meanwhile
//! (`taker.rs`).
//! Where it does not pay, on a machine with one processor for instance, the moment is soon down to
//! one look a wait (`looks`).

use std::task::{Poll, Waker};

use super::error::{AcquireError, TryAcquireError};
use super::taker::{Taker, Thread};
use super::waiting::{Begun, Left, Locked, Place, Wait, WaitList, const_fn};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::spin_loop;
use crate::wakes::Wakes;

const CLOSED: usize = 1;
const WAITED: usize = 2;
const ONE: usize = 4;

/// How often somebody looks on at most, for what is held for a moment only.
const LOOKS_MAX: usize = if cfg!(ringpool_loom) { 1 } else { 32 };

/// How many permits the word has room for, and some to spare.
pub(super) const PERMITS_MAX: usize = usize::MAX >> 3;

/// What those in line bring.
#[derive(Clone, Copy)]
struct Wish {
    needed: usize,
    /// Where it was lined up, and where it is likely to be when it is granted.
    thread: Thread,
}

/// Those in line find what they need taken, or everything closed.
type Granted = Result<(), AcquireError>;
type Line = Locked<(), Wish, Granted>;

pub(super) struct Permits {
    word: AtomicUsize,
    /// How often to look on before lining up: more if that was worth it of late.
    looks: AtomicUsize,
    /// The thread on which permits were taken last: a guess at where their holder is now.
    taker: Taker,
    waiting: WaitList<(), Wish, Granted>,
}

impl Permits {
    const_fn! {
        /// `count` is at most [`PERMITS_MAX`].
        pub(super) fn new(count: usize) -> Self {
            Self {
                word: AtomicUsize::new(count * ONE),
                looks: AtomicUsize::new(LOOKS_MAX.div_ceil(4)),
                taker: Taker::nobody(),
                waiting: WaitList::new(()),
            }
        }
    }

    /// Takes `needed` permits if that needs no waiting.
    #[inline]
    pub(super) fn try_acquire(&self, needed: usize) -> Result<(), TryAcquireError> {
        // Ordering: Acquire, here and where the exchange fails, with the Release of who closed.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if word & WAITED != 0 || word / ONE < needed {
                return Err(TryAcquireError::NoPermits);
            }
            // Ordering: Acquire, with the Release of those who gave back what is taken here. Only
            // read-modify-writes change the word, so all of them are in the release sequence.
            let exchanged = self.word.compare_exchange_weak(
                word,
                word - needed * ONE,
                Ordering::Acquire,
                Ordering::Acquire,
            );
            match exchanged {
                Ok(_) => {
                    self.taker.note(Thread::this());
                    return Ok(());
                }
                Err(newer) => word = newer,
            }
        }
    }

    /// A wait for `needed` permits, which begins when it is first polled.
    #[inline]
    pub(super) fn acquire(&self, needed: usize) -> Acquire<'_> {
        Acquire { permits: self, needed, place: Place::Outside }
    }

    /// As [`try_acquire`](Self::try_acquire), but looks on for a moment if nobody waits: somebody
    /// on another processor may be about to give back, and that is cheaper than being woken.
    #[cold]
    fn acquire_soon(&self, needed: usize) -> Result<(), TryAcquireError> {
        if self.taker.is_on_this_thread() {
            return Err(TryAcquireError::NoPermits);
        }
        // Ordering: Relaxed, here and below: a guess that needs nothing.
        let looks = self.looks.load(Ordering::Relaxed);
        for _ in 0..looks {
            spin_loop();
            // Ordering: Relaxed; only tells whether it is worth trying.
            let word = self.word.load(Ordering::Relaxed);
            if word & (WAITED | CLOSED) != 0 {
                return self.try_acquire(needed);
            }
            if word / ONE >= needed && self.try_acquire(needed).is_ok() {
                self.looks.store((looks * 2).min(LOOKS_MAX), Ordering::Relaxed);
                return Ok(());
            }
        }
        self.looks.store((looks / 2).max(1), Ordering::Relaxed);
        Err(TryAcquireError::NoPermits)
    }

    /// Gives permits back.
    #[inline]
    pub(super) fn release(&self, count: usize) {
        if count == 0 {
            return;
        }
        self.taker.clear();
        // Ordering: Release, with the Acquire of whoever takes them.
        if self.word.fetch_add(count * ONE, Ordering::Release) & WAITED != 0 {
            self.serve();
        }
    }

    /// As [`release`](Self::release), for permits that there were not before; `false` if there
    /// would be more than [`PERMITS_MAX`].
    pub(super) fn add(&self, count: usize) -> bool {
        let room = |word: usize| count <= PERMITS_MAX.saturating_sub(word / ONE);
        let added = |word: usize| room(word).then(|| word + count * ONE);
        // Ordering: Release and Relaxed, as in `release` and `try_acquire`.
        let before = self.word.fetch_update(Ordering::Release, Ordering::Relaxed, added);
        if before.is_ok_and(|word| word & WAITED != 0) {
            self.serve();
        }
        before.is_ok()
    }

    /// Takes away at most `count` of those that nobody has; says how many.
    pub(super) fn forget(&self, count: usize) -> usize {
        self.waiting.with(|line, _| {
            // Ordering: Relaxed, since what is behind the permits is not looked at. While `WAITED`
            // is set, others can only add to what we have read.
            let word = self.word.fetch_or(WAITED, Ordering::Relaxed);
            let forgotten = count.min(word / ONE);
            self.settle(line, forgotten);
            forgotten
        })
    }

    pub(super) fn available(&self) -> usize {
        // Ordering: Relaxed, for a number that may be out of date when it is looked at.
        self.word.load(Ordering::Relaxed) / ONE
    }

    /// Closes: whoever waits, or comes later, gets an error.
    pub(super) fn close(&self) {
        self.waiting.with(|line, wakes| {
            // Ordering: Release, with the Acquire of who finds it closed, who may ask why it was.
            self.word.fetch_or(CLOSED | WAITED, Ordering::Release);
            line.serve_all(wakes, |_| Err(AcquireError(())));
            self.settle(line, 0);
        });
    }

    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire, with the Release in `close`.
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    #[cold]
    fn serve(&self) {
        self.waiting.with(|line, wakes| self.serve_line(line, wakes));
    }

    /// Serves those in line, as far as the permits go.
    fn serve_line(&self, line: &mut Line, wakes: &mut Wakes) {
        // Ordering: Acquire, with the Release of those who gave back; the lock hands that on to
        // those who are served here. Who gives back later comes here too.
        let word = self.word.load(Ordering::Acquire);
        // The lock's holders alone change the bit, so this is up to date.
        if word & WAITED == 0 {
            return;
        }
        let available = word / ONE;
        let mut taken = 0;
        while let Some(&wish) = line.line.first()
            && wish.needed <= available - taken
        {
            taken += wish.needed;
            self.taker.note(wish.thread);
            line.serve_first(wakes, |_| Ok(()));
        }
        self.settle(line, taken);
    }

    /// Takes `taken` permits out of the word, and `WAITED` too if nobody waits any more. The bit is
    /// set, and so many permits are there.
    fn settle(&self, line: &Line, taken: usize) {
        let waited = if line.line.is_empty() { WAITED } else { 0 };
        if taken + waited != 0 {
            // Ordering: Relaxed, since whoever takes permits has read the word with Acquire before.
            self.word.fetch_sub(taken * ONE + waited, Ordering::Relaxed);
        }
    }

    /// The first step of a wait: takes permits that are there, or lines up.
    fn begin(&self, line: &mut Line, needed: usize) -> Begun<Wish, Granted> {
        // Ordering: Acquire, with the Release of those who gave back; see the top of the page.
        let word = self.word.fetch_or(WAITED, Ordering::Acquire);
        if word & CLOSED != 0 {
            self.settle(line, 0);
            return Begun::Done(Err(AcquireError(())));
        }
        if line.line.is_empty() && needed <= word / ONE {
            self.settle(line, needed);
            return Begun::Done(Ok(()));
        }
        Begun::Wait(Wish { needed, thread: Thread::this() })
    }

    /// After a wait has left the line: those behind it may be due.
    fn close_ranks(
        &self,
        line: &mut Line,
        wakes: &mut Wakes,
        left: Left<Wish, Granted>,
        needed: usize,
    ) {
        if let Left::Served(Ok(())) = left {
            // Ordering: Release, as in `release`.
            self.word.fetch_add(needed * ONE, Ordering::Release);
        }
        self.serve_line(line, wakes);
    }
}

/// A wait for permits. Whoever gets `Ok` has them, and must see to it that they are given back.
pub(super) struct Acquire<'a> {
    permits: &'a Permits,
    needed: usize,
    place: Place,
}

impl Acquire<'_> {
    pub(super) fn is_in_line(&self) -> bool {
        self.place.is_in_line()
    }
}

impl Wait for Acquire<'_> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll_wait(&mut self, waker: &Waker) -> Poll<Self::Output> {
        if !self.place.is_in_line() {
            let first = self.permits.try_acquire(self.needed);
            match first.or_else(|_| self.permits.acquire_soon(self.needed)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError(()))),
                Err(TryAcquireError::NoPermits) => {}
            }
        }
        self.poll_line(waker)
    }

    fn give_up(&mut self) -> Option<Self::Output> {
        let Self { permits, needed, ref mut place } = *self;
        let ended = permits.waiting.leave(place, |line, wakes, left| match left {
            Left::Served(granted) => Some(granted),
            Left::Waiting(_) => {
                permits.close_ranks(line, wakes, left, needed);
                None
            }
        });
        ended.flatten()
    }
}

impl Acquire<'_> {
    #[inline(never)]
    fn poll_line(&mut self, waker: &Waker) -> Poll<Result<(), AcquireError>> {
        let Self { permits, needed, ref mut place } = *self;
        let polled = permits.waiting.poll(place, waker, |line, _| permits.begin(line, needed));
        if let Poll::Ready(Ok(())) = polled {
            permits.taker.note(Thread::this());
        }
        polled
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_in_line() {
            let Self { permits, needed, ref mut place } = *self;
            permits.waiting.leave(place, |line, wakes, left| {
                permits.close_ranks(line, wakes, left, needed);
            });
        }
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;
    use std::thread;

    fn looks(permits: &Permits) -> usize {
        permits.looks.load(Ordering::Relaxed)
    }

    #[test]
    fn nobody_looks_on_while_the_permit_was_taken_on_the_same_thread() {
        let permits = Permits::new(1);
        let before = looks(&permits);
        permits.try_acquire(1).unwrap();
        assert!(permits.acquire_soon(1).is_err());
        assert_eq!(looks(&permits), before, "it has not looked, and learned nothing");
        thread::scope(|scope| {
            scope.spawn(|| assert!(permits.acquire_soon(1).is_err()));
        });
        assert_eq!(looks(&permits), before / 2, "another thread has looked in vain");
    }

    #[test]
    fn nobody_looks_on_while_the_permit_was_handed_to_the_same_thread() {
        let permits = Permits::new(1);
        permits.try_acquire(1).unwrap();
        let mut waiting = permits.acquire(1);
        assert!(waiting.poll_wait(Waker::noop()).is_pending());
        permits.release(1);
        let before = looks(&permits);
        assert!(permits.acquire_soon(1).is_err());
        assert_eq!(looks(&permits), before, "who waited did so on this thread");
        thread::scope(|scope| {
            scope.spawn(|| assert!(waiting.poll_wait(Waker::noop()).is_ready()));
        });
        assert!(permits.acquire_soon(1).is_err());
        assert_eq!(looks(&permits), before / 2, "and has gone to another one with it");
    }

    #[test]
    fn who_has_given_back_does_not_take_himself_for_the_holder() {
        let permits = Permits::new(2);
        permits.try_acquire(1).unwrap();
        permits.release(1);
        let before = looks(&permits);
        assert!(permits.acquire_soon(3).is_err());
        assert_eq!(looks(&permits), before / 2);
    }

    #[test]
    fn where_looking_on_never_pays_it_is_soon_one_look_a_wait() {
        let permits = Permits::new(0);
        for _ in 0..LOOKS_MAX.ilog2() {
            assert!(permits.acquire_soon(1).is_err());
        }
        assert_eq!(looks(&permits), 1);
    }
}
