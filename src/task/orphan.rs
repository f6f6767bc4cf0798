//! Operations that a task dropped while the kernel still had them.
//!
//! `task.cancel().await` promises that nothing of the task is left in the kernel. So an operation
//! that is dropped in flight during a poll, or while its task is being dropped, is counted on that
//! task until its last completion has been reaped; a cancelled task is complete only when the count
//! is back at zero.

use std::ptr::NonNull;

use super::header::{Header, Whereabouts};
use super::run;
use super::state::Release;
use crate::context::{self, Local};
use crate::mailbox::Mailbox;

/// A reference to the task that left an operation behind.
pub(crate) struct Orphan(NonNull<Header>);

// SAFETY: the header is `Sync`, and what is home's is touched only after asking whether we are
// home.
unsafe impl Send for Orphan {}

impl Orphan {
    /// Counts one more orphan of the task that runs on the calling thread now, if one does.
    pub(crate) fn of_current(local: &Local) -> Option<Self> {
        let task = local.current.get()?;
        // SAFETY: the current task is valid, and lives here.
        let header = unsafe { task.as_ref() };
        header.home.orphans.set(header.home.orphans.get() + 1);
        header.join.retain();
        Some(Self(task))
    }

    /// The operation is back. Gives the orphan back if the task lives elsewhere: the caller sends
    /// it on to the mailbox.
    pub(crate) fn settle(self, local: &Local) -> Result<(), (Self, &'static Mailbox)> {
        // SAFETY: the orphan has a reference.
        let header = unsafe { self.0.as_ref() };
        if !header.join.snapshot().is_complete() {
            match header.whereabouts(context::here()) {
                // SAFETY: it lives here, and `of_current` counted it.
                Whereabouts::Here => unsafe { run::orphan_returned(local, self.0) },
                // It will be here when the message comes round again, in the next turn.
                Whereabouts::OnItsWayHere => return Err((self, local.mailbox)),
                Whereabouts::At(mailbox) => return Err((self, mailbox)),
                Whereabouts::Nowhere => {}
            }
        }
        self.release();
        Ok(())
    }

    /// The ring that the task is on, or on its way to; `None` once it has ended.
    pub(super) fn whereabouts(&self) -> Option<&'static Mailbox> {
        // SAFETY: the orphan has a reference.
        let header = unsafe { self.0.as_ref() };
        if header.join.snapshot().is_complete() {
            return None;
        }
        match header.whereabouts(std::ptr::null()) {
            Whereabouts::At(mailbox) => Some(mailbox),
            _ => None,
        }
    }

    /// Whether the task lives on the ring of `mailbox`, which has closed and ends it; otherwise it
    /// was sent there in vain.
    pub(crate) fn is_lost_with(&self, mailbox: &'static Mailbox) -> bool {
        // SAFETY: the orphan has a reference.
        let header = unsafe { self.0.as_ref() };
        header.join.snapshot().is_complete() || header.is_here(mailbox)
    }

    /// Lets go of the task without telling it: its ring has stopped.
    pub(crate) fn release(self) {
        // SAFETY: the orphan has a reference, and gives it up here.
        let header = unsafe { self.0.as_ref() };
        if header.join.release() == Release::Free {
            // SAFETY: we were told to.
            unsafe { (header.vtable.free)(self.0) };
        }
    }
}
