//! Reading and writing by being polled, for those who own a buffer and no future.
//!
//! The operation in flight is parked in the stream between two polls, as one is that was dropped:
//! whoever reads or writes next goes on with it. So there is nothing that could be lost between two
//! polls, and no future that would have to borrow the stream.

use std::io;
use std::mem;
use std::task::{Context, Poll, ready};

use super::attempt::{Attempt, did_nothing};
use super::incoming::{Ending, Fill, Incoming, Parked, Stage};
use super::writing::{Outgoing, Sending};
use super::{Flow, Stream, incoming, writing};
use crate::buf::BufError;
use crate::io::under_way::take_for_reading;
use crate::op::SharedFd;
use crate::op::parked::busy;
use crate::op::rest::Rest;

impl<F: Flow> Stream<F> {
    /// See [`AsyncReadOwned::poll_read_owned`](crate::io::AsyncReadOwned::poll_read_owned).
    pub(crate) fn poll_read(
        &self,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(mut incoming) = self.incoming.claim() else {
            return Poll::Ready(Err(busy("read of this stream")));
        };
        loop {
            let is_new = incoming.parked.is_none();
            if is_new {
                let rest = Rest::new(take_for_reading(buffer));
                let stage = Stage::InFlight(Attempt::new(&self.fd, rest, false));
                incoming.parked.put(incoming::Earlier::Polled(Parked { stage, taken: 0 }));
            }
            ready!(incoming.poll_ended(&self.fd, cx));
            match incoming.take_piece(buffer) {
                Some(Err(error)) if did_nothing(&error) && !is_new => {}
                Some(result) => return Poll::Ready(result),
                None => {}
            }
        }
    }

    /// See [`AsyncReadOwned::poll_stop_reading`](crate::io::AsyncReadOwned::poll_stop_reading): a
    /// read that may stay in the kernel does.
    pub(crate) fn stop_reading(&self) {
        let Some(mut incoming) = self.incoming.claim() else { return };
        if !F::KEEPS_READING {
            incoming.stop(&self.fd);
        }
    }

    /// See [`AsyncReadOwned::unread`](crate::io::AsyncReadOwned::unread).
    pub(crate) fn unread(&self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        if bytes.is_empty() {
            // A read that has brought none would be the end of the stream.
            return Ok(());
        }
        let Some(mut incoming) = self.incoming.claim() else { return Err(bytes) };
        incoming.unread(bytes)
    }

    /// See [`AsyncWriteOwned::poll_write_owned`](crate::io::AsyncWriteOwned::poll_write_owned).
    pub(crate) fn poll_write(
        &self,
        spare: &mut Vec<u8>,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut outgoing) = self.outgoing.claim() else {
            return Poll::Ready(Err(busy("write to this stream")));
        };
        ready!(outgoing.poll_flushed(&self.fd, spare, cx))?;
        if buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let rest = Rest::new(mem::replace(buffer, mem::take(spare)));
        let sending = Sending::new(&self.fd, rest, true);
        outgoing.parked.put(writing::Earlier::Polled(sending));
        match outgoing.poll_flushed(&self.fd, spare, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    /// See [`AsyncWriteOwned::poll_flush_owned`](crate::io::AsyncWriteOwned::poll_flush_owned).
    pub(crate) fn poll_flush(
        &self,
        spare: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match self.outgoing.claim() {
            Some(mut outgoing) => outgoing.poll_flushed(&self.fd, spare, cx),
            None => Poll::Ready(Err(busy("write to this stream"))),
        }
    }
}

impl<F: Flow> Incoming<F> {
    /// Takes what is parked and has ended: as much as there is, if it has a buffer of our kind, and
    /// else as much as fits; `None` if it has brought nothing.
    fn take_piece(&mut self, buffer: &mut Vec<u8>) -> Option<io::Result<usize>> {
        match self.parked.take()? {
            incoming::Earlier::Polled(Parked { stage: Stage::Ended(rest, ending), taken }) => {
                *buffer = rest.buffer;
                buffer.truncate(rest.done);
                buffer.drain(..taken);
                if !buffer.is_empty() && ending.is_some() {
                    self.keep(Vec::new(), ending);
                    return Some(Ok(buffer.len()));
                }
                Some(ending.unwrap_or(Ok(())).map(|()| buffer.len()))
            }
            earlier => {
                self.parked.put(earlier);
                *buffer = take_for_reading(buffer);
                self.take_left(&mut UpToCapacity(buffer));
                if !buffer.is_empty() {
                    return Some(Ok(buffer.len()));
                }
                self.take_ending().map(|ending| ending.map(|()| 0))
            }
        }
    }
}

impl<F: Flow> Incoming<F> {
    /// Puts bytes before those that are left, if any are; not before a read that is under way.
    fn unread(&mut self, mut bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut ending = None;
        if let Some(parked) = self.parked.get_mut() {
            if parked.is_in_flight() {
                return Err(bytes);
            }
            while !parked.bytes().is_empty() {
                bytes.extend_from_slice(parked.bytes());
                let count = parked.bytes().len();
                parked.take(count);
            }
            ending = parked.take_ending();
        }
        self.keep(bytes, ending);
        Ok(())
    }

    /// Keeps what a read has brought, and what came behind that.
    fn keep(&mut self, bytes: Vec<u8>, ending: Ending) {
        let rest = Rest { done: bytes.len(), buffer: bytes };
        let read = Parked { stage: Stage::Ended(rest, ending), taken: 0 };
        self.parked.put(incoming::Earlier::Polled(read));
    }
}

/// A vector that does not grow.
struct UpToCapacity<'a>(&'a mut Vec<u8>);

impl Fill for UpToCapacity<'_> {
    fn room(&self) -> usize {
        self.0.capacity() - self.0.len()
    }

    fn fill(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.room());
        self.0.extend_from_slice(&bytes[..count]);
        count
    }
}

impl<F: Flow> Outgoing<F> {
    /// Waits until what is parked has been written; a buffer of our kind becomes the spare one.
    fn poll_flushed(
        &mut self,
        fd: &SharedFd,
        spare: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let ended = match self.parked.get_mut() {
            None => Ok(()),
            Some(writing::Earlier::Dropped(write)) => ready!(write.poll_ended(fd, cx)),
            Some(writing::Earlier::Polled(sending)) => match ready!(sending.poll_left(fd, cx)) {
                Ok(rest) => {
                    *spare = rest.buffer;
                    spare.clear();
                    Ok(())
                }
                Err(BufError { error, buffer }) => {
                    // The next poll tries again, so that nothing is left out.
                    *sending = Sending::new(fd, buffer, true);
                    return Poll::Ready(Err(error));
                }
            },
        };
        self.parked.take();
        Poll::Ready(ended)
    }
}
