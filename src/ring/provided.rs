//! Groups of buffers that the kernel takes from: `IORING_REGISTER_PBUF_RING`.
//!
//! A group is a table in memory that the kernel reads, and our books about it. Home's thread alone
//! writes to either. The table is a ring of entries; we add at its tail, and the kernel takes from
//! its head, whenever an operation has something to put into a buffer. Which buffer it took, it
//! says in the completion. So the books are right only if completions are looked at in the order in
//! which they came, before anything else is done: [`BufferGroup::claim`].
//!
//! # What can go wrong
//!
//! A buffer that stood in the table twice would be written to by one operation while another one's
//! bytes are read from it. So where it is not certain that the kernel has let go of a buffer, we
//! take it that it has not, and at worst the group has one buffer less:
//!
//! * A completion without a byte names a buffer, of which the kernel may have let go or not,
//!   depending on its version: we ask where its head is. In an incremental group that does not
//!   tell, and the buffer is left alone.
//! * The table of a ring that ends while the kernel still has operations is never unmapped.

use std::io;
use std::mem::offset_of;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;

use super::Ring;
use super::pages::Pages;
use super::promises::Promises;

/// How many buffers a group may have: what the kernel's table holds.
pub(crate) const BUFFERS_MAX: usize = 1 << 15;

/// `IOU_PBUF_RING_INC`: an operation takes a part of a buffer, and the next one goes on behind it.
const INCREMENTAL: u16 = 2;

/// What a group is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupOptions {
    /// The memory of all buffers, one behind the other.
    pub(crate) memory: NonNull<u8>,
    pub(crate) count: u16,
    pub(crate) size: u32,
    pub(crate) is_incremental: bool,
}

/// A part of a buffer that the kernel has filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) buffer: u16,
    pub(crate) offset: u32,
    pub(crate) len: u32,
    /// Whether the kernel has let go of the buffer.
    pub(crate) is_last: bool,
}

/// What a completion says about buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) buffer: u16,
    /// Bytes; none if it failed.
    pub(crate) bytes: u32,
    /// `IORING_CQE_F_BUF_MORE`: the kernel goes on with the buffer.
    pub(crate) is_continued: bool,
}

/// An entry of the table; the kernel's `struct io_uring_buf`.
#[repr(C)]
struct Entry {
    address: u64,
    len: u32,
    buffer: u16,
    /// In the first entry this is the table's tail.
    tail: u16,
}

/// A group of buffers that a ring's operations take from.
pub(crate) struct BufferGroup {
    options: GroupOptions,
    table: Pages,
    /// How many entries the table has, less one: a mask.
    mask: u16,
    tail: u16,
    /// By number.
    buffers: Box<[Book]>,
    /// Which buffer was put into each entry of the table.
    order: Box<[u16]>,
    /// How many are in the table, as far as completions have told.
    in_table: u16,
    /// How often a buffer has come back.
    returned: u64,
    promises: Promises,
}

/// What we know about a buffer.
#[derive(Clone, Copy, Default)]
struct Book {
    /// The table's tail when it was put in.
    position: u16,
    /// How much of it completions have named since then.
    taken: u32,
}

impl BufferGroup {
    fn new(options: GroupOptions) -> io::Result<Self> {
        let entries = usize::from(options.count).next_power_of_two();
        let table = Pages::new(entries * size_of::<Entry>())?;
        let count = usize::from(options.count);
        Ok(Self {
            options,
            table,
            mask: (entries - 1) as u16,
            tail: 0,
            buffers: vec![Book::default(); count].into(),
            order: vec![0; entries].into(),
            in_table: 0,
            returned: 0,
            promises: Promises::default(),
        })
    }

    /// Gives a buffer to the kernel, which sees it after [`publish`](Self::publish).
    fn put(&mut self, buffer: u16) {
        let at = self.tail & self.mask;
        let offset = usize::from(buffer) * self.options.size as usize;
        // SAFETY: the offset is within the memory.
        let address = unsafe { self.options.memory.add(offset) }.expose_provenance().get() as u64;
        let entry = self.entries().wrapping_add(usize::from(at));
        // SAFETY: an entry of the table, which the kernel does not look at before it is published;
        // the tail in the first one is left alone.
        unsafe {
            (&raw mut (*entry).address).write(address);
            (&raw mut (*entry).len).write(self.options.size);
            (&raw mut (*entry).buffer).write(buffer);
        }
        self.order[usize::from(at)] = buffer;
        self.buffers[usize::from(buffer)] = Book { position: self.tail, taken: 0 };
        self.tail = self.tail.wrapping_add(1);
        self.in_table += 1;
    }

