//! Tasks that compute for a known number of steps, so that their work is the same however often
//! they are interrupted; and two plain threads that do it, which no runtime can undercut.

use std::hint::black_box;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use crate::common::measure::{Cost, Stopwatch, thread_cpu};
use crate::common::runtimes::{cores, pin};

/// Tasks that all compute for 200 µs.
pub(crate) static EVEN: LazyLock<Load> = LazyLock::new(|| Load::new(256, |_| 200));
/// Short tasks among which are long ones.
pub(crate) static UNEVEN: LazyLock<Load> =
    LazyLock::new(|| Load::new(512, |task| if task % 16 == 7 { 2_000 } else { 20 }));
/// Few and short ones.
pub(crate) static SHORT: LazyLock<Load> = LazyLock::new(|| Load::new(64, |_| 20));

/// Does so many steps, each of which needs the one before.
pub(crate) fn compute(steps: u64, seed: u64) -> u64 {
    let mut state = seed;
    for step in 0..steps {
        state = (state ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
    black_box(state)
}

/// As many steps as take about so long on this machine; asked once.
pub(crate) fn steps_in(time: Duration) -> u64 {
    const STEPS: u64 = 200_000;
    static TAKES: OnceLock<Duration> = OnceLock::new();
    let measure = |_| {
        let cpu = thread_cpu();
        compute(STEPS, 1);
        thread_cpu() - cpu
    };
    // The shortest one: in the others was something else.
    let takes = TAKES.get_or_init(|| (0..20).map(measure).min().expect("there are some"));
    STEPS * time.as_nanos() as u64 / takes.as_nanos() as u64
}

/// Tasks that each compute for some time.
pub(crate) struct Load {
    steps: Vec<u64>,
    sum: u64,
}

impl Load {
    fn new(tasks: u64, micros_of: fn(u64) -> u64) -> Self {
        let steps = |task| steps_in(Duration::from_micros(micros_of(task)));
        let load = Self { steps: (0..tasks).map(steps).collect(), sum: 0 };
        let sum = load.tasks().map(|task| load.run(task)).fold(0, u64::wrapping_add);
        Self { sum, ..load }
    }

    pub(crate) fn tasks(&self) -> Range<usize> {
        0..self.steps.len()
    }

    /// What a task does; the results of all are to be added.
    pub(crate) fn run(&self, task: usize) -> u64 {
        compute(self.steps[task], task as u64)
    }

    /// Panics if that is not the sum of the results.
    pub(crate) fn check(&self, sum: u64) {
        assert_eq!(sum, self.sum, "a task did not run, or twice");
    }
}

/// Two threads, half of the tasks each.
pub(crate) fn halves(load: &Load, iterations: u64) -> Cost {
    let half = load.tasks().len() / 2;
    let share_of = |thread| thread * half..(thread + 1) * half;
    on_two_threads(load, iterations, |thread, _| {
        share_of(thread).map(|task| load.run(task)).fold(0, u64::wrapping_add)
    })
}

/// Two threads that each take the next task whenever they are done with one.
pub(crate) fn in_turn(load: &Load, iterations: u64) -> Cost {
    on_two_threads(load, iterations, |_, counter| {
        let next = || Some(counter.fetch_add(1, Ordering::Relaxed) as usize);
        let tasks = std::iter::from_fn(next).take_while(|task| load.tasks().contains(task));
        tasks.map(|task| load.run(task)).fold(0, u64::wrapping_add)
    })
}

/// Has two threads do all tasks again and again; they wait awake for each other. `share` is told
/// which of the two it is, and gives the sum of what it did.
fn on_two_threads(
    load: &Load,
    iterations: u64,
    share: impl Fn(usize, &AtomicU64) -> u64 + Sync,
) -> Cost {
    cores();
    let [begun, done, sum, counter] = [const { AtomicU64::new(0) }; 4];
    let turns = 1..=1 + iterations;
    let second = || {
        pin(1);
        for turn in turns.clone() {
            wait_for(&begun, turn);
            sum.store(share(1, &counter), Ordering::Relaxed);
            done.store(turn, Ordering::Release);
        }
    };
    let first = || {
        pin(0);
        let mut watch = Stopwatch::start();
        for turn in turns.clone() {
            if turn == 2 {
                // The first one was to warm up.
                watch = Stopwatch::start();
            }
            counter.store(0, Ordering::Relaxed);
            begun.store(turn, Ordering::Release);
            let own = share(0, &counter);
            wait_for(&done, turn);
            load.check(own.wrapping_add(sum.load(Ordering::Relaxed)));
        }
        watch.stop()
    };
    thread::scope(|scope| {
        scope.spawn(second);
        scope.spawn(first).join().expect("the sums are right")
    })
}

fn wait_for(word: &AtomicU64, turn: u64) {
    while word.load(Ordering::Acquire) < turn {
        // Whoever is waited for may need this very processor.
        thread::yield_now();
    }
}
