//! Loom models of the event. A lost wake shows as a deadlock of the model.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::Event;

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn whoever_waits_while_it_is_set_is_let_through_and_sees_what_came_before() {
    for make in [Event::manual, Event::auto] {
        loom::model(move || {
            let shared = Arc::new((make(), UnsafeCell::new(0)));
            let setting = Arc::clone(&shared);
            let thread = thread::spawn(move || {
                // SAFETY: the one who reads waits for the event first.
                setting.1.with_mut(|value| unsafe { *value = 7 });
                setting.0.set();
            });
            block_on(shared.0.wait());
            // SAFETY: written before the event was set, and by nobody else.
            assert_eq!(shared.1.with(|value| unsafe { *value }), 7);
            thread.join().unwrap();
        });
    }
}

#[test]
fn one_who_sets_an_event_that_is_set_is_seen_as_well() {
    loom::model(|| {
        let shared = Arc::new((Event::auto(), UnsafeCell::new(0)));
        shared.0.set();
        let setting = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            // SAFETY: see below.
            setting.1.with_mut(|value| unsafe { *value = 7 });
            setting.0.set();
        });
        assert!(shared.0.try_wait());
        // A second pass is there only if the thread has set the event after the first was taken.
        if !shared.0.try_wait() {
            thread.join().unwrap();
        }
        // SAFETY: the thread has ended, or has set the event, which this thread has seen.
        assert_eq!(shared.1.with(|value| unsafe { *value }), 7);
    });
}

#[test]
fn each_set_of_an_automatic_event_lets_one_through() {
    loom::model(|| {
        let event = Arc::new(Event::auto());
        let waiting = Arc::clone(&event);
        let thread = thread::spawn(move || block_on(waiting.wait()));
        let mut mine = Box::pin(event.wait());
        if poll_once(mine.as_mut()).is_pending() {
            event.set();
            thread::yield_now();
        }
        event.set();
        // Whatever the order, both waits have a set of their own or leave theirs to the other.
        drop(mine);
        thread.join().unwrap();
    });
}

#[test]
fn a_wait_that_is_dropped_meanwhile_leaves_the_event_set() {
    loom::model(|| {
        let event = Arc::new(Event::auto());
        let setting = Arc::clone(&event);
        let thread = thread::spawn(move || setting.set());
        let got = {
            let mut wait = pin!(event.wait());
            poll_once(wait.as_mut()).is_ready()
        };
        thread.join().unwrap();
        assert_eq!(event.try_wait(), !got);
        assert!(!event.try_wait());
    });
}

#[test]
fn a_set_of_a_wait_that_is_dropped_wakes_the_next_in_line() {
    loom::model(|| {
        let event = Arc::new(Event::auto());
        let mut first = Box::pin(event.wait());
        assert!(poll_once(first.as_mut()).is_pending());
        let next = Arc::clone(&event);
        let thread = thread::spawn(move || block_on(next.wait()));
        event.set();
        drop(first);
        thread.join().unwrap();
        assert!(!event.is_set());
    });
}

#[test]
fn a_reset_beside_a_set_leaves_nobody_waiting_at_a_set_event() {
    loom::model(|| {
        let event = Arc::new(Event::manual());
        let other = Arc::clone(&event);
        let thread = thread::spawn(move || {
            other.reset();
            other.set();
        });
        event.set();
        block_on(event.wait());
        thread.join().unwrap();
        assert!(event.is_set());
    });
}

#[test]
fn two_threads_and_two_sets_all_go_on() {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(|| {
        let event = Arc::new(Event::auto());
        let threads = [(); 2].map(|()| {
            let event = Arc::clone(&event);
            thread::spawn(move || {
                block_on(event.wait());
                event.set();
            })
        });
        event.set();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(event.try_wait());
    });
}
