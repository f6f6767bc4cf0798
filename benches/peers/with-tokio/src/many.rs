//! Many tasks at once.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::sleep;
use workload::compute::{EVEN, Load, SHORT};
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::Threads;

/// Short tasks, half of them on each thread, as far as there is a choice.
pub fn fan<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let handles = [threads.handle(0).clone(), threads.handle(1).clone()];
    let load: &'static Load = &SHORT;
    threads.run(repeat(10, job.count, async move || {
        let spawn = |number: usize| handles[number % 2].spawn(async move { load.run(number) });
        load.check(sum(load.tasks().map(spawn).collect()).await);
    }))
}

/// Tasks that compute, all born on one of two threads.
pub fn compute<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(2);
    let load: &'static Load = &EVEN;
    threads.run(repeat(1, job.count, async move || {
        let spawn = |number: usize| tokio::spawn(async move { load.run(number) });
        load.check(sum(load.tasks().map(spawn).collect()).await);
    }))
}

/// Adds up what the tasks give.
async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("it ends"));
    }
    sum
}

/// Tasks that are cancelled while they wait for a byte.
const READERS: u64 = 1_000;
/// So long they wait before they are cancelled: every kernel knows of all of them by then.
const WAITING: Duration = Duration::from_millis(2);

/// Cancels tasks that each wait for a byte of a connection of their own. The connections must not
/// have lost anything by that.
pub fn cancel<T: Threads>(job: &Job) -> Cost {
    let pairs = (0..READERS).map(|_| StdUnixStream::pair().expect("there are descriptors"));
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
    let count = job.count;
    T::start(1).run(async move {
        let streams: Vec<_> = ours.into_iter().map(wrap).collect();
        let (read_from, begun) = (streams.clone(), Arc::new(AtomicU64::new(0)));
        let begin = begun.clone();
        let cost = repeat(1, count, async move || cancel_all(&read_from, &begin).await).await;
        for (mut sender, receiver) in theirs.into_iter().zip(streams) {
            std::io::Write::write_all(&mut sender, b"x").expect("it is open");
            assert_eq!(reader(receiver, begun.clone()).await.expect("it ends"), b"x");
        }
        cost
    })
}

/// Makes a socket the runtime's.
fn wrap(stream: StdUnixStream) -> Arc<UnixStream> {
    stream.set_nonblocking(true).expect("it is a socket");
    Arc::new(UnixStream::from_std(stream).expect("it is a socket"))
}

/// Spawns a reader for each, lets all of them begin, and cancels them.
async fn cancel_all(streams: &[Arc<UnixStream>], begun: &Arc<AtomicU64>) {
    begun.store(0, Ordering::Relaxed);
    let spawn = |stream: &Arc<UnixStream>| reader(stream.clone(), begun.clone());
    let readers: Vec<_> = streams.iter().map(spawn).collect();
    // A worker does not run tasks in the order in which they were spawned.
    while begun.load(Ordering::Relaxed) < READERS {
        yield_now().await;
    }
    sleep(WAITING).await;
    // First all are told and then awaited, as a `JoinSet` does it.
    readers.iter().for_each(JoinHandle::abort);
    for reader in readers {
        let error = reader.await.expect_err("nothing was there to read");
        assert!(error.is_cancelled(), "a reader panicked");
    }
}

/// Spawns a task that waits for bytes.
fn reader(stream: Arc<UnixStream>, begun: Arc<AtomicU64>) -> JoinHandle<Vec<u8>> {
    tokio::spawn(async move {
        begun.fetch_add(1, Ordering::Relaxed);
        let mut buffer = Vec::with_capacity(16);
        loop {
            stream.readable().await.expect("the other end is open");
            match stream.try_read_buf(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => {
                    read.expect("the other end is open");
                    return buffer;
                }
            }
        }
    })
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads that are none of the runtime's spawn tasks on one thread of it, as fast as they
/// can.
pub fn storm<T: Threads>(job: &Job) -> Cost {
    let threads = T::start(1);
    let there = threads.handle(0);
    let ran = Arc::new(Tally::new());
    repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        there.spawn(async move { ran.add() });
                    }
                });
            }
        });
        ran.wait();
    })
}

/// Tasks that sleep at once, from one to a hundred milliseconds.
const SLEEPERS: u64 = 100_000;

/// Has all of them sleep, and awaits them.
pub fn timers<T: Threads>(job: &Job) -> Cost {
    T::start(1).run(repeat(0, job.count, async || {
        let spawn = |number: u64| {
            tokio::spawn(async move {
                sleep(Duration::from_millis(1 + number % 100)).await;
                1
            })
        };
        assert_eq!(sum((0..SLEEPERS).map(spawn).collect()).await, SLEEPERS);
    }))
}

/// Tasks of [`parked`] that have begun.
static PARKED: AtomicU64 = AtomicU64::new(0);

/// What tasks need that wait for something that never comes.
pub fn parked<T: Threads>(job: &Job) -> Cost {
    let count = job.count;
    PARKED.store(0, Ordering::Relaxed);
    T::start(1).run(async move {
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(count as usize + 100);
        tasks.extend((0..100).map(|_| park()));
        until_parked(100).await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..count).map(|_| park()));
        until_parked(100 + count).await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}

/// Spawns a task that never ends. Its future has no size, as that of `pending` has none.
fn park() -> JoinHandle<()> {
    tokio::spawn(poll_fn(|_| {
        PARKED.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }))
}

/// Lets the others run until so many of them have begun.
async fn until_parked(tasks: u64) {
    while PARKED.load(Ordering::Relaxed) < tasks {
        yield_now().await;
    }
}
