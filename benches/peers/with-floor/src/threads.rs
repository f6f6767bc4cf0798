//! Plain threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};
use std::time::Duration;

use workload::processors::{cores, on_core, unpin};
use workload::rounds::repeat_calls;
use workload::{Cost, Job, Stopwatch};

const WARM_UP: u64 = 1_000;
const IDLE: Duration = Duration::from_millis(500);
/// What is put in the place of a turn when there are no more.
pub(crate) const NO_MORE: u64 = u64::MAX;

/// Has a thread that is parked do something, and parks until it has.
///
/// That is a call of a closure on a thread for blocking work, without the closure and its queue.
pub(crate) fn park(job: &Job) -> Cost {
    on_core(0, || park_here(job.count))
}

fn park_here(count: u64) -> Cost {
    let turn = Arc::new(AtomicU64::new(0));
    let (main, theirs) = (thread::current(), turn.clone());
    let (ready, begun) = both();
    let other = thread::spawn(move || {
        // It is for blocking work: the kernel may have it run on either processor.
        unpin();
        ready.wait();
        answer_parked(&theirs, &main);
    });
    begun.wait();
    let mut round = 0;
    let cost = repeat_calls(WARM_UP, count, || {
        turn.store(2 * round + 1, Ordering::Release);
        other.thread().unpark();
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            thread::park();
        }
        round += 1;
    });
    turn.store(NO_MORE, Ordering::Release);
    other.thread().unpark();
    other.join().expect("it ends");
    cost
}

/// Answers each odd turn with the even one after it.
fn answer_parked(turn: &AtomicU64, asker: &Thread) {
    loop {
        match turn.load(Ordering::Acquire) {
            NO_MORE => return,
            asked if asked % 2 == 1 => {
                turn.store(asked + 1, Ordering::Release);
                asker.unpark();
            }
            _ => thread::park(),
        }
    }
}

/// Where two threads meet before the clock starts: a new thread is first on its maker's processor.
pub(crate) fn both() -> (Arc<Barrier>, Arc<Barrier>) {
    let barrier = Arc::new(Barrier::new(2));
    (barrier.clone(), barrier)
}

/// Two threads have nothing to do.
pub(crate) fn idle(_job: &Job) -> Cost {
    cores();
    let (is_over, begun) = (AtomicBool::new(false), Barrier::new(3));
    thread::scope(|scope| {
        let sleepers = [0, 1].map(|which| {
            let (is_over, begun) = (&is_over, &begun);
            scope.spawn(move || {
                workload::processors::pin(which);
                begun.wait();
                while !is_over.load(Ordering::Relaxed) {
                    thread::park();
                }
            })
        });
        begun.wait();
        let watch = Stopwatch::start();
        thread::sleep(IDLE);
        let cost = watch.stop();
        is_over.store(true, Ordering::Relaxed);
        sleepers.iter().for_each(|sleeper| sleeper.thread().unpark());
        cost
    })
}
