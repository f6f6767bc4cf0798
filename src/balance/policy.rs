//! What a ring keeps of the tasks that may go elsewhere, in numbers: pure functions, so that a
//! simulation can run them with hundreds of rings.

/// A ring keeps for itself what it will have run by then, if it is not told otherwise. To wake
/// another ring costs as much, so for less than that it does not pay to give tasks away.
pub(crate) const SOON_NS: u64 = 50_000;

/// For little to do a ring is woken so seldom; one that was woken looks once more after this time
/// before it sleeps for good, so that what nobody was woken for waits no longer.
pub(crate) const PATIENCE_NS: u64 = 1_000_000;

/// A turn of the loop is over after this time, also if there is more to run: completions, timers
/// and messages wait.
pub(crate) const LONG_TURN_NS: u64 = 500_000;

/// Whether a ring that keeps `kept_ns` of work already keeps a task that takes `task_ns` as well.
/// It always keeps one.
#[inline]
pub(crate) fn keeps(soon_ns: u64, kept_ns: u64, task_ns: u64) -> bool {
    kept_ns == 0 || kept_ns.saturating_add(task_ns) <= soon_ns
}

/// Whether to wake a ring now for so much work, so long after one was woken last: for much at once,
/// and for little now and then. Whoever was woken then will look again.
pub(crate) fn is_worth_waking(takes_ns: u64, since_ns: u64) -> bool {
    takes_ns >= SOON_NS || since_ns >= PATIENCE_NS
}

/// Polls that are timed together take about this long, so that a look at the clock costs little.
const LOOK_NS: u64 = 5_000;
/// Never more of them, and fewer at first: polls may take longer than they did.
const POLLS_PER_LOOK: u32 = 32;
const POLLS_TO_FIRST_LOOK: u32 = 8;

/// After how many polls to look at the clock for the first time in a turn, if polls took so long.
pub(crate) fn polls_to_first_look(poll_ns: u64) -> u32 {
    short_enough(poll_ns).clamp(1, POLLS_TO_FIRST_LOOK)
}

/// After how many polls to look at the clock again, if polls take so long and it was so many last:
/// more from one look to the next, as long as they are short.
pub(crate) fn polls_to_next_look(last: u32, poll_ns: u64) -> u32 {
    short_enough(poll_ns).min(last * 4).clamp(1, POLLS_PER_LOOK)
}

fn short_enough(poll_ns: u64) -> u32 {
    u32::try_from(LOOK_NS / poll_ns.max(1)).unwrap_or(u32::MAX)
}

/// How long a poll takes, as far as those before tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    ns: u64,
}

impl Estimate {
    /// Nothing is known yet, so a poll may well take long.
    pub(crate) fn unknown() -> Self {
        Self { ns: SOON_NS }
    }

    /// An estimate that was kept elsewhere.
    pub(crate) fn of(ns: u64) -> Self {
        Self { ns }
    }

    /// The time of one poll, never zero.
    #[inline]
    pub(crate) fn get(self) -> u64 {
        self.ns.max(1)
    }

    /// A poll took so long. Quick to rise and slow to fall: to take long polls for short ones makes
    /// others wait, and the other way round it costs a little.
    #[inline]
    pub(crate) fn learn(&mut self, took_ns: u64) {
        if took_ns > self.ns {
            self.ns += (took_ns - self.ns).div_ceil(2);
        } else {
            self.ns -= (self.ns - took_ns) / 8;
        }
    }
}

/// The first of the members of `set`, a bit for each ring in words of 64, that comes after `own` in
/// the circle of all rings; never `own` itself.
pub(crate) fn next_in_circle(
    own: usize,
    set: impl Fn(usize) -> u64,
    words: usize,
) -> Option<usize> {
    let (own_word, own_bit) = (own / 64, own % 64);
    let above = |bits: u64| bits & (u64::MAX << own_bit) & !(1 << own_bit);
    let below = |bits: u64| bits & !(u64::MAX << own_bit);
    let found =
        |word: usize, bits: u64| (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize);
    found(own_word, above(set(own_word)))
        .or_else(|| {
            let others = (own_word + 1..words).chain(0..own_word);
            others.into_iter().find_map(|word| found(word, set(word)))
        })
        .or_else(|| found(own_word, below(set(own_word))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_is_always_kept_and_more_only_if_they_run_soon() {
        assert!(keeps(SOON_NS, 0, u64::MAX));
        assert!(keeps(SOON_NS, SOON_NS - 10, 10));
        assert!(!keeps(SOON_NS, SOON_NS - 10, 11));
        assert!(!keeps(SOON_NS, 1, u64::MAX));
        assert!(keeps(0, 0, 1) && !keeps(0, 1, 1));
    }

    #[test]
    fn a_ring_is_woken_for_much_at_once_and_for_little_now_and_then() {
        assert!(is_worth_waking(SOON_NS, 0));
        assert!(!is_worth_waking(SOON_NS - 1, PATIENCE_NS - 1));
        assert!(is_worth_waking(1, PATIENCE_NS));
    }

    #[test]
    fn the_clock_is_looked_at_less_often_while_polls_are_short() {
        assert_eq!([0, 1_000, 5_001].map(polls_to_first_look), [8, 5, 1]);
        assert_eq!([1, 4, 8, 32].map(|last| polls_to_next_look(last, 0)), [4, 16, 32, 32]);
        assert_eq!([1, 2, 32].map(|last| polls_to_next_look(last, 1_000)), [4, 5, 5]);
        assert_eq!(polls_to_next_look(32, u64::MAX), 1);
    }

    #[test]
    fn an_estimate_rises_at_once_and_falls_in_the_end() {
        let mut estimate = Estimate::unknown();
        estimate.learn(1_000_000_000);
        assert!(estimate.get() > 400_000_000);
        let mut polls = 0;
        while estimate.get() > 1_000 {
            estimate.learn(100);
            polls += 1;
        }
        assert!((50..200).contains(&polls), "{polls}");
        (0..100).for_each(|_| estimate.learn(0));
        assert!(estimate.get() < 10);
    }

    #[test]
    fn the_circle_begins_behind_oneself_and_never_ends_there() {
        let words = [0b1011, 1 << 5, 0];
        let next = |own| next_in_circle(own, |word| words[word], words.len());
        assert_eq!(next(0), Some(1));
        assert_eq!(next(1), Some(3));
        assert_eq!(next(3), Some(69));
        assert_eq!(next(69), Some(0));
        assert_eq!(next(191), Some(0));
        assert_eq!(next_in_circle(7, |_| 1 << 7, 1), None);
        assert_eq!(next_in_circle(63, |_| 1 << 62, 1), Some(62));
        assert_eq!(next_in_circle(0, |_| 0, 4), None);
    }
}
