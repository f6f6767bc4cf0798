//! How direct descriptors are closed, wherever their last owner goes.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;
use std::time::Duration;

use ringpool::op::{self, DirectFd, SharedFd};
use ringpool::{Pool, spawn, spawn_on, switch_to};

use crate::common::*;
use crate::support::*;

#[test]
fn one_that_is_closed_says_so_and_its_file_is() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reader, direct) = watched().await;
        op::close(direct).await.unwrap();
        assert!(rest_of(reader).await.is_empty());
    });
}

#[test]
fn one_that_others_use_is_not_closed_before_them() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reader, direct) = watched().await;
        let same = direct.clone();
        let error = op::close(direct).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("direct descriptor"), "{error}");
        op::write(&same, "x").await.unwrap();
        op::close(same).await.unwrap();
        assert_eq!(rest_of(reader).await, b"x");
    });
}

#[test]
fn a_close_that_never_begins_closes_all_the_same() {
    let _limit = limit();
    let pool = pool_with_places(1, 2);
    pool.block_on(async {
        let (reader, direct) = watched().await;
        drop(op::close(direct));
        assert!(rest_of(reader).await.is_empty());
        let (reader, direct) = watched().await;
        let error = op::close(direct).cancel().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
        assert!(rest_of(reader).await.is_empty());
        let (reader, direct) = watched().await;
        let missing = op::openat2(None, "/proc/no-such-file", libc::O_RDONLY, 0);
        let (missing, closed) = op::link((missing, op::close(direct))).await;
        assert!(missing.is_err());
        assert_eq!(closed.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
        assert!(rest_of(reader).await.is_empty());
        fill(2).await;
    });
}

#[test]
fn a_close_whose_future_is_dropped_at_once_closes_once() {
    let _limit = limit();
    let pool = pool_with_places(1, 2);
    pool.block_on(async {
        for _ in 0..rounds_of_closes(100) {
            let (reader, direct) = watched().await;
            let mut close = op::close(direct);
            let _ = poll_once(&mut close, &own_waker().await);
            drop(close);
            // A place that were closed twice would be somebody else's by then.
            let (other_reader, other) = watched().await;
            assert!(rest_of(reader).await.is_empty());
            op::write(&other, "x").await.unwrap();
            drop(other);
            drop(other_reader);
        }
        fill(2).await;
    });
}

#[test]
fn a_close_on_another_ring_is_refused_and_closes() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (reader, direct) = watched().await;
        switch_to(&pool.runtime(1)).await.unwrap();
        let error = op::close(direct).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(rest_of(reader).await.is_empty());
    });
}

#[test]
fn one_dropped_on_a_plain_thread_is_closed() {
    let _limit = limit();
    let pool = pool_with_places(1, 4);
    let (reader, direct) = pool.block_on(watched());
    on_a_plain_thread(move || drop(direct));
    is_closed(reader);
    for _ in 0..20 {
        let files = pool.block_on(fill_in_time(4));
        on_a_plain_thread(move || drop(files));
    }
}

#[test]
fn one_dropped_on_another_ring_is_closed() {
    let _limit = limit();
    let pool = pool_with_places(2, 4);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, direct) = watched().await;
        spawn_on(&there, async move { drop(direct) }).await.unwrap();
        assert!(rest_of(reader).await.is_empty());
        for _ in 0..20 {
            let files = fill_in_time(4).await;
            spawn_on(&there, async move { drop(files) }).await.unwrap();
        }
    });
}

#[test]
fn one_dropped_after_its_pool_has_gone_was_closed_with_it() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, direct) = pool.block_on(watched());
    drop(pool);
    is_closed(reader);
    assert!(direct.runtime().is_stopped());
    drop(direct);
}

#[test]
fn one_that_is_forgotten_keeps_its_place_until_the_ring_stops() {
    let _limit = limit();
    let pool = pool_with_places(1, 2);
    let reader = pool.block_on(async {
        let (reader, direct) = watched().await;
        forget(direct);
        let _one = fill(1).await;
        refused_as_full(fill_one().await);
        reader
    });
    drop(pool);
    is_closed(reader);
}

#[test]
fn one_that_a_task_holds_at_shutdown_is_closed() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (sender, readers) = channel();
    for runtime in pool.runtimes() {
        let sender = sender.clone();
        spawn_on(runtime, async move {
            let (reader, direct) = watched().await;
            sender.send(reader).unwrap();
            // Held by a task that waits, and by one of its own ring that never began.
            let same = direct.clone();
            spawn(async move {
                let _same = same;
                never().await;
            })
            .detach();
            never().await;
            drop(direct);
        })
        .detach();
    }
    let readers = [next(&readers), next(&readers)];
    shut_down(&pool);
    readers.into_iter().for_each(is_closed);
}

#[test]
fn one_dropped_elsewhere_while_its_pool_stops_is_closed() {
    let _limit = limit();
    for _ in 0..30 {
        let pool = Pool::new(1);
        let (reader, direct) = pool.block_on(watched());
        let dropper = std::thread::spawn(move || drop(direct));
        drop(pool);
        dropper.join().unwrap();
        is_closed(reader);
    }
}

#[test]
fn an_operation_under_way_keeps_its_file_open() {
    let _limit = limit();
    let pool = pool_with_places(1, 2);
    pool.block_on(async {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = SharedFd::from(OwnedFd::from(reader));
        let direct = DirectFd::register(&reader).await.unwrap();
        drop(reader);
        let mut read = op::read(&direct, Vec::with_capacity(8));
        assert!(poll_once(&mut read, &own_waker().await).is_pending());
        drop(direct);
        // Another file would take the place if it were free.
        let _other = fill(1).await;
        refused_as_full(fill_one().await);
        std::io::Write::write_all(&mut writer, b"salt").unwrap();
        assert_eq!(read.await.unwrap().1, b"salt");
        fill(1).await;
    });
}

#[test]
fn a_read_dropped_elsewhere_gives_the_place_back_when_the_kernel_has_let_go() {
    let _limit = limit();
    let pool = pool_with_places(2, 1);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..30 {
            let (reader, writer) = std::io::pipe().unwrap();
            let reader = SharedFd::from(OwnedFd::from(reader));
            let direct = loop {
                match DirectFd::register(&reader).await {
                    Ok(direct) => break direct,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::QuotaExceeded),
                }
                ringpool::yield_now().await;
            };
            let mut read = op::read(&direct, Vec::with_capacity(8));
            assert!(poll_once(&mut read, &own_waker().await).is_pending());
            drop(direct);
            spawn_on(&there, async move { drop(read) }).await.unwrap();
            drop(writer);
        }
        fill_in_time(1).await;
    });
    pool.shutdown(Duration::from_secs(30)).unwrap();
}
