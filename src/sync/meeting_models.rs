//! Loom models of latch and barrier. A lost wake shows as a deadlock of the model.

use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Barrier, Latch};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn model_of_three(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

#[test]
fn whoever_waits_at_a_latch_goes_on_and_sees_what_all_have_done() {
    model_of_three(|| {
        let shared = Arc::new((Latch::new(2), [UnsafeCell::new(0), UnsafeCell::new(0)]));
        let threads = [0, 1].map(|index| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // SAFETY: each has a cell of its own, and who reads waits for both.
                shared.1[index].with_mut(|value| unsafe { *value = 7 });
                shared.0.count_down();
            })
        });
        block_on(shared.0.wait());
        for cell in &shared.1 {
            // SAFETY: written before the latch was counted down.
            assert_eq!(cell.with(|value| unsafe { *value }), 7);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn two_who_arrive_at_a_latch_both_go_on() {
    loom::model(|| {
        let latch = Arc::new(Latch::new(2));
        let other = Arc::clone(&latch);
        let thread = thread::spawn(move || block_on(other.arrive_and_wait()));
        block_on(latch.arrive_and_wait());
        thread.join().unwrap();
    });
}

#[test]
fn a_wait_at_a_latch_that_is_dropped_keeps_nobody_from_going_on() {
    model_of_three(|| {
        let latch = Arc::new(Latch::new(1));
        let mut dropped = Box::pin(latch.wait());
        assert!(poll_once(dropped.as_mut()).is_pending());
        let other = Arc::clone(&latch);
        let thread = thread::spawn(move || block_on(other.wait()));
        let counting = Arc::clone(&latch);
        let counter = thread::spawn(move || counting.count_down());
        drop(dropped);
        thread.join().unwrap();
        counter.join().unwrap();
    });
}

#[test]
fn of_two_at_a_barrier_one_is_the_leader() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        let thread = thread::spawn(move || block_on(other.wait()).is_leader());
        let leads = block_on(barrier.wait()).is_leader();
        assert!(leads != thread.join().unwrap());
    });
}

#[test]
fn a_barrier_is_as_new_after_each_set() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        let thread = thread::spawn(move || {
            block_on(other.wait());
            block_on(other.wait());
        });
        block_on(barrier.wait());
        block_on(barrier.wait());
        thread.join().unwrap();
    });
}

#[test]
fn a_wait_at_a_barrier_that_is_dropped_was_counted_whole_or_not_at_all() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        let thread = thread::spawn(move || {
            let mut wait = Box::pin(other.wait());
            poll_once(wait.as_mut()).is_ready()
        });
        let met = {
            let mut wait = Box::pin(barrier.wait());
            poll_once(wait.as_mut()).is_ready()
        };
        let other_met = thread.join().unwrap();
        assert!(!(met && other_met), "the first of the two has been dropped");
        // Nobody is left in it: one alone is not a set, two are.
        assert!(barrier.try_wait().is_none());
        let mut one = Box::pin(barrier.wait());
        assert!(poll_once(one.as_mut()).is_pending());
        assert!(barrier.try_wait().is_some());
        assert!(poll_once(one.as_mut()).is_ready());
    });
}
