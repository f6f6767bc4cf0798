//! Pools in which no buffer is free.

use std::io::{ErrorKind, Read, Write};

use futures::StreamExt;
use ringpool::Pool;
use ringpool::buf::{BufferPool, WhenEmpty};
use ringpool::op;

use crate::common::{Count, limit, poll_once, rounds};
use crate::support::{
    COUNTS, expect_whole, kind_of, stream_pair, take_all, try_next, turns, until_whole,
};

#[test]
fn an_operation_fails_if_it_is_not_made_to_wait() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 8).unwrap();
            let (ours, mut peer) = stream_pair();
            let leases = take_all(&buffers).await;
            peer.write_all(b"salt").unwrap();
            assert_eq!(kind_of(op::recv_pooled(&ours, &buffers, 0).await), ErrorKind::WouldBlock);
            drop(leases);
            assert_eq!(&op::recv_pooled(&ours, &buffers, 0).await.unwrap()[..], b"salt");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn everybody_who_waits_gets_a_buffer_wherever_they_are_dropped() {
    let _limit = limit();
    let pool = Pool::new(2);
    let runtimes = [pool.runtime(0), pool.runtime(1)];
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 8).unwrap();
            let leases = take_all(&buffers).await;
            let waiting: Vec<_> = (0..30_usize)
                .map(|number| {
                    let (ours, mut peer) = stream_pair();
                    peer.write_all(b"salt").unwrap();
                    let (buffers, there) = (buffers.clone(), runtimes[number % 2].clone());
                    ringpool::spawn_on(&buffers.runtime(), async move {
                        let lease = op::recv_pooled(&ours, &buffers, 0).or_wait().await.unwrap();
                        assert_eq!(&lease[..], b"salt");
                        match number % 3 {
                            0 => drop(lease),
                            1 => ringpool::spawn_blocking(move || drop(lease)).detach(),
                            _ => ringpool::spawn_on(&there, async move { drop(lease) }).detach(),
                        }
                    })
                })
                .collect();
            ringpool::spawn_blocking(move || drop(leases)).await.unwrap();
            for task in waiting {
                task.await.unwrap();
            }
            until_whole(&buffers).await;
        });
    }
}

#[test]
fn a_stream_waits_for_a_buffer_or_fails_as_the_pool_was_made() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            for when_empty in [WhenEmpty::Wait, WhenEmpty::Fail] {
                let builder = BufferPool::builder(count, 8).when_empty(when_empty);
                let buffers = builder.build().unwrap();
                let (ours, mut peer) = stream_pair();
                let leases = take_all(&buffers).await;
                let mut pieces = op::recv_multishot(&ours, &buffers, 0);
                peer.write_all(b"salt").unwrap();
                if when_empty == WhenEmpty::Fail {
                    for _ in 0..3 {
                        let error = pieces.next().await.unwrap().unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    }
                    drop(leases);
                } else {
                    assert!(try_next(&mut pieces).is_pending());
                    ringpool::spawn_blocking(move || drop(leases)).detach();
                }
                assert_eq!(&pieces.next().await.unwrap().unwrap()[..], b"salt");
                drop(pieces);
                until_whole(&buffers).await;
            }
        });
    }
}

