//! Buffers that the kernel still reads: they stay, whatever becomes of their futures.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::executor;
use ringpool::op;
use ringpool::time::sleep;
use ringpool::{Pool, spawn, spawn_on, switch_to, yield_now};

use crate::common::*;
use crate::network;
use crate::support::*;

/// Reads to the end, or the reset, of the connection, and finds no byte of a buffer that was freed.
fn read_all(mut peer: TcpStream) -> JoinHandle<usize> {
    std::thread::spawn(move || {
        let (mut total, mut buffer) = (0, vec![0; 1 << 16]);
        while let Ok(count @ 1..) = peer.read(&mut buffer) {
            assert!(!buffer[..count].contains(&FREED), "a buffer was freed before it was sent");
            total += count;
        }
        total
    })
}

#[test]
fn a_buffer_that_nobody_waits_for_is_freed_when_the_peer_has_read_it() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(1);
    pool.block_on(async {
        let kept = clog_counted(&ours, &dropped).await;
        let (freed, left) = (dropped.get(), kept.len());
        drop(kept);
        for _ in 0..1000 {
            yield_now().await;
        }
        assert!(dropped.get() < freed + left, "the kernel still has some of them");
        drop(ours);
        let reader = read_all(peer);
        while dropped.get() < freed + left {
            yield_now().await;
        }
        reader
    })
    .join()
    .unwrap();
}

#[test]
fn a_buffer_dropped_elsewhere_is_freed_when_the_peer_has_read_it() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(2);
    let (mut kept, freed) = pool.block_on(async {
        let kept = clog_counted(&ours, &dropped).await;
        (kept, dropped.get())
    });
    let left = kept.len();
    let one = kept.pop().unwrap();
    on_a_plain_thread(move || drop(one));
    pool.block_on(async {
        spawn_on(&pool.runtime(1), async move { drop(kept) }).await.unwrap();
    });
    assert!(dropped.get() < freed + left, "the kernel still has some of them");
    drop(ours);
    let reader = read_all(peer);
    dropped.reaches(freed + left);
    reader.join().unwrap();
}

#[test]
fn a_buffer_comes_back_when_the_connection_is_reset() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let pool = Pool::new(1);
    pool.block_on(async {
        let kept = clog(&ours).await;
        network::reset(peer);
        for returning in kept {
            assert_eq!(returning.await.0.len(), 32 * 1024);
        }
    });
}

#[test]
fn a_forgotten_buffer_is_never_freed_before_it_is_sent() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(1);
    let freed = pool.block_on(async {
        let kept = clog_counted(&ours, &dropped).await;
        kept.into_iter().for_each(forget);
        // What is forgotten keeps the connection, too.
        op::shutdown(&ours, Shutdown::Write).await.unwrap();
        dropped.get()
    });
    drop(ours);
    read_all(peer).join().unwrap();
    shut_down(&pool);
    assert_eq!(dropped.get(), freed, "nobody frees what is forgotten");
}

#[test]
fn a_send_dropped_while_it_waits_for_room_frees_its_buffer_once() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(2);
    let kept = pool.block_on(async {
        let kept = clog(&ours).await;
        for round in 0..60 {
            let mut send = op::send_zc(&ours, Tracked::new(50_000, &dropped), 0);
            assert!(poll_once(&mut send, &own_waker().await).is_pending());
            match round % 3 {
                0 => drop(send),
                1 => spawn_on(&pool.runtime(1), async move { drop(send) }).await.unwrap(),
                _ => on_a_plain_thread(move || drop(send)),
            }
        }
        kept
    });
    drop(ours);
    let reader = read_all(peer);
    kept.into_iter().for_each(|returning| drop(executor::block_on(returning)));
    reader.join().unwrap();
    dropped.reaches(60);
    shut_down(&pool);
    assert_eq!(dropped.get(), 60);
}

#[test]
fn a_task_cancelled_with_a_buffer_in_the_kernel_waits_for_it() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(2);
    let (told, hears) = std::sync::mpsc::channel();
    let (counted, reads_later) = (dropped.clone(), peer.try_clone().unwrap());
    let task = spawn_on(&pool.runtime(1), async move {
        let kept = clog_counted(&ours, &counted).await;
        told.send((kept.len(), counted.get())).unwrap();
        never().await;
        drop((kept, ours));
    });
    let (left, freed) = next(&hears);
    let cancelled = spawn_on(&pool.runtime(0), async move { task.cancel().await });
    assert!(dropped.get() < freed + left);
    let reader = read_all(reads_later);
    let _ = cancelled.wait().unwrap();
    assert_eq!(dropped.get(), freed + left);
    reader.join().unwrap();
}

#[test]
fn a_stopping_pool_waits_for_its_buffers() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(1);
    let (mut kept, freed) = pool.block_on(async {
        let kept = clog_counted(&ours, &dropped).await;
        (kept, dropped.get())
    });
    // One is dropped, the others are awaited where there is no ring, after theirs has gone.
    let left = kept.len();
    drop(kept.pop());
    drop(ours);
    let reader = read_all(peer);
    drop(pool);
    assert_eq!(dropped.get(), freed + 1);
    kept.into_iter().for_each(|returning| drop(executor::block_on(returning)));
    assert_eq!(dropped.get(), freed + left);
    reader.join().unwrap();
}

