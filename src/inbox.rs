//! The inbox of a ring: one atomic word that is both the list of messages and the sleep flag.
//!
//! Any thread may push; only the owner takes. A message is a [`Node`] that lives inside the thing
//! it is about (a task, an operation), so a push allocates nothing and the inbox cannot be full.
//!
//! # The word
//!
//! | value      | the owner               | a push makes it | and the pusher          |
//! |------------|-------------------------|-----------------|-------------------------|
//! | `EMPTY`    | is awake, saw no news   | a list          | does nothing more       |
//! | a list     | is awake or waking      | a longer list   | does nothing more       |
//! | `ASLEEP`   | is, or is about to be, blocked in the kernel | a list | **rings the bell** |
//! | `CLOSED`   | has stopped for good    | `CLOSED` (fails)| gets the node back      |
//!
//! The owner alone makes the other transitions: [`take_all`](Inbox::take_all) (list → `EMPTY`),
//! [`fall_asleep`](Inbox::fall_asleep) (`EMPTY` → `ASLEEP`, fails on a list),
//! [`wake_up`](Inbox::wake_up) (`ASLEEP` → `EMPTY`), [`close`](Inbox::close).
//!
//! # Why no wake is lost
//!
//! Every transition is a read-modify-write of the same word, so they have one total order. Take
//! any push and the `fall_asleep` nearest to it. If the push comes first, `fall_asleep` finds a
//! list and fails, and the owner goes on to take it. If `fall_asleep` comes first, the push finds
//! `ASLEEP` and rings. There is no third case. And since the push replaces `ASLEEP` by a list, the
//! next pusher finds a list: the bell is rung exactly once a sleep, however many push.

use std::ptr::{self, NonNull};

use crate::primitives::atomic::{AtomicPtr, Ordering};

/// A message to a ring: a link, and what the ring's thread is to do with it.
///
/// It is embedded in the thing it is about. Whoever pushes it guarantees that it stays where it is,
/// and is pushed nowhere else, until it has been delivered or given back.
#[repr(C)]
pub(crate) struct Node {
    next: AtomicPtr<Node>,
    deliver: unsafe fn(NonNull<Node>),
}

impl Node {
    pub(crate) fn new(deliver: unsafe fn(NonNull<Node>)) -> Self {
        Self { next: AtomicPtr::new(ptr::null_mut()), deliver }
    }
}

/// A message that came out of the calling thread's inbox: proof that its node may be delivered.
#[must_use = "a message that is not delivered is lost"]
pub(crate) struct Message(NonNull<Node>);

impl Message {
    /// Where its node is.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Does what the message says.
    #[inline]
    pub(crate) fn deliver(self) {
        // SAFETY: the pusher keeps the node alive until it is delivered, and it is delivered once,
        // since that takes the message, which only `Batch` makes.
        let deliver = unsafe { self.0.as_ref() }.deliver;
        // SAFETY: `deliver` was given to `Node::new` for this very node; the message came out of
        // the inbox of this thread, which it cannot leave.
        unsafe { deliver(self.0) }
    }
}

/// The push found a closed inbox; the node is the pusher's again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// What the pusher has to do after its push.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Nothing: the owner is awake, or somebody else has rung already.
    Quiet,
    /// Ring the bell: the owner sleeps, and nobody else will.
    RingTheBell,
}

/// The word.
pub(crate) struct Inbox {
    head: AtomicPtr<Node>,
}

const EMPTY: *mut Node = ptr::null_mut();
const ASLEEP: *mut Node = ptr::without_provenance_mut(1);
const CLOSED: *mut Node = ptr::without_provenance_mut(2);

