//! A first-come-first-served line of waiting futures, with no allocation a wait.
//!
//! The line lives inside the primitive, not inside the futures: an entry holds what the future
//! brought (`W`, the item of a sender) and its waker while it waits, and what it is to find (`D`)
//! once it has been served. So a future that is leaked leaves an entry behind and nothing that
//! dangles, and moving an unpolled or a waiting future is always fine.
//!
//! No method of it runs user code: wakers and items are handed out to be dropped after the lock.
//! Only [`poll_behind`], which takes the lock itself, does, and does it outside.

use std::task::{Poll, Waker};

use crate::primitives::{Mutex, lock};
use crate::wakes::discard;

/// Names an entry; whoever got it from [`Line::push_back`] owns the entry until it takes it out.
pub(crate) type Key = usize;

const NOBODY: Key = usize::MAX;

pub(crate) struct Line<W, D> {
    entries: Vec<Entry<W, D>>,
    first_waiting: Key,
    last_waiting: Key,
    first_free: Key,
    waiting: usize,
    /// Entries that are not free.
    used: usize,
}

/// Room for how many entries is kept when nobody needs it any more.
const KEPT_MAX: usize = 64;

enum Entry<W, D> {
    Free { next: Key },
    Waiting(Waiter<W>),
    Served(D),
}

struct Waiter<W> {
    brought: W,
    waker: Waker,
    previous: Key,
    next: Key,
}

/// What [`Line::poll`] found.
pub(crate) enum Polled<D> {
    /// Served; the entry is gone.
    Served(D),
    /// Still waiting, and the entry holds a waker of the same task.
    Waiting,
    /// Still waiting, but the task is now reached by another waker: see [`Line::set_waker`].
    WakerChanged,
}

/// What [`Line::remove`] took out.
pub(crate) enum Removed<W, D> {
    /// It was still waiting; the waker is to be dropped after the lock.
    Waiting(W, Waker),
    /// It had been served.
    Served(D),
}

