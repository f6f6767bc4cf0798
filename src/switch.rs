//! Moving a running task to another ring.
//!
//! [`SwitchTo`] only writes down where the task wants to go; when the poll returns, its ring sends
//! the whole task there, and the first poll there finds itself arrived. Nothing else moves:
//! operations and timers in flight stay on the ring they were started on, and wake the task where
//! it lives by then.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{error, fmt, io};

use crate::context;
use crate::runtime::{Runtime, current, is_current};
use crate::task;
use crate::task::shed::has_work;

/// Moves the calling task to the ring of `runtime`; what follows runs there.
///
/// From then on no ring [gives the task to another](crate::Balance): it is where it wants to be.
/// On a task that is there already that is all. Only the task as a whole moves: in a branch of
/// a `join!` all other branches come along, with their operations, timers and channels as they are.
///
/// # Errors
///
/// [`SwitchError`], and the task goes on where it is: if that ring has stopped, if the task was
/// made by [`spawn_local`](crate::spawn_local), or outside a task of a pool.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the task may move all the same.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let there = pool.runtime(1);
/// pool.block_on(async {
///     ringpool::switch_to(&there).await?;
///     assert_eq!(ringpool::current().as_ref(), Some(&there));
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "co_switch")]
pub fn switch_to(runtime: &Runtime) -> SwitchTo<'_> {
    SwitchTo { runtime }
}

/// A future that is ready on another ring; made by [`switch_to`].
#[derive(Debug)]
#[must_use = "the task stays where it is unless this is awaited"]
pub struct SwitchTo<'a> {
    runtime: &'a Runtime,
}

impl Future for SwitchTo<'_> {
    type Output = Result<(), SwitchError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if is_current(self.runtime) && task::has_arrived() {
            return Poll::Ready(Ok(()));
        }
        if self.runtime.is_stopped() {
            return Poll::Ready(Err(SwitchError::Stopped));
        }
        if let Err(error) = task::move_current(self.runtime) {
            return Poll::Ready(Err(error));
        }
        // The task is polled on arrival in any case; this is for the futures in between, which poll
        // us again only if we ask for it, and for a task that has to stay for a while yet.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Why a task could not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchError {
    /// The ring it wanted to go to has stopped.
    Stopped,
    /// The task was made by `spawn_local`, and its future must not leave its thread.
    Local,
    /// Not in a task of a pool: there is nothing to move.
    NotInTask,
}

impl fmt::Display for SwitchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the ring to switch to has stopped; the task stays where it is",
            Self::Local => {
                "a task made by `spawn_local` cannot leave its ring; make it with `spawn_on`"
            }
            Self::NotInTask => "only a task of a pool can switch; spawn one with `spawn_on`",
        })
    }
}

impl error::Error for SwitchError {}

impl From<SwitchError> for io::Error {
    fn from(error: SwitchError) -> Self {
        let kind = match error {
            SwitchError::Stopped => io::ErrorKind::NotConnected,
            SwitchError::Local | SwitchError::NotInTask => io::ErrorKind::Unsupported,
        };
        Self::new(kind, error)
    }
}

/// Goes to the ring of `runtime`, runs `future` there, and comes back with its output.
///
/// If the ring it came from has stopped meanwhile, the task stays there. As after a
/// [`switch_to`], no ring gives the task to another from then on.
///
/// # Errors
///
/// [`SwitchError`] if it could not go there; the future has not been polled then.
///
/// # Cancel safety
///
/// As that of `future`; the task is then on either of the two rings.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let there = pool.runtime(1);
/// pool.block_on(async {
///     let index = || ringpool::current().map(|runtime| runtime.index());
///     assert_eq!(ringpool::run_on(&there, async { index() }).await?, Some(1));
///     assert_eq!(index(), Some(0));
///     Ok(())
/// })
/// # }
/// ```
pub async fn run_on<F: Future>(runtime: &Runtime, future: F) -> Result<F::Output, SwitchError> {
    let origin = current();
    switch_to(runtime).await?;
    let output = future.await;
    if let Some(origin) = origin {
        // A ring that has stopped takes nobody back; the output counts for more.
        let _ = switch_to(&origin).await;
    }
    Ok(output)
}

/// Lets the other ready tasks of this ring run, and its completions, timers and messages in.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     for step in 0..1000 {
///         if step % 100 == 0 {
///             ringpool::yield_now().await;
///         }
///     }
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// Lets the others of this ring run if any of them waits; costs next to nothing if none does.
///
/// For code that computes for long: between two of these nothing else happens on its ring. A task
/// that others wait behind goes to the end of the line, and with more in that line than is run
/// soon, idle rings [take over](crate::Balance) what may move, this task included.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// let pool = ringpool::Pool::new(2);
/// pool.block_on(async {
///     let mut sum = 0u64;
///     for number in 0..100_000u64 {
///         sum += number;
///         if number % 1_000 == 0 {
///             ringpool::balance().await;
///         }
///     }
///     assert_eq!(sum, 4_999_950_000);
/// });
/// ```
pub fn balance() -> BalancePoint {
    BalancePoint { yielded: false }
}

/// A future that is ready when those have run that waited; made by [`balance`].
#[derive(Debug)]
#[must_use = "it lets others run only if it is awaited"]
pub struct BalancePoint {
    yielded: bool,
}

impl Future for BalancePoint {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded || !somebody_waits() {
            return Poll::Ready(());
        }
        self.yielded = true;
        context::with(|local| {
            local.inspect(|local| local.ends_turn.set(true));
        });
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Whether anything would happen on the calling thread's ring if its task let it.
fn somebody_waits() -> bool {
    context::with(|local| {
        local.is_some_and(|local| {
            has_work(local)
                || local.mailbox.inbox.has_messages()
                || local.ring.borrow_mut().needs_enter()
                || local.ring.borrow_mut().has_completions()
                || local.has_due_timer()
        })
    })
}

/// A future that is ready the second time it is polled; made by [`yield_now`].
#[derive(Debug)]
#[must_use = "it yields only if it is awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
