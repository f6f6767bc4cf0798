//! Many tasks at once.

use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;
use std::time::Duration;

use compio::BufResult;
use compio::io::AsyncRead;
use compio::net::UnixStream;
use compio::runtime::JoinHandle;
use compio::time::sleep;
use workload::compute::{EVEN, Load, SHORT};
use workload::processors::cores;
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::{dispatcher, run, run_task, second, yield_now};

/// Short tasks, half of them on each thread.
pub(crate) fn fan(job: &Job) -> Cost {
    let count = job.count;
    let load: &'static Load = &SHORT;
    let there = second();
    run(move || {
        repeat(10, count, async move || {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for number in load.tasks() {
                let task = async move { load.run(number) };
                if number.is_multiple_of(2) {
                    ours.push(compio::runtime::spawn(task));
                } else {
                    theirs.push(there.dispatch(move || task).expect("it runs"));
                }
            }
            let mut sum = sum(ours).await;
            for task in theirs {
                sum = sum.wrapping_add(task.await.expect("it ends"));
            }
            load.check(sum);
        })
    })
}

/// Tasks that compute, all born on one thread.
///
/// Nothing takes a task from a thread that has it; but the threads of a dispatcher have one queue,
/// which spreads tasks if each is only taken when the one before has ended. The thread where they
/// are born only waits.
pub(crate) fn compute(job: &Job) -> Cost {
    let count = job.count;
    let load: &'static Load = &EVEN;
    let both = dispatcher(cores().to_vec(), false);
    run(move || {
        repeat(1, count, async move || {
            let spawn = |number: usize| {
                both.dispatch(move || async move { load.run(number) }).expect("it runs")
            };
            let tasks: Vec<_> = load.tasks().map(spawn).collect();
            let mut sum = 0_u64;
            for task in tasks {
                sum = sum.wrapping_add(task.await.expect("it ends"));
            }
            load.check(sum);
        })
    })
}

/// Adds what tasks of this thread give.
async fn sum(tasks: Vec<JoinHandle<u64>>) -> u64 {
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
///
/// By the handles of the tasks, which only mark them. The kernel is asked to cancel what they wait
/// for when they are dropped, and nobody learns when it has; tokens would tell, but do nothing in
/// an optimized build of compio 0.19.
pub(crate) fn cancel(job: &Job) -> Cost {
    let count = job.count;
    let pairs = (0..READERS).map(|_| StdUnixStream::pair().expect("there are descriptors"));
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
    run_task(move || async move {
        let wrap = |stream| UnixStream::from_std(stream).expect("it is a socket");
        let streams: Vec<_> = ours.into_iter().map(wrap).collect();
        let cost = repeat(1, count, async || {
            let readers: Vec<_> = streams.iter().cloned().map(reader).collect();
            sleep(WAITING).await;
            for reader in readers {
                assert_eq!(reader.cancel().await, None, "nothing was there to read");
            }
            // And all of them are dropped.
            yield_now().await;
        })
        .await;
        // What the last of them waited for is cancelled before this thread sleeps.
        sleep(Duration::from_millis(1)).await;
        for (mut sender, receiver) in theirs.into_iter().zip(streams) {
            std::io::Write::write_all(&mut sender, b"x").expect("it is open");
            assert_eq!(reader(receiver).await.expect("it ends"), b"x");
        }
        cost
    })
}

/// Spawns a task that reads.
fn reader(mut stream: UnixStream) -> JoinHandle<Vec<u8>> {
    compio::runtime::spawn(async move {
        let BufResult(count, buffer) = stream.read(Vec::with_capacity(16)).await;
        count.expect("the other end is open");
        buffer
    })
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads that have no runtime spawn tasks on one that has, as fast as they can.
pub(crate) fn storm(job: &Job) -> Cost {
    let there = dispatcher(vec![cores()[0]], true);
    let ran = Arc::new(Tally::new());
    repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        let task = async move { ran.add() };
                        drop(there.dispatch(|| task).expect("it runs"));
                    }
                });
            }
        });
        ran.wait();
    })
}

/// Tasks that sleep at once, from one to a hundred milliseconds.
const SLEEPERS: u64 = 100_000;

/// Has all of them sleep.
pub(crate) fn timers(job: &Job) -> Cost {
    let count = job.count;
    run(move || {
        repeat(0, count, async || {
            let spawn = |number: u64| {
                compio::runtime::spawn(async move {
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
    let count = job.count;
    run_task(move || async move {
        let spawn = |_| compio::runtime::spawn(std::future::pending::<()>());
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(count as usize + 100);
        tasks.extend((0..100).map(spawn));
        yield_now().await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..count).map(spawn));
        yield_now().await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}
