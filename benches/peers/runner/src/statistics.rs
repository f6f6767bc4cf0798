//! What the turns of one contender took, for each operation.

/// The turns of one contender; every list has a value a turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    pub(crate) wall_ns: Vec<f64>,
    pub(crate) cpu_ns: Vec<f64>,
    /// Latencies, where a client takes them.
    pub(crate) p50_ns: Vec<f64>,
    pub(crate) p99_ns: Vec<f64>,
    /// Memory, where that is the question.
    pub(crate) bytes: Vec<f64>,
    /// Iterations that fill a turn; found out in the first one.
    pub(crate) count: Option<u64>,
    pub(crate) syscalls: Option<f64>,
    pub(crate) allocations: Option<f64>,
    /// Why there are no more turns.
    pub(crate) failure: Option<String>,
}

impl Turns {
    /// Notes what went wrong, if something did.
    pub(crate) fn note<T>(
        &mut self,
        who: &str,
        what: &str,
        result: Result<T, String>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(why) => {
                let why = why.trim();
                self.failure.get_or_insert_with(|| format!("{what}, {who}: {why}"));
                None
            }
        }
    }
}

/// The middle one, and what lies around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        Some(Self { least, median: sorted[sorted.len() / 2], most })
    }
}
