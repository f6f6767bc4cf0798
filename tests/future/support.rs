//! What the tests of combinators share.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ringpool::op::{self, SharedFd};
use ringpool::{Pool, Task, spawn, yield_now};

use crate::common::*;

/// A time that no test waits for.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Longer than nothing, and shorter than a patient person.
pub(crate) const SHORT: Duration = Duration::from_millis(2);

/// A pipe into which nobody writes, and a way to tell whether an operation still has it.
pub(crate) struct Quiet {
    pub(crate) reader: SharedFd,
    _writer: std::io::PipeWriter,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        let (reader, writer) = pipe();
        Self { reader, _writer: writer }
    }

    /// A read that does not end by itself.
    pub(crate) fn read(&self) -> op::Op<op::Read<Vec<u8>>> {
        op::read(&self.reader, vec![0; 9])
    }

    /// As [`read`](Self::read), in a future that owns all.
    pub(crate) fn reading(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let read = self.read();
        Box::pin(async move {
            let _ = read.await;
        })
    }

    /// All reads are back from the kernel, for each keeps the descriptor until then.
    #[track_caller]
    pub(crate) fn comes_free(self) {
        self.reader.try_into_owned().expect("an operation still has the descriptor");
    }
}

/// Waits until no ring of the pool has an operation in the kernel, and what those that have ended
/// kept is gone.
pub(crate) fn comes_to_rest(pool: &Pool) {
    for ring in pool.runtimes() {
        until(|| {
            let metrics = ring.metrics();
            metrics.operations_started == metrics.operations_completed
        });
        // The ring runs this when it has dealt with the last completion.
        ring.spawn(async {}).wait().expect("the ring runs");
    }
}

/// Gives `value` after it has been polled `turns` times more.
pub(crate) async fn after<T>(turns: usize, value: T) -> T {
    for _ in 0..turns {
        yield_now().await;
    }
    value
}

/// Never ready, wakes itself always, and counts how often it was polled.
pub(crate) async fn restless(polls: Count) {
    poll_fn::<(), _>(|cx| {
        polls.add();
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Counts the polls of a future.
pub(crate) async fn counted<F: Future>(polls: Count, future: F) -> F::Output {
    let mut future = Box::pin(future);
    poll_fn(|cx: &mut Context<'_>| {
        polls.add();
        Pin::new(&mut future).poll(cx)
    })
    .await
}

/// Panics when it is dropped.
pub(crate) struct PanicsInDrop(pub(crate) &'static str);

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic_on_purpose(self.0);
    }
}

/// Runs a future in a task of its own, whose panic is its outcome.
pub(crate) fn task<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    spawn(future)
}
