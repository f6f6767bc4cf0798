//! loom models of a multishot operation: home, which pushes items and then completes the cell, and
//! a stream that polls, or is dropped, on another thread.

use super::*;
use crate::completion::{Abandoned, Completion, Outcome, Settled, Unlinked};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::primitives::models::Post;
use loom::sync::Arc;
use loom::thread;
use std::task::RawWaker;
use std::task::RawWakerVTable;

const OUTCOME: Outcome = Outcome { result: 5, flags: 0 };

/// Counts the lives of wakers made from it, and sends a message for every wake.
struct Tally {
    alive: AtomicUsize,
    wakes: Arc<Post>,
}

impl Tally {
    fn new(wakes: &Arc<Post>) -> Arc<Self> {
        Arc::new(Self { alive: AtomicUsize::new(0), wakes: wakes.clone() })
    }

    fn is_gone(&self) -> bool {
        self.alive.load(Ordering::Relaxed) == 0
    }
}

fn waker(tally: &Arc<Tally>) -> Waker {
    fn vtable() -> &'static RawWakerVTable {
        &RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker)
    }
    unsafe fn of<'a>(data: *const ()) -> &'a Tally {
        // SAFETY: the models keep the tally alive.
        unsafe { &*data.cast::<Tally>() }
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: as above.
        unsafe { of(data) }.alive.fetch_add(1, Ordering::Relaxed);
        RawWaker::new(data, vtable())
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: as above.
        unsafe {
            wake_by_ref(data);
            drop_waker(data);
        }
    }
    unsafe fn wake_by_ref(data: *const ()) {
        // SAFETY: as above.
        unsafe { of(data) }.wakes.send(1);
    }
    unsafe fn drop_waker(data: *const ()) {
        // SAFETY: as above.
        unsafe { of(data) }.alive.fetch_sub(1, Ordering::Relaxed);
    }
    tally.alive.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the functions above keep the contract.
    unsafe { Waker::new(Arc::as_ptr(tally).cast(), vtable()) }
}

/// An item that counts its drop.
struct Item(u32, Arc<AtomicUsize>);

impl Drop for Item {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// A cell with its queue, and proof of who freed it.
struct Fake {
    completion: Completion,
    shots: Shots<Item>,
    freed: AtomicUsize,
    /// What home was told to do: to ask the kernel to stop.
    held_back: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

impl Fake {
    fn new(waiting_max: u32) -> Arc<Self> {
        Arc::new(Self {
            completion: Completion::new(Waker::noop().clone()),
            shots: Shots::new(waiting_max),
            freed: AtomicUsize::new(0),
            held_back: AtomicUsize::new(0),
            dropped: Arc::new(AtomicUsize::new(0)),
        })
    }

    /// What `reaped` and `complete` do: home makes items of `count` completions and then ends.
    fn home(&self, count: u32) {
        for number in 1..=count {
            let item = Item(number, self.dropped.clone());
            let pushed = self.shots.push(Some(item), number == count);
            drop(pushed.unwanted);
            self.held_back.fetch_add(usize::from(pushed.holds_back), Ordering::Relaxed);
            if number == count {
                // SAFETY: home calls it once.
                let settled = unsafe { self.completion.complete(OUTCOME) };
                self.settled(settled);
            }
            pushed.waker.into_iter().for_each(Waker::wake);
        }
    }

    fn settled(&self, settled: Settled) {
        match settled {
            Settled::Wake(waker) => waker.into_iter().for_each(Waker::wake),
            Settled::Orphaned => self.free(),
            Settled::NotYet => {}
        }
    }

    /// What `Multishot::poll_item` does; gives whether the end has come.
    fn poll(&self, waker: &Waker) -> Poll<Option<u32>> {
        match self.shots.poll(waker) {
            Poll::Ready(Some(item)) => Poll::Ready(Some(item.0)),
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                // SAFETY: the model's only stream.
                match unsafe { self.completion.poll(waker) } {
                    None => Poll::Pending,
                    Some(outcome) => {
                        assert_eq!(outcome, OUTCOME);
                        Poll::Ready(None)
                    }
                }
            }
        }
    }

