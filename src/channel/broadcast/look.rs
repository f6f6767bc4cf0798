//! Looking for the next item once more before lining up for it.
//!
//! To line up takes the lock that the sender needs for each item, and then it has to wake. A
//! receiver that is as quick as its sender would do so for nearly every item, and both would be
//! slower than either alone. So a receiver that finds nothing first lets a moment pass in which it
//! touches nothing of what is shared, so that several items can come, and then looks.
//!
//! It pays only while items come quickly, and never if the sender is on this thread. So a receiver
//! that has looked in vain twice waits without a look the next time, then three times, seven times,
//! and so on up to 63; finding an item ends that. Once in vain counts for nothing, since that is
//! how each burst of items ends. A receiver of rare items all but never looks.

use crate::coop;
use crate::primitives::spin_loop;

/// How long the moments before each look are, in spins of a few nanoseconds.
#[cfg(not(ringpool_loom))]
const MOMENTS: [u32; 3] = [8, 16, 32];

/// The models need no time to pass: the threads take turns in every order anyway.
#[cfg(ringpool_loom)]
const MOMENTS: [u32; 1] = [0];

/// More looks in vain than this make no difference.
const IN_VAIN_MAX: u8 = 7;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct LookPolicy {
    /// How many looks were in vain since the last one that paid.
    in_vain: u8,
    /// How many waits are still to begin without a look.
    to_skip: u8,
}

impl LookPolicy {
    /// Whether `is_there` becomes true within a short while; `false` at once if looking has not
    /// paid lately.
    ///
    /// An item that is found costs a unit of the task's budget, since time has passed.
    #[inline(never)]
    pub(super) fn look(&mut self, is_there: impl Fn() -> bool) -> bool {
        if self.to_skip > 0 {
            self.to_skip -= 1;
            return false;
        }
        for spins in MOMENTS {
            (0..spins).for_each(|_| spin_loop());
            if is_there() {
                self.in_vain = 0;
                coop::spend();
                return true;
            }
        }
        self.in_vain = (self.in_vain + 1).min(IN_VAIN_MAX);
        self.to_skip = (1 << (self.in_vain - 1)) - 1;
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
    fn finding_an_item_makes_the_next_waits_begin_with_a_look() {
        let mut policy = LookPolicy::default();
        while policy.in_vain < IN_VAIN_MAX || policy.to_skip > 0 {
            assert!(!policy.look(|| false));
        }
        assert!(policy.look(|| true));
        assert!(!policy.look(|| false));
        assert!(policy.look(|| true), "the end of a burst counts for nothing");
        assert!(!policy.look(|| false));
        assert!(!policy.look(|| false));
        assert!(!policy.look(|| true), "skipped after two looks in vain");
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
