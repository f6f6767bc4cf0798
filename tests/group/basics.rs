//! Spawning, waiting, and the order of outcomes.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use ringpool::task::{Builder, TaskGroup};
use ringpool::{Pool, TaskError, spawn, spawn_on, switch_to, yield_now};

use super::support::*;
use crate::common::*;

#[test]
fn an_empty_group_has_nothing_to_wait_for() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let group = TaskGroup::<u32>::new();
        assert!(group.next().await.is_none());
        assert!(group.try_next().is_none());
        assert!(group.wait_all().await.is_empty());
        group.cancel().await;
        assert!(group.is_empty());
    });
}

#[test]
fn outcomes_come_in_the_order_of_completion() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::new();
        let gates: Vec<_> = (0..6).map(|_| Gate::new()).collect();
        for (number, gate) in gates.iter().cloned().enumerate() {
            group.spawn_on(&rings[number % 2], async move {
                gate.pass().await;
                number
            });
        }
        assert_eq!((group.len(), group.try_next().is_none()), (6, true));
        for number in [3, 0, 5, 1, 4, 2] {
            gates[number].open();
            assert_eq!(group.next().await.unwrap().unwrap(), number);
        }
        assert!(group.next().await.is_none());
    });
}

#[test]
fn all_outcomes_come_in_the_order_of_spawning() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::new();
        for round in 0..3 {
            for number in 0..20u64 {
                group.spawn_on(&rings[number as usize % 2], async move {
                    ringpool::time::sleep(Duration::from_micros(7 * (20 - number))).await;
                    number + round
                });
            }
            let all = outputs(group.wait_all().await);
            assert_eq!(all, (round..20 + round).collect::<Vec<_>>());
            assert!(group.is_empty());
        }
    });
}

#[test]
fn every_kind_of_child_runs_where_it_belongs() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let group = TaskGroup::new();
        group.spawn(async { here() });
        group.spawn_on(&there, async { here() });
        group.spawn_local(async {
            let place = std::rc::Rc::new(here());
            yield_now().await;
            *place
        });
        group.spawn_blocking(here);
        group.spawn_blocking_on(&there, here);
        group.insert(spawn_on(&there, async { here() }));
        let places = outputs(group.wait_all().await);
        assert_eq!(places, [Some(0), Some(1), Some(0), None, None, Some(1)]);
    });
}

#[test]
fn children_that_move_between_rings_are_waited_for() {
    let _limit = limit();
    let pool = Pool::new(3);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::new();
        for number in 0..rounds(300) {
            let rings = rings.clone();
            group.spawn(async move {
                for turn in 0..number % 7 {
                    switch_to(&rings[(number + turn) % 3]).await.unwrap();
                }
                number
            });
        }
        let mut seen = Vec::new();
        while let Some(number) = group.next().await {
            seen.push(number.unwrap());
        }
        seen.sort();
        assert_eq!(seen, (0..rounds(300)).collect::<Vec<_>>());
    });
}

#[test]
fn a_waiter_that_moves_is_woken_where_it_lives() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (group, gate) = (TaskGroup::new(), Gate::new());
        let door = gate.clone();
        group.spawn(async move { door.pass().await });
        let mut next = Box::pin(group.next());
        assert!(futures::poll!(&mut next).is_pending());
        switch_to(&there).await.unwrap();
        assert!(futures::poll!(&mut next).is_pending());
        gate.open();
        assert!(next.await.unwrap().is_ok());
        assert_eq!(here(), Some(1));
    });
}

#[test]
fn a_task_that_has_ended_can_be_inserted() {
    let _limit = limit();
    let pool = Pool::new(2);
    let task = pool.spawn(async { 7 });
    until(|| task.is_finished());
    pool.block_on(async {
        let group = TaskGroup::new();
        group.insert(task);
        assert_eq!(group.try_next().unwrap().unwrap(), 7);
        let mut polled = spawn(async { 8 });
        let (waker, ..) = counting_waker();
        assert!(poll_once(&mut polled, &waker).is_pending());
        let id = group.insert(polled);
        let (which, output) = group.next_with_id().await.unwrap();
        assert_eq!((which, output.unwrap()), (id, 8));
    });
}

/// A waker whose last drop panics.
struct PanicsInDrop;

impl std::task::Wake for PanicsInDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic_on_purpose("the drop of a waker");
    }
}

#[test]
fn a_task_whose_old_waker_panics_can_be_inserted() {
    let _limit = limit();
    silence_panics_on_purpose();
    let pool = Pool::new(2);
    pool.block_on(async {
        for ring in pool.runtimes() {
            let (group, gate) = (TaskGroup::new(), Gate::new());
            let ends = gate.clone();
            let mut task = spawn_on(ring, async move { ends.pass().await });
            for _ in 0..3 {
                yield_now().await;
            }
            let waker = std::task::Waker::from(Arc::new(PanicsInDrop));
            assert!(poll_once(&mut task, &waker).is_pending());
            drop(waker);
            group.insert(task);
            gate.open();
            assert!(group.next().await.unwrap().is_ok());
        }
    });
}

