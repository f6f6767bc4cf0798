//! An allocator that counts: what a test program has on the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what is allocated and not freed, and how often something was allocated.
pub(crate) struct Counted(AtomicUsize, AtomicUsize);

impl Counted {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0), AtomicUsize::new(0))
    }

    pub(crate) fn allocated(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    #[allow(dead_code, reason = "not every program that counts asks for it")]
    pub(crate) fn allocations(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    // SAFETY: the caller's promises are passed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(layout.size(), Ordering::SeqCst);
        self.1.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the caller's promises are passed on.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.0.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }
}
