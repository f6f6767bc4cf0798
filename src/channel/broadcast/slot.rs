//! A place for one item that each receiver clones once, without a lock.
//!
//! A **slot** is overwritten again and again, by the holder of the channel's lock; receivers come
//! without it. An item lies in a **node**, which belongs to the slot as long as nobody is late.
//!
//! # The word of a slot
//!
//! | bits  | meaning                                                                           |
//! |-------|-----------------------------------------------------------------------------------|
//! | 0–31  | unclaimed: receivers that may still claim the item                                |
//! | 32–63 | generation: counts the overwritings in steps of two; odd while one is going on    |
//!
//! A claim is one compare-and-exchange that takes one off. It fails if the slot was overwritten
//! since the word was read, so position and node, which are read in between, are those of the word.
//! (The generation returns to the same number after 2^31 overwritings of one slot; that would have
//! to happen between two instructions of one receiver.)
//!
//! # The shares of a node
//!
//! Whoever has claimed an item, or may claim it, has a share. A claimer clones the item and gives
//! its share up; the one who has the only share takes the item itself, and leaves the node
//! `EMPTY`, for the next item. Who overwrites a slot gives up all shares that were not claimed. If
//! that leaves some, somebody is cloning at this moment: the node is `DETACHED` from the slot,
//! which gets another, and the last of the shares frees it. So nobody ever waits for a clone.

use std::mem::MaybeUninit;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use crate::primitives::UnsafeCell;
use crate::primitives::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

const ONE_GENERATION: u64 = 1 << 33;
const OVERWRITING: u64 = 1 << 32;
const UNCLAIMED: u64 = OVERWRITING - 1;

const EMPTY: u32 = 1 << 31;
const DETACHED: u32 = 1 << 30;
const COUNT: u32 = DETACHED - 1;

/// Each receiver may have a share of each item.
pub(super) const MAX_RECEIVERS: u32 = COUNT;

pub(super) struct Slot<T> {
    word: AtomicU64,
    position: AtomicU64,
    node: AtomicPtr<Node<T>>,
}

struct Node<T> {
    shares: AtomicU32,
    item: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: items are moved in and out by one thread at a time, which `T: Send` allows; while they
// are inside, several receivers look at them to clone them, which `T: Sync` allows.
unsafe impl<T: Send + Sync> Send for Slot<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

// User code, which is the clone and the drop of items, runs when nothing is half changed.
impl<T> RefUnwindSafe for Slot<T> {}
impl<T> UnwindSafe for Slot<T> {}

impl<T> Slot<T> {
    /// Without an item; `position` is that of no item anybody asks for.
    pub(super) fn new(position: u64) -> Self {
        Self {
            word: AtomicU64::new(0),
            position: AtomicU64::new(position),
            node: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Claims the item of `position`. `None` if it is not there: not yet, or not any more, or it
    /// is being put in; then the lock tells.
    ///
    /// # Safety
    ///
    /// The caller is one of the receivers that were counted when the item was put in, and has not
    /// claimed it.
    #[inline]
    pub(super) unsafe fn claim(&self, position: u64) -> Option<Share<T>> {
        // Ordering: Acquire, partner of the Release at the end of `put`: position and node are at
        // least those of this word.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            // Ordering: Relaxed, here and below: validated by the exchange, as the page says.
            if word & OVERWRITING != 0 || self.position.load(Ordering::Relaxed) != position {
                return None;
            }
            let node = self.node.load(Ordering::Relaxed);
            // Ordering: AcqRel, partner of the exchange in `put`: these reads come before its
            // writes. Acquire as in the load above.
            let claimed = self.word.compare_exchange_weak(
                word,
                word.wrapping_sub(1),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match claimed {
                Ok(_) => return NonNull::new(node).map(Share),
                Err(other) => word = other,
            }
        }
    }

    /// Whether a claim of `position` is likely to find the item.
    pub(super) fn has(&self, position: u64) -> bool {
        // Ordering: Relaxed, twice: a hint, since the claim looks for itself.
        let is_whole = self.word.load(Ordering::Relaxed) & OVERWRITING == 0;
        is_whole && self.position.load(Ordering::Relaxed) == position
    }

    /// Puts an item in for `receivers`, of which there is at least one; gives the old item if that
    /// is nobody's any more.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock.
    pub(super) unsafe fn put(&self, position: u64, item: T, receivers: u32) -> Option<T> {
        let before = self.begin_overwriting();
        // Ordering: Relaxed: written by holders of the lock only.
        let node = NonNull::new(self.node.load(Ordering::Relaxed));
        // SAFETY: the node of this slot, of which the unclaimed shares are ours now.
        let retired = node.map(|node| unsafe { Node::retire(node, (before & UNCLAIMED) as u32) });
        let (free, old) = retired.unwrap_or((None, None));
        let node = free.unwrap_or_else(Node::new);
        // SAFETY: empty, and not in a slot yet, so nobody else's.
        unsafe { Node::fill(node, item, receivers) };
        // Ordering: Relaxed, three times: published by the Release of the last.
        self.node.store(node.as_ptr(), Ordering::Relaxed);
        self.position.store(position, Ordering::Relaxed);
        let generation = (before & !UNCLAIMED).wrapping_add(ONE_GENERATION);
        // Ordering: Release, partner of the Acquire in `claim`.
        self.word.store(generation | u64::from(receivers), Ordering::Release);
        old
    }

    /// Keeps receivers off; gives the word that was.
    fn begin_overwriting(&self) -> u64 {
        // Ordering: Relaxed: the exchange orders.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let next = (word & !UNCLAIMED) | OVERWRITING;
            // Ordering: AcqRel, partner of the exchange in `claim`: whoever claimed before has
            // read what is written next.
            let begun =
                self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed);
            match begun {
                Ok(_) => return word,
                Err(other) => word = other,
            }
        }
    }

