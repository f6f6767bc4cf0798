//! What is counted on every ring, where a large file goes, and the table at the end.

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

    fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
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
    /// Large files that are being hashed here.
    large: Counter,
}

/// All rings of the pool.
pub(crate) struct Rings(Vec<Ring>);

impl Rings {
    pub(crate) fn new(pool: &Pool) -> Self {
        let ring = |runtime: &Runtime| Ring {
            runtime: runtime.clone(),
            files: Counter::default(),
            bytes: Counter::default(),
            large: Counter::default(),
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

    /// A place for a large file on the ring with the fewest; on this one, if others have as few.
    pub(crate) fn place_for_large(&self) -> LargePlace<'_> {
        let here = self.here().runtime.index();
        let load = |ring: &&Ring| (ring.large.get(), ring.runtime.index() != here);
        let ring = self.0.iter().min_by_key(load).expect("a pool has a ring");
        ring.large.add(1);
        LargePlace { ring, rings: self }
    }
}

/// A large file counted where it is; dropping it takes it off.
pub(crate) struct LargePlace<'a> {
    ring: &'a Ring,
    rings: &'a Rings,
}

impl LargePlace<'_> {
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.ring.runtime
    }

    /// Whether another ring would have fewer large files than this one even with this one's.
    pub(crate) fn is_crowded(&self) -> bool {
        let fewest = self.rings.0.iter().map(|ring| ring.large.get()).min().unwrap_or(0);
        self.ring.large.get() > fewest + 1
    }
}

impl Drop for LargePlace<'_> {
    fn drop(&mut self) {
        self.ring.large.subtract(1);
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
