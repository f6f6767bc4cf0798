//! Recycled memory for tasks and operations.
//!
//! Each thread keeps a few free blocks of every size class, so that most of what is made and freed
//! passes no lock and not the allocator. What a thread has more than that it leaves in the
//! **depot**, a batch at a time, where every thread that has none left finds it: a thread that only
//! makes tasks, for a ring that frees them, gets the memory back that way. A block always comes
//! from, and may always go back to, the global allocator with its class's layout, so it does not
//! matter which thread frees it. The depot is bounded; beyond that memory goes back to the
//! allocator, as all of it does when a thread or a ring ends.
//!
//! Nobody waits for the depot, other than to empty it in the end: who finds it occupied goes to the
//! allocator.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::{Mutex, TryLockError};

use crate::primitives::unpoisoned;

/// What every allocator aligns to without being asked. To ask for more, such as a cache line, costs
/// the usual allocators about 64 bytes a block, and several times as long.
const BLOCK_ALIGN: usize = 2 * size_of::<usize>();
/// Classes are so many bytes apart.
const CLASS_STEP: usize = 32;
/// What the usual allocators keep beside a block: with it a block fills its class.
const OF_THE_ALLOCATOR: usize = size_of::<usize>();
const CLASS_COUNT: usize = 32;
/// By how much the allocator is made to grow at once. Less than what glibc gives back at once.
const AHEAD: Layout = match Layout::from_size_align(48 << 10, BLOCK_ALIGN) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};
/// Blocks that are passed on together.
const BATCH: u32 = 64;
/// What lies in the depot at most: 170,000 tasks of the usual size. A burst beyond that goes
/// through the allocator, which takes longer, and page faults.
const DEPOT_BYTES: usize = 32 << 20;

/// A block that nobody uses.
struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
    /// Of the first block of a batch in the depot: the next batch.
    next_batch: Option<NonNull<FreeBlock>>,
}

/// Free blocks of one class.
#[derive(Clone, Copy)]
struct FreeList {
    first: Option<NonNull<FreeBlock>>,
    length: u32,
}

impl FreeList {
    const EMPTY: Self = Self { first: None, length: 0 };

    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = self.first?;
        // SAFETY: blocks in the list are ours and hold a `FreeBlock`.
        self.first = unsafe { block.as_ref() }.next;
        self.length -= 1;
        Some(block.cast())
    }

    /// # Safety
    ///
    /// The block is the caller's, large enough for a `FreeBlock`, and of the list's class.
    #[inline]
    unsafe fn push(&mut self, block: NonNull<u8>) {
        let block = block.cast::<FreeBlock>();
        // SAFETY: the caller's promise; the alignment is that of all blocks.
        unsafe { block.write(FreeBlock { next: self.first, next_batch: None }) };
        self.first = Some(block);
        self.length += 1;
    }

    /// Gives all of it back to the allocator.
    fn free(&mut self, class: usize) {
        while let Some(block) = self.pop() {
            // SAFETY: every block of a class was allocated with the class's layout.
            unsafe { dealloc(block.as_ptr(), class_layout(class)) };
        }
    }
}

/// What a thread keeps of one class: two lists, so that one that takes and gives in turns goes to
/// the depot once in [`BATCH`] times at most.
#[derive(Clone, Copy)]
struct Kept {
    list: FreeList,
    /// Empty, or a whole batch.
    spare: FreeList,
}

impl Kept {
    /// A block, when the list has none.
    #[cold]
    fn take_more(&mut self, class: usize) -> Option<NonNull<u8>> {
        self.list = match self.spare.first {
            Some(_) => std::mem::replace(&mut self.spare, FreeList::EMPTY),
            None => Depot::take(class)?,
        };
        self.list.pop()
    }

    /// Empties the list when it is full.
    #[cold]
    fn make_room(&mut self, class: usize) {
        if self.spare.first.is_some() {
            Depot::give(class, self.spare);
        }
        self.spare = std::mem::replace(&mut self.list, FreeList::EMPTY);
    }
}

struct FreeLists {
    kept: [Kept; CLASS_COUNT],
    /// Bytes that have come from the allocator since it was last made to grow ahead.
    fresh: usize,
}

impl FreeLists {
    /// Memory of `class` is about to come from the allocator. The usual one grows the memory of a
    /// thread by no more than it is asked for, with a system call for each page; so when many
    /// blocks are asked for, it is made to grow by more at once.
    #[cold]
    fn grow_ahead(&mut self, class: usize) {
        self.fresh += class_layout(class).size();
        if self.fresh < AHEAD.size() {
            return;
        }
        self.fresh = 0;
        // SAFETY: the size is not zero. The compiler would leave both calls out.
        let block = std::hint::black_box(unsafe { alloc(AHEAD) });
        if !block.is_null() {
            // SAFETY: just allocated, with the same layout.
            unsafe { dealloc(block, AHEAD) };
        }
    }
}

