//! Running tasks on their home ring: from the ready queue through a poll to the end.

use std::ptr::NonNull;
use std::task::Context;

use super::header::Header;
use super::state::{Completed, Release};
use super::{shed, travel, waker};
use crate::context::{self, Local};
use crate::coop;
use crate::wakes::{discard, wake};

/// Takes in a task that has just come to live here: it is polled next.
///
/// # Safety
///
/// The task's address is here; it is valid, and in no list.
pub(super) unsafe fn adopt(local: &Local, task: NonNull<Header>) {
    // SAFETY: the caller's promise.
    unsafe { local.live.insert(task) };
    // SAFETY: it lives here.
    unsafe { enqueue(local, task) };
    local.counters().tasks_alive.set(local.live.len() as u64);
}

/// # Safety
///
/// The task lives here.
#[inline(always)]
unsafe fn enqueue(local: &Local, task: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let header = unsafe { task.as_ref() };
    if header.home.is_queued() {
        return;
    }
    // SAFETY: it lives here, and was not queued; as long as it is, it stays.
    unsafe { local.ready.push(task) };
    if local.ready.has_surplus() && local.current.get().is_some() {
        // Who is being polled may go on for long.
        shed::lay_out(local);
    }
}

/// A wake on the task's own thread.
///
/// # Safety
///
/// The calling thread is the task's home, and the caller keeps the task.
#[inline]
pub(super) unsafe fn wake_here(task: NonNull<Header>) {
    // SAFETY: the caller keeps it.
    let home = &unsafe { task.as_ref() }.home;
    if home.running.get() {
        home.woken.set(true);
    } else if !home.complete.get() && !home.is_queued() {
        context::with(|local| {
            if let Some(local) = local {
                // SAFETY: it lives here.
                unsafe { enqueue(local, task) }
            }
        });
    }
}

/// As [`wake_here`], by who knows the ring.
///
/// # Safety
///
/// The task lives here, is not complete, and the caller keeps it.
#[inline]
pub(super) unsafe fn wake_known(local: &Local, task: NonNull<Header>) {
    // SAFETY: the caller keeps it.
    let home = &unsafe { task.as_ref() }.home;
    if home.running.get() {
        home.woken.set(true);
    } else {
        // SAFETY: it lives here.
        unsafe { enqueue(local, task) };
    }
}

/// Runs the first task of the ready queue; says whether there was one.
pub(crate) fn run_next(local: &Local) -> bool {
    if local.ready.gives() {
        shed::prepare(local);
    }
    let Some(task) = local.ready.pop() else { return false };
    // SAFETY: that it was queued kept it.
    let header = unsafe { task.as_ref() };
    header.home.turn.set(0);
    if header.home.complete.get() {
        // Its place in the queue was counted when it completed.
        release(task, header);
    } else if header.join.snapshot().is_cancelled() || local.stopping.get() {
        // SAFETY: it lives here and is not running.
        unsafe { cancel(local, task) };
    } else {
        // SAFETY: it lives here and is not running.
        unsafe { poll(local, task) };
    }
    true
}

/// # Safety
///
/// The task lives here, is not complete, and is not running.
#[inline]
unsafe fn poll(local: &Local, task: NonNull<Header>) {
    // SAFETY: a live task stays.
    let header = unsafe { task.as_ref() };
    let home = &header.home;
    // SAFETY: a live task stays, and it lives until `finish` below.
    let waker = unsafe { waker::borrowed(task) };
    home.running.set(true);
    header.story.begin_poll();
    local.current.set(Some(task));
    local.shared.running.begin(header.id.get(), header.origin.spawned_at());
    coop::reset(coop::BUDGET_PER_POLL);
    local.trace.poll_begins(header);
    let done = local.counters().polls.poll(|| {
        // SAFETY: we are home, and the future is there because the task is not complete.
        unsafe { (header.vtable.poll)(task, &mut Context::from_waker(&waker)) }
    });
    local.trace.ends(done);
    coop::reset(coop::UNLIMITED);
    local.shared.running.end();
    local.current.set(None);
    home.running.set(false);
    let woken = home.woken.replace(false);
    let destination = local.destination.take();
    if done {
        // SAFETY: the future is gone and the output stored.
        unsafe { finish(local, task) };
    } else if let Some(runtime) = destination {
        // SAFETY: the task is ours, and neither running nor queued.
        unsafe { travel::depart(local, task, runtime.mailbox()) };
    } else if woken {
        // SAFETY: it lives here.
        unsafe { enqueue(local, task) };
    }
}

