//! What the handles of one channel share: the ring, the lock, and the counts of handles.
//!
//! What sending and receiving handles do with it is in `sending` and `receiving`. All wakes and all
//! drops of user values happen in these files, after the lock has been let go.

use std::fmt;
use std::task::{Poll, Waker};

use super::ring::Ring;
use super::state::State;
use crate::line::{Key, Line, poll_behind};
use crate::primitives::atomic::AtomicUsize;
use crate::primitives::{Mutex, lock};

pub(super) struct Shared<T> {
    pub(super) ring: Ring<T>,
    pub(super) state: Mutex<State<T>>,
    /// Handles that can send, and handles that can receive; a `Channel` counts as both.
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// `usize::MAX` if there is no limit.
    capacity: usize,
}

/// How many bytes of items, about, an unbounded channel holds for whom no lock is needed.
const UNBOUNDED_BYTES: usize = 4 << 10;

impl<T> Shared<T> {
    pub(super) fn bounded(capacity: usize) -> Self {
        Self::new(capacity, Some(capacity))
    }

    pub(super) fn unbounded() -> Self {
        let places = UNBOUNDED_BYTES / (size_of::<T>() + size_of::<usize>());
        Self::new(if cfg!(ringpool_loom) { 1 } else { places.max(16) }, None)
    }

    /// One handle for each end exists already.
    fn new(places: usize, capacity: Option<usize>) -> Self {
        Self {
            ring: Ring::new(places),
            state: Mutex::new(State::new(places, capacity.is_some())),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            capacity: capacity.unwrap_or(usize::MAX),
        }
    }

    pub(super) fn close(&self) {
        let woken = lock(&self.state).close(&self.ring);
        woken.wake();
    }

    pub(super) fn len(&self) -> usize {
        if !self.ring.is_guarded() {
            return self.ring.len();
        }
        lock(&self.state).len(&self.ring)
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether all places have an item or are reserved; with capacity 0 that is always so.
    pub(super) fn is_full(&self) -> bool {
        if !self.ring.is_guarded() {
            return self.ring.len() >= self.capacity;
        }
        let state = lock(&self.state);
        state.len(&self.ring).saturating_add(state.reserved) >= self.capacity
    }

    pub(super) fn is_closed(&self) -> bool {
        self.ring.are_senders_guarded() && lock(&self.state).is_closed()
    }

    /// The `Debug` of every handle.
    pub(super) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }

    /// One poll of who is in line.
    pub(super) fn poll_line<W, D>(
        &self,
        line: impl Fn(&mut State<T>) -> &mut Line<W, D>,
        key: Key,
        waker: &Waker,
    ) -> Poll<D> {
        poll_behind(&self.state, line, key, waker)
    }
}
