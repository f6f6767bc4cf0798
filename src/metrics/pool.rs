//! What a whole pool has done.

use super::runtime::RuntimeMetrics;
use crate::pool::BlockingLoad;

/// What a pool has done since it started, and how things stand there; see
/// [`Pool::metrics`](crate::Pool::metrics), and [what adds up](crate::metrics#what-adds-up).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Its rings, in order.
    pub rings: Vec<RuntimeMetrics>,
    /// Its threads for blocking work.
    pub blocking: BlockingLoad,
}

impl PoolMetrics {
    pub(crate) fn new(rings: Vec<RuntimeMetrics>, blocking: BlockingLoad) -> Self {
        Self { rings, blocking }
    }

    /// The sum over all rings. Their times are added, too, so that its busy share is their mean.
    pub fn total(&self) -> RuntimeMetrics {
        self.rings.iter().copied().fold(RuntimeMetrics::default(), RuntimeMetrics::plus)
    }

    /// Tasks that were spawned on its rings, from anywhere.
    pub fn tasks_spawned(&self) -> u64 {
        let total = self.total();
        // Whoever left one ring arrived at another one; the others that arrived were new.
        (total.tasks_spawned + total.arrivals).saturating_sub(total.migrations)
    }

    /// Messages that were put into the inboxes of its rings, by rings and by other threads.
    pub fn messages_sent(&self) -> u64 {
        let total = self.total();
        total.messages_sent + total.messages_from_outside
    }

    /// Messages that its rings have taken from their inboxes.
    pub fn messages_received(&self) -> u64 {
        self.total().messages_received
    }

    /// Messages that woke a ring.
    pub fn doorbells_rung(&self) -> u64 {
        let total = self.total();
        total.doorbells_sent + total.doorbells_from_outside
    }

    /// Messages that found their ring awake, or woken already.
    pub fn doorbells_saved(&self) -> u64 {
        self.messages_sent().saturating_sub(self.doorbells_rung())
    }
}
