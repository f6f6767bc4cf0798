//! Pools that somebody waits for: who is called to take a buffer, and when.
//!
//! To wake all who wait for each buffer that comes back would have nearly all of them ask the
//! kernel in vain; with more connections than buffers, most of the work would be that. So as many
//! are called as there are buffers, in the order in which they came.
//!
//! Whether one who is called takes a buffer is not known before the kernel has been asked: nothing
//! may be there to be received any more, or its future may be dropped, or left alone by a task that
//! does something else. So nothing depends on it. As long as a pool has both buffers and waiters
//! for them, its ring does not sleep, and looks at it after each time it has entered the kernel; it
//! calls others instead of those who have had their turn.
//!
//! Only who began before a buffer came back is called. So each tries once for each that comes back
//! at most, even where our books say that there is a buffer and the kernel says that there is none.
//!
//! Who waits may have been taken away from the ring, and not be polled before it is called. So a
//! ring that stops calls all who are left.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::SharedPool;
use crate::context::Local;
use crate::wakes::wake;

/// The pools of one ring that are to be looked at.
#[derive(Default)]
pub(crate) struct AwaitedPools {
    to_look_at: RefCell<VecDeque<Arc<SharedPool>>>,
    /// And all that there are, and some that are gone.
    all: RefCell<Vec<Weak<SharedPool>>>,
}

impl AwaitedPools {
    /// Home: there is a new pool.
    pub(super) fn note(&self, pool: &Arc<SharedPool>) {
        let mut all = self.all.borrow_mut();
        if all.len() == all.capacity() {
            all.retain(|pool| pool.strong_count() > 0);
        }
        all.push(Arc::downgrade(pool));
    }

    /// Home: has `pool` looked at after the kernel has been entered the next time.
    pub(super) fn add(&self, pool: &Arc<SharedPool>) {
        let mut pools = self.to_look_at.borrow_mut();
        if !pools.iter().any(|other| Arc::ptr_eq(other, pool)) {
            pools.push_back(pool.clone());
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.to_look_at.borrow().is_empty()
    }

    /// Home: calls who can be called, after the kernel has been entered.
    #[inline]
    pub(crate) fn look(&self, local: &Local) {
        if !self.is_empty() {
            self.look_at_each(local);
        }
    }

    #[cold]
    fn look_at_each(&self, local: &Local) {
        let count = self.to_look_at.borrow().len();
        for _ in 0..count {
            // A statement of its own: wakers are the user's code.
            let pool = self.to_look_at.borrow_mut().pop_front();
            pool.inspect(|pool| pool.look(local));
        }
    }

    /// The ring has stopped: calls all who wait, to be told so. From here on nobody waits.
    pub(crate) fn end(&self) {
        let all = self.all.take();
        for pool in all.iter().filter_map(Weak::upgrade) {
            let mut called = Vec::new();
            pool.returns.call(usize::MAX, u64::MAX, &mut called);
            called.into_iter().for_each(wake);
        }
        let pools = self.to_look_at.take();
        drop(pools);
    }
}

impl SharedPool {
    /// Home: calls as many of those who wait as there are buffers for.
    fn look(self: &Arc<Self>, local: &Local) {
        let polls = local.counters().polls.count();
        // With nobody ready, all who were called have been polled.
        let now = if local.ready.is_empty() { u64::MAX } else { polls };
        local.ring.borrow_mut().buffer_group(self.group).promises().settle(now);
        let mut called = Vec::new();
        let returned = loop {
            self.take_returned(local);
            let (count, returned) = {
                let mut ring = local.ring.borrow_mut();
                let books = ring.buffer_group(self.group);
                (books.unpromised().saturating_sub(called.len()), books.returned())
            };
            self.returns.call(count, returned, &mut called);
            if self.returns.is_line_empty() || self.returns.announce() {
                break returned;
            }
        };
        let count = called.len();
        called.into_iter().for_each(wake);
        let mut ring = local.ring.borrow_mut();
        let books = ring.buffer_group(self.group);
        if count > 0 {
            books.promises().call(count, polls + local.ready.len() as u64);
        }
        if books.in_table() > 0 && self.returns.is_anyone_to_call(returned) {
            local.awaited_pools.add(self);
        }
    }
}
