//! Memory: what a task takes, and that all of it comes back.
//!
//! The allocator of this process is counted, so one test runs at a time.

#[path = "memory/allocator.rs"]
mod allocator;
mod common;
#[path = "memory/mixed.rs"]
mod mixed;
#[path = "memory/steady.rs"]
#[cfg(not(ringpool_asan))]
mod steady;

use std::sync::{Mutex, MutexGuard};

use allocator::Counted;
use common::*;
use futures_channel::oneshot;
use ringpool::io::BufStream;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::{Pool, Task, spawn_blocking, spawn_on, yield_now};

#[global_allocator]
static COUNTED: Counted = Counted::new();

/// Held by the test that runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[test]
fn a_parked_task_takes_at_most_two_hundred_bytes_and_its_future() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let tasks = 20_000;
    let started = Count::new();
    let before = COUNTED.allocated();
    let parked: Vec<_> = (0..tasks)
        .map(|_| {
            let started = started.clone();
            pool.spawn(async move {
                started.add();
                never().await;
            })
        })
        .collect();
    started.reaches(tasks);
    let list = parked.capacity() * size_of::<Task<()>>();
    let each = (COUNTED.allocated() - before).saturating_sub(list) / tasks;
    // The future holds an `Arc` and the states of two awaits.
    let future = 32;
    // The span stands beside it, and memory comes in lines of 64 bytes.
    let span = if cfg!(feature = "tracing") { 64 } else { 0 };
    assert!(each <= 200 + future + span, "{each} bytes a task");
    drop(parked);
}

/// A task that has waited for the other one for a while, and then lets it go.
async fn waits_for_a_while(other: oneshot::Receiver<Task<()>>, waiting: Count, detaches: bool) {
    let mut other = other.await.unwrap();
    assert!(poll_once(&mut other, &own_waker().await).is_pending());
    waiting.add();
    while waiting.get() < 2 {
        yield_now().await;
    }
    if detaches { other.detach() } else { drop(other) }
}

/// Each one's waker is in the other's hands when they end.
fn two_that_wait_for_each_other(pool: &Pool, detaches: bool) {
    let waiting = Count::new();
    let (to_first, of_first) = oneshot::channel();
    let (to_second, of_second) = oneshot::channel();
    let wait = |other| waits_for_a_while(other, waiting.clone(), detaches);
    let first = spawn_on(&pool.runtime(0), wait(of_first));
    let second = spawn_on(&pool.runtime(1), wait(of_second));
    to_first.send(second).unwrap();
    to_second.send(first).unwrap();
    until(|| pool.runtimes().iter().all(|runtime| runtime.load().tasks_alive == 0));
}

#[test]
fn tasks_that_have_waited_for_each_other_are_freed() {
    let (_alone, _limit) = (alone(), limit());
    let rounds = 300;
    let mut left = Vec::new();
    for detaches in [true, false] {
        let before = COUNTED.allocated();
        let pool = Pool::new(2);
        for _ in 0..rounds {
            two_that_wait_for_each_other(&pool, detaches);
        }
        drop(pool);
        // What a thread keeps goes with it; what the process keeps does not grow with the rounds.
        until(|| threads_named("ringpool").is_empty());
        left.push(COUNTED.allocated().saturating_sub(before));
    }
    assert!(left.iter().all(|left| *left < rounds * 100), "{left:?} bytes are left");
}

/// The count of wakers that a ring keeps for itself differs from the true one by as many as are
/// cloned there and dropped elsewhere.
#[test]
fn a_task_of_which_three_million_wakers_went_elsewhere_is_freed_in_the_end() {
    let (_alone, _limit) = (alone(), limit());
    let large = [7u8; 64 << 10];
    let before = COUNTED.allocated();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    let task = pool.spawn(async move {
        let waker = own_waker().await;
        for _ in 0..30 {
            let clones: Vec<_> = (0..100_000).map(|_| waker.clone()).collect();
            spawn_blocking(move || drop(clones)).await.unwrap();
        }
        for _ in 0..15 {
            let cloned = waker.clone();
            let clones = spawn_blocking(move || vec![cloned; 200_000]).await.unwrap();
            drop(clones);
        }
        (waker, large.len())
    });
    let (last, length) = task.wait().unwrap();
    assert_eq!(length, 64 << 10);
    // The last waker keeps the memory, and nothing else.
    assert!(COUNTED.allocated() - before >= 64 << 10);
    last.wake_by_ref();
    drop((last, pool));
    until(|| threads_named("ringpool").is_empty());
    let left = COUNTED.allocated().saturating_sub(before);
    assert!(left < 32 << 10, "{left} bytes are left");
}

/// Sends back what comes, line by line, until the peer ends.
async fn echo_lines(stream: TcpStream) {
    let (mut stream, mut line) = (BufStream::new(stream), Vec::with_capacity(100));
    while stream.read_until(b'\n', &mut line).await.unwrap() > 0 {
        stream.write_all(&line).await.unwrap();
        stream.flush().await.unwrap();
        line.clear();
    }
}

#[test]
fn buffered_streams_allocate_nothing_once_they_run() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let allocations = pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let there = pool.runtime(1);
        let echo = spawn_on(&there, async move {
            echo_lines(listener.accept().await.unwrap().0).await;
        });
        let mut stream = BufStream::new(TcpStream::connect(address).await.unwrap());
        let mut answer = [0; 64];
        let (rounds, warm) = (2000, 100);
        let mut before = 0;
        for round in 0..rounds + warm {
            if round == warm {
                before = COUNTED.allocations();
            }
            let mut line = [b'0' + (round % 10) as u8; 64];
            line[63] = b'\n';
            stream.write_all(&line).await.unwrap();
            stream.flush().await.unwrap();
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, line);
        }
        let allocations = COUNTED.allocations() - before;
        drop(stream);
        echo.await.unwrap();
        allocations
    });
    // Threads of the harness and of the pool may have done something of their own. For
    // AddressSanitizer memory is not kept for the next operation: it shall see who comes too late.
    let is_kept = cfg!(not(ringpool_asan));
    assert!(!is_kept || allocations < 20, "{allocations} allocations in 2000 rounds");
    println!("{allocations} allocations in 2000 rounds");
}
