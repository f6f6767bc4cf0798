//! Blocking work: bounded threads, cancelled jobs, threads that leave.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::*;
use futures::future::join_all;
use ringpool::{Pool, TaskError, spawn_blocking, spawn_on, switch_to};

#[test]
fn two_thousand_jobs_at_once_make_no_more_threads_than_the_limit_and_all_end() {
    let _limit = limit();
    let limit = 6;
    let pool = Pool::builder().threads(2).blocking_thread_limit(limit).build().unwrap();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sum: usize = pool.block_on(async {
        let jobs = (0..2000).map(|number| {
            let (running, most) = (running.clone(), most.clone());
            spawn_blocking(move || {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
                number
            })
        });
        join_all(jobs).await.into_iter().map(|answer| answer.unwrap()).sum()
    });
    assert_eq!(sum, 2000 * 1999 / 2);
    assert!(most.load(Ordering::SeqCst) <= limit);
    let load = pool.blocking_load();
    assert!(load.threads <= limit && load.queued == 0, "{load:?}");
}

/// Fills the pool's only blocking thread until the gate opens.
fn occupied(pool: &Pool) -> (Gate, ringpool::Task<()>) {
    let (started, door) = (Gate::new(), Gate::new());
    let (signal, gate) = (started.clone(), door.clone());
    let task = pool.spawn_blocking(move || {
        signal.open();
        gate.wait();
    });
    started.wait();
    (door, task)
}

#[test]
fn a_queued_job_that_is_cancelled_is_dropped_at_once_and_never_called() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    let (door, busy) = occupied(&pool);
    let (called, dropped) = (Count::new(), Count::new());
    let job = || {
        let (called, guard) = (called.clone(), dropped.on_drop());
        pool.spawn_blocking(move || {
            let _guard = guard;
            called.add();
        })
    };
    drop(job());
    assert_eq!(dropped.get(), 1);
    assert_eq!(pool.block_on(job().cancel()), None);
    assert_eq!(dropped.get(), 2);
    drop(job().cancel());
    assert_eq!(dropped.get(), 3);
    job().detach();
    forget(job());
    let kept = job();
    assert_eq!((called.get(), dropped.get()), (0, 3));
    door.open();
    busy.wait().unwrap();
    kept.wait().unwrap();
    assert_eq!((called.get(), dropped.get()), (3, 6));
}

#[test]
fn a_running_job_that_is_cancelled_is_waited_for() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).build().unwrap();
    let (door, busy) = occupied(&pool);
    let mut cancel = busy.cancel();
    let (waker, woken, _) = counting_waker();
    assert!(poll_once(&mut cancel, &waker).is_pending());
    door.open();
    woken.reaches(1);
    assert_eq!(pool.block_on(cancel), Some(()));
    // Dropped while it runs: it runs on, and its output is dropped.
    let (door, busy) = occupied(&pool);
    drop(busy);
    door.open();
    until(|| pool.blocking_load().queued == 0);
    shut_down(&pool);
}

#[test]
fn threads_without_work_leave_after_their_time_and_come_back() {
    let _limit = limit();
    let pool = Pool::builder()
        .threads(1)
        .thread_name("keepalive")
        .blocking_keep_alive(Duration::from_millis(1))
        .build()
        .unwrap();
    for _ in 0..5 {
        let jobs: Vec<_> = (0..8).map(|number| pool.spawn_blocking(move || number)).collect();
        let sum: i32 = jobs.into_iter().map(|job| job.wait().unwrap()).sum();
        assert_eq!(sum, 28);
        until(|| pool.blocking_load().threads == 0);
        until(|| threads_named("keepalive-block").is_empty());
    }
}

#[test]
fn jobs_that_come_just_as_threads_leave_are_still_done() {
    let _limit = limit();
    let pool = Pool::builder()
        .threads(1)
        .blocking_thread_limit(2)
        .blocking_keep_alive(Duration::from_nanos(1))
        .build()
        .unwrap();
    for number in 0..3000 {
        assert_eq!(pool.spawn_blocking(move || number).wait().unwrap(), number);
    }
}

#[test]
fn a_job_may_spawn_jobs_and_tasks_and_wait_for_them() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let inner = pool.clone();
    let sum = pool.spawn_blocking(move || {
        let job = inner.spawn_blocking(|| 1).wait().unwrap();
        let task = inner.spawn(async { 2 }).wait().unwrap();
        job + task + inner.block_on(async { spawn_blocking(|| 3).await.unwrap() })
    });
    assert_eq!(sum.wait().unwrap(), 6);
}

#[test]
fn a_result_comes_home_to_wherever_the_task_is_by_then() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..100 {
            let door = Gate::new();
            let gate = door.clone();
            let mut job = spawn_blocking(move || gate.wait());
            assert!(poll_once(&mut job, &own_waker().await).is_pending());
            switch_to(&there).await.unwrap();
            door.open();
            job.await.unwrap();
            assert_eq!(here(), Some(1));
            switch_to(&pool.runtime(0)).await.unwrap();
        }
    });
    let task = spawn_on(&there, async { spawn_blocking(|| 7).await });
    assert_eq!(task.wait().unwrap().unwrap(), 7);
}

#[test]
fn a_queued_job_that_loses_the_race_with_its_cancel_is_dropped_once() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(2).build().unwrap();
    let (called, dropped) = (Count::new(), Count::new());
    for _ in 0..3000 {
        let (called, guard) = (called.clone(), dropped.on_drop());
        let job = pool.spawn_blocking(move || {
            let _guard = guard;
            called.add();
        });
        drop(job);
    }
    shut_down(&pool);
    assert_eq!(dropped.get(), 3000);
    assert!(called.get() <= 3000);
    assert!(matches!(pool.spawn_blocking(|| ()).wait(), Err(TaskError::Cancelled)));
}
