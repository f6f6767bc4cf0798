//! What a group knows about its children, and who waits for them: plain data under one lock.
//!
//! A child is *admitted* before its task is made, so that the task's end can be written down
//! whenever it comes; then it is *placed*. When it ends it is *handed* to the first who waits for
//! one, or stands in the row of those that finished. Whoever was handed a child takes it out, keeps
//! it for a while (and may give it back), or is dropped, and then the next one gets it.
//!
//! Nothing here runs user code: whatever is to be woken, begun or dropped is in the [`Effects`],
//! for after the lock.

use std::collections::VecDeque;
use std::task::Waker;

use crate::line::{Key, Line, Removed};

/// The handle of a child, as far as the book has to know it.
pub(crate) trait Child {
    /// Whether the child, which has ended, was cancelled.
    fn was_cancelled(&mut self) -> bool;
}

/// Names a child. The number is its place in the order of spawning, and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChildKey {
    index: usize,
    pub(crate) number: u64,
}

struct Entry<C> {
    number: u64,
    /// `None` until it is placed.
    child: Option<C>,
    has_ended: bool,
    /// It counts among those that run at once.
    has_place: bool,
    /// It has been cancelled by the group: that it was is no news to anybody.
    is_unwanted: bool,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A child that has ended, or that there is none.
    Next,
    /// That no child runs.
    AllEnded,
    /// That none runs which was called off.
    CalledOffEnded,
}

/// What a wait found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A child that has ended. Whoever is told so takes it, keeps it, or gives it back.
    Child(ChildKey),
    /// [`Event::Next`]: there is no child. Else: none runs.
    Nobody,
}

/// What is to be done after the lock.
#[must_use = "wakers are to be woken after the lock"]
pub(crate) struct Effects<C> {
    pub(crate) wakers: Vec<Waker>,
    /// To be dropped.
    pub(crate) gone: Option<C>,
    /// To be asked for [`Book::next_to_begin`] until there is none.
    pub(crate) may_begin: bool,
    /// Nothing runs any more in a group that was given up.
    pub(crate) is_over: bool,
}

impl<C> Effects<C> {
    fn none() -> Self {
        Self { wakers: Vec::new(), gone: None, may_begin: false, is_over: false }
    }
}

/// What [`Book::next_to_begin`] found.
pub(crate) enum Begin<S> {
    Now(S),
    /// Its child has ended in line; to be dropped.
    TooLate(S),
    Nobody,
}

pub(crate) struct Book<C, S> {
    entries: Vec<Option<Entry<C>>>,
    unused: Vec<usize>,
    next_number: u64,
    /// Children that have not ended, those in line included.
    running: usize,
    /// Those of them that were called off.
    called_off: usize,
    /// Children that somebody keeps, who gives back all or takes all.
    kept: usize,
    /// Those that have ended and were not handed to anybody.
    finished: VecDeque<ChildKey>,
    /// How many more may run.
    places: usize,
    in_line: VecDeque<(ChildKey, S)>,
    /// Somebody is beginning those in line, and will look again.
    is_beginning: bool,
    /// No more children are admitted.
    is_closed: bool,
    /// More children may come of somebody who is not one: there is always a next to wait for.
    is_awaiting_more: bool,
    /// Nobody will ask for an outcome.
    is_given_up: bool,
    /// Nor does anybody as long as the group is there.
    keeps_none: bool,
    wait_next: Line<(), Found>,
    wait_all_ended: Line<(), Found>,
    wait_called_off_ended: Line<(), Found>,
}

