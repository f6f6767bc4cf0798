//! Giving tasks away: from the ready queues of a ring to its shelf, and from there to any ring.
//!
//! # Whose a task on a shelf is
//!
//! Nobody's, as one that is under way between two rings: it is in no ring's list of live tasks, and
//! its address is tagged, so no thread takes it for its own. It was ready when it was laid out, so
//! it needs no wake; whoever takes it polls it.
//!
//! Wakes must not be lost, and must not be stuck in the inbox of the ring that the task has left,
//! which may be in a long poll. So who lays a task out claims its wake node first, as a waker does,
//! and pushes it nowhere. A waker then finds the node claimed and does nothing more. Who takes the
//! task in makes it its own and gives the node free, and polls it after that: a wake that came
//! before is seen by that poll, and one that comes later finds the new address. A task whose node
//! is claimed already, because a wake for it is in some inbox, stays where it is.
//!
//! Nor does a task go that waits for operations it has dropped (`orphan.rs`): their return is a
//! message to the ring it is on.

use std::ptr::NonNull;
use std::time::Instant;

use super::header::Header;
use super::queue::ReadyQueue;
use crate::balance::policy::PATIENCE_NS;
use crate::context::Local;
use crate::runtime::Shared;
use crate::time::since_start_ns;

/// Before each poll: lays out what this ring will not run soon, and takes back from its shelf what
/// is to be run now.
#[inline]
pub(super) fn prepare(local: &Local) {
    if local.ready.has_surplus() {
        lay_out(local);
    }
    if local.has_shelved() && local.ready.wants_back() {
        take_back(local);
    }
}

/// Whether there is something to run, here or on the shelf.
#[inline]
pub(crate) fn has_work(local: &Local) -> bool {
    !local.ready.is_empty() || local.has_shelved()
}

/// Puts the surplus onto the shelf, behind what lies there.
pub(super) fn lay_out(local: &Local) {
    let list = taken(&local.shared);
    let has_its_turn = !list.is_empty();
    add_surplus(local, &list);
    if !has_its_turn {
        set_turn(local, &list, Shelf::Own);
    }
    put(local, list);
}

fn add_surplus(local: &Local, list: &ReadyQueue) {
    let ready = &local.ready;
    while let Some(task) = ready.pop_surplus() {
        // SAFETY: it lives here, and is in no queue.
        if unsafe { pack(local, task) } {
            // SAFETY: ours, until it is on the shelf.
            unsafe { list.push(task) };
        } else {
            // SAFETY: it lives here, and is in no queue.
            unsafe { ready.keep(task) };
        }
    }
}

/// Takes as much from the own shelf as is run soon; what is kept already comes behind it.
#[cold]
fn take_back(local: &Local) {
    let list = taken(&local.shared);
    let younger = local.ready.take_kept();
    take_share(local, &list, Shelf::Own);
    while let Some(task) = younger.pop() {
        // SAFETY: it lives here, and is in no queue.
        unsafe { local.ready.sort(task) };
    }
    add_surplus(local, &list);
    set_turn(local, &list, Shelf::Own);
    put(local, list);
}

/// Takes what another ring has laid out: a share to run soon, while the rest goes to the own shelf,
/// which is empty. Says whether there was something.
pub(crate) fn take_offer(local: &Local) -> bool {
    if !local.ready.gives() {
        return false;
    }
    let board = &local.shared.board;
    while let Some(ring) = board.next_giver(local.shared.index) {
        let list = taken(&local.peers[ring]);
        if !list.is_empty() {
            if local.looks.are_open() {
                list.for_each(|task| local.looks.arrived(local, task));
            }
            take_share(local, &list, Shelf::Another);
            set_turn(local, &list, Shelf::Another);
            put(local, list);
            return true;
        }
    }
    false
}

/// Whether another ring has laid something out. Cheap enough to spin on.
#[inline]
pub(crate) fn has_offer(local: &Local) -> bool {
    local.ready.gives() && local.shared.board.has_giver_besides(local.shared.index)
}

/// This ring has nothing to do, and may sleep if this says so; then it is to say when it
/// [wakes up](wake_up).
pub(crate) fn fall_idle(local: &Local) -> bool {
    if !local.ready.gives() || local.shared.board.fall_idle(local.shared.index) {
        return true;
    }
    wake_up(local);
    false
}

/// This ring has slept. If it was chosen to be woken it has the watch.
pub(crate) fn wake_up(local: &Local) {
    if local.ready.gives() && local.shared.board.wake_up(local.shared.index) {
        local.look_again_ns.set(since_start_ns(Instant::now()) + PATIENCE_NS);
    }
}

/// Shows what lies on the own shelf, which is empty for that time.
pub(super) fn visit_shelved(local: &Local, visit: impl FnMut(&Header)) {
    let list = taken(&local.shared);
    list.for_each(visit);
    // Whoever looked meanwhile has struck us off, and sleeps.
    put(local, list);
}

