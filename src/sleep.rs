//! When to wait awake before falling asleep.
//!
//! Waking a sleeping thread costs 5 to 12 µs by every means the kernel has; meeting one that is
//! still looking costs a fraction of one. So a ring looks on for a while before it sleeps, but only
//! if messages came lately at intervals that make it pay: an idle ring must cost nothing.
//!
//! The policy keeps a credit. A message that came while looking, or so soon after falling asleep
//! that looking would have met it, earns credit; a time spent looking in vain costs some, and so
//! does one that a completion ended: that would have woken the ring as well. Without credit the
//! ring sleeps at once. So a ring that is left alone looks in vain a few times and then not at all,
//! and one that gets a message every second never begins.
//!
//! How long it looks depends on how long messages kept it waiting of late: a few times as long. So
//! who was sent one every microsecond gives up soon after the last one.
//!
//! A pool that was told to poll busily pays for latency with its processors: it looks on always.

use std::time::Duration;

const CREDIT_MAX: u32 = 16;
/// A new ring has none: it has to earn it.
const CREDIT_AT_START: u32 = 0;
const EARNED: u32 = 4;
const LOST: u32 = 1;
/// About what it takes to fall asleep and to be woken.
const SLEEP_COSTS_NS: u64 = 2_000;
/// Whoever looks does so for this many times as long as it had to wait of late,
const LOOKS_FOR_GAPS: u64 = 4;
/// and for at least so long: another thread may just have been interrupted.
const LOOK_MIN_NS: u64 = 8_000;
/// The longest wait of late is forgotten by this part with each shorter one.
const FORGOTTEN: u64 = 32;
/// Who looks on always comes back to the loop so often, for what is done there now and then.
const BUSY_LOOK_NS: u64 = 1_000_000;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct SpinPolicy {
    limit_ns: u64,
    credit: u32,
    /// The longest time of late that a message kept us waiting.
    gap_ns: u64,
    never_sleeps: bool,
}

impl SpinPolicy {
    /// Looks on for `limit` at most; zero is never.
    pub(crate) fn new(limit: Duration) -> Self {
        let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        Self { limit_ns, credit: CREDIT_AT_START, gap_ns: limit_ns, never_sleeps: false }
    }

    /// Looks on whatever comes.
    pub(crate) fn always() -> Self {
        let limit_ns = BUSY_LOOK_NS;
        Self { limit_ns, credit: CREDIT_MAX, gap_ns: limit_ns, never_sleeps: true }
    }

    /// Whether a look that met nothing is followed by the next one instead of sleep.
    pub(crate) fn never_sleeps(&self) -> bool {
        self.never_sleeps
    }

    /// How long to look on now; zero for not at all.
    pub(crate) fn limit_ns(&self) -> u64 {
        match self.credit {
            0 => 0,
            _ if self.never_sleeps => self.limit_ns,
            _ => self.gap_ns.saturating_mul(LOOKS_FOR_GAPS).max(LOOK_MIN_NS).min(self.limit_ns),
        }
    }

    /// Whether sleeps are worth measuring.
    pub(crate) fn is_on(&self) -> bool {
        self.limit_ns > 0
    }

    /// A message came after looking for `looked_ns`.
    pub(crate) fn paid(&mut self, looked_ns: u64) {
        self.earn(looked_ns);
    }

    fn earn(&mut self, waited_ns: u64) {
        self.credit = (self.credit + EARNED).min(CREDIT_MAX);
        let forgotten_ns = self.gap_ns - self.gap_ns.div_ceil(FORGOTTEN);
        self.gap_ns = forgotten_ns.max(waited_ns.min(self.limit_ns));
    }

    /// Nothing came while looking.
    pub(crate) fn in_vain(&mut self) {
        if !self.never_sleeps {
            self.credit = self.credit.saturating_sub(LOST);
        }
    }

    /// A completion came after looking for `looked_ns`. The kernel would have woken the ring for
    /// it, and a processor that looks on for longer than falling asleep takes is kept from others:
    /// without this, a server would look on for as long as its clients keep asking.
    pub(crate) fn ended_by_completion(&mut self, looked_ns: u64) {
        if looked_ns > SLEEP_COSTS_NS {
            self.in_vain();
        }
    }

