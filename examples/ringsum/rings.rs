//! What is counted on every ring, and the table at the end.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::BinaryBytes;
use ringpool::{Pool, Runtime, current};

/// A number that any thread changes and any reads.
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

/// One ring, on a cache line of its own.
#[repr(align(64))]
pub(crate) struct Ring {
    runtime: Runtime,
    /// Files whose last byte was hashed here, or that failed here.
    pub(crate) files: Counter,
    /// Bytes hashed here.
    pub(crate) bytes: Counter,
}

/// All rings of the pool.
pub(crate) struct Rings(Vec<Ring>);

impl Rings {
    pub(crate) fn new(pool: &Pool) -> Self {
        let ring = |runtime: &Runtime| Ring {
            runtime: runtime.clone(),
            files: Counter::default(),
            bytes: Counter::default(),
        };
        Self(pool.runtimes().iter().map(ring).collect())
    }

    /// The ring that the calling task is on.
    pub(crate) fn here(&self) -> &Ring {
        let runtime = current().expect("called in tasks of the pool");
        &self.0[runtime.index()]
    }

    pub(crate) fn files(&self) -> u64 {
        self.0.iter().map(|ring| ring.files.get()).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|ring| ring.bytes.get()).sum()
    }
}

/// The table: a row a ring, and the sum.
pub(crate) struct Table<'a> {
    pub(crate) rings: &'a Rings,
    pub(crate) took: Duration,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>4} {:>9} {:>12} {:>9} {:>7} {:>9} {:>9} {:>10} {:>6}",
            "ring", "files", "bytes", "ops", "tasks", "messages", "doorbells", "migrations", "busy"
        )?;
        for ring in &self.rings.0 {
            let metrics = ring.runtime.metrics();
            writeln!(
                f,
                "{:>4} {:>9} {:>12} {:>9} {:>7} {:>9} {:>9} {:>10} {:>5.1}%",
                ring.runtime.index(),
                ring.files.get(),
                BinaryBytes(ring.bytes.get()).to_string(),
                metrics.operations_completed,
                metrics.tasks_finished,
                metrics.messages_sent,
                metrics.doorbells_sent,
                metrics.migrations,
                metrics.busy_share() * 100.0,
            )?;
        }
        let seconds = self.took.as_secs_f64();
        let (files, bytes) = (self.rings.files(), self.rings.bytes());
        let rate = BinaryBytes((bytes as f64 / seconds.max(f64::MIN_POSITIVE)) as u64);
        writeln!(f, "{files} files, {} in {seconds:.2} s, {rate}/s", BinaryBytes(bytes))
    }
}
