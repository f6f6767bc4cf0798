//! How long polls take, by samples.
//!
//! Two looks at the clock cost several times what the rest of a short poll does, so only one poll
//! in [`SAMPLED_ONE_IN`] is timed. Which one comes next is drawn at random each time: at a fixed
//! distance a program whose long polls come at regular intervals would have all of them timed, or
//! none.

use std::time::{Duration, Instant};

use super::counter::Counter;

/// Buckets of [`PollTimes`]: the bounds are the powers of two from 2^8 to 2^30 nanoseconds.
const BUCKETS: usize = 24;
/// The bound of the first bucket is two to this power, in nanoseconds.
const FIRST_BOUND_LOG2: u32 = 8;
/// One poll in so many is timed, on average.
const SAMPLED_ONE_IN: u64 = 256;

/// How long polls of tasks take, by samples: a histogram of those that were timed.
///
/// One poll in [`sampled_one_in`](Self::sampled_one_in) is timed, chosen at random, since looking
/// at the clock takes longer than many polls do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollTimes {
    /// Timed polls by how long they took; see [`upper_bound`](Self::upper_bound).
    pub buckets: [u64; BUCKETS],
    /// The time that the timed polls took together.
    pub sum: Duration,
    /// One poll in so many was timed, on average.
    pub sampled_one_in: u64,
}

impl Default for PollTimes {
    fn default() -> Self {
        let sampled_one_in = SAMPLED_ONE_IN;
        Self { buckets: [0; BUCKETS], sum: Duration::ZERO, sampled_one_in }
    }
}

impl PollTimes {
    /// The longest poll that counts in a bucket: 256 ns in the first, then twice as long each
    /// time, up to 1.07 s; `None` for the last one, which has all that took longer.
    pub fn upper_bound(bucket: usize) -> Option<Duration> {
        let bounded = (bucket < BUCKETS - 1).then(|| 1 << (FIRST_BOUND_LOG2 + bucket as u32));
        bounded.map(Duration::from_nanos)
    }

    /// How many polls were timed.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How long a poll takes on average; zero if none was timed.
    pub fn mean(&self) -> Duration {
        let nanoseconds = self.sum.as_nanos().checked_div(u128::from(self.count())).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// How long the polls took that are not among the longest: 0.99 gives a time that one poll in
    /// a hundred exceeds, as the upper bound of its bucket. `None` if that is the last bucket, or
    /// none was timed.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        bucket.and_then(Self::upper_bound)
    }

    /// Those of two rings.
    pub(super) fn plus(mut self, other: Self) -> Self {
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count += more;
        }
        self.sum += other.sum;
        self
    }
}

fn bucket_of(elapsed_ns: u64) -> usize {
    let log2 = u64::BITS - elapsed_ns.saturating_sub(1).leading_zeros();
    (log2.saturating_sub(FIRST_BOUND_LOG2) as usize).min(BUCKETS - 1)
}

/// What a ring counts of its polls.
#[derive(Debug, Default)]
pub(crate) struct PollCounters {
    count: Counter,
    /// The number of the next poll to time.
    next_timed: Counter,
    /// The state of the draw; never zero once it has begun.
    random: Counter,
    buckets: [Counter; BUCKETS],
    sum_ns: Counter,
}

impl PollCounters {
    /// Polls a task, and counts that; times it if it is its turn.
    #[inline]
    pub(crate) fn poll<R>(&self, poll: impl FnOnce() -> R) -> R {
        let number = self.count.get() + 1;
        self.count.set(number);
        if number < self.next_timed.get() { poll() } else { self.poll_timed(number, poll) }
    }

    #[cold]
    fn poll_timed<R>(&self, number: u64, poll: impl FnOnce() -> R) -> R {
        self.next_timed.set(number + self.draw());
        let started = Instant::now();
        let result = poll();
        let elapsed_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(elapsed_ns)].add(1);
        self.sum_ns.add(elapsed_ns);
        result
    }

    /// How many polls on the next one is timed: any number is as likely as any other, and they are
    /// [`SAMPLED_ONE_IN`] on average.
    fn draw(&self) -> u64 {
        // Marsaglia's xorshift64, whose state is any number but zero.
        let mut random = self.random.get() | u64::from(self.random.get() == 0);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        1 + (random >> 32) % (2 * SAMPLED_ONE_IN - 1)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    pub(super) fn read(&self) -> PollTimes {
        PollTimes {
            buckets: std::array::from_fn(|bucket| self.buckets[bucket].get()),
            sum: Duration::from_nanos(self.sum_ns.get()),
            sampled_one_in: SAMPLED_ONE_IN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_within_the_bounds_of_its_bucket() {
        let times = (0..64).flat_map(|log2| [(1u64 << log2) - 1, 1 << log2, (1 << log2) + 1]);
        for time_ns in times {
            let bucket = bucket_of(time_ns);
            let time = Duration::from_nanos(time_ns);
            assert!(PollTimes::upper_bound(bucket).is_none_or(|bound| time <= bound), "{time_ns}");
            let below = bucket.checked_sub(1).and_then(PollTimes::upper_bound);
            assert!(below.is_none_or(|bound| time > bound), "{time_ns}");
        }
        assert_eq!(PollTimes::upper_bound(0), Some(Duration::from_nanos(256)));
        assert!(PollTimes::upper_bound(BUCKETS - 2) > Some(Duration::from_secs(1)));
        assert_eq!(PollTimes::upper_bound(BUCKETS - 1), None);
    }

    /// Times which of many polls are timed, by the remainder of their number.
    fn timed_by_remainder(period: u64) -> Vec<u64> {
        let counters = PollCounters::default();
        let mut timed = vec![0; period as usize];
        for number in 1..=1_000_000u64 {
            let before = counters.next_timed.get();
            counters.poll(|| ());
            timed[(number % period) as usize] += u64::from(counters.next_timed.get() != before);
        }
        timed
    }

    #[test]
    fn polls_that_alternate_are_timed_in_proportion() {
        for period in [1, 2, 3, 4, 16, 64, 127] {
            let timed = timed_by_remainder(period);
            let expected = (1_000_000 / SAMPLED_ONE_IN / period) as f64;
            // Six times the deviation to be expected of a random choice.
            let most = 6.0 * expected.sqrt();
            for count in timed {
                assert!((count as f64 - expected).abs() < most, "{count}, not {expected}");
            }
        }
    }

    #[test]
    fn quantiles_are_bounds_of_buckets() {
        let mut times = PollTimes::default();
        assert_eq!((times.quantile(0.5), times.mean()), (None, Duration::ZERO));
        times.buckets[0] = 90;
        times.buckets[3] = 9;
        times.buckets[BUCKETS - 1] = 1;
        times.sum = Duration::from_secs(2);
        assert_eq!(times.quantile(0.0), PollTimes::upper_bound(0));
        assert_eq!(times.quantile(0.9), PollTimes::upper_bound(0));
        assert_eq!(times.quantile(0.95), PollTimes::upper_bound(3));
        assert_eq!(times.quantile(1.0), None);
        assert_eq!((times.count(), times.mean()), (100, Duration::from_millis(20)));
        assert_eq!(times.plus(times).count(), 200);
    }
}
