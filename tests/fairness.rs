//! Nothing starves: tasks, operations, timers and messages next to tasks that never rest.

mod common;

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use common::*;
use futures::future::join_all;
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Pool, spawn, spawn_on, yield_now};

/// Wakes itself until the door opens.
async fn restless(door: Gate) {
    poll_fn(|cx| {
        if door.is_open() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn operations_timers_and_messages_get_in_next_to_tasks_that_wake_themselves() {
    let _limit = limit();
    for restless_tasks in [1, 3, 200] {
        let pool = Pool::new(2);
        let there = pool.runtime(1);
        let door = Gate::new();
        let restless: Vec<_> =
            (0..restless_tasks).map(|_| spawn_on(&there, restless(door.clone()))).collect();
        // A message, an operation, a timer, a task on the spot, and one that goes back and forth.
        let home = pool.runtime(0);
        let works = spawn_on(&there, {
            let there = there.clone();
            async move {
                for _ in 0..20 {
                    nop().await.unwrap();
                    sleep(Duration::from_micros(100)).await;
                    spawn(async {}).await.unwrap();
                    ringpool::switch_to(&home).await.unwrap();
                    ringpool::switch_to(&there).await.unwrap();
                }
            }
        });
        works.wait().unwrap();
        door.open();
        restless.into_iter().for_each(|task| task.wait().unwrap());
    }
}

#[test]
fn a_restless_task_can_be_cancelled_from_elsewhere() {
    let _limit = limit();
    let pool = Pool::new(2);
    let never_opened = Gate::new();
    let task = spawn_on(&pool.runtime(1), restless(never_opened.clone()));
    let started = pool.runtime(1);
    until(|| started.metrics().polls > 100);
    assert_eq!(pool.block_on(task.cancel()), None);
    let task = spawn_on(&pool.runtime(1), restless(never_opened));
    drop(task);
    until(|| started.load().tasks_alive == 0);
}

#[test]
fn tasks_that_yield_take_turns() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let order = order.clone();
                spawn(async move {
                    for _ in 0..100 {
                        order.lock().unwrap().push(number);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert!(order.chunks(5).all(|turn| turn == [0, 1, 2, 3, 4]), "{order:?}");
    });
}

#[test]
fn ten_thousand_timers_due_while_a_task_is_busy_all_fire() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let due = Instant::now() + Duration::from_millis(5);
        let sleeps: Vec<_> = (0..10_000).map(|_| ringpool::time::sleep_until(due)).collect();
        let tasks: Vec<_> = sleeps.into_iter().map(spawn).collect();
        yield_now().await;
        // Busy until long after all of them are due.
        while Instant::now() < due + Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
    until(|| pool.runtime(0).load().timers == 0);
}

#[test]
fn completions_that_find_their_queue_full_while_a_task_is_busy_are_not_lost() {
    let _limit = limit();
    let pool =
        Pool::builder().threads(1).submission_entries(8).completion_entries(16).build().unwrap();
    pool.block_on(async {
        for _ in 0..5 {
            let mut operations: Vec<_> = (0..4000).map(|_| nop()).collect();
            let waker = own_waker().await;
            // All are submitted in one poll, so none of their completions can be reaped.
            for operation in &mut operations {
                assert!(poll_once(operation, &waker).is_pending());
            }
            for answer in join_all(operations).await {
                answer.unwrap();
            }
        }
    });
    assert_eq!(pool.runtime(0).metrics().operations_completed, 20_000);
}

#[test]
fn messages_from_a_flood_of_senders_do_not_keep_a_ring_from_its_tasks() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let (door, senders) = (Gate::new(), 2);
    std::thread::scope(|scope| {
        for _ in 0..senders {
            scope.spawn(|| {
                while !door.is_open() {
                    let tasks: Vec<_> = (0..64).map(|_| spawn_on(&there, async {})).collect();
                    tasks.into_iter().for_each(|task| task.wait().unwrap());
                }
            });
        }
        let works = spawn_on(&there, async {
            for _ in 0..200 {
                nop().await.unwrap();
                yield_now().await;
            }
            sleep(Duration::from_millis(1)).await;
        });
        works.wait().unwrap();
        door.open();
    });
}
