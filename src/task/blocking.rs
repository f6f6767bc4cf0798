//! Tasks that are a closure, called once on a blocking thread.
//!
//! Such a task lives on no ring: its address is null for ever, so all its references are counted in
//! the word. Whoever *claims* it, by a bit of the word, has the closure: the blocking thread that
//! runs it, or the handle that cancels it first.

use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Waker};

use super::header::{Birth, Header, Mobility, Whereabouts};
use super::state::Release;
use super::{Task, TaskId, raw, run};
use crate::time::moment::Moment;

/// A closure on its way to a blocking thread; dropping it cancels the task.
pub(crate) struct Job(NonNull<Header>);

// SAFETY: the closure and its output are `Send` (`new` asks for that), the header is `Sync`.
unsafe impl Send for Job {}

impl Job {
    /// A job for `closure`, and the handle of its task.
    pub(crate) fn new<F, T>(closure: F, spawned_at: &'static Location<'static>) -> (Self, Task<T>)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let birth = Birth { name: None, spawned_at, mobility: Mobility::Staying };
        let task = raw::allocate_closure(closure, birth);
        // SAFETY: just made, so it is ours.
        unsafe { task.as_ref() }.join.retain();
        // SAFETY: just made, with this output.
        (Self(task), unsafe { Task::new(task) })
    }

    pub(crate) fn id(&self) -> TaskId {
        // SAFETY: the job has a reference.
        unsafe { self.0.as_ref() }.id
    }

    /// Where and when it came into being.
    pub(crate) fn origin(&self) -> (&'static Location<'static>, Moment) {
        // SAFETY: the job has a reference.
        let header = unsafe { self.0.as_ref() };
        (header.origin.spawned_at(), header.story.born())
    }

    /// Calls the closure, unless the task has been cancelled.
    pub(crate) fn run(self) {
        // SAFETY: the job has a reference.
        let header = unsafe { self.0.as_ref() };
        if header.join.claim() {
            let mut cx = Context::from_waker(Waker::noop());
            // SAFETY: we have claimed the closure. It ends in one go.
            let done = unsafe { (header.vtable.poll)(self.0, &mut cx) };
            debug_assert!(done);
            // SAFETY: the output is stored, and only who claimed the task completes it.
            unsafe { run::publish(self.0, 0) };
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        give_up(self.0);
        // SAFETY: the job has a reference.
        let header = unsafe { self.0.as_ref() };
        if header.join.release() == Release::Free {
            // SAFETY: we were told to.
            unsafe { (header.vtable.free)(self.0) };
        }
    }
}

/// If `task` is a blocking one that has not begun: drops its closure, here and now, and completes
/// it as cancelled. The caller has a reference or the handle.
pub(super) fn give_up(task: NonNull<Header>) -> bool {
    // SAFETY: the caller keeps it.
    let header = unsafe { task.as_ref() };
    let blocking = matches!(header.whereabouts(std::ptr::null()), Whereabouts::Nowhere);
    if !blocking || !header.join.claim() {
        return false;
    }
    // SAFETY: we have claimed the closure.
    unsafe { (header.vtable.cancel)(task) };
    // SAFETY: the output is stored, and only who claimed the task completes it.
    unsafe { run::publish(task, 0) };
    true
}