impl Drop for FreeLists {
    fn drop(&mut self) {
        for (class, kept) in self.kept.iter_mut().enumerate() {
            kept.list.free(class);
            kept.spare.free(class);
        }
    }
}

thread_local! {
    static FREE: UnsafeCell<FreeLists> = const {
        let none = Kept { list: FreeList::EMPTY, spare: FreeList::EMPTY };
        UnsafeCell::new(FreeLists { kept: [none; CLASS_COUNT], fresh: 0 })
    };
}

/// Whole batches that threads have left for others.
struct Depot {
    batches: [Option<NonNull<FreeBlock>>; CLASS_COUNT],
    bytes: usize,
}

// SAFETY: its blocks are nobody's but its own.
unsafe impl Send for Depot {}

static DEPOT: Mutex<Depot> = Mutex::new(Depot { batches: [None; CLASS_COUNT], bytes: 0 });

impl Depot {
    /// Does something with the depot, unless somebody else is at it.
    fn with<R>(work: impl FnOnce(&mut Self) -> R) -> Option<R> {
        match DEPOT.try_lock() {
            Ok(mut depot) => Some(work(&mut depot)),
            Err(TryLockError::Poisoned(depot)) => Some(work(&mut depot.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn take(class: usize) -> Option<FreeList> {
        Self::with(|depot| depot.pop(class)).flatten()
    }

    fn pop(&mut self, class: usize) -> Option<FreeList> {
        let first = self.batches[class]?;
        // SAFETY: blocks in the depot are its own and hold a `FreeBlock`.
        self.batches[class] = unsafe { first.as_ref() }.next_batch;
        self.bytes -= batch_bytes(class);
        Some(FreeList { first: Some(first), length: BATCH })
    }

    /// Takes in a whole batch.
    fn give(class: usize, mut batch: FreeList) {
        if Self::with(|depot| depot.push(class, batch)) != Some(true) {
            batch.free(class);
        }
    }

    /// Takes in a batch, if there is room.
    fn push(&mut self, class: usize, batch: FreeList) -> bool {
        let Some(mut first) = batch.first else { return true };
        if self.bytes + batch_bytes(class) > DEPOT_BYTES {
            return false;
        }
        // SAFETY: the batch was given to us, and its blocks hold a `FreeBlock`.
        unsafe { first.as_mut() }.next_batch = self.batches[class].replace(first);
        self.bytes += batch_bytes(class);
        true
    }
}

const fn batch_bytes(class: usize) -> usize {
    class_layout(class).size() * BATCH as usize
}

/// Gives what lies in the depot back to the allocator. For who ends, and can wait.
pub(crate) fn empty_depot() {
    let batches = {
        let mut depot = unpoisoned(DEPOT.lock());
        depot.bytes = 0;
        std::mem::replace(&mut depot.batches, [None; CLASS_COUNT])
    };
    for (class, mut first) in batches.into_iter().enumerate() {
        while let Some(block) = first {
            // SAFETY: it was in the depot, and is ours now; it holds a `FreeBlock`.
            first = unsafe { block.as_ref() }.next_batch;
            FreeList { first: Some(block), length: BATCH }.free(class);
        }
    }
}

/// The class a layout belongs to, or `None` if it is too large or too strictly aligned.
#[inline]
const fn class_of(layout: Layout) -> Option<usize> {
    let steps = (layout.size() + OF_THE_ALLOCATOR).div_ceil(CLASS_STEP);
    // AddressSanitizer sees a use after free only if blocks really are freed.
    if cfg!(ringpool_asan) || steps > CLASS_COUNT || layout.align() > BLOCK_ALIGN {
        return None;
    }
    Some(steps - 1)
}

const fn class_layout(class: usize) -> Layout {
    let size = (class + 1) * CLASS_STEP - OF_THE_ALLOCATOR;
    match Layout::from_size_align(size, BLOCK_ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

/// The layout that is asked of the allocator for a block that fits no class.
fn plain_layout(layout: Layout) -> Layout {
    let aligned = layout.align_to(BLOCK_ALIGN).map(|layout| layout.pad_to_align());
    aligned.unwrap_or_else(|_| handle_alloc_error(layout))
}

fn from_allocator(layout: Layout) -> NonNull<u8> {
    // SAFETY: the size is not zero: class layouts hold a block, and `plain_layout` pads to one
    // (callers have at least a header to store).
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Memory for `layout` (of more than zero bytes), aligned to at least [`BLOCK_ALIGN`].
#[inline]
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    let Some(class) = class_of(layout) else { return from_allocator(plain_layout(layout)) };
    let kept = FREE.try_with(|free| {
        // SAFETY: thread-local, and no function here calls out to who might come back while it is
        // borrowed.
        let lists = unsafe { &mut *free.get() };
        let kept = &mut lists.kept[class];
        let block = kept.list.pop().or_else(|| kept.take_more(class));
        if block.is_none() {
            lists.grow_ahead(class);
        }
        block
    });
    kept.ok().flatten().unwrap_or_else(|| from_allocator(class_layout(class)))
}

/// Gives memory back.
///
/// # Safety
///
/// `block` came from [`take`] with the same `layout`, and nobody uses it any more.
#[inline]
pub(crate) unsafe fn give(block: NonNull<u8>, layout: Layout) {
    let Some(class) = class_of(layout) else {
        // SAFETY: `take` allocated it with this layout.
        return unsafe { dealloc(block.as_ptr(), plain_layout(layout)) };
    };
    let kept = FREE.try_with(|free| {
        // SAFETY: as in `take`.
        let kept = unsafe { &mut (&mut *free.get()).kept[class] };
        if kept.list.length == BATCH {
            kept.make_room(class);
        }
        // SAFETY: the block is ours now, and of this class.
        unsafe { kept.list.push(block) };
    });
    if kept.is_err() {
        // SAFETY: every block of a class was allocated with the class's layout.
        unsafe { dealloc(block.as_ptr(), class_layout(class)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_back_to_who_asks_next() {
        let layout = Layout::from_size_align(200, 8).unwrap();
        let first = take(layout);
        assert_eq!(first.as_ptr() as usize % BLOCK_ALIGN, 0);
        // SAFETY: taken above with the same layout.
        unsafe { give(first, layout) };
        let second = take(layout);
        if !cfg!(ringpool_asan) {
            assert_eq!(first, second);
        }
        // SAFETY: taken above with the same layout.
        unsafe { give(second, layout) };
    }

    #[test]
    fn large_and_strictly_aligned_blocks_work_too() {
        for (size, align) in [(1, 1), (64, 64), (1016, 8), (1017, 8), (100_000, 16), (256, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let block = take(layout);
            assert_eq!(block.as_ptr() as usize % align.max(BLOCK_ALIGN), 0, "{layout:?}");
            // SAFETY: the block is `size` bytes and ours.
            unsafe { block.write_bytes(0xa5, size) };
            // SAFETY: taken above with the same layout.
            unsafe { give(block, layout) };
        }
    }

    #[test]
    fn blocks_freed_on_another_thread_are_not_lost() {
        let layout = Layout::from_size_align(128, 8).unwrap();
        let blocks: Vec<usize> =
            (0..3000).map(|_| take(layout).as_ptr().expose_provenance()).collect();
        std::thread::spawn(move || {
            for block in blocks {
                let block = NonNull::new(std::ptr::with_exposed_provenance_mut(block)).unwrap();
                // SAFETY: taken above with the same layout, and given once.
                unsafe { give(block, layout) };
            }
        })
        .join()
        .unwrap();
    }

    /// Two rings may end at the same time.
    #[test]
    #[cfg(not(ringpool_asan))]
    fn the_depot_is_emptied_even_if_somebody_else_is_at_it() {
        let class = CLASS_COUNT - 1;
        let mut batch = FreeList::EMPTY;
        for _ in 0..BATCH {
            // SAFETY: just allocated, with the class's layout.
            unsafe { batch.push(from_allocator(class_layout(class))) };
        }
        let mut depot = DEPOT.lock().unwrap();
        assert!(depot.push(class, batch));
        let emptying = std::thread::spawn(empty_depot);
        // Time enough to give up, for who would.
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(depot);
        emptying.join().unwrap();
        assert!(DEPOT.lock().unwrap().batches[class].is_none());
    }

    #[test]
    fn the_depot_gives_what_it_was_given_and_no_more_than_it_may() {
        let class = CLASS_COUNT - 1;
        let mut depot = Depot { batches: [None; CLASS_COUNT], bytes: 0 };
        assert!(depot.pop(class).is_none());
        let mut lists = [FreeList::EMPTY; 2];
        for list in &mut lists {
            for _ in 0..BATCH {
                // SAFETY: just allocated, with the class's layout.
                unsafe { list.push(from_allocator(class_layout(class))) };
            }
            assert!(depot.push(class, *list));
        }
        assert_eq!(depot.bytes, 2 * batch_bytes(class));
        for expected in lists.iter().rev() {
            let mut batch = depot.pop(class).unwrap();
            assert_eq!((batch.first, batch.length), (expected.first, BATCH));
            batch.free(class);
        }
        assert!(depot.pop(class).is_none());
        depot.bytes = DEPOT_BYTES;
        assert!(!depot.push(class, lists[0]));
    }
}
