//! What every task has, whatever its future: one header at the start of its allocation.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::{Context, Waker};

use super::TaskId;
use super::origin::{Name, Origin};
use super::state::JoinWord;
use super::story::Story;
use crate::context;
use crate::inbox::Node;
use crate::mailbox::Mailbox;
use crate::primitives::atomic::{AtomicPtr, Ordering};

/// The functions that know the task's types.
pub(super) struct VTable {
    /// Polls the future; on `true` it is gone and its output stored.
    ///
    /// # Safety
    ///
    /// On the home thread (or, for a blocking task, by who claimed it); the future is there.
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Drops the future and stores `Cancelled`.
    ///
    /// # Safety
    ///
    /// As for `poll`.
    pub(super) cancel: unsafe fn(NonNull<Header>),
    /// Moves the output to where the second argument points, a `Result<T, TaskError>`.
    ///
    /// # Safety
    ///
    /// The task is complete, the caller owns the output, and it has not been taken.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Where the output is, a `Result<T, TaskError>`; null if it has been taken.
    ///
    /// # Safety
    ///
    /// The task is complete, and the caller owns the output.
    pub(super) output: unsafe fn(NonNull<Header>) -> *const (),
    /// Drops the output, if it is there, and says what a panic in the task or in that drop was.
    ///
    /// # Safety
    ///
    /// The task is complete, and the caller owns the output.
    pub(super) drop_output: unsafe fn(NonNull<Header>),
    /// Frees the allocation.
    ///
    /// # Safety
    ///
    /// The caller was told [`Release::Free`](super::state::Release::Free).
    pub(super) free: unsafe fn(NonNull<Header>),
}

/// The part of a task that only its home thread touches.
///
/// While the task is under way between two rings nobody does; the inbox orders the hand-over.
pub(crate) struct Home {
    /// The next task of the ready queue.
    pub(super) next_ready: Cell<Option<NonNull<Header>>>,
    /// The neighbours in the list of the ring's live tasks. On a shelf the first task has the last
    /// one as its `previous`.
    pub(super) previous: Cell<Option<NonNull<Header>>>,
    pub(super) next: Cell<Option<NonNull<Header>>>,
    /// The waker of a handle that was polled on this very ring.
    pub(super) join_waker: Cell<Option<Waker>>,
    /// The place of the `await` in the source, if the story says what is awaited.
    pub(super) awaits_at: Cell<Option<&'static Location<'static>>>,
    /// How many more requests to leave are put off, so that the one that brought the task here is
    /// polled here; see `travel.rs`.
    pub(super) put_off: Cell<u8>,
    /// Wakers counted here; see `state.rs`.
    pub(super) references: Cell<i16>,
    /// Operations dropped in flight that the kernel has not given back yet. A task on a shelf has
    /// none; there the first one has the length of the list here.
    pub(super) orphans: Cell<u32>,
    /// When it was made ready, in the order of its ring; zero if it is not in a ready queue.
    pub(super) turn: Cell<u32>,
    /// Being polled now.
    pub(super) running: Cell<bool>,
    /// Woken while it was being polled.
    pub(super) woken: Cell<bool>,
    /// The future is gone; from here on all references are counted in the word.
    pub(super) complete: Cell<bool>,
    /// Dropped on a cancel, and waiting for its orphans before it says so.
    pub(super) winding_down: Cell<bool>,
    pub(super) mobility: Cell<Mobility>,
}

/// Who may have a task live on another ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mobility {
    /// Nobody: its future is not `Send`.
    Local,
    /// The task itself: it was put where it is.
    Staying,
    /// Its ring too, if that has too much to do. It has not been polled yet, so nobody knows how
    /// long that takes.
    Fresh,
    /// As `Fresh`, and it has been polled.
    Movable,
}

impl Mobility {
    #[inline]
    pub(super) fn is_movable(self) -> bool {
        matches!(self, Self::Fresh | Self::Movable)
    }
}

impl Home {
    /// No ring gives the task away from now on.
    pub(super) fn stay(&self) {
        if self.mobility.get().is_movable() {
            self.mobility.set(Mobility::Staying);
        }
    }

    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        self.turn.get() != 0
    }

    fn new(mobility: Mobility) -> Self {
        Self {
            next_ready: Cell::new(None),
            previous: Cell::new(None),
            next: Cell::new(None),
            join_waker: Cell::new(None),
            awaits_at: Cell::new(None),
            put_off: Cell::new(0),
            references: Cell::new(0),
            orphans: Cell::new(0),
            turn: Cell::new(0),
            running: Cell::new(false),
            woken: Cell::new(false),
            complete: Cell::new(false),
            winding_down: Cell::new(false),
            mobility: Cell::new(mobility),
        }
    }
}

/// The start of every task's allocation.
#[repr(C)]
pub(crate) struct Header {
    pub(super) vtable: &'static VTable,
    pub(super) join: JoinWord,
    /// Where the task lives: a mailbox; or, tagged with [`UNDER_WAY`], where it is going. Null for
    /// a blocking task, which lives on no ring.
    address: AtomicPtr<Mailbox>,
    /// In an inbox while the task is under way.
    pub(super) move_node: Node,
    pub(super) id: TaskId,
    pub(super) home: Home,
    /// In an inbox while `LINKED` is set.
    pub(super) wake_node: Node,
    pub(super) origin: Origin,
    /// Home's, as what is in `home`.
    pub(super) story: Story,
}

