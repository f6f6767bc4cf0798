//! Scopes: pieces of code that end when all tasks they have spawned have ended.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::TaskGroup;
use super::deliver::Deliver;
use super::shared::{Shared, wake_all};
use super::spawn::needs_a_ring;
use crate::channel::{Channel, Receiver};
use crate::context;
use crate::foreign::dispose_of;
use crate::primitives::lock;
use crate::runtime::Runtime;
use crate::task::TaskError;
use crate::task::blocking::Job;

/// Runs `body`, which may spawn tasks, and ends when it and all of them have ended.
///
/// Whatever happens, no task of the scope outlives it:
///
/// | what happens | the tasks | the scope |
/// |---|---|---|
/// | `body` gives a value | are waited for | gives the value |
/// | `body` panics | are cancelled and waited for | goes on with the panic |
/// | a task panics | the others and `body` are cancelled and waited for | goes on with that panic |
/// | the scope is dropped | are cancelled | |
/// | its task is cancelled | are cancelled | [`cancel`](crate::Task::cancel) waits for them |
///
/// A value that says that something failed is a value: see [`try_scope`]. The task's futures own
/// what they use (`'static`), unlike the threads of [`std::thread::scope`]: a future of this
/// function can be forgotten ([`std::mem::forget`]) while its tasks run, and what they had borrowed
/// would be gone. An [`Arc`] around what they share is the way.
///
/// # Panics
///
/// With the panic of `body` or of a task.
///
/// # Cancel safety
///
/// If it is dropped, `body` is, and all tasks are cancelled.
///
/// # Examples
///
/// ```
/// use ringpool::task;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let pool = ringpool::Pool::new(2);
/// let rings = pool.runtimes().to_vec();
/// let sum = pool.block_on(async {
///     let sum = Arc::new(AtomicUsize::new(0));
///     task::scope(async |scope| {
///         for (number, ring) in rings.iter().enumerate() {
///             let sum = sum.clone();
///             scope.spawn_on(ring, async move { sum.fetch_add(number + 1, Ordering::Relaxed) });
///         }
///     })
///     .await; // All have ended.
///     sum.load(Ordering::Relaxed)
/// });
/// assert_eq!(sum, 3);
/// ```
pub async fn scope<B, F>(body: B) -> F::Output
where
    B: FnOnce(Scope) -> F,
    F: Future,
{
    never_fails(run(TaskGroup::new(), |shared| body(Scope { shared }), Ok).await)
}

/// As [`scope`], with at most `limit` tasks running at once; the others wait in the order in which
/// they were spawned.
///
/// # Panics
///
/// As [`scope`]; and if `limit` is 0.
///
/// # Cancel safety
///
/// As for [`scope`].
///
/// # Examples
///
/// ```
/// use ringpool::task;
///
/// let pool = ringpool::Pool::new(1);
/// let lens = pool.block_on(task::scope_with_limit(2, async |scope| {
///     let names = ["/proc/version", "/proc/uptime", "/proc/loadavg"];
///     let reads = names.map(|name| scope.spawn(ringpool::fs::read(name)));
///     let mut lens = Vec::new();
///     for read in reads {
///         lens.push(read.await??.len());
///     }
///     Ok::<_, std::io::Error>(lens)
/// }));
/// assert_eq!(lens.unwrap().len(), 3);
/// ```
pub async fn scope_with_limit<B, F>(limit: usize, body: B) -> F::Output
where
    B: FnOnce(Scope) -> F,
    F: Future,
{
    never_fails(run(TaskGroup::with_limit(limit), |shared| body(Scope { shared }), Ok).await)
}

/// As [`scope`], and the first error of `body` or of a task ends it: the others are cancelled and
/// waited for, then the error is given.
///
/// # Errors
///
/// The first error.
///
/// # Panics
///
/// With the panic of `body` or of a task, if that is the first that failed.
///
/// # Cancel safety
///
/// As for [`scope`].
///
/// # Examples
///
/// ```
/// use ringpool::{fs, task};
///
/// let pool = ringpool::Pool::new(1);
/// let failed = pool.block_on(task::try_scope(async |scope| {
///     scope.spawn(async { fs::read("/proc/no/such/file").await });
///     scope.spawn(std::future::pending::<std::io::Result<()>>()); // Would wait for ever.
///     Ok(())
/// }));
/// assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::NotFound);
/// ```
pub async fn try_scope<B, F, R, E>(body: B) -> Result<R, E>
where
    B: FnOnce(TryScope<E>) -> F,
    F: Future<Output = Result<R, E>>,
    E: Send + 'static,
{
    run(TaskGroup::new(), |shared| body(TryScope { shared }), |outcome| outcome).await
}

