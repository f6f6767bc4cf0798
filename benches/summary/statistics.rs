//! Medians, and how far the turns lie apart.

use crate::common::measure::Cost;

/// What the turns of one contender gave, in nanoseconds an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    wall_ns: Vec<f64>,
    cpu_ns: Vec<f64>,
}

/// The middle one of several numbers, the least and the most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Costs {
    pub(crate) fn add(&mut self, cost: Cost, operations: u64) {
        self.wall_ns.push(cost.wall.as_nanos() as f64 / operations as f64);
        self.cpu_ns.push(cost.cpu.as_nanos() as f64 / operations as f64);
    }

    pub(crate) fn wall_ns(&self) -> Spread {
        Spread::of(&self.wall_ns)
    }

    pub(crate) fn cpu_ns(&self) -> Spread {
        Spread::of(&self.cpu_ns)
    }
}

impl Spread {
    fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        Self { median: sorted[sorted.len() / 2], least, most }
    }
}
