//! System calls that fail or come late, and bells that do not ring: nothing is lost by them.
//!
//! This test binary runs itself again, under strace where that is there, which lets system calls
//! fail, and does work of every kind.

mod common;

use std::fs;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::*;
use futures::future::join_all;
use ringpool::op::nop;
use ringpool::time::{sleep, timeout};
use ringpool::{Pool, spawn, spawn_blocking, spawn_on, switch_to, yield_now};

/// Set in a process that does the work.
const ROLE: &str = "RINGPOOL_TEST_ROLE";

/// What the processes run; on its own it is the work without any fault.
#[test]
fn work_of_every_kind_ends() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).submission_entries(8).build().unwrap();
    if std::env::var(ROLE).is_ok_and(|role| role == "no rings behind the numbers") {
        take_away_the_rings_numbers();
    }
    work(&pool);
    let in_flight = pool.runtime(1).spawn(async {
        let (mut operation, mut timer) = (nop(), sleep(Duration::from_secs(3600)));
        let waker = own_waker().await;
        assert!(poll_once(&mut operation, &waker).is_pending());
        assert!(poll_once(&mut timer, &waker).is_pending());
        never().await;
    });
    pool.block_on(async { yield_now().await });
    shut_down(&pool);
    assert!(in_flight.wait().unwrap_err().is_cancelled());
    println!("all of it ended");
}

fn work(pool: &Pool) {
    let (first, second) = (pool.runtime(0), pool.runtime(1));
    for round in 0..20 {
        pool.block_on(async {
            let operations = join_all((0..50).map(|_| nop()));
            operations.await.into_iter().for_each(|answer| answer.unwrap());
            let there = (0..20).map(|number| spawn_on(&second, async move { number }));
            let sum: i32 = join_all(there).await.into_iter().map(|answer| answer.unwrap()).sum();
            assert_eq!(sum, 190);
            switch_to(&second).await.unwrap();
            nop().await.unwrap();
            sleep(Duration::from_micros(100)).await;
            switch_to(&first).await.unwrap();
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
            let late = timeout(Duration::from_micros(50), spawn(never())).await;
            assert!(late.is_err());
        });
        // From a thread without a ring, to rings that sleep.
        assert_eq!(second.spawn(async move { round }).wait().unwrap(), round);
        let cancelled = second.spawn(never());
        assert_eq!(pool.block_on(cancelled.cancel()), None);
    }
}

/// Puts something else behind the numbers of all rings. Their threads do not use them, but whoever
/// sends them a message does, and fails.
fn take_away_the_rings_numbers() {
    let other = fs::File::open("/dev/null").unwrap();
    let mut rings = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let is_ring = |target: &Path| target.to_string_lossy().contains("[io_uring]");
        if fs::read_link(entry.path()).is_ok_and(|target| is_ring(&target)) {
            let number: RawFd = entry.file_name().to_string_lossy().parse().unwrap();
            // SAFETY: the number is a ring's, whose thread enters it by its registered index; the
            // file put in its place is closed in its stead.
            assert_eq!(unsafe { libc::dup2(other.as_raw_fd(), number) }, number);
            rings += 1;
        }
    }
    assert_eq!(rings, 2);
}

/// Runs the work in a process; gives how often `call` was made to fail, if it ran under strace.
fn run(mut command: Command, doorbell: &str, role: &str) {
    command.args(["--exact", "work_of_every_kind_ends", "--nocapture"]);
    command.env(ROLE, role).env("RINGPOOL_DOORBELL", doorbell);
    // A leak checker needs ptrace for itself, which strace has taken.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let output = command.stdin(Stdio::null()).output().expect("the process starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let ended = output.status.success() && said.contains("all of it ended");
    assert!(ended, "{role} with {doorbell}: {}\n{said}\n{complaint}", output.status);
}

fn own_program() -> Command {
    Command::new(std::env::current_exe().expect("this program has a path"))
}

fn under_strace(call: &str, injection: &str) {
    if !strace_works() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        assert!(std::env::var_os("CI").is_none(), "{test} needs strace, and CI has to have it");
        println!("skipped: {test} needs strace, which is missing or may not trace here");
        return;
    }
    for doorbell in ["msg_ring", "eventfd"] {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:{injection}")]);
        command.arg(own_program().get_program());
        run(command, doorbell, injection);
    }
}

fn strace_works() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "trace=none", "true"]);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn an_enter_that_is_interrupted_loses_nothing() {
    let _limit = limit();
    under_strace("io_uring_enter", "error=EINTR:when=2+7");
}

#[test]
fn an_enter_that_finds_no_memory_or_no_room_loses_nothing() {
    let _limit = limit();
    for errno in ["EAGAIN", "EBUSY", "ENOMEM"] {
        under_strace("io_uring_enter", &format!("error={errno}:when=3+5"));
    }
}

#[test]
fn an_enter_that_had_to_drop_completions_does_not_end_the_ring() {
    let _limit = limit();
    // The kernel drops none here; it only says so.
    under_strace("io_uring_enter", "error=EBADR:when=2+9");
}

#[test]
fn an_enter_that_returns_late_loses_nothing() {
    let _limit = limit();
    under_strace("io_uring_enter", "delay_exit=2000:when=3+5");
    under_strace("io_uring_enter", "delay_enter=2000:when=4+7");
}

#[test]
fn messages_from_threads_without_a_ring_that_fail_become_writes() {
    let _limit = limit();
    under_strace("io_uring_register", "error=EBADFD:when=20+1");
}

#[test]
fn messages_to_rings_that_fail_become_writes() {
    let _limit = limit();
    run(own_program(), "msg_ring", "no rings behind the numbers");
}
