//! Ending a group before its time.

use std::sync::Arc;

use ringpool::task::TaskGroup;
use ringpool::{Pool, Runtime, spawn_on, yield_now};

use super::support::*;
use crate::common::*;

/// A group whose children all wait, and have begun.
fn waiting_group(rings: &[Runtime], each: usize, dropped: &Count) -> TaskGroup<()> {
    let (group, begun) = (TaskGroup::new(), Count::new());
    for (number, waits) in WAITS.into_iter().cycle().take(each * WAITS.len()).enumerate() {
        let (begun, dropped) = (begun.clone(), dropped.on_drop());
        let child = wait_in_some_way(waits, begun, dropped, rings.to_vec());
        group.spawn_on(&rings[number % rings.len()], child);
    }
    begun.reaches(each * WAITS.len());
    group
}

#[test]
fn a_cancelled_group_leaves_no_child_and_nothing_in_the_kernel() {
    let _limit = limit();
    let pool = Pool::new(2);
    until(|| in_flight(&pool).iter().all(|count| *count <= 1));
    let rings = pool.runtimes().to_vec();
    let dropped = Count::new();
    for from_a_ring in [true, false] {
        let group = waiting_group(&rings, 10, &dropped);
        let before = dropped.get();
        let group = if from_a_ring {
            pool.block_on(async {
                group.cancel().await;
                group
            })
        } else {
            futures::executor::block_on(group.cancel());
            group
        };
        assert_eq!(dropped.get(), before + 10 * WAITS.len());
        assert!(group.is_empty());
    }
    shut_down(&pool);
}

#[test]
fn outcomes_of_before_a_cancel_are_still_to_be_had() {
    let _limit = limit();
    // One ring, so that they end in order.
    let pool = Pool::new(1);
    pool.block_on(async {
        let (group, ended) = (TaskGroup::new(), Count::new());
        for number in 0..3 {
            let ends = ended.on_drop();
            group.spawn(async move {
                let _ends = ends;
                number
            });
        }
        let ends = ended.on_drop();
        group.spawn(async move {
            let _ends = ends;
            panic_on_purpose("before the cancel")
        });
        group.spawn(std::future::pending());
        while ended.get() < 4 {
            yield_now().await;
        }
        group.cancel().await;
        assert_eq!(group.len(), 4);
        for number in 0..3 {
            assert_eq!(group.next().await.unwrap().unwrap(), number);
        }
        let panicked = group.next().await.unwrap().unwrap_err().into_panic().unwrap();
        assert_eq!(text_of(&*panicked), "before the cancel");
        assert!(group.next().await.is_none());
    });
}

#[test]
fn a_cancelled_group_can_be_used_again() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::with_limit(2);
        for _ in 0..3 {
            for number in 0..10 {
                group.spawn_on(&rings[number % 2], std::future::pending());
            }
            group.cancel().await;
            for number in 0..100 {
                group.spawn_on(&rings[number % 2], async move { number });
            }
            let numbers = outputs(group.wait_all().await);
            assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        }
    });
}

#[test]
fn who_waits_for_a_cancelled_group_is_told_that_nobody_is_left() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (dropped, waiting) = (Count::new(), Count::new());
    let group = Arc::new(waiting_group(pool.runtimes(), 2, &dropped));
    let waiters: Vec<_> = (0..4)
        .map(|waiter| {
            let (group, waiting) = (group.clone(), waiting.clone());
            spawn_on(&pool.runtime(waiter % 2), async move {
                waiting.add();
                if waiter < 2 {
                    group.next().await.is_none()
                } else {
                    group.wait_all().await.is_empty()
                }
            })
        })
        .collect();
    waiting.reaches(4);
    futures::executor::block_on(group.cancel());
    for waiter in waiters {
        assert!(waiter.wait().unwrap());
    }
}

#[test]
fn a_cancel_that_is_dropped_is_a_cancel_all_the_same() {
    let _limit = limit();
    let pool = Pool::new(2);
    let dropped = Count::new();
    let group = waiting_group(pool.runtimes(), 2, &dropped);
    let mut cancel = Box::pin(group.cancel());
    let (waker, ..) = counting_waker();
    let _ = poll_once(&mut cancel, &waker);
    drop(cancel);
    dropped.reaches(2 * WAITS.len());
    assert!(futures::executor::block_on(group.next()).is_none());
}

#[test]
fn a_cancelled_waiter_does_not_disturb_the_group() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (group, gate, waiting) = (Arc::new(TaskGroup::new()), Gate::new(), Gate::new());
    let door = gate.clone();
    group.spawn_on(&pool.runtime(0), async move {
        door.pass().await;
        7
    });
    let (shared, signal) = (group.clone(), waiting.clone());
    let waiter = spawn_on(&pool.runtime(1), async move {
        signal.open();
        shared.next().await.is_some()
    });
    waiting.wait();
    assert_eq!(futures::executor::block_on(waiter.cancel()), None);
    gate.open();
    assert_eq!(futures::executor::block_on(group.next()).unwrap().unwrap(), 7);
}

