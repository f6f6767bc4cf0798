//! A guess at whether what somebody wants is held on his own thread.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The thread of who took something last. He may have gone to another thread since: whoever asks
/// must be right with either answer.
pub(super) struct Taker(AtomicUsize);

/// A thread; no two that live at the same time are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Thread(usize);

const NOBODY: usize = 0;

thread_local! {
    static OF_THIS_THREAD: u8 = const { 0 };
}

impl Thread {
    #[inline]
    pub(super) fn this() -> Self {
        Self(OF_THIS_THREAD.with(|own| std::ptr::from_ref(own).addr()))
    }
}

impl Taker {
    pub(super) const fn nobody() -> Self {
        Self(AtomicUsize::new(NOBODY))
    }

    /// Somebody on `thread` has taken it.
    #[inline]
    pub(super) fn note(&self, thread: Thread) {
        // Ordering: Relaxed, here and below: a guess, behind which there is nothing to be seen.
        self.0.store(thread.0, Ordering::Relaxed);
    }

    /// It is about to be given back. Else who gave it back would take himself for its taker, until
    /// the next one has been noted.
    #[inline]
    pub(super) fn clear(&self) {
        // Ordering: Relaxed, as above.
        self.0.store(NOBODY, Ordering::Relaxed);
    }

    /// Whether the last who took it is on the calling thread, as far as is known. The models have
    /// threads that this cannot tell apart.
    pub(super) fn is_on_this_thread(&self) -> bool {
        // Ordering: Relaxed, as above.
        !cfg!(ringpool_loom) && self.0.load(Ordering::Relaxed) == Thread::this().0
    }
}
