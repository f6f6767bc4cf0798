//! The allocation of a task: its header, and behind it the future, and later the output.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::header::{Birth, Header, VTable};
use super::span::TaskSpan;
use super::{PanicPayload, TaskError, TaskId};
use crate::foreign::{dispose_of, shielded};
use crate::recycle;

/// What a task's allocation holds besides the header.
enum Stage<F, T> {
    /// A future, or the closure of a blocking task.
    Work(F),
    Output(Result<T, TaskError>),
    Taken,
}

#[repr(C)]
struct Cell<F, T> {
    header: Header,
    /// Home's until the task is complete, then the handle's, or home's if there is none.
    stage: UnsafeCell<Stage<F, T>>,
}

/// How the work of a task is done: a future is polled, a closure is called.
trait Work<T> {
    /// # Safety
    ///
    /// `self` is pinned, and gone after `Ready` or a panic.
    unsafe fn proceed(&mut self, cx: &mut Context<'_>) -> Poll<T>;
}

/// A future.
struct Async<F> {
    /// Dropped within the span.
    future: ManuallyDrop<F>,
    span: TaskSpan,
}

impl<F> Async<F> {
    fn new(future: F, span: TaskSpan) -> Self {
        Self { future: ManuallyDrop::new(future), span }
    }

    /// The future, which was not pinned yet.
    fn into_future(self) -> F {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, nor dropped.
        let _span = unsafe { std::ptr::read(&raw const this.span) };
        // SAFETY: as above.
        unsafe { ManuallyDrop::take(&mut this.future) }
    }
}

/// Drops a future, wherever this itself is dropped: a span may panic when it is entered, and what
/// is pinned must be dropped all the same.
struct DropsFuture<'a, F>(&'a mut ManuallyDrop<F>);

impl<F> Drop for DropsFuture<'_, F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: who makes this does not use the future again, and drops it nowhere else.
        unsafe { ManuallyDrop::drop(self.0) };
    }
}

impl<F> Drop for Async<F> {
    #[inline]
    fn drop(&mut self) {
        let Self { future, span } = self;
        let future = DropsFuture(future);
        span.within(|| drop(future));
    }
}

impl<F: Future> Work<F::Output> for Async<F> {
    // SAFETY: demanded of the caller by the trait.
    #[inline]
    unsafe fn proceed(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, span } = self;
        // SAFETY: pinned, says the caller.
        let future = unsafe { Pin::new_unchecked(&mut **future) };
        span.within(|| future.poll(cx))
    }
}

/// A closure to be called on a blocking thread.
struct Blocking<F> {
    closure: Option<F>,
    span: TaskSpan,
}

impl<F: FnOnce() -> T, T> Work<T> for Blocking<F> {
    // SAFETY: demanded of the caller by the trait.
    unsafe fn proceed(&mut self, _: &mut Context<'_>) -> Poll<T> {
        let closure = self.closure.take().expect("a blocking task is claimed once");
        Poll::Ready(self.span.within(closure))
    }
}

/// A new task that polls `future`.
pub(super) fn allocate_future<F: Future>(future: F, birth: Birth) -> NonNull<Header> {
    let id = TaskId::next();
    let span = TaskSpan::new(&birth, id);
    allocate::<Async<F>, F::Output>(Async::new(future, span), birth, id)
}

/// A new task that calls `closure`.
pub(super) fn allocate_closure<F: FnOnce() -> T, T>(closure: F, birth: Birth) -> NonNull<Header> {
    let id = TaskId::next();
    let span = TaskSpan::new(&birth, id);
    allocate::<Blocking<F>, T>(Blocking { closure: Some(closure), span }, birth, id)
}

/// Takes the future out of a task that nobody else knows, and frees the task.
///
/// # Safety
///
/// `task` was made by `allocate_future::<F>`, has never been sent or polled, and the caller owns it
/// and its handle.
pub(super) unsafe fn take_back<F: Future>(task: NonNull<Header>) -> F {
    let cell = task.cast::<Cell<Async<F>, F::Output>>();
    // SAFETY: the caller owns the task.
    let stage = unsafe { mem::replace(&mut *cell.as_ref().stage.get(), Stage::Taken) };
    // SAFETY: the caller owns the task, and gives it up.
    unsafe { free::<Async<F>, F::Output>(task) };
    match stage {
        Stage::Work(work) => work.into_future(),
        _ => unreachable!("the task was never polled"),
    }
}

fn allocate<W: Work<T>, T>(work: W, birth: Birth, id: TaskId) -> NonNull<Header> {
    let cell = recycle::take(Layout::new::<Cell<W, T>>()).cast::<Cell<W, T>>();
    let header = Header::new(Types::<W, T>::VTABLE, birth, id);
    // SAFETY: the block is ours, large enough and aligned.
    unsafe { cell.write(Cell { header, stage: UnsafeCell::new(Stage::Work(work)) }) };
    cell.cast()
}

struct Types<W, T>(std::marker::PhantomData<(W, T)>);

