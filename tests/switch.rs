//! Tasks that move between rings: with operations and timers in flight, inside combinators, to
//! rings that stop, and back.

mod common;

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::*;
use futures::future::{self, Either, join_all, select};
use futures::stream::{FuturesUnordered, StreamExt};
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Pool, SwitchError, TaskError};
use ringpool::{run_on, spawn, spawn_local, spawn_on, switch_to, yield_now};

#[test]
fn a_task_goes_there_and_comes_back_with_all_it_has() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    let mut borrowed = vec![1, 2];
    pool.block_on(async {
        let text = String::from("luggage");
        switch_to(&there).await.unwrap();
        assert_eq!((here(), text.as_str()), (Some(1), "luggage"));
        borrowed.push(3);
        switch_to(&home).await.unwrap();
        assert_eq!(here(), Some(0));
        switch_to(&home).await.unwrap();
        assert_eq!(here(), Some(0));
    });
    assert_eq!(borrowed, [1, 2, 3]);
}

#[test]
fn a_root_task_that_is_away_for_a_while_comes_back_to_a_running_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    let answer = pool.block_on(async {
        switch_to(&there).await?;
        sleep(Duration::from_millis(20)).await;
        switch_to(&home).await?;
        Ok::<_, SwitchError>(here())
    });
    assert_eq!(answer, Ok(Some(0)));
}

#[test]
fn ten_thousand_hops_visit_every_ring() {
    let _limit = limit();
    let pool = Pool::new(4);
    let runtimes = pool.runtimes().to_vec();
    let hops = pool.block_on(async move {
        let mut hops = 0;
        for step in 0..10_000 {
            let to = &runtimes[step * 7 % runtimes.len()];
            switch_to(to).await.unwrap();
            assert_eq!(ringpool::current().as_ref(), Some(to));
            hops += 1;
        }
        hops
    });
    assert_eq!(hops, 10_000);
}

#[test]
fn run_on_gives_the_output_and_returns_home() {
    let _limit = limit();
    let pool = Pool::new(3);
    let (second, third) = (pool.runtime(1), pool.runtime(2));
    pool.block_on(async {
        let places = run_on(&second, async {
            let inner = run_on(&third, async { here() }).await.unwrap();
            (here(), inner)
        });
        assert_eq!(places.await, Ok((Some(1), Some(2))));
        assert_eq!(here(), Some(0));
    });
}

#[test]
fn operations_and_timers_in_flight_wake_the_task_where_it_lives_by_then() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..200 {
            let mut operation = nop();
            let mut timer = sleep(Duration::from_micros(100));
            let waker = own_waker().await;
            assert!(poll_once(&mut operation, &waker).is_pending());
            assert!(poll_once(&mut timer, &waker).is_pending());
            switch_to(&there).await.unwrap();
            operation.await.unwrap();
            timer.await;
            assert_eq!(here(), Some(1));
            switch_to(&pool.runtime(0)).await.unwrap();
        }
    });
}

#[test]
fn what_is_in_flight_may_be_dropped_far_from_home() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        let waker = own_waker().await;
        for _ in 0..1000 {
            let (mut operation, mut timer) = (nop(), sleep(Duration::from_secs(3600)));
            assert!(poll_once(&mut operation, &waker).is_pending());
            assert!(poll_once(&mut timer, &waker).is_pending());
            switch_to(&there).await.unwrap();
            drop((operation, timer));
            switch_to(&home).await.unwrap();
        }
    });
    until(|| home.load().timers == 0 && home.load().operations_in_flight == 0);
}

#[test]
fn an_operation_cancelled_from_another_ring_still_ends() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        let waker = own_waker().await;
        for _ in 0..500 {
            let mut operation = nop();
            assert!(poll_once(&mut operation, &waker).is_pending());
            switch_to(&there).await.unwrap();
            let ended = operation.cancel().await;
            assert!(ended.is_ok() || ended.unwrap_err().raw_os_error() == Some(libc::ECANCELED));
            switch_to(&home).await.unwrap();
        }
    });
}

#[test]
fn a_switch_inside_join_takes_the_other_branches_along() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let moves = async {
            switch_to(&there).await.unwrap();
            nop().await.unwrap();
            here()
        };
        let works = async {
            for _ in 0..10 {
                nop().await.unwrap();
                sleep(Duration::from_micros(10)).await;
            }
            here()
        };
        assert_eq!(future::join(moves, works).await, (Some(1), Some(1)));
    });
}