// SAFETY: `home` and `story` are touched by one thread at a time (see `Home`), everything else is
// `Sync`.
unsafe impl Sync for Header {}
// SAFETY: as above; a header never moves in memory, but references to it change threads.
unsafe impl Send for Header {}

/// Tag of an address: the task has been sent there and has not arrived.
const UNDER_WAY: usize = 1;

/// Where a task is, as far as the reading thread can know.
pub(crate) enum Whereabouts {
    /// On the reading thread's own ring. This one is exact: only that thread writes it.
    Here,
    /// In the reading thread's own inbox, or about to be pushed there.
    OnItsWayHere,
    /// On another ring, or on its way to it.
    At(&'static Mailbox),
    /// On no ring.
    Nowhere,
}

/// What a new task is told about itself.
#[derive(Clone)]
pub(crate) struct Birth {
    pub(crate) name: Option<Name>,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) mobility: Mobility,
}

impl Birth {
    /// Of a task without a name that stays where it is put, spawned by the caller.
    #[track_caller]
    pub(crate) fn staying() -> Self {
        Self { name: None, spawned_at: Location::caller(), mobility: Mobility::Staying }
    }
}

impl Header {
    /// Inlined, so that it is made where it is to be, and not moved there.
    #[inline(always)]
    pub(super) fn new(vtable: &'static VTable, birth: Birth, id: TaskId) -> Self {
        Self {
            vtable,
            join: JoinWord::new(),
            address: AtomicPtr::new(ptr::null_mut()),
            home: Home::new(birth.mobility),
            wake_node: Node::new(super::travel::deliver_wake),
            move_node: Node::new(super::travel::deliver_arrival),
            id,
            origin: Origin::new(birth.name, birth.spawned_at, id),
            story: Story::new(context::moment()),
        }
    }

    /// For people who look at the pool: its number, its name, and where it was spawned.
    pub(crate) fn identity(&self) -> (TaskId, Option<&Name>, &'static Location<'static>) {
        (self.id, self.origin.name(), self.origin.spawned_at())
    }

    /// The node by which the task is woken from elsewhere; a pointer that leads back to the header.
    pub(super) fn wake_node(task: NonNull<Self>) -> NonNull<Node> {
        // SAFETY: a field of the header, which the caller keeps.
        unsafe { NonNull::new_unchecked(&raw mut (*task.as_ptr()).wake_node) }
    }

    /// The node by which the task moves; a pointer that leads back to the header.
    pub(super) fn move_node(task: NonNull<Self>) -> NonNull<Node> {
        // SAFETY: a field of the header, which the caller keeps.
        unsafe { NonNull::new_unchecked(&raw mut (*task.as_ptr()).move_node) }
    }

    /// Whether the calling thread is this task's home.
    #[inline]
    pub(crate) fn is_here(&self, here: *const Mailbox) -> bool {
        // Ordering: Relaxed: only the thread of `here` ever stores `here` untagged, so if we read
        // our own mailbox we wrote it ourselves, and what else we read cannot be equal to it.
        !here.is_null() && ptr::eq(self.address.load(Ordering::Relaxed), here)
    }

    /// Where the task is, seen from the ring `here`.
    pub(super) fn whereabouts(&self, here: *const Mailbox) -> Whereabouts {
        // Ordering: Acquire, partner of the Release in `set_under_way`, `set_here`: whoever pushes
        // to a mailbox it read here does so after it was made the address.
        let address = self.address.load(Ordering::Acquire);
        let mailbox = address.map_addr(|bits| bits & !UNDER_WAY);
        if mailbox.is_null() {
            Whereabouts::Nowhere
        } else if !ptr::eq(mailbox, here) {
            // SAFETY: an address is only ever made from a `&'static Mailbox`.
            Whereabouts::At(unsafe { &*mailbox })
        } else if ptr::eq(mailbox, address) {
            Whereabouts::Here
        } else {
            Whereabouts::OnItsWayHere
        }
    }

    /// Whether the task has been sent to `mailbox`, and has not arrived there.
    pub(super) fn is_under_way_to(&self, mailbox: &'static Mailbox) -> bool {
        let tagged = ptr::from_ref(mailbox).cast_mut().map_addr(|bits| bits | UNDER_WAY);
        // Ordering: Acquire, partner of the Release in `set_here`.
        ptr::eq(self.address.load(Ordering::Acquire), tagged)
    }

    /// The mailbox of the ring that has the task; or that it was sent to, or laid out by.
    pub(crate) fn address(&self) -> *const Mailbox {
        // Ordering: Acquire, partner of the Release in `set_under_way`, `set_here`.
        self.address.load(Ordering::Acquire).map_addr(|bits| bits & !UNDER_WAY)
    }

    /// The task is about to be pushed to `mailbox`.
    pub(super) fn set_under_way(&self, mailbox: &'static Mailbox) {
        let tagged = ptr::from_ref(mailbox).cast_mut().map_addr(|bits| bits | UNDER_WAY);
        // Ordering: Release, partner of the Acquire in `whereabouts`.
        self.address.store(tagged, Ordering::Release);
    }

    /// The task lives with the calling thread, whose mailbox is `mailbox`.
    pub(super) fn set_here(&self, mailbox: &'static Mailbox) {
        // Ordering: Release, partner of the Acquire in `whereabouts`.
        self.address.store(ptr::from_ref(mailbox).cast_mut(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task with a future of up to three words takes three cache lines.
    #[test]
    fn a_header_leaves_room_in_its_last_cache_line() {
        assert!(size_of::<Header>() <= 160, "{}", size_of::<Header>());
    }
}
