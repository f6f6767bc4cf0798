//! Buffers that the kernel chooses from.

use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use crate::ring::BareRing;

/// As many as a page has entries for.
const BUFFERS: u16 = 256;

/// The table begins at a page.
#[repr(align(4096))]
struct Page([u8; BUFFERS as usize * size_of::<BufRingEntry>()]);

/// The table that the kernel takes buffers from, and their memory.
pub(crate) struct Buffers {
    table: Box<Page>,
    memory: Vec<u8>,
    len: usize,
    tail: u16,
    /// How many the table has, as far as is known.
    free: usize,
}

impl Buffers {
    /// Buffers of that length, as group 0 of the ring.
    ///
    /// # Safety
    ///
    /// They stay as long as the ring is there.
    pub(crate) unsafe fn new(ring: &BareRing<'_>, len: usize) -> Self {
        let table = Box::new(Page([0; _]));
        let memory = vec![0; usize::from(BUFFERS) * len];
        let mut buffers = Self { table, memory, len, tail: 0, free: 0 };
        // SAFETY: both are on the heap; the caller keeps them.
        unsafe { ring.register_buffer_table(buffers.table.0.as_ptr(), BUFFERS) };
        (0..BUFFERS).for_each(|buffer| buffers.give_back(buffer));
        buffers
    }

    /// Where the bytes of a buffer begin.
    pub(crate) fn address(&self, buffer: u16) -> *const u8 {
        self.memory[usize::from(buffer) * self.len..].as_ptr()
    }

    /// How many the kernel has to choose from.
    pub(crate) fn free(&self) -> usize {
        self.free
    }

    /// The kernel has filled one.
    pub(crate) fn take(&mut self) {
        self.free -= 1;
    }

    /// Puts a buffer into the table, and tells the kernel.
    pub(crate) fn give_back(&mut self, buffer: u16) {
        let address = self.address(buffer);
        let table = self.table.0.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the table has `BUFFERS` entries; the index is less.
        let entry = unsafe { &mut *table.add(usize::from(self.tail % BUFFERS)) };
        entry.set_addr(address as u64);
        entry.set_len(self.len as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        self.free += 1;
        // SAFETY: the table begins here, and its first entry has the tail in it, at an even
        // address; besides us only the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(table).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
