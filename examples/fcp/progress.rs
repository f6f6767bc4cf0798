//! What has been found and copied so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that any thread adds to and any reads.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) found_files: Counter,
    pub(crate) found_bytes: Counter,
    pub(crate) files: Counter,
    /// Holes that were left out included.
    pub(crate) bytes: Counter,
}
