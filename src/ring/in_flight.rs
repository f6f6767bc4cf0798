//! The operations of a ring that the kernel has, or that stand in line for it: how many there are,
//! and what each is, for people who look.
//!
//! Each has a place in a table, and its cell knows which, so that one that ends leaves at once and
//! touches no other. A place that is free again is the next to be used.

use std::ptr::NonNull;
use std::time::Duration;

use io_uring::{opcode, squeue};

use super::operations::name_of;
use super::reaped::UserData;
use crate::context::Local;
use crate::op::cell::CellHeader;
use crate::op::fields;
use crate::time::moment::Moment;

/// Who begins an operation, and when.
#[derive(Clone, Copy)]
pub(crate) struct Beginning {
    /// The number of the task; 0 if it is none.
    task: u64,
    at: Moment,
}

impl Beginning {
    /// The task that runs now, if one does.
    #[inline]
    pub(crate) fn here(local: &Local) -> Self {
        Self { task: local.current_number(), at: local.now.get() }
    }
}

/// What is known of an operation in flight.
#[derive(Clone, Copy)]
struct Entry {
    beginning: Beginning,
    fd: i32,
    opcode: u8,
    is_direct: bool,
    is_used: bool,
}

/// An operation in flight, as people who look see it.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) opcode: u8,
    pub(crate) descriptor: Option<i32>,
    pub(crate) is_direct: bool,
    /// The number of the task that began it; 0 if it was none.
    pub(crate) task: u64,
    pub(crate) age: Duration,
}

/// See the module's page.
#[derive(Default)]
pub(super) struct InFlight {
    entries: Vec<Entry>,
    free: Vec<u32>,
}

impl InFlight {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// # Safety
    ///
    /// The entry's user data names a cell, which stays until [`remove`](Self::remove).
    #[inline]
    pub(super) unsafe fn add(&mut self, entry: &squeue::Entry, beginning: Beginning) {
        let UserData::Cell(cell) = UserData::from_bits(entry.get_user_data()) else {
            unreachable!("the user data of an operation names its cell");
        };
        let (fd, is_direct) = fields::target_of(entry);
        let opcode = entry.get_opcode() as u8;
        let known = Entry { beginning, fd, opcode, is_direct, is_used: true };
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = known;
                place
            }
            None => {
                self.entries.push(known);
                (self.entries.len() - 1) as u32
            }
        };
        // SAFETY: the caller's promise.
        unsafe { cell.as_ref() }.place.set(place);
    }

    /// # Safety
    ///
    /// `cell` is that of an operation that was added, and not removed.
    #[inline]
    pub(super) unsafe fn remove(&mut self, cell: NonNull<CellHeader>) {
        // SAFETY: the caller's promise.
        let place = unsafe { cell.as_ref() }.place.get();
        self.entries[place as usize].is_used = false;
        self.free.push(place);
    }

    /// All of them, `now`.
    pub(super) fn operations(&self, now: Moment) -> impl Iterator<Item = Operation> {
        let used = self.entries.iter().filter(|entry| entry.is_used);
        used.map(move |entry| Operation {
            name: name_of(entry.opcode),
            opcode: entry.opcode,
            descriptor: descriptor_of(entry),
            is_direct: entry.is_direct,
            task: entry.beginning.task,
            age: now.since(entry.beginning.at),
        })
    }
}

/// Operations in whose entries the descriptor's field means something else, or nothing.
const WITHOUT_DESCRIPTOR: [u8; 9] = [
    opcode::Nop::CODE,
    opcode::Socket::CODE,
    opcode::Pipe::CODE,
    opcode::WaitId::CODE,
    opcode::FutexWait::CODE,
    opcode::FutexWake::CODE,
    opcode::FutexWaitV::CODE,
    opcode::GetXattr::CODE,
    opcode::SetXattr::CODE,
];

/// The descriptor that the operation is about; a directory's, if it is about a name in there.
fn descriptor_of(entry: &Entry) -> Option<i32> {
    (entry.fd >= 0 && !WITHOUT_DESCRIPTOR.contains(&entry.opcode)).then_some(entry.fd)
}

#[cfg(test)]
mod tests {
    use io_uring::types;

    use super::*;

    fn descriptor_in(entry: &squeue::Entry) -> Option<i32> {
        let beginning = Beginning { task: 0, at: Moment::now() };
        let (fd, is_direct) = fields::target_of(entry);
        let opcode = entry.get_opcode() as u8;
        descriptor_of(&Entry { beginning, fd, opcode, is_direct, is_used: true })
    }

    #[test]
    fn what_makes_descriptors_is_about_none() {
        let mut ends = [0; 2];
        assert_eq!(descriptor_in(&opcode::Pipe::new(ends.as_mut_ptr()).build()), None);
        assert_eq!(descriptor_in(&opcode::Socket::new(0, 0, 0).build()), None);
        assert_eq!(descriptor_in(&opcode::Fsync::new(types::Fd(0)).build()), Some(0));
    }
}
