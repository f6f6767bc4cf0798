//! Groups of tasks that are waited for, or cancelled, together.

// # Who owns what
//
// The group owns the handles of its children, in a `Book` under one lock. The waker in each handle
// names the child; when the task has ended it writes that down in the book, and wakes one that
// waits. So an end costs the same however many children there are, and nobody polls them all.
//
// The children do not know their group, but for one over the limit, which waits at a `Gate`.
//
// # Being dropped
//
// The children are cancelled, and the book lives on until the last of them has ended: each waker
// keeps it. If it was a task that dropped the group, the group is an orphan of that task as an
// operation is, so that whoever cancels the task waits for its children.

mod book;
mod deliver;
mod error;
mod gate;
mod scope;
mod shared;
mod spawn;
mod wait;

use std::fmt;
use std::sync::Arc;

pub use error::GroupError;
pub use scope::{Child, Scope, TryScope, scope, scope_with_limit, try_scope, try_scope_with_limit};
use shared::Shared;
use wait::Kept;

#[cfg(doc)]
use super::Task;
use super::{TaskError, TaskId};
use crate::primitives::lock;

/// Tasks with outputs of one type, on any rings, that are waited for or cancelled together.
///
/// Outcomes come in the order in which the tasks end ([`next`](Self::next)), or all at once in the
/// order in which they were spawned ([`wait_all`](Self::wait_all)); where the outputs are
/// `Result`s, [`try_wait_all`](Self::try_wait_all) ends all with the first that fails. A group can
/// be shared: more tasks may be spawned while somebody waits, also by the tasks themselves, and
/// when all have ended it is as new.
///
/// An outcome is kept until it is taken, `()` too. So code that spawns for as long as it lives,
/// such as a server, takes them as it goes ([`try_next`](Self::try_next)), or is a
/// [`scope`](scope()), which keeps none.
///
/// Dropping the group cancels its tasks. It does not wait for them; but if a task drops its group,
/// then whoever awaits that task's [`cancel`](Task::cancel) finds none of them alive. So a task
/// that is cancelled while it waits for its group takes all of it along. (A task must not end up
/// dropping a group that in turn waits for that very task's parent: keep a group with its parent,
/// and do not hand its last reference down.)
///
/// No panic is lost: who takes the outcome has it, and if nobody does it is said on stderr, as for
/// a task that was [detached](Task::detach).
///
/// # Examples
///
/// ```
/// use ringpool::task::TaskGroup;
///
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let rings = pool.runtimes().to_vec();
/// let sum: u64 = pool.block_on(async move {
///     let group = TaskGroup::new();
///     for number in 0..10u64 {
///         group.spawn_on(&rings[number as usize % 2], async move { number * number });
///     }
///     let mut sum = 0;
///     while let Some(square) = group.next().await {
///         sum += square?;
///     }
///     Ok::<_, std::io::Error>(sum)
/// })?;
/// assert_eq!(sum, 285);
/// # Ok(())
/// # }
/// ```
pub struct TaskGroup<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    limit: Option<usize>,
}

