//! Operations by family, and completions that found no room.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use ringpool::metrics::{OperationFamily, Operations};
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, current, fs, yield_now};

use super::common::*;
use super::own;

/// Started, and in flight, of a family; the rest has to have completed.
#[track_caller]
fn of(operations: Operations, family: OperationFamily) -> (u64, u64) {
    let counts = operations.of(family);
    assert_eq!(counts.started, counts.completed + counts.in_flight, "{family:?}");
    (counts.started, counts.in_flight)
}

/// What the ring itself says is in flight, however it was counted by family.
#[track_caller]
fn assert_ring_agrees() {
    // Reading the metrics here brings the load up to date.
    let in_flight: u64 = own().operations.iter().map(|(_, counts)| counts.in_flight).sum();
    let load = current().expect("in a task").load();
    assert_eq!(load.operations_in_flight as u64, in_flight);
    assert_eq!(own().operations_in_flight, in_flight);
    let total = own().operations.total();
    assert_eq!((own().operations_started, own().operations_completed), {
        (total.started, total.completed)
    });
}

#[test]
fn each_operation_counts_for_its_family() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        op::nop().await.unwrap();
        let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await.unwrap();
        op::read(&zero, vec![0; 10]).await.unwrap();
        op::timeout(Duration::from_millis(1)).await.unwrap();
        op::statx(None, "/proc", 0).await.unwrap();
        let families = OperationFamily::ALL.map(|family| (family, of(own().operations, family)));
        let expected = [
            (OperationFamily::Files, (1, 0)),
            (OperationFamily::Sockets, (0, 0)),
            (OperationFamily::Timeouts, (1, 0)),
            (OperationFamily::Polls, (0, 0)),
            (OperationFamily::Names, (2, 0)),
            (OperationFamily::Other, (1, 0)),
        ];
        assert_eq!(families, expected);
        assert_ring_agrees();
    });
}

#[test]
fn what_the_kernel_has_is_in_flight_until_it_has_given_it_back() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let mut ready = Box::pin(op::poll_add(&reader, libc::POLLIN));
        let mut limit = Box::pin(op::timeout(Duration::from_secs(3600)));
        let mut reads: Vec<_> = (0..5).map(|_| Box::pin(op::read(&reader, vec![0; 1]))).collect();
        assert!(futures::poll!(&mut ready).is_pending());
        assert!(futures::poll!(&mut limit).is_pending());
        for read in &mut reads {
            assert!(futures::poll!(read).is_pending());
        }
        yield_now().await;
        let operations = own().operations;
        assert_eq!(of(operations, OperationFamily::Polls), (1, 1));
        assert_eq!(of(operations, OperationFamily::Timeouts), (1, 1));
        assert_eq!(of(operations, OperationFamily::Files), (5, 5));
        assert_ring_agrees();
        drop((ready, limit));
        while own().operations_in_flight > 5 {
            yield_now().await;
        }
        assert_eq!(of(own().operations, OperationFamily::Polls), (1, 0));
        assert_eq!(of(own().operations, OperationFamily::Files), (5, 5));
        drop(reads);
        while own().operations_in_flight > 0 {
            yield_now().await;
        }
        assert_ring_agrees();
        // A request to stop an operation is none of the program's.
        assert_eq!(own().operations_started, 7);
    });
}

