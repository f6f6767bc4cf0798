//! The descriptors of the whole process, counted, and their limit: tests that run one at a time.

mod common;
#[path = "direct/support.rs"]
mod direct;
mod network;

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::*;
use direct::*;
use ringpool::Pool;
use ringpool::op::{self, DirectFd, SharedFd};

#[test]
fn the_table_is_never_larger_than_the_limit_on_open_files() {
    let _alone = network::alone();
    let _limit = limit();
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut before) }, 0);
    let pool = pool_with_places(1, 1 << 20);
    let few = libc::rlimit { rlim_cur: 300, ..before };
    // SAFETY: reads one limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &few) }, 0);
    let counted = pool.block_on(async {
        let mut files = Vec::new();
        while let Ok(file) = fill_one().await {
            files.push(file);
        }
        refused_as_full(fill_one().await);
        files.len()
    });
    // SAFETY: reads one limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &before) }, 0);
    assert_eq!(counted, 300);
}

#[test]
fn direct_descriptors_are_none_of_the_process() {
    let _alone = network::alone();
    let _limit = limit();
    let pool = pool_with_places(1, 64);
    pool.block_on(async {
        drop(fill(1).await);
        let before = network::open_fds();
        let files = fill(64).await;
        assert_eq!(network::open_fds(), before);
        drop(files);
    });
}

#[test]
fn files_that_go_in_and_out_and_over_leave_no_descriptor_open() {
    let _alone = network::alone();
    let _limit = limit();
    let before = network::open_fds();
    for _ in 0..5 {
        let pool = Pool::new(2);
        pool.block_on(async {
            let (reader, direct) = watched().await;
            let sent = direct.send_to(&pool.runtime(1)).await.unwrap();
            let installed = direct.install().await;
            if !lacks(&installed) {
                let again = DirectFd::register(&installed.unwrap()).await.unwrap();
                op::close(again).await.unwrap();
            }
            drop((direct, sent));
            assert!(rest_of(reader).await.is_empty());
        });
    }
    until(|| network::open_fds() == before);
}

#[test]
fn a_descriptor_installed_for_nobody_is_closed() {
    let _alone = network::alone();
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let direct = fill_one().await.unwrap();
        if lacks(&direct.install().await) {
            return;
        }
        let before = network::open_fds();
        for _ in 0..100 {
            let mut install = direct.install();
            let _ = poll_once(&mut install, &own_waker().await);
            drop(install);
        }
        while network::open_fds() != before {
            ringpool::yield_now().await;
        }
    });
}

#[test]
fn an_end_of_a_pipe_dropped_at_once_is_closed_in_the_table_and_outside() {
    let _alone = network::alone();
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        drop(fill(1).await);
        let before = network::open_fds();
        for _ in 0..rounds_of_closes(50) {
            let (reader, writer) = std::io::pipe().unwrap();
            let writer = SharedFd::from(OwnedFd::from(writer));
            assert!(writer.as_raw_fd() >= 0);
            let mut register = DirectFd::register(&writer);
            let _ = poll_once(&mut register, &own_waker().await);
            drop((register, writer));
            assert!(rest_of(reader).await.is_empty());
        }
        assert_eq!(network::open_fds(), before);
    });
}

/// The rings' own descriptors, too: the kernel closes the files of their tables with them.
#[test]
fn rings_that_nobody_waits_for_are_closed_all_the_same() {
    let _alone = network::alone();
    let _limit = limit();
    let before = network::open_fds();
    let pool = Arc::new(Pool::new(2));
    let stopping = pool.clone();
    let refused = pool.block_on(async move { stopping.shutdown(Duration::ZERO) });
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    until(|| network::open_fds() <= before);
    pool.shutdown(Duration::from_secs(10)).unwrap();
}

#[test]
fn rings_whose_pool_could_not_be_waited_for_are_closed_all_the_same() {
    let _alone = network::alone();
    let _limit = limit();
    let before = network::open_fds();
    let pool = Pool::new(2);
    let (held, is_held) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (holds, says) = (held.clone(), is_held.clone());
    pool.runtime(1)
        .spawn(async move {
            says.store(true, Ordering::SeqCst);
            while holds.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        })
        .detach();
    until(|| is_held.load(Ordering::SeqCst));
    let late = pool.shutdown(Duration::from_millis(1)).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
    held.store(false, Ordering::SeqCst);
    until(|| network::open_fds() <= before);
    drop(pool);
}
