//! Loom models of the cell that is written once. A lost turn shows as a deadlock of the model.

use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::OnceCell;

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn of_two_who_want_the_value_one_makes_it() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || *block_on(other.get_or_init(async || 1)));
        let mine = *block_on(cell.get_or_init(async || 2));
        assert_eq!(thread.join().unwrap(), mine);
    });
}

#[test]
fn one_who_fails_leaves_it_to_the_other() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || {
            block_on(other.get_or_try_init(async || Err::<i32, _>("no luck"))).copied()
        });
        assert_eq!(block_on(cell.get_or_init(async || 2)), &2);
        assert!(matches!(thread.join().unwrap(), Ok(2) | Err("no luck")));
    });
}

#[test]
fn one_who_is_dropped_leaves_it_to_the_other() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let mut making = Box::pin(cell.get_or_init(std::future::pending));
        assert!(poll_once(making.as_mut()).is_pending());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || *block_on(other.get_or_init(async || 2)));
        drop(making);
        assert_eq!(thread.join().unwrap(), 2);
    });
}

#[test]
fn a_turn_that_was_handed_to_one_who_is_dropped_goes_to_the_next() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let mut making = Box::pin(cell.get_or_init(std::future::pending));
        assert!(poll_once(making.as_mut()).is_pending());
        let mut next = Box::pin(cell.get_or_init(std::future::pending));
        assert!(poll_once(next.as_mut()).is_pending());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || *block_on(other.get_or_init(async || 2)));
        drop(making);
        drop(next);
        assert_eq!(thread.join().unwrap(), 2);
    });
}

#[test]
fn whoever_only_waits_for_the_value_gets_it() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || other.set(7).unwrap());
        assert_eq!(block_on(cell.wait()), &7);
        thread.join().unwrap();
    });
}

#[test]
fn of_two_values_one_is_taken() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = Arc::clone(&cell);
        let thread = thread::spawn(move || other.set(1));
        let mine = cell.set(2);
        assert!(mine.is_ok() != thread.join().unwrap().is_ok());
        assert_eq!(cell.get(), Some(if mine.is_ok() { &2 } else { &1 }));
    });
}
