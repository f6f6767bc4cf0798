//! How wakes and whole tasks get from one ring to another.
//!
//! A task's `address` says where it is. It is written by the thread that owns the task at the time:
//! its home, which sends it off (`under way to X`), and then X's own thread, when it takes it out
//! of its inbox (`X`). So a thread that reads its own mailbox there, untagged, knows that the task
//! is its own.
//!
//! A wake goes to the address it reads. If the task has moved on by the time the node is delivered,
//! the node is sent after it. If the node gets there before the task, the wake is dropped: a task
//! that arrives is polled in any case, and that poll comes later.
//!
//! Several branches of one task may each want to be on another ring. Sets of futures poll a few
//! branches at a time, so a task that left whenever one asked could be sent to and fro for ever,
//! and always be elsewhere when a branch is polled that waits for this ring. So a task that a
//! switch has brought stays until a switch to this ring has seen it here. What asked may be gone by
//! then, so only a number of requests are put off.

use std::mem::offset_of;
use std::ptr::NonNull;

use super::header::{Header, Mobility, Whereabouts};
use super::run;
use super::state::Release;
use crate::context::{self, Local};
use crate::inbox::{Closed, Node};
use crate::mailbox::Mailbox;
use crate::runtime::Runtime;
use crate::switch::SwitchError;
use crate::trace::How;

/// How many requests to leave are put off for a switch that may never be polled again.
const PUT_OFF: u8 = 64;

/// Pushes the task's wake node to wherever the task is.
///
/// # Safety
///
/// The caller has claimed the node (`JoinWord::link` and the like).
pub(super) unsafe fn send_wake(task: NonNull<Header>) {
    // SAFETY: `LINKED` keeps the task.
    let header = unsafe { task.as_ref() };
    let here = context::here();
    let mailbox = match header.whereabouts(here) {
        Whereabouts::At(mailbox) => mailbox,
        // Our own ring has it after all, as when a node is sent after a task that is coming back.
        // SAFETY: `here` is not null if the task is here, and mailboxes live for ever.
        Whereabouts::Here | Whereabouts::OnItsWayHere => unsafe { &*here },
        Whereabouts::Nowhere => return unlink(task, header),
    };
    // SAFETY: the node is ours, and `LINKED` keeps the task until it is delivered.
    let sent = unsafe { mailbox.send(Header::wake_node(task)) };
    if sent == Err(Closed) {
        // The ring has stopped, and with it the task; or the task is being taken back.
        drop_wake(task, header, mailbox);
    }
}

/// Gives the node up without a wake, since the task was on its way to `mailbox`, where it is polled
/// when it arrives. But it may be taken back by the ring it came from (see `depart`), and be polled
/// there before: so looks again.
///
/// Others who found the node claimed have left their wakes to us. If our step on the word comes
/// before that of `depart`, so did theirs, and the poll after that sees what they are about. If it
/// comes after, we see the task's new address, and send their wakes there.
fn drop_wake(task: NonNull<Header>, header: &Header, mailbox: &'static Mailbox) {
    header.join.retain();
    // Not the last: we have just made a reference.
    let _ = header.join.unlink();
    let lives = !header.join.snapshot().is_complete();
    // On a ring that has closed every task is ended, without a wake.
    let is_there = header.is_under_way_to(mailbox) || header.is_here(mailbox);
    if lives && !is_there && header.join.link() {
        // SAFETY: we have just claimed the node.
        unsafe { send_wake(task) };
    }
    if header.join.release() == Release::Free {
        // SAFETY: we were told to.
        unsafe { (header.vtable.free)(task) };
    }
}

fn unlink(task: NonNull<Header>, header: &Header) {
    if header.join.unlink() == Release::Free {
        // SAFETY: we were told to.
        unsafe { (header.vtable.free)(task) };
    }
}

/// A wake node came out of our inbox.
///
/// # Safety
///
/// As for every function given to `Node::new`: `node` is the node it was given for, and came out of
/// the calling thread's inbox.
pub(super) unsafe fn deliver_wake(node: NonNull<Node>) {
    // SAFETY: this function is only ever given to the `wake_node` of a header.
    let task = unsafe { node.byte_sub(offset_of!(Header, wake_node)) }.cast::<Header>();
    // SAFETY: `LINKED` keeps the task.
    let header = unsafe { task.as_ref() };
    if header.join.snapshot().is_complete() {
        return unlink(task, header);
    }
    match header.whereabouts(context::here()) {
        Whereabouts::Here => {
            // The task is not complete, and only we could make it so: it stays.
            let _ = header.join.unlink();
            // SAFETY: we are home, and the task lives.
            unsafe { run::wake_here(task) };
        }
        // SAFETY: the thread that something is on its way to has a mailbox.
        Whereabouts::OnItsWayHere => drop_wake(task, header, unsafe { &*context::here() }),
        // SAFETY: the node has been delivered, and `LINKED` is still ours.
        Whereabouts::At(_) | Whereabouts::Nowhere => unsafe { send_wake(task) },
    }
}

