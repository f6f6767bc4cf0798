//! For how many of those who waited for a buffer one stands in the table of their group.
//!
//! These are estimates, which keep too many from asking the kernel in vain; that everybody who
//! waits is called in the end does not depend on them (`buf/provided/awaited.rs`).

/// The promises of one group, made and kept by home.
#[derive(Clone, Copy, Default)]
pub(crate) struct Promises {
    /// How many were called to take a buffer, and have not begun.
    called: usize,
    /// Until when they have time for it, in polls of the ring's tasks.
    until: u64,
    /// How many have begun, of which the kernel does not know yet.
    begun: usize,
}

impl Promises {
    pub(super) fn count(&self) -> usize {
        self.called + self.begun
    }

    /// So many who waited are called to take a buffer; all will have been polled `until` then.
    pub(crate) fn call(&mut self, count: usize, until: u64) {
        self.called += count;
        self.until = until;
    }

    /// One who waited begins an operation.
    pub(crate) fn begin(&mut self, was_called: bool) {
        self.called = self.called.saturating_sub(usize::from(was_called));
        self.begun += 1;
    }

    /// The kernel knows of all who have begun, and has said what they took. Who was called and has
    /// not begun although its time is up `now` will not do so soon, being busy elsewhere or gone:
    /// what was for it is for others.
    pub(crate) fn settle(&mut self, now: u64) {
        self.begun = 0;
        if now >= self.until {
            self.called = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_promised_to_who_does_not_come_is_for_others_once_its_time_is_up() {
        let mut promises = Promises::default();
        promises.call(3, 10);
        promises.begin(true);
        promises.begin(false);
        assert_eq!(promises.count(), 4);
        promises.settle(9);
        assert_eq!(promises.count(), 2);
        promises.settle(10);
        assert_eq!(promises.count(), 0);
        promises.begin(true);
        assert_eq!(promises.count(), 1, "it comes too late, and is not counted twice");
    }
}
