//! loom models of the completion cell: every interleaving of home and a future that is polled,
//! cancelled and dropped elsewhere.

use super::*;
use crate::primitives::models::Post;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use std::task::RawWaker;

/// Counts what happens to wakers made from it: lives, and wakes.
#[derive(Default)]
struct Tally {
    alive: AtomicUsize,
    /// Told of every wake, if somebody waits for it.
    wakes: Option<Arc<Post>>,
}

impl Tally {
    fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn telling(post: &Arc<Post>) -> Arc<Self> {
        Arc::new(Self { wakes: Some(post.clone()), ..Self::default() })
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
        unsafe { of(data) }.wakes.iter().for_each(|post| post.send(1));
    }
    unsafe fn drop_waker(data: *const ()) {
        // SAFETY: as above.
        unsafe { of(data) }.alive.fetch_sub(1, Ordering::Relaxed);
    }
    tally.alive.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the functions above keep the contract.
    unsafe { Waker::new(Arc::as_ptr(tally).cast(), vtable()) }
}

/// A cell, and proof of who freed it.
struct Fake {
    completion: Completion,
    freed: AtomicUsize,
}

impl Fake {
    fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self { completion: Completion::new(waker), freed: AtomicUsize::new(0) })
    }

    /// Whoever frees reads the outcome: loom sees a race with whoever still writes.
    fn free(&self) {
        // SAFETY: freeing is for who owns a cell that is done.
        assert_eq!(unsafe { self.completion.outcome() }, OUTCOME);
        self.completion.outcome.with_mut(|_| ());
        assert_eq!(self.freed.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
    }

    fn complete(&self) {
        // SAFETY: the model's home calls it once.
        self.settled(unsafe { self.completion.complete(OUTCOME) });
    }

    /// A node came in; gives whether the kernel is to be told.
    fn node(&self) -> bool {
        // SAFETY: the models push a node only if told to.
        match unsafe { self.completion.unlink() } {
            Unlinked::Pending => true,
            Unlinked::Settled(settled) => {
                self.settled(settled);
                false
            }
        }
    }

    fn settled(&self, settled: Settled) {
        match settled {
            Settled::Wake(waker) => waker.into_iter().for_each(Waker::wake),
            Settled::Orphaned => self.free(),
            Settled::NotYet => {}
        }
    }
}

const OUTCOME: Outcome = Outcome { result: 5, flags: 0 };

#[test]
fn a_future_that_changes_its_waker_is_woken_by_the_last_one() {
    loom::model(|| {
        let woken = Post::new();
        let (first, second) = (Tally::new(), Tally::telling(&woken));
        let fake = Fake::new(waker(&first));
        let home = fake.clone();
        let home = thread::spawn(move || home.complete());
        let mine = waker(&second);
        // SAFETY: the model's only future.
        if unsafe { fake.completion.poll(&mine) }.is_none() {
            woken.receive();
            // SAFETY: the model's only future.
            assert_eq!(unsafe { fake.completion.poll(&mine) }, Some(OUTCOME));
        }
        fake.free();
        home.join().unwrap();
        drop(mine);
        for tally in [first, second] {
            assert_eq!(tally.alive.load(Ordering::Relaxed), 0, "a waker leaked");
        }
    });
}

#[test]
fn a_waker_replaced_twice_beside_completion_is_never_torn() {
    loom::model(|| {
        let tallies = [(); 3].map(|()| Tally::new());
        let fake = Fake::new(waker(&tallies[0]));
        let home = fake.clone();
        let home = thread::spawn(move || home.complete());
        for tally in &tallies[1..] {
            let mine = waker(tally);
            // SAFETY: the model's only future.
            let _ = unsafe { fake.completion.poll(&mine) };
        }
        home.join().unwrap();
        fake.free();
        for tally in tallies {
            assert_eq!(tally.alive.load(Ordering::Relaxed), 0, "a waker leaked");
        }
    });
}

#[test]
fn a_future_dropped_elsewhere_beside_completion_is_freed_once() {
    loom::model(|| {
        let tally = Tally::new();
        let fake = Fake::new(waker(&tally));
        let inbox = Post::new();
        let (theirs, post) = (fake.clone(), inbox.clone());
        let dropper = thread::spawn(move || {
            // SAFETY: the model's only future.
            match unsafe { theirs.completion.abandon(true) }.0 {
                Abandoned::Settled => theirs.free(),
                Abandoned::PushNode => post.send(1),
                other => unreachable!("{other:?}"),
            }
        });
        fake.complete();
        dropper.join().unwrap();
        if inbox.try_receive().is_some() {
            assert!(!fake.node());
        }
        assert_eq!(fake.freed.load(Ordering::Relaxed), 1, "leaked");
        assert_eq!(tally.alive.load(Ordering::Relaxed), 0, "a waker leaked");
    });
}

#[test]
fn a_node_that_comes_in_before_the_completion_leaves_the_cell_to_it() {
    loom::model(|| {
        let tally = Tally::new();
        let fake = Fake::new(waker(&tally));
        let inbox = Post::new();
        let (theirs, post) = (fake.clone(), inbox.clone());
        let dropper = thread::spawn(move || {
            // SAFETY: the model's only future.
            assert_eq!(unsafe { theirs.completion.abandon(true) }.0, Abandoned::PushNode);
            post.send(1);
        });
        inbox.receive();
        assert!(fake.node());
        fake.complete();
        assert_eq!(fake.freed.load(Ordering::Relaxed), 1);
        dropper.join().unwrap();
    });
}

/// The future asks for a cancel from elsewhere, and then waits or goes, beside the completion: the
/// cell is freed once, after the node came in, and a future that waits is woken.
fn cancel_beside_completion(drop_it: bool) {
    loom::model(move || {
        let first = Tally::new();
        let fake = Fake::new(waker(&first));
        let inbox = Post::new();
        let (theirs, post) = (fake.clone(), inbox.clone());
        let future = thread::spawn(move || {
            // SAFETY: the model's only future.
            post.send(u32::from(unsafe { theirs.completion.link() }));
            if drop_it {
                // SAFETY: the model's only future.
                match unsafe { theirs.completion.abandon(true) }.0 {
                    Abandoned::Settled => theirs.free(),
                    Abandoned::NodeUnderWay => {}
                    other => unreachable!("{other:?}"),
                }
                return;
            }
            let woken = Post::new();
            let tally = Tally::telling(&woken);
            let mine = waker(&tally);
            // SAFETY: the model's only future.
            if unsafe { theirs.completion.poll(&mine) }.is_none() {
                woken.receive();
                // SAFETY: the model's only future.
                assert_eq!(unsafe { theirs.completion.poll(&mine) }, Some(OUTCOME));
            }
            theirs.free();
        });
        fake.complete();
        if inbox.receive() == 1 {
            assert!(!fake.node());
        }
        future.join().unwrap();
        assert_eq!(fake.freed.load(Ordering::Relaxed), 1, "leaked");
    });
}

#[test]
fn a_cancel_from_elsewhere_beside_completion_still_gives_the_outcome() {
    cancel_beside_completion(false);
}

#[test]
fn a_cancel_from_elsewhere_and_a_drop_beside_completion_free_the_cell_once() {
    cancel_beside_completion(true);
}
