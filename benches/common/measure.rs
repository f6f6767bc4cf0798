//! What is measured: the time that passed, and the processor time of the whole process.

use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, Instant};

/// Time taken by some number of operations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Processor time: all threads of the process, unless the row says otherwise.
    pub(crate) cpu: Duration,
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu + other.cpu }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { wall: self.wall.saturating_sub(other.wall), cpu: self.cpu.saturating_sub(other.cpu) }
    }
}

/// Started inside the runtime, before the first operation, and stopped there after the last.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    cpu_clock: fn() -> Duration,
    cpu: Duration,
    started: Instant,
}

impl Stopwatch {
    /// One that takes the processor time of the whole process.
    pub(crate) fn start() -> Self {
        Self::start_with(process_cpu)
    }

    /// One that takes the processor time of the calling thread, on which it has to be stopped.
    pub(crate) fn start_of_thread() -> Self {
        Self::start_with(thread_cpu)
    }

    fn start_with(cpu_clock: fn() -> Duration) -> Self {
        Self { cpu_clock, cpu: cpu_clock(), started: Instant::now() }
    }

    pub(crate) fn stop(self) -> Cost {
        Cost { wall: self.started.elapsed(), cpu: (self.cpu_clock)() - self.cpu }
    }
}

/// How long a thread computes between two operations, where the other one shall have fallen asleep
/// for certain.
const PAUSE: Duration = Duration::from_micros(30);

/// Pauses that are not to be counted.
#[derive(Debug, Default)]
pub(crate) struct Pauses(Cost);

impl Pauses {
    /// Computes for a while.
    pub(crate) fn pause(&mut self) {
        let (started, cpu) = (Instant::now(), thread_cpu());
        while started.elapsed() < PAUSE {
            std::hint::spin_loop();
        }
        self.0 += Cost { cpu: thread_cpu() - cpu, wall: started.elapsed() };
    }

    /// What all of them took.
    pub(crate) fn cost(&self) -> Cost {
        self.0
    }
}

/// Processor time that all threads of this process have used.
pub(crate) fn process_cpu() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is ours.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "this kernel has no clock {clock}");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Does `operation` a number of times to warm up, and then so many times that count.
///
/// To be awaited inside the runtime, so that neither its start nor its end is measured.
pub(crate) async fn repeat(
    warm_up: u64,
    iterations: u64,
    mut operation: impl AsyncFnMut(),
) -> Cost {
    for _ in 0..warm_up {
        operation().await;
    }
    let watch = Stopwatch::start();
    for _ in 0..iterations {
        operation().await;
    }
    watch.stop()
}
