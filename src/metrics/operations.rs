//! Operations by family.

use super::counter::Counter;

/// What kind of thing an operation is about, by its code in io_uring.
///
/// Codes do not tell all: a read of a pipe is a `READ`, as that of a file is, and so counts as one
/// of [`Files`](Self::Files).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OperationFamily {
    /// Bytes of files and pipes: read, write, splice, sync, allocate, truncate.
    Files,
    /// Sockets: accept, connect, send, receive, and making them.
    Sockets,
    /// Timeouts of the kernel; [`time`](crate::time) needs no operations.
    Timeouts,
    /// Waiting until a descriptor is ready: poll and epoll.
    Polls,
    /// Names and what is known of them: open, rename, remove, link, directories, status, extended
    /// attributes.
    Names,
    /// All others: nothing, close, cancel, wait for processes and futexes, commands of drivers.
    Other,
}

impl OperationFamily {
    /// Every family.
    pub const ALL: [Self; 6] =
        [Self::Files, Self::Sockets, Self::Timeouts, Self::Polls, Self::Names, Self::Other];

    /// Its name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Sockets => "sockets",
            Self::Timeouts => "timeouts",
            Self::Polls => "polls",
            Self::Names => "names",
            Self::Other => "other",
        }
    }
}

/// How many operations of one family there were and are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationCounts {
    /// Handed to the kernel.
    pub started: u64,
    /// The last completion was reaped.
    pub completed: u64,
    /// The others: the kernel has them.
    pub in_flight: u64,
}

impl OperationCounts {
    fn plus(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            completed: self.completed + other.completed,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}

/// The operations of a ring, by family.
///
/// What rings ask the kernel for on their own account is not counted: bells, and requests to stop
/// an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operations {
    /// See [`OperationFamily::Files`].
    pub files: OperationCounts,
    /// See [`OperationFamily::Sockets`].
    pub sockets: OperationCounts,
    /// See [`OperationFamily::Timeouts`].
    pub timeouts: OperationCounts,
    /// See [`OperationFamily::Polls`].
    pub polls: OperationCounts,
    /// See [`OperationFamily::Names`].
    pub names: OperationCounts,
    /// See [`OperationFamily::Other`].
    pub other: OperationCounts,
}

impl Operations {
    /// Those of one family.
    pub fn of(&self, family: OperationFamily) -> OperationCounts {
        match family {
            OperationFamily::Files => self.files,
            OperationFamily::Sockets => self.sockets,
            OperationFamily::Timeouts => self.timeouts,
            OperationFamily::Polls => self.polls,
            OperationFamily::Names => self.names,
            OperationFamily::Other => self.other,
        }
    }

    /// Those of each family.
    pub fn iter(&self) -> impl Iterator<Item = (OperationFamily, OperationCounts)> {
        OperationFamily::ALL.into_iter().map(|family| (family, self.of(family)))
    }

    /// All of them.
    pub fn total(&self) -> OperationCounts {
        self.iter()
            .map(|(_, counts)| counts)
            .fold(OperationCounts::default(), OperationCounts::plus)
    }

    fn from_fn(mut counts: impl FnMut(OperationFamily) -> OperationCounts) -> Self {
        Self {
            files: counts(OperationFamily::Files),
            sockets: counts(OperationFamily::Sockets),
            timeouts: counts(OperationFamily::Timeouts),
            polls: counts(OperationFamily::Polls),
            names: counts(OperationFamily::Names),
            other: counts(OperationFamily::Other),
        }
    }

    /// Those of two rings.
    pub(super) fn plus(self, other: Self) -> Self {
        Self::from_fn(|family| self.of(family).plus(other.of(family)))
    }
}

/// What a ring counts of its operations: each twice in its life, so that what is in flight needs no
/// counting.
#[derive(Debug, Default)]
pub(crate) struct OperationCounters {
    started: [Counter; OperationFamily::ALL.len()],
    completed: [Counter; OperationFamily::ALL.len()],
}

impl OperationCounters {
    /// Its entry is about to be queued.
    #[inline]
    pub(crate) fn start(&self, family: OperationFamily) {
        self.started[family as usize].add(1);
    }

    /// Its last completion was reaped, and nobody has been told.
    #[inline]
    pub(crate) fn complete(&self, family: OperationFamily) {
        self.completed[family as usize].add(1);
    }

    pub(super) fn read(&self) -> Operations {
        Operations::from_fn(|family| {
            // Completed first: elsewhere, one that is started and completed in between counts as in
            // flight rather than as completed before it was started.
            let completed = self.completed[family as usize].get();
            let started = self.started[family as usize].get();
            OperationCounts { started, completed, in_flight: started.saturating_sub(completed) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_is_counted_by_itself() {
        let counters = OperationCounters::default();
        for (number, family) in OperationFamily::ALL.into_iter().enumerate() {
            (0..=number).for_each(|_| counters.start(family));
            counters.complete(family);
        }
        let operations = counters.read();
        for (number, (_, counts)) in operations.iter().enumerate() {
            let number = number as u64;
            let expected = OperationCounts { started: number + 1, completed: 1, in_flight: number };
            assert_eq!(counts, expected);
        }
        let total = OperationCounts { started: 21, completed: 6, in_flight: 15 };
        assert_eq!(operations.total(), total);
        assert_eq!(operations.plus(operations).total().started, 42);
    }
}
