//! The semaphore beside a simple model of itself, step by step at random.

use crate::support::{ByHand, Random, seed};
use ringpool::sync::{AcquireFuture, Semaphore, SemaphorePermit};
use std::task::Poll;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    Got,
    Closed,
}

struct Waiting<'a> {
    real: ByHand<AcquireFuture<'a>>,
    needed: usize,
    fate: Fate,
}

/// The semaphore, and what the model says of it.
struct Pair<'a> {
    real: &'a Semaphore,
    available: usize,
    closed: bool,
    line: Vec<Waiting<'a>>,
    held: Vec<SemaphorePermit<'a>>,
}

impl<'a> Pair<'a> {
    /// The first in line gets all it needs, or nobody gets anything.
    fn model_serve(&mut self) {
        for wait in self.line.iter_mut().filter(|wait| wait.fate == Fate::Waits) {
            if wait.needed > self.available {
                break;
            }
            self.available -= wait.needed;
            wait.fate = Fate::Got;
        }
    }

    fn model_acquire(&mut self, needed: usize) -> Fate {
        if self.closed {
            return Fate::Closed;
        }
        if self.line.iter().any(|wait| wait.fate == Fate::Waits) || needed > self.available {
            return Fate::Waits;
        }
        self.available -= needed;
        Fate::Got
    }

    fn try_acquire(&mut self, needed: usize) {
        let expected = self.model_acquire(needed);
        let real = match self.real.try_acquire_many(needed as u32) {
            Ok(permit) => {
                self.held.push(permit);
                Fate::Got
            }
            Err(ringpool::sync::TryAcquireError::NoPermits) => Fate::Waits,
            Err(ringpool::sync::TryAcquireError::Closed) => Fate::Closed,
        };
        assert_eq!(real, expected);
    }

    fn start(&mut self, needed: usize) {
        let mut real = ByHand::new(self.real.acquire_many(needed as u32));
        let fate = self.model_acquire(needed);
        let polled = real.poll();
        self.line.push(Waiting { real, needed, fate });
        self.ended(self.line.len() - 1, polled);
    }

    fn poll(&mut self, place: usize) {
        let wait = &mut self.line[place];
        assert_eq!(wait.real.wakes(), usize::from(wait.fate != Fate::Waits));
        let polled = wait.real.poll();
        self.ended(place, polled);
    }

    /// A poll ended as the model says, and takes the wait out of the line if it is over.
    fn ended(
        &mut self,
        place: usize,
        polled: Poll<Result<SemaphorePermit<'a>, ringpool::sync::AcquireError>>,
    ) {
        let fate = self.line[place].fate;
        match polled {
            Poll::Pending => return assert_eq!(fate, Fate::Waits),
            Poll::Ready(Ok(permit)) => {
                assert_eq!((fate, permit.num_permits()), (Fate::Got, self.line[place].needed));
                self.held.push(permit);
            }
            Poll::Ready(Err(_)) => assert_eq!(fate, Fate::Closed),
        }
        self.line.remove(place);
    }

    fn give_up(&mut self, place: usize) {
        let gone = self.line.remove(place);
        if gone.fate == Fate::Got {
            self.available += gone.needed;
        }
        self.model_serve();
    }

    fn give_back(&mut self, place: usize) {
        self.available += self.held.swap_remove(place).num_permits();
        self.model_serve();
    }

    fn regroup(&mut self, random: &mut Random) {
        let place = random.below(self.held.len());
        let part = random.below(4);
        match self.held[place].split(part) {
            Some(part) => self.held.push(part),
            None => {
                let other = self.held.pop().unwrap();
                match self.held.first_mut() {
                    Some(first) => first.merge(other),
                    None => other.forget(),
                }
            }
        }
    }

    fn close(&mut self) {
        self.real.close();
        self.closed = true;
        let waiting = self.line.iter_mut().filter(|wait| wait.fate == Fate::Waits);
        waiting.for_each(|wait| wait.fate = Fate::Closed);
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(100) {
            0..15 => self.try_acquire(random.below(4)),
            15..40 => self.start(random.below(5)),
            40..50 if !self.line.is_empty() => self.poll(random.below(self.line.len())),
            50..62 if !self.line.is_empty() => self.give_up(random.below(self.line.len())),
            62..85 if !self.held.is_empty() => self.give_back(random.below(self.held.len())),
            85..90 if !self.held.is_empty() => self.regroup(random),
            90..94 => {
                let count = random.below(3);
                self.real.add_permits(count);
                self.available += count;
                self.model_serve();
            }
            94..96 => {
                let count = random.below(3);
                let forgotten = count.min(self.available);
                assert_eq!(self.real.forget_permits(count), forgotten);
                self.available -= forgotten;
            }
            96 if random.below(20) == 0 => self.close(),
            _ => {}
        }
        assert_eq!(self.real.available_permits(), self.available);
        assert_eq!(self.real.is_closed(), self.closed);
    }
}

#[test]
fn random_operations_do_what_the_model_does() {
    let _limit = crate::common::limit();
    let seed = seed();
    for round in 0..crate::common::rounds(2000) {
        let mut random = Random::new(seed.wrapping_add(round as u64));
        let permits = random.below(6);
        let real = Semaphore::new(permits);
        let mut pair = Pair {
            real: &real,
            available: permits,
            closed: false,
            line: Vec::new(),
            held: Vec::new(),
        };
        for _ in 0..300 {
            pair.step(&mut random);
        }
        while !pair.line.is_empty() {
            pair.give_up(0);
        }
        while !pair.held.is_empty() {
            pair.give_back(0);
        }
        assert_eq!(real.available_permits(), pair.available);
    }
}
