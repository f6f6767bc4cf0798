//! Why a receiver of a broadcast channel got no item.

use std::error::Error;
use std::fmt;
use std::io;

/// Why no item was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone, and every item was received.
    Closed,
    /// This receiver was too slow, and so many items were overwritten. It goes on with the oldest
    /// that is left.
    Lagged(u64),
}

/// Why no item could be received at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no item now; try again or wait with `recv`.
    Empty,
    /// All senders are gone, and every item was received.
    Closed,
    /// This receiver was too slow, and so many items were overwritten. It goes on with the oldest
    /// that is left.
    Lagged(u64),
}

/// Why no item could be received in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was over before an item came.
    Timeout,
    /// All senders are gone, and every item was received.
    Closed,
    /// This receiver was too slow, and so many items were overwritten. It goes on with the oldest
    /// that is left.
    Lagged(u64),
}

/// A receiver was too slow, and so many items were overwritten: what its stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged(pub u64);

impl TryRecvError {
    /// What a wait says, which does not end with nothing.
    pub(super) fn of_a_wait(self) -> RecvError {
        match self {
            Self::Lagged(missed) => RecvError::Lagged(missed),
            Self::Closed => RecvError::Closed,
            Self::Empty => unreachable!("a wait goes on while there is nothing"),
        }
    }
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
            RecvError::Lagged(missed) => Self::Lagged(missed),
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => Self::Closed,
            RecvError::Lagged(missed) => Self::Lagged(missed),
        }
    }
}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(missed) = self;
        write!(f, "too slow: {missed} items were overwritten; the next one is the oldest left")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Closed => crate::error::RecvError.fmt(f),
            Self::Lagged(missed) => Lagged(missed).fmt(f),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => crate::error::TryRecvError::Empty.fmt(f),
            Self::Closed => RecvError::Closed.fmt(f),
            Self::Lagged(missed) => Lagged(missed).fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Timeout => crate::error::RecvTimeoutError::Timeout.fmt(f),
            Self::Closed => RecvError::Closed.fmt(f),
            Self::Lagged(missed) => Lagged(missed).fmt(f),
        }
    }
}

impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}
impl Error for Lagged {}

impl From<Lagged> for io::Error {
    fn from(error: Lagged) -> Self {
        Self::other(error)
    }
}

impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Closed => crate::error::RecvError.into(),
            RecvError::Lagged(missed) => Lagged(missed).into(),
        }
    }
}

impl From<TryRecvError> for io::Error {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => crate::error::TryRecvError::Empty.into(),
            TryRecvError::Closed => RecvError::Closed.into(),
            TryRecvError::Lagged(missed) => Lagged(missed).into(),
        }
    }
}

impl From<RecvTimeoutError> for io::Error {
    fn from(error: RecvTimeoutError) -> Self {
        match error {
            RecvTimeoutError::Timeout => crate::error::RecvTimeoutError::Timeout.into(),
            RecvTimeoutError::Closed => RecvError::Closed.into(),
            RecvTimeoutError::Lagged(missed) => Lagged(missed).into(),
        }
    }
}