    /// What dropping the stream elsewhere does; the node goes to `inbox`.
    fn drop_stream(&self, inbox: &Post) {
        drop(self.shots.abandon());
        // SAFETY: the model's only stream.
        match unsafe { self.completion.abandon(true) }.0 {
            Abandoned::Settled => self.free(),
            Abandoned::PushNode => inbox.send(1),
            other => unreachable!("{other:?}"),
        }
    }

    /// Whoever frees the cell finds it empty, and is alone.
    fn free(&self) {
        // SAFETY: freeing is for who owns a cell that is done.
        assert_eq!(unsafe { self.completion.outcome() }, OUTCOME);
        let ((first, more), _) = self.shots.abandon();
        assert!(first.is_none() && more.is_empty(), "an item was left");
        assert_eq!(self.freed.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
    }
}

/// Polls to the end with wakers of `tallies`, one after the other; gives what came.
fn all_items(fake: &Fake, tallies: &[Arc<Tally>], woken: &Post) -> Vec<u32> {
    let mut items = Vec::new();
    for round in 0.. {
        let waker = waker(&tallies[round % tallies.len()]);
        match fake.poll(&waker) {
            Poll::Ready(Some(item)) => items.push(item),
            Poll::Ready(None) => break,
            Poll::Pending => drop(woken.receive()),
        }
    }
    items
}

/// A stream elsewhere, which polls with `wakers` in turn, gets all that home pushes, and the end.
fn every_item_comes(wakers: usize, items: u32, waiting_max: u32, held_back: usize) {
    loom::model(move || {
        let woken = Post::new();
        let tallies: Vec<_> = (0..wakers).map(|_| Tally::new(&woken)).collect();
        let fake = Fake::new(waiting_max);
        let home = fake.clone();
        let home = thread::spawn(move || home.home(items));
        let came = all_items(&fake, &tallies, &woken);
        assert_eq!(came, (1..=items).collect::<Vec<_>>());
        fake.free();
        home.join().unwrap();
        assert!(fake.held_back.load(Ordering::Relaxed) <= held_back);
        assert_eq!(fake.dropped.load(Ordering::Relaxed), items as usize);
        assert!(tallies.iter().all(|tally| tally.is_gone()), "a waker leaked");
    });
}

#[test]
fn a_stream_elsewhere_gets_every_item_and_the_end() {
    every_item_comes(1, 3, 64, 0);
}

#[test]
fn a_stream_that_changes_its_waker_gets_every_item_and_the_end() {
    every_item_comes(2, 2, 64, 0);
}

#[test]
fn the_kernel_is_told_to_stop_once_at_most() {
    every_item_comes(1, 3, 1, 1);
}

#[test]
fn a_stream_dropped_elsewhere_beside_the_completions_leaves_nothing() {
    loom::model(|| {
        let woken = Post::new();
        let tally = Tally::new(&woken);
        let fake = Fake::new(64);
        let inbox = Post::new();
        let (theirs, post, counted) = (fake.clone(), inbox.clone(), tally.clone());
        let stream = thread::spawn(move || {
            let waker = waker(&counted);
            let _ = theirs.poll(&waker);
            theirs.drop_stream(&post);
        });
        fake.home(2);
        stream.join().unwrap();
        if inbox.try_receive().is_some() {
            // SAFETY: the model's stream has pushed its node.
            match unsafe { fake.completion.unlink() } {
                Unlinked::Pending => unreachable!("home has completed it"),
                Unlinked::Settled(settled) => fake.settled(settled),
            }
        }
        assert_eq!(fake.freed.load(Ordering::Relaxed), 1, "leaked");
        assert_eq!(fake.dropped.load(Ordering::Relaxed), 2, "an item leaked");
        assert!(tally.is_gone(), "a waker leaked");
    });
}

#[test]
fn a_stop_and_a_full_queue_tell_the_kernel_once() {
    loom::model(|| {
        let fake = Fake::new(1);
        let theirs = fake.clone();
        let stream = thread::spawn(move || usize::from(theirs.shots.begin_stop()));
        fake.home(2);
        let told = stream.join().unwrap() + fake.held_back.load(Ordering::Relaxed);
        assert!(fake.shots.is_told_to_stop());
        assert_eq!(told, 1);
        fake.free_after_all();
    });
}

impl Fake {
    /// The stream takes what is left, and frees the cell.
    fn free_after_all(&self) {
        drop(self.shots.abandon());
        self.free();
    }
}
