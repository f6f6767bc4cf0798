//! Stopping operations by what they are about.

use std::os::fd::OwnedFd;
use std::time::Duration;

use ringpool::op::{self, Op, Operation, SharedFd, raw::opcode};
use ringpool::{Channel, Doorbell, Pool, spawn, spawn_on};

use crate::common::limit;
use crate::same::{errno_of, is_missing};
use crate::support::{begin, pipe};

const LONG: Duration = Duration::from_secs(3600);

async fn begun<O: Operation>(mut op: Op<O>) -> Op<O> {
    begin(&mut op).await;
    op
}

#[test]
fn all_operations_on_a_file_are_stopped_and_no_others() {
    let _limit = limit();
    let ((reader, _writer), (other, to_other)) = (pipe(), pipe());
    let same = SharedFd::from(std::os::fd::AsFd::as_fd(&reader).try_clone_to_owned().unwrap());
    Pool::new(1).block_on(async {
        let reads = [begun(op::read(&reader, [0; 4])).await, begun(op::read(&same, [0; 4])).await];
        let poll = begun(op::poll_add(&reader, libc::POLLIN)).await;
        let left = begun(op::read(&other, [0; 4])).await;
        assert_eq!(op::cancel_fd(&same).await.unwrap(), 3);
        for read in reads {
            assert_eq!(read.await.unwrap_err().error.raw_os_error(), Some(libc::ECANCELED));
        }
        assert_eq!(errno_of(poll.await), libc::ECANCELED);
        op::write(&to_other, "salt").await.unwrap();
        assert_eq!(left.await.unwrap().1, *b"salt");
    });
}

#[test]
fn where_nothing_is_under_way_nothing_is_found() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        assert_eq!(op::cancel_fd(&reader).await.unwrap(), 0);
        match op::cancel_opcode(opcode::Timeout::CODE).await {
            Ok(count) => assert_eq!(count, 0),
            missing => {
                let test = "where_nothing_is_under_way_nothing_is_found";
                assert!(is_missing(&missing, test, "6.7"), "{missing:?}");
            }
        }
    });
}

#[test]
fn operations_on_another_ring_go_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, writer) = pipe();
    pool.block_on(async {
        let (begun_there, is_begun) = Channel::bounded(1).split();
        let there = reader.clone();
        let read = spawn_on(&pool.runtime(1), async move {
            let read = begun(op::read(&there, [0; 4])).await;
            begun_there.send(()).await.unwrap();
            read.await
        });
        is_begun.recv().await.unwrap();
        assert_eq!(op::cancel_fd(&reader).await.unwrap(), 0);
        op::write(&writer, "salt").await.unwrap();
        assert_eq!(read.await.unwrap().unwrap().1, *b"salt");
    });
}

#[test]
fn operations_of_one_kind_are_stopped_and_no_others() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let timeouts = [begun(op::timeout(LONG)).await, begun(op::timeout(LONG)).await];
        let read = begun(op::read(&reader, [0; 4])).await;
        match op::cancel_opcode(opcode::Timeout::CODE).await {
            Ok(count) => {
                assert_eq!(count, 2);
                for timeout in timeouts {
                    assert_eq!(errno_of(timeout.await), libc::ECANCELED);
                }
            }
            missing => {
                let test = "operations_of_one_kind_are_stopped_and_no_others";
                assert!(is_missing(&missing, test, "6.7"), "{missing:?}");
            }
        }
        op::write(&writer, "salt").await.unwrap();
        assert_eq!(read.await.unwrap().1, *b"salt");
    });
}

#[test]
fn a_ring_of_which_everything_is_stopped_goes_on_and_still_hears_its_bell() {
    let _limit = limit();
    for doorbell in [Doorbell::Automatic, Doorbell::EventFd] {
        let pool = Pool::builder().threads(1).doorbell(doorbell).build().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = SharedFd::from(OwnedFd::from(reader));
        pool.block_on(async {
            let (begun_there, is_begun) = Channel::bounded(1).split();
            let of_another_task = spawn(async move {
                let timeout = begun(op::timeout(LONG)).await;
                begun_there.send(()).await.unwrap();
                timeout.await
            });
            is_begun.recv().await.unwrap();
            let read = begun(op::read(&reader, [0; 4])).await;
            assert!(op::cancel_all().await.unwrap() >= 2);
            assert_eq!(errno_of(of_another_task.await.unwrap()), libc::ECANCELED);
            assert_eq!(read.await.unwrap_err().error.raw_os_error(), Some(libc::ECANCELED));
            op::nop().await.unwrap();
        });
        // Each of these comes from a thread outside while the ring sleeps or is about to.
        for number in 0..100 {
            assert_eq!(pool.block_on(async move { number }), number);
        }
        drop(writer);
        assert_eq!(pool.block_on(op::read(&reader, [0; 4])).unwrap().0, 0);
    }
}