#[test]
fn children_in_line_are_dropped_unbegun_by_a_cancel() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let (dropped, begun, running) = (Count::new(), Count::new(), Gate::new());
    pool.block_on(async {
        let group = TaskGroup::with_limit(1);
        let signal = running.clone();
        group.spawn_on(&there, async move {
            signal.open();
            never().await;
        });
        running.pass().await;
        for _ in 0..50 {
            let (counts, guard) = (begun.clone(), dropped.on_drop());
            group.spawn(async move {
                let _guard = guard;
                counts.add();
            });
            let (counts, guard) = (begun.clone(), dropped.on_drop());
            group.spawn_blocking(move || {
                let _guard = guard;
                counts.add();
            });
        }
        group.cancel().await;
        assert_eq!((begun.get(), dropped.get(), group.len()), (0, 100, 0));
    });
}

#[test]
fn a_cancel_waits_for_a_blocking_child_that_runs_and_keeps_its_output() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (running, gate) = (Gate::new(), Gate::new());
    pool.block_on(async {
        let group = TaskGroup::new();
        let (signal, door) = (running.clone(), gate.clone());
        group.spawn_blocking(move || {
            signal.open();
            door.wait();
            7
        });
        running.pass().await;
        let mut cancel = Box::pin(group.cancel());
        assert!(futures::poll!(&mut cancel).is_pending());
        gate.open();
        cancel.await;
        assert_eq!(group.next().await.unwrap().unwrap(), 7);
    });
}

#[test]
fn a_child_may_cancel_its_group_and_goes_with_it() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let dropped = Count::new();
    pool.block_on(async {
        let group = Arc::new(TaskGroup::<()>::new());
        let guard = dropped.on_drop();
        group.spawn(async move {
            let _guard = guard;
            never().await;
        });
        let (weak, guard) = (Arc::downgrade(&group), dropped.on_drop());
        group.spawn_on(&there, async move {
            let _guard = guard;
            let group = weak.upgrade().unwrap();
            group.cancel().await;
            unreachable!("it is cancelled too");
        });
        assert!(group.next().await.is_none());
        assert_eq!(dropped.get(), 2);
    });
}

#[test]
fn groups_on_two_rings_that_cancel_each_other_do_not_block() {
    let _limit = limit();
    let pool = Pool::new(2);
    for _ in 0..rounds(50) {
        let dropped = Count::new();
        let groups: Vec<_> = (0..2).map(|_| Arc::new(TaskGroup::<()>::new())).collect();
        for (index, group) in groups.iter().enumerate() {
            for _ in 0..5 {
                let (other, guard) = (Arc::downgrade(&groups[1 - index]), dropped.on_drop());
                group.spawn_on(&pool.runtime(index), async move {
                    let _guard = guard;
                    let Some(other) = other.upgrade() else { return };
                    other.cancel().await;
                });
            }
        }
        for group in &groups {
            futures::executor::block_on(group.wait_all());
        }
        assert_eq!(dropped.get(), 10);
    }
}

#[test]
fn spawning_while_the_group_is_cancelled_leaves_nobody_behind() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (group, dropped) = (Arc::new(TaskGroup::<()>::with_limit(4)), Count::new());
    let (spawner_group, counts) = (group.clone(), dropped.clone());
    let count = rounds(2000);
    let there = pool.runtime(1);
    let spawner = pool.spawn(async move {
        for _ in 0..count {
            let guard = counts.on_drop();
            spawner_group.spawn_on(&there, async move {
                let _guard = guard;
                never().await;
            });
            yield_now().await;
        }
    });
    while !spawner.is_finished() {
        futures::executor::block_on(group.cancel());
    }
    futures::executor::block_on(group.cancel());
    assert_eq!((dropped.get(), group.len()), (count, 0));
    spawner.wait().unwrap();
}

#[test]
fn a_task_that_waits_for_its_group_takes_it_along_when_it_is_cancelled() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let dropped = Count::new();
    for home in &rings {
        let (group, before) = (waiting_group(&rings, 3, &dropped), dropped.get());
        let waiting = Gate::new();
        let signal = waiting.clone();
        let waiter = spawn_on(home, async move {
            signal.open();
            group.wait_all().await;
        });
        waiting.wait();
        assert_eq!(pool.block_on(waiter.cancel()), None);
        assert_eq!(dropped.get(), before + 3 * WAITS.len());
    }
}
