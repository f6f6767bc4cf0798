//! Each load, on so many rings, by each strategy.

use crate::policy::Policy;
use crate::shapes::{Shape, ideal_ns};
use crate::shedding::Shedding;
use crate::strategies::{Static, Stealing};
use crate::world::{Outcome, simulate};

pub(crate) const RINGS: [usize; 8] = [2, 4, 8, 16, 32, 64, 128, 256];
pub(crate) const RINGS_QUICK: [usize; 3] = [2, 16, 64];
const SEED: u64 = 5;

/// Who spreads the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Static,
    Stealing,
    Shedding,
    SheddingSleepingAtOnce,
    SheddingLookingOn,
    SheddingTrusting,
}

impl Contender {
    pub(crate) const ALL: [Self; 6] = [
        Self::Static,
        Self::Stealing,
        Self::Shedding,
        Self::SheddingSleepingAtOnce,
        Self::SheddingLookingOn,
        Self::SheddingTrusting,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Static => "static sharding",
            Self::Stealing => "work stealing",
            Self::Shedding => "shedding",
            Self::SheddingSleepingAtOnce => "shedding, sleeping at once",
            Self::SheddingLookingOn => "shedding, always looking on",
            Self::SheddingTrusting => "shedding, trusting",
        }
    }

    pub(crate) fn simulate(
        self,
        tasks: &[crate::shapes::Task],
        rings: usize,
        seed: u64,
    ) -> Outcome {
        let shed = |policy| simulate(tasks, rings, seed, Shedding::new(rings, policy));
        match self {
            Self::Static => simulate(tasks, rings, seed, Static),
            Self::Stealing => simulate(tasks, rings, seed, Stealing::new(rings)),
            Self::Shedding => shed(Policy::SHEDDING),
            Self::SheddingSleepingAtOnce => shed(Policy::SLEEPING_AT_ONCE),
            Self::SheddingLookingOn => shed(Policy::LOOKING_ON),
            Self::SheddingTrusting => shed(Policy::TRUSTING),
        }
    }
}

/// What one run gave.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) shape: Shape,
    pub(crate) rings: usize,
    pub(crate) contender: Contender,
    /// The makespan, by what no strategy can undercut.
    pub(crate) ratio: f64,
    pub(crate) wait_median_ns: u64,
    /// What one wait of a hundred exceeds.
    pub(crate) wait_long_ns: u64,
    pub(crate) moves_a_task: f64,
    pub(crate) wakes: u64,
}

pub(crate) fn run(shape: Shape, rings: usize, contender: Contender) -> Run {
    let tasks = shape.tasks(rings, SEED);
    let outcome = contender.simulate(&tasks, rings, SEED);
    let waits = &outcome.waits_ns;
    let wait_at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
    Run {
        shape,
        rings,
        contender,
        ratio: outcome.makespan_ns as f64 / ideal_ns(&tasks, rings),
        wait_median_ns: wait_at(50),
        wait_long_ns: wait_at(99),
        moves_a_task: outcome.moves as f64 / tasks.len() as f64,
        wakes: outcome.wakes,
    }
}
