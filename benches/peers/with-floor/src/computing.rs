//! Two plain threads that compute, which no runtime can undercut.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use workload::compute::{EVEN, Load, SHORT};
use workload::processors::{cores, pin};
use workload::{Cost, Job, Stopwatch};

/// How often a thread looks, before it lets others run.
const LOOKS: u32 = 10_000;

/// Short pieces of work, half of them on each thread.
pub(crate) fn fan(job: &Job) -> Cost {
    halves(&SHORT, 10, job.count)
}

/// Longer ones.
pub(crate) fn compute(job: &Job) -> Cost {
    halves(&EVEN, 1, job.count)
}

/// Has two threads do half of the work each, again and again; they wait awake for each other.
fn halves(load: &Load, warm_up: u64, count: u64) -> Cost {
    cores();
    let half = load.tasks().len() / 2;
    let share = |which: usize| {
        let tasks = which * half..(which + 1) * half;
        tasks.map(|task| load.run(task)).fold(0, u64::wrapping_add)
    };
    let [begun, done, sum] = [const { AtomicU64::new(0) }; 3];
    let turns = 1..=warm_up + count;
    let second = || {
        pin(1);
        for turn in turns.clone() {
            wait_for(&begun, turn);
            sum.store(share(1), Ordering::Relaxed);
            done.store(turn, Ordering::Release);
        }
    };
    let first = || {
        pin(0);
        let mut watch = Stopwatch::start();
        for turn in turns.clone() {
            if turn == warm_up + 1 {
                watch = Stopwatch::start();
            }
            begun.store(turn, Ordering::Release);
            let own = share(0);
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

/// Waits awake until the word is as large as `turn`.
fn wait_for(word: &AtomicU64, turn: u64) {
    let mut looks = 0;
    while word.load(Ordering::Acquire) < turn {
        looks += 1;
        if looks % LOOKS == 0 {
            // Whoever is waited for may need this very processor.
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}
