//! A place in a channel for each item.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::channel::Delivery;
use crate::coop;
use crate::{SendError, Sender};

/// Sends the items of a stream into a channel; made by
/// [`forward_to`](super::Consume::forward_to).
#[must_use = "futures do nothing unless they are awaited"]
pub struct ForwardTo<S: Stream> {
    stream: S,
    /// None once it is over.
    delivery: Option<Delivery<S::Item>>,
}

// Items are only ever moved, never pinned.
impl<S: Stream + Unpin> Unpin for ForwardTo<S> {}

impl<S: Stream> ForwardTo<S> {
    pub(super) fn new(stream: S, sender: Sender<S::Item>) -> Self {
        Self { stream, delivery: Some(Delivery::new(sender)) }
    }

    /// Ends it, and gives back the stream, and the item that waits for room, if one does.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::FutureExt;
    /// use ringpool::Channel;
    /// use ringpool::consume::Consume;
    ///
    /// let (sender, receiver) = Channel::bounded(2).split();
    /// let mut forwarding = futures::stream::iter(0..5).forward_to(sender);
    /// assert!((&mut forwarding).now_or_never().is_none()); // The channel is full.
    /// let (rest, waiting) = forwarding.into_parts();
    /// assert_eq!(futures::executor::block_on_stream(receiver).collect::<Vec<_>>(), [0, 1]);
    /// assert_eq!(waiting, Some(2));
    /// assert_eq!(futures::executor::block_on_stream(rest).collect::<Vec<_>>(), [3, 4]);
    /// ```
    pub fn into_parts(self) -> (S, Option<S::Item>) {
        let item = self.delivery.and_then(Delivery::take_back);
        (self.stream, item)
    }
}

impl<S: Stream + Unpin> Future for ForwardTo<S> {
    type Output = Result<(), SendError<S::Item>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let delivery = this.delivery.as_mut().expect("a finished forward_to was polled again");
        let result = loop {
            if delivery.is_under_way() {
                let sent = ready!(delivery.poll(cx));
                if sent.is_err() {
                    break sent;
                }
            }
            ready!(coop::poll_proceed(cx));
            match ready!(Pin::new(&mut this.stream).poll_next(cx)) {
                Some(item) => delivery.begin(item),
                None => break Ok(()),
            }
        };
        this.delivery = None;
        Poll::Ready(result)
    }
}

impl<S: Stream> fmt::Debug for ForwardTo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_waiting = self.delivery.as_ref().is_some_and(Delivery::is_under_way);
        f.debug_struct("ForwardTo").field("is_waiting", &is_waiting).finish_non_exhaustive()
    }
}
