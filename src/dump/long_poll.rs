//! Polls that last, seen from outside.

use std::panic::Location;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::primitives::unpoisoned;
use crate::running::Seen;
use crate::runtime::Runtime;
use crate::task::{TaskId, name_of};

/// A poll of a task that lasts: as long as it does, nothing else happens on that ring.
///
/// Reported by a [watchdog](crate::Builder::watchdog), and found in a [dump](super::PoolDump).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LongPoll {
    /// The ring that it is on.
    pub ring: usize,
    /// The task that is polled, or dropped.
    pub task: TaskId,
    /// The task's name, if it has one.
    pub name: Option<String>,
    /// Where the task was spawned.
    pub spawned_at: &'static Location<'static>,
    /// How long it has lasted at least: the time since somebody looked first.
    pub lasted: Duration,
    /// Of all polls of the ring.
    pub(crate) serial: u64,
}

/// Which poll of a ring was seen last by anybody, and when first. Only those who look touch it.
#[derive(Debug, Default)]
pub(crate) struct FirstSeen(Mutex<Option<(u64, Instant)>>);

impl FirstSeen {
    /// When the poll was seen first, now if it was not.
    fn of(&self, serial: u64, now: Instant) -> Instant {
        let mut seen = unpoisoned(self.0.lock());
        match *seen {
            Some((last, since)) if last == serial => since,
            // Who looked before us may have seen a later one.
            Some((last, _)) if last > serial => now,
            _ => {
                *seen = Some((serial, now));
                now
            }
        }
    }
}

/// The poll that the ring is in, if it is in one.
pub(crate) fn long_poll(runtime: &Runtime) -> Option<LongPoll> {
    let shared = runtime.shared();
    let Seen::Poll(poll) = shared.running.look() else { return None };
    let now = Instant::now();
    let since = shared.first_seen.of(poll.serial, now);
    let task = TaskId::of(poll.task);
    Some(LongPoll {
        ring: shared.index,
        task,
        name: None,
        spawned_at: poll.spawned_at,
        lasted: now.saturating_duration_since(since),
        serial: poll.serial,
    })
}

impl LongPoll {
    /// With the task's name, if it is still there.
    pub(crate) fn with_name(mut self) -> Self {
        self.name = name_of(self.task).map(|name| String::from(&*name));
        self
    }
}
