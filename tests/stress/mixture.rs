//! A random mixture of all that tasks can do to each other, on several rings, with every drop
//! counted.
//!
//! Shared by a test and by a program without the test harness, so it uses neither locks of the
//! standard library nor anything of the harness.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use ringpool::op::nop;
use ringpool::time::{sleep, timeout};
use ringpool::{Builder, Pool, Runtime, Task};
use ringpool::{spawn, spawn_blocking, spawn_local, spawn_on, switch_to, yield_now};

/// Numbers that look random and are the same for the same seed (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// Futures and outputs made and dropped, and what was seen that must not be.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    made: AtomicUsize,
    dropped: AtomicUsize,
    twice: AtomicUsize,
    steps: AtomicU64,
}

/// Counts its life; a second drop of the same one is seen.
struct Counted {
    tally: Arc<Tally>,
    is_gone: Cell<bool>,
}

impl Counted {
    fn new(tally: &Arc<Tally>) -> Self {
        tally.made.fetch_add(1, Ordering::Relaxed);
        Self { tally: tally.clone(), is_gone: Cell::new(false) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count =
            if self.is_gone.replace(true) { &self.tally.twice } else { &self.tally.dropped };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What every task of the mixture knows.
#[derive(Clone)]
struct World {
    runtimes: Arc<[Runtime]>,
    tally: Arc<Tally>,
    /// To plain threads, which wake or drop what they are given.
    wakers: Sender<Waker>,
    /// Handles that anybody may take, wait for, cancel or drop.
    handles: (Sender<Task<Counted>>, Receiver<Task<Counted>>),
    end: Instant,
}

impl World {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Goes to some ring; those of other pools may have stopped when the time is over.
    async fn travel(&self, dice: &mut Dice) {
        let to = dice.pick(&self.runtimes).clone();
        let moved = switch_to(&to).await;
        assert!(moved.is_ok() || self.is_over(), "{moved:?}");
    }

    /// Keeps a handle for others; one for which there is no room cancels its task.
    fn give(&self, task: Task<Counted>) {
        let _ = self.handles.0.try_send(task);
    }
}

/// Runs the mixture on `pools` with `rings` each for `time`; panics if anything is lost.
pub(crate) fn run(seed: u64, rings: usize, pools: usize, time: Duration) -> u64 {
    let dice = Dice::new(seed);
    let tally = Arc::new(Tally::default());
    let pools: Vec<Pool> = (0..pools).map(|_| builder(rings).build().expect("a pool")).collect();
    let runtimes = pools.iter().flat_map(|pool| pool.runtimes().to_vec()).collect();
    let (wakers, woken) = unbounded();
    let handles = bounded(64);
    let world =
        World { runtimes, tally: tally.clone(), wakers, handles, end: Instant::now() + time };
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (woken, dice) = (woken.clone(), Dice::new(seed ^ (number + 77)));
            scope.spawn(move || wake_from_outside(&woken, dice));
        }
        let roots: Vec<_> = (0..rings * 4)
            .map(|number| {
                let mut dice = dice.clone();
                dice.0 ^= (number as u64 + 1) << 20;
                dice.next();
                pools[number % pools.len()].spawn(branch(world.clone(), dice, 0))
            })
            .collect();
        for root in roots {
            // Others may have shut nothing down, and nobody else has the handle.
            root.wait().expect("a root task ends by itself");
        }
        // What was detached still runs, or is on its way: the pools end it.
        let left = world.handles.1.clone();
        drop((world, woken));
        drop(pools);
        left.try_iter().for_each(drop);
    });
    let (made, dropped) = (tally.made.load(Ordering::SeqCst), tally.dropped.load(Ordering::SeqCst));
    assert_eq!(tally.twice.load(Ordering::SeqCst), 0, "seed {seed}: something was dropped twice");
    assert_eq!(made, dropped, "seed {seed}: not all that was made was dropped");
    tally.steps.load(Ordering::SeqCst)
}

fn builder(rings: usize) -> Builder {
    Pool::builder()
        .threads(rings)
        .submission_entries(16)
        .completion_entries(64)
        .blocking_thread_limit(3)
        .blocking_keep_alive(Duration::from_millis(1))
}

fn wake_from_outside(woken: &Receiver<Waker>, mut dice: Dice) {
    let mut kept: Vec<Waker> = Vec::new();
    for waker in woken.iter() {
        match dice.below(4) {
            0 => waker.wake(),
            1 => waker.wake_by_ref(),
            2 => drop(waker),
            _ => kept.push(waker),
        }
        if kept.len() > 50 {
            kept.drain(..).for_each(Waker::wake);
        }
    }
}

