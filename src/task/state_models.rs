//! loom models of the task word: every interleaving of home, handle and wakers.

use std::task::{RawWaker, RawWakerVTable, Waker};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::*;
use crate::primitives::models::Post;

/// A task as far as the word is concerned: an output, and a flag that says it was freed.
struct Fake {
    join: JoinWord,
    output: UnsafeCell<Option<u32>>,
    freed: AtomicUsize,
}

// SAFETY: what the models are there to show: `output` is never touched by two sides at once.
unsafe impl Sync for Fake {}
// SAFETY: as above.
unsafe impl Send for Fake {}

impl Fake {
    fn new() -> Arc<Self> {
        let (output, freed) = (UnsafeCell::new(None), AtomicUsize::new(0));
        Arc::new(Self { join: JoinWord::new(), output, freed })
    }

    fn free_if(&self, release: Release) {
        if release == Release::Free {
            // The free touches all of it, so loom sees a race with anybody who still does.
            self.output.with_mut(|_| ());
            self.join.join_waker.with_mut(|_| ());
            assert_eq!(self.freed.fetch_add(1, Ordering::Relaxed), 0, "freed twice");
        }
    }

    fn complete(&self, home_references: i64) {
        self.output.with_mut(|output| {
            // SAFETY: not complete yet, so the output is home's.
            unsafe { *output = Some(7) }
        });
        match self.join.complete(home_references) {
            Completed::HandleHasOutput => {}
            Completed::WakeThenRelease => {
                // SAFETY: `complete` told us so.
                let waker = unsafe { self.join.take_join_waker() };
                waker.unwrap().wake();
                self.free_if(self.join.release());
            }
            Completed::DropOutputThenRelease => {
                self.take_output();
                // SAFETY: `complete` told us so.
                drop(unsafe { self.join.take_join_waker() });
                self.free_if(self.join.release());
            }
        }
    }

    fn take_output(&self) {
        let output = self.output.with_mut(|output| {
            // SAFETY: the task is complete and the output is the caller's.
            unsafe { (*output).take() }
        });
        assert_eq!(output, Some(7));
    }

    fn assert_freed(&self) {
        assert_eq!(self.freed.load(Ordering::Relaxed), 1, "leaked");
    }
}

/// A waker that raises a flag; `Arc<AtomicBool>` of loom is no `std::task::Wake`.
fn flag_waker(flag: &Arc<AtomicBool>) -> Waker {
    fn vtable() -> &'static RawWakerVTable {
        &RawWakerVTable::new(clone, wake, wake_by_ref, drop_flag)
    }
    fn arc(data: *const ()) -> Arc<AtomicBool> {
        // SAFETY: every waker of this vtable owns one reference made by `Arc::into_raw`.
        unsafe { Arc::from_raw(data.cast()) }
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        let flag = std::mem::ManuallyDrop::new(arc(data));
        RawWaker::new(Arc::into_raw(Arc::clone(&flag)).cast(), vtable())
    }
    unsafe fn wake(data: *const ()) {
        arc(data).store(true, Ordering::Release);
    }
    unsafe fn wake_by_ref(data: *const ()) {
        std::mem::ManuallyDrop::new(arc(data)).store(true, Ordering::Release);
    }
    unsafe fn drop_flag(data: *const ()) {
        drop(arc(data));
    }
    let raw = RawWaker::new(Arc::into_raw(flag.clone()).cast(), vtable());
    // SAFETY: the functions above keep the contract: one reference a waker.
    unsafe { Waker::from_raw(raw) }
}

#[test]
fn a_waiting_handle_is_woken_and_gets_the_output() {
    loom::model(|| {
        let task = Fake::new();
        let home = task.clone();
        let home = thread::spawn(move || home.complete(0));
        let woken = Arc::new(AtomicBool::new(false));
        let waker = flag_waker(&woken);
        // SAFETY: the model's only handle.
        while unsafe { task.join.register(&waker) } == Registered::Waiting {
            while !woken.load(Ordering::Acquire) {
                thread::yield_now();
            }
        }
        task.take_output();
        task.free_if(task.join.release_handle());
        home.join().unwrap();
        task.assert_freed();
    });
}

#[test]
fn a_handle_that_changes_its_waker_is_woken_by_the_last() {
    loom::model(|| {
        let task = Fake::new();
        let home = task.clone();
        let home = thread::spawn(move || home.complete(0));
        let first = flag_waker(&Arc::new(AtomicBool::new(false)));
        let woken = Arc::new(AtomicBool::new(false));
        // SAFETY: the model's only handle.
        let _ = unsafe { task.join.register(&first) };
        // SAFETY: the model's only handle.
        if unsafe { task.join.register(&flag_waker(&woken)) } == Registered::Waiting {
            while !woken.load(Ordering::Acquire) {
                thread::yield_now();
            }
            assert!(task.join.snapshot().is_complete());
        }
        task.take_output();
        task.free_if(task.join.release_handle());
        home.join().unwrap();
        task.assert_freed();
    });
}

