//! `Task<T>`: the handle of a task, usable from any thread and any executor.

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{RefUnwindSafe, UnwindSafe, resume_unwind};
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::header::Header;
use super::state::{HandleGone, LastWord, Registered, Release};
use super::waker::clone_of;
use super::{TaskError, TaskId, leavings, run, travel};
use crate::awaiting::{Awaited, noted};
use crate::context;
use crate::foreign::shielded;
use crate::outstanding::Share;
use crate::parking::park_until;

/// A spawned task: a future of its outcome, and the means to cancel it.
///
/// It may be awaited on any ring, in any other executor, or with [`wait`](Task::wait) on a plain
/// thread. Dropping it cancels the task; [`detach`](Task::detach) lets it run on.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let task = pool.spawn(async { 6 * 7 });
/// assert_eq!(task.wait()?, 42);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping a future that merely borrows the task (`(&mut task).await`) loses nothing: the output
/// stays with the task.
#[must_use = "a task is cancelled when its handle is dropped; use `.detach()` to let it run on"]
pub struct Task<T> {
    header: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: the handle gives away nothing but the output, and `T` is `Send`; the header is `Sync`.
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: a shared handle only reads the header, which is `Sync`; the output needs `&mut`.
unsafe impl<T: Send> Sync for Task<T> {}

impl<T> Unpin for Task<T> {}

// A panic cannot leave a task half-changed for who looks at it through its handle.
impl<T> UnwindSafe for Task<T> {}
impl<T> RefUnwindSafe for Task<T> {}

impl<T> Task<T> {
    /// # Safety
    ///
    /// `header` heads a task with output `T` whose handle nobody has yet.
    pub(super) unsafe fn new(header: NonNull<Header>) -> Self {
        Self { header, output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle keeps the task.
        unsafe { self.header.as_ref() }
    }

    /// The number of this task, unique in this process.
    pub fn id(&self) -> TaskId {
        self.header().id
    }

    /// The name given with [`Builder::name`](super::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.header().origin.name().map(|name| &**name)
    }

    /// Whether the task has ended: its future is gone, and awaiting it takes no time.
    pub fn is_finished(&self) -> bool {
        self.header().join.snapshot().is_complete()
    }

    /// Lets the task run on without a handle.
    ///
    /// Its output is dropped where it is made; if it panics, that is said on stderr.
    pub fn detach(self) {
        ManuallyDrop::new(self).leave(LastWord::Detach);
    }

    /// Cancels the task, and waits until its future has been dropped, on the ring it lives on, and
    /// the kernel has given back all that it had in flight.
    ///
    /// The request is made when this function is called; what it returns only waits. Gives the
    /// output if the task had finished before, else `None`. A blocking task that has begun to run
    /// cannot be interrupted and is waited for.
    ///
    /// # Panics
    ///
    /// The returned future panics with the task's own panic, if it panicked before it was
    /// cancelled.
    ///
    /// # Cancel safety
    ///
    /// The task stays cancelled if the returned future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let task = ringpool::spawn(std::future::pending::<()>());
    ///     assert_eq!(task.cancel().await, None);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(self) -> Cancel<T> {
        // SAFETY: the handle keeps the task.
        unsafe { request_cancel(self.header) };
        Cancel { task: self }
    }

    /// What cancels the task while somebody else has the handle.
    pub(super) fn canceller(&self) -> Canceller {
        self.header().join.retain();
        Canceller(self.header)
    }

    /// Whether this is the handle of the task that `header` heads.
    pub(super) fn is_handle_of(&self, header: NonNull<Header>) -> bool {
        self.header == header
    }

    /// Leaves a waker, to be woken when the task ends; says whether it has ended already. The
    /// output stays where it is.
    pub(super) fn watch(&mut self, waker: &Waker) -> bool {
        let header = self.header();
        if header.join.snapshot().is_complete() {
            return true;
        }
        if header.is_here(context::here()) {
            let previous = header.home.join_waker.take();
            let waker = match previous {
                Some(previous) if previous.will_wake(waker) => previous,
                _ => clone_of(waker),
            };
            // The clone, and the drop of the one before, are the user's code. If that has woken
            // the task, another ring may have taken it.
            if header.is_here(context::here()) {
                header.home.join_waker.set(Some(waker));
                return false;
            }
        }
        // SAFETY: this is the one handle, borrowed exclusively.
        unsafe { header.join.register(waker) == Registered::Complete }
    }

    /// The outcome of a task that has ended, where it is; `None` before.
    pub(super) fn outcome(&mut self) -> Option<&Result<T, TaskError>> {
        let header = self.header();
        if !header.join.snapshot().is_complete() {
            return None;
        }
        // SAFETY: the task is complete, and the handle, borrowed exclusively, owns the output.
        let outcome = unsafe { (header.vtable.output)(self.header) };
        // SAFETY: null, or an output of this very type, which stays as long as the borrow does.
        unsafe { outcome.cast::<Result<T, TaskError>>().as_ref() }
    }

