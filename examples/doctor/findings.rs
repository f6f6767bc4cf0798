//! What was found on a machine: plain values, so that advice can be tested with made-up ones.

use ringpool::DoorbellKind;

/// Everything that was found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) kernel: Kernel,
    /// How rings are made; none where none can be.
    pub(crate) ring: Option<Ring>,
    pub(crate) pool: PoolFound,
    pub(crate) limits: Limits,
    pub(crate) processors: Processors,
    pub(crate) costs: Vec<Cost>,
    /// Whether the measuring came to its end in time.
    pub(crate) measured_all: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) release: String,
    /// Or why no ring can be made: the reason, "; ", and the remedy.
    pub(crate) io_uring: Result<(), String>,
    /// `kernel.io_uring_disabled`, where the kernel has it.
    pub(crate) io_uring_disabled: Option<u8>,
    pub(crate) seccomp_filter: bool,
    pub(crate) features: Vec<Feature>,
    pub(crate) operations_supported: usize,
    /// Each with the Linux that brought it.
    pub(crate) operations_missing: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) since: &'static str,
    pub(crate) available: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) flags: Vec<&'static str>,
    pub(crate) submission_entries: u32,
    pub(crate) completion_entries: u32,
    pub(crate) memory_bytes: u64,
    /// What the kernel could do; a pool need not.
    pub(crate) best_doorbells: Doorbells,
}

/// How a ring's thread is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doorbells {
    pub(crate) from_rings: DoorbellKind,
    pub(crate) from_threads: DoorbellKind,
}

/// A pool as a program would make it.
#[derive(Clone, Debug)]
pub(crate) struct PoolFound {
    /// How many threads and rings it was to have.
    pub(crate) threads: usize,
    /// How its rings wake each other, or why it could not be made.
    pub(crate) outcome: Result<Doorbells, String>,
    /// What the variable `RINGPOOL_DOORBELL` says.
    pub(crate) forced_doorbell: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) memlock_bytes: Limit,
    /// Whether the process has `CAP_IPC_LOCK`, which lifts that limit.
    pub(crate) may_lock_any: bool,
    pub(crate) open_files: Limit,
    pub(crate) processes: Limit,
    /// Threads the kernel may start for each ring: for files, and for all else.
    pub(crate) io_workers: [u32; 2],
}

/// A limit and how far it may be raised without being root; the largest number stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Processors {
    pub(crate) online: usize,
    /// How many the affinity mask has, where that can be told.
    pub(crate) in_mask: Option<usize>,
    /// How many the cgroup's quota amounts to, if there is one.
    pub(crate) quota: Option<f64>,
    /// How many threads a pool takes if it is not told.
    pub(crate) default_threads: usize,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    SpawnOnAsleep,
    SpawnOnWarm,
    Nop,
    EventFdWrite,
    Yield,
}

/// What one operation took, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) work: Work,
    /// The doorbell of the pool's rings, where it matters.
    pub(crate) doorbell: Option<DoorbellKind>,
    pub(crate) median_ns: f64,
    pub(crate) least_ns: f64,
    pub(crate) most_ns: f64,
}

impl Findings {
    pub(crate) fn cost(&self, work: Work, doorbell: Option<DoorbellKind>) -> Option<&Cost> {
        self.costs.iter().find(|cost| cost.work == work && cost.doorbell == doorbell)
    }
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SpawnOnAsleep => "spawn_on and await, asleep",
            Self::SpawnOnWarm => "spawn_on and await, warm",
            Self::Nop => "nop on the ring",
            Self::EventFdWrite => "write to an eventfd",
            Self::Yield => "yield_now",
        }
    }
}
