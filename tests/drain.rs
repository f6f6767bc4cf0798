//! Operations that wait until all others of their ring have ended.

mod common;

use std::io::Write;
use std::time::Duration;

use common::*;
use ringpool::op;
use ringpool::time::{sleep, timeout};
use ringpool::{Doorbell, Pool, spawn, spawn_on, yield_now};

fn pools() -> impl Iterator<Item = Pool> {
    let pool = |doorbell| Pool::builder().threads(2).doorbell(doorbell).build().unwrap();
    [Doorbell::MsgRing, Doorbell::EventFd].into_iter().map(pool)
}

#[test]
fn drained_operations_on_an_idle_ring_are_done() {
    let _limit = limit();
    for pool in pools() {
        pool.block_on(async {
            for _ in 0..100 {
                op::nop().drain().await.unwrap();
                let (first, second) = op::nop().link(op::nop().drain()).await;
                first.and(second).unwrap();
            }
            let both = futures::join!(op::nop().drain(), op::nop().drain());
            both.0.and(both.1).unwrap();
        });
        // And the ring can still be woken.
        for _ in 0..100 {
            pool.block_on(spawn_on(&pool.runtime(1), yield_now())).unwrap();
            pool.block_on(sleep(Duration::from_micros(10)));
        }
    }
}

#[test]
fn a_drained_operation_waits_for_those_before_it_and_others_still_wake_the_ring() {
    let _limit = limit();
    for pool in pools() {
        let (reader, mut writer) = pipe();
        let drained = Count::new();
        let first = pool.runtime(0);
        let (reading, draining) = pool
            .block_on(spawn_on(&first, {
                let drained = drained.clone();
                async move {
                    let reading = spawn(async move { op::read(&reader, vec![0; 1]).await });
                    yield_now().await;
                    let draining = spawn(async move {
                        op::nop().drain().await.unwrap();
                        drained.add();
                    });
                    yield_now().await;
                    (reading, draining)
                }
            }))
            .unwrap();
        for _ in 0..50 {
            // From a plain thread, from the other ring, and back to it.
            first.spawn(yield_now()).wait().unwrap();
            let other = pool.runtime(1).spawn({
                let first = first.clone();
                async move { spawn_on(&first, yield_now()).await }
            });
            other.wait().unwrap().unwrap();
        }
        assert_eq!(drained.get(), 0, "the read has not ended");
        writer.write_all(b"x").unwrap();
        assert_eq!(reading.wait().unwrap().unwrap().0, 1);
        draining.wait().unwrap();
        assert_eq!(drained.get(), 1);
    }
}

#[test]
fn what_a_drained_operation_waits_for_can_be_cancelled() {
    let _limit = limit();
    for pool in pools() {
        let (reader, _writer) = pipe();
        pool.block_on(async {
            let reading = spawn(async move {
                timeout(Duration::from_millis(20), op::read(&reader, vec![0; 1])).await.is_err()
            });
            yield_now().await;
            op::nop().drain().await.unwrap();
            assert!(reading.await.unwrap(), "the read was given up");
        });
    }
}

#[test]
fn a_pool_stops_although_a_drained_operation_waits_for_one_that_never_ends() {
    let _limit = limit();
    for pool in pools() {
        let (reader, _writer) = pipe();
        let started = Count::new();
        for runtime in pool.runtimes() {
            let (reader, started) = (reader.clone(), started.clone());
            runtime
                .spawn(async move {
                    let reading = spawn(async move { op::read(&reader, vec![0; 1]).await });
                    yield_now().await;
                    started.add();
                    let drained = op::nop().drain().await;
                    drop((reading, drained));
                })
                .detach();
        }
        started.reaches(2);
        pool.shutdown(Duration::from_secs(30)).unwrap();
    }
}

#[test]
fn what_a_reap_has_queued_does_not_wait_for_a_ring_that_looks_on() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    // Long enough to be seen: it would be submitted when the ring falls asleep.
    let look = Duration::from_secs(3600);
    let pool = Pool::builder().threads(1).spin_before_sleep(look).build().unwrap();
    // Quick messages, for which it pays to look on.
    for _ in 0..50 {
        pool.runtime(0).spawn(async {}).wait().unwrap();
    }
    pool.block_on(async {
        let mut read = op::read(&reader, vec![0; 8]);
        assert!(poll_once(&mut read, &own_waker().await).is_pending());
        yield_now().await;
        drop(read);
        // Released when the read is reaped, which makes no task ready.
        op::nop().drain().await.unwrap();
    });
}
