//! The queue of a multishot operation: home puts items in, the stream takes them out.
//!
//! It makes no system call, and no code of the user's runs while it is locked: wakers are cloned
//! and dropped outside, and what nobody takes any more is given back to the caller.
//!
//! # No lost wake
//!
//! The waker is in the queue, under the mutex, and taken with the push. After the last push the
//! stream may find the queue at its end before home has settled the cell; then it leaves its waker
//! in the cell's [`Completion`](crate::completion), which home takes when it settles.

use std::collections::VecDeque;
use std::mem;
use std::task::{Poll, Waker};

use crate::primitives::{Mutex, lock};

/// What home and the stream share.
pub(crate) struct Shots<T>(Mutex<State<T>>);

struct State<T> {
    /// The item that comes first, apart: most streams never have a second one, and need no memory
    /// for a queue while they are idle.
    first: Option<T>,
    more: VecDeque<T>,
    waker: Option<Waker>,
    /// As many items may wait before the kernel is told to stop.
    waiting_max: u32,
    /// The last completion has come.
    is_last: bool,
    /// The kernel was told to stop because too many items wait, or because the stream wants to end.
    is_told_to_stop: bool,
    /// The stream is gone: nobody takes items any more.
    is_abandoned: bool,
}

/// What home has to do when it has pushed; all of it is for when nothing is locked.
#[must_use]
pub(crate) struct Pushed<T> {
    /// Who waits for it.
    pub(crate) waker: Option<Waker>,
    /// What nobody takes any more.
    pub(crate) unwanted: Option<T>,
    /// Too many items wait: tell the kernel to stop.
    pub(crate) holds_back: bool,
}

impl<T> State<T> {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    fn put(&mut self, item: Option<T>) {
        match &self.first {
            None => self.first = item,
            Some(_) => self.more.extend(item),
        }
    }

    fn pop(&mut self) -> Option<T> {
        mem::replace(&mut self.first, self.more.pop_front())
    }
}

impl<T> Shots<T> {
    pub(crate) fn new(waiting_max: u32) -> Self {
        Self(Mutex::new(State {
            first: None,
            more: VecDeque::new(),
            waker: None,
            waiting_max,
            is_last: false,
            is_told_to_stop: false,
            is_abandoned: false,
        }))
    }

    /// Home: a completion has come, which may be without an item.
    pub(crate) fn push(&self, item: Option<T>, is_last: bool) -> Pushed<T> {
        let mut state = lock(&self.0);
        state.is_last = is_last;
        if state.is_abandoned {
            return Pushed { waker: None, unwanted: item, holds_back: false };
        }
        state.put(item);
        let is_too_much = state.len() >= state.waiting_max as usize;
        let holds_back = !is_last && !state.is_told_to_stop && is_too_much;
        state.is_told_to_stop |= holds_back;
        Pushed { waker: state.waker.take(), unwanted: None, holds_back }
    }

    /// The stream: the kernel is about to be told to stop, unless it has been already.
    pub(crate) fn begin_stop(&self) -> bool {
        let mut state = lock(&self.0);
        !mem::replace(&mut state.is_told_to_stop, true)
    }

    /// Either side: whether the kernel was told to stop by us.
    pub(crate) fn is_told_to_stop(&self) -> bool {
        lock(&self.0).is_told_to_stop
    }

    /// The stream: the next item; none if the last completion has come and there is none left.
    /// Otherwise `waker` is woken when there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<T>> {
        loop {
            {
                let mut state = lock(&self.0);
                if let Some(item) = state.pop() {
                    return Poll::Ready(Some(item));
                }
                if state.is_last {
                    return Poll::Ready(None);
                }
                if state.waker.as_ref().is_some_and(|ours| ours.will_wake(waker)) {
                    return Poll::Pending;
                }
            }
            let mut other = Some(waker.clone());
            let mut state = lock(&self.0);
            let is_left = state.first.is_none() && !state.is_last;
            if is_left {
                mem::swap(&mut state.waker, &mut other);
            }
            drop(state);
            // An item that came meanwhile is still in the queue, if this panics.
            drop(other);
            if is_left {
                return Poll::Pending;
            }
        }
    }

    /// The stream is being dropped: gives what is left for it to drop, the first item apart.
    pub(crate) fn abandon(&self) -> ((Option<T>, VecDeque<T>), Option<Waker>) {
        let mut state = lock(&self.0);
        state.is_abandoned = true;
        ((state.first.take(), mem::take(&mut state.more)), state.waker.take())
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "shots_models.rs"]
mod models;
