//! Evening out the load between rings that share nothing.
//!
//! # Who gives what to whom
//!
//! A ring with more to do than it will have done soon lays the rest of its movable tasks out on its
//! *shelf* (`shelf.rs`), as one list. It goes on with what it keeps, and takes back from the shelf
//! when that is done. A ring with nothing to do, and for which the kernel has done nothing either,
//! looks at the shelves of the others before it waits, takes a whole list, keeps its share, and
//! lays the rest out on its own shelf, from where the next one takes it, the first owner included.
//! So nobody reaches into another's queue, a list changes hands in one step however long it is, and
//! only tasks that are about to be polled are taken in one by one.
//!
//! Who lays something out wakes one ring that sleeps, by a message to its inbox; that one wakes the
//! next if it leaves something over (`board.rs` says why none is overlooked). No ring is woken for
//! less than a wake costs: what a ring keeps is what it will have run in that time
//! (`policy.rs`). Nobody knows how long a task will take that was never polled, so it counts as
//! long as first polls took of late in this pool, and as long enough in a new one.
//!
//! So a task that computes for long has nothing movable behind it on its ring when it begins, but
//! what the estimates took for short; and of what it makes ready while it computes, one task.
//!
//! # What can go wrong
//!
//! * The estimates may be wrong. They rise at once and fall slowly, so that a ring errs by giving
//!   away what it could have run itself.
//! * A task is moved although what it has in flight stays: an operation that it waits for wakes it
//!   through the inbox, and its next one begins on its new ring.
//! * What is bound to a ring, such as a direct descriptor, is of no use elsewhere. Tasks that have
//!   such things are spawned with `spawn_on`, and stay.

pub(crate) mod board;
pub(crate) mod policy;
pub(crate) mod shelf;

/// Whether rings give tasks to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Tasks live where they were spawned until they switch.
    Manual,
    /// A ring that has more to do than it will have done soon gives tasks to rings that have
    /// nothing to do: such as were made by [`spawn`](crate::spawn) or
    /// [`Pool::spawn`](crate::Pool::spawn), and have not [switched](crate::switch_to) since.
    #[default]
    Shed,
}

#[cfg(not(ringpool_loom))]
impl Balance {
    /// Of a task that is spawned without saying where.
    pub(crate) fn mobility(self) -> crate::task::header::Mobility {
        use crate::task::header::Mobility;

        match self {
            Self::Manual => Mobility::Staying,
            Self::Shed => Mobility::Fresh,
        }
    }
}

#[cfg(all(test, ringpool_loom))]
mod giving_models;