/// Drops the future; the task is complete once the kernel has given back what it had in flight.
///
/// # Safety
///
/// The task lives here, is not complete, and is not running.
unsafe fn cancel(local: &Local, task: NonNull<Header>) {
    // SAFETY: a live task stays.
    let header = unsafe { task.as_ref() };
    let home = &header.home;
    if home.winding_down.get() {
        return;
    }
    home.running.set(true);
    header.story.begin_poll();
    local.current.set(Some(task));
    local.shared.running.begin(header.id.get(), header.origin.spawned_at());
    local.trace.drop_begins(header);
    // SAFETY: we are home, and the future is there because the task is not complete.
    unsafe { (header.vtable.cancel)(task) };
    local.trace.ends(true);
    local.shared.running.end();
    local.current.set(None);
    home.running.set(false);
    drop(local.destination.take());
    if home.orphans.get() == 0 {
        // SAFETY: the future is gone and the output stored.
        unsafe { finish(local, task) };
    } else {
        home.winding_down.set(true);
    }
}

/// An operation that the task dropped in flight has come back from the kernel.
///
/// # Safety
///
/// The task lives here, and has that orphan.
pub(super) unsafe fn orphan_returned(local: &Local, task: NonNull<Header>) {
    // SAFETY: the orphan has a reference.
    let home = &unsafe { task.as_ref() }.home;
    home.orphans.set(home.orphans.get() - 1);
    if home.orphans.get() == 0 && home.winding_down.replace(false) {
        // SAFETY: it is winding down, so the future is gone and the output stored.
        unsafe { finish(local, task) };
    }
}

/// Makes the task complete and tells whoever waits for it.
///
/// # Safety
///
/// The task lives here, its future is gone and its output stored.
#[inline]
unsafe fn finish(local: &Local, task: NonNull<Header>) {
    // SAFETY: a live task stays, and until `complete` below it is one.
    let header = unsafe { task.as_ref() };
    let home = &header.home;
    home.complete.set(true);
    // SAFETY: it lives here.
    unsafe { local.live.remove(task) };
    local.counters().tasks_alive.set(local.live.len() as u64);
    local.counters().tasks_finished.add(1);
    let join_waker = home.join_waker.take();
    let references = i64::from(home.references.get()) + i64::from(home.is_queued());
    // SAFETY: nobody else completes it; from here on the task may be gone.
    unsafe { publish(task, references) };
    if let Some(waker) = join_waker {
        waker::wake_from(local, waker);
    }
}

/// Publishes the output, and does what falls to the one who completes a task.
///
/// # Safety
///
/// The output is stored, and the caller alone completes the task; it has no reference afterwards.
#[inline]
pub(super) unsafe fn publish(task: NonNull<Header>, home_references: i64) {
    // SAFETY: not complete, so not freed.
    let header = unsafe { task.as_ref() };
    match header.join.complete(home_references) {
        Completed::HandleHasOutput => return,
        Completed::WakeThenRelease => {
            // SAFETY: `complete` told us so.
            if let Some(waker) = unsafe { header.join.take_join_waker() } {
                wake(waker);
            }
        }
        Completed::DropOutputThenRelease => {
            // SAFETY: complete, and no handle: the output is ours.
            unsafe { (header.vtable.drop_output)(task) };
            // SAFETY: as above.
            let waker = unsafe { header.join.take_join_waker() };
            discard(waker);
        }
    }
    release(task, header);
}

#[inline]
fn release(task: NonNull<Header>, header: &Header) {
    if header.join.release() == Release::Free {
        // SAFETY: we were told to.
        unsafe { (header.vtable.free)(task) };
    }
}

/// Stops everything that lives here: each task is woken, and finds itself cancelled.
pub(crate) fn cancel_all(local: &Local) {
    let mut next = local.live.first();
    while let Some(task) = next {
        // SAFETY: tasks in the list live here, and nothing is removed while we walk.
        next = unsafe { task.as_ref() }.home.next.get();
        // SAFETY: as above.
        unsafe { enqueue(local, task) };
    }
}

/// Completes the tasks that have been dropped and wait for operations that do not come back.
pub(crate) fn finish_those_winding_down(local: &Local) {
    let mut next = local.live.first();
    while let Some(task) = next {
        // SAFETY: tasks in the list live here; the next one is read before this one goes.
        let home = unsafe { &task.as_ref().home };
        next = home.next.get();
        if home.winding_down.replace(false) {
            // SAFETY: it is winding down, so the future is gone and the output stored.
            unsafe { finish(local, task) };
            // Whoever was told may have ended others: begin again.
            next = local.live.first();
        }
    }
}