fn taken(of: &Shared) -> ReadyQueue {
    let Some(first) = of.shelf.take() else { return ReadyQueue::default() };
    // SAFETY: what lies on a shelf was made a list by `into_shelved`, and whoever takes it owns it.
    unsafe { ReadyQueue::from_shelved(first) }
}

/// Where a list lay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shelf {
    Own,
    Another,
}

/// Takes in from the front of a list what is run soon, one at least.
fn take_share(local: &Local, list: &ReadyQueue, lay_on: Shelf) {
    while let Some(task) = list.first() {
        // SAFETY: in the list, and so ours.
        if !local.ready.keeps(unsafe { task.as_ref() }) {
            return;
        }
        list.pop();
        // SAFETY: it was packed, and is ours.
        unsafe { unpack(local, task, lay_on) };
    }
}

/// Lays out a list on the own shelf, which is empty, and wakes a ring that has nothing to do.
fn put(local: &Local, list: ReadyQueue) {
    let Some(first) = list.first() else { return };
    // SAFETY: in the list, and so ours.
    let header = unsafe { first.as_ref() };
    let board = &local.shared.board;
    let takes_ns = local.ready.expected_ns(header, list.len(), board.fresh_ns());
    let (first, count) = list.into_shelved(first);
    local.shared.shelf.put(first, count);
    if let Some(ring) = board.give(local.shared.index, takes_ns) {
        // It has the watch from now on, if we had it.
        local.look_again_ns.set(0);
        local.peers[ring].invite();
    }
}

/// The turn of a list that is about to be laid out begins anew. What came from another ring's shelf
/// is behind the share that was taken of it, also where it was once ours: else that share would be
/// overtaken at once, and the list be taken back for nothing.
fn set_turn(local: &Local, list: &ReadyQueue, lay_on: Shelf) {
    let Some(first) = list.first() else { return };
    // SAFETY: in the list, and so ours.
    let header = unsafe { first.as_ref() };
    let has_turn = lay_on == Shelf::Own && header.is_under_way_to(local.mailbox);
    local.ready.laid_out(header, has_turn);
}

/// A ring that has the watch (see `board.rs`) and something to do hands it on.
#[inline]
pub(crate) fn hand_watch_on(local: &Local) {
    if local.look_again_ns.get() != 0 && has_work(local) {
        give_watch_up(local);
    }
}

/// When a ring that has the watch, and has just looked, is to look once more.
pub(crate) fn next_look_ns(local: &Local, now_ns: u64) -> Option<u64> {
    let look_again_ns = local.look_again_ns.get();
    if look_again_ns > now_ns {
        return Some(look_again_ns);
    }
    // That was the look.
    local.look_again_ns.set(0);
    None
}

#[cold]
fn give_watch_up(local: &Local) {
    local.look_again_ns.set(0);
    if let Some(ring) = local.shared.board.hand_on(local.shared.index) {
        local.peers[ring].invite();
    }
}

/// Makes a task ready to be given away; on `false` it has to stay.
///
/// # Safety
///
/// It lives here, was ready, and is in no queue.
unsafe fn pack(local: &Local, task: NonNull<Header>) -> bool {
    // SAFETY: a live task stays.
    let header = unsafe { task.as_ref() };
    let home = &header.home;
    if home.complete.get() || home.winding_down.get() || home.orphans.get() > 0 {
        return false;
    }
    if !header.join.link() {
        return false;
    }
    // SAFETY: it lives here.
    unsafe { local.live.remove(task) };
    header.set_under_way(local.mailbox);
    local.counters().sheds_out.add(1);
    local.trace.laid_out(header);
    true
}

/// Takes in a task from a shelf.
///
/// # Safety
///
/// It was packed, and is the caller's.
unsafe fn unpack(local: &Local, task: NonNull<Header>, lay_on: Shelf) {
    // SAFETY: nobody else has it.
    let header = unsafe { task.as_ref() };
    let was_ours = header.is_under_way_to(local.mailbox);
    if !was_ours {
        local.trace.taken(header);
    }
    header.set_here(local.mailbox);
    // Not the last reference: the task is not complete.
    let _ = header.join.unlink();
    // SAFETY: ours now, and in no list.
    unsafe { local.live.insert(task) };
    if was_ours {
        local.counters().sheds_out.subtract(1);
    } else {
        local.counters().sheds_in.add(1);
    }
    if was_ours && lay_on == Shelf::Own {
        // SAFETY: it lives here, and is in no queue.
        unsafe { local.ready.keep(task) };
    } else {
        // Its turn is one of another ring, or out of date.
        // SAFETY: as above.
        unsafe { local.ready.keep_stranger(task) };
    }
}

/// The ring stops: takes back what lies on its shelf, and lays out nothing more.
pub(crate) fn gather(local: &Local) {
    if local.look_again_ns.get() != 0 {
        give_watch_up(local);
    }
    local.ready.give_no_more();
    let list = taken(&local.shared);
    while let Some(task) = list.pop() {
        // SAFETY: it was packed, and is ours.
        unsafe { unpack(local, task, Shelf::Own) };
    }
}
