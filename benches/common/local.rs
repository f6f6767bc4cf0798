//! On one thread: a task born here, a yield, a timer that never fires, a blocking closure.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::measure::{Cost, repeat};
use super::runtimes::{Waiting, on_tokio, pool};

const WARM_UP: u64 = 1_000;
/// Far enough away that no timer of the run fires.
const FAR: Duration = Duration::from_secs(30);

/// Spawns a task here and awaits it.
pub(crate) fn ringpool_spawn(iterations: u64) -> Cost {
    pool(1, Waiting::Default).block_on(repeat(WARM_UP, iterations, async move || {
        black_box(ringpool::spawn(async { 1u64 }).await.expect("it ends"));
    }))
}

/// A current-thread runtime: spawns a task and awaits it.
pub(crate) fn tokio_spawn(iterations: u64) -> Cost {
    on_tokio(repeat(WARM_UP, iterations, async move || {
        black_box(tokio::spawn(async { 1u64 }).await.expect("it ends"));
    }))
}

/// Lets the others run, of whom there are none.
pub(crate) fn ringpool_yield(iterations: u64) -> Cost {
    pool(1, Waiting::Default).block_on(repeat(WARM_UP, iterations, async move || {
        ringpool::yield_now().await;
    }))
}

/// A current-thread runtime: the same.
pub(crate) fn tokio_yield(iterations: u64) -> Cost {
    on_tokio(repeat(WARM_UP, iterations, async move || {
        tokio::task::yield_now().await;
    }))
}

/// Makes a timer, polls it once and drops it.
pub(crate) fn ringpool_timer(iterations: u64) -> Cost {
    pool(1, Waiting::Default).block_on(repeat(WARM_UP, iterations, async move || {
        poll_once(ringpool::time::sleep(FAR)).await;
    }))
}

/// A current-thread runtime: the same.
pub(crate) fn tokio_timer(iterations: u64) -> Cost {
    on_tokio(repeat(WARM_UP, iterations, async move || {
        poll_once(tokio::time::sleep(FAR)).await;
    }))
}

/// Calls a closure on a thread for blocking work and awaits it.
pub(crate) fn ringpool_blocking(waiting: Waiting, iterations: u64) -> Cost {
    pool(1, waiting).block_on(repeat(WARM_UP, iterations, async move || {
        black_box(ringpool::spawn_blocking(|| 1u64).await.expect("it ends"));
    }))
}

/// A current-thread runtime and its threads for blocking work: the same.
pub(crate) fn tokio_blocking(iterations: u64) -> Cost {
    on_tokio(repeat(WARM_UP, iterations, async move || {
        black_box(tokio::task::spawn_blocking(|| 1u64).await.expect("it ends"));
    }))
}

/// Polls a future once, and drops it.
async fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    std::future::poll_fn(|cx: &mut Context<'_>| {
        assert!(future.as_mut().poll(cx).is_pending(), "it is not due for long");
        Poll::Ready(())
    })
    .await;
}
