//! Why a lock or a permit could not be had.

use std::error::Error;
use std::fmt;
use std::io;

/// The semaphore is closed: it gives no permit any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(pub(super) ());

/// Why permits could not be had at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryAcquireError {
    /// There are not enough now, or others wait already; try again or wait with `acquire`.
    NoPermits,
    /// The semaphore is closed and will never give a permit again.
    Closed,
}

/// Why permits could not be had in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcquireTimeoutError {
    /// The time was over before there were enough permits.
    Timeout,
    /// The semaphore is closed and will never give a permit again.
    Closed,
}

/// The lock is held, or others wait for it already; try again or wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

/// The time was over before what a thread waited for had happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut(pub(super) ());

/// Why a [`OnceCell`](super::OnceCell) did not take a value; the value comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value already.
    AlreadyInitialized(T),
    /// Somebody is making the value now; wait for it, or try again.
    Initializing(T),
}

impl<T> SetError<T> {
    /// The value that was not taken.
    pub fn into_inner(self) -> T {
        match self {
            Self::AlreadyInitialized(value) | Self::Initializing(value) => value,
        }
    }
}

const CLOSED: &str = "the semaphore is closed, and gives no permit any more";
const NO_PERMITS: &str = "too few permits are left; wait with acquire or try again";
const NO_PERMITS_IN_TIME: &str = "too few permits were given back until the time was over";

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPermits => NO_PERMITS,
            Self::Closed => CLOSED,
        })
    }
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => NO_PERMITS_IN_TIME,
            Self::Closed => CLOSED,
        })
    }
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held, or others wait for it; wait for it or try again")
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was over before the wait was")
    }
}

// By hand, because the value need not be printable for the error to be.
impl<T> fmt::Debug for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitialized(_) => "AlreadyInitialized(..)",
            Self::Initializing(_) => "Initializing(..)",
        })
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitialized(_) => "the cell has a value already; take it with get",
            Self::Initializing(_) => "somebody makes the value now; wait for it or try again",
        })
    }
}

impl<T> Error for SetError<T> {}
impl Error for AcquireError {}
impl Error for TryAcquireError {}
impl Error for AcquireTimeoutError {}
impl Error for TryLockError {}
impl Error for TimedOut {}

impl From<AcquireError> for io::Error {
    fn from(error: AcquireError) -> Self {
        Self::new(io::ErrorKind::BrokenPipe, error)
    }
}

impl From<TryAcquireError> for io::Error {
    fn from(error: TryAcquireError) -> Self {
        let kind = match error {
            TryAcquireError::NoPermits => io::ErrorKind::WouldBlock,
            TryAcquireError::Closed => io::ErrorKind::BrokenPipe,
        };
        Self::new(kind, error)
    }
}

impl From<AcquireTimeoutError> for io::Error {
    fn from(error: AcquireTimeoutError) -> Self {
        let kind = match error {
            AcquireTimeoutError::Timeout => io::ErrorKind::TimedOut,
            AcquireTimeoutError::Closed => io::ErrorKind::BrokenPipe,
        };
        Self::new(kind, error)
    }
}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> Self {
        Self::new(io::ErrorKind::WouldBlock, error)
    }
}

impl<T> From<SetError<T>> for io::Error {
    /// Without the value.
    fn from(error: SetError<T>) -> Self {
        let kind = match error {
            SetError::AlreadyInitialized(_) => io::ErrorKind::AlreadyExists,
            SetError::Initializing(_) => io::ErrorKind::WouldBlock,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<TimedOut> for io::Error {
    fn from(error: TimedOut) -> Self {
        Self::new(io::ErrorKind::TimedOut, error)
    }
}