impl<W, D> Line<W, D> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            first_waiting: NOBODY,
            last_waiting: NOBODY,
            first_free: NOBODY,
            waiting: 0,
            used: 0,
        }
    }

    /// Whether nobody waits (served entries do not count).
    pub(crate) fn is_empty(&self) -> bool {
        self.first_waiting == NOBODY
    }

    /// How many wait (served entries do not count).
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// What the first in line brought.
    pub(crate) fn first(&self) -> Option<&W> {
        match self.entries.get(self.first_waiting) {
            Some(Entry::Waiting(waiter)) => Some(&waiter.brought),
            _ => None,
        }
    }

    pub(crate) fn push_back(&mut self, brought: W, waker: Waker) -> Key {
        let previous = self.last_waiting;
        let key = self.place(Entry::Waiting(Waiter { brought, waker, previous, next: NOBODY }));
        self.set_next(previous, key);
        self.last_waiting = key;
        self.waiting += 1;
        key
    }

    /// Serves the first in line: `serve` turns what it brought into what it finds. The waker is
    /// to be woken after the lock.
    pub(crate) fn serve_first(&mut self, serve: impl FnOnce(W) -> D) -> Option<Waker> {
        let key = self.first_waiting;
        if key == NOBODY {
            return None;
        }
        let waiter = self.unlink(key);
        self.entries[key] = Entry::Served(serve(waiter.brought));
        Some(waiter.waker)
    }

    /// Whether the entry was not served yet.
    pub(crate) fn is_waiting(&self, key: Key) -> bool {
        matches!(self.entries[key], Entry::Waiting(_))
    }

    /// Looks whether the entry was served, as the poll of its future.
    pub(crate) fn poll(&mut self, key: Key, waker: &Waker) -> Polled<D> {
        match &self.entries[key] {
            Entry::Waiting(waiter) if waiter.waker.will_wake(waker) => Polled::Waiting,
            Entry::Waiting(_) => Polled::WakerChanged,
            _ => Polled::Served(self.take_served(key)),
        }
    }

    /// Exchanges the waker of an entry; gives the new one back if it was served meanwhile.
    pub(crate) fn set_waker(&mut self, key: Key, waker: Waker) -> Waker {
        match &mut self.entries[key] {
            Entry::Waiting(waiter) => std::mem::replace(&mut waiter.waker, waker),
            _ => waker,
        }
    }

    /// Takes the entry out, served or not.
    pub(crate) fn remove(&mut self, key: Key) -> Removed<W, D> {
        if !matches!(self.entries[key], Entry::Waiting(_)) {
            return Removed::Served(self.take_served(key));
        }
        let waiter = self.unlink(key);
        self.release(key);
        Removed::Waiting(waiter.brought, waiter.waker)
    }

    fn place(&mut self, entry: Entry<W, D>) -> Key {
        self.used += 1;
        let key = self.first_free;
        if key == NOBODY {
            self.entries.push(entry);
            return self.entries.len() - 1;
        }
        match std::mem::replace(&mut self.entries[key], entry) {
            Entry::Free { next } => self.first_free = next,
            _ => unreachable!("the free list names only free entries"),
        }
        key
    }

    fn release(&mut self, key: Key) -> Entry<W, D> {
        let free = Entry::Free { next: self.first_free };
        self.first_free = key;
        let released = std::mem::replace(&mut self.entries[key], free);
        self.used -= 1;
        if self.used == 0 && self.entries.len() > KEPT_MAX {
            // After a crowd, its memory goes back; no key is in anybody's hands.
            *self = Self::new();
        }
        released
    }

    fn take_served(&mut self, key: Key) -> D {
        match self.release(key) {
            Entry::Served(found) => found,
            _ => unreachable!("a key names an entry that waits or was served"),
        }
    }

    /// Takes a waiter out of the line, leaving a free entry that is not in the free list yet.
    fn unlink(&mut self, key: Key) -> Waiter<W> {
        let empty = Entry::Free { next: NOBODY };
        let Entry::Waiting(waiter) = std::mem::replace(&mut self.entries[key], empty) else {
            unreachable!("only waiting entries are in the line")
        };
        self.set_next(waiter.previous, waiter.next);
        self.set_previous(waiter.next, waiter.previous);
        self.waiting -= 1;
        waiter
    }

    fn set_next(&mut self, key: Key, next: Key) {
        match self.entries.get_mut(key) {
            Some(Entry::Waiting(waiter)) => waiter.next = next,
            _ => self.first_waiting = next,
        }
    }

    fn set_previous(&mut self, key: Key, previous: Key) {
        match self.entries.get_mut(key) {
            Some(Entry::Waiting(waiter)) => waiter.previous = previous,
            _ => self.last_waiting = previous,
        }
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    fn line_of(count: usize) -> (Line<usize, ()>, Vec<Key>) {
        let mut line = Line::new();
        let keys = (0..count).map(|number| line.push_back(number, Waker::noop().clone()));
        let keys = keys.collect();
        (line, keys)
    }

    #[test]
    fn the_memory_of_a_crowd_goes_back_when_the_last_has_gone() {
        let (mut line, mut keys) = line_of(10_000);
        let last = keys.pop().unwrap();
        for (number, key) in keys.into_iter().enumerate() {
            match number % 2 {
                0 => assert!(matches!(line.remove(key), Removed::Waiting(..))),
                _ => {
                    assert!(line.serve_first(drop).is_some());
                    assert!(matches!(line.poll(key, Waker::noop()), Polled::Served(())));
                }
            }
        }
        assert!(line.entries.capacity() >= 10_000);
        assert!(line.serve_first(drop).is_some());
        assert!(matches!(line.remove(last), Removed::Served(())));
        assert_eq!(line.entries.capacity(), 0);
        let key = line.push_back(7, Waker::noop().clone());
        assert!(line.first() == Some(&7) && line.is_waiting(key) && line.len() == 1);
    }

    #[test]
    fn a_few_who_come_and_go_use_the_same_memory() {
        let (mut line, keys) = line_of(KEPT_MAX);
        let memory = line.entries.as_ptr();
        keys.into_iter().for_each(|key| drop(line.remove(key)));
        line.push_back(1, Waker::noop().clone());
        assert_eq!(line.entries.as_ptr(), memory);
    }
}

/// One poll of who has an entry in a line behind a lock. What is found is the caller's, and the
/// entry is gone.
///
/// To clone and to drop a waker is user code, so both happen outside of the lock; an entry that is
/// served meanwhile is found at the second look.
pub(crate) fn poll_behind<S, W, D>(
    mutex: &Mutex<S>,
    line: impl Fn(&mut S) -> &mut Line<W, D>,
    key: Key,
    waker: &Waker,
) -> Poll<D> {
    // A statement of its own, so that the lock is gone before the waker is cloned.
    let polled = line(&mut lock(mutex)).poll(key, waker);
    match polled {
        Polled::Served(found) => return Poll::Ready(found),
        Polled::Waiting => return Poll::Pending,
        Polled::WakerChanged => {}
    }
    let new_waker = waker.clone();
    let mut guard = lock(mutex);
    let old_waker = line(&mut guard).set_waker(key, new_waker);
    let polled = line(&mut guard).poll(key, waker);
    drop(guard);
    discard(old_waker);
    match polled {
        Polled::Served(found) => Poll::Ready(found),
        Polled::Waiting | Polled::WakerChanged => Poll::Pending,
    }
}
