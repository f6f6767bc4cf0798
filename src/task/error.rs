//! How a task can fail to give an output.

use std::any::Any;
use std::{error, fmt, io};

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
///         assert_eq!(payload.downcast_ref::<&str>(), Some(&"no luck"));
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
pub enum TaskError {
    /// It was cancelled: by its handle, or because its ring stopped.
    Cancelled,
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send + 'static>),
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

    /// Goes on with the task's panic, if that is what it was.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self {
            Self::Panicked(payload) => Ok(payload),
            other => Err(other),
        }
    }
}

/// The text of a panic, if it has one.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a panic without text)"
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the task was cancelled, or its ring has stopped"),
            Self::Panicked(payload) => {
                write!(f, "the task panicked: {}", panic_message(&**payload))
            }
        }
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Panicked(payload) => write!(f, "Panicked({:?})", panic_message(&**payload)),
        }
    }
}

impl error::Error for TaskError {}

impl From<TaskError> for io::Error {
    fn from(error: TaskError) -> Self {
        // The payload is not `Sync`, so what an `io::Error` can carry is its text.
        Self::other(error.to_string())
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
