//! The tree of requests to stop, and those who wait for one.
//!
//! # Who owns what
//!
//! Whoever can ask for a stop, or looks whether one was asked for, owns the node. A child owns its
//! parents; a parent knows its children without owning them, and a child takes itself off its
//! parents' lists when it goes. So a parent that lives long keeps nothing of those that are gone.
//!
//! # A stop
//!
//! A node is marked under its lock, which guards the list of its children and the line of those who
//! wait as well. So a child, or one who waits, is either in the list and finds the mark, or comes
//! later and finds it too. The whole tree is marked first, and only then is anybody woken: who is
//! woken by the stop of a child finds that of the parent. The children stay in the list, so that a
//! second stop, which may come while the first is still at it, returns only when all are marked.
//! A child of two parents is met on the way from either, and gone through once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::line::{Key, Line, Removed, poll_behind};
use crate::primitives::atomic::{AtomicBool, Ordering};
use crate::primitives::{Mutex, lock};
use crate::wakes::{Wakes, discard};

/// One request to stop, made or not.
pub(crate) struct Node {
    /// Written under the lock.
    is_stopped: AtomicBool,
    state: Mutex<State>,
    /// A stop of either is one of this.
    parents: [Option<Arc<Node>>; 2],
}

struct State {
    waiting: Line<(), ()>,
    /// By address, which nobody else has as long as the child is in the list.
    children: BTreeMap<usize, Weak<Node>>,
    /// All that will ever be in the list are marked already.
    is_spread: bool,
}

/// All that a stop has to mark besides its own node, each once.
#[derive(Default)]
struct Below {
    nodes: Vec<Arc<Node>>,
    /// The addresses of those that may be met again.
    met: BTreeSet<usize>,
}

impl Below {
    fn add(&mut self, node: Arc<Node>) {
        let is_met_once = node.parents.iter().flatten().count() < 2;
        if is_met_once || self.met.insert(Arc::as_ptr(&node).addr()) {
            self.nodes.push(node);
        }
    }
}

impl Node {
    pub(crate) fn new() -> Arc<Self> {
        Self::child_of([None, None])
    }

    /// A node that is stopped with either parent.
    pub(crate) fn child_of(parents: [Option<Arc<Self>>; 2]) -> Arc<Self> {
        let state = State { waiting: Line::new(), children: BTreeMap::new(), is_spread: false };
        let is_stopped = AtomicBool::new(false);
        let child = Arc::new(Self { is_stopped, state: Mutex::new(state), parents });
        for parent in child.parents.iter().flatten() {
            if !parent.adopt(&child) {
                child.stop();
            }
        }
        child
    }

    /// Puts a child into the list, unless this is stopped.
    fn adopt(&self, child: &Arc<Self>) -> bool {
        let weak = Arc::downgrade(child);
        let mut state = lock(&self.state);
        // Ordering: Relaxed, since it is written under the lock that we have.
        if self.is_stopped.load(Ordering::Relaxed) {
            return false;
        }
        state.children.insert(Arc::as_ptr(child).addr(), weak);
        true
    }

    /// Whether `other` is this one's parent.
    pub(crate) fn has_parent(&self, other: &Arc<Self>) -> bool {
        self.parents.iter().flatten().any(|parent| Arc::ptr_eq(parent, other))
    }

    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        // Ordering: Acquire, partner of the Release in `mark`: what was done before the stop is
        // seen by who finds it.
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Asks this one and all below to stop; whether nobody had done so before.
    pub(crate) fn stop(self: &Arc<Self>) -> bool {
        // Dropped last, and so after every lock.
        let mut wakes = Wakes::new();
        // Keeps all that it has met, so that no address is that of another one meanwhile.
        let mut below = Below::default();
        let is_first = self.mark(&mut wakes, &mut below);
        let mut marked = 0;
        while let Some(node) = below.nodes.get(marked).cloned() {
            node.mark(&mut wakes, &mut below);
            marked += 1;
        }
        for node in below.nodes.iter().chain([self]) {
            lock(&node.state).is_spread = true;
        }
        is_first
    }

    /// Marks this one, and gives whom to wake and whom to mark next; whether it was not marked yet.
    fn mark(&self, wakes: &mut Wakes, below: &mut Below) -> bool {
        let mut state = lock(&self.state);
        if state.is_spread {
            return false;
        }
        // Ordering: Release, partner of the Acquire in `is_stopped`.
        let was_stopped = self.is_stopped.swap(true, Ordering::Release);
        while let Some(waker) = state.waiting.serve_first(|()| ()) {
            wakes.add(waker);
        }
        state.children.values().filter_map(Weak::upgrade).for_each(|child| below.add(child));
        !was_stopped
    }

