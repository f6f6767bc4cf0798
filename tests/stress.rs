//! Seconds of everything at once, with numbers that can be repeated.

mod common;
#[path = "stress/mixture.rs"]
mod mixture;

use std::time::Duration;

use common::*;

/// The seed of a run that is to be repeated.
const SEED: &str = "RINGPOOL_SEED";
/// Seconds for each mixture, for those who want to look for longer.
const SECONDS: &str = "RINGPOOL_STRESS_SECONDS";

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn stress(rings: usize, pools: usize) {
    let seconds = number_of(SECONDS).unwrap_or(2);
    let _limit = limit_of(LIMIT + Duration::from_secs(seconds));
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number_of(SEED).unwrap_or(clock.as_nanos() as u64);
    println!("{SEED}={seed}");
    let steps = mixture::run(seed, rings, pools, Duration::from_secs(seconds));
    println!("{steps} steps");
    assert!(steps > rounds(100) as u64, "only {steps} steps");
}

#[test]
fn two_rings_under_everything_at_once_lose_nothing() {
    stress(2, 1);
}

#[test]
fn four_rings_of_two_pools_under_everything_at_once_lose_nothing() {
    stress(2, 2);
}

#[test]
fn many_short_mixtures_end_in_the_middle_of_everything() {
    let _limit = limit();
    let seed = number_of(SEED).unwrap_or(1);
    for round in 0..100 {
        println!("{SEED}={}", seed + round);
        let time = Duration::from_millis(5 + round % 10);
        mixture::run(seed + round, 1 + round as usize % 3, 1 + round as usize % 2, time);
    }
}
