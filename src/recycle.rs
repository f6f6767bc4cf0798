//! Recycled memory for tasks and operations.
//!
//! Each thread keeps a short free list for every size class. A block always comes from, and may
//! always go back to, the global allocator with its class's layout, so it does not matter which
//! thread frees it: a block made on one ring and freed on another just joins the other's list.
//! Lists are bounded, so memory that only flows one way ends up in the allocator again.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ptr::NonNull;

/// Blocks are aligned to this: one cache line, so that two blocks never share one, and the low bits
/// of every address are free for tags.
pub(crate) const BLOCK_ALIGN: usize = 64;
/// What the system's allocator keeps beside each block. A block and this fill whole cache lines, so
/// that blocks which are made one after the other leave no gaps.
const BESIDE: usize = 8;
const CLASS_COUNT: usize = 16;
/// Memory of a class that one thread keeps: 22,795 tasks of the usual size. A burst beyond that
/// goes through the allocator, which takes three times as long and page faults.
const KEPT_BYTES_PER_CLASS: usize = 4 << 20;

struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

#[derive(Clone, Copy)]
struct FreeList {
    first: Option<NonNull<FreeBlock>>,
    length: u32,
}

struct FreeLists([FreeList; CLASS_COUNT]);

impl Drop for FreeLists {
    fn drop(&mut self) {
        for (class, list) in self.0.iter_mut().enumerate() {
            while let Some(block) = list.first {
                // SAFETY: blocks in the list are ours and hold a `FreeBlock`.
                list.first = unsafe { block.as_ref() }.next;
                // SAFETY: every block of a class was allocated with the class's layout.
                unsafe { dealloc(block.as_ptr().cast(), class_layout(class)) };
            }
        }
    }
}

thread_local! {
    static FREE: UnsafeCell<FreeLists> = const {
        UnsafeCell::new(FreeLists([FreeList { first: None, length: 0 }; CLASS_COUNT]))
    };
}

/// The class a layout belongs to, or `None` if it is too large or too strictly aligned.
///
/// There is a class for every number of cache lines up to 16, what is beside the block included.
#[inline]
const fn class_of(layout: Layout) -> Option<usize> {
    let lines = (layout.size() + BESIDE).div_ceil(BLOCK_ALIGN);
    // AddressSanitizer sees a use after free only if blocks really are freed.
    if cfg!(ringpool_asan) || lines > CLASS_COUNT || layout.align() > BLOCK_ALIGN {
        return None;
    }
    Some(lines - 1)
}

const fn class_layout(class: usize) -> Layout {
    match Layout::from_size_align((class + 1) * BLOCK_ALIGN - BESIDE, BLOCK_ALIGN) {
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
        // SAFETY: thread-local, and neither function here calls out while it is borrowed.
        let list = unsafe { &mut (&mut *free.get()).0[class] };
        let block = list.first?;
        // SAFETY: blocks in the list are ours and hold a `FreeBlock`.
        list.first = unsafe { block.as_ref() }.next;
        list.length -= 1;
        Some(block.cast())
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
        // SAFETY: thread-local, and neither function here calls out while it is borrowed.
        let list = unsafe { &mut (&mut *free.get()).0[class] };
        if list.length as usize >= KEPT_BYTES_PER_CLASS / class_layout(class).size() {
            return false;
        }
        let block = block.cast::<FreeBlock>();
        // SAFETY: the block is ours, large enough and aligned.
        unsafe { block.write(FreeBlock { next: list.first }) };
        list.first = Some(block);
        list.length += 1;
        true
    });
    if kept != Ok(true) {
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
        for (size, align) in [(1, 1), (64, 64), (1024, 8), (1025, 8), (100_000, 16), (256, 4096)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            let block = take(layout);
            assert_eq!(block.as_ptr() as usize % align.max(BLOCK_ALIGN), 0);
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
}