    /// Lets the kernel see what was put in.
    fn publish(&mut self) {
        let tail = self.table.start().as_ptr().wrapping_add(offset_of!(Entry, tail)).cast::<u16>();
        // SAFETY: in the first entry, which is there and aligned, and everybody uses it as an
        // atomic.
        let tail = unsafe { AtomicU16::from_ptr(tail) };
        // Ordering: Release, partner of the kernel's Acquire: it sees the entries, and our reads of
        // the buffers are over.
        tail.store(self.tail, Ordering::Release);
    }

    fn entries(&self) -> *mut Entry {
        self.table.start().as_ptr().cast()
    }

    /// Takes buffers back that the kernel had let go of.
    pub(crate) fn give_back(&mut self, buffers: impl Iterator<Item = u16>) {
        let before = self.tail;
        buffers.for_each(|buffer| self.put(buffer));
        if self.tail != before {
            self.returned += u64::from(self.tail.wrapping_sub(before));
            self.publish();
        }
    }

    /// How often a buffer has come back so far.
    pub(crate) fn returned(&self) -> u64 {
        self.returned
    }

    /// How many buffers are in the table, as far as completions have told.
    pub(crate) fn in_table(&self) -> usize {
        usize::from(self.in_table)
    }

    /// What in the table is for whom.
    pub(crate) fn promises(&mut self) -> &mut Promises {
        &mut self.promises
    }

    /// How many buffers in the table are for nobody in particular.
    pub(crate) fn unpromised(&self) -> usize {
        self.in_table().saturating_sub(self.promises.count())
    }

    /// Writes down what a completion says, and gives it part by part: several only if the
    /// operation was one for bundles. `head` asks where the kernel's head is.
    ///
    /// # Errors
    ///
    /// If it says what cannot be.
    pub(crate) fn claim(
        &mut self,
        taken: Taken,
        head: impl FnOnce() -> Option<u16>,
        mut to: impl FnMut(Part),
    ) -> io::Result<()> {
        let Some(book) = self.buffers.get(usize::from(taken.buffer)).copied() else {
            return Err(impossible());
        };
        if taken.bytes == 0 {
            let part = Part { buffer: taken.buffer, offset: book.taken, len: 0, is_last: true };
            if !taken.is_continued && self.has_passed(book, head) {
                self.in_table -= 1;
                to(part);
            }
            return Ok(());
        }
        let mut position = book.position;
        let mut left = taken.bytes;
        while left > 0 {
            let buffer = self.order[usize::from(position & self.mask)];
            // Of a buffer alone the entry may have been used again in between.
            let buffer = if position == book.position { taken.buffer } else { buffer };
            let book = &mut self.buffers[usize::from(buffer)];
            if book.position != position || book.taken >= self.options.size {
                return Err(impossible());
            }
            let len = left.min(self.options.size - book.taken);
            left -= len;
            let part =
                Part { buffer, offset: book.taken, len, is_last: left > 0 || !taken.is_continued };
            book.taken = if part.is_last { self.options.size } else { book.taken + len };
            self.in_table -= u16::from(part.is_last);
            to(part);
            position = position.wrapping_add(1);
        }
        Ok(())
    }

    /// Whether the kernel has let go of a buffer although it has put nothing into it.
    fn has_passed(&self, book: Book, head: impl FnOnce() -> Option<u16>) -> bool {
        if self.options.is_incremental || book.taken > 0 {
            return false;
        }
        // A kernel that cannot tell has let go of it.
        head().is_none_or(|head| (head.wrapping_sub(book.position) as i16) > 0)
    }
}

#[cold]
fn impossible() -> io::Error {
    io::Error::other("the kernel named a buffer that its group does not have in its table")
}

/// The number of the first group. Kernels before 6.10 keep what they know of the groups 0 to 63 for
/// as long as the ring lives, even where their head in the table was: a table registered under a
/// number that had been used would be read from there on, and its buffers be handed out twice.
const FIRST_NUMBER: usize = 64;

