//! The wakers that a step under the lock hands out, to be woken after it.

use std::task::Waker;

pub(super) use crate::wakes::wake;

/// Most steps wake nobody or two, which takes no memory; the end of a channel wakes everybody.
#[derive(Default)]
#[must_use = "somebody waits for them"]
pub(super) struct Wakes {
    first: Option<Waker>,
    second: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    pub(super) fn add(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
        } else if self.second.is_none() {
            self.second = Some(waker);
        } else {
            self.others.push(waker);
        }
    }

    /// Wakes all, in the order in which they were added.
    pub(super) fn wake(self) {
        wake(self.first);
        wake(self.second);
        self.others.into_iter().for_each(|waker| wake(Some(waker)));
    }
}