#[test]
fn a_switch_inside_a_set_of_futures_moves_all_of_them() {
    let _limit = limit();
    let pool = Pool::new(2);
    let runtimes = pool.runtimes().to_vec();
    pool.block_on(async {
        let mut set = FuturesUnordered::new();
        for number in 0..64 {
            let runtimes = &runtimes;
            set.push(async move {
                for step in 0..10 {
                    match (number + step) % 4 {
                        0 => switch_to(&runtimes[step % 2]).await.unwrap(),
                        1 => nop().await.unwrap(),
                        2 => sleep(Duration::from_micros(50)).await,
                        _ => yield_now().await,
                    }
                }
                number
            });
        }
        let mut ended = Vec::new();
        while let Some(number) = set.next().await {
            ended.push(number);
        }
        ended.sort_unstable();
        assert_eq!(ended, (0..64).collect::<Vec<_>>());
    });
}

/// The set polls two of the four and then gives way: those that are polled must not always be the
/// ones that want to be elsewhere.
#[test]
fn branches_that_pull_to_different_rings_all_get_there() {
    let _limit = limit();
    let pool = Pool::new(3);
    let runtimes = pool.runtimes().to_vec();
    for targets in [&[1, 1, 0, 0][..], &[0, 0, 1, 1, 2, 2], &[2, 1, 0, 2, 1, 0], &[1, 2, 1, 2]] {
        pool.block_on(async {
            let branches = targets.iter().map(|&target| {
                let runtime = &runtimes[target];
                async move {
                    switch_to(runtime).await.unwrap();
                    assert_eq!(here(), Some(target));
                }
            });
            branches.collect::<FuturesUnordered<_>>().collect::<Vec<()>>().await;
        });
    }
}

#[test]
fn many_branches_that_pull_to_different_rings_all_get_there() {
    let _limit = limit();
    let pool = Pool::new(2);
    let runtimes = pool.runtimes().to_vec();
    pool.block_on(async {
        let branch = async |first: usize| {
            for hop in first..first + 6 {
                switch_to(&runtimes[hop % 2]).await.unwrap();
                assert_eq!(here(), Some(hop % 2));
            }
        };
        join_all((0..1000).map(|number| branch(number / 500))).await;
    });
}

#[test]
fn a_switch_that_nobody_awaits_any_more_does_not_hold_the_task() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        let (waker, ..) = counting_waker();
        assert!(poll_once(&mut switch_to(&there), &waker).is_pending());
        yield_now().await;
        assert_eq!(here(), Some(1));
        switch_to(&home).await.unwrap();
        assert_eq!(here(), Some(0));
    });
}

#[test]
fn a_switch_that_wins_a_select_leaves_nothing_of_the_loser() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        let long = pin!(sleep(Duration::from_secs(3600)));
        match select(switch_to(&there), long).await {
            Either::Left((switched, _)) => assert_eq!(switched, Ok(())),
            Either::Right(_) => panic!("an hour is over"),
        }
        assert_eq!(here(), Some(1));
    });
    until(|| home.load().timers == 0);
}

#[test]
fn a_task_of_spawn_local_cannot_switch_and_goes_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async move {
        let task = spawn(async move {
            spawn_local(async move {
                let rc = Rc::new(7);
                assert_eq!(switch_to(&there).await, Err(SwitchError::Local));
                nop().await.unwrap();
                (*rc, here())
            })
            .detach();
            yield_now().await;
        });
        task.await.unwrap();
    });
}

#[test]
fn a_switch_outside_a_task_is_an_error() {
    let _limit = limit();
    let pool = Pool::new(1);
    let there = pool.runtime(0);
    let switched = futures::executor::block_on(switch_to(&there));
    assert_eq!(switched, Err(SwitchError::NotInTask));
}

#[test]
fn a_switch_to_a_stopped_ring_is_an_error_and_the_task_goes_on() {
    let _limit = limit();
    let (pool, other) = (Pool::new(1), Pool::new(1));
    let gone = other.runtime(0);
    shut_down(&other);
    drop(other);
    pool.block_on(async {
        assert_eq!(switch_to(&gone).await, Err(SwitchError::Stopped));
        assert_eq!(run_on(&gone, async { 7 }).await, Err(SwitchError::Stopped));
        nop().await.unwrap();
        sleep(Duration::from_micros(10)).await;
        assert_eq!(here(), Some(0));
    });
}

#[test]
fn a_task_may_switch_to_a_ring_of_another_pool_and_end_there() {
    let _limit = limit();
    let (pool, other) = (Pool::new(1), Pool::new(2));
    let there = other.runtime(1);
    let place = pool.block_on(async {
        let mut timer = sleep(Duration::from_millis(1));
        assert!(poll_once(&mut timer, &own_waker().await).is_pending());
        switch_to(&there).await.unwrap();
        timer.await;
        nop().await.unwrap();
        ringpool::current()
    });
    assert_eq!(place, Some(there));
}

