//! Panics in everything a user can hand to a pool: each ends one task at most, never a ring.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::*;
use futures::future::join_all;
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Pool, TaskError, spawn, spawn_on, yield_now};

/// Panics when it is dropped, after counting that.
struct Bomb(Count);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.add();
        if !std::thread::panicking() {
            panic_on_purpose("a destructor");
        }
    }
}

#[test]
fn a_panicking_task_leaves_the_others_alone() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let tasks = (0..200).map(|number| {
            spawn_on(&pool.runtime(number % 2), async move {
                nop().await.unwrap();
                if number % 3 == 0 {
                    panic_on_purpose("every third");
                }
                yield_now().await;
                number
            })
        });
        for (number, outcome) in join_all(tasks).await.into_iter().enumerate() {
            assert_eq!(outcome.is_err(), number % 3 == 0);
        }
    });
}

#[test]
fn a_panic_inside_block_on_reaches_the_caller_with_its_payload() {
    let _limit = limit();
    let pool = Pool::new(1);
    silence_panics_on_purpose();
    let thrown =
        catch_unwind(AssertUnwindSafe(|| pool.block_on(async { panic_any(OnPurpose("payload")) })));
    assert_eq!(text_of(&*thrown.unwrap_err()), "payload");
    assert_eq!(pool.block_on(async { 7 }), 7);
}

#[test]
fn a_future_that_panics_in_its_drop_is_dropped_once() {
    let _limit = limit();
    let pool = Pool::new(1);
    struct Explodes(#[expect(dead_code, reason = "dropped")] Bomb);
    impl Future for Explodes {
        type Output = u8;
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u8> {
            Poll::Ready(7)
        }
    }
    silence_panics_on_purpose();
    let count = Count::new();
    let outcome = pool.spawn(Explodes(Bomb(count.clone()))).wait();
    assert!(matches!(outcome, Err(TaskError::Panicked(_))));
    assert_eq!(count.get(), 1);
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn an_output_nobody_wants_may_panic_in_its_drop() {
    let _limit = limit();
    let pool = Pool::new(2);
    silence_panics_on_purpose();
    let count = Count::new();
    let bomb = Bomb(count.clone());
    spawn_on(&pool.runtime(1), async move {
        yield_now().await;
        bomb
    })
    .detach();
    count.reaches(1);
    let bomb = Bomb(count.clone());
    let task = spawn_on(&pool.runtime(1), async move { bomb });
    until(|| task.is_finished());
    drop(task);
    assert_eq!(count.get(), 2);
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn a_payload_that_panics_in_its_drop_ends_nothing_else() {
    let _limit = limit();
    let pool = Pool::new(1);
    silence_panics_on_purpose();
    let count = Count::new();
    let bomb = Bomb(count.clone());
    pool.spawn(async move { resume_unwind(Box::new(bomb)) }).detach();
    count.reaches(1);
    let bomb = Bomb(count.clone());
    let task = pool.spawn(async move { resume_unwind(Box::new(bomb)) });
    let outcome: Result<(), _> = task.wait();
    assert_eq!(count.get(), 1);
    panic_of(|| drop(outcome));
    assert_eq!(count.get(), 2);
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

/// A waker whose wake panics, and whose drop does too.
struct PanickingWaker(Count, #[expect(dead_code)] Bomb);

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        self.0.add();
        panic_on_purpose("a waker");
    }
}

fn panicking_waker() -> (Waker, Count, Count) {
    silence_panics_on_purpose();
    let (woken, dropped) = (Count::new(), Count::new());
    let waker = PanickingWaker(woken.clone(), Bomb(dropped.clone()));
    (Waker::from(Arc::new(waker)), woken, dropped)
}

#[test]
fn a_foreign_waker_that_panics_harms_no_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    // Waiting for a task.
    let gate = Gate::new();
    let door = gate.clone();
    let mut task = spawn_on(&there, async move {
        door.pass().await;
        7
    });
    let (waker, woken, dropped) = panicking_waker();
    assert!(poll_once(&mut task, &waker).is_pending());
    drop(waker);
    gate.open();
    woken.reaches(1);
    assert_eq!(task.wait().unwrap(), 7);
    dropped.reaches(1);
    // Waiting for an operation and for a timer, at home and on the other ring.
    pool.block_on(async {
        for place in [0, 1] {
            ringpool::switch_to(&pool.runtime(0)).await.unwrap();
            let (mut operation, mut timer) = (nop(), sleep(Duration::from_micros(1)));
            let (first, first_woken, _) = panicking_waker();
            let (second, second_woken, _) = panicking_waker();
            assert!(poll_once(&mut operation, &first).is_pending());
            assert!(poll_once(&mut timer, &second).is_pending());
            drop((first, second));
            ringpool::switch_to(&pool.runtime(place)).await.unwrap();
            while first_woken.get() + second_woken.get() < 2 {
                yield_now().await;
            }
            operation.await.unwrap();
            timer.await;
        }
    });
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn a_waker_that_panics_when_an_operation_drops_it_loses_no_operation() {
    let _limit = limit();
    let pool = Pool::new(2);
    let runtimes = pool.runtimes().to_vec();
    for place in [0, 1] {
        let runtimes = runtimes.clone();
        let both_are_dropped = Count::new();
        let reached = both_are_dropped.clone();
        let task = spawn_on(&pool.runtime(0), async move {
            let (mut operation, mut timer) = (nop(), sleep(Duration::from_secs(3600)));
            let (first, _, first_dropped) = panicking_waker();
            let (second, _, second_dropped) = panicking_waker();
            assert!(poll_once(&mut operation, &first).is_pending());
            assert!(poll_once(&mut timer, &second).is_pending());
            drop((first, second));
            // Its own ring completes it meanwhile, unless we are there.
            ringpool::switch_to(&runtimes[place]).await.unwrap();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(operation)));
            let _ = catch_unwind(AssertUnwindSafe(|| drop(timer)));
            while first_dropped.get() + second_dropped.get() < 2 {
                yield_now().await;
            }
            reached.add();
            never().await;
        });
        both_are_dropped.reaches(1);
        let cancelled = pool.block_on(async { task.cancel().await });
        assert_eq!(cancelled, None);
        until(|| pool.runtime(0).load().operations_in_flight == 0);
        until(|| pool.runtime(0).load().timers == 0);
    }
}

#[test]
fn a_waker_that_panics_while_its_operation_is_in_flight_does_not_hang_the_cancel() {
    let _limit = limit();
    let pool = Pool::new(1);
    for _ in 0..100 {
        let task = pool.spawn(async {
            let mut operation = nop();
            let (waker, ..) = panicking_waker();
            assert!(poll_once(&mut operation, &waker).is_pending());
            drop(waker);
            // The drop of the operation drops the last of its waker, which panics.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(operation)));
            never().await;
        });
        assert_eq!(pool.block_on(async { task.cancel().await }), None);
    }
}

#[test]
fn a_panic_in_a_blocking_closure_is_its_outcome_and_the_thread_goes_on() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    silence_panics_on_purpose();
    for _ in 0..10 {
        let outcome = pool.spawn_blocking(|| panic_on_purpose("in a closure")).wait();
        assert_eq!(text_of(&*outcome.unwrap_err().into_panic().unwrap()), "in a closure");
    }
    let count = Count::new();
    let bomb = Bomb(count.clone());
    // Dropped with the closure that owns it, which was called.
    let outcome = pool.spawn_blocking(move || std::hint::black_box(&bomb).0.get()).wait();
    assert!(outcome.is_err());
    assert_eq!(pool.spawn_blocking(|| 7).wait().unwrap(), 7);
    assert_eq!(pool.blocking_load().threads, 1);
    assert_eq!(count.get(), 1);
}

