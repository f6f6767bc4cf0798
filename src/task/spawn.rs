//! Bringing tasks into being.

use super::header::{Birth, Header, Mobility};
use super::origin::Name;
use super::{Builder, SpawnError, Task, raw, run, travel};
use crate::context::{self, Local};
use crate::mailbox::Mailbox;
use crate::runtime::Runtime;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;

/// Spawns a task on the calling thread's ring.
///
/// If that has too much to do, a ring that has nothing [takes the task over](crate::Balance). To
/// have a task stay here use [`spawn_on`] with [`current`](crate::current).
///
/// # Panics
///
/// On a thread that has no ring: use [`spawn_on`] or [`Pool::spawn`](crate::Pool::spawn) there.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let task = ringpool::spawn(async { 6 * 7 });
///     assert_eq!(task.await?, 42);
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().spawn(future)
}

/// Spawns a task on the ring of `runtime`, where it stays unless it switches itself.
///
/// From any thread. If that ring has stopped, the task ends as cancelled at once;
/// [`Runtime::try_spawn`] gives the future back instead.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(2);
/// let there = pool.runtime(1);
/// pool.block_on(async {
///     let task = ringpool::spawn_on(&there, async { ringpool::current().map(|rt| rt.index()) });
///     assert_eq!(task.await?, Some(1));
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn spawn_on<F>(runtime: &Runtime, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().spawn_on(runtime, future)
}

/// Spawns a task that need not be `Send` on the calling thread's ring, which it never leaves.
///
/// # Panics
///
/// On a thread that has no ring.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let task = ringpool::spawn(async {
///         let here = Rc::new(7);
///         ringpool::spawn_local(async move { *here }).detach();
///     });
///     task.await?;
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().spawn_local(future)
}

/// A new task on the calling thread's ring.
///
/// # Safety
///
/// What the future and its output borrow outlives the task. If they are not `Send`, `mobility`
/// gives `Local`, and the handle stays on this thread, unless the output at least is `Send`.
///
/// # Panics
///
/// On a thread that has no ring.
#[track_caller]
pub(super) unsafe fn spawn_here<F: Future>(
    name: Option<Name>,
    mobility: fn(&Local) -> Mobility,
    spawned_at: &'static Location<'static>,
    future: F,
) -> Task<F::Output> {
    context::with(|local| match local {
        Some(local) => {
            let birth = Birth { name, spawned_at, mobility: mobility(local) };
            // SAFETY: the caller's promise.
            unsafe { begin(local, raw::allocate_future(future, birth)) }
        }
        None => panic!(
            "`spawn` and `spawn_local` work on the thread of a ring only; \
             use `spawn_on(&runtime, …)` or `pool.spawn(…)` on others"
        ),
    })
}

/// # Safety
///
/// `task` has just been made, with output `T`.
unsafe fn begin<T>(local: &Local, task: NonNull<Header>) -> Task<T> {
    // SAFETY: just made, so it is ours.
    unsafe { task.as_ref() }.set_here(local.mailbox);
    // SAFETY: ours, and in no list. A ring that is stopping cancels it in its turn.
    unsafe { run::adopt(local, task) };
    local.counters().tasks_spawned.add(1);
    // SAFETY: just made, so its handle is nobody's yet.
    unsafe { Task::new(task) }
}

/// A new task on the ring that `mailbox` belongs to, from any thread.
///
/// # Safety
///
/// What the future and its output borrow outlives the task, they may be sent to the ring's thread,
/// and the mailbox belongs to the ring that is meant.
pub(crate) unsafe fn send_unchecked<F: Future>(
    mailbox: &'static Mailbox,
    birth: Birth,
    future: F,
) -> Result<Task<F::Output>, SpawnError<F>> {
    let task = raw::allocate_future(future, birth);
    // SAFETY: just made, so it is ours.
    if unsafe { travel::send_task(task, mailbox) } == Ok(()) {
        // SAFETY: just made, so its handle is nobody's yet.
        return Ok(unsafe { Task::new(task) });
    }
    // SAFETY: the task came back to us unseen.
    Err(SpawnError(unsafe { raw::take_back(task) }))
}

/// As [`send_unchecked`], with the bounds that make it safe.
pub(crate) fn send_new<F>(
    runtime: &Runtime,
    birth: Birth,
    future: F,
) -> Result<Task<F::Output>, SpawnError<F>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // SAFETY: nothing is borrowed, all is `Send`, and a runtime handle keeps its mailbox.
    unsafe { send_unchecked(runtime.mailbox(), birth, future) }
}

/// A new task on the ring of `runtime`, or, if that has stopped, one that has ended.
pub(crate) fn spawn_or_end<F>(runtime: &Runtime, birth: Birth, future: F) -> Task<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    send_new(runtime, birth.clone(), future)
        .unwrap_or_else(|SpawnError(future)| stillborn(birth, future))
}

/// For [`spawn_here`]: the task may be given to other rings, if there are any and these rings do
/// that.
#[inline]
pub(super) fn may_move(local: &Local) -> Mobility {
    if local.ready.gives() { local.shared.balance.mobility() } else { Mobility::Staying }
}

/// For [`spawn_here`]: the future need not be `Send`.
pub(super) fn stays(_: &Local) -> Mobility {
    Mobility::Local
}

/// A task that ended before it began: its ring has stopped.
fn stillborn<F: Future>(birth: Birth, future: F) -> Task<F::Output> {
    let task = raw::allocate_future(future, birth);
    // SAFETY: just made, so it is ours, and its handle is nobody's yet.
    unsafe {
        (task.as_ref().vtable.cancel)(task);
        run::publish(task, 0);
        Task::new(task)
    }
}