/// The rings wait no longer than the limit for what the kernel keeps; their threads may take longer
/// to end, and then it takes another call to see that.
fn shut_down_without_what_the_kernel_keeps(pool: &Pool) {
    until(|| pool.shutdown(Duration::from_millis(50)).is_ok());
}

/// The memory is leaked, and the test's name says so to the leak checker.
#[test]
fn forgotten_are_the_buffers_that_the_kernel_keeps_beyond_the_end_of_a_pool() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(2);
    let (counted, reads_later) = (dropped.clone(), peer.try_clone().unwrap());
    let (told, hears) = std::sync::mpsc::channel();
    let there = pool.runtime(1);
    let task = spawn_on(&pool.runtime(0), async move {
        let mut kept = clog_counted(&ours, &counted).await;
        op::shutdown(&ours, Shutdown::Write).await.unwrap();
        let all = kept.len() + counted.get();
        // A task that lives on another ring by then has dropped one of them.
        drop(kept.pop());
        switch_to(&there).await.unwrap();
        told.send(all).unwrap();
        never().await;
        drop(kept);
    });
    let all = next(&hears);
    shut_down_without_what_the_kernel_keeps(&pool);
    assert!(task.wait().is_err());
    let freed = dropped.get();
    assert!(freed < all, "the kernel still has some of them");
    // They are good to the end.
    read_all(reads_later).join().unwrap();
    assert_eq!(dropped.get(), freed);
}

#[test]
fn a_ring_whose_buffers_the_kernel_keeps_sleeps() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let pool = Pool::new(1);
    let other = Pool::new(1);
    let kept = pool.block_on(async {
        let mut kept = clog(&ours).await;
        // One is dropped; one is dropped by somebody who was told to stop before.
        drop(kept.pop());
        let mut send = op::send_zc(&ours, vec![1; 50_000], 0);
        assert!(poll_once(&mut send, &own_waker().await).is_pending());
        if let Ok((_, returning)) = send.cancel().await {
            drop(returning);
        }
        kept
    });
    let before = pool.runtime(0).metrics().enters;
    other.block_on(sleep(Duration::from_millis(200)));
    let enters = pool.runtime(0).metrics().enters - before;
    assert!(enters < 20, "{enters} times into the kernel to wait for what nobody reads");
    drop(ours);
    let reader = read_all(peer);
    kept.into_iter().for_each(|returning| drop(executor::block_on(returning)));
    reader.join().unwrap();
}

#[test]
fn the_waker_of_a_send_is_used_where_its_task_lives_by_then() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let pool = Pool::new(2);
    let reader = pool.block_on(async {
        let kept = clog(&ours).await;
        let fd = ours.clone();
        let there = pool.runtime(1);
        let sender = spawn(async move {
            let mut send = op::send_zc(&fd, vec![1; 50_000], 0);
            assert!(poll_once(&mut send, &own_waker().await).is_pending());
            switch_to(&there).await.unwrap();
            let (count, returning) = send.await.unwrap();
            assert!(count > 0);
            assert_eq!(here(), Some(1));
            returning.await.len()
        });
        yield_now().await;
        let reader = read_all(peer);
        assert_eq!(sender.await.unwrap(), 50_000);
        drop(kept);
        reader
    });
    assert!(ours.as_raw_fd() >= 0);
    drop(ours);
    reader.join().unwrap();
}

#[test]
fn a_waker_that_is_replaced_or_left_is_dropped() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let pool = Pool::new(1);
    pool.block_on(async {
        let kept = clog(&ours).await;
        let mut send = op::send_zc(&ours, vec![1; 50_000], 0);
        let (first, _, first_dropped) = counting_waker();
        assert!(poll_once(&mut send, &first).is_pending());
        drop(first);
        assert_eq!(first_dropped.get(), 0, "it waits in the operation");
        let (second, wakes, second_dropped) = counting_waker();
        assert!(poll_once(&mut send, &second).is_pending());
        assert_eq!(first_dropped.get(), 1, "its place is taken");
        drop(second);
        drop(send);
        assert_eq!((second_dropped.get(), wakes.get()), (1, 0));
        drop((kept, peer));
    });
}

/// The memory is leaked, as above; here it is the task's own ring that cannot get it back.
#[test]
fn forgotten_are_the_buffers_of_a_task_whose_ring_stops_without_them() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    let dropped = Count::new();
    let pool = Pool::new(1);
    let (told, hears) = std::sync::mpsc::channel();
    let counted = dropped.clone();
    let task = spawn_on(&pool.runtime(0), async move {
        let kept = clog_counted(&ours, &counted).await;
        op::shutdown(&ours, Shutdown::Write).await.unwrap();
        told.send(kept.len() + counted.get()).unwrap();
        never().await;
        drop(kept);
    });
    let all = next(&hears);
    shut_down_without_what_the_kernel_keeps(&pool);
    assert!(task.wait().is_err());
    assert!(dropped.get() < all, "the kernel still has some of them");
    read_all(peer).join().unwrap();
}