#[test]
fn timers_and_operations_outlive_the_pool_they_were_started_in() {
    let _limit = limit();
    let (pool, other) = (Pool::new(1), Pool::new(1));
    let (home, there) = (pool.runtime(0), other.runtime(0));
    let (moved, gone) = (Gate::new(), Gate::new());
    let (signal, door) = (moved.clone(), gone.clone());
    let task = spawn_on(&home, async move {
        let waker = own_waker().await;
        let mut operations: Vec<_> = (0..10).map(|_| nop()).collect();
        let mut timer = sleep(Duration::from_millis(5));
        let mut dropped_timer = sleep(Duration::from_secs(3600));
        for operation in &mut operations {
            assert!(poll_once(operation, &waker).is_pending());
        }
        assert!(poll_once(&mut timer, &waker).is_pending());
        assert!(poll_once(&mut dropped_timer, &waker).is_pending());
        switch_to(&there).await.unwrap();
        signal.open();
        door.pass().await;
        // The ring they were started on has stopped.
        for operation in operations {
            let ended = operation.await;
            assert!(ended.is_ok() || ended.unwrap_err().raw_os_error() == Some(libc::ECANCELED));
        }
        drop(dropped_timer);
        timer.await;
        7
    });
    moved.wait();
    shut_down(&pool);
    drop((pool, home));
    // A new ring takes the place, and the address, of the old one.
    let new = Pool::new(1);
    gone.open();
    assert_eq!(task.wait().unwrap(), 7);
    assert_eq!(new.spawn(async { 1 }).wait().unwrap(), 1);
}

/// A ring stops while tasks are on their way to it: each goes on where it was, or ends cancelled
/// over there, and in both cases it is dropped once and whoever waits is told.
#[test]
fn a_target_that_stops_while_tasks_are_under_way_loses_none() {
    let _limit = limit();
    let pool = Pool::new(1);
    for _ in 0..50 {
        let other = Pool::new(1);
        let dropped = Count::new();
        let travelled = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (home, there) = (pool.runtime(0), other.runtime(0));
                let (guard, travelled) = (dropped.on_drop(), travelled.clone());
                pool.spawn(async move {
                    let _guard = guard;
                    while switch_to(&there).await.is_ok() {
                        travelled.fetch_add(1, Ordering::Relaxed);
                        if switch_to(&home).await.is_err() {
                            break;
                        }
                    }
                    here()
                })
            })
            .collect();
        until(|| travelled.load(Ordering::Relaxed) > 40);
        shut_down(&other);
        for task in tasks {
            match task.wait() {
                Ok(place) => assert_eq!(place, Some(0)),
                Err(TaskError::Cancelled) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(dropped.get(), 20);
    }
}

/// Wakes chase a task that never stays: none may be lost.
#[test]
fn wakes_reach_a_task_that_is_always_on_the_move() {
    let _limit = limit();
    let pool = Pool::new(3);
    let runtimes = pool.runtimes().to_vec();
    let (sender, mut receiver) = futures_channel::mpsc::unbounded::<usize>();
    let task = pool.spawn(async move {
        let mut sum = 0;
        let mut hop = 0;
        while let Some(number) = receiver.next().await {
            sum += number;
            switch_to(&runtimes[hop % runtimes.len()]).await.unwrap();
            hop += 1;
        }
        sum
    });
    for number in 0..20_000 {
        sender.unbounded_send(number).unwrap();
        if number % 64 == 0 {
            std::thread::yield_now();
        }
    }
    drop(sender);
    assert_eq!(task.wait().unwrap(), 20_000 * 19_999 / 2);
}

#[test]
fn many_tasks_pass_each_other_between_the_rings() {
    let _limit = limit();
    let pool = Pool::new(4);
    let runtimes = pool.runtimes().to_vec();
    let dropped = Count::new();
    pool.block_on(async {
        let tasks = (0..200usize).map(|number| {
            let (runtimes, guard) = (runtimes.clone(), dropped.on_drop());
            spawn(travel(number, runtimes, guard))
        });
        for ended in join_all(tasks).await {
            ended.unwrap();
        }
    });
    assert_eq!(dropped.get(), 200);

    async fn travel(number: usize, runtimes: Vec<ringpool::Runtime>, _guard: CountsDrop) {
        for step in 0..50 {
            switch_to(&runtimes[(number + step) % runtimes.len()]).await.unwrap();
            if step % 5 == 0 {
                nop().await.unwrap();
            }
        }
    }
}
