//! The ways into a group.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::TaskGroup;
use super::gate::{Gate, Gated};
use super::shared::Shared;
use crate::blocking::BlockingPool;
use crate::context;
use crate::runtime::Runtime;
use crate::task::blocking::Job;
use crate::task::spawn::{may_move, spawn_here, spawn_or_end, stays};
use crate::task::{Birth, Task, TaskId};

impl<T: Send + 'static> TaskGroup<T> {
    /// Spawns a task of the group on the calling thread's ring; see [`spawn`](crate::spawn).
    ///
    /// Gives its number, by which [`next_with_id`](Self::next_with_id) names it.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring: use [`spawn_on`](Self::spawn_on) there.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
    {
        let spawned_at = Location::caller();
        needs_a_ring("spawn", "group.spawn_on(&runtime, …)");
        let id = self.shared.spawn_here(spawned_at, future);
        id.expect("a group that can be reached is open")
    }

    /// Spawns a task of the group on the ring of `runtime`, from any thread; see
    /// [`spawn_on`](crate::spawn_on).
    ///
    /// If that ring has stopped, the task ends as cancelled at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// let group = TaskGroup::new();
    /// for ring in pool.runtimes() {
    ///     group.spawn_on(ring, async { ringpool::current().unwrap().index() });
    /// }
    /// let rings = pool.block_on(group.wait_all());
    /// assert_eq!(rings.into_iter().collect::<Result<Vec<_>, _>>()?, [0, 1]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&self, runtime: &Runtime, future: F) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.spawn_on_from(runtime, Location::caller(), future)
    }

    /// As [`spawn_on`](Self::spawn_on), for somebody else who called us.
    pub(crate) fn spawn_on_from<F>(
        &self,
        runtime: &Runtime,
        spawned_at: &'static Location<'static>,
        future: F,
    ) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
    {
        let id = self.shared.spawn_on(runtime, spawned_at, future);
        id.expect("a group that can be reached is open")
    }

    /// Spawns a task of the group that need not be `Send` on the calling thread's ring, which it
    /// never leaves; see [`spawn_local`](crate::spawn_local).
    ///
    /// Its output has to be `Send`, as all of a group, which may be dropped on another thread.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    /// use std::rc::Rc;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     group.spawn(async { 1 });
    ///     group.spawn_local(async {
    ///         let here = Rc::new(2);
    ///         ringpool::yield_now().await;
    ///         *here
    ///     });
    ///     assert_eq!(group.wait_all().await.len(), 2);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> TaskId
    where
        F: Future<Output = T> + 'static,
    {
        let spawned_at = Location::caller();
        needs_a_ring("spawn_local", "group.spawn_on(&runtime, …) with a future that is `Send`");
        let id = self.shared.add(|gate| {
            // SAFETY: nothing is borrowed; the task stays here, and its output is `Send`.
            unsafe {
                match gate {
                    None => spawn_here(None, stays, spawned_at, future),
                    Some(gate) => spawn_here(None, stays, spawned_at, Gated::new(gate, future)),
                }
            }
        });
        id.expect("a group that can be reached is open")
    }

    /// Runs `closure` as a task of the group on a thread for blocking work; see
    /// [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// Once it has begun it cannot be interrupted: [`cancel`](Self::cancel) waits for it.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring: use [`spawn_blocking_on`](Self::spawn_blocking_on) there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::TaskGroup;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::with_limit(2);
    ///     for upto in [10u64, 100, 1000] {
    ///         group.spawn_blocking(move || (1..=upto).sum::<u64>());
    ///     }
    ///     let sums: Result<Vec<_>, _> = group.wait_all().await.into_iter().collect();
    ///     assert_eq!(sums?, [55, 5050, 500_500]);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&self, closure: F) -> TaskId
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let spawned_at = Location::caller();
        needs_a_ring("spawn_blocking", "group.spawn_blocking_on(&runtime, …)");
        let pool = context::with(|local| local.map(|local| local.shared.blocking.clone()));
        let pool = pool.expect("the thread has a ring");
        let id = self.shared.add_blocking(&pool, Job::new(closure, spawned_at));
        id.expect("a group that can be reached is open")
    }

    /// As [`spawn_blocking`](Self::spawn_blocking), from any thread, on the threads for blocking
    /// work of the pool that `runtime` belongs to.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&self, runtime: &Runtime, closure: F) -> TaskId
    where
        F: FnOnce() -> T + Send + 'static,
    {
        let pool: &Arc<BlockingPool> = &runtime.shared().blocking;
        let id = self.shared.add_blocking(pool, Job::new(closure, Location::caller()));
        id.expect("a group that can be reached is open")
    }

    /// Takes a task that has been spawned already into the group, whether or not it has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::task::{Builder, TaskGroup};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let group = TaskGroup::new();
    ///     let id = group.insert(Builder::new().name("adder").spawn(async { 1 + 1 }));
    ///     let (which, sum) = group.next_with_id().await.unwrap();
    ///     assert_eq!((which, sum?), (id, 2));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn insert(&self, task: Task<T>) -> TaskId {
        self.shared.adopt(task).expect("a group that can be reached is open")
    }
}

impl<T: Send + 'static> Shared<T> {
    /// On the calling thread's ring, which is there. Gives nothing, and drops the future, if no
    /// more are taken.
    pub(crate) fn spawn_here<F>(
        self: &Arc<Self>,
        spawned_at: &'static Location<'static>,
        future: F,
    ) -> Option<TaskId>
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.add(|gate| {
            // SAFETY: nothing is borrowed, and all is `Send`.
            unsafe {
                match gate {
                    None => spawn_here(None, may_move, spawned_at, future),
                    Some(gate) => spawn_here(None, may_move, spawned_at, Gated::new(gate, future)),
                }
            }
        })
    }

    /// On the ring of `runtime`. Gives nothing, and drops the future, if no more are taken.
    pub(crate) fn spawn_on<F>(
        self: &Arc<Self>,
        runtime: &Runtime,
        spawned_at: &'static Location<'static>,
        future: F,
    ) -> Option<TaskId>
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.add(|gate: Option<Arc<Gate>>| match gate {
            None => send(runtime, spawned_at, future),
            Some(gate) => send(runtime, spawned_at, Gated::new(gate, future)),
        })
    }
}

fn send<F>(runtime: &Runtime, spawned_at: &'static Location<'static>, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let birth = Birth { spawned_at, ..Birth::staying() };
    spawn_or_end(runtime, birth, future)
}

/// Panics on a thread that has no ring, and says what to use instead.
#[track_caller]
pub(crate) fn needs_a_ring(function: &str, instead: &str) {
    assert!(
        !context::here().is_null(),
        "`{function}` of a group or scope works on the thread of a ring only; use `{instead}` on \
         others"
    );
}
