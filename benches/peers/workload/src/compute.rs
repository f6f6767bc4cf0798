//! Work for a processor: so many steps, each of which needs the one before, so that it is the same
//! however often it is interrupted.

use std::hint::black_box;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use crate::cost::thread_cpu;

/// 256 tasks that all compute for 200 µs.
pub static EVEN: LazyLock<Load> = LazyLock::new(|| Load::new(256, 200));
/// 64 that compute for 20 µs.
pub static SHORT: LazyLock<Load> = LazyLock::new(|| Load::new(64, 20));

/// Does so many steps.
pub fn compute(steps: u64, seed: u64) -> u64 {
    let mut state = seed;
    for step in 0..steps {
        state = (state ^ step).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
    black_box(state)
}

/// As many steps as take about so long on this machine; asked once.
pub fn steps_in(time: Duration) -> u64 {
    const STEPS: u64 = 200_000;
    static TAKES: OnceLock<Duration> = OnceLock::new();
    let measure = |_| {
        let cpu = thread_cpu();
        compute(STEPS, 1);
        thread_cpu() - cpu
    };
    // The shortest one: in the others was something else.
    let takes = TAKES.get_or_init(|| (0..20).map(measure).min().expect("there are some"));
    STEPS * time.as_nanos() as u64 / takes.as_nanos() as u64
}

/// Tasks that each compute for some time.
#[derive(Debug)]
pub struct Load {
    steps: u64,
    tasks: usize,
    sum: u64,
}

impl Load {
    fn new(tasks: usize, micros: u64) -> Self {
        let steps = steps_in(Duration::from_micros(micros));
        let load = Self { steps, tasks, sum: 0 };
        let sum = load.tasks().map(|task| load.run(task)).fold(0, u64::wrapping_add);
        Self { sum, ..load }
    }

    pub fn tasks(&self) -> Range<usize> {
        0..self.tasks
    }

    /// What a task does; the results of all are to be added, wrapping around.
    pub fn run(&self, task: usize) -> u64 {
        compute(self.steps, task as u64)
    }

    /// Panics if that is not the sum of the results.
    pub fn check(&self, sum: u64) {
        assert_eq!(sum, self.sum, "a task did not run, or twice");
    }
}

/// Bytes of a request that is computed on.
pub const HOT_LEN: usize = 64;

/// What a server of the rotating hotspot does to each request: about 50 µs of computing, of which
/// the result stands in the first eight bytes. The client knows it.
pub fn answer_hot(message: &mut [u8], steps: u64) {
    let seed = u64::from_le_bytes(message[..8].try_into().expect("eight bytes are eight"));
    message[..8].copy_from_slice(&compute(steps, seed).to_le_bytes());
}

/// The steps of [`answer_hot`]: a fixed number, so that client and server agree on the answer.
pub const HOT_STEPS: u64 = 25_000;
