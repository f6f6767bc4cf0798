//! Tasks with a name.

use std::future::Future;
use std::panic::Location;

use super::header::Birth;
use super::origin::Name;
use super::spawn::{may_move, send_new, spawn_here, spawn_or_end, stays};
use super::{SpawnError, Task};
use crate::runtime::Runtime;

/// Settings for a task to be spawned.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(2);
/// let there = pool.runtime(1);
/// let task = ringpool::task::Builder::new().name("adder").spawn_on(&there, async { 1 + 1 });
/// assert_eq!(task.name(), Some("adder"));
/// assert_eq!(task.wait()?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<Name>,
}

impl Builder {
    /// Settings as [`spawn`](crate::spawn) uses them: no name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task, for people who look at the pool.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(Name::from(name.into()));
        self
    }

    #[track_caller]
    fn staying(self) -> Birth {
        Birth { name: self.name, ..Birth::staying() }
    }

    /// See [`spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// On a thread that has no ring.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: nothing is borrowed.
        unsafe { spawn_here(self.name, may_move, Location::caller(), future) }
    }

    /// See [`spawn_on`](crate::spawn_on).
    #[track_caller]
    pub fn spawn_on<F>(self, runtime: &Runtime, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_or_end(runtime, self.staying(), future)
    }

    /// See [`Runtime::try_spawn`].
    ///
    /// # Errors
    ///
    /// The future, if the ring has stopped.
    #[track_caller]
    pub fn try_spawn_on<F>(
        self,
        runtime: &Runtime,
        future: F,
    ) -> Result<Task<F::Output>, SpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        send_new(runtime, self.staying(), future)
    }

    /// See [`spawn_local`](crate::spawn_local).
    ///
    /// # Panics
    ///
    /// On a thread that has no ring.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: nothing is borrowed; the task stays here, and so does a handle that is not
        // `Send`.
        unsafe { spawn_here(self.name, stays, Location::caller(), future) }
    }
}
