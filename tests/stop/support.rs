//! What these tests share: knowing when an operation is in the kernel, or back.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::future::{Future, poll_fn};
use std::io::{self, PipeWriter, Write};
use std::pin::Pin;
use std::task::Poll;

use ringpool::buf::{BufError, BufResult};
use ringpool::op::{self, Op, SharedFd};
use ringpool::stop::{StopSource, with_stop};
use ringpool::{current, yield_now};

/// A read of a pipe, into a buffer that can be told again.
pub(crate) fn read(pipe: &SharedFd) -> Op<op::Read<Vec<u8>>> {
    op::read(pipe, Vec::with_capacity(77))
}

/// Operations of this ring: begun, and ended.
fn counts() -> (u64, u64) {
    let metrics = current().expect("in a task").metrics();
    (metrics.operations_started, metrics.operations_completed)
}

/// Polls a future for the first time; what it has begun has been submitted then.
pub(crate) async fn begin<F: Future + Unpin>(future: &mut F) {
    let (before, _) = counts();
    assert!(poll_now(future).await.is_none(), "it waits");
    assert!(counts().0 > before, "an operation was begun");
    yield_now().await;
    yield_now().await;
}

/// One poll.
pub(crate) async fn poll_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Makes something happen that ends operations in the kernel, and waits until `count` have ended.
pub(crate) async fn completed<R>(count: u64, cause: impl FnOnce() -> R) -> R {
    let (_, before) = counts();
    let result = cause();
    while counts().1 < before + count {
        yield_now().await;
    }
    result
}

/// Operations begun on this ring so far.
pub(crate) fn started() -> u64 {
    counts().0
}

#[track_caller]
pub(crate) fn is_cancelled(error: &io::Error) {
    assert_eq!(error.raw_os_error(), Some(libc::ECANCELED), "{error}");
}

/// The buffer of what was stopped.
#[track_caller]
pub(crate) fn given_back<N: std::fmt::Debug, B: std::fmt::Debug>(result: BufResult<N, B>) -> B {
    let BufError { error, buffer } = result.expect_err("it was stopped");
    is_cancelled(&error);
    buffer
}

/// Begins `future` in a scope, stops that when it is in the kernel, and gives what comes of it.
pub(crate) async fn stopped_in_the_kernel<F: Future + Unpin>(future: F) -> F::Output {
    let source = StopSource::new();
    let mut future = with_stop(source.token(), future);
    begin(&mut future).await;
    source.stop();
    future.await
}

/// Awaits `future` in a scope that is stopped; no operation may begin.
pub(crate) async fn refused<F: Future>(future: F) -> F::Output {
    let source = StopSource::new();
    source.stop();
    let before = started();
    let output = with_stop(source.token(), future).await;
    assert_eq!(started(), before, "nothing is submitted");
    output
}

pub(crate) fn put(writer: &mut PipeWriter, bytes: &[u8]) {
    writer.write_all(bytes).expect("the pipe has room");
}

/// Begins in a scope what waits, stops it, and gives what came of it.
pub(crate) async fn stopped<F: Future>(future: F) -> F::Output {
    stopped_in_the_kernel(Box::pin(future)).await
}