/// The groups of one ring; a group's number is its place, counted from [`FIRST_NUMBER`].
#[derive(Default)]
pub(crate) struct BufferGroups(Vec<Option<BufferGroup>>);

impl BufferGroups {
    /// Registers a group with all its buffers, and gives its number.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) if the kernel lacks what is asked for.
    ///
    /// # Safety
    ///
    /// The memory is valid for `count * size` bytes, and nobody reads or writes it except through
    /// the parts that are claimed, until the group is withdrawn or its ring has ended with nothing
    /// in flight.
    pub(crate) unsafe fn register(
        &mut self,
        uring: &IoUring,
        options: GroupOptions,
    ) -> io::Result<u16> {
        let free = self.0.iter().position(Option::is_none);
        let place = free.unwrap_or(self.0.len());
        let number = u16::try_from(FIRST_NUMBER + place).map_err(|_| {
            io::Error::other("the ring has 65472 groups of buffers already, the most there can be")
        })?;
        let mut group = BufferGroup::new(options)?;
        let address = group.table.start().expose_provenance().get() as u64;
        let flags = if options.is_incremental { INCREMENTAL } else { 0 };
        let entries = group.mask + 1;
        // SAFETY: the table stays until it has been unregistered, or the kernel cannot use it any
        // more, which `withdraw` and `end` see to.
        let registered = unsafe {
            uring.submitter().register_buf_ring_with_flags(address, entries, number, flags)
        };
        registered.map_err(|error| explain(error, options.is_incremental))?;
        (0..options.count).for_each(|buffer| group.put(buffer));
        group.publish();
        if place == self.0.len() {
            self.0.push(None);
        }
        self.0[place] = Some(group);
        Ok(number)
    }

    /// A group that is registered.
    pub(crate) fn get(&mut self, number: u16) -> &mut BufferGroup {
        let place = usize::from(number) - FIRST_NUMBER;
        self.0[place].as_mut().expect("a pool's group stays as long as the pool")
    }

    /// Unregisters a group that no operation uses any more.
    pub(crate) fn withdraw(&mut self, uring: &IoUring, number: u16) {
        let place = usize::from(number) - FIRST_NUMBER;
        let Some(group) = self.0.get_mut(place).and_then(Option::take) else { return };
        if uring.submitter().unregister_buf_ring(number).is_err() {
            // The kernel might still use the table, and the number is taken.
            self.0[place] = Some(group);
        }
    }

    /// The ring is about to be closed.
    pub(crate) fn end(&mut self, uring: &IoUring, in_flight: usize) {
        for (number, group) in (FIRST_NUMBER as u16..).zip(std::mem::take(&mut self.0)) {
            let Some(group) = group else { continue };
            if in_flight > 0 || uring.submitter().unregister_buf_ring(number).is_err() {
                std::mem::forget(group);
            }
        }
    }
}

/// Where the kernel's head in a group's table is, if the kernel tells. Since Linux 6.8.
pub(crate) fn head_of(uring: &IoUring, number: u16) -> Option<u16> {
    const REGISTER_PBUF_STATUS: libc::c_uint = 26;
    /// The kernel's `struct io_uring_buf_status`.
    #[repr(C)]
    struct Status {
        group: u32,
        head: u32,
        reserved: [u32; 8],
    }
    let mut status = Status { group: number.into(), head: 0, reserved: [0; 8] };
    // SAFETY: the ring is open, and the kernel writes no more than the struct.
    let asked = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            uring.as_raw_fd(),
            REGISTER_PBUF_STATUS,
            &raw mut status,
            1,
        )
    };
    (asked == 0).then_some(status.head as u16)
}

#[cold]
fn explain(error: io::Error, is_incremental: bool) -> io::Error {
    if error.raw_os_error() == Some(libc::EINVAL) && is_incremental {
        let message = "this kernel has no incremental buffers (IOU_PBUF_RING_INC); they are there \
             since Linux 6.12; make the pool without them";
        return io::Error::new(io::ErrorKind::Unsupported, message);
    }
    error
}

/// What operations ask of the groups of their ring.
impl Ring {
    /// Registers a group of buffers; see [`BufferGroups::register`].
    ///
    /// # Safety
    ///
    /// As there.
    pub(crate) unsafe fn register_group(&mut self, options: GroupOptions) -> io::Result<u16> {
        // SAFETY: the caller's promise.
        unsafe { self.buffer_groups.register(&self.uring, options) }
    }

