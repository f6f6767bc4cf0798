//! Operations that wait for a buffer if the pool is empty.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use io_uring::squeue;

use super::Supply;
use super::single::{ReadPooled, RecvBundle, RecvPooled};
use crate::op::{Op, Operation};
use crate::stop::Watch;

mod sealed {
    use super::Supply;

    pub trait HasSupply {
        fn supply(&mut self) -> &mut Supply;
    }
}

/// An operation that takes its buffers from a pool and completes once.
pub trait PooledOperation: Operation + sealed::HasSupply {}

macro_rules! pooled {
    ($($operation:ty),*) => {$(
        impl PooledOperation for $operation {}

        impl sealed::HasSupply for $operation {
            fn supply(&mut self) -> &mut Supply {
                &mut self.supply
            }
        }
    )*};
}

pooled!(RecvPooled, RecvBundle, ReadPooled);

impl<O: PooledOperation> Op<O> {
    /// Lets the operation wait until a buffer has come back if all are in use, and begin again
    /// then, instead of failing with [`WouldBlock`](std::io::ErrorKind::WouldBlock).
    ///
    /// # Cancel safety
    ///
    /// That of the operation.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::buf::BufferPool;
    /// use ringpool::op::{self, SharedFd};
    /// use std::io::{ErrorKind, Write};
    /// use std::os::fd::OwnedFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let (mut peer, socket) = UnixStream::pair()?;
    /// let socket = SharedFd::from(OwnedFd::from(socket));
    /// peer.write_all(b"salt")?;
    /// pool.block_on(async move {
    ///     let buffers = BufferPool::new(1, 2)?;
    ///     let first = op::recv_pooled(&socket, &buffers, 0).await?;
    ///     let error = op::recv_pooled(&socket, &buffers, 0).await.unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::WouldBlock);
    ///     ringpool::spawn_blocking(move || drop(first)).detach();
    ///     assert_eq!(&op::recv_pooled(&socket, &buffers, 0).or_wait().await?[..], b"lt");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn or_wait(self) -> OrWait<O> {
        OrWait { flags: self.flags(), state: State::Running(self), watch: Watch::new() }
    }
}

/// The future of [`Op::or_wait`].
#[must_use = "an operation does nothing unless it is polled"]
pub struct OrWait<O: PooledOperation> {
    flags: squeue::Flags,
    state: State<O>,
    watch: Watch,
}

enum State<O: PooledOperation> {
    Running(Op<O>),
    Waiting(O),
    Finished,
}

impl<O: PooledOperation> Unpin for OrWait<O> {}

impl<O: PooledOperation> Future for OrWait<O> {
    type Output = O::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O::Output> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Finished) {
                State::Running(mut running) => {
                    let Poll::Ready((mut operation, result)) = running.poll_ended(cx) else {
                        this.state = State::Running(running);
                        return Poll::Pending;
                    };
                    match &result {
                        Err(error) if operation.supply().is_empty(error) => {
                            this.state = State::Waiting(operation);
                        }
                        _ => return Poll::Ready(operation.finish(result)),
                    }
                }
                State::Waiting(mut operation) => {
                    let wait = |cx: &mut Context<'_>| operation.supply().poll_returned(cx);
                    match this.watch.wait_for(cx, wait) {
                        Poll::Pending => {
                            this.state = State::Waiting(operation);
                            return Poll::Pending;
                        }
                        Poll::Ready(Err(error)) => {
                            return Poll::Ready(operation.finish(Err(error)));
                        }
                        Poll::Ready(Ok(())) => {}
                    }
                    let mut again = Op::new(operation);
                    again.add_flags(this.flags);
                    this.state = State::Running(again);
                }
                State::Finished => panic!("a finished operation was polled again"),
            }
        }
    }
}

impl<O: PooledOperation> fmt::Debug for OrWait<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Running(_) => "running",
            State::Waiting(_) => "waiting for a buffer",
            State::Finished => "finished",
        };
        f.debug_struct("OrWait").field("state", &state).finish_non_exhaustive()
    }
}
