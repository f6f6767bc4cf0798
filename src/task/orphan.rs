//! Operations that were dropped while the kernel still had them, and who is told of their return.
//!
//! `task.cancel().await` promises that nothing of the task is left in the kernel. So an operation
//! that is dropped in flight during a poll, or while its task is being dropped, is counted on that
//! task until its last completion has been reaped; a cancelled task is complete only when the count
//! is back at zero. If the code that dropped it waits for it as well, as a race does, it is counted
//! there too (`leavings.rs`), on threads without a ring as on others.

use std::ptr::NonNull;

use super::header::{Header, Whereabouts};
use super::state::Release;
use super::{leavings, run};
use crate::context::{self, Local};
use crate::foreign::shielded;
use crate::mailbox::Mailbox;
use crate::outstanding::Share;

/// Who is told: a reference to the task that left the operation behind; or, tagged with
/// [`COUNTED_TWICE`], a box with both. One word, since every cell has room for one.
pub(crate) struct Orphan(NonNull<Header>);

/// The code that left it waits for it, besides the task, if there is one.
struct Both {
    task: Option<Orphan>,
    share: Share,
}

/// Tag of the pointer to [`Both`]. Headers and boxes of words have even addresses.
const COUNTED_TWICE: usize = 1;

// SAFETY: the header is `Sync`, and what is home's is touched only after asking whether we are
// home; a share may change threads, and the box is ours.
unsafe impl Send for Orphan {}

impl Orphan {
    /// Counts one more orphan of the code that runs on the calling thread now: of its task, and of
    /// whoever collects what it leaves.
    pub(crate) fn of_current(local: Option<&Local>) -> Option<Self> {
        let task = local.and_then(Self::of_current_task);
        match leavings::share() {
            None => task,
            Some(share) => {
                let both = NonNull::from(Box::leak(Box::new(Both { task, share })));
                Some(Self(both.cast().map_addr(|address| address | COUNTED_TWICE)))
            }
        }
    }

    fn of_current_task(local: &Local) -> Option<Self> {
        let task = local.current.get()?;
        // SAFETY: the current task is valid, and lives here.
        let header = unsafe { task.as_ref() };
        header.home.orphans.set(header.home.orphans.get() + 1);
        header.join.retain();
        Some(Self(task))
    }

    /// The operation is back: tells whoever collects, and gives what is left to tell, the task.
    pub(crate) fn tell_collector(self) -> Option<Self> {
        if self.0.addr().get() & COUNTED_TWICE == 0 {
            return Some(self);
        }
        let both = self.0.as_ptr().map_addr(|address| address & !COUNTED_TWICE).cast::<Both>();
        // SAFETY: the tag says that it is a box that was leaked for this orphan, which we consume.
        let Both { task, share } = *unsafe { Box::from_raw(both) };
        // It wakes somebody, who may be anybody.
        let _ = shielded(|| drop(share));
        task
    }

    /// The operation is back. Gives the orphan back if the task lives elsewhere: the caller sends
    /// it on to the mailbox.
    pub(crate) fn settle(self, local: &Local) -> Result<(), (Self, &'static Mailbox)> {
        let Some(orphan) = self.tell_collector() else { return Ok(()) };
        // SAFETY: the orphan has a reference, and only the task is left to tell.
        let header = unsafe { orphan.0.as_ref() };
        if !header.join.snapshot().is_complete() {
            match header.whereabouts(context::here()) {
                // SAFETY: it lives here, and `of_current` counted it.
                Whereabouts::Here => unsafe { run::orphan_returned(local, orphan.0) },
                // It will be here when the message comes round again, in the next turn.
                Whereabouts::OnItsWayHere => return Err((orphan, local.mailbox)),
                Whereabouts::At(mailbox) => return Err((orphan, mailbox)),
                Whereabouts::Nowhere => {}
            }
        }
        orphan.release();
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
    /// was sent there in vain. For an orphan that [`settle`](Self::settle) gave back.
    pub(crate) fn is_lost_with(&self, mailbox: &'static Mailbox) -> bool {
        // SAFETY: the orphan has a reference, and only the task is left to tell.
        let header = unsafe { self.0.as_ref() };
        header.join.snapshot().is_complete() || header.is_here(mailbox)
    }

    /// Lets go of the task without telling it: its ring has stopped. For an orphan that
    /// [`settle`](Self::settle) gave back.
    pub(crate) fn release(self) {
        // SAFETY: the orphan has a reference, and gives it up here; only the task is left to tell.
        let header = unsafe { self.0.as_ref() };
        if header.join.release() == Release::Free {
            // SAFETY: we were told to.
            unsafe { (header.vtable.free)(self.0) };
        }
    }
}
