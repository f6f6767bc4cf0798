//! What a pool costs when it has nothing to do, and what is left of it when it is gone.
//!
//! Threads, descriptors and system calls are counted for the whole process, so there is one test
//! here, and what it counts happens in processes of their own.

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Pool, spawn_blocking, spawn_on, switch_to, yield_now};

/// Names what a process of this binary does.
const SCENE: &str = "RINGPOOL_TEST_SCENE";

#[test]
fn an_idle_pool_does_nothing_and_a_dropped_one_leaves_nothing() {
    // Each of the processes has a limit of its own as well.
    let _limit = limit_of(LIMIT * 5);
    match std::env::var(SCENE).as_deref() {
        Ok("idle") => stay_idle(),
        Ok("gone") => leave_nothing(),
        _ => {
            for doorbell in ["msg_ring", "eventfd"] {
                play("idle", doorbell);
                play("gone", doorbell);
            }
        }
    }
}

fn play(scene: &str, doorbell: &str) {
    let played = Command::new(std::env::current_exe().unwrap())
        .args(["--nocapture", "--test-threads=1"])
        .env(SCENE, scene)
        .env("RINGPOOL_DOORBELL", doorbell)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(played.status.success(), "{scene} with {doorbell}: {played:?}");
}

/// Work of every kind, so that whatever may stay awake has been awake.
fn work(pool: &Pool) {
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..20 {
            nop().await.unwrap();
            spawn_on(&there, async { nop().await.unwrap() }).await.unwrap();
            switch_to(&there).await.unwrap();
            spawn_blocking(|| ()).await.unwrap();
            switch_to(&pool.runtime(0)).await.unwrap();
            yield_now().await;
        }
        sleep(Duration::from_millis(1)).await;
    });
    let task = spawn_on(&there, never());
    drop(task);
    until(|| there.load().tasks_alive == 0);
}

/// How often each thread of the pool has been given and has left a processor, and the time it has
/// used; a thread that sleeps on changes none of them.
fn activity(prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if !read("comm").starts_with(prefix) {
            continue;
        }
        let status = read("status");
        let switches: Vec<_> =
            status.lines().filter(|line| line.contains("ctxt_switches")).collect();
        // Nanoseconds on a processor, and waiting for one.
        found.push(format!("{:?} {} {}", task.file_name(), switches.join(" "), read("schedstat")));
    }
    found.sort();
    found
}

fn stay_idle() {
    let pool = Pool::builder()
        .threads(2)
        .thread_name("quiet")
        .blocking_keep_alive(Duration::from_millis(1))
        .build()
        .unwrap();
    work(&pool);
    // Tasks that wait for what does not come, and timers that are far away, cost nothing either.
    let waiting: Vec<_> = (0..100)
        .map(|number| {
            spawn_on(&pool.runtime(number % 2), async move {
                if number % 4 == 0 {
                    sleep(Duration::from_secs(3600)).await;
                }
                never().await;
            })
        })
        .collect();
    until(|| threads_named("quiet-blocking").is_empty());
    // Asleep, after having looked on for as long as its credit lasted: then there is a tenth of a
    // second in which nothing changes. A thread that came by now and then would leave none.
    let state = || {
        let sleeps = pool.runtimes().iter().map(|rt| rt.metrics().sleeps);
        (activity("quiet-"), sleeps.collect::<Vec<_>>())
    };
    until(|| {
        let before = state();
        assert_eq!(before.0.len(), 2, "{before:?}");
        let end = std::time::Instant::now() + Duration::from_millis(100);
        until(|| std::time::Instant::now() >= end);
        state() == before
    });
    drop(waiting);
    shut_down(&pool);
}

/// Descriptors and threads of this process.
fn possessions() -> (usize, usize) {
    let count = |path| fs::read_dir(path).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

fn leave_nothing() {
    // What a process makes once and keeps. The last of this pool may still be counted, so what
    // ten others leave would be seen, and what one of them might not.
    work(&Pool::new(2));
    let before = possessions();
    for round in 0..10 {
        let pool = Pool::new(2);
        work(&pool);
        for number in 0..50 {
            let task = spawn_on(&pool.runtime(number % 2), async {
                let mut operation = nop();
                assert!(poll_once(&mut operation, &own_waker().await).is_pending());
                never().await;
            });
            match number % 3 {
                0 => drop(task),
                1 => task.detach(),
                _ => forget(task),
            }
        }
        if round % 2 == 0 {
            shut_down(&pool);
        }
        drop(pool);
        // All that a ring had is given back by the kernel a moment after its thread has ended.
        until(|| {
            let now = possessions();
            now.0 <= before.0 && now.1 <= before.1
        });
    }
}
