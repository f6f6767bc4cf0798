//! Chains of operations: linked, hard linked, drained, forced to another thread, timed.

mod common;

use std::ffi::CString;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use common::*;
use futures::FutureExt;
use ringpool::op::{self, SharedFd};
use ringpool::time::sleep;
use ringpool::{Builder, Pool, current, spawn_on, switch_to, yield_now};

const LONG: Duration = Duration::from_secs(3600);

fn errno<T>(result: &std::io::Result<T>) -> Option<i32> {
    result.as_ref().err().and_then(std::io::Error::raw_os_error)
}

/// A read end with nothing in it, and its write end.
fn pipe() -> (SharedFd, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (SharedFd::from(OwnedFd::from(reader)), writer)
}

#[test]
fn a_hard_link_goes_on_behind_an_operation_whose_time_is_up() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    let brief = Duration::from_millis(1);
    pool.block_on(async {
        let waiting = op::read(&reader, vec![0; 4]).timeout(brief);
        let (read, after) = op::hard_link((waiting, op::nop())).await;
        let error = read.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::TimedOut, vec![0; 4]));
        after.unwrap();
    });
}

#[test]
fn a_time_limit_without_end_is_none() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(op::nop().timeout(Duration::MAX)).unwrap();
}

#[test]
fn a_drained_operation_works_on_a_ring_that_has_cancelled_something() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        eprintln!("{:?}", op::nop().drain().await);
        assert!(op::read(&reader, vec![0; 4]).now_or_never().is_none());
        yield_now().await;
        eprintln!("{:?}", ringpool::time::timeout(Duration::from_secs(1), op::nop().drain()).await);
        eprintln!("{:?}", ringpool::time::timeout(Duration::from_secs(1), op::nop()).await);
    });
}

#[test]
fn a_cancel_of_what_has_ended_already_is_not_repeated() {
    let _limit = limit();
    let pool = Pool::new(1);
    let enters = || current().expect("in a task").metrics().enters;
    let completed = || current().expect("in a task").metrics().operations_completed;
    pool.block_on(async {
        let had = completed();
        let mut nop = Box::pin(op::nop());
        assert!(futures::poll!(&mut nop).is_pending());
        while completed() == had {
            yield_now().await;
        }
        let nop = Pin::into_inner(nop).cancel();
        let before = {
            sleep(Duration::from_millis(1)).await;
            enters()
        };
        sleep(Duration::from_millis(50)).await;
        println!("{} enters", enters() - before);
        nop.await.unwrap();
    });
}

#[test]
fn a_limit_for_an_operation_that_has_begun() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let mut read = op::read(&reader, vec![0; 4]);
        assert!(futures::poll!(&mut read).is_pending());
        let mut timed = read.timeout(Duration::from_millis(1));
        assert!(futures::poll!(&mut timed).is_pending());
        sleep(Duration::from_millis(20)).await;
        writer.write_all(b"1234").unwrap();
        println!("{:?}", timed.await);
    });
}
