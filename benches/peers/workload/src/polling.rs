//! Futures by hand.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

/// Polls a future once, and drops it.
///
/// # Panics
///
/// If it is ready.
pub async fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    poll_fn(|cx: &mut Context<'_>| {
        assert!(future.as_mut().poll(cx).is_pending(), "it is not due yet");
        Poll::Ready(())
    })
    .await;
}