    /// A timer was due after looking for `looked_ns`. For one that is `near_ns` away at most it is
    /// worth while to look whatever else may come; for others the kernel would have woken the ring.
    pub(crate) fn ended_by_timer(&mut self, looked_ns: u64, near_ns: u64) {
        // A look at the clock now and then, and so a little later.
        if looked_ns > 2 * near_ns {
            self.in_vain();
        }
    }

    /// A message woke the ring after it had slept for `slept_ns`.
    pub(crate) fn woken_by_message(&mut self, slept_ns: u64) {
        // Waking took a part of that time, so a little more than the limit counts as in time.
        if slept_ns < self.limit_ns.saturating_mul(2) {
            self.earn(slept_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_that_is_left_alone_stops_looking() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        policy.woken_by_message(10_000);
        let mut looks = 0;
        while policy.limit_ns() > 0 {
            policy.in_vain();
            looks += 1;
            assert!(looks <= CREDIT_MAX);
        }
        assert!(looks > 0);
    }

    #[test]
    fn rare_messages_never_make_it_look() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        for _ in 0..100 {
            policy.woken_by_message(1_000_000);
            assert_eq!(policy.limit_ns(), 0);
        }
    }

    #[test]
    fn quick_messages_do() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        policy.woken_by_message(8_000);
        assert_eq!(policy.limit_ns(), 50_000);
        for _ in 0..100 {
            policy.paid(20_000);
        }
        policy.in_vain();
        assert_eq!(policy.limit_ns(), 50_000);
    }

    #[test]
    fn it_looks_a_few_times_as_long_as_it_had_to_wait() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        for _ in 0..500 {
            policy.paid(5_000);
        }
        assert_eq!(policy.limit_ns(), 20_000);
        (0..500).for_each(|_| policy.paid(0));
        assert_eq!(policy.limit_ns(), LOOK_MIN_NS);
        policy.woken_by_message(30_000);
        assert_eq!(policy.limit_ns(), 50_000, "a wait that was longer is learned at once");
    }

    #[test]
    fn it_never_looks_for_longer_than_it_may() {
        let mut policy = SpinPolicy::new(Duration::from_micros(1));
        policy.woken_by_message(1_500);
        assert_eq!(policy.limit_ns(), 1_000);
        let mut policy = SpinPolicy::new(Duration::MAX);
        policy.woken_by_message(u64::MAX - 1);
        assert!(policy.limit_ns() > 1_000_000_000);
    }

    #[test]
    fn completions_alone_do_not_keep_it_looking_unless_they_come_at_once() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        policy.woken_by_message(8_000);
        for _ in 0..100 {
            policy.ended_by_completion(500);
        }
        assert!(policy.limit_ns() > 0);
        for _ in 0..CREDIT_MAX {
            policy.ended_by_completion(10_000);
        }
        assert_eq!(policy.limit_ns(), 0);
    }

    #[test]
    fn timers_alone_do_not_keep_it_looking_unless_they_are_near() {
        let mut policy = SpinPolicy::new(Duration::from_micros(50));
        policy.woken_by_message(8_000);
        (0..100).for_each(|_| policy.ended_by_timer(5_100, 5_000));
        assert!(policy.limit_ns() > 0);
        (0..CREDIT_MAX).for_each(|_| policy.ended_by_timer(20_000, 5_000));
        assert_eq!(policy.limit_ns(), 0);
    }

    #[test]
    fn who_polls_busily_goes_on_whatever_comes() {
        let mut policy = SpinPolicy::always();
        for _ in 0..10 * CREDIT_MAX {
            policy.in_vain();
            policy.ended_by_completion(10_000);
        }
        assert_eq!(policy.limit_ns(), BUSY_LOOK_NS);
        assert!(policy.never_sleeps());
    }

    #[test]
    fn a_limit_of_zero_is_off() {
        let mut policy = SpinPolicy::new(Duration::ZERO);
        policy.woken_by_message(1);
        policy.paid(1);
        assert_eq!(policy.limit_ns(), 0);
        assert!(!policy.is_on());
    }
}