#[test]
fn one_who_gives_up_waiting_leaves_the_buffer_to_others() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(1, 8).unwrap();
        let lease = take_all(&buffers).await;
        let ((first, mut peer), (second, mut other)) = (stream_pair(), stream_pair());
        peer.write_all(b"salt").unwrap();
        other.write_all(b"pepper").unwrap();
        let (waker, wakes, dropped) = crate::common::counting_waker();
        let mut gives_up = op::recv_pooled(&first, &buffers, 0).or_wait();
        let waits = {
            let buffers = buffers.clone();
            ringpool::spawn_local(async move {
                op::recv_pooled(&second, &buffers, 0).or_wait().await.unwrap().to_vec()
            })
        };
        // Until it waits for the buffer.
        for _ in 0..10 {
            assert!(poll_once(&mut gives_up, &waker).is_pending());
            turns().await;
        }
        drop(gives_up);
        drop(waker);
        let woken = wakes.get();
        drop(lease);
        assert_eq!(waits.await.unwrap(), b"pepper");
        assert_eq!(wakes.get(), woken, "nobody wakes who has left");
        assert_eq!(dropped.get(), 1);
        expect_whole(&buffers).await;
        let received = op::recv_pooled(&first, &buffers, 0).await.unwrap();
        assert_eq!(&received[..], b"salt", "nothing was taken from the socket");
    });
}

#[test]
fn a_waker_that_panics_or_drops_leases_harms_nobody() {
    let _limit = limit();
    let dropped = Count::new();
    let count = dropped.clone();
    Pool::new(1).block_on(async move {
        let buffers = BufferPool::new(2, 8).unwrap();
        let mut leases = take_all(&buffers).await;
        let (ours, mut peer) = stream_pair();
        peer.write_all(b"salt").unwrap();
        let waker = std::task::Waker::from(std::sync::Arc::new(DropsLease {
            lease: std::sync::Mutex::new(leases.pop()),
            count,
        }));
        let mut waits = op::recv_pooled(&ours, &buffers, 0).or_wait();
        for _ in 0..10 {
            assert!(poll_once(&mut waits, &waker).is_pending());
            turns().await;
        }
        drop(leases);
        assert_eq!(&waits.await.unwrap()[..], b"salt");
        drop(waker);
        expect_whole(&buffers).await;
    });
    assert!(dropped.get() > 0);
}

struct DropsLease {
    lease: std::sync::Mutex<Option<ringpool::buf::PooledBuffer>>,
    count: Count,
}

impl std::task::Wake for DropsLease {
    fn wake(self: std::sync::Arc<Self>) {
        self.count.add();
        if self.count.get() == 1 {
            // That the first attempt has failed.
            return;
        }
        drop(self.lease.lock().unwrap().take());
        crate::common::panic_on_purpose("in a waker");
    }
}

/// Connections that all have something to say, and no more buffers than a few.
#[test]
fn streams_that_wait_for_a_few_buffers_try_about_once_for_each_piece() {
    const STREAMS: usize = 64;
    let (_limit, rounds) = (limit(), rounds(20));
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(4, 64).unwrap();
        let (ours, mut peers): (Vec<_>, Vec<_>) = (0..STREAMS).map(|_| stream_pair()).unzip();
        let echo = |socket| {
            let buffers = buffers.clone();
            ringpool::spawn_local(async move {
                let mut pieces = op::recv_multishot(&socket, &buffers, 0);
                while let Some(piece) = pieces.next().await {
                    op::send(&socket, piece.unwrap(), 0).await.unwrap();
                }
            })
        };
        let tasks: Vec<_> = ours.into_iter().map(echo).collect();
        let started = || buffers.runtime().metrics().operations.sockets.started;
        let before = started();
        ringpool::spawn_blocking(move || {
            for round in 0..rounds {
                for (number, peer) in peers.iter_mut().enumerate() {
                    peer.write_all(&[round as u8, number as u8]).unwrap();
                }
                for (number, peer) in peers.iter_mut().enumerate() {
                    let mut answer = [0; 2];
                    peer.read_exact(&mut answer).unwrap();
                    assert_eq!(answer, [round as u8, number as u8]);
                }
            }
        })
        .await
        .unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        turns().await;
        let for_each = (started() - before) as f64 / (STREAMS * rounds) as f64;
        // A send and a receive, and some of those that others were quicker than.
        assert!(for_each < 3.0, "{for_each} operations for each piece");
        until_whole(&buffers).await;
    });
}

