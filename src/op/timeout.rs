//! Timeouts of the kernel's.

use std::io;
use std::time::Duration;

use io_uring::types::{TimeoutFlags, Timespec};
use io_uring::{opcode, squeue};

use super::timed::timespec_of;
use super::{Op, Operation, Start};

/// What ended a [`timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeoutEnd {
    /// The time has come.
    Elapsed,
    /// As many completions have come as [`after_completions`](Op::after_completions) said.
    Completions,
}

/// See [`timeout`] and [`timeout_at`].
pub struct Timeout {
    time: Timespec,
    flags: TimeoutFlags,
    clock: libc::clockid_t,
    completions: u32,
}

/// Ends after some time: `IORING_OP_TIMEOUT`. Since Linux 5.4.
///
/// [`time::sleep`](crate::time::sleep) costs less: its timers need no operation each. This one has
/// the kernel's clocks, and can be a step of a chain.
///
/// What is [linked](super::link()) behind it begins when the time has come.
///
/// # Errors
///
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, TimeoutEnd};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let end = op::timeout(Duration::from_millis(1)).clock(libc::CLOCK_BOOTTIME).await?;
///     assert_eq!(end, TimeoutEnd::Elapsed);
///     Ok(())
/// })
/// # }
/// ```
pub fn timeout(time: Duration) -> Op<Timeout> {
    Op::new(Timeout::make(time, TimeoutFlags::empty(), libc::CLOCK_MONOTONIC))
}

/// Ends when a clock shows `time`, counted from its zero: `IORING_OP_TIMEOUT` with
/// `IORING_TIMEOUT_ABS`. Since Linux 5.4.
///
/// The clocks are those of [`Op::clock`]. A time that has passed ends at once. By `CLOCK_REALTIME`
/// it ends when the clock says so, also if that is set meanwhile.
///
/// # Errors
///
/// `ECANCELED` if it was cancelled.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let soon = SystemTime::now() + Duration::from_millis(1);
/// let since_1970 = soon.duration_since(UNIX_EPOCH).expect("it is later");
/// pool.block_on(async {
///     op::timeout_at(libc::CLOCK_REALTIME, since_1970).await?;
///     assert!(SystemTime::now() >= soon);
///     Ok(())
/// })
/// # }
/// ```
pub fn timeout_at(clock: libc::clockid_t, time: Duration) -> Op<Timeout> {
    Op::new(Timeout::make(time, TimeoutFlags::ABS, clock))
}

impl Op<Timeout> {
    /// Goes by this clock, in place of `CLOCK_MONOTONIC` or the one it was made with.
    ///
    /// [`CLOCK_MONOTONIC`](libc::CLOCK_MONOTONIC), that of [`Instant`](std::time::Instant), stands
    /// still while the machine sleeps; [`CLOCK_BOOTTIME`](libc::CLOCK_BOOTTIME) goes on;
    /// [`CLOCK_REALTIME`](libc::CLOCK_REALTIME), that of [`SystemTime`](std::time::SystemTime), is
    /// counted from the beginning of 1970, and can be set. Any other is
    /// [`InvalidInput`](io::ErrorKind::InvalidInput). The latter two since Linux 5.15.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    #[track_caller]
    pub fn clock(self, clock: libc::clockid_t) -> Self {
        self.adjust(|timeout| timeout.clock = clock)
    }

    /// Ends it early when `count` other operations have completed on its ring, whosever they are,
    /// counted from when it begins.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::{self, TimeoutEnd};
    /// use std::time::Duration;
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// let long = op::timeout(Duration::from_secs(3600)).after_completions(1);
    /// let (end, nop) = pool.block_on(async { futures::join!(long, op::nop()) });
    /// assert_eq!(end.unwrap(), TimeoutEnd::Completions);
    /// nop.unwrap();
    /// ```
    #[track_caller]
    pub fn after_completions(self, count: u32) -> Self {
        self.adjust(|timeout| timeout.completions = count)
    }
}

impl Timeout {
    fn make(time: Duration, flags: TimeoutFlags, clock: libc::clockid_t) -> Self {
        Self { time: timespec_of(time), flags, clock, completions: 0 }
    }
}

// SAFETY: the entry points to the time, which is part of `self`.
unsafe impl Operation for Timeout {
    type Output = io::Result<TimeoutEnd>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Timeout::new(&raw const self.time)
            .count(self.completions)
            .flags(self.flags | clock_flags(self.clock)? | TimeoutFlags::ETIME_SUCCESS)
            .build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            Ok(_) => Ok(TimeoutEnd::Completions),
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Ok(TimeoutEnd::Elapsed),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Timeout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeout")
            .field("time", &self.time)
            .field("clock", &self.clock)
            .field("completions", &self.completions)
            .finish_non_exhaustive()
    }
}

/// The flags for a clock, if io_uring can go by it.
fn clock_flags(clock: libc::clockid_t) -> io::Result<TimeoutFlags> {
    match clock {
        libc::CLOCK_MONOTONIC => Ok(TimeoutFlags::empty()),
        libc::CLOCK_BOOTTIME => Ok(TimeoutFlags::BOOTTIME),
        libc::CLOCK_REALTIME => Ok(TimeoutFlags::REALTIME),
        _ => {
            let message = format!(
                "clock {clock} cannot be waited for here; CLOCK_MONOTONIC, CLOCK_BOOTTIME and \
                 CLOCK_REALTIME can"
            );
            Err(io::Error::new(io::ErrorKind::InvalidInput, message))
        }
    }
}