impl Inbox {
    /// An inbox that is closed until [`open`](Self::open).
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(CLOSED) }
    }

    /// Owner: begins to accept messages.
    pub(crate) fn open(&self) {
        // Ordering: Release, partner of the Acquire half of the CAS in `push`: who sends sees the
        // owner's bell in place.
        self.head.store(EMPTY, Ordering::Release);
    }

    /// Any thread: adds a message.
    ///
    /// # Safety
    ///
    /// `node` stays valid and in place until it is delivered, and is in no inbox now. With
    /// `Err(Closed)` it has not been taken.
    #[inline]
    pub(crate) unsafe fn push(&self, node: NonNull<Node>) -> Result<Pushed, Closed> {
        // Ordering: Relaxed: the CAS below checks the value again, and orders.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                // Ordering: Acquire, partner of the Release in `close`: who is refused sees what
                // left this ring before it closed.
                self.head.load(Ordering::Acquire);
                return Err(Closed);
            }
            let next = if head == ASLEEP { EMPTY } else { head };
            // SAFETY: the caller keeps the node valid.
            let link = unsafe { &node.as_ref().next };
            // Ordering: Relaxed: published by the Release of the CAS below.
            link.store(next, Ordering::Relaxed);
            // Ordering: Release, partner of the Acquire swap in `take_all`: the owner sees the node
            // and all its sender wrote. Acquire, partner of the Release in `open`.
            match self.head.compare_exchange_weak(
                head,
                node.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(ASLEEP) => return Ok(Pushed::RingTheBell),
                Ok(_) => return Ok(Pushed::Quiet),
                Err(now) => head = now,
            }
        }
    }

    /// Owner: whether there is something to take. Cheap enough to spin on.
    #[inline]
    pub(crate) fn has_messages(&self) -> bool {
        // Ordering: Relaxed: only a hint; `take_all` orders.
        let head = self.head.load(Ordering::Relaxed);
        head != EMPTY && head != ASLEEP && head != CLOSED
    }

    /// Owner, awake: takes all messages, oldest first.
    #[inline]
    pub(crate) fn take_all(&self) -> Batch {
        if !self.has_messages() {
            return Batch { next: EMPTY };
        }
        // Ordering: Acquire, partner of the Release CAS in `push`, of each push in the list: they
        // are one release sequence, since every later one is a read-modify-write.
        Batch::reversed(self.head.swap(EMPTY, Ordering::Acquire))
    }

    /// Owner: says that it is going to block. On `false` there is a message: do not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        // Ordering: Relaxed is enough: a pusher that sees `ASLEEP` needs nothing from us but the
        // bell, which `open` published; on failure `take_all` orders.
        self.head.compare_exchange(EMPTY, ASLEEP, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Owner: says that it is awake again.
    pub(crate) fn wake_up(&self) {
        // Ordering: Relaxed: if this fails there is a list, and `take_all` orders.
        let _ = self.head.compare_exchange(ASLEEP, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Owner: accepts nothing more; gives what had been accepted.
    pub(crate) fn close(&self) -> Batch {
        // Ordering: Acquire, as in `take_all`. Release, partner of the Acquire in `push`.
        Batch::reversed(self.head.swap(CLOSED, Ordering::AcqRel))
    }
}

/// Messages taken from an inbox, oldest first.
pub(crate) struct Batch {
    next: *mut Node,
}

impl Batch {
    /// Turns the list around: pushes come last in, first out.
    fn reversed(mut newest: *mut Node) -> Self {
        let mut oldest = EMPTY;
        while newest != EMPTY && newest != ASLEEP && newest != CLOSED {
            // SAFETY: we took the list whole; its nodes are valid until delivered.
            let link = unsafe { &(*newest).next };
            // Ordering: Relaxed: the swap that took the list ordered all its links.
            let older = link.load(Ordering::Relaxed);
            // Ordering: Relaxed: the list is ours alone.
            link.store(oldest, Ordering::Relaxed);
            oldest = newest;
            prefetch(newest, 2);
            newest = older;
        }
        Self { next: oldest }
    }
}

/// Has the cache lines after a node fetched, which another thread has just written: its owner is
/// about to need them, and the list can only be walked one miss at a time.
#[inline]
fn prefetch(node: *const Node, lines: usize) {
    #[cfg(all(target_arch = "x86_64", not(ringpool_loom)))]
    for line in 1..=lines {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address has no effect that can be seen.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(node.wrapping_byte_add(line * 64).cast()) };
    }
    let _ = (node, lines);
}

impl Iterator for Batch {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        let node = NonNull::new(self.next)?;
        // SAFETY: the node is in the list we took, and not yet handed out.
        let link = unsafe { &node.as_ref().next };
        // Ordering: Relaxed: the list is ours alone.
        self.next = link.load(Ordering::Relaxed);
        Some(Message(node))
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    unsafe fn nothing(_: NonNull<Node>) {}

    fn node() -> NonNull<Node> {
        NonNull::from(Box::leak(Box::new(Node::new(nothing))))
    }

    fn nodes_of(batch: Batch) -> Vec<NonNull<Node>> {
        batch.map(|message| message.0).collect()
    }

    fn free(node: NonNull<Node>) {
        // SAFETY: made by `node()`, and no longer in any list.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }

    #[test]
    fn messages_come_out_oldest_first() {
        let inbox = Inbox::new();
        inbox.open();
        let nodes: Vec<_> = (0..5).map(|_| node()).collect();
        for &node in &nodes {
            // SAFETY: the node lives until the end of the test.
            assert_eq!(unsafe { inbox.push(node) }, Ok(Pushed::Quiet));
        }
        assert_eq!(nodes_of(inbox.take_all()), nodes);
        assert_eq!(inbox.take_all().count(), 0);
        nodes.into_iter().for_each(free);
    }

    #[test]
    fn only_the_first_push_to_a_sleeper_rings() {
        let inbox = Inbox::new();
        inbox.open();
        assert!(inbox.fall_asleep());
        let (first, second) = (node(), node());
        // SAFETY: both nodes live until the end of the test.
        unsafe {
            assert_eq!(inbox.push(first), Ok(Pushed::RingTheBell));
            assert_eq!(inbox.push(second), Ok(Pushed::Quiet));
        }
        assert!(!inbox.fall_asleep());
        inbox.wake_up();
        assert_eq!(nodes_of(inbox.take_all()), [first, second]);
        free(first);
        free(second);
    }

    #[test]
    fn a_closed_inbox_refuses() {
        let inbox = Inbox::new();
        let (refused, accepted) = (node(), node());
        // SAFETY: both nodes live until the end of the test.
        unsafe {
            assert_eq!(inbox.push(refused), Err(Closed));
            inbox.open();
            assert_eq!(inbox.push(accepted), Ok(Pushed::Quiet));
            assert_eq!(nodes_of(inbox.close()), [accepted]);
            assert_eq!(inbox.push(refused), Err(Closed));
        }
        free(refused);
        free(accepted);
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "inbox_models.rs"]
mod models;