/// Sends a task that is nobody's (just born, or just let go) to `mailbox`.
///
/// # Safety
///
/// The caller owns the task: it is in no list, and no thread takes it for its own.
pub(super) unsafe fn send_task(
    task: NonNull<Header>,
    mailbox: &'static Mailbox,
) -> Result<(), Closed> {
    // SAFETY: the caller owns the task.
    let header = unsafe { task.as_ref() };
    header.set_under_way(mailbox);
    // SAFETY: the node is used by the task's owner only, and a live task stays in place.
    unsafe { mailbox.send(Header::move_node(task)) }
}

/// Sends a task of ours to `mailbox`; takes it back, to be polled here, if that has closed.
///
/// # Safety
///
/// The task lives here, is not running and not queued.
pub(super) unsafe fn depart(local: &Local, task: NonNull<Header>, mailbox: &'static Mailbox) {
    // SAFETY: it lives here.
    unsafe { local.live.remove(task) };
    // SAFETY: it is ours until it is sent.
    unsafe { task.as_ref() }.home.put_off.set(PUT_OFF);
    // Before it is there, so that nobody sees it in both places or arrive without having left.
    local.counters().tasks_alive.set(local.live.len() as u64);
    local.counters().migrations_out.add(1);
    // SAFETY: it is ours, and in no list any more.
    if unsafe { send_task(task, mailbox) } == Ok(()) {
        return;
    }
    local.counters().migrations_out.subtract(1);
    // SAFETY: the task came back to us.
    let header = unsafe { task.as_ref() };
    header.home.put_off.set(0);
    header.set_here(local.mailbox);
    // A wake that was sent to the closed mailbox meanwhile was dropped; see `drop_wake`.
    header.join.settle();
    // SAFETY: ours again, and in no list.
    unsafe { run::adopt(local, task) };
}

/// A task came out of our inbox.
///
/// # Safety
///
/// As for every function given to `Node::new`: `node` is the node it was given for, and came out of
/// the calling thread's inbox.
pub(super) unsafe fn deliver_arrival(node: NonNull<Node>) {
    // SAFETY: this function is only ever given to the `move_node` of a header.
    let task = unsafe { node.byte_sub(offset_of!(Header, move_node)) }.cast::<Header>();
    context::with(|local| {
        let local = local.expect("messages are delivered on a ring's thread");
        // SAFETY: the sender gave the task up to us.
        let header = unsafe { task.as_ref() };
        header.set_here(local.mailbox);
        local.counters().arrivals.add(1);
        let has_switched = header.home.put_off.get() > 0;
        local.trace.arrived(header, if has_switched { How::Switched } else { How::Spawned });
        if local.looks.are_open() {
            local.looks.arrived(local, header);
        }
        // SAFETY: ours now, and in no list. From here on it may be anybody's.
        unsafe { run::adopt(local, task) };
    });
}

/// Whether a task runs on the calling thread now. A switch to this ring has seen that it is here,
/// so the task may leave; but only by itself, since this is where it wants to be.
pub(crate) fn has_arrived() -> bool {
    let task = context::with(|local| local.and_then(|local| local.current.get()));
    let Some(task) = task else { return false };
    // SAFETY: the running task is valid, and lives here.
    let home = &unsafe { task.as_ref() }.home;
    home.put_off.set(0);
    home.stay();
    true
}

/// Writes down where the running task goes when its poll returns; or nothing, if it has to stay for
/// a while yet. The caller is to ask again.
pub(crate) fn move_current(runtime: &Runtime) -> Result<(), SwitchError> {
    let task = context::with(|local| local.and_then(|local| local.current.get()));
    let Some(task) = task else { return Err(SwitchError::NotInTask) };
    // SAFETY: the running task is valid, and lives here.
    let header = unsafe { task.as_ref() };
    if header.home.mobility.get() == Mobility::Local {
        return Err(SwitchError::Local);
    }
    // It says itself where it wants to be, and from here on nobody else does.
    header.home.stay();
    if let Some(left) = header.home.put_off.get().checked_sub(1) {
        header.home.put_off.set(left);
        return Ok(());
    }
    context::with(|local| {
        local.inspect(|local| local.destination.set(Some(runtime.clone())));
    });
    Ok(())
}