    /// Blocks the calling thread until the task ends.
    ///
    /// # Errors
    ///
    /// [`TaskError`] if the task panicked or was cancelled.
    ///
    /// # Panics
    ///
    /// On the thread of a ring, which would then not run any task, perhaps not even this one:
    /// `.await` it there. The task is cancelled by that panic.
    pub fn wait(mut self) -> Result<T, TaskError> {
        assert!(
            context::here().is_null(),
            "`Task::wait` would block a ring's thread and every task on it; `.await` the task there"
        );
        block_on_thread(&mut self)
    }

    /// Takes the output of a complete task.
    pub(super) fn take_output(&mut self) -> Result<T, TaskError> {
        let mut output = MaybeUninit::<Result<T, TaskError>>::uninit();
        // SAFETY: the task is complete and the handle owns the output, of this very type; taking
        // it twice panics in there.
        unsafe { (self.header().vtable.take_output)(self.header, output.as_mut_ptr().cast()) };
        // SAFETY: `take_output` has written it.
        unsafe { output.assume_init() }
    }

    /// The share is back when the task has ended. Only for a handle that goes.
    fn keep_until_the_end(&mut self, share: Share) {
        let waker = Waker::from(Arc::new(UntilTheEnd { _share: share }));
        // A waker that was left before is dropped: the user's code. If the task has ended, the
        // share is dropped here and now.
        let _ = shielded(|| self.watch(&waker));
        let _ = shielded(|| drop(waker));
    }

    /// What both `drop` and `detach` do; the handle is not used any more afterwards.
    fn leave(&mut self, last: LastWord) {
        let header = self.header();
        match header.join.drop_handle(last) {
            HandleGone::Living => {}
            // SAFETY: we have just claimed the wake node, which keeps the task until delivered.
            HandleGone::LivingAndLinked => unsafe { travel::send_wake(self.header) },
            HandleGone::Complete => self.leave_complete(),
        }
    }

    fn leave_complete(&mut self) {
        let header = self.header();
        // SAFETY: complete, and the handle owns the output, if it has not been taken.
        unsafe { (header.vtable.drop_output)(self.header) };
        if header.join.release_handle() == Release::Free {
            // SAFETY: we were told to.
            unsafe { (header.vtable.free)(self.header) };
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if self.is_finished() {
            return self.leave_complete();
        }
        if let Some(share) = leavings::share() {
            self.keep_until_the_end(share);
        }
        let header = self.header();
        if header.join.snapshot().is_complete() {
            self.leave_complete();
        } else if super::blocking::give_up(self.header) {
            // Its closure had not begun, and is gone now: the task is complete.
            self.leave(LastWord::Detach);
        } else if header.is_here(context::here()) {
            let task = self.header;
            self.leave(LastWord::Cancel);
            // SAFETY: we are home; a task that is not complete lives until we drop it, and one that
            // became complete between the lines did so on this thread, which is impossible.
            unsafe { run::wake_here(task) };
        } else {
            self.leave(LastWord::CancelAndLink);
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_finished() || self.watch(cx.waker()) {
            return Poll::Ready(self.take_output());
        }
        noted(Awaited::Task, Poll::Pending)
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// A waker that wakes nobody: it is dropped when the task has ended, and so is what it keeps.
struct UntilTheEnd {
    _share: Share,
}

impl Wake for UntilTheEnd {
    fn wake(self: Arc<Self>) {}
}

/// Asks a task to end, and makes it notice.
///
/// # Safety
///
/// The caller has the handle, or a reference.
unsafe fn request_cancel(task: NonNull<Header>) {
    // SAFETY: the caller keeps it.
    let header = unsafe { task.as_ref() };
    if !header.join.cancel() || super::blocking::give_up(task) {
        return;
    }
    if header.is_here(context::here()) {
        // SAFETY: we are home, and the caller keeps the task.
        unsafe { run::wake_here(task) };
    } else if header.join.link() {
        // SAFETY: we have just claimed the wake node.
        unsafe { travel::send_wake(task) };
    }
}

/// A reference to a task, which can cancel it; made by [`Task::canceller`].
pub(super) struct Canceller(NonNull<Header>);

// SAFETY: the header is `Sync`, and asking for a cancel is done from any thread.
unsafe impl Send for Canceller {}

impl Canceller {
    pub(super) fn cancel(self) {
        // SAFETY: we have a reference.
        unsafe { request_cancel(self.0) };
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        // SAFETY: we have a reference, and give it up here.
        let header = unsafe { self.0.as_ref() };
        if header.join.release() == Release::Free {
            // SAFETY: we were told to.
            unsafe { (header.vtable.free)(self.0) };
        }
    }
}

/// The end of a cancelled task; made by [`Task::cancel`].
#[must_use = "without `.await` nobody knows when the task is gone"]
#[derive(Debug)]
pub struct Cancel<T> {
    task: Task<T>,
}

impl<T> Future for Cancel<T> {
    type Output = Option<T>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.task).poll(cx).map(|outcome| match outcome {
            Ok(output) => Some(output),
            Err(TaskError::Cancelled) => None,
            Err(TaskError::Panicked(payload)) => resume_unwind(payload.into_inner()),
        })
    }
}

/// Polls on the calling thread, which sleeps in between.
pub(crate) fn block_on_thread<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let ended = park_until(None, |waker| future.as_mut().poll(&mut Context::from_waker(waker)));
    ended.expect("a wait without a deadline ends only when it is ready")
}
