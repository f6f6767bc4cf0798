//! Operations that wait until all others of the ring have ended, and let none begin before they
//! have.
//!
//! The kernel has that too (`IOSQE_IO_DRAIN`), but not for rings like ours: it refuses it where
//! completions are skipped, as those of our bells and cancels are; it would wait for the poll of
//! our eventfd, which never ends; and it would hold back our own messages and cancels as well, so
//! that nobody could stop what the drain waits for. So the ring holds operations back itself, and
//! only operations.
//!
//! What is held back is in no queue of the kernel's: a cancel takes it out, and its completion is
//! made up.

use std::collections::VecDeque;
use std::ptr::NonNull;

use io_uring::squeue;

use super::driver::Ring;
use super::reaped::UserData;
use crate::op::cell::CellHeader;

/// Operations that are submitted together.
struct Group {
    entries: Vec<squeue::Entry>,
    /// They wait for all others.
    is_drained: bool,
}

/// What is held back, and why.
#[derive(Default)]
pub(super) struct Draining {
    held: VecDeque<Group>,
    /// Entries in `held`.
    held_entries: usize,
    /// Cancelled while they were held back; not yet told.
    refused: Vec<NonNull<CellHeader>>,
    /// What is in the kernel is drained: nothing else may begin.
    is_alone: bool,
}

impl Draining {
    /// Whether anything is out of the ordinary.
    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.is_alone || !self.held.is_empty()
    }

    /// The entries, if they may be submitted now; otherwise they are held back. So many `others`
    /// are in flight.
    pub(super) fn pass(
        &mut self,
        entries: Vec<squeue::Entry>,
        is_drained: bool,
        others: usize,
    ) -> Option<Vec<squeue::Entry>> {
        if !self.is_active() && (!is_drained || others == 0) {
            self.is_alone = is_drained;
            return Some(entries);
        }
        self.held_entries += entries.len();
        self.held.push_back(Group { entries, is_drained });
        None
    }

    /// What may be submitted now, if so many operations are in flight, with those held back and
    /// refused.
    fn next(&mut self, in_flight: usize) -> Option<Vec<squeue::Entry>> {
        let is_empty = in_flight == self.held_entries + self.refused.len();
        self.is_alone &= !is_empty;
        let first = self.held.front()?;
        if self.is_alone || (first.is_drained && !is_empty) {
            return None;
        }
        self.is_alone = first.is_drained;
        let group = self.held.pop_front()?;
        self.held_entries -= group.entries.len();
        Some(group.entries)
    }

    /// Cancels an operation that is held back, and those it is linked with; says whether it is.
    pub(super) fn refuse(&mut self, cell: NonNull<CellHeader>) -> bool {
        let user_data = UserData::Cell(cell).into_bits();
        let has_it = |entry: &squeue::Entry| entry.get_user_data() == user_data;
        let group = self.held.iter().position(|group| group.entries.iter().any(has_it));
        let group = group.and_then(|at| self.held.remove(at));
        group.inspect(|group| self.refuse_group(group)).is_some()
    }

    /// Cancels all that is held back.
    pub(super) fn refuse_all(&mut self) {
        while let Some(group) = self.held.pop_front() {
            self.refuse_group(&group);
        }
    }

    fn refuse_group(&mut self, group: &Group) {
        self.held_entries -= group.entries.len();
        let cell_of = |entry: &squeue::Entry| match UserData::from_bits(entry.get_user_data()) {
            UserData::Cell(cell) => Some(cell),
            _ => None,
        };
        self.refused.extend(group.entries.iter().filter_map(cell_of));
    }

    #[inline]
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    pub(super) fn take_refused(&mut self) -> impl Iterator<Item = NonNull<CellHeader>> {
        self.refused.drain(..)
    }
}

impl Ring {
    /// An operation has ended: submits what may begin now.
    #[cold]
    pub(super) fn release_drained(&mut self) {
        while let Some(entries) = self.draining.next(self.in_flight()) {
            // SAFETY: whoever started them promised that for as long as it takes.
            unsafe { self.push_together(entries) };
        }
    }
}
