//! Errors that say what happened and give back what could not be taken.

use std::error::Error;
use std::fmt;
use std::io;

/// The channel is closed; here is the item it did not take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why an item could not be sent at once; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room now, or others wait already; try again or wait with `send`.
    Full(T),
    /// The channel is closed and will never take an item again.
    Closed(T),
}

/// Why an item could not be sent in time; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time was over before there was room.
    Timeout(T),
    /// The channel is closed and will never take an item again.
    Closed(T),
}

/// The channel is closed and every item it accepted has been received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecvError;

/// Why no item could be received at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no item now; try again or wait with `recv`.
    Empty,
    /// The channel is closed and every item it accepted has been received.
    Closed,
}

/// Why no item could be received in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was over before an item came.
    Timeout,
    /// The channel is closed and every item it accepted has been received.
    Closed,
}

const NOT_TAKEN: &str = "the channel is closed; the item was not sent";
const NO_ROOM: &str = "the channel is full; wait with send or try again";
const NO_ROOM_IN_TIME: &str = "the channel stayed full until the time was over";
const DRAINED: &str = "the channel is closed and empty";
const NOTHING_YET: &str = "the channel is empty; wait with recv or try again";
const NOTHING_IN_TIME: &str = "the channel stayed empty until the time was over";

impl<T> SendError<T> {
    /// The item that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The item that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The item that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(item) | Self::Closed(item) => item,
        }
    }
}

// `Debug` is written by hand because the item need not be printable for the error to be.

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_TAKEN)
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => NO_ROOM,
            Self::Closed(_) => NOT_TAKEN,
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => NO_ROOM_IN_TIME,
            Self::Closed(_) => NOT_TAKEN,
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DRAINED)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => NOTHING_YET,
            Self::Closed => DRAINED,
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => NOTHING_IN_TIME,
            Self::Closed => DRAINED,
        })
    }
}

impl<T> Error for SendError<T> {}
impl<T> Error for TrySendError<T> {}
impl<T> Error for SendTimeoutError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Closed(error.0)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        Self::Closed
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        Self::Closed
    }
}

/// The item is dropped: an [`io::Error`] cannot carry it.
impl<T> From<SendError<T>> for io::Error {
    fn from(_: SendError<T>) -> Self {
        Self::new(io::ErrorKind::BrokenPipe, NOT_TAKEN)
    }
}

/// The item is dropped: an [`io::Error`] cannot carry it.
impl<T> From<TrySendError<T>> for io::Error {
    fn from(error: TrySendError<T>) -> Self {
        match error {
            TrySendError::Full(_) => Self::new(io::ErrorKind::WouldBlock, NO_ROOM),
            TrySendError::Closed(_) => Self::new(io::ErrorKind::BrokenPipe, NOT_TAKEN),
        }
    }
}

/// The item is dropped: an [`io::Error`] cannot carry it.
impl<T> From<SendTimeoutError<T>> for io::Error {
    fn from(error: SendTimeoutError<T>) -> Self {
        match error {
            SendTimeoutError::Timeout(_) => Self::new(io::ErrorKind::TimedOut, NO_ROOM_IN_TIME),
            SendTimeoutError::Closed(_) => Self::new(io::ErrorKind::BrokenPipe, NOT_TAKEN),
        }
    }
}

impl From<RecvError> for io::Error {
    fn from(_: RecvError) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, DRAINED)
    }
}

impl From<TryRecvError> for io::Error {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Empty => Self::new(io::ErrorKind::WouldBlock, NOTHING_YET),
            TryRecvError::Closed => RecvError.into(),
        }
    }
}

impl From<RecvTimeoutError> for io::Error {
    fn from(error: RecvTimeoutError) -> Self {
        match error {
            RecvTimeoutError::Timeout => Self::new(io::ErrorKind::TimedOut, NOTHING_IN_TIME),
            RecvTimeoutError::Closed => RecvError.into(),
        }
    }
}
