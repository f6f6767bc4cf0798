//! loom models of giving: every interleaving of a ring that lays something out and goes on without
//! looking back, rings that fall asleep, and rings that take.

use std::ptr::NonNull;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::board::Board;
use super::shelf::Shelf;
use crate::primitives::models::Post;

/// A task; the cell is written by who gives and by who takes it, so that loom sees a data race if
/// the shelf does not order them.
struct Thing {
    text: UnsafeCell<u32>,
}

/// What wakes a ring that sleeps.
const BELL: u32 = 1;
/// What wakes a ring that has the watch, besides.
const TIME: u32 = 2;

struct World {
    board: Board,
    shelves: Vec<Shelf<Thing>>,
    bells: Vec<Arc<Post>>,
    /// How much there is to do of each thing.
    takes_ns: u64,
}

fn world(rings: usize) -> Arc<World> {
    world_of(rings, u64::MAX)
}

fn world_of(rings: usize, takes_ns: u64) -> Arc<World> {
    Arc::new(World {
        takes_ns,
        board: Board::new(rings),
        shelves: (0..rings).map(|_| Shelf::new()).collect(),
        bells: (0..rings).map(|_| Post::new()).collect(),
    })
}

impl World {
    fn lay_out(&self, own: usize, text: u32) {
        let thing = Box::new(Thing { text: UnsafeCell::new(0) });
        thing.text.with_mut(|cell| {
            // SAFETY: nobody else knows it yet.
            unsafe { *cell = text }
        });
        self.put(own, NonNull::from(Box::leak(thing)));
    }

    fn put(&self, own: usize, thing: NonNull<Thing>) {
        self.shelves[own].put(thing, 1);
        if let Some(ring) = self.board.give(own, self.takes_ns) {
            self.bells[ring].send(BELL);
        }
    }

    fn take_from(&self, ring: usize) -> Option<u32> {
        let thing = self.shelves[ring].take()?;
        // SAFETY: made by `lay_out`, and taken by us alone.
        let thing = unsafe { Box::from_raw(thing.as_ptr()) };
        // SAFETY: ours.
        Some(thing.text.with_mut(|cell| unsafe { std::mem::take(&mut *cell) }))
    }

    /// One look at the others.
    fn take_offer(&self, own: usize) -> Option<u32> {
        while let Some(ring) = self.board.next_giver(own) {
            if let Some(text) = self.take_from(ring) {
                return Some(text);
            }
        }
        None
    }

    /// What a ring does that has nothing to do, until it has something.
    fn look_for_work(&self, own: usize) -> u32 {
        let mut has_watch = false;
        loop {
            if let Some(text) = self.take_offer(own) {
                if has_watch && let Some(ring) = self.board.hand_on(own) {
                    self.bells[ring].send(BELL);
                }
                return text;
            }
            match self.board.fall_idle(own) {
                true if has_watch => {
                    self.bells[own].receive();
                }
                true => while self.bells[own].receive() == TIME {},
                false => {}
            }
            has_watch |= self.board.wake_up(own);
        }
    }
}

/// The giver never looks at its shelf again, as one that is in a long poll.
#[test]
fn what_is_laid_out_is_found_by_a_ring_that_falls_asleep() {
    loom::model(|| {
        let world = world(2);
        let other = world.clone();
        let sleeper = thread::spawn(move || other.look_for_work(1));
        world.lay_out(0, 7);
        assert_eq!(sleeper.join().unwrap(), 7);
    });
}

/// The same, laid out a second time after it has been taken once.
#[test]
fn what_is_laid_out_again_is_found_again() {
    loom::model(|| {
        let world = world(2);
        let other = world.clone();
        let sleeper = thread::spawn(move || other.look_for_work(1) + other.look_for_work(1));
        world.lay_out(0, 7);
        while !world.shelves[0].is_empty() {
            thread::yield_now();
        }
        world.lay_out(0, 8);
        assert_eq!(sleeper.join().unwrap(), 15);
    });
}

/// Little is laid out, twice, by a ring that never looks back. The ring that is woken for the first
/// takes it and has something to do for ever, so it hands the watch on; a third ring falls asleep
/// meanwhile.
#[test]
fn the_watch_is_handed_on_and_little_is_found() {
    loom::model(|| {
        let world = world_of(3, 1);
        let (first, second) = (world.clone(), world.clone());
        let watcher = thread::spawn(move || first.look_for_work(1));
        let third = thread::spawn(move || second.look_for_work(2));
        world.lay_out(0, 7);
        // Only what has been taken makes room for the next.
        while !world.shelves[0].is_empty() {
            thread::yield_now();
        }
        world.lay_out(0, 8);
        [1, 2].into_iter().for_each(|ring| world.bells[ring].send(TIME));
        assert_eq!(watcher.join().unwrap() + third.join().unwrap(), 15);
    });
}

/// The giver takes it back, and lays it out again while the board may still know it as a giver.
#[test]
fn what_is_laid_out_by_who_is_a_giver_already_is_found() {
    loom::model(|| {
        let world = world(2);
        let other = world.clone();
        let sleeper = thread::spawn(move || other.look_for_work(1));
        world.lay_out(0, 7);
        let is_back = world.take_from(0).is_some();
        if is_back {
            world.lay_out(0, 8);
        }
        assert_eq!(sleeper.join().unwrap(), if is_back { 8 } else { 7 });
    });
}

/// Whoever gets it, one does.
#[test]
fn an_owner_that_takes_back_and_a_taker_do_not_both_get_it() {
    loom::model(|| {
        let world = world(2);
        let other = world.clone();
        world.lay_out(0, 7);
        let taker = thread::spawn(move || other.take_offer(1));
        let back = world.take_from(0);
        let taken = taker.join().unwrap();
        assert_eq!(back.xor(taken), Some(7));
    });
}

/// A ring that takes a list and leaves some of it on its own shelf wakes the next.
#[test]
fn what_a_taker_leaves_over_is_found_by_a_third_ring() {
    loom::model(|| {
        let world = world(3);
        let (first, second) = (world.clone(), world.clone());
        let relay = thread::spawn(move || {
            let text = first.look_for_work(1);
            first.lay_out(1, text + 1);
        });
        let last = thread::spawn(move || {
            let text = second.look_for_work(2);
            if text == 7 {
                second.lay_out(2, text + 1)
            }
            text
        });
        world.lay_out(0, 7);
        if last.join().unwrap() == 8 {
            relay.join().unwrap();
        } else {
            // Then it is the other that finds what is left.
            relay.join().unwrap();
            assert_eq!(world.take_offer(0), Some(9));
        }
    });
}