    /// Takes a place in line, unless this is stopped.
    fn line_up(&self, waker: Waker) -> Option<Key> {
        let mut state = lock(&self.state);
        // Ordering: Relaxed, since it is written under the lock that we have.
        if self.is_stopped.load(Ordering::Relaxed) {
            drop(state);
            discard(waker);
            return None;
        }
        Some(state.waiting.push_back((), waker))
    }

    /// Has `waker` woken instead of the one in line; whether the place is kept.
    fn stay(&self, key: Key, waker: &Waker) -> bool {
        poll_behind(&self.state, |state| &mut state.waiting, key, waker).is_pending()
    }

    fn leave(&self, key: Key) {
        let removed = lock(&self.state).waiting.remove(key);
        if let Removed::Waiting((), waker) = removed {
            discard(waker);
        }
    }

    /// Takes the child with this address off the lists of its parents; gives the parents.
    fn leave_parents(&mut self, address: usize) -> impl Iterator<Item = Arc<Self>> + use<> {
        let parents = std::mem::take(&mut self.parents);
        for parent in parents.iter().flatten() {
            let weak = lock(&parent.state).children.remove(&address);
            drop(weak);
        }
        parents.into_iter().flatten()
    }

    #[cfg(test)]
    pub(crate) fn children(&self) -> usize {
        lock(&self.state).children.len()
    }
}

impl Drop for Node {
    /// Takes itself off the lists, and frees the parents that nobody else has, one by one: a chain
    /// of them may be longer than a stack.
    fn drop(&mut self) {
        let address = std::ptr::from_ref(self).addr();
        let mut left: Vec<_> = self.leave_parents(address).collect();
        while let Some(parent) = left.pop() {
            let address = Arc::as_ptr(&parent).addr();
            if let Some(mut parent) = Arc::into_inner(parent) {
                left.extend(parent.leave_parents(address));
            }
        }
    }
}

/// One who waits for a stop. If this is forgotten, its entry stays in the line and is woken once.
pub(crate) struct Waiting {
    node: Arc<Node>,
    key: Option<Key>,
}

impl Waiting {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, key: None }
    }

    #[inline]
    pub(crate) fn is_for(&self, node: &Arc<Node>) -> bool {
        Arc::ptr_eq(&self.node, node)
    }

    /// Whether it is stopped; otherwise `waker` is woken when it is.
    pub(crate) fn poll(&mut self, waker: &Waker) -> bool {
        if self.node.is_stopped() {
            return true;
        }
        self.key = match self.key {
            Some(key) => self.node.stay(key, waker).then_some(key),
            None => self.node.line_up(waker.clone()),
        };
        // Whoever is not in line now, or was served meanwhile, finds the mark.
        self.node.is_stopped()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.node.leave(key);
        }
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "models.rs"]
mod models;

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_parent_that_lives_long_keeps_nothing_of_its_children() {
        let parent = Node::new();
        for _ in 0..1000 {
            let child = Node::child_of([Some(parent.clone()), None]);
            let below = Node::child_of([Some(child.clone()), Some(parent.clone())]);
            assert!(below.has_parent(&child) && below.has_parent(&parent));
            assert_eq!(parent.children(), 2);
            drop((child, below));
            assert_eq!(parent.children(), 0);
        }
        assert_eq!((Arc::strong_count(&parent), Arc::weak_count(&parent)), (1, 0));
    }

    #[test]
    fn a_stop_goes_through_each_child_once_however_many_ways_lead_to_it() {
        let top = Node::new();
        let mut bottom = top.clone();
        for _ in 0..64 {
            let two = [(); 2].map(|()| Some(Node::child_of([Some(bottom.clone()), None])));
            bottom = Node::child_of(two);
        }
        assert!(top.stop());
        assert!(bottom.is_stopped());
    }

    #[test]
    fn who_waits_and_goes_leaves_room_for_the_next() {
        let node = Node::new();
        for _ in 0..1000 {
            let mut waiting = Waiting::new(node.clone());
            assert!(!waiting.poll(Waker::noop()));
            assert_eq!(waiting.key, Some(0));
        }
        node.stop();
        assert!(Waiting::new(node).poll(Waker::noop()));
    }
}
