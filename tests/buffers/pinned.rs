//! What the kernel pins, and when it lets go: counted, in processes of their own.

use std::env;
use std::fs;
use std::future::Future;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::task::{Context, Waker};

use ringpool::Pool;
use ringpool::buf::RegisteredBuffers;
use ringpool::yield_now;

use crate::common::{limit, on_a_plain_thread, skip};

const ALONE: &str = "RINGPOOL_TEST_ALONE";
const MEBIBYTE: usize = 1 << 20;

/// Runs the calling test, whose body is `body`, in a process where nothing else goes on.
fn alone(body: fn()) {
    if env::var_os(ALONE).is_some() {
        // SAFETY: alarm(2) takes a number; its signal ends this process, which is the test's own.
        unsafe { libc::alarm(60) };
        return body();
    }
    let name = std::thread::current().name().expect("tests have names").to_owned();
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    // Another user has no right to trace, as a leak checker does.
    command.env("ASAN_OPTIONS", "detect_leaks=0").stdin(Stdio::null());
    let output = command.output().expect("the process starts");
    let (said, complaint) = (&output.stdout, &output.stderr);
    let text = [String::from_utf8_lossy(said), String::from_utf8_lossy(complaint)].concat();
    assert!(output.status.success() && text.contains("1 passed"), "{}\n{text}", output.status);
    for line in text.lines().filter(|line| line.starts_with("skipped: ")) {
        eprintln!("{line}");
    }
}

/// How many bytes of this process are pinned.
fn pinned() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPin:")).expect("listed");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}

/// Whether so many buffers' worth of memory has been pinned since there were `before` bytes. Older
/// kernels count a page more now and then.
fn is_pinned_since(before: usize, mebibytes: usize) -> bool {
    let added = pinned() - before;
    println!("{added} bytes were pinned");
    added / MEBIBYTE == mebibytes
}

/// Goes on when the memory that is pinned is `bytes`.
async fn until_pinned(bytes: usize) {
    while pinned() != bytes {
        yield_now().await;
    }
}

#[test]
fn memory_is_pinned_as_long_as_anybody_has_a_part_of_it() {
    alone(|| {
        let _limit = limit();
        let pool = Pool::new(1);
        pool.block_on(async {
            let before = pinned();
            let buffers = RegisteredBuffers::new(16, MEBIBYTE).unwrap();
            assert!(is_pinned_since(before, 16));
            let (first, second) = (buffers.take(), buffers.take());
            drop((buffers, first));
            assert!(is_pinned_since(before, 16));
            on_a_plain_thread(move || drop(second));
            until_pinned(before).await;
        });
    });
}

#[test]
fn rings_share_what_is_pinned_once() {
    alone(|| {
        let _limit = limit();
        let pool = Pool::new(3);
        pool.block_on(async {
            let before = pinned();
            let buffers = pool.register_buffers(16, MEBIBYTE).await.unwrap();
            if is_pinned_since(before, 48) {
                return skip("IORING_REGISTER_CLONE_BUFFERS as of Linux 6.13");
            }
            assert!(is_pinned_since(before, 16));
            drop(buffers);
            until_pinned(before).await;
        });
    });
}

#[test]
fn a_registration_that_is_dropped_half_done_leaves_nothing_pinned() {
    alone(|| {
        let _limit = limit();
        let pool = Pool::new(2);
        pool.block_on(async {
            let before = pinned();
            for polls in 0..4 {
                let mut registering = Box::pin(pool.register_buffers(4, MEBIBYTE));
                for _ in 0..polls {
                    let polled = registering.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    if polled.is_ready() {
                        break;
                    }
                    yield_now().await;
                }
                drop(registering);
                until_pinned(before).await;
            }
        });
    });
}

/// Becomes a user whom no other process has, and who may lock this much; ordinary users stay who
/// they are.
fn may_lock(bytes: u64) {
    let limits = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: setrlimit(2) reads one rlimit from a live local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limits) }, 0);
    // SAFETY: geteuid(2) only answers.
    if unsafe { libc::geteuid() } == 0 {
        let user = 1_000_000 + std::process::id();
        // SAFETY: setresuid(2) takes numbers, and this process has no other user's work to do.
        assert_eq!(unsafe { libc::setresuid(user, user, user) }, 0);
    }
}

#[test]
fn more_than_may_be_locked_is_an_error_that_names_the_limit() {
    alone(|| {
        let _limit = limit();
        may_lock(8 << 20);
        let pool = Pool::new(2);
        pool.block_on(async {
            let error = RegisteredBuffers::new(9, MEBIBYTE).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfMemory);
            let text = error.to_string();
            assert!(text.contains("may take 8388608 bytes; raise that limit"), "{text}");
            let error = pool.register_buffers(9, MEBIBYTE).await.unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (ErrorKind::OutOfMemory, text));
            let some = RegisteredBuffers::new(5, MEBIBYTE).unwrap();
            assert!(RegisteredBuffers::new(5, MEBIBYTE).is_err());
            drop(some);
            // What has gone counts no more; Linux 6.1 takes a moment to let go of it.
            while RegisteredBuffers::new(5, MEBIBYTE).is_err() {
                yield_now().await;
            }
        });
    });
}

#[test]
fn what_rings_share_counts_once_against_the_limit() {
    alone(|| {
        let _limit = limit();
        may_lock(8 << 20);
        let pool = Pool::new(2);
        pool.block_on(async {
            match pool.register_buffers(5, MEBIBYTE).await {
                Ok(buffers) => assert_eq!(buffers.available(), 5),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
                    skip("IORING_REGISTER_CLONE_BUFFERS as of Linux 6.13");
                }
            }
        });
    });
}
