//! What completions mean.

use std::ptr::NonNull;

use io_uring::cqueue;

use crate::completion::Outcome;
use crate::context::Local;
use crate::mailbox::Mailbox;
use crate::op::cell::{self, CellHeader};
use crate::wakes::wake;

use super::operations::family_of;

/// What an entry's 64 bits of user data mean. Cells and mailboxes are aligned to 64 bytes and more,
/// so the low bits tell them apart.
#[derive(Clone, Copy)]
pub(crate) enum UserData {
    /// An operation.
    Cell(NonNull<CellHeader>),
    /// A message to this mailbox's ring; completes only if it failed.
    Doorbell(&'static Mailbox),
    /// A message from another ring: the bell. There is nothing to do but to be awake.
    Bell,
    /// The poll of our own eventfd.
    EventFd,
    /// The request to stop the operation of this cell, which may be gone; completes only if it
    /// failed.
    Cancel(NonNull<CellHeader>),
    /// Nobody is interested.
    Nobody,
}

const TAG_MASK: usize = 7;
const TAG_DOORBELL: usize = 1;
const BELL: usize = 2;
const EVENT_FD: usize = 3;
const NOBODY: usize = 4;
const TAG_CANCEL: usize = 5;

impl UserData {
    pub(crate) fn into_bits(self) -> u64 {
        let bits = match self {
            Self::Cell(cell) => cell.as_ptr().expose_provenance(),
            Self::Doorbell(mailbox) => {
                std::ptr::from_ref(mailbox).expose_provenance() | TAG_DOORBELL
            }
            Self::Bell => BELL,
            Self::EventFd => EVENT_FD,
            Self::Cancel(cell) => cell.as_ptr().expose_provenance() | TAG_CANCEL,
            Self::Nobody => NOBODY,
        };
        bits as u64
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        let bits = bits as usize;
        match bits & TAG_MASK {
            0 => NonNull::new(std::ptr::with_exposed_provenance_mut(bits))
                .map_or(Self::Nobody, Self::Cell),
            TAG_DOORBELL => {
                let mailbox = std::ptr::with_exposed_provenance(bits & !TAG_MASK);
                // SAFETY: only `into_bits` makes this tag, of a `&'static Mailbox`.
                Self::Doorbell(unsafe { &*mailbox })
            }
            BELL => Self::Bell,
            EVENT_FD => Self::EventFd,
            TAG_CANCEL => NonNull::new(std::ptr::with_exposed_provenance_mut(bits & !TAG_MASK))
                .map_or(Self::Nobody, Self::Cancel),
            _ => Self::Nobody,
        }
    }
}

/// A completion, copied out of the queue.
pub(crate) enum Reaped {
    /// The kernel is done with an operation.
    Operation(Done),
    /// A message to this mailbox's ring failed.
    DoorbellFailed(&'static Mailbox),
    /// Another ring, or a thread without one, has rung our bell.
    Bell,
    /// Somebody wrote to our eventfd; `more_follow` says whether it is still watched.
    EventFd { more_follow: bool },
    /// The kernel did not find an operation that it was to stop.
    CancelMissed(Missed),
    /// What nobody is interested in.
    Nothing,
}

impl Reaped {
    pub(super) fn new(entry: &cqueue::Entry) -> Self {
        let outcome = Outcome { result: entry.result(), flags: entry.flags() };
        match UserData::from_bits(entry.user_data()) {
            UserData::Cell(cell) => Self::Operation(Done { cell, outcome }),
            UserData::Doorbell(mailbox) if outcome.result < 0 => Self::DoorbellFailed(mailbox),
            UserData::Bell => Self::Bell,
            UserData::EventFd => Self::EventFd { more_follow: cqueue::more(outcome.flags) },
            UserData::Cancel(cell) if outcome.result == -libc::ENOENT => {
                Self::CancelMissed(Missed { cell, is_at_it: false })
            }
            UserData::Cancel(cell) if outcome.result == -libc::EALREADY => {
                Self::CancelMissed(Missed { cell, is_at_it: true })
            }
            UserData::Doorbell(_) | UserData::Cancel(_) | UserData::Nobody => Self::Nothing,
        }
    }

    /// An operation that was cancelled before it was submitted.
    pub(super) fn refused(cell: NonNull<CellHeader>) -> Self {
        Self::Operation(Done { cell, outcome: Outcome::not_begun() })
    }
}

/// An operation of which a completion came out of the calling thread's ring: proof that it may be
/// completed, if that was the last one.
#[must_use = "an operation that is not completed never wakes anybody"]
pub(crate) struct Done {
    cell: NonNull<CellHeader>,
    outcome: Outcome,
}

impl Done {
    /// Hands the completion to whoever waits. It runs user code: nothing of `local` may be
    /// borrowed.
    #[inline]
    pub(crate) fn complete(self, local: &Local) {
        // SAFETY: the kernel had the cell until now, on the ring where it was started, which is
        // this thread's.
        let waker = unsafe { cell::reaped(local, self.cell, self.outcome) };
        if !cqueue::more(self.outcome.flags) {
            // SAFETY: that was the last one, and the cell is still pending.
            unsafe { local.ring.borrow_mut().ended(self.cell) };
            // SAFETY: it has not been completed, so its cell is there.
            let opcode = unsafe { self.cell.as_ref() }.opcode();
            // Before anybody is told.
            local.counters().operations.complete(family_of(opcode));
            // SAFETY: as above, and the kernel has given the cell back, once.
            unsafe { cell::complete(local, self.cell, self.outcome) };
        }
        wake(waker);
    }
}

/// The cell, perhaps gone, of an operation that the kernel did not stop.
pub(crate) struct Missed {
    pub(super) cell: NonNull<CellHeader>,
    /// The kernel was doing it at that moment.
    pub(super) is_at_it: bool,
}