impl<W: Work<T>, T> Types<W, T> {
    const VTABLE: &'static VTable = &VTable {
        poll: poll::<W, T>,
        cancel: cancel::<W, T>,
        take_output: take_output::<W, T>,
        output: output::<W, T>,
        drop_output: drop_output::<W, T>,
        free: free::<W, T>,
    };
}

/// # Safety
///
/// `task` heads a `Cell<W, T>` whose stage is the caller's for `'a`.
#[inline]
unsafe fn stage<'a, W, T>(task: NonNull<Header>) -> &'a mut Stage<W, T> {
    // SAFETY: the caller's promise.
    unsafe { &mut *task.cast::<Cell<W, T>>().as_ref().stage.get() }
}

/// # Safety
///
/// See [`VTable::poll`].
unsafe fn poll<W: Work<T>, T>(task: NonNull<Header>, cx: &mut Context<'_>) -> bool {
    // SAFETY: the caller may poll, and nobody else looks at the stage meanwhile.
    let stage = unsafe { stage::<W, T>(task) };
    let Stage::Work(work) = stage else { unreachable!("a complete task is not polled") };
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the allocation does not move, and `settle` drops the work in place.
        unsafe { work.proceed(cx) }
    }));
    match result {
        Ok(Poll::Pending) => return false,
        Ok(Poll::Ready(output)) => settle(stage, Ok(output)),
        Err(payload) => settle(stage, Err(TaskError::Panicked(payload.into()))),
    }
    true
}

/// # Safety
///
/// See [`VTable::cancel`].
unsafe fn cancel<W, T>(task: NonNull<Header>) {
    // SAFETY: the caller may poll, and nobody else looks at the stage meanwhile.
    settle(unsafe { stage::<W, T>(task) }, Err(TaskError::Cancelled));
}

/// Drops the work in place and stores the output; a panic in that drop becomes the output.
#[inline]
fn settle<W, T>(stage: &mut Stage<W, T>, output: Result<T, TaskError>) {
    let stage: *mut Stage<W, T> = stage;
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the stage is the caller's; it is overwritten below without being dropped again.
        unsafe { stage.drop_in_place() }
    }));
    let output = match dropped {
        Ok(()) => output,
        Err(payload) => {
            let _ = shielded(|| drop(output));
            Err(TaskError::Panicked(payload.into()))
        }
    };
    // SAFETY: the stage is the caller's, and its old value is gone.
    unsafe { stage.write(Stage::Output(output)) };
}

/// # Safety
///
/// See [`VTable::take_output`].
unsafe fn take_output<W, T>(task: NonNull<Header>, to: *mut ()) {
    // SAFETY: the caller owns the output.
    let stage = unsafe { stage::<W, T>(task) };
    let Stage::Output(output) = stage else { panic!("a finished `Task` was polled again") };
    // SAFETY: `to` points to room for just this type. The output, which is moved there and nowhere
    // else, is overwritten below without being dropped.
    unsafe { to.cast::<Result<T, TaskError>>().copy_from_nonoverlapping(output, 1) };
    // SAFETY: the stage is the caller's, and its old value is gone.
    unsafe { std::ptr::from_mut(stage).write(Stage::Taken) };
}

/// # Safety
///
/// See [`VTable::output`].
unsafe fn output<W, T>(task: NonNull<Header>) -> *const () {
    // SAFETY: the caller owns the output.
    match unsafe { stage::<W, T>(task) } {
        Stage::Output(output) => std::ptr::from_ref(output).cast(),
        _ => std::ptr::null(),
    }
}

/// # Safety
///
/// See [`VTable::drop_output`].
unsafe fn drop_output<W, T>(task: NonNull<Header>) {
    // SAFETY: the caller owns the output.
    let stage = unsafe { stage::<W, T>(task) };
    if matches!(stage, Stage::Taken) {
        return;
    }
    let taken = mem::replace(stage, Stage::Taken);
    // SAFETY: the caller has a reference.
    let header = unsafe { task.as_ref() };
    match taken {
        Stage::Output(Err(TaskError::Panicked(payload))) => report(header, payload),
        other => {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(other))) {
                report(header, payload.into());
            }
        }
    }
}

/// Says on stderr that a task panicked of which nobody will ask.
fn report(header: &Header, payload: PanicPayload) {
    let name = header.origin.name().map_or("unnamed", |name| name);
    let (id, place) = (header.id, header.origin.spawned_at());
    // Printing panics where stderr is gone.
    let _ = shielded(|| {
        eprintln!("ringpool: detached task {id} ({name}, spawned at {place}) panicked: {payload}");
    });
    dispose_of(payload.into_inner());
}

/// # Safety
///
/// See [`VTable::free`].
unsafe fn free<W, T>(task: NonNull<Header>) {
    let cell = task.cast::<Cell<W, T>>();
    // SAFETY: the caller was told to free it, so nobody else has a reference. The output is gone;
    // what is left is the header, whose join waker is foreign code that may panic.
    let _ = shielded(|| unsafe { cell.drop_in_place() });
    // SAFETY: made by `allocate` with this layout.
    unsafe { recycle::give(cell.cast(), Layout::new::<Cell<W, T>>()) };
}
