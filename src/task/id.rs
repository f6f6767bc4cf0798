//! Numbers of tasks.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a task, unique in this process and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

/// Numbers a thread takes at once, so that threads that spawn do not share a cache line.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

impl TaskId {
    #[inline]
    pub(super) fn next() -> Self {
        let fresh_block = || {
            // Ordering: Relaxed: a counter.
            NEXT_BLOCK.fetch_add(1, Ordering::Relaxed) * BLOCK
        };
        let id = NEXT.try_with(|next| {
            let id = if next.get() % BLOCK == 0 { fresh_block() } else { next.get() };
            next.set(id + 1);
            id
        });
        // A thread that is being torn down takes a block for each.
        Self(id.unwrap_or_else(|_| fresh_block()))
    }

    /// The task with this number, which somebody has read elsewhere.
    pub(crate) fn of(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}
