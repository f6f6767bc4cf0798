//! Random schedules of situations that are too large for loom, with whole tasks on whole rings.
//!
//! Shuttle runs all threads of such a run, one at a time, on one thread of the system, and switches
//! at each access to what `primitives.rs` has. So the rings here are real ones, with the loop of
//! `worker.rs`; only their wait for the kernel lets another thread go on (`Ring::wait`). A wake
//! that is lost shows as a deadlock, or, if something is in the kernel, as a run of too many steps.
//!
//! A run that fails prints its schedule, which `shuttle::replay` repeats. `RINGPOOL_SCHEDULES` says
//! how many schedules each run is tried with. Shuttle knows no weak memory: that is loom's part.

mod channels;
mod groups;
mod locks;
mod moves;
mod rings;
mod sheds;

pub(crate) use rings::ring_bell;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, MaxSteps, Runner};

/// How many schedules of each kind a run is tried with.
const SCHEDULES: usize = 200;
/// More than any of the runs takes that comes to an end.
const STEPS_MAX: usize = 400_000;
/// What the loop of a ring needs without optimisation.
const STACK_BYTES: usize = 512 << 10;

/// Tries `run` with random schedules, and with such as change seldom from one thread to another.
fn try_schedules(run: impl Fn() + Send + Sync + Copy + 'static) {
    let given = std::env::var("RINGPOOL_SCHEDULES").ok();
    let schedules = given.map_or(SCHEDULES, |text| text.parse().expect("a number"));
    Runner::new(RandomScheduler::new(schedules), config()).run(run);
    Runner::new(PctScheduler::new(3, schedules), config()).run(run);
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    config
}

/// A random number below `end`, the same in each repetition of a schedule.
fn below(end: usize) -> usize {
    use shuttle::rand::Rng;

    shuttle::rand::thread_rng().gen_range(0..end)
}
