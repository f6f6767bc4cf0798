//! Why a group of tasks that may fail has not given all its outputs.

use std::{error, fmt, io};

use crate::task::{PanicPayload, TaskError};

/// Why [`TaskGroup::try_wait_all`](super::TaskGroup::try_wait_all) or
/// [`try_scope`](crate::task::try_scope) failed: what the first child that failed ended with.
///
/// # Examples
///
/// ```
/// use ringpool::task::{GroupError, TaskGroup};
///
/// let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let group = TaskGroup::new();
///     group.spawn(async { Ok::<u32, &str>(1) });
///     group.spawn(async { Err("no luck") });
///     match group.try_wait_all().await {
///         Err(GroupError::Failed(error)) => assert_eq!(error, "no luck"),
///         other => panic!("{other:?}"),
///     }
/// });
/// ```
#[derive(Debug)]
pub enum GroupError<E> {
    /// A child gave this error.
    Failed(E),
    /// A child panicked, with this payload.
    Panicked(PanicPayload),
    /// A child was cancelled by somebody else, or its ring stopped.
    Cancelled,
}

impl<E> GroupError<E> {
    /// The child's own error, if that is what it was.
    ///
    /// # Errors
    ///
    /// The panic, or the cancel, as the error of a task.
    pub fn into_failed(self) -> Result<E, TaskError> {
        match self {
            Self::Failed(error) => Ok(error),
            Self::Panicked(payload) => Err(TaskError::Panicked(payload)),
            Self::Cancelled => Err(TaskError::Cancelled),
        }
    }
}

impl<E> From<TaskError> for GroupError<E> {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Panicked(payload) => Self::Panicked(payload),
            TaskError::Cancelled => Self::Cancelled,
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "a task of the group failed: {error}"),
            Self::Panicked(payload) => write!(f, "a task of the group panicked: {payload}"),
            Self::Cancelled => {
                f.write_str("a task of the group was cancelled, or its ring has stopped")
            }
        }
    }
}

impl<E: error::Error + 'static> error::Error for GroupError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: Into<io::Error>> From<GroupError<E>> for io::Error {
    /// The child's own error as it is, else what a [`TaskError`] becomes.
    fn from(error: GroupError<E>) -> Self {
        match error.into_failed() {
            Ok(error) => error.into(),
            Err(error) => error.into(),
        }
    }
}
