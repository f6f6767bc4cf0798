//! The timers of one ring: a heap of deadlines, with eight children a node: the deadlines of these
//! are in one or two lines of cache, while each step down touches a timer that is cold.
//!
//! Each timer knows its place in the heap, so one that is dropped leaves at once and leaves nothing
//! behind. The usual timer is armed for later than all others and cancelled before it fires: it
//! goes in and out at the end of the heap without moving anything.

use std::ptr::NonNull;

use super::timer::{Due, TimerCell};

const CHILDREN: usize = 8;

/// A deadline, in nanoseconds of the process's clock, and whose it is.
#[derive(Clone, Copy)]
struct Entry {
    deadline_ns: u64,
    timer: NonNull<TimerCell>,
}

/// See the module's page. A timer in the heap is valid until it is taken out.
#[derive(Default)]
pub(crate) struct TimerHeap {
    entries: Vec<Entry>,
}

impl TimerHeap {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The deadline that comes first.
    #[inline]
    pub(crate) fn next_deadline_ns(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.deadline_ns)
    }

    /// # Safety
    ///
    /// `timer` is valid and in place until it is taken out, and in no heap.
    pub(super) unsafe fn insert(&mut self, deadline_ns: u64, timer: NonNull<TimerCell>) {
        self.entries.push(Entry { deadline_ns, timer });
        self.sift_up(self.entries.len() - 1);
    }

    /// # Safety
    ///
    /// `timer` is in this heap.
    pub(super) unsafe fn remove(&mut self, timer: NonNull<TimerCell>) {
        // SAFETY: timers in the heap are valid.
        let index = unsafe { timer.as_ref() }.heap_index.get();
        self.take_out(index);
    }

    /// Takes out the first timer, if it is due.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<Due> {
        let first = *self.entries.first()?;
        if first.deadline_ns > now_ns {
            return None;
        }
        self.take_out(0);
        Some(Due::new(first.timer))
    }

    fn take_out(&mut self, index: usize) {
        self.entries.swap_remove(index);
        if index < self.entries.len() {
            self.sift_down(index);
            self.sift_up(index);
        }
    }

    fn sift_up(&mut self, mut index: usize) {
        let entry = self.entries[index];
        while index > 0 {
            let parent = (index - 1) / CHILDREN;
            if self.entries[parent].deadline_ns <= entry.deadline_ns {
                break;
            }
            self.place(index, self.entries[parent]);
            index = parent;
        }
        self.place(index, entry);
    }

    fn sift_down(&mut self, mut index: usize) {
        let entry = self.entries[index];
        while let Some(child) = self.first_child(index) {
            if self.entries[child].deadline_ns >= entry.deadline_ns {
                break;
            }
            self.place(index, self.entries[child]);
            index = child;
        }
        self.place(index, entry);
    }

    /// The child of `index` that is due first.
    fn first_child(&self, index: usize) -> Option<usize> {
        let first = index * CHILDREN + 1;
        let end = (first + CHILDREN).min(self.entries.len());
        (first..end).min_by_key(|&child| self.entries[child].deadline_ns)
    }

    fn place(&mut self, index: usize, entry: Entry) {
        self.entries[index] = entry;
        // SAFETY: timers in the heap are valid, and their index is the heap's.
        unsafe { entry.timer.as_ref() }.heap_index.set(index);
    }
}
