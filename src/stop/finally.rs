//! A clean-up that awaits, whatever becomes of the code before it.

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current;
use crate::context;
use crate::foreign::{dispose_of, shielded};
use crate::op::keeps_task::KeepsTask;
use crate::task::leavings::Leavings;

type Payload = Box<dyn Any + Send>;

/// Runs `future`, and then `cleanup`, however the future ends: with a value, an error, a panic, or
/// because it is cancelled.
///
/// The future is dropped before the clean-up begins. The clean-up runs in no scope, as in a
/// [`shield`](super::shield): a stop that was asked for does not keep it from awaiting. A panic of
/// the future goes on when the clean-up has ended; if that panics too, that one does.
///
/// If this is dropped between its first poll and its end, the clean-up runs, or goes on, as a task
/// of its own on the ring of the calling thread. The task that dropped this is not complete before
/// that: who awaits [`task.cancel()`](crate::Task::cancel) finds the clean-up done. A panic that
/// was under way is reported by that task, on stderr.
///
/// Where there is no ring, the clean-up cannot run by itself: if this is dropped on another thread
/// than that of a ring, or while the ring [stops](crate::Pool::shutdown), the clean-up is dropped,
/// and no line of it runs any more but destructors. So what must not be left undone, such as giving
/// memory back, is for destructors.
///
/// # Cancel safety
///
/// The clean-up runs nevertheless, as said above. If this was never polled, neither runs.
///
/// # Examples
///
/// ```
/// use ringpool::{Channel, stop::finally};
///
/// # let pool = ringpool::Pool::new(1);
/// let (said, heard) = Channel::bounded(2).split();
/// pool.block_on(async {
///     let task = ringpool::spawn(async move {
///         let goodbye = said.clone();
///         finally(
///             async move {
///                 said.send("begun").await.unwrap();
///                 std::future::pending::<()>().await
///             },
///             async move { goodbye.send("ended").await.unwrap() },
///         )
///         .await
///     });
///     assert_eq!(heard.recv().await, Ok("begun"));
///     task.cancel().await;
///     assert_eq!(heard.try_recv(), Ok("ended"));
/// });
/// ```
pub fn finally<F, C>(future: F, cleanup: C) -> Finally<F::IntoFuture, C::IntoFuture>
where
    F: IntoFuture,
    C: IntoFuture<Output = ()>,
    C::IntoFuture: 'static,
{
    let (future, cleanup) = (future.into_future(), cleanup.into_future());
    Finally { future: Some(future), stage: Stage::New(cleanup) }
}

/// The future of [`finally`].
#[must_use = "futures do nothing unless they are awaited"]
pub struct Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    future: Option<F>,
    stage: Stage<F::Output, C>,
}

enum Stage<T, C> {
    New(C),
    Running(Pin<Box<C>>),
    Cleaning(Pin<Box<C>>, Result<T, Payload>),
    Over,
}

impl<F, C> Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    /// The two parts: the first stays where it is, the second is not pinned.
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &mut Stage<F::Output, C>) {
        // SAFETY: `future` is pinned with `self` and never moved; `stage` is never pinned: it has
        // the clean-up before it is polled, or in a box.
        unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &mut this.stage)
        }
    }

    /// Polls the future, and drops it when it has ended, however it did.
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, Payload>> {
        let (mut future, _) = self.parts();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let running = future.as_mut().as_pin_mut().expect("it is there until it has ended");
            running.poll(cx)
        }));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        // A panic in the destructor counts as one of the future.
        let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None)));
        Poll::Ready(unless_panicked(ended, dropped))
    }
}

impl<F, C> Future for Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        loop {
            let (_, stage) = self.as_mut().parts();
            match mem::replace(stage, Stage::Over) {
                Stage::New(cleanup) => *stage = Stage::Running(Box::pin(cleanup)),
                Stage::Running(cleanup) => {
                    *stage = Stage::Running(cleanup);
                    let Poll::Ready(ended) = self.as_mut().poll_future(cx) else {
                        return Poll::Pending;
                    };
                    let (_, stage) = self.as_mut().parts();
                    if let Stage::Running(cleanup) = mem::replace(stage, Stage::Over) {
                        *stage = Stage::Cleaning(cleanup, ended);
                    }
                }
                Stage::Cleaning(mut cleanup, ended) => {
                    let cleaning = || current::within(None, || cleanup.as_mut().poll(cx));
                    let polled = catch_unwind(AssertUnwindSafe(cleaning));
                    if matches!(polled, Ok(Poll::Pending)) {
                        *stage = Stage::Cleaning(cleanup, ended);
                        return Poll::Pending;
                    }
                    // Not in the middle of a panic that goes on, since it may be one more.
                    let dropped = catch_unwind(AssertUnwindSafe(|| drop(cleanup)));
                    let cleaned = unless_panicked(polled.map(drop), dropped);
                    return Poll::Ready(give(unless_panicked(ended, cleaned)));
                }
                Stage::Over => panic!("a finished `finally` was polled again"),
            }
        }
    }
}

impl<F, C> Drop for Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    fn drop(&mut self) {
        // SAFETY: it is being dropped, and not moved before that.
        let (mut future, stage) = unsafe { Pin::new_unchecked(self) }.parts();
        let (cleanup, output, payload) = match mem::replace(stage, Stage::Over) {
            Stage::New(_) | Stage::Over => return,
            Stage::Running(cleanup) => (cleanup, None, None),
            Stage::Cleaning(cleanup, Ok(output)) => (cleanup, Some(output), None),
            Stage::Cleaning(cleanup, Err(payload)) => (cleanup, None, Some(payload)),
        };
        // One of them is there.
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            future.set(None);
            drop(output);
        }));
        clean_up_alone(cleanup, payload);
        if let Err(payload) = dropped {
            resume_unwind(payload);
        }
    }
}

/// What came of a future, unless what was done after it panicked: then that panic goes on, or the
/// later one of two. All of them have been reported.
fn unless_panicked<T>(ended: Result<T, Payload>, after: Result<(), Payload>) -> Result<T, Payload> {
    let Err(panic) = after else { return ended };
    match ended {
        Ok(output) => drop(shielded(|| drop(output))),
        Err(earlier) => dispose_of(earlier),
    }
    Err(panic)
}

fn give<T>(ended: Result<T, Payload>) -> T {
    ended.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Runs the clean-up as a task, before which the current one is not complete.
fn clean_up_alone<C>(cleanup: Pin<Box<C>>, payload: Option<Payload>)
where
    C: Future<Output = ()> + 'static,
{
    let keeps = context::with(|local| local.map(KeepsTask::new));
    let Some(keeps) = keeps else { return payload.into_iter().for_each(dispose_of) };
    let task = async move {
        let _keeps = keeps;
        let (mut cleanup, mut leavings) = (cleanup, Leavings::default());
        poll_fn(|cx| leavings.of(|| cleanup.as_mut().poll(cx))).await;
        leavings.of(|| drop(cleanup));
        // The task that is kept waits for what this leaves in the kernel, as it would for its own.
        poll_fn(|cx| leavings.poll_returned(cx)).await;
        if let Some(payload) = payload {
            resume_unwind(payload);
        }
    };
    crate::spawn_local(task).detach();
}

impl<F, C> fmt::Debug for Finally<F, C>
where
    F: Future,
    C: Future<Output = ()> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(_) => "new",
            Stage::Running(_) => "running",
            Stage::Cleaning(..) => "cleaning up",
            Stage::Over => "over",
        };
        f.debug_struct("Finally").field("stage", &stage).finish_non_exhaustive()
    }
}
