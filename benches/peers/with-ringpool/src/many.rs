//! Many tasks at once.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use ringpool::Task;
use ringpool::net::UnixStream;
use ringpool::time::sleep;
use workload::compute::{EVEN, Load, SHORT};
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::{ASLEEP, AWAKE, pool};

/// Short tasks, half of them on each ring.
pub(crate) fn fan(job: &Job) -> Cost {
    let pool = pool(2, AWAKE);
    let rings = [pool.runtime(0), pool.runtime(1)];
    let load: &'static Load = &SHORT;
    pool.block_on(repeat(10, job.count, async move || {
        let spawn =
            |number: usize| ringpool::spawn_on(&rings[number % 2], async move { load.run(number) });
        load.check(sum(load.tasks().map(spawn).collect()).await);
    }))
}

/// Tasks that compute, all born on one of two rings.
pub(crate) fn compute(job: &Job) -> Cost {
    let pool = pool(2, AWAKE);
    let load: &'static Load = &EVEN;
    pool.block_on(repeat(1, job.count, async move || {
        let spawn = |number: usize| ringpool::spawn(async move { load.run(number) });
        load.check(sum(load.tasks().map(spawn).collect()).await);
    }))
}

async fn sum(tasks: Vec<Task<u64>>) -> u64 {
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("it ends"));
    }
    sum
}

/// Tasks that are cancelled while they wait for a byte.
const READERS: usize = 1_000;
/// So long they wait before they are cancelled: every kernel knows of all of them by then.
const WAITING: Duration = Duration::from_millis(2);

/// Cancels tasks that each wait for a byte of a connection of their own. The connections must not
/// have lost anything by that.
pub(crate) fn cancel(job: &Job) -> Cost {
    let pairs = (0..READERS).map(|_| StdUnixStream::pair().expect("there are descriptors"));
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
    pool(1, AWAKE).block_on(async move {
        let wrap = |stream| Arc::new(UnixStream::from_std(stream).expect("it is a socket"));
        let streams: Vec<_> = ours.into_iter().map(wrap).collect();
        let read_from = streams.clone();
        let cost = repeat(1, job.count, async move || {
            let readers: Vec<_> = read_from.iter().cloned().map(reader).collect();
            sleep(WAITING).await;
            for reader in readers {
                assert_eq!(reader.cancel().await, None, "nothing was there to read");
            }
        })
        .await;
        for (mut sender, receiver) in theirs.into_iter().zip(streams) {
            std::io::Write::write_all(&mut sender, b"x").expect("it is open");
            assert_eq!(reader(receiver).await.expect("it ends"), b"x");
        }
        cost
    })
}

fn reader(stream: Arc<UnixStream>) -> Task<Vec<u8>> {
    ringpool::spawn(async move {
        let read = stream.read(Vec::with_capacity(16)).await;
        read.expect("the other end is open").1
    })
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads that are none of the pool's spawn tasks on one ring, as fast as they can.
pub(crate) fn storm(job: &Job) -> Cost {
    let pool = pool(1, AWAKE);
    let ring = pool.runtime(0);
    let ran = Arc::new(Tally::new());
    repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        ring.spawn(async move { ran.add() }).detach();
                    }
                });
            }
        });
        ran.wait();
    })
}

/// Tasks that sleep at once, from one to a hundred milliseconds.
const SLEEPERS: u64 = 100_000;

pub(crate) fn timers(job: &Job) -> Cost {
    pool(1, AWAKE).block_on(repeat(0, job.count, async || {
        let spawn = |number: u64| {
            ringpool::spawn(async move {
                sleep(Duration::from_millis(1 + number % 100)).await;
                1
            })
        };
        assert_eq!(sum((0..SLEEPERS).map(spawn).collect()).await, SLEEPERS);
    }))
}

/// What tasks need that wait for something that never comes.
pub(crate) fn parked(job: &Job) -> Cost {
    pool(1, AWAKE).block_on(async {
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(job.count as usize + 100);
        tasks.extend((0..100).map(|_| ringpool::spawn(std::future::pending::<()>())));
        ringpool::yield_now().await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..job.count).map(|_| ringpool::spawn(std::future::pending::<()>())));
        ringpool::yield_now().await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}

/// On so many rings as the depth says, two a processor at least: a task goes from each to the
/// next, all the way around.
pub(crate) fn rings(job: &Job) -> Cost {
    let pool = pool(job.depth, ASLEEP);
    let rings = pool.runtimes().to_vec();
    pool.block_on(repeat(2, job.count, async move || {
        for ring in &rings {
            ringpool::switch_to(ring).await.expect("the ring runs");
        }
    }))
}
