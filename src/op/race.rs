//! Operations of which the first that ends stops the others.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::linked::Steps;
use super::linked::sealed::Member;

/// Operations that race; made by [`race`](race()).
#[must_use = "operations do nothing unless they are polled"]
pub struct Race<L: Steps> {
    racers: L,
    ended: L::Ended,
    /// The number of the one that was first; the others have been told to stop.
    winner: Option<usize>,
}

/// Does operations at once, until the first has ended; stops the others, and gives what came of
/// each, and which was first, counted from 0.
///
/// The operations are a tuple of two to eight of any kinds, or a vector of one kind. The losers are
/// told to stop, and awaited: each gives the result with which it was done, if it was quicker than
/// the request, or else [`ECANCELED`](libc::ECANCELED), and its buffer in either case. So nothing
/// is lost: a connection that both of two accepts have got is there twice. Of two that have
/// ended when they are looked at, the one before counts as first. An error is an end like others.
///
/// [`future::race`](crate::future::race()) is for any futures, and drops what the losers give.
///
/// # Panics
///
/// If the vector is empty: nobody would ever be first.
///
/// # Cancel safety
///
/// If it is dropped, all that are under way are cancelled; what each one may lose then, its own
/// section says.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::OwnedFd;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (quiet, _writer) = std::io::pipe()?;
/// let (busy, mut writer) = std::io::pipe()?;
/// writer.write_all(b"here")?;
/// let pipes = [quiet, busy].map(|pipe| SharedFd::from(OwnedFd::from(pipe)));
/// pool.block_on(async {
///     let reads = pipes.iter().map(|pipe| op::read(pipe, vec![0; 10]));
///     let (first, mut outcomes) = op::race(Vec::from_iter(reads)).await;
///     assert_eq!(first, 1);
///     assert_eq!(outcomes.pop().unwrap()?.0, 4);
///     let stopped = outcomes.pop().unwrap().unwrap_err();
///     assert_eq!(stopped.error.raw_os_error(), Some(libc::ECANCELED));
///     assert_eq!(stopped.buffer.capacity(), 10);
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn race<L: Steps>(mut operations: L) -> Race<L> {
    let is_empty = operations.members().is_empty();
    assert!(!is_empty, "a race of no operations would never end; give it at least one");
    let ended = operations.none_ended();
    Race { racers: operations, ended, winner: None }
}

impl<L: Steps> Race<L> {
    /// Asks the kernel to stop all of them, and goes on waiting for what comes of each.
    pub fn cancel(mut self) -> Self {
        self.racers.members().into_iter().for_each(Member::request_cancel);
        self
    }
}

impl<L: Steps> Unpin for Race<L> {}

impl<L: Steps> Future for Race<L> {
    type Output = (usize, L::Outputs);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(winner) = this.winner {
            return this.racers.poll_all(&mut this.ended, cx).map(|outputs| (winner, outputs));
        }
        match this.racers.poll_all(&mut this.ended, cx) {
            // All at once, so the first of them is the first.
            Poll::Ready(outputs) => return Poll::Ready((0, outputs)),
            Poll::Pending => this.winner = L::first_ended(&this.ended),
        }
        let Some(winner) = this.winner else { return Poll::Pending };
        this.racers.members().into_iter().for_each(Member::request_cancel);
        // Some may have been stopped without the kernel.
        this.racers.poll_all(&mut this.ended, cx).map(|outputs| (winner, outputs))
    }
}

impl<L: Steps> fmt::Debug for Race<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("winner", &self.winner).finish_non_exhaustive()
    }
}