#[test]
fn a_cancelled_future_that_panics_in_its_drop_says_so() {
    let _limit = limit();
    let pool = Pool::new(2);
    silence_panics_on_purpose();
    let count = Count::new();
    let (bomb, started) = (Bomb(count.clone()), Gate::new());
    let signal = started.clone();
    let task = spawn_on(&pool.runtime(1), async move {
        let _bomb = bomb;
        signal.open();
        never().await;
    });
    started.wait();
    let said = panic_of(|| pool.block_on(task.cancel()));
    assert_eq!(said, "a destructor");
    assert_eq!(count.get(), 1);
}

/// Set in the process whose stderr is a pipe that nobody reads.
const DEAF: &str = "RINGPOOL_TEST_DEAF";

#[test]
fn a_detached_task_may_panic_where_stderr_is_gone() {
    let _limit = limit();
    if std::env::var(DEAF).is_ok() {
        std::panic::set_hook(Box::new(|_| {}));
        let pool = Pool::new(1);
        let dropped = Count::new();
        let guard = dropped.on_drop();
        pool.spawn(async move {
            let _guard = guard;
            panic!("nobody hears this");
        })
        .detach();
        dropped.reaches(1);
        pool.block_on(async { spawn(async { 7 }).await.unwrap() });
        println!("the ring runs on");
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_detached_task_may_panic_where_stderr_is_gone", "--nocapture"])
        .env(DEAF, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("the ring runs on"), "{ended:?}");
}

/// A buffer that panics when it is asked where its bytes are, in the middle of a submission.
struct PanickingBuffer(#[expect(dead_code)] CountsDrop);

// SAFETY: it never gives a pointer.
unsafe impl ringpool::buf::IoBuf for PanickingBuffer {
    fn ptr(&self) -> *const u8 {
        panic_on_purpose("a buffer")
    }

    fn initialized_len(&self) -> usize {
        1
    }
}

#[test]
fn a_buffer_that_panics_while_it_is_submitted_is_dropped_and_nothing_waits_for_it() {
    let _limit = limit();
    let pool = Pool::new(1);
    silence_panics_on_purpose();
    let dropped = Count::new();
    let buffer = PanickingBuffer(dropped.on_drop());
    let task = pool.spawn(async move {
        let file = ringpool::fs::File::open("/dev/null").await.unwrap();
        let write = AssertUnwindSafe(file.write_at(buffer, 0));
        assert!(futures::FutureExt::catch_unwind(write).await.is_err());
        never().await;
    });
    dropped.reaches(1);
    assert_eq!(pool.block_on(async { task.cancel().await }), None);
}
