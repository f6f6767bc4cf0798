//! Timeouts of the kernel's.

use std::io;
use std::time::Duration;

use io_uring::types::{TimeoutFlags, Timespec};
use io_uring::{opcode, squeue};

use super::{Op, Operation, Start};

/// A clock that a [`timeout`] goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// `CLOCK_MONOTONIC`, that of [`Instant`](std::time::Instant): it stands still while the
    /// machine sleeps.
    #[default]
    Monotonic,
    /// `CLOCK_BOOTTIME`: it goes on while the machine sleeps. Since Linux 5.15.
    Boottime,
    /// `CLOCK_REALTIME`, that of [`SystemTime`](std::time::SystemTime), counted from the beginning
    /// of 1970: it is set. Since Linux 5.15.
    Realtime,
}

impl Clock {
    fn flags(self) -> TimeoutFlags {
        match self {
            Self::Monotonic => TimeoutFlags::empty(),
            Self::Boottime => TimeoutFlags::BOOTTIME,
            Self::Realtime => TimeoutFlags::REALTIME,
        }
    }
}

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
    clock: Clock,
    completions: u32,
}

/// Ends after some time: `IORING_OP_TIMEOUT`. Since Linux 5.4.
///
/// [`time::sleep`](crate::time::sleep) costs less: its timers need no operation each. This one has
/// the kernel's clocks, and can be a step of a chain.
///
/// In a chain it counts as failed, as all operations do that give no success: what is linked behind
/// it by [`link`](super::link()) is cancelled, and by [`hard_link`](super::hard_link()) begins.
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
/// use ringpool::op::{self, Clock, TimeoutEnd};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let end = op::timeout(Duration::from_millis(1)).clock(Clock::Boottime).await?;
///     assert_eq!(end, TimeoutEnd::Elapsed);
///     Ok(())
/// })
/// # }
/// ```
pub fn timeout(time: Duration) -> Op<Timeout> {
    Op::new(Timeout::make(time, TimeoutFlags::empty(), Clock::Monotonic))
}

/// Ends when a clock shows `time`, counted from its zero: `IORING_OP_TIMEOUT` with
/// `IORING_TIMEOUT_ABS`. Since Linux 5.4.
///
/// A time that has passed ends at once. By [`Clock::Realtime`] it ends when the clock says so, also
/// if that is set meanwhile.
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
/// use ringpool::op::{self, Clock};
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let soon = SystemTime::now() + Duration::from_millis(1);
/// let since_1970 = soon.duration_since(UNIX_EPOCH).expect("it is later");
/// pool.block_on(async {
///     op::timeout_at(Clock::Realtime, since_1970).await?;
///     assert!(SystemTime::now() >= soon);
///     Ok(())
/// })
/// # }
/// ```
pub fn timeout_at(clock: Clock, time: Duration) -> Op<Timeout> {
    Op::new(Timeout::make(time, TimeoutFlags::ABS, clock))
}

impl Op<Timeout> {
    /// The clock it goes by, in place of [`Clock::Monotonic`] or the one it was made with.
    pub fn clock(self, clock: Clock) -> Self {
        self.adjust(|timeout| timeout.clock = clock)
    }

    /// Ends it early when `count` other operations have completed on its ring, whosever they are,
    /// counted from when it begins.
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
    pub fn after_completions(self, count: u32) -> Self {
        self.adjust(|timeout| timeout.completions = count)
    }
}

impl Timeout {
    fn make(time: Duration, flags: TimeoutFlags, clock: Clock) -> Self {
        Self { time: timespec(time), flags, clock, completions: 0 }
    }
}

// SAFETY: the entry points to the time, which is part of `self`.
unsafe impl Operation for Timeout {
    type Output = io::Result<TimeoutEnd>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Timeout::new(&raw const self.time)
            .count(self.completions)
            .flags(self.flags | self.clock.flags())
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

/// A time as the kernel takes it, for which the longest one is 292 years, and what is negative an
/// error.
pub(super) fn timespec(time: Duration) -> Timespec {
    let seconds = time.as_secs().min(i64::MAX as u64);
    Timespec::new().sec(seconds).nsec(time.subsec_nanos())
}
