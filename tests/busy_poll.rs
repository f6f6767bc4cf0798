//! Rings that never sleep: what works on others works on them, without a bell and without sleep.

mod common;

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::*;
use ringpool::op::{self, nop};
use ringpool::time::sleep;
use ringpool::{
    Pool, RuntimeMetrics, current, spawn, spawn_blocking, spawn_on, switch_to, yield_now,
};

fn busy_pool(threads: usize) -> Pool {
    Pool::builder().threads(threads).busy_poll(true).build().unwrap()
}

fn total(pool: &Pool) -> RuntimeMetrics {
    pool.metrics().total()
}

#[test]
fn they_take_what_comes_from_everywhere_without_sleep_or_bell() {
    let _limit = limit();
    let pool = busy_pool(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for round in 0..50 {
            nop().await.unwrap();
            assert_eq!(spawn_on(&there, async move { round }).await.unwrap(), round);
            switch_to(&there).await.unwrap();
            assert_eq!(spawn_blocking(move || round).await.unwrap(), round);
            switch_to(&pool.runtime(0)).await.unwrap();
            yield_now().await;
        }
        sleep(Duration::from_millis(5)).await;
    });
    for round in 0..50 {
        let task = pool.runtime(round % 2).spawn(async move { round });
        assert_eq!(task.wait().unwrap(), round);
    }
    let total = total(&pool);
    assert_eq!((total.sleeps, total.doorbells_sent, total.doorbells_from_outside), (0, 0, 0));
    assert!(total.spinning > Duration::from_millis(5), "{total:?}");
}

#[test]
fn they_see_what_the_kernel_completes_late() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let pool = busy_pool(1);
    let read = pool.spawn(async move { op::read(&reader, Vec::with_capacity(8)).await });
    until(|| total(&pool).operations_in_flight == 1);
    writer.write_all(b"late").unwrap();
    assert_eq!(read.wait().unwrap().unwrap(), (4, b"late".to_vec()));
    assert_eq!(total(&pool).sleeps, 0);
}

#[test]
fn a_cancelled_operation_comes_back() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    busy_pool(1).block_on(async {
        for _ in 0..100 {
            let mut read = op::read(&reader, vec![7; 64]);
            assert!(poll_once(&mut read, &own_waker().await).is_pending());
            let error = read.cancel().await.unwrap_err();
            assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
            assert_eq!(error.buffer, vec![7; 64]);
        }
    });
}

#[test]
fn they_take_tasks_from_each_other() {
    let _limit = limit();
    let pool = busy_pool(2);
    let on_ring: [AtomicU64; 2] = Default::default();
    let on_ring = std::sync::Arc::new(on_ring);
    pool.block_on(async {
        while total(&pool).sheds_in == 0 {
            let compute = |_| {
                let on_ring = on_ring.clone();
                spawn(async move {
                    let ring = current().expect("a task is on a ring").index();
                    // Ordering: a counter.
                    on_ring[ring].fetch_add(1, Ordering::Relaxed);
                    let end = std::time::Instant::now() + Duration::from_micros(300);
                    while std::time::Instant::now() < end {}
                })
            };
            for task in (0..20).map(compute).collect::<Vec<_>>() {
                task.await.unwrap();
            }
        }
    });
    assert_eq!(total(&pool).sleeps, 0);
    // Ordering: counters.
    assert!(on_ring.iter().all(|count| count.load(Ordering::Relaxed) > 0), "{on_ring:?}");
}

#[test]
fn a_pool_of_them_ends_at_once() {
    let _limit = limit();
    for round in 0..20 {
        let pool = busy_pool(2);
        let (reader, _writer) = pipe();
        pool.spawn(async move {
            let _ = op::read(&reader, Vec::with_capacity(8)).await;
        })
        .detach();
        pool.spawn(sleep(Duration::from_secs(3600))).detach();
        if round % 2 == 0 {
            pool.block_on(yield_now());
        }
        drop(pool);
    }
}
