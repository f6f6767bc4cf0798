//! Sending one item after the other, by somebody who owns the sending end.

use std::task::{Context, Poll, ready};

use super::Sender;
use super::sending::Sending;
use crate::coop;
use crate::error::SendError;
use crate::line::Removed;
use crate::wakes::discard;

/// A sending end, and the item that is on its way.
pub(crate) struct Delivery<T> {
    sender: Sender<T>,
    sending: Sending<T>,
}

impl<T> Delivery<T> {
    pub(crate) fn new(sender: Sender<T>) -> Self {
        Self { sender, sending: Sending::Holding(None) }
    }

    /// The next item to send; none is under way.
    pub(crate) fn begin(&mut self, item: T) {
        self.sending = Sending::Holding(Some(item));
    }

    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self.sending, Sending::Holding(None))
    }

    /// Waits until the item is sent; one is under way.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        ready!(coop::poll_proceed(cx));
        let sent = ready!(self.sender.shared.poll_send(&mut self.sending, cx.waker()));
        coop::spend();
        Poll::Ready(sent)
    }

    /// The item, if it has not been sent.
    pub(crate) fn take_back(mut self) -> Option<T> {
        self.leave()
    }

    fn leave(&mut self) -> Option<T> {
        match std::mem::replace(&mut self.sending, Sending::Holding(None)) {
            Sending::Holding(item) => item,
            Sending::Waiting(key) => match self.sender.shared.abandon_send(key) {
                Removed::Waiting(offer, waker) => {
                    discard(waker);
                    Some(offer.item)
                }
                Removed::Served(sent) => sent.err(),
            },
        }
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