/// As [`try_scope`], with at most `limit` tasks running at once.
///
/// # Errors
///
/// The first error.
///
/// # Panics
///
/// As [`try_scope`]; and if `limit` is 0.
///
/// # Cancel safety
///
/// As for [`scope`].
pub async fn try_scope_with_limit<B, F, R, E>(limit: usize, body: B) -> Result<R, E>
where
    B: FnOnce(TryScope<E>) -> F,
    F: Future<Output = Result<R, E>>,
    E: Send + 'static,
{
    run(TaskGroup::with_limit(limit), |shared| body(TryScope { shared }), |outcome| outcome).await
}

fn never_fails<R>(outcome: Result<R, Infallible>) -> R {
    match outcome {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// The tasks of a scope: their own outputs go to their [`Child`].
type Tasks<E> = Shared<Result<(), E>>;

/// What has ended a scope before its time.
enum Failure<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

async fn run<B: Future, R, E: Send + 'static>(
    group: TaskGroup<Result<(), E>>,
    body: impl FnOnce(Arc<Tasks<E>>) -> B,
    outcome: impl FnOnce(B::Output) -> Result<R, E>,
) -> Result<R, E> {
    let tasks = &group.shared;
    wake_all(lock(&tasks.book).await_more(true));
    let ended = match catch_unwind(AssertUnwindSafe(|| body(tasks.clone()))) {
        Ok(body) => until_failure(tasks, body).await,
        Err(payload) => Err(Failure::Panic(payload)),
    };
    let failure = match ended.and_then(|value| outcome(value).map_err(Failure::Error)) {
        Ok(value) => match until_all_ended(tasks).await {
            Ok(()) => return Ok(value),
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    lock(&tasks.book).close();
    tasks.cancel().await;
    match failure {
        Failure::Error(error) => Err(error),
        Failure::Panic(payload) => resume_unwind(payload),
    }
}

/// Runs `body` until it ends, or a task fails, and drops it.
async fn until_failure<B: Future, E: Send + 'static>(
    tasks: &Arc<Tasks<E>>,
    body: B,
) -> Result<B::Output, Failure<E>> {
    let mut failure = pin!(first_failure(tasks));
    let mut body = pin!(Some(body));
    let ended = poll_fn(|cx| {
        if let Poll::Ready(Some(failure)) = failure.as_mut().poll(cx) {
            return Poll::Ready(Err(failure));
        }
        let body = body.as_mut().as_pin_mut().expect("it is dropped below");
        match catch_unwind(AssertUnwindSafe(|| body.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(Failure::Panic(payload))),
        }
    });
    let ended = ended.await;
    match catch_unwind(AssertUnwindSafe(|| body.set(None))) {
        Ok(()) => ended,
        // It must not pass by the tasks.
        Err(payload) => Err(match ended {
            Err(Failure::Panic(first)) => {
                dispose_of(payload);
                Failure::Panic(first)
            }
            _ => Failure::Panic(payload),
        }),
    }
}

/// Waits for all tasks, those included that they spawn; then the scope takes no more.
async fn until_all_ended<E: Send + 'static>(tasks: &Arc<Tasks<E>>) -> Result<(), Failure<E>> {
    wake_all(lock(&tasks.book).await_more(false));
    loop {
        if let Some(failure) = first_failure(tasks).await {
            return Err(failure);
        }
        if lock(&tasks.book).close_if_empty() {
            return Ok(());
        }
    }
}

/// Waits for a task that fails; `None` when all have ended.
async fn first_failure<E: Send + 'static>(tasks: &Arc<Tasks<E>>) -> Option<Failure<E>> {
    loop {
        match tasks.next().await?.take_output() {
            Ok(Ok(())) | Err(TaskError::Cancelled) => {}
            Ok(Err(error)) => return Some(Failure::Error(error)),
            Err(TaskError::Panicked(payload)) => {
                return Some(Failure::Panic(payload.into_inner()));
            }
        }
    }
}

/// What spawns tasks in a [`scope`].
///
/// It can be cloned and given to the tasks, so that they spawn others. When the scope has ended it
/// takes no more: the future is dropped, and its [`Child`] says `Cancelled`.
#[derive(Clone)]
pub struct Scope {
    shared: Arc<Tasks<Infallible>>,
}

