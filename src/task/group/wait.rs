//! Waiting for children of a group.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::book::{ChildKey, Event, Found};
use super::shared::{Shared, wake_all};
use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::foreign::shielded;
use crate::line::{Key, poll_behind};
use crate::primitives::lock;
use crate::task::{Task, TaskError};

/// Ready with what it [`Found`], which is then the caller's.
pub(super) struct Wait<'a, T: Send + 'static> {
    shared: &'a Shared<T>,
    event: Event,
    place: Option<Key>,
}

impl<'a, T: Send + 'static> Wait<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, event: Event) -> Self {
        Self { shared, event, place: None }
    }

    fn start(&mut self, cx: &Context<'_>) -> Poll<Found> {
        let found = lock(&self.shared.book).find(self.event);
        if let Some(found) = found {
            return Poll::Ready(found);
        }
        let waker = cx.waker().clone();
        let mut book = lock(&self.shared.book);
        let found = book.find(self.event);
        let Some(found) = found else {
            self.place = Some(book.line_up(self.event, waker));
            return Poll::Pending;
        };
        drop(book);
        // If its drop panics, what was found must not be lost.
        let _ = shielded(|| drop(waker));
        Poll::Ready(found)
    }

    fn poll_place(&mut self, place: Key, cx: &Context<'_>) -> Poll<Found> {
        let event = self.event;
        let book = &self.shared.book;
        let found = ready!(poll_behind(book, |book| book.line(event), place, cx.waker()));
        self.place = None;
        Poll::Ready(found)
    }
}

impl<T: Send + 'static> Future for Wait<'_, T> {
    type Output = Found;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Found> {
        ready!(coop::poll_proceed(cx));
        let found = match self.place {
            Some(place) => self.poll_place(place, cx),
            None => self.start(cx),
        };
        let found = ready!(noted(Awaited::Task, found));
        coop::spend();
        Poll::Ready(found)
    }
}

impl<T: Send + 'static> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let (next, own) = lock(&self.shared.book).leave_line(self.event, place);
        wake_all(next);
        let _ = shielded(|| drop::<Option<Waker>>(own));
    }
}

impl<T: Send + 'static> Shared<T> {
    /// The next child that ends; `None` if there is none.
    pub(super) async fn next(&self) -> Option<Task<T>> {
        match Wait::new(self, Event::Next).await {
            Found::Child(key) => Some(self.take(key)),
            Found::Nobody => None,
        }
    }

    /// A child that has ended.
    pub(super) fn try_next(&self) -> Option<Task<T>> {
        let found = lock(&self.book).find(Event::Next);
        match found? {
            Found::Child(key) => Some(self.take(key)),
            Found::Nobody => None,
        }
    }

    pub(super) async fn all_ended(&self) {
        Wait::new(self, Event::AllEnded).await;
    }

    fn take(&self, key: ChildKey) -> Task<T> {
        let (child, wakers) = lock(&self.book).take(key);
        wake_all(wakers);
        child.expect("who is handed a child takes it once")
    }

    /// All that have ended, in the order of spawning.
    pub(super) fn take_finished(&self) -> Vec<Task<T>> {
        let (children, wakers) = lock(&self.book).take_finished();
        wake_all(wakers);
        children
    }

    /// Asks all children to end, waits until they have, and forgets them.
    pub(super) async fn cancel(&self) {
        self.cancel_all();
        Wait::new(self, Event::CalledOffEnded).await;
    }
}

/// Children that were handed to us and stay in the book; given back when this is dropped.
pub(super) struct Kept<'a, T: Send + 'static> {
    shared: &'a Shared<T>,
    keys: Vec<ChildKey>,
}

impl<'a, T: Send + 'static> Kept<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared, keys: Vec::new() }
    }

    /// Keeps one child after the other as they end, up to one with an outcome that is no success;
    /// that one, if there is one.
    pub(super) async fn gather(
        &mut self,
        is_success: impl Fn(&Result<T, TaskError>) -> bool,
    ) -> Option<ChildKey> {
        while let Found::Child(key) = Wait::new(self.shared, Event::Next).await {
            self.keys.push(key);
            let mut book = lock(&self.shared.book);
            let is_success = book.look(key, |child| child.outcome().is_some_and(&is_success));
            let wakers = book.keep();
            drop(book);
            wake_all(wakers);
            if is_success != Some(true) {
                return Some(key);
            }
        }
        None
    }

    /// Takes them all, in the order of spawning.
    pub(super) fn take_all(mut self) -> Vec<Task<T>> {
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_unstable_by_key(|key| key.number);
        lock(&self.shared.book).take_kept(&keys)
    }

    /// Takes one of them.
    pub(super) fn take(&mut self, key: ChildKey) -> Result<T, TaskError> {
        self.keys.retain(|kept| *kept != key);
        let child = lock(&self.shared.book).take_kept(&[key]).pop();
        child.expect("it is kept").take_output()
    }
}

impl<T: Send + 'static> Drop for Kept<'_, T> {
    fn drop(&mut self) {
        let wakers = lock(&self.shared.book).give_back(&self.keys);
        wake_all(wakers);
    }
}
