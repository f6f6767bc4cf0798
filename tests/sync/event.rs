//! `Event`, by hand, between rings, and with plain threads.

use crate::common::{Count, Gate, here, limit, on_a_plain_thread, panic_of, rounds};
use crate::support::ByHand;
use ringpool::sync::Event;
use ringpool::{Pool, spawn_on, switch_to, time};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn a_manual_event_lets_all_through_until_it_is_reset() {
    let event = Event::manual();
    let first = ByHand::waiting(event.wait());
    let second = ByHand::waiting(event.wait());
    event.set();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    first.finish();
    second.finish();
    ByHand::new(event.wait()).finish();
    event.reset();
    assert!(!event.is_set() && !event.try_wait());
    drop(ByHand::waiting(event.wait()));
}

#[test]
fn a_wait_that_was_let_through_goes_on_although_a_manual_event_is_reset_before_it_notices() {
    let event = Event::manual();
    let waiting = ByHand::waiting(event.wait());
    event.set();
    event.reset();
    let late = ByHand::waiting(event.wait());
    waiting.finish();
    assert_eq!(late.wakes(), 0);
}

#[test]
fn an_automatic_event_lets_through_exactly_one_for_each_set_in_order() {
    let event = Event::auto();
    let waits = [(); 3].map(|()| ByHand::waiting(event.wait()));
    event.set();
    assert_eq!(waits.each_ref().map(ByHand::wakes), [1, 0, 0]);
    assert!(!event.is_set(), "the first has it already");
    event.set();
    assert_eq!(waits.each_ref().map(ByHand::wakes), [1, 1, 0]);
    event.set();
    assert_eq!(waits.each_ref().map(ByHand::wakes), [1, 1, 1]);
    waits.into_iter().for_each(|wait| wait.finish());
    assert!(!event.is_set());
}

#[test]
fn setting_an_event_that_is_set_changes_nothing() {
    let event = Event::auto();
    event.set();
    event.set();
    assert!(event.try_wait());
    assert!(!event.try_wait());
}

#[test]
fn nobody_overtakes_those_who_wait_for_an_automatic_event() {
    let event = Event::auto();
    let waiting = ByHand::waiting(event.wait());
    event.set();
    assert!(!event.try_wait());
    drop(ByHand::waiting(event.wait()));
    waiting.finish();
}

#[test]
fn a_dropped_wait_leaves_the_line_and_passes_on_what_it_had_got() {
    let event = Event::auto();
    let first = ByHand::waiting(event.wait());
    let second = ByHand::waiting(event.wait());
    let third = ByHand::waiting(event.wait());
    drop(second);
    event.set();
    drop(first);
    assert_eq!(third.wakes(), 1);
    drop(third);
    assert!(event.is_set(), "nobody is left to have it");
    ByHand::new(event.wait()).finish();
}

#[test]
fn a_reset_also_takes_back_what_a_dropped_wait_had_got() {
    let event = Event::auto();
    let waiting = ByHand::waiting(event.wait());
    event.set();
    event.reset();
    drop(waiting);
    assert!(!event.is_set());

    let waiting = ByHand::waiting(event.wait());
    event.set();
    event.reset();
    waiting.finish();
}

#[test]
fn a_wait_that_is_dropped_before_it_was_polled_takes_nothing() {
    let event = Event::auto();
    drop(event.wait());
    event.set();
    drop(event.wait());
    assert!(event.is_set());
}

