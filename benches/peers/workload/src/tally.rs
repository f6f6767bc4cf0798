//! Counts tasks that have run, for a thread that waits for all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;

/// What the tasks of a storm share with the thread that has made it.
#[derive(Debug)]
pub struct Tally {
    /// How many have still to run. It is never zero while a storm is being made: the thread that
    /// makes it is one of them until it waits.
    left: AtomicU64,
    waiting: Thread,
}

impl Tally {
    /// One for which the calling thread will wait.
    pub fn new() -> Self {
        Self { left: AtomicU64::new(1), waiting: std::thread::current() }
    }

    /// So many more tasks are to run.
    pub fn expect(&self, tasks: u64) {
        self.left.fetch_add(tasks, Ordering::Relaxed);
    }

    /// A task has run.
    pub fn add(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.waiting.unpark();
        }
    }

    /// Waits, asleep, until all have run; to be called by the thread that has made the tally.
    pub fn wait(&self) {
        self.add();
        while self.left.load(Ordering::Acquire) != 0 {
            std::thread::park();
        }
        self.left.store(1, Ordering::Relaxed);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}
