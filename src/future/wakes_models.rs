//! Loom models of the wakes of many futures: none is lost, on whatever thread and at whatever
//! moment it comes.

use std::future::poll_fn;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::Wakes;

/// Takes turns until each of `count` futures has been woken once more after the first turn.
fn until_all_are_woken(wakes: &mut Wakes, count: usize) {
    let mut woken = vec![false; count];
    block_on(poll_fn(|cx| {
        let turn = wakes.begin_turn(cx);
        turn.iter().for_each(|number| woken[*number] = true);
        wakes.end_turn(turn);
        if woken.iter().all(|is_woken| *is_woken) { Poll::Ready(()) } else { Poll::Pending }
    }));
}

#[test]
fn a_wake_from_elsewhere_brings_the_combinator_to_poll_that_future() {
    loom::model(|| {
        let mut wakes = Wakes::new(2);
        until_all_are_woken(&mut wakes, 2);
        let wakers = [0, 1].map(|number| wakes.waker(number).clone());
        let threads = wakers.map(|waker| thread::spawn(move || waker.wake()));
        until_all_are_woken(&mut wakes, 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_wake_while_the_combinator_goes_away_harms_nobody() {
    loom::model(|| {
        let mut wakes = Wakes::new(1);
        until_all_are_woken(&mut wakes, 1);
        let waker = wakes.waker(0).clone();
        let thread = thread::spawn(move || waker.wake());
        drop(wakes);
        thread.join().unwrap();
    });
}
