//! How a task can fail to give an output.

use std::any::Any;
use std::{error, fmt, io};

use super::PanicPayload;

/// Why a [`Task`](crate::Task) has no output.
///
/// # Examples
///
/// ```
/// use ringpool::{Pool, TaskError};
///
/// let pool = Pool::new(1);
/// match pool.spawn(async { panic!("no luck") }).wait() {
///     Err(TaskError::Panicked(payload)) => {
///         assert_eq!(payload.message(), Some("no luck"));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug)]
pub enum TaskError {
    /// It was cancelled: by its handle, or because its ring stopped.
    Cancelled,
    /// It panicked, with this payload.
    Panicked(PanicPayload),
}

impl TaskError {
    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// What the task panicked with, if that is what it did, to go on with it
    /// ([`resume_unwind`](std::panic::resume_unwind)).
    ///
    /// # Errors
    ///
    /// The error itself, if it is another one.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self {
            Self::Panicked(payload) => Ok(payload.into_inner()),
            other => Err(other),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the task was cancelled, or its ring has stopped"),
            Self::Panicked(payload) => write!(f, "the task panicked: {payload}"),
        }
    }
}

impl error::Error for TaskError {}

impl From<TaskError> for io::Error {
    /// Of no kind of its own; [`downcast`](io::Error::downcast) gives the [`TaskError`] back.
    fn from(error: TaskError) -> Self {
        Self::other(error)
    }
}

/// A future that could not be spawned because the ring has stopped; it is given back.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(1);
/// let runtime = pool.runtime(0);
/// pool.shutdown(Duration::from_secs(5))?;
/// let refused = runtime.try_spawn(async { 7 }).unwrap_err();
/// let future = refused.0;
/// assert_eq!(ringpool::Pool::new(1).spawn(future).wait()?, 7);
/// # Ok(())
/// # }
/// ```
pub struct SpawnError<F>(pub F);

impl<F> fmt::Display for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ring has stopped and takes no new task; spawn it on another")
    }
}

impl<F> fmt::Debug for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpawnError(..)")
    }
}

impl<F> error::Error for SpawnError<F> {}

impl<F> From<SpawnError<F>> for io::Error {
    fn from(error: SpawnError<F>) -> Self {
        Self::other(error.to_string())
    }
}
