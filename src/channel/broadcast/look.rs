//! Looking for the next item once more before lining up for it.
//!
//! To line up takes the lock that the sender needs for each item, and then it has to wake. A
//! receiver that is as quick as its sender would do so for nearly every item, and both would be
//! slower than either alone. So a receiver that finds nothing first lets a moment pass in which it
//! touches nothing of what is shared, so that several items can come, and then looks.
//!
//! It pays only while items come quickly, and never if the sender is on this thread. So looking in
//! vain makes a receiver wait without a look the next time, then three times, seven times, and so
//! on up to [`SKIPPED_MAX`]; finding an item ends that. A receiver of rare items all but never
//! looks.

use crate::coop;
use crate::primitives::spin_loop;

/// How long the moments before each look are, in spins of a few nanoseconds.
#[cfg(not(ringpool_loom))]
const MOMENTS: [u32; 3] = [8, 16, 32];

/// The models need no time to pass: the threads take turns in every order anyway.
#[cfg(ringpool_loom)]
const MOMENTS: [u32; 1] = [0];

/// At most so many waits begin without a look after one in vain.
const SKIPPED_MAX: u8 = 63;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct LookPolicy {
    /// How many waits were to begin without a look after the last one in vain.
    skipped: u8,
    /// How many of those are left.
    left: u8,
}

impl LookPolicy {
    /// Whether `is_there` becomes true within a short while; `false` at once if looking has not
    /// paid lately.
    ///
    /// An item that is found costs a unit of the task's budget, since time has passed.
    #[inline(never)]
    pub(super) fn look(&mut self, is_there: impl Fn() -> bool) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        for spins in MOMENTS {
            (0..spins).for_each(|_| spin_loop());
            if is_there() {
                self.skipped = 0;
                coop::spend();
                return true;
            }
        }
        self.skipped = (2 * self.skipped + 1).min(SKIPPED_MAX);
        self.left = self.skipped;
        false
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn who_looks_in_vain_looks_less_and_less() {
        let (mut policy, looks) = (LookPolicy::default(), Cell::new(0));
        let mut look = || {
            policy.look(|| {
                looks.set(looks.get() + 1);
                false
            })
        };
        for _ in 0..64_000 {
            assert!(!look());
        }
        assert!(looks.get() <= 1_010 * MOMENTS.len(), "{} looks", looks.get());
        assert!(looks.get() >= 1_000 * MOMENTS.len(), "{} looks", looks.get());
    }

    #[test]
    fn finding_an_item_makes_the_next_wait_begin_with_a_look() {
        let mut policy = LookPolicy::default();
        while policy.skipped < SKIPPED_MAX || policy.left > 0 {
            assert!(!policy.look(|| false));
        }
        assert!(policy.look(|| true));
        assert!(policy.look(|| true));
        assert!(!policy.look(|| false));
        assert!(!policy.look(|| true), "skipped after a look in vain");
        assert!(policy.look(|| true));
    }

    #[test]
    fn an_item_found_by_looking_costs_budget() {
        coop::reset(1);
        assert!(LookPolicy::default().look(|| true));
        let context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(coop::poll_proceed(&context).is_pending());
        coop::reset(coop::UNLIMITED);
    }
}