#[test]
fn numbers_tell_the_children_apart_and_names_are_kept() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let group = TaskGroup::new();
        let ids: Vec<_> = (0..10).map(|number| group.spawn(async move { number })).collect();
        while let Some((id, output)) = group.next_with_id().await {
            assert_eq!(ids[output.unwrap()], id);
        }
        let failing = group.spawn(async { panic_on_purpose("this one") });
        group.insert(Builder::new().name("named").spawn(async { 1 }));
        let (id, outcome) = group.next_with_id().await.unwrap();
        assert_eq!((id, outcome.unwrap_err().is_panic()), (failing, true));
    });
}

#[test]
fn a_dropped_wait_loses_no_outcome() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let group = TaskGroup::new();
        for round in 0..rounds(200) {
            let gate = Gate::new();
            let door = gate.clone();
            group.spawn_on(&there, async move {
                door.pass().await;
                round
            });
            let (mut first, mut second) = (Box::pin(group.next()), Box::pin(group.next()));
            assert!(futures::poll!(&mut first).is_pending());
            assert!(futures::poll!(&mut second).is_pending());
            gate.open();
            // Handed to the first, or under way: in either case the second gets it.
            if round % 2 == 0 {
                yield_now().await;
            }
            drop(first);
            assert_eq!(second.await.unwrap().unwrap(), round);
        }
    });
}

#[test]
fn a_dropped_wait_for_all_loses_no_outcome() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (group, gate) = (TaskGroup::<Result<u32, ()>>::new(), Gate::new());
        group.spawn(async { Ok(1) });
        let door = gate.clone();
        group.spawn(async move {
            door.pass().await;
            Ok(2)
        });
        {
            let (mut all, mut tried) = (Box::pin(group.wait_all()), Box::pin(group.try_wait_all()));
            for _ in 0..3 {
                assert!(futures::poll!(&mut all).is_pending());
                assert!(futures::poll!(&mut tried).is_pending());
                yield_now().await;
            }
        }
        assert_eq!(group.len(), 2);
        assert_eq!(group.next().await.unwrap().unwrap(), Ok(1));
        gate.open();
        assert_eq!(group.next().await.unwrap().unwrap(), Ok(2));
    });
}

#[test]
fn several_waiters_share_the_outcomes_and_all_are_told_the_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let (group, gate) = (Arc::new(TaskGroup::new()), Gate::new());
    for number in 0..100 {
        let door = gate.clone();
        group.spawn_on(&rings[number % 2], async move {
            door.pass().await;
            number
        });
    }
    let waiters: Vec<_> = (0..6)
        .map(|waiter| {
            let group = group.clone();
            let collect = async move {
                let mut seen = Vec::new();
                while let Some(number) = group.next().await {
                    seen.push(number.unwrap());
                }
                seen
            };
            spawn_on(&rings[waiter % 2], collect)
        })
        .collect();
    gate.open();
    let mut seen: Vec<_> = waiters.into_iter().flat_map(|waiter| waiter.wait().unwrap()).collect();
    seen.sort();
    assert_eq!(seen, (0..100).collect::<Vec<_>>());
}

#[test]
fn children_are_spawned_while_somebody_waits_and_by_the_children() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let group = Arc::new(TaskGroup::new());
        let weak = Arc::downgrade(&group);
        group.spawn_on(&there, async move {
            for number in 1..=10 {
                let group = weak.upgrade().unwrap();
                group.spawn(async move { number });
                drop(group);
                yield_now().await;
            }
            0
        });
        let mut all = outputs(group.wait_all().await);
        all.sort();
        assert_eq!(all, (0..=10).collect::<Vec<_>>());
    });
}

#[test]
fn a_group_may_be_moved_and_shared() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    let _limit = limit();
    let pool = Pool::new(2);
    let gate = Gate::new();
    let group = TaskGroup::new();
    is_send_and_sync(&group);
    is_send_and_sync(&group.next());
    is_send_and_sync(&group.cancel());
    let door = gate.clone();
    group.spawn_on(&pool.runtime(1), async move {
        door.pass().await;
        std::cell::Cell::new(7) // Which is not `Sync`.
    });
    let moved = vec![group];
    gate.open();
    let output = on_a_plain_thread(move || {
        let group = moved.into_iter().next().unwrap();
        futures::executor::block_on(group.next()).unwrap().unwrap().get()
    });
    assert_eq!(output, 7);
}