#[test]
fn chains_limits_and_drained_operations_count_each_member() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let (first, second) = op::link((op::nop(), op::nop())).await;
        first.and(second).unwrap();
        op::nop().drain().await.unwrap();
        assert_eq!(of(own().operations, OperationFamily::Other), (3, 0));
        let limited = op::read(&reader, vec![0; 1]).timeout(Duration::from_millis(1)).await;
        assert!(limited.is_err());
        assert_eq!(of(own().operations, OperationFamily::Files), (1, 0));
        assert_eq!(of(own().operations, OperationFamily::Timeouts), (1, 0));
        // Held back behind one that waits, and then cancelled without the kernel's having seen it.
        let mut waits = pin!(op::read(&reader, vec![0; 1]));
        assert!(futures::poll!(&mut waits).is_pending());
        let mut held = Box::pin(op::nop().drain());
        assert!(futures::poll!(&mut held).is_pending());
        assert_eq!(of(own().operations, OperationFamily::Other), (4, 1));
        assert_ring_agrees();
        drop(held);
        while own().operations.other.in_flight > 0 {
            yield_now().await;
        }
        assert_eq!(of(own().operations, OperationFamily::Files), (2, 1));
        assert_ring_agrees();
    });
}

#[test]
fn one_that_completes_many_times_counts_once_and_is_in_flight_meanwhile() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(TcpStream::connect(address).unwrap());
            connections.next().await.unwrap().unwrap();
        }
        assert_eq!(of(own().operations, OperationFamily::Sockets), (1, 1));
        assert_ring_agrees();
        drop(connections);
        while own().operations_in_flight > 0 {
            yield_now().await;
        }
        assert_eq!(of(own().operations, OperationFamily::Sockets), (1, 0));
    });
}

#[test]
fn a_send_without_a_copy_ends_with_its_notification() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_server, _) = listener.accept().unwrap();
    let client = SharedFd::from(OwnedFd::from(client));
    pool.block_on(async {
        let sent = op::send_zc(&client, vec![7; 1000], 0).await;
        let (count, buffer) = sent.unwrap();
        assert_eq!((count, buffer.await.len()), (1000, 1000));
        assert_eq!(of(own().operations, OperationFamily::Sockets), (1, 0));
        assert_ring_agrees();
    });
}

#[test]
fn what_never_begins_is_not_counted() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        assert!(op::nop().cancel().await.is_err());
        drop(op::nop());
        assert_eq!(own().operations, Operations::default());
    });
}

#[test]
fn an_operation_is_counted_on_the_ring_where_it_began() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let (reader, writer) = pipe();
    pool.block_on(async {
        let mut read = Box::pin(op::read(&reader, vec![0; 1]));
        assert!(futures::poll!(&mut read).is_pending());
        ringpool::switch_to(&there).await.unwrap();
        assert_eq!(of(own().operations, OperationFamily::Files), (0, 0));
        std::io::Write::write_all(&mut &writer, b"x").unwrap();
        read.await.unwrap();
        assert_eq!(of(own().operations, OperationFamily::Files), (0, 0));
        ringpool::switch_to(&pool.runtime(0)).await.unwrap();
        assert_eq!(of(own().operations, OperationFamily::Files), (1, 0));
        assert_ring_agrees();
    });
    assert_eq!(pool.metrics().total().operations.files.completed, 1);
}

#[test]
fn a_file_read_as_a_whole_is_a_name_and_its_bytes() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async { fs::read("/proc/version").await }).unwrap();
    let operations = pool.metrics().total().operations;
    assert!(operations.names.completed >= 1 && operations.files.completed >= 1, "{operations:?}");
    assert_eq!(operations.sockets.started, 0);
}

#[test]
fn completions_for_which_there_is_no_room_are_counted_and_none_is_lost() {
    let _limit = limit();
    let tiny = Pool::builder().threads(1).submission_entries(2).completion_entries(2);
    let overflows_of = |pool: Pool| {
        pool.block_on(async {
            let ended = join_all((0..200).map(|_| op::nop())).await;
            ended.into_iter().for_each(Result::unwrap);
            assert_eq!(of(own().operations, OperationFamily::Other), (200, 0));
            assert!(op::nop().now_or_never().is_none());
        });
        let metrics = pool.metrics().total();
        assert_eq!(metrics.completions_lost, 0);
        metrics.completion_overflows
    };
    assert!(overflows_of(tiny.build().unwrap()) > 0);
    assert_eq!(overflows_of(Pool::new(1)), 0);
}
