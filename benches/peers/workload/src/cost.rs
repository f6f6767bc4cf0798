//! What is measured.

use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{allocations, syscalls};

/// What some number of operations took.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Cost {
    /// Time that passed.
    pub wall_ns: u64,
    /// Processor time of all threads of the process.
    pub cpu_ns: u64,
    /// System calls of all threads; zero unless they are counted.
    pub syscalls: u64,
    /// Calls of the allocator for more memory; zero unless they are counted.
    pub allocations: u64,
    /// By how much the memory of the process has grown, in bytes; zero where that is no question.
    #[serde(default)]
    pub resident: u64,
}

impl Cost {
    /// One of only time.
    pub fn of_time(wall: Duration, cpu: Duration) -> Self {
        let (wall_ns, cpu_ns) = (wall.as_nanos() as u64, cpu.as_nanos() as u64);
        Self { wall_ns, cpu_ns, ..Self::default() }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            wall_ns: self.wall_ns + other.wall_ns,
            cpu_ns: self.cpu_ns + other.cpu_ns,
            syscalls: self.syscalls + other.syscalls,
            allocations: self.allocations + other.allocations,
            resident: self.resident + other.resident,
        }
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
        Self {
            wall_ns: self.wall_ns.saturating_sub(other.wall_ns),
            cpu_ns: self.cpu_ns.saturating_sub(other.cpu_ns),
            syscalls: self.syscalls.saturating_sub(other.syscalls),
            allocations: self.allocations.saturating_sub(other.allocations),
            resident: self.resident.saturating_sub(other.resident),
        }
    }
}

/// Started after the warm-up, and stopped after the last operation.
#[derive(Debug)]
pub struct Stopwatch {
    started: Instant,
    before: Cost,
}

impl Stopwatch {
    pub fn start() -> Self {
        let before = now();
        Self { started: Instant::now(), before }
    }

    pub fn stop(&self) -> Cost {
        let wall = self.started.elapsed();
        let cost = now() - self.before;
        Cost { wall_ns: wall.as_nanos() as u64, ..cost }
    }
}

fn now() -> Cost {
    Cost {
        cpu_ns: process_cpu().as_nanos() as u64,
        syscalls: syscalls::so_far(),
        allocations: allocations::so_far(),
        ..Cost::default()
    }
}

/// Processor time that all threads of this process have used.
pub fn process_cpu() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Processor time that the calling thread has used.
pub fn thread_cpu() -> Duration {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is ours.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "this kernel has no clock {clock}");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
