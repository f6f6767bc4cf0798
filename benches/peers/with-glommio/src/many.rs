//! Many tasks at once.

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::AsyncRead;
use glommio::net::UnixStream;
use glommio::timer::sleep;
use glommio::{Task, executor as current};
use workload::compute::{EVEN, Load, SHORT};
use workload::program::resident;
use workload::rounds::{repeat, repeat_calls};
use workload::tally::Tally;
use workload::{Cost, Job, Stopwatch};

use crate::hops::{Spawning, run_with_second, spawn_all};
use crate::{executor, run};

/// Short tasks, half of them on each executor.
pub(crate) fn fan(job: &Job) -> Cost {
    let count = job.count;
    let load: &'static Load = &SHORT;
    run_with_second(move |there| {
        repeat(10, count, async move || {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for number in load.tasks() {
                let task = async move { load.run(number) };
                if number.is_multiple_of(2) {
                    ours.push(glommio::spawn_local(task));
                } else {
                    theirs.push(there.spawn(move || task));
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

/// Tasks that compute, all born on one executor, where they stay: glommio moves none.
pub(crate) fn compute(job: &Job) -> Cost {
    let count = job.count;
    let load: &'static Load = &EVEN;
    run_with_second(move |_there| {
        repeat(1, count, async move || {
            let spawn = |number: usize| glommio::spawn_local(async move { load.run(number) });
            load.check(sum(load.tasks().map(spawn).collect()).await);
        })
    })
}

/// Adds what tasks of this executor give.
async fn sum(tasks: Vec<Task<u64>>) -> u64 {
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
    let count = job.count;
    let pairs = (0..READERS).map(|_| StdUnixStream::pair().expect("there are descriptors"));
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
    run(move || async move {
        let streams: Vec<_> = ours.into_iter().map(wrap).collect();
        let cost = repeat(1, count, async || {
            let readers: Vec<_> = streams.iter().cloned().map(reader).collect();
            sleep(WAITING).await;
            for reader in readers {
                assert_eq!(reader.cancel().await, None, "nothing was there to read");
            }
        })
        .await;
        for (mut sender, receiver) in theirs.into_iter().zip(streams) {
            std::io::Write::write_all(&mut sender, b"x").expect("it is open");
            assert_eq!(reader(receiver).await, b"x");
        }
        cost
    })
}

/// A stream that outlives the tasks which read from it.
fn wrap(stream: StdUnixStream) -> Rc<RefCell<UnixStream>> {
    // SAFETY: the descriptor is that of a connected stream, and nobody else's any more.
    Rc::new(RefCell::new(unsafe { UnixStream::from_raw_fd(stream.into_raw_fd()) }))
}

/// Spawns a task that reads.
fn reader(stream: Rc<RefCell<UnixStream>>) -> Task<Vec<u8>> {
    glommio::spawn_local(async move {
        let mut buffer = vec![0; 16];
        let read = poll_fn(|cx| Pin::new(&mut *stream.borrow_mut()).poll_read(cx, &mut buffer));
        let count = read.await.expect("the other end is open");
        buffer.truncate(count);
        buffer
    })
}

/// Threads from outside, and the tasks that each of them spawns.
const THREADS: u64 = 2;
const TASKS_A_THREAD: u64 = 5_000;

/// Two threads that have no executor spawn tasks on another one's, as fast as they can: by a
/// channel of `futures`, as the executors do.
pub(crate) fn storm(job: &Job) -> Cost {
    let (spawnings, receiver) = mpsc::unbounded::<Spawning>();
    let there = executor(0).spawn(|| spawn_all(receiver));
    let ran = Arc::new(Tally::new());
    let cost = repeat_calls(1, job.count, || {
        ran.expect(THREADS * TASKS_A_THREAD);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TASKS_A_THREAD {
                        let ran = ran.clone();
                        let task = async move { ran.add() };
                        let spawning = || drop(glommio::spawn_local(task).detach());
                        spawnings.unbounded_send(Box::new(spawning)).expect("it runs");
                    }
                });
            }
        });
        ran.wait();
    });
    drop(spawnings);
    there.expect("io_uring works here").join().expect("it ends with the channel");
    cost
}

/// Tasks that sleep at once, from one to a hundred milliseconds.
const SLEEPERS: u64 = 100_000;

/// Has all of them sleep.
pub(crate) fn timers(job: &Job) -> Cost {
    let count = job.count;
    run(move || {
        repeat(0, count, async || {
            let spawn = |number: u64| {
                glommio::spawn_local(async move {
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
    run(move || async move {
        let spawn = |_| glommio::spawn_local(std::future::pending::<()>());
        // Whatever the first tasks make once and for all is there before.
        let mut tasks = Vec::with_capacity(count as usize + 100);
        tasks.extend((0..100).map(spawn));
        current().yield_now().await;
        let (before, watch) = (resident(), Stopwatch::start());
        tasks.extend((0..count).map(spawn));
        current().yield_now().await;
        Cost { resident: resident() - before, ..watch.stop() }
    })
}
