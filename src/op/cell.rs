//! The memory of one operation or timer: what the kernel may touch, and who waits for it.
//!
//! A cell is made, started and completed on one ring, its **home**. What the kernel writes to and
//! reads from (buffers, addresses, the descriptor) lives in it until the last completion has been
//! reaped, whatever becomes of the future: dropped, forgotten, moved to another ring. The
//! [`Completion`] in it says whose the cell is; every function here does what it answers.

use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::NonNull;
use std::task::Waker;

use crate::completion::{Abandoned, Completion, Outcome, Settled, Unlinked};
use crate::context::{self, Local};
use crate::foreign::shielded;
use crate::inbox::{Closed, Node};
use crate::mailbox::Mailbox;
use crate::task::orphan::Orphan;
use crate::task::wake_from;
use crate::wakes::wake;

/// See [`CellVTable::reaped`].
pub(crate) type Reaped = unsafe fn(&Local, NonNull<CellHeader>, Outcome) -> Option<Waker>;

/// The functions that know what is in the cell.
pub(crate) struct CellVTable {
    /// Whether who dropped the future shall be told when it is over: the kernel has it.
    pub(crate) leaves_orphan: bool,
    /// Asks whoever completes the cell to do so soon. At home; the cell is pending.
    ///
    /// # Safety
    ///
    /// As said.
    pub(crate) stop: unsafe fn(&Local, NonNull<CellHeader>),
    /// Takes a completion that may be one of several, the last one included; gives whom to wake
    /// then. At home.
    ///
    /// # Safety
    ///
    /// As said; the cell is pending.
    pub(crate) reaped: Option<Reaped>,
    /// Drops what is in the cell, with its outcome. It may run user code, which may panic.
    ///
    /// # Safety
    ///
    /// The cell is settled and the caller's, and this is called once.
    pub(crate) dispose: unsafe fn(NonNull<CellHeader>),
    /// Frees the memory.
    ///
    /// # Safety
    ///
    /// The cell is the caller's, and what was in it is gone.
    pub(crate) free: unsafe fn(NonNull<CellHeader>),
}

/// The start of every cell.
#[repr(C)]
pub(crate) struct CellHeader {
    pub(crate) completion: Completion,
    vtable: &'static CellVTable,
    home: &'static Mailbox,
    /// In home's inbox while `LINKED`; later in that of the orphan's task.
    node: Node,
    /// Who dropped the operation in flight. Touched by who abandons the cell, before it says so, or
    /// while its node cannot be delivered; and by home once it is settled, or leaked.
    orphan: Cell<Option<Orphan>>,
    /// Home's: its place in the ring's table of operations in flight.
    pub(crate) place: Cell<u32>,
    /// The operation is over, and the node only carries the orphan to its task.
    is_over: Cell<bool>,
    /// The kernel has not given it back in time: the memory is never freed.
    is_leaked: Cell<bool>,
    /// What the kernel was asked for. Written once, before the entry is submitted.
    opcode: Cell<u8>,
}

// SAFETY: the plain cells are touched by one thread at a time, as their documentation says.
unsafe impl Sync for CellHeader {}
// SAFETY: as above.
unsafe impl Send for CellHeader {}

impl CellHeader {
    /// A pending cell of the calling thread's ring.
    pub(crate) fn new(local: &Local, vtable: &'static CellVTable, waker: Waker) -> Self {
        Self {
            completion: Completion::new(waker),
            vtable,
            home: local.mailbox,
            node: Node::new(deliver),
            orphan: Cell::new(None),
            place: Cell::new(0),
            is_over: Cell::new(false),
            is_leaked: Cell::new(false),
            opcode: Cell::new(0),
        }
    }

    /// Its entry is made, and nobody else knows the cell yet.
    #[inline]
    pub(crate) fn set_opcode(&self, opcode: u8) {
        self.opcode.set(opcode);
    }

    /// The operation's code, once its entry is made; a timer has none.
    #[inline]
    pub(crate) fn opcode(&self) -> u8 {
        self.opcode.get()
    }

    /// Whether it may have several completions that somebody waits for.
    pub(crate) fn completes_often(&self) -> bool {
        self.vtable.reaped.is_some()
    }

    #[inline]
    pub(crate) fn is_home(&self) -> bool {
        std::ptr::eq(self.home, context::here())
    }
}

/// Home: the last completion of the cell has come, and [`reaped`] has had it.
///
/// # Safety
///
/// At home, once; a caller that holds a borrow of the ring or the timers must not call this, since
/// it runs user code.
#[inline]
pub(crate) unsafe fn complete(local: &Local, cell: NonNull<CellHeader>, outcome: Outcome) {
    // SAFETY: a pending cell stays.
    let header = unsafe { cell.as_ref() };
    // SAFETY: at home, once, says the caller.
    let settled = unsafe { header.completion.complete(outcome) };
    // SAFETY: this is what the completion answered.
    unsafe { act(local, cell, settled) };
}