impl Scope {
    /// Spawns a task of the scope on the calling thread's ring.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring: use [`spawn_on`](Self::spawn_on) there.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        needs_a_ring("spawn", "scope.spawn_on(&runtime, …)");
        self.shared.spawn_child(None, Location::caller(), future, Ok)
    }

    /// Spawns a task of the scope on the ring of `runtime`, from any thread.
    #[track_caller]
    pub fn spawn_on<F>(&self, runtime: &Runtime, future: F) -> Child<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.spawn_child(Some(runtime), Location::caller(), future, Ok)
    }

    /// Runs `closure` as a task of the scope on a thread for blocking work; once it has begun it
    /// cannot be interrupted, and the scope waits for it.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring.
    #[track_caller]
    pub fn spawn_blocking<T, F>(&self, closure: F) -> Child<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.shared.spawn_blocking_child(Location::caller(), || Ok(closure()))
    }

    /// Cancels all tasks of the scope that run now, and waits until they are gone. The scope goes
    /// on; a task that calls this goes too.
    ///
    /// # Cancel safety
    ///
    /// The tasks stay cancelled if it is dropped.
    pub async fn cancel(&self) {
        self.shared.cancel().await;
    }
}

/// What spawns tasks in a [`try_scope`]: each gives a `Result`, and the first error ends them all.
///
/// It can be cloned and given to the tasks, as a [`Scope`].
pub struct TryScope<E: Send + 'static> {
    shared: Arc<Tasks<E>>,
}

impl<E: Send + 'static> TryScope<E> {
    /// Spawns a task of the scope on the calling thread's ring.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring: use [`spawn_on`](Self::spawn_on) there.
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> Child<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        needs_a_ring("spawn", "scope.spawn_on(&runtime, …)");
        self.shared.spawn_child(None, Location::caller(), future, |outcome| outcome)
    }

    /// Spawns a task of the scope on the ring of `runtime`, from any thread.
    #[track_caller]
    pub fn spawn_on<T, F>(&self, runtime: &Runtime, future: F) -> Child<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        self.shared.spawn_child(Some(runtime), Location::caller(), future, |outcome| outcome)
    }

    /// Runs `closure` as a task of the scope on a thread for blocking work; once it has begun it
    /// cannot be interrupted, and the scope waits for it.
    ///
    /// # Panics
    ///
    /// On a thread that has no ring.
    #[track_caller]
    pub fn spawn_blocking<T, F>(&self, closure: F) -> Child<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        self.shared.spawn_blocking_child(Location::caller(), closure)
    }

    /// Cancels all tasks of the scope that run now, and waits until they are gone. The scope goes
    /// on; a task that calls this goes too.
    ///
    /// # Cancel safety
    ///
    /// The tasks stay cancelled if it is dropped.
    pub async fn cancel(&self) {
        self.shared.cancel().await;
    }
}

impl<E: Send + 'static> Clone for TryScope<E> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<E: Send + 'static> Tasks<E> {
    fn spawn_child<T, F>(
        self: &Arc<Self>,
        runtime: Option<&Runtime>,
        spawned_at: &'static Location<'static>,
        future: F,
        judge: fn(F::Output) -> Result<T, E>,
    ) -> Child<T>
    where
        T: Send + 'static,
        F: Future + Send + 'static,
    {
        let (sender, output) = Channel::bounded(1).split();
        let future = Deliver::new(future, sender, judge);
        match runtime {
            None => self.spawn_here(spawned_at, future),
            Some(runtime) => self.spawn_on(runtime, spawned_at, future),
        };
        Child { output }
    }

    #[track_caller]
    fn spawn_blocking_child<T: Send + 'static>(
        self: &Arc<Self>,
        spawned_at: &'static Location<'static>,
        closure: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Child<T> {
        needs_a_ring("spawn_blocking", "scope.spawn_on(&runtime, …)");
        let pool = context::with(|local| local.map(|local| local.shared.blocking.clone()));
        let pool = pool.expect("the thread has a ring");
        let (sender, output) = Channel::bounded(1).split();
        let closure = move || closure().map(|value| drop(sender.try_send(value)));
        self.add_blocking(&pool, Job::new(closure, spawned_at));
        Child { output }
    }
}

/// A task of a [`scope`]: a future of its output. The scope waits for the task also without it.
///
/// It gives `Cancelled` for a task that gave no output, whatever became of it: a panic or an error
/// is the scope's.
///
/// # Cancel safety
///
/// Dropping a future that merely borrows it (`(&mut child).await`) loses nothing.
pub struct Child<T> {
    output: Receiver<T>,
}

impl<T> Future for Child<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let output = Pin::new(&mut self.output).poll_next(cx);
        output.map(|output| output.ok_or(TaskError::Cancelled))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("tasks", &lock(&self.shared.book).len()).finish()
    }
}

impl<E: Send + 'static> fmt::Debug for TryScope<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryScope").field("tasks", &lock(&self.shared.book).len()).finish()
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").finish_non_exhaustive()
    }
}
