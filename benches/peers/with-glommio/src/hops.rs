//! From one executor to the other.

use std::hint::black_box;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use glommio::channels::shared_channel::new_bounded;
use workload::rounds::repeat;
use workload::{Cost, Job, Stopwatch};

use crate::{executor, run};

const WARM_UP: u64 = 500;
/// Tasks of a batch.
const BATCH: u64 = 20_000;
const CAPACITY: usize = 1024;

/// What spawns a task on the executor that calls it.
pub(crate) type Spawning = Box<dyn FnOnce() + Send>;

/// The executor on the second processor.
///
/// Glommio spawns nothing on another executor: what spawns a task goes there by a channel of
/// `futures`, and what the task gives comes back by another one. Both wake across executors; for
/// many tasks at once that is faster than a shared channel, which is bounded.
pub(crate) struct Second {
    spawnings: mpsc::UnboundedSender<Spawning>,
}

impl Second {
    /// Spawns a task there.
    pub(crate) fn spawn<T, F>(
        &self,
        task: impl FnOnce() -> F + Send + 'static,
    ) -> oneshot::Receiver<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let spawning: Spawning = Box::new(move || {
            let task = task();
            let answering = async move { _ = answer.send(task.await) };
            glommio::spawn_local(answering).detach();
        });
        self.spawnings.unbounded_send(spawning).expect("it runs");
        answered
    }
}

/// Runs a future on an executor on the first processor, and gives it the one on the second.
pub(crate) fn run_with_second<T, F>(body: impl FnOnce(Second) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + 'static,
{
    let (spawnings, receiver) = mpsc::unbounded();
    let there = executor(1).spawn(|| spawn_all(receiver)).expect("io_uring works here");
    let given = run(|| body(Second { spawnings }));
    there.join().expect("it ends with the channel");
    given
}

/// Spawns what comes, as long as something can.
pub(crate) async fn spawn_all(mut spawnings: mpsc::UnboundedReceiver<Spawning>) {
    while let Some(spawn) = spawnings.next().await {
        spawn();
    }
}

/// Spawns a task on the other executor and awaits it.
pub(crate) fn spawn_on(job: &Job) -> Cost {
    let count = job.count;
    run_with_second(move |there| {
        repeat(WARM_UP, count, async move || {
            let answer = there.spawn(|| async { 1_u64 });
            black_box(answer.await.expect("it ends"));
        })
    })
}

/// Spawns a batch of tasks on the other executor, then awaits them all.
pub(crate) fn batch(job: &Job) -> Cost {
    let count = job.count;
    run_with_second(move |there| {
        let mut tasks = Vec::with_capacity(BATCH as usize);
        repeat(1, count, async move || {
            tasks.extend((0..BATCH).map(|number| there.spawn(move || async move { number })));
            let mut sum = 0;
            for task in tasks.drain(..) {
                sum += task.await.expect("it ends");
            }
            assert_eq!(sum, BATCH * (BATCH - 1) / 2, "a task did not run, or twice");
        })
    })
}

/// A message there and another one back.
pub(crate) fn channel_round_trip(job: &Job) -> Cost {
    let count = job.count;
    let (there_to, there_from) = new_bounded::<u64>(CAPACITY);
    let (back_to, back_from) = new_bounded::<u64>(CAPACITY);
    let echo = executor(1).spawn(|| async {
        let (from, to) = (there_from.connect().await, back_to.connect().await);
        while let Some(number) = from.recv().await {
            to.send(number).await.expect("somebody receives");
        }
    });
    let cost = run(move || async move {
        let (to, from) = (there_to.connect().await, back_from.connect().await);
        let mut number = 0;
        repeat(WARM_UP, count, async move || {
            number += 1;
            to.send(number).await.expect("somebody receives");
            assert_eq!(from.recv().await, Some(number));
        })
        .await
    });
    echo.expect("io_uring works here").join().expect("it ends with the channel");
    cost
}

/// Messages from the other executor, as many as come.
pub(crate) fn channel_one_way(job: &Job) -> Cost {
    let count = job.count;
    let (sender, receiver) = new_bounded::<u64>(CAPACITY);
    let producer = executor(1).spawn(move || async move {
        let sender = sender.connect().await;
        for number in 0..WARM_UP + count {
            sender.send(number).await.expect("somebody receives");
        }
    });
    let cost = run(move || async move {
        let receiver = receiver.connect().await;
        let mut watch = Stopwatch::start();
        for expected in 0..WARM_UP + count {
            if expected == WARM_UP {
                watch = Stopwatch::start();
            }
            assert_eq!(receiver.recv().await, Some(expected));
        }
        watch.stop()
    });
    producer.expect("io_uring works here").join().expect("it ends");
    cost
}
