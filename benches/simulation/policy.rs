//! What a ring decides when it evens out the load: pure functions, to be replaced by others.

use crate::bits::BitSet;

/// The decisions of a ring.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// How many ready tasks a ring keeps to itself, the next one included, if a poll takes so long
    /// on the average; `is_new` if one of them has never been polled, which may take any time.
    pub(crate) keep: fn(average_poll_ns: u64, is_new: bool) -> usize,
    /// Which of some rings to wake, or to take from.
    pub(crate) next_index: fn(own: usize, candidates: &BitSet) -> Option<usize>,
    /// How long a ring that finds nothing looks on before it sleeps.
    pub(crate) look_on_ns: u64,
    /// Whether what becomes ready goes behind what lies on the ring's shelf.
    pub(crate) in_line: bool,
}

/// What a ring can run soon.
const SOON_NS: u64 = 50_000;
const KEEP_MAX: u64 = 256;

impl Policy {
    /// What ringpool does, with the 50 µs that a pool looks on by default.
    pub(crate) const SHEDDING: Self = Self { keep, next_index, look_on_ns: 50_000, in_line: false };
    /// As a pool whose builder was told not to look on.
    pub(crate) const SLEEPING_AT_ONCE: Self = Self { look_on_ns: 0, ..Self::SHEDDING };
    /// Nothing overtakes what lies on a shelf.
    pub(crate) const IN_LINE: Self = Self { in_line: true, ..Self::SHEDDING };
    /// A new task is expected to take as long as the others.
    pub(crate) const TRUSTING: Self = Self { keep: keep_trusting, ..Self::SHEDDING };
}

fn keep(average_poll_ns: u64, is_new: bool) -> usize {
    if is_new {
        return 1;
    }
    (SOON_NS / average_poll_ns.max(1)).clamp(1, KEEP_MAX) as usize
}

/// Where nothing has been polled yet there is nothing to go by.
fn keep_trusting(average_poll_ns: u64, _: bool) -> usize {
    keep(average_poll_ns, average_poll_ns == 0)
}

/// The first one behind `own`, so that not all rings choose the same.
fn next_index(own: usize, candidates: &BitSet) -> Option<usize> {
    candidates.first_from(own + 1).or_else(|| candidates.first_from(0)).filter(|next| *next != own)
}