/// Is ready after some polls, each of which is asked for by somebody else: the ring itself, a plain
/// thread, or a timer.
async fn woken_by_strangers(world: &World, polls: u64) {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        let _ = world.wakers.send(cx.waker().clone());
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// One task: steps of the mixture until the time is over.
fn branch(
    world: World,
    mut dice: Dice,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Counted> + Send>> {
    let counted = Counted::new(&world.tally);
    Box::pin(async move {
        let output = Counted::new(&world.tally);
        let _counted = counted;
        let steps = if depth == 0 { u64::MAX } else { dice.below(30) };
        for _ in 0..steps {
            if world.is_over() {
                break;
            }
            world.tally.steps.fetch_add(1, Ordering::Relaxed);
            step(&world, &mut dice, depth).await;
        }
        output
    })
}

async fn step(world: &World, dice: &mut Dice, depth: u32) {
    match dice.below(14) {
        0 => yield_now().await,
        1 => {
            let ended = nop().await;
            assert!(ended.is_ok() || world.is_over(), "{ended:?}");
        }
        2 => sleep(Duration::from_micros(dice.below(300))).await,
        3 | 4 => {
            world.travel(dice).await;
        }
        5 => woken_by_strangers(world, dice.below(5)).await,
        6 => in_flight(world, dice).await,
        7 => {
            let counted = Counted::new(&world.tally);
            let job = spawn_blocking(move || drop(counted));
            if dice.below(3) == 0 {
                return drop(job);
            }
            let ended = job.await;
            assert!(ended.is_ok() || world.is_over(), "{ended:?}");
        }
        8 if depth < 3 => {
            let local = local_branch(world.clone(), dice.next());
            spawn_local(local).detach();
        }
        9 | 10 if depth < 3 => birth(world, dice, depth).await,
        _ => treat_a_stranger(world, dice).await,
    }
}

/// Starts operations and timers, moves on, and waits for them there, drops or cancels them.
async fn in_flight(world: &World, dice: &mut Dice) {
    let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let (mut operation, mut timer) = (nop(), sleep(Duration::from_micros(dice.below(500))));
    let _ = Pin::new(&mut operation).poll(&mut Context::from_waker(&waker));
    let _ = Pin::new(&mut timer).poll(&mut Context::from_waker(&waker));
    if dice.below(2) == 0 {
        world.travel(dice).await;
    }
    match dice.below(4) {
        0 => drop((operation, timer)),
        1 => {
            let _ = operation.cancel().await;
            timer.await;
        }
        2 => {
            drop(timer);
            let _ = timeout(Duration::from_micros(50), operation).await;
        }
        _ => {
            let _ = futures::future::join(operation, timer).await;
        }
    }
}

fn local_branch(world: World, seed: u64) -> impl Future<Output = ()> {
    let here = std::rc::Rc::new(Counted::new(&world.tally));
    async move {
        let mut dice = Dice::new(seed);
        for _ in 0..dice.below(5) {
            let same = here.clone();
            woken_by_strangers(&world, 2).await;
            let _ = nop().await;
            drop(same);
        }
    }
}

async fn birth(world: &World, dice: &mut Dice, depth: u32) {
    let child = branch(world.clone(), Dice::new(dice.next()), depth + 1);
    let task = match dice.below(3) {
        0 => spawn(child),
        _ => spawn_on(dice.pick(&world.runtimes), child),
    };
    match dice.below(6) {
        0 => task.detach(),
        1 => drop(task),
        2 => {
            let _ = task.cancel().await;
        }
        3 => {
            let _ = task.await;
        }
        _ => world.give(task),
    }
}

async fn treat_a_stranger(world: &World, dice: &mut Dice) {
    let Ok(mut task) = world.handles.1.try_recv() else {
        return yield_now().await;
    };
    match dice.below(5) {
        0 => drop(task),
        1 => {
            let _ = task.cancel().await;
        }
        2 => drop(task.cancel()),
        3 => {
            // Waits for a while, and gives it back if that was not enough.
            let waits = timeout(Duration::from_micros(dice.below(200)), &mut task);
            if waits.await.is_err() {
                world.give(task);
            }
        }
        _ => {
            let _ = timeout(Duration::from_millis(1), task).await;
        }
    }
}
