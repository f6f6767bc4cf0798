//! One ring's knowledge of a set of registered buffers.

use std::io;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;

use super::AlignedBuf;
use super::arena::vector_of;
use crate::context;
use crate::inbox::Node;
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
        let is_home = std::ptr::eq(self.ring.mailbox, context::here());
        if is_home {
            return unregister(self.place);
        }
        let message = Message { node: Node::new(deliver_unregister), place: self.place };
        let message = NonNull::from(Box::leak(Box::new(message)));
        // SAFETY: a field of the message, whose address leads back to all of it.
        let node = unsafe { NonNull::new_unchecked(&raw mut (*message.as_ptr()).node) };
        // SAFETY: the message stays until it is delivered, and is sent once.
        if unsafe { self.ring.mailbox.send(node) }.is_err() {
            // The ring has stopped, and its table goes with it.
            // SAFETY: it was not sent, so it is ours.
            drop(unsafe { Box::from_raw(message.as_ptr()) });
        }
    }
}

/// Gives back a place of the calling thread's ring.
fn unregister(place: u16) {
    context::with(|local| {
        local.inspect(|local| local.ring.borrow_mut().unregister_memory(place));
    });
}

/// Asks a ring to unregister buffers.
#[repr(C)]
struct Message {
    node: Node,
    place: u16,
}

/// A message to unregister buffers came out of our inbox.
///
/// # Safety
///
/// As for every function given to `Node::new`: `node` is the node it was given for.
unsafe fn deliver_unregister(node: NonNull<Node>) {
    // SAFETY: this function is only ever given to the `node` of a message.
    let message = unsafe { node.byte_sub(offset_of!(Message, node)) }.cast::<Message>();
    // SAFETY: it was leaked to be sent, and comes out once.
    let message = unsafe { Box::from_raw(message.as_ptr()) };
    unregister(message.place);
}
