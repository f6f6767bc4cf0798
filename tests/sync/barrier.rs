//! `Barrier`, by hand, between rings, and with plain threads.

use crate::common::{Count, limit, panic_of, rounds};
use crate::support::ByHand;
use ringpool::sync::{Barrier, BarrierWaitResult};
use ringpool::{Pool, spawn_on, switch_to};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn nobody_goes_on_before_all_have_come_and_the_last_leads() {
    let barrier = Barrier::new(3);
    let first = ByHand::waiting(barrier.wait());
    let second = ByHand::waiting(barrier.wait());
    assert_eq!((first.wakes(), second.wakes()), (0, 0));
    assert!(ByHand::new(barrier.wait()).finish().is_leader());
    assert!(!first.finish().is_leader());
    assert!(!second.finish().is_leader());
}

#[test]
fn a_barrier_is_as_new_after_each_set() {
    let barrier = Barrier::new(2);
    for _ in 0..3 {
        let first = ByHand::waiting(barrier.wait());
        assert!(ByHand::new(barrier.wait()).finish().is_leader());
        // One of the next set comes before the first has noticed.
        let next = ByHand::waiting(barrier.wait());
        first.finish();
        assert!(barrier.try_wait().is_some());
        next.finish();
    }
}

#[test]
fn with_one_or_none_nobody_waits() {
    for count in [0, 1] {
        let barrier = Barrier::new(count);
        assert!(ByHand::new(barrier.wait()).finish().is_leader());
        assert!(barrier.try_wait().is_some_and(|result| result.is_leader()));
    }
}

#[test]
fn a_dropped_wait_takes_its_place_back_and_the_others_wait_for_a_full_set() {
    let barrier = Barrier::new(3);
    let first = ByHand::waiting(barrier.wait());
    let second = ByHand::waiting(barrier.wait());
    drop(second);
    let third = ByHand::waiting(barrier.wait());
    assert_eq!((first.wakes(), third.wakes()), (0, 0));
    assert!(ByHand::new(barrier.wait()).finish().is_leader());
    first.finish();
    third.finish();
}

#[test]
fn a_wait_that_is_dropped_after_the_set_was_full_changes_nothing() {
    let barrier = Barrier::new(2);
    let first = ByHand::waiting(barrier.wait());
    ByHand::new(barrier.wait()).finish();
    drop(first);
    assert!(barrier.try_wait().is_none());
    let next = ByHand::waiting(barrier.wait());
    assert!(barrier.try_wait().is_some());
    next.finish();
}

#[test]
fn a_wait_that_was_never_polled_is_not_counted() {
    let barrier = Barrier::new(2);
    let unpolled = barrier.wait();
    assert!(barrier.try_wait().is_none());
    drop(unpolled);
    assert!(barrier.try_wait().is_none());
}

#[test]
fn a_forgotten_wait_counts_for_one_set() {
    let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(2)));
    ByHand::waiting(barrier.wait()).leak();
    assert!(ByHand::new(barrier.wait()).finish().is_leader());
    let next = ByHand::waiting(barrier.wait());
    assert!(barrier.try_wait().is_some());
    next.finish();
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let barrier = Barrier::new(3);
    let mut first = ByHand::new(barrier.wait());
    assert!(first.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let second = ByHand::waiting(barrier.wait());
    assert!(ByHand::new(barrier.wait()).finish().is_leader());
    assert_eq!(second.wakes(), 1);
    first.finish();
    second.finish();
}

#[test]
fn tasks_on_all_rings_and_threads_go_from_phase_to_phase_together() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (barrier, arrived, leaders) = (Arc::new(Barrier::new(6)), Count::new(), Count::new());
    let phases = rounds(200);
    let step = |arrived: &Count, leaders: &Count, phase: usize, result: BarrierWaitResult| {
        assert!(arrived.get() >= 6 * (phase + 1), "all have arrived");
        if result.is_leader() {
            leaders.add();
        }
    };
    let tasks: Vec<_> = (0..4)
        .map(|index| {
            let barrier = Arc::clone(&barrier);
            let (arrived, leaders) = (arrived.clone(), leaders.clone());
            let rings = pool.runtimes().to_vec();
            spawn_on(&pool.runtime(index % 2), async move {
                for phase in 0..phases {
                    arrived.add();
                    let mut wait = Box::pin(barrier.wait());
                    let result = match futures::poll!(wait.as_mut()) {
                        std::task::Poll::Ready(result) => result,
                        std::task::Poll::Pending => {
                            switch_to(&rings[(index + phase) % 2]).await.unwrap();
                            wait.await
                        }
                    };
                    step(&arrived, &leaders, phase, result);
                }
            })
        })
        .collect();
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                for phase in 0..phases {
                    arrived.add();
                    step(&arrived, &leaders, phase, barrier.wait_blocking());
                }
            });
        }
    });
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!((arrived.get(), leaders.get()), (6 * phases, phases));
}

#[test]
fn a_task_that_is_cancelled_at_a_barrier_leaves_the_others_waiting() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let barrier = Arc::new(Barrier::new(3));
        let wait = |barrier: &Arc<Barrier>| {
            let barrier = Arc::clone(barrier);
            ringpool::spawn(async move { barrier.wait().await.is_leader() })
        };
        let (first, second) = (wait(&barrier), wait(&barrier));
        ringpool::yield_now().await;
        assert!(second.cancel().await.is_none());
        assert!(barrier.try_wait().is_none(), "two are missing");
        let third = wait(&barrier);
        let mine = barrier.wait().await.is_leader();
        let leads = [mine, first.await.unwrap(), third.await.unwrap()];
        assert_eq!(leads.iter().filter(|leads| **leads).count(), 1);
    });
}

#[test]
fn a_wait_with_a_limit_is_not_counted_any_more() {
    let barrier = Barrier::new(2);
    assert!(barrier.wait_timeout(Duration::from_millis(5)).is_err());
    assert!(barrier.try_wait().is_none());
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| barrier.wait_timeout(Duration::MAX).unwrap());
        let mine = barrier.wait_blocking();
        assert!(mine.is_leader() != thread.join().unwrap().is_leader());
    });
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics_and_counts_nothing() {
    let _limit = limit();
    let barrier = Barrier::new(2);
    let text = Pool::new(1).block_on(async { panic_of(|| barrier.wait_blocking()) });
    assert!(text.contains("await `wait`"), "{text}");
    assert!(barrier.try_wait().is_none());
}
