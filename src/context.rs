//! What a ring's thread knows about itself: one pointer a thread.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Instant;

use crate::buf::provided::AwaitedPools;
use crate::dump::Looks;
use crate::mailbox::Mailbox;
use crate::metrics::Counters;
use crate::ring::Ring;
use crate::runtime::{Runtime, Shared};
use crate::task::header::Header;
use crate::task::queue::LiveTasks;
use crate::task::ready::Ready;
use crate::time::heap::TimerHeap;
use crate::time::moment::Moment;
use crate::time::since_start_ns;
use crate::trace::Tracer;

/// Everything that belongs to one ring's thread and is touched by no other.
///
/// No function that runs user code (a poll, a waker, a destructor) may hold a borrow of `ring` or
/// `timers`: user code comes back here for its own operations.
pub(crate) struct Local {
    pub(crate) mailbox: &'static Mailbox,
    pub(crate) shared: Arc<Shared>,
    /// All rings of the pool, by number; none where they do not give tasks to each other.
    pub(crate) peers: Arc<[Arc<Shared>]>,
    pub(crate) ready: Ready,
    pub(crate) live: LiveTasks,
    pub(crate) ring: RefCell<Ring>,
    pub(crate) timers: RefCell<TimerHeap>,
    /// The task being polled, or being dropped.
    pub(crate) current: Cell<Option<NonNull<Header>>>,
    /// The task that was polled last wants messages, timers and completions to have their turn.
    pub(crate) ends_turn: Cell<bool>,
    /// Until when this ring does not sleep without having looked at the shelves of the others once
    /// more; see `Board::give`.
    pub(crate) look_again_ns: Cell<u64>,
    /// Where that task wants to go once its poll returns. The handle keeps the mailbox from
    /// becoming that of another ring meanwhile.
    pub(crate) destination: Cell<Option<Runtime>>,
    /// The time, as of some turns ago at most; see `time/moment.rs`.
    pub(crate) now: Cell<Moment>,
    /// Pools of buffers that somebody waits for.
    pub(crate) awaited_pools: AwaitedPools,
    /// Who is looking at the pool's tasks.
    pub(crate) looks: Looks,
    /// The ring takes no new work: what arrives is cancelled.
    pub(crate) stopping: Cell<bool>,
    /// Writes down what happens here, while somebody wants a trace.
    pub(crate) trace: Tracer,
}

impl Local {
    /// Whether there is something on the shelf, as far as can be known without taking it.
    #[inline]
    pub(crate) fn has_shelved(&self) -> bool {
        !self.shared.shelf.is_empty()
    }

    pub(crate) fn has_due_timer(&self) -> bool {
        let deadline_ns = self.timers.borrow().next_deadline_ns();
        deadline_ns.is_some_and(|deadline_ns| since_start_ns(Instant::now()) >= deadline_ns)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// The number of the task being polled or dropped; 0 if there is none.
    #[inline]
    pub(crate) fn current_number(&self) -> u64 {
        // SAFETY: the current task is valid.
        self.current.get().map_or(0, |task| unsafe { task.as_ref() }.number())
    }
}

crate::primitives::thread_local! {
    static LOCAL: Cell<*const Local> = const { Cell::new(ptr::null()) };
    static HERE: Cell<*const Mailbox> = const { Cell::new(ptr::null()) };
}

/// The mailbox of the calling thread's ring; null on a thread without one.
#[inline]
pub(crate) fn here() -> *const Mailbox {
    // A thread that is being torn down has no ring any more.
    HERE.try_with(Cell::get).unwrap_or(ptr::null())
}

/// Runs `f` with what the calling thread's ring knows, if it has a ring.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(Option<&Local>) -> R) -> R {
    let local = LOCAL.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: set by `enter`, whose guard clears it before the `Local` goes; and `f` cannot keep
    // the reference.
    f(unsafe { local.as_ref() })
}

/// The time, coarsely: that of the ring, or on other threads the clock's.
#[inline]
pub(crate) fn moment() -> Moment {
    with(|local| local.map_or_else(Moment::now, |local| local.now.get()))
}

/// Makes `local` the calling thread's own until the guard is dropped.
pub(crate) fn enter(local: &Local) -> Entered<'_> {
    LOCAL.with(|own| own.set(local));
    HERE.with(|here| here.set(local.mailbox));
    Entered(local)
}

/// See [`enter`].
pub(crate) struct Entered<'a>(#[expect(dead_code, reason = "keeps the borrow")] &'a Local);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        LOCAL.with(|own| own.set(ptr::null()));
        HERE.with(|here| here.set(ptr::null()));
    }
}
