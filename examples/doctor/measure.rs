//! What wakes cost here, measured on pools of two rings.

use std::hint::{black_box, spin_loop};
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ringpool::{Doorbell, DoorbellKind, Pool, Runtime, op, spawn_on, yield_now};

use crate::eventfd;
use crate::findings::{Cost, Work};

/// How long a thread computes before it wakes a ring that shall have fallen asleep for certain.
const PAUSE: Duration = Duration::from_micros(30);
/// Who is to be found awake gets so long to learn that looking on pays.
const WARM_UP: Duration = Duration::from_millis(5);
/// All of it takes a second or two; a machine where it takes so long has a defect.
const LIMIT: Duration = Duration::from_secs(60);

/// How often each is measured, and how long each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 7, round: Duration::from_millis(30) };
    pub(crate) const QUICK: Self = Self { rounds: 3, round: Duration::from_millis(5) };
}

/// Measures what can be measured; says as well whether it came to the end.
pub(crate) fn measure(effort: Effort) -> (Vec<Cost>, bool) {
    let (sender, receiver) = channel();
    let deadline = Instant::now() + LIMIT;
    // On a thread of its own, so that a wake that is lost is seen instead of waited for.
    let measuring = std::thread::Builder::new().spawn(move || measure_all(effort, &sender));
    let mut costs = Vec::new();
    if measuring.is_err() {
        return (costs, false);
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(cost) => costs.push(cost),
            Err(error) => return (costs, error == RecvTimeoutError::Disconnected),
        }
    }
}

/// What fails is left out: why, the findings about pools tell.
fn measure_all(effort: Effort, costs: &Sender<Cost>) {
    let report = |cost| {
        // Nobody listens any more if it took too long.
        let _ = costs.send(cost);
    };
    if let Ok(cost) = eventfd_write(effort) {
        report(cost);
    }
    for doorbell in [Doorbell::MsgRing, Doorbell::EventFd] {
        if let Ok(cost) = spawn_on_other_ring(effort, doorbell, Work::SpawnOnAsleep) {
            report(cost);
        }
        if let Ok(cost) = spawn_on_other_ring(effort, doorbell, Work::SpawnOnWarm) {
            report(cost);
        }
    }
    let _ = on_one_ring(effort).map(|costs| costs.map(report));
}

fn eventfd_write(effort: Effort) -> io::Result<Cost> {
    let file = eventfd::new()?;
    let one = 1u64.to_ne_bytes();
    let rounds = (0..effort.rounds).map(|_| {
        timed(effort.round, || {
            for _ in 0..100 {
                let _ = black_box((&file).write(&one));
            }
            100
        })
    });
    Ok(cost(Work::EventFdWrite, None, rounds.collect()))
}

/// Calls `some`, which says how many operations it has done, for a while; nanoseconds each.
fn timed(limit: Duration, mut some: impl FnMut() -> u64) -> f64 {
    let (started, mut count) = (Instant::now(), 0);
    loop {
        count += some();
        let spent = started.elapsed();
        if spent >= limit {
            return spent.as_nanos() as f64 / count as f64;
        }
    }
}

/// Spawns a task on the other ring and awaits it: a wake there, and one back.
fn spawn_on_other_ring(effort: Effort, doorbell: Doorbell, work: Work) -> io::Result<Cost> {
    let is_asleep = work == Work::SpawnOnAsleep;
    let mut builder = Pool::builder().threads(2).doorbell(doorbell).thread_name("doctor");
    if is_asleep {
        builder = builder.spin_before_sleep(Duration::ZERO);
    }
    let pool = builder.build()?;
    let there = pool.runtime(1);
    let (pause, batch) = if is_asleep { (PAUSE, 1) } else { (Duration::ZERO, 50) };
    let rounds = pool.block_on(async {
        let operation = Operation::SpawnOn(there);
        operation.repeat(WARM_UP, pause, batch).await;
        operation.rounds(effort, pause, batch).await
    });
    let kind = match doorbell {
        Doorbell::EventFd => DoorbellKind::EventFd,
        _ => DoorbellKind::RingMessage,
    };
    Ok(cost(work, Some(kind), rounds))
}

/// What needs no other ring.
fn on_one_ring(effort: Effort) -> io::Result<[Cost; 2]> {
    let pool = Pool::builder().threads(1).thread_name("doctor").build()?;
    Ok(pool.block_on(async {
        let nops = Operation::Nop.rounds(effort, Duration::ZERO, 50).await;
        let yields = Operation::Yield.rounds(effort, Duration::ZERO, 1000).await;
        [cost(Work::Nop, None, nops), cost(Work::Yield, None, yields)]
    }))
}

/// What a task does again and again.
enum Operation {
    SpawnOn(Runtime),
    Nop,
    Yield,
}

impl Operation {
    async fn once(&self) {
        match self {
            Self::SpawnOn(ring) => drop(black_box(spawn_on(ring, async { 1u64 }).await)),
            Self::Nop => drop(black_box(op::nop().await)),
            Self::Yield => yield_now().await,
        }
    }

    async fn rounds(&self, effort: Effort, pause: Duration, batch: u32) -> Vec<f64> {
        let mut rounds = Vec::new();
        for _ in 0..effort.rounds {
            rounds.push(self.repeat(effort.round, pause, batch).await);
        }
        rounds
    }

    /// Does it in batches for a while, each after a pause that is not counted; nanoseconds each.
    async fn repeat(&self, limit: Duration, pause: Duration, batch: u32) -> f64 {
        let begun = Instant::now();
        let (mut spent, mut count) = (Duration::ZERO, 0);
        while begun.elapsed() < limit || count == 0 {
            compute(pause);
            let started = Instant::now();
            for _ in 0..batch {
                self.once().await;
            }
            spent += started.elapsed();
            count += batch;
        }
        spent.as_nanos() as f64 / f64::from(count)
    }
}

fn compute(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        spin_loop();
    }
}

fn cost(work: Work, doorbell: Option<DoorbellKind>, mut rounds: Vec<f64>) -> Cost {
    rounds.sort_by(f64::total_cmp);
    let (least_ns, most_ns) = (rounds[0], rounds[rounds.len() - 1]);
    Cost { work, doorbell, median_ns: rounds[rounds.len() / 2], least_ns, most_ns }
}