#[test]
fn outside_a_pool_the_functions_that_need_a_ring_say_what_to_use() {
    let _limit = limit();
    let group = TaskGroup::<()>::new();
    for (said, instead) in [
        (panic_of(|| group.spawn(async {})), "group.spawn_on(&runtime, …)"),
        (panic_of(|| group.spawn_local(async {})), "group.spawn_on(&runtime, …)"),
        (panic_of(|| group.spawn_blocking(|| ())), "group.spawn_blocking_on(&runtime, …)"),
        (panic_of(|| TaskGroup::<()>::with_limit(0)), "limit of 0"),
    ] {
        assert!(said.contains(instead), "{said}");
    }
    assert!(group.is_empty());
}

#[test]
fn children_of_a_stopped_pool_end_cancelled() {
    let _limit = limit();
    let pool = Pool::new(1);
    let ring = pool.runtime(0);
    let (group, dropped) = (TaskGroup::with_limit(1), Count::new());
    let guard = dropped.on_drop();
    group.spawn_on(&ring, async move {
        let _guard = guard;
        never().await;
    });
    for _ in 0..rounds(20_000) {
        let guard = dropped.on_drop();
        group.spawn_on(&ring, async move { drop(guard) });
        let guard = dropped.on_drop();
        group.spawn_blocking_on(&ring, move || drop(guard));
    }
    shut_down(&pool);
    let outcomes = futures::executor::block_on(group.wait_all());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(TaskError::Cancelled))));
    assert_eq!((outcomes.len(), dropped.get()), (2 * rounds(20_000) + 1, 2 * rounds(20_000) + 1));
    group.spawn_on(&ring, async {});
    assert!(matches!(group.next().now_or_never(), Some(Some(Err(TaskError::Cancelled)))));
}

#[test]
fn ten_thousand_children_all_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let (dropped, count) = (Count::new(), rounds(10_000));
    pool.block_on(async {
        for group in [TaskGroup::new(), TaskGroup::with_limit(3)] {
            for number in 0..count {
                let output = dropped.on_drop();
                group.spawn_on(&rings[number % 2], async move {
                    yield_now().await;
                    output
                });
            }
            while let Some(outcome) = group.next().await {
                drop(outcome.unwrap());
            }
        }
    });
    assert_eq!(dropped.get(), 2 * count);
}

#[test]
fn a_waiter_that_always_finds_something_lets_others_run() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let group = TaskGroup::new();
        for number in 0..1000 {
            group.spawn(async move { number });
        }
        until_all_ended(&group).await;
        let others = Count::new();
        let other = others.clone();
        let neighbour = spawn(async move {
            loop {
                other.add();
                yield_now().await;
            }
        });
        while group.next().await.is_some() {}
        assert!(others.get() >= 5, "{}", others.get());
        drop(neighbour);
    });

    async fn until_all_ended(group: &TaskGroup<i32>) {
        while !format!("{group:?}").contains("running: 0") {
            yield_now().await;
        }
    }
}

#[test]
fn a_wait_is_woken_by_the_waker_of_its_last_poll() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (group, gate) = (TaskGroup::new(), Gate::new());
    let door = gate.clone();
    group.spawn_on(&pool.runtime(0), async move { door.pass().await });
    let mut next = Box::pin(group.next());
    let (first, first_wakes, first_dropped) = counting_waker();
    let (second, second_wakes, _) = counting_waker();
    assert!(poll_once(&mut next, &first).is_pending());
    assert!(poll_once(&mut next, &second).is_pending());
    drop(first);
    assert_eq!(first_dropped.get(), 1);
    gate.open();
    second_wakes.reaches(1);
    assert_eq!(first_wakes.get(), 0);
    assert!(matches!(poll_once(&mut next, &second), Poll::Ready(Some(Ok(())))));
}

#[test]
fn a_group_in_a_select_wins_loses_and_is_drained() {
    use futures::future::{Either, select};
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (group, gate) = (TaskGroup::new(), Gate::new());
        let door = gate.clone();
        group.spawn_on(&there, async move {
            door.pass().await;
            7
        });
        // The other branch wins, and what the group brings is there afterwards.
        match select(Box::pin(group.next()), Box::pin(yield_now())).await {
            Either::Left(_) => unreachable!("the gate is shut"),
            Either::Right(((), lost)) => drop(lost),
        }
        gate.open();
        match select(Box::pin(group.next()), Box::pin(never())).await {
            Either::Left((outcome, _)) => assert_eq!(outcome.unwrap().unwrap(), 7),
            Either::Right(_) => unreachable!("it never ends"),
        }
        // With nobody left the group is ready at once, and says so.
        match select(Box::pin(group.next()), Box::pin(never())).await {
            Either::Left((outcome, _)) => assert!(outcome.is_none()),
            Either::Right(_) => unreachable!("it never ends"),
        }
    });
}