/// Home: a completion of the cell has come, the last one included; gives whom to wake for it. The
/// operation is still under way: what runs here may drop its future, or cancel it.
///
/// # Safety
///
/// As for [`complete`], but for once, and before it.
#[inline]
pub(crate) unsafe fn reaped(
    local: &Local,
    cell: NonNull<CellHeader>,
    outcome: Outcome,
) -> Option<Waker> {
    // SAFETY: a pending cell stays.
    let header = unsafe { cell.as_ref() };
    // SAFETY: at home, and pending.
    header.vtable.reaped.and_then(|reaped| unsafe { reaped(local, cell, outcome) })
}

/// # Safety
///
/// At home, and `settled` is the answer of this cell's completion.
#[inline]
unsafe fn act(local: &Local, cell: NonNull<CellHeader>, settled: Settled) {
    match settled {
        Settled::Wake(Some(waker)) => wake_from(local, waker),
        Settled::Wake(None) | Settled::NotYet => {}
        // SAFETY: orphaned, so it is ours.
        Settled::Orphaned => unsafe { bury(local, cell) },
    }
}

/// Disposes of a settled cell that is home's.
///
/// # Safety
///
/// As said.
pub(crate) unsafe fn bury(local: &Local, cell: NonNull<CellHeader>) {
    // SAFETY: ours until we free it.
    let header = unsafe { cell.as_ref() };
    let vtable = header.vtable;
    // SAFETY: settled and ours, once.
    let _ = shielded(|| unsafe { (vtable.dispose)(cell) });
    // SAFETY: as above, and empty now.
    unsafe { send_orphan_home(local, cell) };
}

/// Tells the task that dropped the operation that it is back, and frees the cell.
///
/// # Safety
///
/// The cell is ours, and empty.
unsafe fn send_orphan_home(local: &Local, cell: NonNull<CellHeader>) {
    // SAFETY: ours until we free it.
    let header = unsafe { cell.as_ref() };
    let settled = header.orphan.take().map_or(Ok(()), |orphan| orphan.settle(local));
    if let Err((orphan, mailbox)) = settled {
        header.is_over.set(true);
        // SAFETY: the cell is ours, its node in no inbox, and we leave the cell to the message.
        let Err(orphan) = (unsafe { send_orphan(cell, orphan, mailbox) }) else { return };
        let orphan = if orphan.is_lost_with(mailbox) {
            orphan
        } else {
            // The task could not go there, and is being taken back: we ask again in our next turn.
            // SAFETY: as above.
            let Err(orphan) = (unsafe { send_orphan(cell, orphan, local.mailbox) }) else { return };
            orphan
        };
        orphan.release();
    }
    if !header.is_leaked.get() {
        // SAFETY: ours, and empty.
        unsafe { (header.vtable.free)(cell) };
    }
}

/// The ring stops while the kernel still has the operation: the task that dropped it, if one did,
/// shall not wait for it any longer.
///
/// # Safety
///
/// At home; the operation has not completed, and nobody will complete it any more.
pub(crate) unsafe fn leak(local: &Local, cell: NonNull<CellHeader>) {
    // SAFETY: it has not completed, so it is there.
    let header = unsafe { cell.as_ref() };
    if header.completion.is_left_to_home() {
        header.is_leaked.set(true);
        // SAFETY: its future is gone and its node is here, so it is ours. It is not empty, but that
        // only matters to who frees it.
        unsafe { send_orphan_home(local, cell) };
    }
}

/// Sends the cell with an orphan to `mailbox`; gives the orphan back if that is closed.
///
/// # Safety
///
/// The cell is ours and empty, its node in no inbox; after `Ok` it is no longer ours.
unsafe fn send_orphan(
    cell: NonNull<CellHeader>,
    orphan: Orphan,
    mailbox: &'static Mailbox,
) -> Result<(), Orphan> {
    // SAFETY: ours until it is sent.
    let header = unsafe { cell.as_ref() };
    header.orphan.set(Some(orphan));
    // SAFETY: the message keeps the cell, says the caller.
    if unsafe { mailbox.send(node_of(cell)) } == Ok(()) {
        return Ok(());
    }
    header.orphan.take().map_or(Ok(()), Err)
}

/// A cell's node came out of our inbox.
///
/// # Safety
///
/// As for every function given to `Node::new`: `node` is the node it was given for, and came out of
/// the calling thread's inbox.
unsafe fn deliver(node: NonNull<Node>) {
    // SAFETY: this function is only ever given to the `node` of a cell's header.
    let cell = unsafe { node.byte_sub(offset_of!(CellHeader, node)) }.cast::<CellHeader>();
    // SAFETY: a node under way keeps its cell.
    let header = unsafe { cell.as_ref() };
    context::with(|local| {
        let local = local.expect("messages are delivered on a ring's thread");
        if header.is_over.get() {
            // SAFETY: the message carried the cell to us.
            unsafe { send_orphan_home(local, cell) };
            return;
        }
        // SAFETY: we are home: it is our inbox that it was pushed to.
        match unsafe { header.completion.unlink() } {
            // SAFETY: at home, and pending.
            Unlinked::Pending => unsafe { (header.vtable.stop)(local, cell) },
            // SAFETY: this is what the completion answered.
            Unlinked::Settled(settled) => unsafe { act(local, cell, settled) },
        }
    });
}