    pub(crate) fn buffer_group(&mut self, group: u16) -> &mut BufferGroup {
        self.buffer_groups.get(group)
    }

    /// Writes down what a completion says about buffers; see [`BufferGroup::claim`].
    pub(crate) fn claim_buffers(
        &mut self,
        group: u16,
        taken: Taken,
        to: impl FnMut(Part),
    ) -> io::Result<()> {
        let Self { uring, buffer_groups, .. } = self;
        buffer_groups.get(group).claim(taken, || head_of(uring, group), to)
    }

    /// Unregisters a group of buffers that no operation uses any more.
    pub(crate) fn withdraw_group(&mut self, group: u16) {
        self.buffer_groups.withdraw(&self.uring, group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(count: u16, size: u32, is_incremental: bool) -> BufferGroup {
        let memory = NonNull::dangling();
        // The books never touch the memory.
        let mut group =
            BufferGroup::new(GroupOptions { memory, count, size, is_incremental }).unwrap();
        (0..count).for_each(|buffer| {
            group.order[usize::from(buffer)] = buffer;
            group.buffers[usize::from(buffer)].position = buffer;
        });
        group.in_table = count;
        group.tail = count;
        group
    }

    fn claim(group: &mut BufferGroup, buffer: u16, bytes: u32, more: bool) -> Vec<Part> {
        let mut parts = Vec::new();
        let taken = Taken { buffer, bytes, is_continued: more };
        group.claim(taken, || Some(1), |part| parts.push(part)).expect("it can be");
        parts
    }

    fn part(buffer: u16, offset: u32, len: u32, is_last: bool) -> Part {
        Part { buffer, offset, len, is_last }
    }

    #[test]
    fn a_completion_takes_one_buffer_however_few_the_bytes() {
        let mut group = group(3, 8, false);
        assert_eq!(claim(&mut group, 1, 3, false), [part(1, 0, 3, true)]);
        assert_eq!(group.in_table, 2);
    }

    #[test]
    fn a_bundle_takes_buffers_in_the_order_of_the_table() {
        let mut group = group(4, 8, false);
        group.order = [2, 0, 3, 1].into();
        [1, 3, 0, 2].iter().enumerate().for_each(|(buffer, position)| {
            group.buffers[buffer].position = *position;
        });
        let parts = [part(2, 0, 8, true), part(0, 0, 8, true), part(3, 0, 1, true)];
        assert_eq!(claim(&mut group, 2, 17, false), parts);
        assert_eq!(group.in_table, 1);
    }

    #[test]
    fn an_incremental_buffer_is_taken_part_by_part() {
        let mut group = group(2, 8, true);
        assert_eq!(claim(&mut group, 0, 3, true), [part(0, 0, 3, false)]);
        assert_eq!(group.in_table, 2);
        assert_eq!(claim(&mut group, 0, 5, false), [part(0, 3, 5, true)]);
        assert_eq!(group.in_table, 1);
    }

    #[test]
    fn a_bundle_of_incremental_buffers_ends_within_one() {
        let mut group = group(2, 8, true);
        assert_eq!(claim(&mut group, 0, 6, true), [part(0, 0, 6, false)]);
        assert_eq!(claim(&mut group, 0, 5, true), [part(0, 6, 2, true), part(1, 0, 3, false)]);
        assert_eq!(group.in_table, 1);
    }

    #[test]
    fn a_failure_gives_a_buffer_back_only_if_the_kernel_has_let_go_of_it() {
        let mut group = group(2, 8, false);
        assert_eq!(claim(&mut group, 1, 0, false), [], "the head stands before it");
        assert_eq!(claim(&mut group, 0, 0, false), [part(0, 0, 0, true)]);
        let mut group = self::group(2, 8, true);
        assert_eq!(claim(&mut group, 0, 0, false), [], "nobody can tell");
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let mut group = group(2, 8, false);
        for (buffer, bytes) in [(7, 1), (0, 17)] {
            let taken = Taken { buffer, bytes, is_continued: false };
            assert!(group.claim(taken, || None, |_| {}).is_err());
        }
    }
}
