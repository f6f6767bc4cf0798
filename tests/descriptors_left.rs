//! The descriptors of the whole process, counted, and their limit: tests that run one at a time.

mod common;
#[path = "direct/support.rs"]
mod direct;
mod network;

use std::os::fd::{AsRawFd, OwnedFd};

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
