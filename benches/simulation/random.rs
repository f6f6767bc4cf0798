//! Random numbers that are the same on every run: SplitMix64.

#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    pub(crate) fn index(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Above 0 and up to 1.
    pub(crate) fn share(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// The time until something happens that happens every `mean_ns` on the average.
    pub(crate) fn exponential(&mut self, mean_ns: f64) -> u64 {
        (-self.share().ln() * mean_ns) as u64
    }

    /// Mostly little more than `least`, and now and then very much; `shape` above 1, the less the
    /// longer the tail.
    pub(crate) fn pareto(&mut self, least: f64, shape: f64, most: f64) -> u64 {
        (least / self.share().powf(1.0 / shape)).min(most) as u64
    }
}