/// The future is dropped.
///
/// # Safety
///
/// The caller is the cell's future, and does not touch the cell afterwards.
pub(crate) unsafe fn abandon(cell: NonNull<CellHeader>) {
    // SAFETY: until we say that we abandon it, the cell cannot be freed.
    let header = unsafe { cell.as_ref() };
    let at_home = header.is_home();
    let orphan =
        context::with(
            |local| {
                if header.vtable.leaves_orphan { Orphan::of_current(local) } else { None }
            },
        );
    // Home looks at it only when it finds the cell abandoned.
    header.orphan.set(orphan);
    // SAFETY: the caller is the future.
    let (abandoned, waker) = unsafe { header.completion.abandon(!at_home) };
    match abandoned {
        Abandoned::Settled => {
            forget_orphan(header.orphan.take());
            // SAFETY: settled, so it is ours. The user's code, so last.
            unsafe { dispose_and_free(cell) };
        }
        // Home will find it abandoned when the node comes in.
        Abandoned::NodeUnderWay => {}
        Abandoned::Pending => {
            context::with(|local| {
                let local = local.expect("home is the thread of a ring");
                // SAFETY: at home, and pending.
                unsafe { (header.vtable.stop)(local, cell) };
            });
        }
        Abandoned::PushNode => {
            // SAFETY: `LINKED` keeps the cell, and we claimed its node.
            unsafe { push_node(cell) };
        }
    }
    // The user's code, which may panic, so last.
    drop(waker);
}

fn forget_orphan(orphan: Option<Orphan>) {
    let orphan = orphan.and_then(Orphan::tell_collector);
    context::with(|local| {
        if let (Some(orphan), Some(local)) = (orphan, local) {
            // The current task runs here, so it is told at once.
            let _ = orphan.settle(local);
        }
    });
}

/// The cell's node; a pointer that leads back to the cell.
fn node_of(cell: NonNull<CellHeader>) -> NonNull<Node> {
    // SAFETY: a field of the header, which the caller keeps.
    unsafe { NonNull::new_unchecked(&raw mut (*cell.as_ptr()).node) }
}

/// Sends the cell's node home.
///
/// # Safety
///
/// The caller has just set `LINKED`.
unsafe fn push_node(cell: NonNull<CellHeader>) {
    // SAFETY: `LINKED` keeps the cell.
    let header = unsafe { cell.as_ref() };
    // SAFETY: as above, and the node is ours to push.
    if unsafe { header.home.send(node_of(cell)) } != Err(Closed) {
        return;
    }
    // Home has stopped, and completes nothing any more: we do its part. While `LINKED` is set the
    // orphan is ours; after it, home may be leaking the cell.
    let orphan = header.orphan.take();
    // SAFETY: home is gone.
    match unsafe { header.completion.unlink() } {
        // The kernel did not give it back in time: it is leaked, but its task goes on.
        Unlinked::Pending | Unlinked::Settled(Settled::NotYet) => forget_orphan(orphan),
        Unlinked::Settled(Settled::Wake(waker)) => wake(waker),
        Unlinked::Settled(Settled::Orphaned) => {
            forget_orphan(orphan);
            // SAFETY: settled, and nobody else's.
            unsafe { dispose_and_free(cell) };
        }
    }
}

/// The future asks for a cancel, and still waits for the outcome.
///
/// # Safety
///
/// The caller is the cell's future.
pub(crate) unsafe fn request_cancel(cell: NonNull<CellHeader>) {
    // SAFETY: the future is there, so the cell is.
    let header = unsafe { cell.as_ref() };
    if header.is_home() {
        if header.completion.is_pending() {
            context::with(|local| {
                // SAFETY: at home, and pending.
                local.inspect(|local| unsafe { (header.vtable.stop)(local, cell) });
            });
        }
        return;
    }
    // SAFETY: the caller is the future.
    if unsafe { header.completion.link() } {
        // SAFETY: we have just set `LINKED`.
        unsafe { push_node(cell) };
    }
}

/// # Safety
///
/// The cell is settled and the caller's, and full.
unsafe fn dispose_and_free(cell: NonNull<CellHeader>) {
    // SAFETY: the caller's.
    let vtable = unsafe { cell.as_ref() }.vtable;
    let freed = Freed { cell, vtable };
    // SAFETY: settled and the caller's, once. A panic of the user's goes to who dropped the future.
    unsafe { (vtable.dispose)(cell) };
    drop(freed);
}

/// Frees the cell also if its content's destructor panics.
struct Freed {
    cell: NonNull<CellHeader>,
    vtable: &'static CellVTable,
}

impl Drop for Freed {
    fn drop(&mut self) {
        // SAFETY: whoever made this gave the cell up.
        unsafe { (self.vtable.free)(self.cell) };
    }
}
