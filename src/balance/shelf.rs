//! Where a ring lays out the tasks that it will not run soon: one atomic word, a list.
//!
//! Only its owner puts something there, and only when it is empty; anybody takes, and always all
//! of it. So there is no place for two to disagree about: whoever gets the list has all its tasks,
//! and they belong to nobody before.

use std::ptr::{self, NonNull};

use crate::primitives::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// The word, on a cache line of its own: others look at it.
#[repr(align(128))]
pub(crate) struct Shelf<T> {
    first: AtomicPtr<T>,
    /// How many lie there, or lay there last: only for those who ask for the load.
    count: AtomicUsize,
}

impl<T> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()), count: AtomicUsize::new(0) }
    }

    /// Whether there is nothing, as far as can be known without taking it.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed: a hint; `take` orders.
        self.first.load(Ordering::Relaxed).is_null()
    }

    /// About how many there are.
    pub(crate) fn len(&self) -> usize {
        // Ordering: Relaxed: a hint.
        if self.is_empty() { 0 } else { self.count.load(Ordering::Relaxed) }
    }

    /// Owner: puts the list that begins with `first` onto the empty shelf.
    pub(crate) fn put(&self, first: NonNull<T>, count: usize) {
        debug_assert!(self.is_empty(), "only the owner puts, and it has emptied the shelf");
        // Ordering: Relaxed: a hint.
        self.count.store(count, Ordering::Relaxed);
        // Ordering: Release, partner of the Acquire in `take`: who takes sees the tasks.
        #[cfg(not(ringpool_loom))]
        self.first.store(first.as_ptr(), Ordering::Release);
        // A swap that finds nothing follows at once on the step that emptied the shelf, so it comes
        // before this one in the order of the word, and a look that comes after this step never
        // finds it as it was before. Loom does not conclude that of a store.
        // Ordering: Release, as above.
        #[cfg(ringpool_loom)]
        self.first.swap(first.as_ptr(), Ordering::Release);
    }

    /// Anybody: takes the whole list.
    pub(crate) fn take(&self) -> Option<NonNull<T>> {
        if self.is_empty() {
            return None;
        }
        // Ordering: Acquire, partner of the Release in `put`.
        NonNull::new(self.first.swap(ptr::null_mut(), Ordering::Acquire))
    }
}