    /// Whether receivers may still claim the item.
    pub(super) fn is_awaited(&self) -> bool {
        // Ordering: Relaxed: an answer that may be out of date at once.
        self.word.load(Ordering::Relaxed) & UNCLAIMED != 0
    }

    /// Frees the node; gives the item that nobody has taken.
    pub(super) fn clear(&mut self) -> Option<T> {
        // Ordering: Relaxed, twice: borrowed exclusively.
        let node = NonNull::new(self.node.swap(std::ptr::null_mut(), Ordering::Relaxed))?;
        // SAFETY: the slot's own node, which no receiver uses, since they borrow the slot for that.
        let node = unsafe { Box::from_raw(node.as_ptr()) };
        let is_empty = node.shares.load(Ordering::Relaxed) & EMPTY != 0;
        // SAFETY: not EMPTY, so an item is inside, and the node is ours.
        (!is_empty).then(|| unsafe { node.take() })
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        drop(self.clear());
    }
}

impl<T> Node<T> {
    fn new() -> NonNull<Self> {
        let item = UnsafeCell::new(MaybeUninit::uninit());
        NonNull::from(Box::leak(Box::new(Self { shares: AtomicU32::new(EMPTY), item })))
    }

    /// # Safety
    ///
    /// The node is empty and the caller's alone.
    unsafe fn fill(node: NonNull<Self>, item: T, receivers: u32) {
        // SAFETY: as for this function.
        let node = unsafe { node.as_ref() };
        node.item.with_mut(|place| {
            // SAFETY: as for this function.
            unsafe { (*place).write(item) };
        });
        // Ordering: Relaxed: published with the slot's word.
        node.shares.store(receivers, Ordering::Relaxed);
    }

    /// Gives up `unclaimed` shares. The node, if it is free for another item, and the old item if
    /// those were the last; else the node is left to those who have shares.
    ///
    /// # Safety
    ///
    /// The caller is overwriting the slot of the node, and these shares are its own.
    unsafe fn retire(node: NonNull<Self>, unclaimed: u32) -> (Option<NonNull<Self>>, Option<T>) {
        // SAFETY: in its slot a node is not freed.
        let this = unsafe { node.as_ref() };
        // Ordering: Acquire, partner of the Release in `Share::empty`.
        if unclaimed == 0 && this.shares.load(Ordering::Acquire) & EMPTY != 0 {
            return (Some(node), None);
        }
        // Ordering: AcqRel, with each other giving up: the last one comes after all of them.
        let before = this.shares.fetch_add(DETACHED - unclaimed, Ordering::AcqRel);
        if before & EMPTY != 0 {
            return (Some(node), None);
        }
        if unclaimed != 0 && before == unclaimed {
            // SAFETY: these were all shares there were, so the item is ours.
            return (Some(node), Some(unsafe { this.take() }));
        }
        (None, None)
    }

    /// # Safety
    ///
    /// The item is inside and the caller's, who does not take it again.
    unsafe fn take(&self) -> T {
        // SAFETY: as for this function.
        self.item.with(|place| unsafe { (*place).assume_init_read() })
    }
}

/// A share of an item, claimed by a receiver.
pub(super) struct Share<T>(NonNull<Node<T>>);

impl<T> Share<T> {
    /// The item itself if this is the only share, and a clone else. User code: the clone.
    #[inline]
    pub(super) fn into_item(self) -> T
    where
        T: Clone,
    {
        // Ordering: Acquire, partner of the Release of each giving up: all clones are made.
        if self.node().shares.load(Ordering::Acquire) & COUNT == 1 {
            return self.take_item();
        }
        let cloned = self.node().item.with(|item| {
            // SAFETY: filled, and as long as we have a share nobody takes it out.
            unsafe { (*item).assume_init_ref() }.clone()
        });
        drop(self);
        cloned
    }

    /// Gives the share up; the item, if it was the last one.
    #[inline]
    pub(super) fn give_up(self) -> Option<T> {
        let this = std::mem::ManuallyDrop::new(self);
        // Ordering: AcqRel, with each other giving up: the last one comes after all of them.
        if this.node().shares.fetch_sub(1, Ordering::AcqRel) & COUNT != 1 {
            return None;
        }
        // SAFETY: no share is left, and no other can be made.
        let item = unsafe { this.node().take() };
        this.empty();
        Some(item)
    }

    fn take_item(self) -> T {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: ours is the only share, and nobody makes others.
        let item = unsafe { this.node().take() };
        this.empty();
        item
    }

    /// The item was taken out: the node is the slot's again, or freed if it has been detached.
    #[inline]
    fn empty(&self) {
        // Ordering: AcqRel, partner of `Node::retire`: the node is filled again after the item
        // was taken out, and freed after it was detached.
        if self.node().shares.swap(EMPTY, Ordering::AcqRel) & DETACHED != 0 {
            // SAFETY: detached from its slot, and without shares, it is ours.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }

    fn node(&self) -> &Node<T> {
        // SAFETY: a node with a share is not freed.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Share<T> {
    fn drop(&mut self) {
        drop(Self(self.0).give_up());
    }
}
