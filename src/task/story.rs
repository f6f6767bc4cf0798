//! When a task came into being and what it waits for, for people who look: one word, since a new
//! header is written as a whole, and words of different sizes would make that slow.

use std::cell::Cell;

use crate::awaiting::Awaited;
use crate::time::moment::{MOMENT_BITS, Moment};

/// See the module's page. The moment is in the lower bits.
pub(super) struct Story(Cell<u64>);

const MOMENT: u64 = (1 << MOMENT_BITS) - 1;

impl Story {
    #[inline]
    pub(super) fn new(born: Moment) -> Self {
        Self(Cell::new(born.into_bits()))
    }

    pub(super) fn born(&self) -> Moment {
        Moment::from_bits(self.0.get() & MOMENT)
    }

    /// A poll begins: it waits for nothing.
    #[inline]
    pub(super) fn begin_poll(&self) {
        self.0.set(self.0.get() & MOMENT);
    }

    /// It waits for this; says whether it has not been said that it waits for something.
    #[inline]
    pub(super) fn await_first(&self, what: Awaited) -> bool {
        let word = self.0.get();
        let is_first = word & !MOMENT == 0;
        if is_first {
            self.0.set(word | u64::from(what as u8) << MOMENT_BITS);
        }
        is_first
    }

    pub(super) fn awaits(&self) -> Option<Awaited> {
        Awaited::of((self.0.get() >> MOMENT_BITS) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_awaited_is_kept_until_the_next_poll() {
        let born = Moment::from_ns(u64::MAX);
        let story = Story::new(born);
        assert_eq!(story.awaits(), None);
        assert!(story.await_first(Awaited::Task));
        assert!(!story.await_first(Awaited::Timer));
        assert_eq!((story.awaits(), story.born()), (Some(Awaited::Task), born));
        story.begin_poll();
        assert_eq!((story.awaits(), story.born()), (None, born));
        let all =
            [Awaited::Operation, Awaited::Timer, Awaited::Channel, Awaited::Lock, Awaited::Task];
        for what in all {
            story.begin_poll();
            assert!(story.await_first(what));
            assert_eq!(story.awaits(), Some(what));
        }
    }
}
