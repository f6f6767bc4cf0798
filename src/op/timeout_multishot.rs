//! The kernel's own clock ticks.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_core::stream::FusedStream;
use io_uring::types::{TimeoutFlags, Timespec};
use io_uring::{opcode, squeue};

use super::timed::timespec_of;
use super::{After, Multishot, MultishotOperation, Shot, Start};

/// See [`timeout_multishot`].
#[derive(Debug)]
pub struct TimeoutMultishot {
    interval: Timespec,
    is_zero: bool,
    clock: libc::clockid_t,
    /// How many ticks are still to come, if there is an end. Home counts, while it is armed.
    left: Option<AtomicU32>,
}

/// Ticks every `interval`, the first time when one has passed: `IORING_OP_TIMEOUT` with
/// `IORING_TIMEOUT_MULTISHOT`. Since Linux 6.4.
///
/// It goes on for ever, on [`CLOCK_MONOTONIC`](libc::CLOCK_MONOTONIC), unless
/// [`count`](Multishot::count) and [`clock`](Multishot::clock) say otherwise. The kernel sets the
/// timer anew at each tick, so a ring that is busy delays the ticks, and they are not made up for:
/// use [`time::interval`](crate::time::interval) to keep in step with the clock. Ticks that nobody
/// takes wait in the stream; when [`waiting_max`](Multishot::waiting_max) of them do, the timer is
/// stopped, and set again when they have been taken.
///
/// # Errors
///
/// [`Unsupported`](io::ErrorKind::Unsupported) before Linux 6.4, and `ECANCELED` if it was
/// cancelled from elsewhere: after either the stream is at its end.
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the interval is zero, or the clock none of
/// those that the kernel knows for this.
///
/// # Cancel safety
///
/// Between two items nothing is lost; dropping the stream stops the timer.
///
/// # Examples
///
/// ```
/// use futures::StreamExt;
/// use ringpool::op;
/// use std::time::{Duration, Instant};
///
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let started = Instant::now();
///     let mut ticks = op::timeout_multishot(Duration::from_millis(2)).count(3);
///     let mut ticked = 0;
///     while let Some(tick) = ticks.next().await {
///         match tick {
///             Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return,
///             tick => tick.unwrap(),
///         }
///         ticked += 1;
///     }
///     assert_eq!(ticked, 3);
///     assert!(started.elapsed() >= Duration::from_millis(6));
/// });
/// ```
pub fn timeout_multishot(interval: Duration) -> Multishot<TimeoutMultishot> {
    Multishot::new(TimeoutMultishot {
        interval: timespec_of(interval),
        is_zero: interval.is_zero(),
        clock: libc::CLOCK_MONOTONIC,
        left: None,
    })
}

impl Multishot<TimeoutMultishot> {
    /// Ends the stream after so many ticks. To be said before it is polled.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    pub fn count(mut self, ticks: u32) -> Self {
        self.before_it_begins(|timer| timer.left = Some(AtomicU32::new(ticks)));
        if ticks == 0 {
            self.stop();
        }
        self
    }

    /// Measures on this clock instead of [`CLOCK_MONOTONIC`](libc::CLOCK_MONOTONIC):
    /// [`CLOCK_BOOTTIME`](libc::CLOCK_BOOTTIME), which also counts while the system is suspended,
    /// or [`CLOCK_REALTIME`](libc::CLOCK_REALTIME). To be said before it is polled.
    ///
    /// # Panics
    ///
    /// If it has been polled.
    pub fn clock(mut self, clock: libc::clockid_t) -> Self {
        self.before_it_begins(|timer| timer.clock = clock);
        self
    }

    #[track_caller]
    fn before_it_begins(&mut self, change: impl FnOnce(&mut TimeoutMultishot)) {
        match self.idle_mut() {
            Some(timer) => change(timer),
            None => assert!(self.is_terminated(), "a timer is set before it is polled, not later"),
        }
    }
}

// SAFETY: the entry points to the interval, which is part of `self`.
unsafe impl MultishotOperation for TimeoutMultishot {
    type Item = ();

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        if self.is_zero {
            return Err(invalid("the interval is zero; choose one that lasts"));
        }
        let clock = match self.clock {
            libc::CLOCK_MONOTONIC => TimeoutFlags::empty(),
            libc::CLOCK_BOOTTIME => TimeoutFlags::BOOTTIME,
            libc::CLOCK_REALTIME => TimeoutFlags::REALTIME,
            _ => {
                return Err(invalid("no such clock here; there are monotonic, boottime, realtime"));
            }
        };
        // 0 means without end.
        let repeats = self.left.as_mut().map_or(0, |left| *left.get_mut());
        Ok(opcode::Timeout::new(&raw const self.interval)
            .count(repeats)
            .flags(clock | TimeoutFlags::MULTISHOT)
            .build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<()>> {
        match shot.result() {
            Ok(_) => None,
            Err(error) => match error.raw_os_error() {
                Some(libc::ETIME) => {
                    // Ordering: Relaxed: home alone counts, and the end of the operation is what
                    // the stream has to see before it reads.
                    self.left.as_ref().map(|left| left.fetch_sub(1, Ordering::Relaxed));
                    Some(Ok(()))
                }
                Some(libc::EINVAL) => Some(Err(too_old())),
                _ => Some(Err(error)),
            },
        }
    }

    fn after(&mut self, last: Shot) -> After {
        let has_ticked = last.result().is_err_and(|it| it.raw_os_error() == Some(libc::ETIME));
        let is_over = self.left.as_mut().is_some_and(|left| *left.get_mut() == 0);
        if has_ticked && !is_over { After::Again } else { After::End }
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn too_old() -> io::Error {
    let message = "the io_uring of this kernel lacks IORING_TIMEOUT_MULTISHOT; it is there since \
                   Linux 6.4; use time::interval";
    io::Error::new(io::ErrorKind::Unsupported, message)
}