impl<T: Send + 'static> TaskGroup<T> {
    /// An empty group.
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared::new(usize::MAX)), limit: None }
    }

    /// An empty group of which at most `limit` tasks run at once.
    ///
    /// The others wait in the order in which they were spawned, and begin as earlier ones end.
    /// Tasks that were [inserted](Self::insert) run already, and do not count.
    ///
    /// # Panics
    ///
    /// If `limit` is 0: nothing would ever begin.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// pool.block_on(async {
    ///     let files = TaskGroup::with_limit(8); // At most eight files are open.
    ///     for name in std::fs::read_dir("/proc/self/net")? {
    ///         let name = name?.path();
    ///         files.spawn(async move { ringpool::fs::read(&name).await.map(|text| text.len()) });
    ///     }
    ///     let read = files.wait_all().await;
    ///     assert!(read.iter().any(|len| matches!(len, Ok(Ok(1..)))));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn with_limit(limit: usize) -> Self {
        assert!(limit > 0, "a group of tasks with a limit of 0 would never begin any of them");
        Self { shared: Arc::new(Shared::new(limit)), limit: Some(limit) }
    }

    /// An empty group that drops outcomes as they come, each on the ring where its task ends:
    /// [`wait_all`](Self::wait_all) only waits.
    pub(crate) fn without_outcomes() -> Self {
        let group = Self::new();
        lock(&group.shared.book).keep_none();
        group
    }

    /// How many tasks run at once at most; `None` without a limit.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Tasks whose outcome has not been taken, whether they have ended or not.
    pub fn len(&self) -> usize {
        lock(&self.shared.book).len()
    }

    /// Whether there is neither a task nor an outcome: [`next`](Self::next) would give `None`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next task that ends, and gives its outcome; `None` when there is none left.
    ///
    /// Those that ended already come first, in the order in which they did.
    ///
    /// # Errors
    ///
    /// [`TaskError`] if the task panicked, or was cancelled other than by
    /// [`cancel`](Self::cancel).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no outcome is lost: the next call gives it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    /// use ringpool::time::sleep;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     for ms in [20, 1] {
    ///         group.spawn(async move {
    ///             sleep(Duration::from_millis(ms)).await;
    ///             ms
    ///         });
    ///     }
    ///     assert_eq!(group.next().await.transpose()?, Some(1));
    ///     assert_eq!(group.next().await.transpose()?, Some(20));
    ///     assert!(group.next().await.is_none());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn next(&self) -> Option<Result<T, TaskError>> {
        self.shared.next().await.map(|mut task| task.take_output())
    }

    /// As [`next`](Self::next), and says which task it was: the number that `spawn` gave.
    ///
    /// # Cancel safety
    ///
    /// As for [`next`](Self::next).
    pub async fn next_with_id(&self) -> Option<(TaskId, Result<T, TaskError>)> {
        self.shared.next().await.map(|mut task| (task.id(), task.take_output()))
    }

    /// The outcome of a task that has ended; `None` if there is none at the moment.
    pub fn try_next(&self) -> Option<Result<T, TaskError>> {
        self.shared.try_next().map(|mut task| task.take_output())
    }

    /// Waits until no task runs, and gives all outcomes that were not taken yet, in the order in
    /// which the tasks were spawned.
    ///
    /// What is spawned meanwhile is waited for as well.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no outcome is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     for number in 0..3 {
    ///         group.spawn(async move { number });
    ///     }
    ///     let all: Result<Vec<_>, _> = group.wait_all().await.into_iter().collect();
    ///     assert_eq!(all?, [0, 1, 2]);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn wait_all(&self) -> Vec<Result<T, TaskError>> {
        self.shared.all_ended().await;
        let ended = self.shared.take_finished();
        ended.into_iter().map(|mut task| task.take_output()).collect()
    }

    /// Cancels all tasks of the group, and waits until the future of each has been dropped on the
    /// ring it lives on, and the kernel has given back what it had in flight.
    ///
    /// Those that never began are dropped too; those that are spawned meanwhile are not, nor waited
    /// for. Tasks that were ended by this leave no outcome; those
    /// that had ended before, or gave an output all the same, do: they are to be had by
    /// [`next`](Self::next) and its like. The group can be used again.
    ///
    /// # Cancel safety
    ///
    /// The request is made when it is polled first; the tasks stay cancelled if it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     group.spawn(std::future::pending::<u32>());
    ///     group.spawn(async { 7 });
    ///     let first = group.next().await.transpose()?;
    ///     group.cancel().await;
    ///     assert_eq!((first, group.len()), (Some(7), 0));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn cancel(&self) {
        self.shared.cancel().await;
    }
}

impl<T: Send + 'static, E: Send + 'static> TaskGroup<Result<T, E>> {
    /// Waits for all tasks, and gives their outputs in the order in which they were spawned; when
    /// one fails, the others are cancelled.
    ///
    /// Outcomes that were taken before, by [`next`](Self::next), are not among them. After a
    /// failure the group is empty: what the others had brought until then is dropped, and a panic
    /// among that is said on stderr.
    ///
    /// # Errors
    ///
    /// What the first that failed ended with, after all others have been dropped and the kernel has
    /// given back what they had in flight.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, no outcome is lost, that of a task that failed included; but from the
    /// moment that one has failed the others are cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::fs;
    /// use ringpool::task::TaskGroup;
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// let failed = pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     group.spawn(async { fs::read("/proc/version").await });
    ///     group.spawn(async { fs::read("/proc/no/such/file").await });
    ///     group.spawn(std::future::pending()); // Would wait for ever.
    ///     group.try_wait_all().await.map_err(std::io::Error::from)
    /// });
    /// assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    /// ```
    pub async fn try_wait_all(&self) -> Result<Vec<T>, GroupError<E>> {
        let mut kept = Kept::new(&self.shared);
        let failed = kept.gather(|outcome| matches!(outcome, Ok(Ok(_)))).await;
        let Some(key) = failed else {
            let outputs = kept.take_all().into_iter().map(|mut task| task.take_output());
            return outputs.map(success).collect();
        };
        self.shared.cancel().await;
        let failure = success(kept.take(key));
        drop((kept.take_all(), self.shared.take_finished()));
        match failure {
            Err(error) => Err(error),
            Ok(_) => unreachable!("it was no success"),
        }
    }
}

fn success<T, E>(outcome: Result<Result<T, E>, TaskError>) -> Result<T, GroupError<E>> {
    outcome?.map_err(GroupError::Failed)
}

impl<T: Send + 'static> Default for TaskGroup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        self.shared.give_up();
    }
}

impl<T: Send + 'static> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let book = lock(&self.shared.book);
        f.debug_struct("TaskGroup")
            .field("len", &book.len())
            .field("running", &book.running())
            .field("limit", &self.limit)
            .finish()
    }
}

#[cfg(all(test, not(ringpool_loom), not(ringpool_shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_outcomes_keeps_none_of_them() {
        let pool = crate::Pool::new(2);
        let group = TaskGroup::without_outcomes();
        for number in 0..100 {
            group.spawn_on(&pool.runtimes()[number % 2], async move { number });
        }
        assert!(pool.block_on(group.wait_all()).is_empty());
        assert_eq!(group.len(), 0);
        group.spawn_on(&pool.runtimes()[1], std::future::pending());
        assert_eq!(group.len(), 1);
        pool.block_on(group.cancel());
        assert!(group.is_empty());
    }
}