#[test]
fn a_handle_dropped_beside_completion_leaves_one_owner_of_the_output() {
    loom::model(|| {
        let task = Fake::new();
        let home = task.clone();
        let home = thread::spawn(move || home.complete(0));
        match task.join.drop_handle(LastWord::Detach) {
            HandleGone::Living => {}
            HandleGone::LivingAndLinked => unreachable!("nothing was linked"),
            HandleGone::Complete => {
                task.take_output();
                task.free_if(task.join.release_handle());
            }
        }
        home.join().unwrap();
        task.assert_freed();
    });
}

#[test]
fn wakers_dropped_elsewhere_and_at_home_free_the_task_once() {
    loom::model(|| {
        let task = Fake::new();
        // Two wakers made at home: one goes to another thread, one stays until after completion.
        let stranger = task.clone();
        let dropped = thread::spawn(move || {
            stranger.join.retain();
            stranger.free_if(stranger.join.release());
            stranger.free_if(stranger.join.release());
        });
        let home = task.clone();
        let home = thread::spawn(move || {
            home.complete(2);
            home.free_if(home.join.release());
        });
        match task.join.drop_handle(LastWord::Detach) {
            HandleGone::Complete => {
                task.take_output();
                task.free_if(task.join.release_handle());
            }
            _ => {}
        }
        dropped.join().unwrap();
        home.join().unwrap();
        task.assert_freed();
    });
}

/// Two wakers wake a task whose home polls it whenever a node arrives. The node's link is a plain
/// cell here: loom complains if two pushes of it overlap. A lost wake is a deadlock.
#[test]
fn every_wake_is_followed_by_a_poll_and_the_node_is_never_pushed_twice() {
    loom::model(|| {
        let task = Fake::new();
        let link = Arc::new(UnsafeCell::new(()));
        let inbox = Post::new();
        let events = Arc::new(AtomicUsize::new(0));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (task, link) = (task.clone(), link.clone());
                let (inbox, events) = (inbox.clone(), events.clone());
                thread::spawn(move || {
                    // Relaxed on purpose: the wake itself must publish it.
                    events.fetch_add(1, Ordering::Relaxed);
                    if task.join.link() {
                        link.with_mut(|_| ());
                        inbox.send(1);
                    }
                })
            })
            .collect();
        while {
            inbox.receive();
            link.with_mut(|_| ());
            let _ = task.join.unlink();
            events.load(Ordering::Relaxed) < 2
        } {}
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}

#[test]
fn a_cancel_from_elsewhere_pins_the_task_until_its_node_arrives() {
    loom::model(|| {
        let task = Fake::new();
        let home = task.clone();
        let home = thread::spawn(move || home.complete(0));
        match task.join.drop_handle(LastWord::CancelAndLink) {
            // The push, and its delivery, here at once.
            HandleGone::LivingAndLinked => task.free_if(task.join.unlink()),
            HandleGone::Living => unreachable!("nobody else links"),
            HandleGone::Complete => {
                task.take_output();
                task.free_if(task.join.release_handle());
            }
        }
        home.join().unwrap();
        task.assert_freed();
    });
}

#[test]
fn a_blocking_closure_is_claimed_once() {
    loom::model(|| {
        let task = Fake::new();
        let worker = task.clone();
        let worker = thread::spawn(move || worker.join.claim());
        let cancelled = task.join.claim();
        assert_ne!(worker.join().unwrap(), cancelled);
    });
}

/// Two wakers wake a task that its home takes back because the ring it was to go to has closed
/// (`travel::depart`). What is pushed to the closed ring comes back to the waker, which gives the
/// node free and then has to look again where the task is: another wake may have relied on that
/// node since the task was taken back. Without the second look this is a deadlock.
#[test]
fn a_wake_of_a_task_that_is_taken_back_is_not_lost() {
    const HERE: usize = 0;
    const CLOSED_RING: usize = 1;
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let task = Fake::new();
        let address = Arc::new(AtomicUsize::new(CLOSED_RING));
        let inbox = Post::new();
        let events = Arc::new(AtomicUsize::new(0));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (task, address) = (task.clone(), address.clone());
                let (inbox, events) = (inbox.clone(), events.clone());
                thread::spawn(move || {
                    // Relaxed on purpose: the wake itself must publish it.
                    events.fetch_add(1, Ordering::Relaxed);
                    while task.join.link() {
                        if address.load(Ordering::Acquire) == HERE {
                            inbox.send(1);
                            break;
                        }
                        let _ = task.join.unlink();
                        if address.load(Ordering::Acquire) != HERE {
                            break;
                        }
                    }
                })
            })
            .collect();
        address.store(HERE, Ordering::Release);
        task.join.settle();
        while events.load(Ordering::Relaxed) < 2 {
            inbox.receive();
            let _ = task.join.unlink();
        }
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
    });
}
