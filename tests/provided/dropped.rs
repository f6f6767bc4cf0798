//! Futures and streams that are dropped, forgotten or cut off by the end of their ring.

use std::io::Write;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use futures::StreamExt;
use ringpool::buf::BufferPool;
use ringpool::op;
use ringpool::time::timeout;
use ringpool::{Pool, yield_now};

use crate::common::{forget, limit, poll_once, shut_down};
use crate::support::{COUNTS, stream_pair, try_next, turns, until_whole};

#[test]
fn what_comes_for_a_future_that_is_gone_goes_back_to_the_pool() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 64).unwrap();
            for round in 0..50 {
                let (ours, mut peer) = stream_pair();
                let mut receives = op::recv_pooled(&ours, &buffers, 0);
                assert!(poll_once(&mut receives, Waker::noop()).is_pending());
                if round % 2 == 0 {
                    turns().await;
                }
                peer.write_all(b"salt").unwrap();
                if round % 3 == 0 {
                    std::thread::spawn(move || drop(receives)).join().unwrap();
                } else {
                    drop(receives);
                }
            }
            until_whole(&buffers).await;
        });
    }
}

#[test]
fn what_waits_in_a_stream_goes_back_when_it_is_dropped() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 4).unwrap();
            for elsewhere in [false, true] {
                let (ours, mut peer) = stream_pair();
                let mut pieces = op::recv_multishot(&ours, &buffers, 0);
                assert!(try_next(&mut pieces).is_pending());
                peer.write_all(b"salt and pepper").unwrap();
                while buffers.available() != Some(count.saturating_sub(4)) {
                    yield_now().await;
                }
                if elsewhere {
                    std::thread::spawn(move || drop(pieces)).join().unwrap();
                } else {
                    drop(pieces);
                }
                until_whole(&buffers).await;
            }
        });
    }
}

#[test]
fn timeouts_around_receives_cost_no_buffer() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 64).unwrap();
        let (ours, mut peer) = stream_pair();
        for _ in 0..50 {
            let receives = op::recv_pooled(&ours, &buffers, 0).or_wait();
            assert!(timeout(Duration::from_micros(100), receives).await.is_err());
        }
        peer.write_all(b"salt").unwrap();
        assert_eq!(&op::recv_pooled(&ours, &buffers, 0).await.unwrap()[..], b"salt");
        until_whole(&buffers).await;
    });
}

#[test]
fn a_forgotten_operation_keeps_its_buffer_and_nothing_else() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 64).unwrap();
        let (ours, mut peer) = stream_pair();
        let mut receives = op::recv_pooled(&ours, &buffers, 0);
        assert!(poll_once(&mut receives, Waker::noop()).is_pending());
        forget(receives);
        turns().await;
        peer.write_all(b"salt").unwrap();
        while buffers.available() != Some(1) {
            yield_now().await;
        }
        let (ours, mut peer) = stream_pair();
        peer.write_all(b"pepper").unwrap();
        assert_eq!(&op::recv_pooled(&ours, &buffers, 0).await.unwrap()[..], b"pepper");
    });
}

#[test]
fn a_ring_that_stops_ends_operations_and_streams_and_leaves_leases() {
    let _limit = limit();
    for count in COUNTS {
        let pool = Pool::new(1);
        let (lease, pending, stream, mut peer) = pool.block_on(async {
            let buffers = BufferPool::new(count, 64).unwrap();
            let (ours, mut peer) = stream_pair();
            peer.write_all(b"salt").unwrap();
            let lease = op::recv_pooled(&ours, &buffers, 0).await.unwrap();
            let mut pending = op::recv_pooled(&ours, &buffers, 0);
            assert!(poll_once(&mut pending, Waker::noop()).is_pending());
            let (other, _kept_by_nobody) = stream_pair();
            let mut stream = op::recv_multishot(&other, &buffers, 0);
            let _ = try_next(&mut stream);
            (lease, pending, stream, peer)
        });
        shut_down(&pool);
        let _ = peer.write_all(b"pepper");
        assert_eq!(&lease[..], b"salt");
        let mut context = Context::from_waker(Waker::noop());
        let ended = pin!(pending);
        assert!(std::future::Future::poll(ended, &mut context).is_ready());
        drop((lease, stream));
    }
}

#[test]
fn a_stream_goes_on_after_its_task_has_moved_back() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, away) = (pool.runtime(0), pool.runtime(1));
    let task = ringpool::spawn_on(&home.clone(), async move {
        let buffers = BufferPool::new(2, 4).unwrap();
        let (ours, mut peer) = stream_pair();
        let mut pieces = op::recv_multishot(&ours, &buffers, 0);
        let mut received = Vec::new();
        for round in 0..20 {
            peer.write_all(b"salt").unwrap();
            let piece = pieces.next().await.unwrap().unwrap();
            received.extend_from_slice(&piece);
            // The piece travels, and is dropped there; the stream is armed and travels too.
            ringpool::switch_to(&away).await.unwrap();
            if round % 2 == 0 {
                drop(piece);
            }
            ringpool::switch_to(&home).await.unwrap();
        }
        drop(pieces);
        assert_eq!(received, b"salt".repeat(20));
        until_whole(&buffers).await;
    });
    task.wait().unwrap();
}
