//! Numbers that are written in passing and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread changes and all may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// The owner adds; a plain load and store, since nobody else writes.
    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    /// The owner takes away.
    pub(crate) fn subtract(&self, amount: u64) {
        self.add(amount.wrapping_neg());
    }

    /// The owner says how it is now.
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Anybody reads.
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that all threads may change, by a locked instruction.
#[derive(Debug, Default)]
pub(crate) struct SharedCounter(AtomicU64);

impl SharedCounter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// A new owner begins at zero.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Zero also if somebody takes away, after a reset, what had been added before it.
    pub(crate) fn get(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::Relaxed).cast_signed()).unwrap_or(0)
    }
}

/// How long a ring's thread has slept, in one word, so that whoever reads it never sees a sleep
/// that has ended as none: the sum while it is awake, and while it sleeps the time at which it
/// would have had to begin to have slept so long.
#[derive(Debug, Default)]
pub(crate) struct SleepCounter(Counter);

const ASLEEP: u64 = 1 << 63;

impl SleepCounter {
    /// The owner goes to sleep.
    pub(crate) fn begin(&self, now_ns: u64) {
        self.0.set(ASLEEP | now_ns.saturating_sub(self.0.get()));
    }

    /// The owner is awake again.
    pub(crate) fn end(&self, now_ns: u64) {
        self.0.set(self.at(now_ns));
    }

    /// Anybody reads; `now_ns` gives the time, and is asked only if the ring sleeps.
    pub(crate) fn get(&self, now_ns: impl FnOnce() -> u64) -> u64 {
        let word = self.0.get();
        if word & ASLEEP == 0 { word } else { now_ns().saturating_sub(word & !ASLEEP) }
    }

    fn at(&self, now_ns: u64) -> u64 {
        self.get(|| now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_add_up_and_one_under_way_counts() {
        let slept = SleepCounter::default();
        slept.begin(1_000);
        assert_eq!(slept.at(1_300), 300);
        slept.end(1_500);
        assert_eq!(slept.at(9_000), 500);
        slept.begin(2_000);
        assert_eq!(slept.at(2_000), 500);
        slept.end(2_100);
        assert_eq!(slept.get(|| unreachable!("it is awake")), 600);
    }

    #[test]
    fn what_is_taken_away_late_counts_as_nothing() {
        let counter = SharedCounter::default();
        counter.add(1);
        counter.reset();
        counter.subtract(1);
        assert_eq!(counter.get(), 0);
        counter.add(3);
        assert_eq!(counter.get(), 2);
    }
}
