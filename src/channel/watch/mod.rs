//! The latest value, for many who look at it: settings, a state, the news that something changed.
//!
//! [`channel`] makes a value with a [`Sender`] that replaces it and a [`Receiver`] that looks at it
//! and waits for it to change. Both may be cloned. A receiver sees the newest value only: what was
//! there between two of its looks it never knows of. Each receiver remembers which value it has
//! seen; the first, and that of [`Sender::subscribe`], counts as seen.
//!
//! # The lock around the value
//!
//! [`Ref`] is a read lock, and closures of [`Sender::send_modify`] and its like run under the
//! write lock. Who holds a `Ref` makes senders wait, with the thread they are on, so hold it for a
//! moment, and not over an `.await`; and whoever sends, or borrows a second time, while the same
//! thread holds one may wait for ever. Nobody is woken under that lock, and a closure that panics
//! breaks nothing: what it has changed until then stays, and nobody is told of it.
//!
//! # Examples
//!
//! ```
//! use ringpool::{Pool, channel::watch, spawn};
//!
//! let pool = Pool::new(1);
//! pool.block_on(async {
//!     let (sender, mut receiver) = watch::channel("starting");
//!     let observer = spawn(async move {
//!         receiver.wait_for(|state| *state == "ready").await.map(|state| state.len())
//!     });
//!     sender.send("ready")?;
//!     assert_eq!(observer.await.unwrap(), Ok(5));
//!     Ok::<_, watch::SendError<&str>>(())
//! }).unwrap();
//! ```

#[cfg(all(test, ringpool_loom))]
mod models;
mod receiver;
mod sender;
mod shared;

pub use self::receiver::{Changed, Receiver, Ref};
pub use self::sender::{Closed, Sender};
pub use crate::error::{RecvError, RecvTimeoutError, SendError};

use self::shared::Shared;
use crate::primitives::Arc;

/// Makes a value to watch, which the receiver counts as seen.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = ringpool::channel::watch::channel(1);
/// assert_eq!(receiver.has_changed(), Ok(false));
/// sender.send(2)?;
/// assert_eq!(receiver.has_changed(), Ok(true));
/// assert_eq!(*receiver.borrow(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(init));
    let receiver = Receiver::first(Arc::clone(&shared));
    (Sender::of(shared), receiver)
}
