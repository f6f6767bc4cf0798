//! Loom models: every interleaving of a child's end with its birth, with who waits, and with a wait
//! that is dropped.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Begin, Book, Child, ChildKey, Effects, Event, Found};
use crate::line::{Key, poll_behind};
use crate::primitives::{Mutex, lock};

/// A child that was cancelled or not; its start is the number it begins with.
struct Model(bool);

impl Child for Model {
    fn was_cancelled(&mut self) -> bool {
        self.0
    }
}

#[derive(Clone)]
struct Group(Arc<Mutex<Book<Model, u32>>>);

impl Group {
    fn new(places: usize) -> Self {
        Self(Arc::new(Mutex::new(Book::new(places))))
    }

    fn admit(&self) -> ChildKey {
        lock(&self.0).admit().expect("it is open").0
    }

    fn place(&self, key: ChildKey) {
        let (_, effects) = lock(&self.0).place(key, Model(false), false);
        self.act(effects);
    }

    fn ended(&self, key: ChildKey) {
        let effects = lock(&self.0).ended(key);
        self.act(effects);
    }

    fn act(&self, effects: Effects<Model>) -> usize {
        effects.wakers.into_iter().for_each(std::task::Waker::wake);
        if effects.may_begin { self.begin() } else { 0 }
    }

    fn begin(&self) -> usize {
        let mut begun = 0;
        loop {
            let next = lock(&self.0).next_to_begin();
            match next {
                Begin::Now(_) => begun += 1,
                Begin::TooLate(_) => {}
                Begin::Nobody => return begun,
            }
        }
    }

    fn wait(&self, event: Event) -> Wait {
        Wait { group: self.clone(), event, place: None }
    }

    /// Waits for a child and takes it.
    fn next(&self) -> bool {
        match block_on(self.wait(Event::Next)) {
            Found::Child(key) => {
                let (child, wakers) = lock(&self.0).take(key);
                wakers.into_iter().for_each(std::task::Waker::wake);
                child.is_some()
            }
            Found::Nobody => false,
        }
    }
}

/// As that of `wait.rs`, without what depends on a ring.
struct Wait {
    group: Group,
    event: Event,
    place: Option<Key>,
}

impl Future for Wait {
    type Output = Found;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Found> {
        let (group, event) = (self.group.clone(), self.event);
        let Some(place) = self.place else {
            let mut book = lock(&group.0);
            if let Some(found) = book.find(self.event) {
                return Poll::Ready(found);
            }
            self.place = Some(book.line_up(self.event, cx.waker().clone()));
            return Poll::Pending;
        };
        let found = ready!(poll_behind(&group.0, |book| book.line(event), place, cx.waker()));
        self.place = None;
        Poll::Ready(found)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let (next, _) = lock(&self.group.0).leave_line(self.event, place);
        next.into_iter().for_each(std::task::Waker::wake);
    }
}

#[test]
fn an_end_that_comes_before_the_child_is_placed_is_not_lost() {
    loom::model(|| {
        let group = Group::new(usize::MAX);
        let key = group.admit();
        let other = group.clone();
        let thread = thread::spawn(move || other.ended(key));
        group.place(key);
        assert!(group.next());
        assert!(!group.next());
        thread.join().unwrap();
    });
}

#[test]
fn a_waiter_going_to_sleep_is_woken_by_an_end() {
    for event in [Event::Next, Event::AllEnded] {
        loom::model(move || {
            let group = Group::new(usize::MAX);
            let keys = [group.admit(), group.admit()];
            keys.into_iter().for_each(|key| group.place(key));
            let threads = keys.map(|key| {
                let group = group.clone();
                thread::spawn(move || group.ended(key))
            });
            if event == Event::AllEnded {
                assert_eq!(block_on(group.wait(event)), Found::Nobody);
                assert_eq!(lock(&group.0).take_finished().0.len(), 2);
            } else {
                assert!(group.next() && group.next() && !group.next());
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}

#[test]
fn two_waiters_get_one_child_and_the_end() {
    loom::model(|| {
        let group = Group::new(usize::MAX);
        let key = group.admit();
        group.place(key);
        let other = group.clone();
        let waiter = thread::spawn(move || other.next());
        group.ended(key);
        assert!(group.next() ^ waiter.join().unwrap());
    });
}

#[test]
fn a_wait_that_is_dropped_hands_its_child_on() {
    loom::model(|| {
        let group = Group::new(usize::MAX);
        let key = group.admit();
        group.place(key);
        let mut dropped = group.wait(Event::Next);
        let waker = std::task::Waker::noop();
        assert!(Pin::new(&mut dropped).poll(&mut Context::from_waker(waker)).is_pending());
        let (ender, waiter) = (group.clone(), group.clone());
        let ender = thread::spawn(move || ender.ended(key));
        let waiter = thread::spawn(move || waiter.next());
        drop(dropped);
        assert!(waiter.join().unwrap());
        ender.join().unwrap();
    });
}

#[test]
fn a_child_in_line_is_begun_once_by_whoever_makes_room() {
    loom::model(|| {
        let group = Group::new(1);
        let (first, has_place) = lock(&group.0).admit().unwrap();
        assert!(has_place);
        group.place(first);
        let other = group.clone();
        let thread = thread::spawn(move || {
            let effects = lock(&other.0).ended(first);
            other.act(effects)
        });
        let (second, has_place) = lock(&group.0).admit().unwrap();
        group.place(second);
        let mut begun = usize::from(has_place);
        if !has_place && lock(&group.0).stand_in_line(second, 2) {
            begun += group.begin();
        }
        begun += thread.join().unwrap();
        assert_eq!(begun, 1);
    });
}

#[test]
fn a_cancel_waits_for_those_it_called_off_and_for_no_later_one() {
    loom::model(|| {
        let group = Group::new(usize::MAX);
        let key = group.admit();
        let (_, effects) = lock(&group.0).place(key, Model(true), false);
        group.act(effects);
        let (called_off, _) = lock(&group.0).call_off(|_| ());
        assert_eq!(called_off.len(), 1);
        let (ender, spawner) = (group.clone(), group.clone());
        let ender = thread::spawn(move || ender.ended(key));
        let spawner = thread::spawn(move || spawner.place(spawner.admit()));
        assert_eq!(block_on(group.wait(Event::CalledOffEnded)), Found::Nobody);
        ender.join().unwrap();
        spawner.join().unwrap();
        assert_eq!(lock(&group.0).len(), 1);
    });
}

#[test]
fn a_cancel_finds_every_child_or_its_spawner_finds_the_cancel() {
    loom::model(|| {
        let group = Group::new(usize::MAX);
        let key = group.admit();
        let other = group.clone();
        let thread = thread::spawn(move || lock(&other.0).call_off(|_| ()).0.len());
        let (is_unwanted, effects) = lock(&group.0).place(key, Model(true), false);
        group.act(effects);
        let found = thread.join().unwrap();
        assert_eq!(found + usize::from(is_unwanted), 1);
        // It was cancelled by the group, so it leaves no outcome.
        group.ended(key);
        assert!(!group.next());
    });
}