#[test]
fn who_is_called_and_does_not_come_leaves_the_buffer_to_others() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(1, 8).unwrap();
        let leases = take_all(&buffers).await;
        let (mut pairs, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let (ours, mut peer) = stream_pair();
            peer.write_all(b"salt").unwrap();
            let mut stream = op::recv_multishot(&ours, &buffers, 0);
            // Until it waits for the buffer.
            for _ in 0..10 {
                assert!(try_next(&mut stream).is_pending());
                turns().await;
            }
            pairs.push((ours, peer));
            streams.push(stream);
        }
        let mut last = streams.pop().unwrap();
        let last = ringpool::spawn_local(async move { last.next().await.unwrap().unwrap() });
        turns().await;
        drop(leases);
        // The first is called, and dropped; the second is called, and nobody polls it.
        turns().await;
        drop(streams.remove(0));
        assert_eq!(&last.await.unwrap()[..], b"salt");
        assert_eq!(&streams[0].next().await.unwrap().unwrap()[..], b"salt");
        drop(streams);
        until_whole(&buffers).await;
    });
}

/// What comes back while the kernel's completions are looked at, by a waker or a destructor, may be
/// for somebody else than the first one who is called.
#[test]
fn a_ring_does_not_sleep_while_there_is_a_buffer_that_somebody_waits_for() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        for _ in 0..rounds(50) {
            let buffers = BufferPool::new(1, 8).unwrap();
            let mut leases = take_all(&buffers).await;
            let ((first, mut peer), (second, mut other)) = (stream_pair(), stream_pair());
            peer.write_all(b"salt").unwrap();
            other.write_all(b"pepper").unwrap();
            let mut never_comes = op::recv_multishot(&first, &buffers, 0);
            // Until it waits for the buffer.
            for _ in 0..3 {
                assert!(try_next(&mut never_comes).is_pending());
                turns().await;
            }
            let waits = op::recv_pooled(&second, &buffers, 0).or_wait();
            let waits = ringpool::spawn_local(async move { waits.await.unwrap().to_vec() });
            turns().await;
            // The ring takes the next wait for one that is over at once.
            for _ in 0..20 {
                op::nop().await.unwrap();
            }
            let lease = std::sync::Mutex::new(leases.pop());
            let waker = std::task::Waker::from(std::sync::Arc::new(GivesBack(lease)));
            let mut nop = op::nop();
            assert!(poll_once(&mut nop, &waker).is_pending());
            assert_eq!(waits.await.unwrap(), b"pepper");
            drop(never_comes);
            until_whole(&buffers).await;
        }
    });
}

struct GivesBack(std::sync::Mutex<Option<ringpool::buf::PooledBuffer>>);

impl std::task::Wake for GivesBack {
    fn wake(self: std::sync::Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

/// Who waits may have gone elsewhere, and be polled only when it is called.
#[test]
fn who_waits_for_a_buffer_of_a_ring_that_stops_is_called() {
    let _limit = limit();
    for count in COUNTS {
        let pool = Pool::new(1);
        let (waker, wakes, _) = crate::common::counting_waker();
        let (leases, mut waits, woken) = pool.block_on(async {
            let buffers = BufferPool::new(count, 8).unwrap();
            let leases = take_all(&buffers).await;
            let (ours, mut peer) = stream_pair();
            peer.write_all(b"salt").unwrap();
            let mut waits = op::recv_pooled(&ours, &buffers, 0).or_wait();
            for _ in 0..10 {
                assert!(poll_once(&mut waits, &waker).is_pending());
                turns().await;
            }
            (leases, waits, wakes.get())
        });
        crate::common::shut_down(&pool);
        assert_eq!(wakes.get(), woken + 1);
        match poll_once(&mut waits, &waker) {
            std::task::Poll::Ready(ended) => assert!(ended.is_err()),
            std::task::Poll::Pending => panic!("it waits for a ring that is gone"),
        }
        drop((leases, waits));
    }
}
