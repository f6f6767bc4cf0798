//! One ring's knowledge of a set of registered buffers.

use std::io;
use std::sync::Arc;

use super::AlignedBuf;
use super::arena::vector_of;
use crate::context;
use crate::op::not_on_a_ring;
use crate::ring::Bank;
use crate::runtime::Shared;

/// A place in the table of one ring, in use.
///
/// Only the ring's own thread touches the table; a registration that is dropped elsewhere sends a
/// message.
pub(super) struct Registration {
    /// Keeps the identity of the ring from being reused.
    ring: Arc<Shared>,
    place: u16,
}

impl Registration {
    /// Registers `memory` on the calling thread's ring: from `bank`, if there is one and the kernel
    /// can do that, and else as new.
    ///
    /// # Safety
    ///
    /// `memory` is that of an [`Arena`](super::arena::Arena), of which operations name only the
    /// parts that they own.
    pub(super) unsafe fn here(memory: &AlignedBuf, bank: Option<&Bank>) -> io::Result<Self> {
        context::with(|local| {
            let local = local.ok_or_else(not_on_a_ring)?;
            let mut ring = local.ring.borrow_mut();
            // SAFETY: the caller's promise.
            let cloned = bank.and_then(|bank| unsafe { ring.clone_memory(bank) }.ok());
            let place = match cloned {
                Some(place) => place,
                // SAFETY: the caller's promise.
                None => unsafe { ring.register_memory(vector_of(memory)) }?,
            };
            Ok(Self { ring: local.shared.clone(), place })
        })
    }

    pub(super) fn is_on(&self, ring: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.ring, ring)
    }

    pub(super) fn place(&self) -> u16 {
        self.place
    }

    /// The ring's place in its pool.
    pub(super) fn ring(&self) -> usize {
        self.ring.index
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let place = self.place;
        // The table of a ring that has stopped is gone.
        self.ring
            .mailbox
            .run_at_home(move |local| local.ring.borrow_mut().unregister_memory(place));
    }
}
