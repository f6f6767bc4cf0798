//! The two lists of tasks that a ring's thread keeps: those ready to run, and all that live here.
//!
//! Both go through fields of the tasks themselves, so neither allocates, and both are touched by
//! their own thread only.

use std::cell::Cell;
use std::ptr::NonNull;

use super::header::Header;

/// First in, first out.
#[derive(Default)]
pub(crate) struct ReadyQueue {
    first: Cell<Option<NonNull<Header>>>,
    last: Cell<Option<NonNull<Header>>>,
    length: Cell<usize>,
}

impl ReadyQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length.get()
    }

    #[inline]
    pub(super) fn first(&self) -> Option<NonNull<Header>> {
        self.first.get()
    }

    /// Takes all of it.
    pub(super) fn take(&self) -> Self {
        let (first, last) = (self.first.take().into(), self.last.take().into());
        Self { first, last, length: self.length.take().into() }
    }

    /// Shows each of its tasks, in order.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Header)) {
        let mut next = self.first.get();
        while let Some(task) = next {
            // SAFETY: tasks in the queue are valid until popped.
            let header = unsafe { task.as_ref() };
            next = header.home.next_ready.get();
            visit(header);
        }
    }

    /// Makes it a list that lies on a shelf, which begins with `first`, as this one does.
    pub(super) fn into_shelved(self, first: NonNull<Header>) -> (NonNull<Header>, usize) {
        // SAFETY: tasks in the queue are valid until popped, and ours.
        let home = unsafe { &first.as_ref().home };
        home.previous.set(self.last.get());
        home.orphans
            .set(u32::try_from(self.length.get()).expect("four billion tasks are too many"));
        (first, self.length.get())
    }

    /// The list that begins with `first`.
    ///
    /// # Safety
    ///
    /// It was made by [`into_shelved`](Self::into_shelved), and is the caller's.
    pub(super) unsafe fn from_shelved(first: NonNull<Header>) -> Self {
        // SAFETY: the caller's promise.
        let home = unsafe { &first.as_ref().home };
        let (last, length) = (home.previous.take(), home.orphans.take() as usize);
        Self { first: Some(first).into(), last: last.into(), length: length.into() }
    }

    /// # Safety
    ///
    /// `task` is the calling thread's, which owns this queue, is valid until popped, and is in no
    /// queue.
    #[inline]
    pub(super) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        unsafe { task.as_ref() }.home.next_ready.set(None);
        match self.last.replace(Some(task)) {
            None => self.first.set(Some(task)),
            // SAFETY: tasks in the queue are valid until popped.
            Some(last) => unsafe { last.as_ref() }.home.next_ready.set(Some(task)),
        }
        self.length.set(self.length.get() + 1);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.first.get()?;
        // SAFETY: tasks in the queue are valid until popped.
        let next = unsafe { task.as_ref() }.home.next_ready.take();
        self.first.set(next);
        if next.is_none() {
            self.last.set(None);
        }
        self.length.set(self.length.get() - 1);
        Some(task)
    }
}

/// Every task that lives on this ring and is not complete.
#[derive(Default)]
pub(crate) struct LiveTasks {
    first: Cell<Option<NonNull<Header>>>,
    length: Cell<usize>,
}

impl LiveTasks {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length.get()
    }

    pub(super) fn first(&self) -> Option<NonNull<Header>> {
        self.first.get()
    }

    /// # Safety
    ///
    /// `task` lives on the calling thread, which owns this list, is in no such list, and is valid
    /// until removed.
    #[inline]
    pub(super) unsafe fn insert(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let home = unsafe { &task.as_ref().home };
        let next = self.first.replace(Some(task));
        home.previous.set(None);
        home.next.set(next);
        if let Some(next) = next {
            // SAFETY: tasks in the list are valid until removed.
            unsafe { next.as_ref() }.home.previous.set(Some(task));
        }
        self.length.set(self.length.get() + 1);
    }

    /// # Safety
    ///
    /// `task` is in this list, and the calling thread owns it.
    #[inline]
    pub(super) unsafe fn remove(&self, task: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let home = unsafe { &task.as_ref().home };
        let (previous, next) = (home.previous.take(), home.next.take());
        match previous {
            None => self.first.set(next),
            // SAFETY: tasks in the list are valid until removed.
            Some(previous) => unsafe { previous.as_ref() }.home.next.set(next),
        }
        if let Some(next) = next {
            // SAFETY: tasks in the list are valid until removed.
            unsafe { next.as_ref() }.home.previous.set(previous);
        }
        self.length.set(self.length.get() - 1);
    }
}
