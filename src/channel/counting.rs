//! The counts of handles: the last one of an end closes the channel.

use super::shared::Shared;
use crate::primitives::atomic::Ordering;
use crate::primitives::lock;

impl<T> Shared<T> {
    pub(super) fn add_sender(&self) {
        // Ordering: Relaxed, since the new handle is made from one that keeps the count above 0.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_receiver(&self) {
        // Ordering: Relaxed, since the new handle is made from one that keeps the count above 0.
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handle less; the last one closes the channel.
    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel, each decrement with the last one, so that whoever closes comes after
        // all that was sent; the lock taken by `close` would order that as well.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// Counts a handle less; the last one closes the channel and drops what is left in it.
    pub(super) fn remove_receiver(&self) {
        // Ordering: AcqRel, as in `remove_sender`.
        if self.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
            let left = lock(&self.state).take_all(&self.ring);
            drop(left);
        }
    }
}
