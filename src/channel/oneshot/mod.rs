//! A channel for one value: the answer to a question, or the news that something has ended.
//!
//! [`channel`] gives two halves. The [`Sender`] sends once, without waiting, and is gone; the
//! [`Receiver`] is a future, and a plain thread can wait with it as well. If one half is dropped,
//! the other is told: the receiver gets [`RecvError`], the sender its value back, and
//! [`Sender::closed`] ends.
//!
//! Both halves are one allocation that the second of them frees, and one atomic word. The oneshot of
//! the crate `futures-channel` was measured beside it (see `benches/RESULTS.md`): it has no blocking
//! forms, and locks each of its places.
//!
//! # Examples
//!
//! ```
//! use ringpool::{Pool, channel::oneshot, spawn};
//!
//! let pool = Pool::new(1);
//! pool.block_on(async {
//!     let (answer, question) = oneshot::channel();
//!     spawn(async move { answer.send(6 * 7) }).detach();
//!     assert_eq!(question.await, Ok(42));
//! });
//! ```

mod cell;
#[cfg(all(test, ringpool_loom))]
mod models;
mod receiver;
mod sender;

pub use self::receiver::Receiver;
pub use self::sender::Sender;
pub use crate::error::{RecvError, RecvTimeoutError, TryRecvError};

/// Makes a channel for one value.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = ringpool::channel::oneshot::channel();
/// sender.send("news").unwrap();
/// assert_eq!(receiver.recv_blocking(), Ok("news"));
/// ```
#[inline]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = cell::Half::pair();
    (Sender::new(sender), Receiver::new(receiver))
}
