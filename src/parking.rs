//! How a plain thread waits: it parks until its waker is woken.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Panics on the thread of a ring, and says that `instead` is to be used there.
#[track_caller]
pub(crate) fn assert_may_block(instead: &str) {
    assert!(
        !is_on_a_ring(),
        "a thread of a ring must not block, since every task there would stop: \
         await `{instead}`, or call this from `spawn_blocking`"
    );
}

#[cfg(not(ringpool_loom))]
fn is_on_a_ring() -> bool {
    !crate::context::here().is_null()
}

/// The models have no rings.
#[cfg(ringpool_loom)]
fn is_on_a_ring() -> bool {
    false
}

/// Polls until it is ready or the deadline is over, and parks the thread in between.
pub(crate) fn park_until<R>(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&Waker) -> Poll<R>,
) -> Option<R> {
    let parker = Parker::of_this_thread();
    loop {
        if let Poll::Ready(result) = poll(&parker.waker) {
            return Some(result);
        }
        if !parker.park(deadline) {
            return None;
        }
    }
}

/// Lets a thread sleep until its waker is woken. Each thread keeps one for its next wait; it is
/// taken out while in use, so that a wait inside a wait cannot swallow the wake of the outer one.
struct Parker {
    signal: Arc<Signal>,
    waker: Waker,
}

struct Signal {
    thread: Thread,
    woken: AtomicBool,
}

thread_local! {
    static IDLE_PARKER: Cell<Option<Parker>> = const { Cell::new(None) };
}

impl Parker {
    fn of_this_thread() -> InUse {
        let kept = IDLE_PARKER.try_with(Cell::take).ok().flatten();
        InUse(Some(kept.unwrap_or_else(Self::new)))
    }

    fn new() -> Self {
        let signal = Arc::new(Signal { thread: thread::current(), woken: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&signal)), signal }
    }

    /// Sleeps until woken; `false` if the deadline came first.
    fn park(&self, deadline: Option<Instant>) -> bool {
        // Ordering: Acquire, with the Release in `wake_by_ref`.
        while !self.signal.woken.swap(false, Ordering::Acquire) {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return false,
                Some(left) => thread::park_timeout(left),
            }
        }
        true
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: Release, with the Acquire in `park`. Only the first wake has to unpark.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// A parker in use; goes back to its thread when dropped.
struct InUse(Option<Parker>);

impl std::ops::Deref for InUse {
    type Target = Parker;

    fn deref(&self) -> &Parker {
        self.0.as_ref().expect("a parker is given back only by drop")
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let parker = self.0.take();
        // A thread that is ending has no place to keep it; then it is dropped.
        let _ = IDLE_PARKER.try_with(|idle| idle.set(parker));
    }
}
