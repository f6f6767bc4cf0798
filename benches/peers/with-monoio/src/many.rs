//! Many tasks at once.

use std::future::pending;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use monoio::BufResult;
use monoio::io::{AsyncReadRentExt, CancelHandle, CancelableAsyncReadRent, Canceller};
use monoio::net::UnixStream;
use monoio::task::JoinHandle;
use monoio::time::sleep;
use workload::compute::{EVEN, Load, SHORT};
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::threads::{OtherThread, run, yield_now};

/// Short tasks, half of them on each thread.
pub(crate) fn fan(job: &Job) -> Cost {
    let there = &OtherThread::start(1);
    let load: &'static Load = &SHORT;
    run(|| {
        repeat(10, job.count, async move || {
            let is_here = |number: &usize| number.is_multiple_of(2);
            let (here, others): (Vec<_>, Vec<_>) = load.tasks().partition(is_here);
            let task = |number: usize| async move { load.run(number) };
            // The other thread gets its half first, so that it does not wait for this one.
            let others: Vec<_> =
                others.into_iter().map(|number| there.spawn(task(number))).collect();
            let here = here.into_iter().map(|number| monoio::spawn(task(number))).collect();
            let mut all = sum(here).await;
            for other in others {
                all = all.wrapping_add(other.await.expect("it ends"));
            }
            load.check(all);
        })
    })
}

/// Tasks that compute, all born on one of two threads; monoio leaves them there.
pub(crate) fn compute(job: &Job) -> Cost {
    let _there = OtherThread::start(1);
    let load: &'static Load = &EVEN;
    run(|| {
        repeat(1, job.count, async || {
            let spawn = |number: usize| monoio::spawn(async move { load.run(number) });
            load.check(sum(load.tasks().map(spawn).collect()).await);
        })
    })
}

/// Adds up what the tasks give.
async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await);
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
    run(|| async move {
        let wrap = |stream| UnixStream::from_std(stream).expect("it is a socket");
        let mut streams: Vec<_> = ours.into_iter().map(wrap).collect();
        let cost = repeat(1, job.count, async || cancel_all(&mut streams).await).await;
        for (mut sender, mut receiver) in theirs.into_iter().zip(streams) {
            std::io::Write::write_all(&mut sender, b"x").expect("it is open");
            let (read, bytes) = receiver.read_exact(vec![0; 1]).await;
            read.expect("the other end is open");
            assert_eq!(bytes, b"x");
        }
        cost
    })
}

/// Spawns a reader for each, lets all of them begin, and cancels them.
///
/// Monoio cancels no tasks, but what they wait for: they end with an error, and give the streams
/// back, which they need for themselves. One canceller is told for all of them.
async fn cancel_all(streams: &mut Vec<UnixStream>) {
    let canceller = Canceller::new();
    let spawn = |stream| monoio::spawn(reader(stream, canceller.handle()));
    let readers: Vec<_> = streams.drain(..).map(spawn).collect();
    sleep(WAITING).await;
    canceller.cancel();
    for reader in readers {
        let (stream, (read, _)) = reader.await;
        // The number of the error that means "cancelled".
        assert_eq!(read.expect_err("nothing was there to read").raw_os_error(), Some(125));
        streams.push(stream);
    }
}

/// Waits for bytes.
async fn reader(
    mut stream: UnixStream,
    handle: CancelHandle,
) -> (UnixStream, BufResult<usize, Vec<u8>>) {
    let read = stream.cancelable_read(Vec::with_capacity(16), handle).await;
    (stream, read)
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads without a runtime spawn tasks on one that has one, as fast as they can.
pub(crate) fn storm(job: &Job) -> Cost {
    let there = OtherThread::start(0);
    let ran = Arc::new(Tally::new());
    repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        there.spawn_detached(async move {
                            ran.add();
                        });
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
pub(crate) fn timers(job: &Job) -> Cost {
    run(|| {
        repeat(0, job.count, async || {
            let spawn = |number: u64| {
                monoio::spawn(async move {
                    sleep(Duration::from_millis(1 + number % 100)).await;
                    1
                })
            };
            assert_eq!(sum((0..SLEEPERS).map(spawn).collect()).await, SLEEPERS);
        })
    })
}

/// What tasks need that wait for something that never comes.
pub(crate) fn parked(job: &Job) -> Cost {
    run(|| async {
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(job.count as usize + 100);
        tasks.extend((0..100).map(|_| monoio::spawn(pending::<()>())));
        yield_now().await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..job.count).map(|_| monoio::spawn(pending::<()>())));
        yield_now().await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}
