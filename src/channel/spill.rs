//! Where the items of an unbounded channel go when its ring is full.
//!
//! A queue of blocks, so that it takes memory as items come and gives it back as they leave, and
//! never copies what is inside. One empty block is kept at most.

use std::collections::VecDeque;
use std::mem;

/// How many bytes of items a block holds, about.
const BLOCK_BYTES: usize = 8 << 10;

pub(super) struct Spill<T> {
    /// Blocks with items, oldest first.
    blocks: VecDeque<VecDeque<T>>,
    spare: VecDeque<T>,
    len: usize,
}

impl<T> Spill<T> {
    const BLOCK_ITEMS: usize = match BLOCK_BYTES.checked_div(mem::size_of::<T>()) {
        None => 256,
        Some(fitting) if fitting < 16 => 16,
        Some(fitting) if fitting > 256 => 256,
        Some(fitting) => fitting,
    };

    pub(super) const fn new() -> Self {
        Self { blocks: VecDeque::new(), spare: VecDeque::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_back(&mut self, item: T) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < Self::BLOCK_ITEMS => block.push_back(item),
            _ => {
                let mut block = mem::take(&mut self.spare);
                block.reserve_exact(Self::BLOCK_ITEMS);
                block.push_back(item);
                self.blocks.push_back(block);
            }
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        let block = self.blocks.front_mut()?;
        let item = block.pop_front();
        if block.is_empty() {
            self.retire_first_block();
        }
        self.len -= 1;
        item
    }

    fn retire_first_block(&mut self) {
        self.spare = self.blocks.pop_front().unwrap_or_default();
        if self.blocks.is_empty() {
            // A list that was long once is not kept for that.
            self.blocks = VecDeque::new();
        } else if self.blocks.len() < self.blocks.capacity() / 4 {
            self.blocks.shrink_to(self.blocks.len() * 2);
        }
    }

    /// How many items there is memory for.
    #[cfg(all(test, not(ringpool_loom)))]
    fn room(&self) -> usize {
        self.spare.capacity() + self.blocks.iter().map(VecDeque::capacity).sum::<usize>()
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_the_order_they_went_in() {
        let mut spill = Spill::new();
        for number in 0..10_000 {
            spill.push_back(number);
            if number % 3 == 0 {
                assert_eq!(spill.pop_front(), Some(number / 3));
            }
        }
        let left: Vec<_> = std::iter::from_fn(|| spill.pop_front()).collect();
        assert!(left.iter().copied().eq(3_334..10_000));
        assert_eq!(spill.len(), 0);
    }

    #[test]
    fn memory_is_given_back_as_items_leave() {
        let mut spill = Spill::new();
        for number in 0..100_000_u64 {
            spill.push_back(number);
        }
        assert!(spill.room() >= 100_000);
        for _ in 0..90_000 {
            spill.pop_front();
        }
        assert!(spill.room() <= 10_000 + 2 * Spill::<u64>::BLOCK_ITEMS, "{}", spill.room());
        while spill.pop_front().is_some() {}
        assert!(spill.room() <= Spill::<u64>::BLOCK_ITEMS);
        assert_eq!(spill.blocks.capacity(), 0);
    }

    #[test]
    fn items_without_a_size_are_counted_too() {
        let mut spill = Spill::new();
        for _ in 0..1_000 {
            spill.push_back(());
        }
        assert_eq!(std::iter::from_fn(|| spill.pop_front()).count(), 1_000);
    }
}
