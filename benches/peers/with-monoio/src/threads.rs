//! Threads with a runtime each.

use std::cell::RefCell;
use std::future::poll_fn;
use std::mem::take;
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

use futures_channel::{mpsc, oneshot};
use futures_util::StreamExt;
use monoio::time::TimeDriver;
use monoio::{IoUringDriver, Runtime, RuntimeBuilder};
use workload::processors::{on_core, pin};

/// A runtime on the calling thread, with a ring of the default length.
pub(crate) fn runtime() -> Runtime<TimeDriver<IoUringDriver>> {
    builder().enable_timer().build().expect("io_uring works here")
}

/// What runtimes are made of that need something more.
///
/// One thread enters each ring, and needs no interrupt for what has completed, since it comes by
/// anyway: monoio hands such choices to its user.
pub(crate) fn builder() -> RuntimeBuilder<IoUringDriver> {
    let mut ring = io_uring::IoUring::builder();
    ring.setup_single_issuer().setup_coop_taskrun().setup_taskrun_flag();
    RuntimeBuilder::<IoUringDriver>::new().uring_builder(ring)
}

/// Runs the future that `body` gives as a task, on a runtime on the first processor.
///
/// With the feature `sync`, what `block_on` is given is a task like all others.
pub(crate) fn run<F>(body: impl FnOnce() -> F + Send) -> F::Output
where
    F: Future<Output: Send>,
{
    on_core(0, || runtime().block_on(body()))
}

/// What a thread is asked to do, for instance to spawn a task.
type Job = Box<dyn FnOnce() + Send>;

/// A runtime on a thread of its own; dropped, it ends.
///
/// Monoio spawns on the calling thread only. For all others its authors tell users to send what is
/// to be done by a channel.
pub(crate) struct OtherThread {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl OtherThread {
    /// Starts it on the first (0) or the second (1) processor.
    pub(crate) fn start(which: usize) -> Self {
        let (jobs, mut to_do) = mpsc::unbounded::<Job>();
        let thread = std::thread::spawn(move || {
            pin(which);
            runtime().block_on(async {
                while let Some(job) = to_do.next().await {
                    job();
                }
            });
        });
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Spawns a task there, and gives what its result comes by.
    pub(crate) fn spawn<F>(&self, task: F) -> oneshot::Receiver<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (result_to, result_from) = oneshot::channel();
        self.spawn_detached(async move {
            // Nobody may wait for it any more.
            let _ = result_to.send(task.await);
        });
        result_from
    }

    /// Spawns a task there whose result nobody wants.
    pub(crate) fn spawn_detached(&self, task: impl Future<Output = ()> + Send + 'static) {
        let spawn = Box::new(|| drop(monoio::spawn(task)));
        let jobs = self.jobs.as_ref().expect("it has not been dropped");
        jobs.unbounded_send(spawn).expect("the thread waits for jobs");
    }
}

impl Drop for OtherThread {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the runtime does not panic");
        }
    }
}

thread_local! {
    /// Tasks of this thread that let the others run.
    static YIELDED: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// Lets the other tasks of the thread run.
///
/// Monoio has no such function, and up to 0.2.4 a task that wakes itself is the next one to run.
/// So another task wakes it, which comes after all that are in the queue now: one for all that
/// have yielded by then.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        let is_first = YIELDED.with_borrow_mut(|wakers| {
            wakers.push(cx.waker().clone());
            wakers.len() == 1
        });
        if is_first {
            drop(monoio::spawn(async { wake_yielded() }));
        }
        Poll::Pending
    })
    .await;
}

/// Has all tasks that have yielded go on.
fn wake_yielded() {
    let mut wakers = YIELDED.with_borrow_mut(take);
    wakers.drain(..).for_each(Waker::wake);
    // The memory is used again.
    YIELDED.with_borrow_mut(|empty| *empty = wakers);
}
