//! `Latch`, by hand, between rings, and with plain threads.

use crate::common::{Count, limit, panic_of};
use crate::support::ByHand;
use ringpool::sync::Latch;
use ringpool::{Pool, spawn_on, switch_to};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn all_go_on_when_the_count_is_zero_and_not_before() {
    let latch = Latch::new(3);
    let waits = [(); 2].map(|()| ByHand::waiting(latch.wait()));
    latch.count_down();
    latch.count_down();
    assert_eq!((latch.count(), latch.try_wait()), (1, false));
    assert_eq!(waits.each_ref().map(ByHand::wakes), [0, 0]);
    latch.count_down();
    assert_eq!(waits.each_ref().map(ByHand::wakes), [1, 1]);
    waits.into_iter().for_each(|wait| wait.finish());
    ByHand::new(latch.wait()).finish();
    assert!(latch.try_wait());
}

#[test]
fn counting_on_at_zero_changes_nothing() {
    let latch = Latch::new(5);
    latch.count_down_by(0);
    assert_eq!(latch.count(), 5);
    latch.count_down_by(4);
    let waiting = ByHand::waiting(latch.wait());
    latch.count_down_by(usize::MAX);
    latch.count_down_by(7);
    latch.count_down();
    assert_eq!((latch.count(), waiting.wakes()), (0, 1));
    waiting.finish();
}

#[test]
fn a_latch_of_zero_is_open_and_one_too_large_is_refused() {
    ByHand::new(Latch::new(0).wait()).finish();
    assert_eq!(Latch::new(Latch::MAX_COUNT).count(), Latch::MAX_COUNT);
    assert!(panic_of(|| Latch::new(Latch::MAX_COUNT + 1)).contains("MAX_COUNT"));
}

#[test]
fn who_arrives_counts_once_with_the_first_poll_and_stays_counted() {
    let latch = Latch::new(2);
    drop(latch.arrive_and_wait());
    assert_eq!(latch.count(), 2, "it was not polled");
    let mut arrived = ByHand::waiting(latch.arrive_and_wait());
    assert!(arrived.poll().is_pending());
    assert_eq!(latch.count(), 1);
    drop(arrived);
    assert_eq!(latch.count(), 1);
    ByHand::new(latch.arrive_and_wait()).finish();
    assert!(latch.try_wait());
}

#[test]
fn a_dropped_wait_leaves_the_line_and_the_others_go_on() {
    let latch = Latch::new(1);
    let first = ByHand::waiting(latch.wait());
    let second = ByHand::waiting(latch.wait());
    drop(first);
    latch.count_down();
    second.finish();
}

#[test]
fn a_forgotten_wait_harms_nobody_else() {
    let latch: &'static Latch = Box::leak(Box::new(Latch::new(1)));
    ByHand::waiting(latch.wait()).leak();
    let waiting = ByHand::waiting(latch.wait());
    latch.count_down();
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
    let latch = Latch::new(1);
    let mut first = ByHand::new(latch.wait());
    assert!(first.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let second = ByHand::waiting(latch.wait());
    latch.count_down();
    assert_eq!(second.wakes(), 1);
    first.finish();
    second.finish();
}

#[test]
fn tasks_on_all_rings_and_threads_meet_at_a_latch() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (latch, passed) = (Arc::new(Latch::new(12)), Count::new());
    let tasks: Vec<_> = (0..8)
        .map(|index| {
            let (latch, passed) = (Arc::clone(&latch), passed.clone());
            let there = pool.runtime(1 - index % 2);
            spawn_on(&pool.runtime(index % 2), async move {
                let mut wait = Box::pin(latch.arrive_and_wait());
                if futures::poll!(wait.as_mut()).is_pending() {
                    switch_to(&there).await.unwrap();
                    wait.await;
                }
                assert!(latch.try_wait());
                passed.add();
            })
        })
        .collect();
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                latch.arrive_and_wait_blocking();
                passed.add();
            });
        }
        assert_eq!(passed.get(), 0, "one is missing");
        latch.arrive_and_wait_blocking();
    });
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!(passed.get(), 11);
}

#[test]
fn a_wait_with_a_limit_gives_up_but_stays_counted() {
    let latch = Latch::new(2);
    assert!(latch.wait_timeout(Duration::from_millis(5)).is_err());
    assert!(latch.arrive_and_wait_timeout(Duration::from_millis(5)).is_err());
    assert_eq!(latch.count(), 1);
    assert!(latch.arrive_and_wait_timeout(Duration::ZERO).is_ok());
    assert!(latch.wait_timeout(Duration::ZERO).is_ok());
    latch.wait_blocking();
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics_and_counts_nothing() {
    let _limit = limit();
    let latch = Latch::new(1);
    let text = Pool::new(1).block_on(async { panic_of(|| latch.arrive_and_wait_blocking()) });
    assert!(text.contains("await `arrive_and_wait`"), "{text}");
    assert_eq!(latch.count(), 1);
}
