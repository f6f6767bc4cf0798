//! The counts of handles: the last one of an end closes the channel.

use super::shared::Shared;
use crate::primitives::atomic::{AtomicUsize, Ordering};
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

    /// Counts a sender more, if there is one still.
    pub(super) fn revive_sender(&self) -> bool {
        add_unless_none(&self.senders)
    }

    /// Counts a receiver more, if there is one still.
    pub(super) fn revive_receiver(&self) -> bool {
        add_unless_none(&self.receivers)
    }

    pub(super) fn sender_count(&self) -> usize {
        // Ordering: Relaxed, here and below: by the time it is read it may be another number.
        self.senders.load(Ordering::Relaxed)
    }

    pub(super) fn receiver_count(&self) -> usize {
        self.receivers.load(Ordering::Relaxed)
    }

    /// Counts a handle less; the last one closes the channel.
    pub(super) fn remove_sender(&self) {
        // Ordering: AcqRel, each decrement with the last one, so that whoever closes comes after
        // all that was sent; the lock taken by `close` would order that as well.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // A permit keeps its sender, so places still reserved were leaked: nobody will use
            // them, and no receiver has to wait for that.
            lock(&self.state).reserved = 0;
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

/// An end that has no handle any more is gone for good.
fn add_unless_none(count: &AtomicUsize) -> bool {
    // Ordering: Relaxed for all, since a count above 0 means that another handle is alive, as in
    // `add_sender`.
    let mut current = count.load(Ordering::Relaxed);
    while current != 0 {
        let changed =
            count.compare_exchange_weak(current, current + 1, Ordering::Relaxed, Ordering::Relaxed);
        match changed {
            Ok(_) => return true,
            Err(now) => current = now,
        }
    }
    false
}
