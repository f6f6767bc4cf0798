//! What the running task waits for: a note in its header, for people who look.
//!
//! A future that is `Pending` notes what it is; the note of the first one of a poll stands until
//! the task is polled again: a future with a limit is polled before its timer. A poll that is
//! called directly from an `await` also knows where that is, since a `poll` with `#[track_caller]`
//! is told so. Both are plain stores to memory of home.

use std::panic::Location;
use std::task::Poll;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// Operations that the kernel has.
    Operation = 1,
    /// A moment.
    Timer,
    /// Room in a channel, or an item out of one.
    Channel,
    /// A lock, a permit or a signal of [`sync`](crate::sync).
    Lock,
    /// The end of other tasks.
    Task,
}

impl Awaited {
    /// What has this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        let all = [Self::Operation, Self::Timer, Self::Channel, Self::Lock, Self::Task];
        all.into_iter().find(|what| *what as u8 == number)
    }
}

/// Notes that the running task waits for this, and where it does.
#[inline]
fn note(what: Awaited, place: &'static Location<'static>) {
    #[cfg(not(ringpool_loom))]
    crate::task::note_awaited(what, place);
    // The models have no tasks.
    #[cfg(ringpool_loom)]
    let _ = (what, place);
}

/// Notes it if `polled` is `Pending`; where, is where the caller was called from.
#[inline]
#[track_caller]
pub(crate) fn noted<T>(what: Awaited, polled: Poll<T>) -> Poll<T> {
    if polled.is_pending() {
        note(what, Location::caller());
    }
    polled
}

/// Whether a place is in this crate, where it tells nobody anything.
#[cfg(not(ringpool_loom))]
pub(crate) fn is_ours(place: &Location<'_>) -> bool {
    place.file().starts_with(file!().trim_end_matches("awaiting.rs"))
}
