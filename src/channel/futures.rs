//! The futures of the asynchronous operations, and the place of a stream in the line.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::receiving::Receiving;
use super::sending::Sending;
use super::shared::Shared;
use crate::awaiting::{Awaited, noted};
use crate::coop;
use crate::error::{RecvError, SendError};
use crate::line::{Key, Removed};
use crate::primitives::atomic::{AtomicUsize, Ordering};
use crate::wakes::discard;

/// A send that waits for room; made by [`Channel::send`](super::Channel::send) and
/// [`Sender::send`](super::Sender::send).
#[must_use = "nothing is sent before the future is awaited"]
pub struct SendFuture<'a, T> {
    shared: &'a Shared<T>,
    sending: Sending<T>,
}

/// A receive that waits for an item; made by [`Channel::recv`](super::Channel::recv) and
/// [`Receiver::recv`](super::Receiver::recv).
#[must_use = "nothing is received before the future is awaited"]
pub struct RecvFuture<'a, T> {
    shared: &'a Shared<T>,
    receiving: Receiving,
    stream_place: Option<&'a StreamPlace>,
}

impl<'a, T> SendFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, item: T) -> Self {
        Self { shared, sending: Sending::Holding(Some(item)) }
    }
}

// The item is only ever moved, never pinned, so the future may be moved as well.
impl<T> Unpin for SendFuture<'_, T> {}

impl<T> Future for SendFuture<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(context));
        let this = &mut *self;
        let sent = this.shared.poll_send(&mut this.sending, context.waker());
        let sent = ready!(noted(Awaited::Channel, sent));
        coop::spend();
        Poll::Ready(sent)
    }
}

impl<T> Drop for SendFuture<'_, T> {
    fn drop(&mut self) {
        if let Sending::Waiting(key) = self.sending
            && let Removed::Waiting(_offer, waker) = self.shared.abandon_send(key)
        {
            discard(waker);
        }
    }
}

impl<'a, T> RecvFuture<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, stream_place: Option<&'a StreamPlace>) -> Self {
        Self { shared, receiving: Receiving::Idle, stream_place }
    }
}

impl<T> Future for RecvFuture<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(coop::poll_proceed(context));
        let this = &mut *self;
        if let Some(key) = this.stream_place.take().and_then(StreamPlace::take) {
            this.receiving = Receiving::Waiting(key);
        }
        let received = this.shared.poll_recv(&mut this.receiving, context.waker());
        let received = ready!(noted(Awaited::Channel, received));
        coop::spend();
        Poll::Ready(received)
    }
}

impl<T> Drop for RecvFuture<'_, T> {
    fn drop(&mut self) {
        if let Receiving::Waiting(key) = self.receiving {
            self.shared.abandon_recv(key);
        }
    }
}

impl<T> fmt::Debug for SendFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.sending, Sending::Waiting(_));
        f.debug_struct("SendFuture").field("waiting", &waiting).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = matches!(self.receiving, Receiving::Waiting(_));
        f.debug_struct("RecvFuture").field("waiting", &waiting).finish_non_exhaustive()
    }
}

/// The place in line of a receiver that was polled as a stream and found nothing.
///
/// A stream keeps its place between polls, so another receive through the same handle has to take
/// the place over: else the next item would be handed to a stream that nobody polls.
pub(super) struct StreamPlace(AtomicUsize);

const NO_PLACE: usize = 0;

impl StreamPlace {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(NO_PLACE))
    }

    /// Takes the place out; only one of many callers gets it.
    #[inline]
    pub(super) fn take(&self) -> Option<Key> {
        // Ordering: Relaxed, here and below: what the key names is guarded by the channel's lock,
        // and the swap alone decides who owns the key.
        if self.0.load(Ordering::Relaxed) == NO_PLACE {
            return None;
        }
        self.0.swap(NO_PLACE, Ordering::Relaxed).checked_sub(1)
    }

    /// One poll of the stream. The place is exclusively the caller's.
    pub(super) fn poll<T>(
        &mut self,
        shared: &Shared<T>,
        context: &Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        ready!(coop::poll_proceed(context));
        // Ordering: Relaxed, here and below: only an exclusive borrower touches it.
        let mut receiving = match self.0.load(Ordering::Relaxed).checked_sub(1) {
            Some(key) => Receiving::Waiting(key),
            None => Receiving::Idle,
        };
        let polled = shared.poll_recv(&mut receiving, context.waker());
        let place = match receiving {
            Receiving::Waiting(key) => key + 1,
            Receiving::Idle => NO_PLACE,
        };
        self.0.store(place, Ordering::Relaxed);
        let received = ready!(noted(Awaited::Channel, polled));
        coop::spend();
        Poll::Ready(received)
    }
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::super::Channel;
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize as Count;
    use std::task::{Wake, Waker};

    struct Wakes(Count);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_with_a_spent_budget_gets_no_more_items_this_turn_and_loses_none() {
        let wakes = Arc::new(Wakes(Count::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let mut context = Context::from_waker(&waker);
        let channel = Channel::bounded(2);
        let mut first = pin!(channel.recv());
        assert!(first.as_mut().poll(&mut context).is_pending());
        channel.try_send(1).unwrap();
        channel.try_send(2).unwrap();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);

        coop::reset(0);
        let mut send = pin!(channel.send(3));
        assert!(first.as_mut().poll(&mut context).is_pending(), "although it was served");
        assert!(pin!(channel.recv()).poll(&mut context).is_pending());
        assert!(send.as_mut().poll(&mut context).is_pending());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 4, "each wakes its own task");
        assert_eq!(channel.try_recv(), Ok(2), "what does not wait is not limited");
        channel.send_blocking(2).unwrap();

        coop::reset(2);
        assert_eq!(first.poll(&mut context), Poll::Ready(Ok(1)));
        assert_eq!(send.poll(&mut context), Poll::Ready(Ok(())));
        assert!(pin!(channel.recv()).poll(&mut context).is_pending());
        coop::reset(coop::UNLIMITED);
        assert_eq!(pin!(channel.recv()).poll(&mut context), Poll::Ready(Ok(2)));
        assert_eq!(pin!(channel.recv()).poll(&mut context), Poll::Ready(Ok(3)));
    }
}
