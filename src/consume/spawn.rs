//! A task for each item.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;

use crate::primitives::{Mutex, lock};
use crate::wakes::wake;
use crate::{Runtime, coop, current, spawn};

/// Spawns a task for each item of a stream; made by
/// [`for_each_spawn`](super::Consume::for_each_spawn).
#[must_use = "futures do nothing unless they are awaited"]
pub struct ForEachSpawn<S, F> {
    stream: S,
    make: F,
    /// Where the tasks go, in turn; none for the calling task's own ring.
    runtimes: Vec<Runtime>,
    next: usize,
    running_max: usize,
    running: Arc<Running>,
    is_at_end: bool,
}

/// How many tasks there are, and who waits for one to end.
#[derive(Default)]
struct Running(Mutex<(usize, Option<Waker>)>);

/// One task that counts, until it has ended.
struct Counted(Arc<Running>);

// Nothing of it is ever pinned.
impl<S: Unpin, F> Unpin for ForEachSpawn<S, F> {}

impl<S, F> ForEachSpawn<S, F> {
    pub(super) fn new(stream: S, make: F) -> Self {
        let (runtimes, running) = (Vec::new(), Arc::default());
        Self { stream, make, runtimes, next: 0, running_max: usize::MAX, running, is_at_end: false }
    }

    /// Spawns all tasks on this ring.
    pub fn on(self, runtime: &Runtime) -> Self {
        self.round_robin([runtime])
    }

    /// Spawns the tasks on these rings, in turn. One that has stopped is passed over; if all have,
    /// the calling task's own ring is taken.
    pub fn round_robin<'a>(mut self, runtimes: impl IntoIterator<Item = &'a Runtime>) -> Self {
        self.runtimes = runtimes.into_iter().cloned().collect();
        self.next = 0;
        self
    }

    /// Has no more than so many tasks at once, at least one: the next item is taken when one of
    /// them has ended.
    pub fn at_most(mut self, tasks: usize) -> Self {
        self.running_max = tasks.max(1);
        self
    }

    /// Spawns a task on the next ring that takes it.
    #[track_caller]
    fn start<Fut: Future<Output = ()> + Send + 'static>(&mut self, future: Fut) {
        let counted = self.running.begin();
        let mut task = async move {
            // Goes when the future has gone, whatever has ended it.
            let _counted = counted;
            future.await;
        };
        for _ in 0..self.runtimes.len() {
            let runtime = &self.runtimes[self.next];
            self.next = (self.next + 1) % self.runtimes.len();
            match runtime.try_spawn(task) {
                Ok(spawned) => return spawned.detach(),
                Err(refused) => task = refused.0,
            }
        }
        spawn(task).detach();
    }
}

impl<S, F, Fut> Future for ForEachSpawn<S, F>
where
    S: Stream + Unpin,
    F: FnMut(S::Item) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        assert!(current().is_some(), "for_each_spawn works on the thread of a ring only");
        while !this.is_at_end {
            ready!(this.running.poll_fewer_than(this.running_max, cx.waker()));
            ready!(coop::poll_proceed(cx));
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                Some(item) => {
                    coop::spend();
                    let future = (this.make)(item);
                    this.start(future);
                }
                None => this.is_at_end = true,
            }
        }
        this.running.poll_fewer_than(1, cx.waker())
    }
}

impl Running {
    fn begin(self: &Arc<Self>) -> Counted {
        lock(&self.0).0 += 1;
        Counted(self.clone())
    }

    /// Ready if fewer than `limit` tasks run; otherwise `waker` is woken when one has ended.
    fn poll_fewer_than(&self, limit: usize, waker: &Waker) -> Poll<()> {
        let is_fewer = |state: &(usize, Option<Waker>)| state.0 < limit;
        {
            let state = lock(&self.0);
            if is_fewer(&state) {
                return Poll::Ready(());
            }
            if state.1.as_ref().is_some_and(|ours| ours.will_wake(waker)) {
                return Poll::Pending;
            }
        }
        let mut other = Some(waker.clone());
        let mut state = lock(&self.0);
        let polled = if is_fewer(&state) { Poll::Ready(()) } else { Poll::Pending };
        if polled.is_pending() {
            mem::swap(&mut state.1, &mut other);
        }
        drop(state);
        drop(other);
        polled
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let waker = {
            let mut state = lock(&self.0.0);
            state.0 -= 1;
            state.1.take()
        };
        wake(waker);
    }
}

impl<S, F> fmt::Debug for ForEachSpawn<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = lock(&self.running.0).0;
        f.debug_struct("ForEachSpawn").field("running", &running).finish_non_exhaustive()
    }
}
