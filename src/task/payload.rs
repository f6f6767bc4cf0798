//! What a task panicked with.

use std::any::Any;
use std::fmt;

/// What a task panicked with, as [`panic!`] or [`resume_unwind`](std::panic::resume_unwind) had it.
///
/// Unlike the box it holds it may be shared between threads, so that the errors with it fit into
/// whatever carries errors of any kind (`Box<dyn Error + Send + Sync>`).
///
/// # Examples
///
/// ```
/// use ringpool::{Pool, TaskError};
///
/// let pool = Pool::new(1);
/// let Err(TaskError::Panicked(payload)) = pool.spawn(async { panic!("no luck") }).wait() else {
///     unreachable!("it panicked");
/// };
/// assert_eq!(payload.message(), Some("no luck"));
/// assert!(payload.into_inner().is::<&str>()); // For `std::panic::resume_unwind`, for instance.
/// ```
pub struct PanicPayload(Box<dyn Any + Send + 'static>);

// SAFETY: what is inside may not be `Sync`, and through a shared reference nobody gets at it unless
// its own type is: see `downcast_ref`, on which all the rest is built.
unsafe impl Sync for PanicPayload {}

impl PanicPayload {
    /// The text, if it is one, as with [`panic!`].
    pub fn message(&self) -> Option<&str> {
        let text = self.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.downcast_ref::<String>().map(String::as_str))
    }

    /// The payload, if it is of type `T`.
    pub fn downcast_ref<T: Any + Sync>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// The payload itself, to go on with it or to find out what it is.
    pub fn into_inner(self) -> Box<dyn Any + Send + 'static> {
        self.0
    }

    /// The text, or that there is none.
    pub(crate) fn text(&self) -> &str {
        self.message().unwrap_or("(a panic without text)")
    }
}

impl From<Box<dyn Any + Send>> for PanicPayload {
    /// What [`catch_unwind`](std::panic::catch_unwind) gave.
    fn from(payload: Box<dyn Any + Send>) -> Self {
        Self(payload)
    }
}

impl fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PanicPayload").field(&self.text()).finish()
    }
}

impl fmt::Display for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
