//! Those who cancel: plain threads, and tasks on every ring.

use std::future::Future;
use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ringpool::time::timeout;
use ringpool::{Channel, Pool, Task, yield_now};

use crate::common::*;
use crate::network::Random;
use crate::victims::Victim;

const PLAIN_THREADS: usize = 2;
/// Handles that one canceller keeps at most before it cancels one of them.
const BAG: usize = 16;

/// All of them.
pub(crate) struct Cancellers {
    to_threads: Sender<Victim>,
    threads: Vec<JoinHandle<()>>,
    to_tasks: Vec<Channel<Victim>>,
    tasks: Vec<Task<()>>,
}

impl Cancellers {
    pub(crate) fn start(pool: &Pool, random: &mut Random) -> Self {
        let (to_threads, for_threads) = bounded(BAG);
        let threads = (0..PLAIN_THREADS).map(|_| {
            let (victims, random) = (for_threads.clone(), random.fork());
            std::thread::spawn(move || on_a_thread(&victims, random))
        });
        let threads = threads.collect();
        let to_tasks: Vec<_> = pool.runtimes().iter().map(|_| Channel::bounded(BAG)).collect();
        let rings = pool.runtimes().iter().zip(&to_tasks);
        let tasks = rings.map(|(runtime, victims)| {
            let victims = victims.clone();
            runtime.spawn(on_a_ring(victims, random.fork()))
        });
        let tasks = tasks.collect();
        Self { to_threads, threads, to_tasks, tasks }
    }

    /// Gives a handle to any of them.
    pub(crate) fn give(&self, victim: Victim, random: &mut Random) {
        match self.to_tasks.get(random.below(self.to_tasks.len() * 2)) {
            Some(task) => assert!(task.send_blocking(victim).is_ok(), "the task receives"),
            None => assert!(self.to_threads.send(victim).is_ok(), "the threads receive"),
        }
    }

    /// Waits until all have been cancelled.
    pub(crate) fn finish(self) {
        drop(self.to_threads);
        for thread in self.threads {
            thread.join().expect("the cancelling thread does not panic");
        }
        for channel in &self.to_tasks {
            channel.close();
        }
        for task in self.tasks {
            task.wait().expect("the cancelling task does not panic");
        }
    }
}

/// Keeps some handles, so that each is cancelled after a while that cannot be foreseen.
#[derive(Default)]
struct Bag(Vec<Victim>);

impl Bag {
    /// Puts one in, and perhaps takes one out.
    fn exchange(&mut self, victim: Victim, random: &mut Random) -> Option<Victim> {
        self.0.push(victim);
        let is_full = self.0.len() == BAG;
        (is_full || random.below(3) > 0).then(|| {
            let chosen = random.below(self.0.len());
            self.0.swap_remove(chosen)
        })
    }
}

fn on_a_thread(victims: &Receiver<Victim>, mut random: Random) {
    let mut bag = Bag::default();
    for victim in victims {
        if let Some(victim) = bag.exchange(victim, &mut random) {
            wait_a_while(&mut random);
            cancel_from_a_thread(victim, &mut random);
        }
    }
    bag.0.into_iter().for_each(|victim| cancel_from_a_thread(victim, &mut random));
}

fn wait_a_while(random: &mut Random) {
    for _ in 0..random.below(4) {
        std::thread::yield_now();
    }
    for _ in 0..random.below(500) {
        std::hint::spin_loop();
    }
}

fn cancel_from_a_thread(victim: Victim, random: &mut Random) {
    match random.below(4) {
        0 => drop(victim),
        1 => drop(victim.task.cancel()),
        2 => {
            let mut cancel = pin!(victim.task.cancel());
            let _ = cancel.as_mut().poll(&mut std::task::Context::from_waker(&counting_waker().0));
        }
        _ => {
            futures::executor::block_on(victim.task.cancel());
            assert_eq!(victim.gone.get(), 1, "the cancel has been waited for");
        }
    }
}

async fn on_a_ring(victims: Channel<Victim>, mut random: Random) {
    let mut bag = Bag::default();
    while let Ok(victim) = victims.recv().await {
        if let Some(victim) = bag.exchange(victim, &mut random) {
            for _ in 0..random.below(3) {
                yield_now().await;
            }
            cancel_from_a_ring(victim, &mut bag, &mut random).await;
        }
    }
    for victim in bag.0 {
        gone_after_cancel(victim).await;
    }
}

async fn gone_after_cancel(victim: Victim) {
    victim.task.cancel().await;
    assert_eq!(victim.gone.get(), 1, "the cancel has been waited for");
}

async fn cancel_from_a_ring(victim: Victim, bag: &mut Bag, random: &mut Random) {
    let a_while = Duration::from_micros(random.below(50) as u64);
    match random.below(6) {
        0 => drop(victim),
        1 => drop(victim.task.cancel()),
        2 => drop(timeout(a_while, victim.task.cancel()).await),
        3 => {
            let mut task = victim.task;
            if timeout(a_while, &mut task).await.is_err() {
                task.cancel().await;
            }
            assert_eq!(victim.gone.get(), 1, "it has ended, or its cancel was waited for");
        }
        4 if !bag.0.is_empty() => {
            let other = bag.0.swap_remove(0);
            futures::join!(gone_after_cancel(victim), gone_after_cancel(other));
        }
        _ => gone_after_cancel(victim).await,
    }
}