impl<C: Child, S> Book<C, S> {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            entries: Vec::new(),
            unused: Vec::new(),
            next_number: 0,
            running: 0,
            called_off: 0,
            kept: 0,
            finished: VecDeque::new(),
            places,
            in_line: VecDeque::new(),
            is_beginning: false,
            is_closed: false,
            is_awaiting_more: false,
            is_given_up: false,
            keeps_none: false,
            wait_next: Line::new(),
            wait_all_ended: Line::new(),
            wait_called_off_ended: Line::new(),
        }
    }

    /// Children whose outcome nobody has taken.
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.unused.len()
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Writes a new child down, and says whether it may run at once; else it is to stand in line.
    /// `None` if the group takes no more.
    pub(crate) fn admit(&mut self) -> Option<(ChildKey, bool)> {
        if self.is_closed {
            return None;
        }
        let has_place = self.places > 0 && self.in_line.is_empty();
        self.places -= usize::from(has_place);
        Some((self.enter(has_place), has_place))
    }

    /// Writes a child down that runs already, and does not count among those that run at once.
    pub(crate) fn admit_running(&mut self) -> Option<ChildKey> {
        (!self.is_closed).then(|| self.enter(false))
    }

    fn enter(&mut self, has_place: bool) -> ChildKey {
        let number = self.next_number;
        self.next_number += 1;
        self.running += 1;
        let entry = Entry { number, child: None, has_ended: false, has_place, is_unwanted: false };
        let index = self.unused.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        self.entries[index] = Some(entry);
        ChildKey { index, number }
    }

    /// The task of an admitted child. Says whether the group has been cancelled meanwhile, so that
    /// the child is to be cancelled too.
    pub(crate) fn place(&mut self, key: ChildKey, child: C, has_ended: bool) -> (bool, Effects<C>) {
        let Some(entry) = self.entry(key) else { unreachable!("who is admitted is placed once") };
        entry.child = Some(child);
        let is_unwanted = entry.is_unwanted;
        if !entry.has_ended && !has_ended {
            return (is_unwanted, Effects::none());
        }
        entry.has_ended = true;
        (false, self.settle(key))
    }

    /// The child's task has ended.
    pub(crate) fn ended(&mut self, key: ChildKey) -> Effects<C> {
        match self.entry(key) {
            Some(entry) if !entry.has_ended => {
                entry.has_ended = true;
                if entry.child.is_some() { self.settle(key) } else { Effects::none() }
            }
            _ => Effects::none(),
        }
    }

    fn entry(&mut self, key: ChildKey) -> Option<&mut Entry<C>> {
        let entry = self.entries.get_mut(key.index)?.as_mut()?;
        (entry.number == key.number).then_some(entry)
    }

    /// A child is placed and has ended.
    fn settle(&mut self, key: ChildKey) -> Effects<C> {
        let mut effects = Effects::none();
        let (is_given_up, keeps_none) = (self.is_given_up, self.keeps_none);
        let Some(entry) = self.entry(key) else { unreachable!("the caller has just seen it") };
        let (had_place, is_unwanted) = (entry.has_place, entry.is_unwanted);
        let was_cancelled = is_unwanted && entry.child.as_mut().is_some_and(Child::was_cancelled);
        self.count_out(had_place, is_unwanted);
        if is_given_up || keeps_none || was_cancelled {
            effects.gone = self.remove(key);
        } else {
            effects.wakers.extend(self.hand(key, true));
        }
        self.tell_of_an_end(&mut effects);
        effects
    }

    /// An admitted child will not be placed.
    pub(crate) fn withdraw(&mut self, key: ChildKey) -> Effects<C> {
        let mut effects = Effects::none();
        if let Some(entry) = self.entry(key) {
            let (had_place, is_unwanted) = (entry.has_place, entry.is_unwanted);
            self.count_out(had_place, is_unwanted);
            effects.gone = self.remove(key);
            self.tell_of_an_end(&mut effects);
        }
        effects
    }

    fn count_out(&mut self, had_place: bool, is_unwanted: bool) {
        self.running -= 1;
        self.called_off -= usize::from(is_unwanted);
        self.places += usize::from(had_place);
    }

    /// One runs less.
    fn tell_of_an_end(&mut self, effects: &mut Effects<C>) {
        if self.running == 0 {
            tell_all(&mut self.wait_all_ended, &mut effects.wakers);
        }
        if self.called_off == 0 {
            tell_all(&mut self.wait_called_off_ended, &mut effects.wakers);
        }
        effects.is_over = self.is_given_up && self.running == 0;
        effects.wakers.append(&mut self.tell_that_nobody_is_left());
        effects.may_begin = self.may_begin();
    }

    /// Gives a finished child to who waits for one, or puts it into the row.
    fn hand(&mut self, key: ChildKey, to_the_end: bool) -> Option<Waker> {
        let waker = self.wait_next.serve_first(|()| Found::Child(key));
        if waker.is_none() {
            if to_the_end {
                self.finished.push_back(key);
            } else {
                self.finished.push_front(key);
            }
        }
        waker
    }

    /// Whether nobody will ever be handed to who waits.
    fn is_nobody_left(&self) -> bool {
        self.len() == self.kept && !self.is_awaiting_more
    }

    fn tell_that_nobody_is_left(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        if self.is_nobody_left() {
            tell_all(&mut self.wait_next, &mut wakers);
        }
        wakers
    }

    fn remove(&mut self, key: ChildKey) -> Option<C> {
        self.entry(key)?;
        self.unused.push(key.index);
        self.entries[key.index].take()?.child
    }

    /// What `event` finds now; `None` if it has to wait.
    pub(crate) fn find(&mut self, event: Event) -> Option<Found> {
        match event {
            Event::Next => match self.finished.pop_front() {
                Some(key) => Some(Found::Child(key)),
                None => self.is_nobody_left().then_some(Found::Nobody),
            },
            Event::AllEnded => (self.running == 0).then_some(Found::Nobody),
            Event::CalledOffEnded => (self.called_off == 0).then_some(Found::Nobody),
        }
    }

    /// Those who wait for an event.
    pub(crate) fn line(&mut self, event: Event) -> &mut Line<(), Found> {
        match event {
            Event::Next => &mut self.wait_next,
            Event::AllEnded => &mut self.wait_all_ended,
            Event::CalledOffEnded => &mut self.wait_called_off_ended,
        }
    }

    /// Waits for an event that has not come: see [`find`](Self::find).
    pub(crate) fn line_up(&mut self, event: Event, waker: Waker) -> Key {
        self.line(event).push_back((), waker)
    }

    /// Who waited is gone. What it was handed goes to the next; that one's waker, and its own to be
    /// dropped.
    pub(crate) fn leave_line(&mut self, event: Event, key: Key) -> (Option<Waker>, Option<Waker>) {
        match self.line(event).remove(key) {
            Removed::Waiting((), waker) => (None, Some(waker)),
            Removed::Served(Found::Child(child)) => (self.hand(child, false), None),
            Removed::Served(Found::Nobody) => (None, None),
        }
    }

    /// The outcome of a child goes to who was handed it; the others may find nobody left.
    pub(crate) fn take(&mut self, key: ChildKey) -> (Option<C>, Vec<Waker>) {
        let child = self.remove(key);
        (child, self.tell_that_nobody_is_left())
    }

    /// Looks at a child.
    pub(crate) fn look<R>(&mut self, key: ChildKey, look: impl FnOnce(&mut C) -> R) -> Option<R> {
        self.entry(key)?.child.as_mut().map(look)
    }

    /// Who was handed a child keeps it in the book.
    pub(crate) fn keep(&mut self) -> Vec<Waker> {
        self.kept += 1;
        self.tell_that_nobody_is_left()
    }

    /// What somebody kept is to be had again, in the same order.
    pub(crate) fn give_back(&mut self, keys: &[ChildKey]) -> Vec<Waker> {
        self.kept -= keys.len();
        keys.iter().rev().filter_map(|key| self.hand(*key, false)).collect()
    }

    /// Takes out what somebody kept.
    pub(crate) fn take_kept(&mut self, keys: &[ChildKey]) -> Vec<C> {
        self.kept -= keys.len();
        keys.iter().filter_map(|key| self.remove(*key)).collect()
    }

    /// Takes out all that have ended and were not handed to anybody, in the order of spawning.
    pub(crate) fn take_finished(&mut self) -> (Vec<C>, Vec<Waker>) {
        let mut keys = std::mem::take(&mut self.finished);
        keys.make_contiguous().sort_unstable_by_key(|key| key.number);
        let children = keys.into_iter().filter_map(|key| self.remove(key)).collect();
        (children, self.tell_that_nobody_is_left())
    }

    /// A child that was admitted without a place stands in line.
    pub(crate) fn stand_in_line(&mut self, key: ChildKey, start: S) -> bool {
        self.in_line.push_back((key, start));
        self.may_begin()
    }

    /// Whether the caller is to begin those in line; somebody else may be doing it.
    fn may_begin(&mut self) -> bool {
        let begins = !self.is_beginning && self.places > 0 && !self.in_line.is_empty();
        self.is_beginning |= begins;
        begins
    }

    /// The next in line, if there is a place for it.
    pub(crate) fn next_to_begin(&mut self) -> Begin<S> {
        if self.places > 0
            && let Some((key, start)) = self.in_line.pop_front()
        {
            return match self.entry(key) {
                Some(entry) if !entry.has_ended => {
                    entry.has_place = true;
                    self.places -= 1;
                    Begin::Now(start)
                }
                _ => Begin::TooLate(start),
            };
        }
        self.is_beginning = false;
        Begin::Nobody
    }

    /// Calls off all children that have not ended: each is to be cancelled by the caller, and those
    /// in line are given out to be dropped.
    pub(crate) fn call_off<H>(
        &mut self,
        each: impl Fn(&C) -> H,
    ) -> (Vec<H>, VecDeque<(ChildKey, S)>) {
        let mut handles = Vec::with_capacity(self.running);
        for entry in self.entries.iter_mut().flatten().filter(|entry| !entry.has_ended) {
            self.called_off += usize::from(!entry.is_unwanted);
            entry.is_unwanted = true;
            handles.extend(entry.child.as_ref().map(&each));
        }
        (handles, std::mem::take(&mut self.in_line))
    }

    /// Who waits for the next child waits also while there is none, until this is `false` again.
    pub(crate) fn await_more(&mut self, more: bool) -> Vec<Waker> {
        self.is_awaiting_more = more;
        self.tell_that_nobody_is_left()
    }

    /// Admits nobody any more.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Drops each child when it has ended.
    pub(crate) fn keep_none(&mut self) {
        self.keeps_none = true;
    }

    /// Admits nobody any more, if nobody is there; says whether that is so.
    pub(crate) fn close_if_empty(&mut self) -> bool {
        self.is_closed |= self.len() == 0;
        self.is_closed
    }

    /// Nobody will ask for an outcome: gives out those that have ended, and drops the others when
    /// they do.
    pub(crate) fn give_up(&mut self) -> Vec<C> {
        self.is_closed = true;
        self.is_given_up = true;
        self.take_finished().0
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = &C> {
        self.entries.iter().flatten().filter_map(|entry| entry.child.as_ref())
    }
}

fn tell_all(line: &mut Line<(), Found>, wakers: &mut Vec<Waker>) {
    while let Some(waker) = line.serve_first(|()| Found::Nobody) {
        wakers.push(waker);
    }
}

#[cfg(all(test, ringpool_loom))]
#[path = "book_models.rs"]
mod models;