#[test]
fn a_forgotten_wait_harms_nobody_else() {
    let manual: &'static Event = Box::leak(Box::new(Event::manual()));
    ByHand::waiting(manual.wait()).leak();
    let waiting = ByHand::waiting(manual.wait());
    manual.set();
    waiting.finish();

    let auto: &'static Event = Box::leak(Box::new(Event::auto()));
    ByHand::waiting(auto.wait()).leak();
    let waiting = ByHand::waiting(auto.wait());
    auto.set();
    assert_eq!(waiting.wakes(), 0, "the first in line is the one that was forgotten");
    auto.set();
    waiting.finish();
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let event = Event::manual();
    let mut first = ByHand::new(event.wait());
    assert!(first.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let second = ByHand::waiting(event.wait());
    event.set();
    assert!(event.is_set());
    first.finish();
    assert_eq!(second.wakes(), 1);
    second.finish();
}

struct Resetting(Arc<Event>);

impl Wake for Resetting {
    fn wake(self: Arc<Self>) {
        self.0.reset();
        self.0.set();
        assert!(self.0.try_wait());
    }
}

#[test]
fn a_waker_may_use_the_event_it_is_woken_by() {
    for event in [Event::manual(), Event::auto()] {
        let event = Arc::new(event);
        let mut wait = ByHand::new(event.wait());
        assert!(wait.poll_with(&Waker::from(Arc::new(Resetting(event.clone())))).is_pending());
        event.set();
        wait.finish();
    }
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_woken() {
    let event = Event::manual();
    let mut wait = ByHand::waiting(event.wait());
    let (elsewhere, wakes, _) = crate::common::counting_waker();
    assert!(wait.poll_with(&elsewhere).is_pending());
    event.set();
    assert_eq!((wait.wakes(), wakes.get()), (0, 1));
    wait.finish();
}

#[test]
fn a_plain_thread_sets_what_a_task_waits_for_and_the_other_way_round() {
    let _limit = limit();
    let pool = Pool::new(2);
    for make in [Event::manual, Event::auto] {
        let (there, back) = (Arc::new(make()), Arc::new(make()));
        let (wait, answer) = (Arc::clone(&there), Arc::clone(&back));
        let task = pool.spawn(async move {
            wait.wait().await;
            answer.set();
        });
        on_a_plain_thread(move || {
            there.set();
            back.wait_blocking();
        });
        task.wait().unwrap();
    }
}

#[test]
fn a_task_that_moves_while_it_waits_is_found() {
    let _limit = limit();
    let pool = Pool::new(2);
    let event = Arc::new(Event::auto());
    for _ in 0..rounds(200) {
        let waiting = Arc::clone(&event);
        let there = pool.runtime(1);
        let task = spawn_on_first(&pool, async move {
            let mut wait = Box::pin(waiting.wait());
            assert!(futures::poll!(wait.as_mut()).is_pending());
            switch_to(&there).await.unwrap();
            wait.await;
            here()
        });
        event.set();
        assert_eq!(task.wait().ok().flatten(), Some(1));
    }
}

/// Spawns on ring 0, and returns when the task has been polled there once.
fn spawn_on_first<T: Send + 'static>(
    pool: &Pool,
    future: impl Future<Output = T> + Send + 'static,
) -> ringpool::Task<T> {
    let begun = Gate::new();
    let polled = begun.clone();
    let task = spawn_on(&pool.runtime(0), async move {
        let mut future = Box::pin(future);
        let first = futures::poll!(future.as_mut());
        polled.open();
        match first {
            std::task::Poll::Ready(output) => output,
            std::task::Poll::Pending => future.await,
        }
    });
    begun.wait();
    task
}

#[test]
fn tasks_on_two_rings_take_turns_by_automatic_events() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ping, pong) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
    let turns = rounds(2000);
    let (waits, sets) = (Arc::clone(&ping), Arc::clone(&pong));
    let other = spawn_on(&pool.runtime(1), async move {
        for _ in 0..turns {
            waits.wait().await;
            sets.set();
        }
    });
    pool.block_on(async {
        for _ in 0..turns {
            ping.set();
            pong.wait().await;
        }
        other.await.unwrap();
    });
    assert!(!ping.is_set() && !pong.is_set());
}

#[test]
fn each_set_is_had_by_one_of_many_tasks_and_threads() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (event, had) = (Arc::new(Event::auto()), Count::new());
    let tasks: Vec<_> = (0..8)
        .map(|index| {
            let (event, had) = (Arc::clone(&event), had.clone());
            spawn_on(&pool.runtime(index % 2), async move {
                event.wait().await;
                had.add();
            })
        })
        .collect();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                event.wait_blocking();
                had.add();
            });
        }
        for number in 1..=12 {
            event.set();
            had.reaches(number);
            assert_eq!(had.get(), number);
        }
    });
    tasks.into_iter().for_each(|task| task.wait().unwrap());
}

#[test]
fn a_wait_with_a_limit_gives_up_its_place() {
    let event = Event::auto();
    assert!(event.wait_timeout(Duration::from_millis(5)).is_err());
    assert!(event.wait_timeout(Duration::ZERO).is_err());
    event.set();
    assert!(event.wait_timeout(Duration::ZERO).is_ok());
    event.set();
    assert!(event.try_wait(), "nobody is left in line");
    event.set();
    assert!(event.wait_timeout(Duration::MAX).is_ok());
}

#[test]
fn a_task_that_is_cancelled_passes_on_what_it_had_got() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let event = Arc::new(Event::auto());
        let (first, second) = (Arc::clone(&event), Arc::clone(&event));
        let first = ringpool::spawn(async move { first.wait().await });
        let second = ringpool::spawn(async move { second.wait().await });
        ringpool::yield_now().await;
        event.set();
        assert!(first.cancel().await.is_none());
        second.await.unwrap();
        assert!(time::timeout(Duration::from_millis(1), event.wait()).await.is_err());
    });
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics_and_says_what_to_do() {
    let _limit = limit();
    let text = Pool::new(1).block_on(async { panic_of(|| Event::manual().wait_blocking()) });
    assert!(text.contains("await `wait`"), "{text}");
}
