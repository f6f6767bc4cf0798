//! Leases: used and dropped on any thread, whatever has gone before.

use std::io::Write;

use ringpool::Pool;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::op;

use crate::common::{forget, limit, on_a_plain_thread, rounds, shut_down};
use crate::support::{COUNTS, expect_whole, stream_pair, take_all};

fn is_send_and_sync<T: Send + Sync + 'static>() {}

#[test]
fn pools_and_leases_may_go_anywhere() {
    is_send_and_sync::<PooledBuffer>();
    is_send_and_sync::<BufferPool>();
}

#[test]
fn leases_come_back_from_other_rings_and_from_plain_threads() {
    let _limit = limit();
    let pool = Pool::new(3);
    for count in COUNTS {
        let other = pool.runtime(2);
        let first = pool.runtime(0);
        let task = ringpool::spawn_on(&first, async move {
            let buffers = BufferPool::new(count, 64).unwrap();
            for round in 0..20 {
                let leases = take_all(&buffers).await;
                assert_eq!(leases.len(), count, "round {round}");
                if round % 2 == 0 {
                    on_a_plain_thread(move || drop(leases));
                } else {
                    ringpool::spawn_on(&other, async move { drop(leases) }).await.unwrap();
                }
                assert_eq!(buffers.available(), Some(count));
            }
            expect_whole(&buffers).await;
        });
        task.wait().unwrap();
    }
}

#[test]
fn leases_outlive_the_pool_and_its_ring() {
    let _limit = limit();
    for count in COUNTS {
        let pool = Pool::new(1);
        let leases = pool.block_on(async {
            let buffers = BufferPool::new(count, 64).unwrap();
            let (ours, mut peer) = stream_pair();
            let mut leases = Vec::new();
            for number in 0..count {
                peer.write_all(&[number as u8; 64]).unwrap();
                leases.push(op::recv_pooled(&ours, &buffers, 0).await.unwrap());
            }
            leases
        });
        let holds = |leases: &[PooledBuffer]| {
            leases.iter().enumerate().all(|(number, lease)| lease[..] == [number as u8; 64])
        };
        assert!(holds(&leases));
        shut_down(&pool);
        assert!(holds(&leases));
        drop(pool);
        assert!(holds(&leases));
        drop(leases);
    }
}

#[test]
fn pools_may_go_after_their_ring_or_elsewhere() {
    let _limit = limit();
    let pool = Pool::new(2);
    let make = || async { BufferPool::new(4, 64).unwrap() };
    let dropped_here = pool.runtime(0).spawn(make()).wait().unwrap();
    drop(dropped_here);
    let dropped_there = pool.runtime(0).spawn(make()).wait().unwrap();
    pool.runtime(1).spawn(async move { drop(dropped_there) }).wait().unwrap();
    let kept = pool.runtime(0).spawn(make()).wait().unwrap();
    shut_down(&pool);
    assert_eq!(kept.available(), None);
    drop(pool);
    drop(kept);
}

#[test]
fn the_numbers_of_pools_that_have_gone_are_used_again() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        // More than there are numbers if each were used once; but for an emulated computer, where
        // so many take minutes.
        for round in 0..rounds(70_000) {
            let buffers = BufferPool::new(1, 8).unwrap();
            if round % 1_000 == 0 {
                expect_whole(&buffers).await;
                on_a_plain_thread(move || drop(buffers));
                // Until the ring has heard of it.
                ringpool::yield_now().await;
            }
        }
    });
}

#[test]
fn a_forgotten_lease_is_one_buffer_less() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(3, 64).unwrap();
        let mut leases = take_all(&buffers).await;
        forget(leases.pop());
        drop(leases);
        assert_eq!(buffers.available(), Some(2));
        assert_eq!(take_all(&buffers).await.len(), 2);
        assert_eq!(buffers.available(), Some(2));
    });
}

#[test]
fn leases_dropped_by_many_threads_at_once_all_come_back() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(64, 8).unwrap();
        for _ in 0..20 {
            let mut leases = take_all_of_many(&buffers).await;
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let some = leases.split_off(leases.len() - 16);
                    std::thread::spawn(move || some.into_iter().for_each(drop))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(buffers.available(), Some(64));
        }
    });
}

/// As `take_all`, through one stream.
async fn take_all_of_many(buffers: &BufferPool) -> Vec<PooledBuffer> {
    let (ours, mut peer) = stream_pair();
    peer.write_all(&vec![1; buffers.count() * buffers.buffer_size()]).unwrap();
    let mut leases = Vec::new();
    while leases.len() < buffers.count() {
        leases.push(op::recv_pooled(&ours, buffers, 0).await.unwrap());
    }
    leases
}
