//! Every item for every receiver: news, events, the lines of a chat.
//!
//! [`channel`] keeps the last `capacity` items, exactly. A [`Sender`] never waits: when the channel
//! is full, the oldest item is overwritten. Each [`Receiver`] goes through the items by itself,
//! from those on that are sent after it was made, and gets a clone of each; the last to come gets
//! the item itself. One that is so slow that items it has not received were overwritten is told how
//! many ([`RecvError::Lagged`]), once, and goes on with the oldest item that is left. When all
//! senders are gone, what is left can be received, and then there is [`RecvError::Closed`].
//!
//! An item is dropped when all receivers have it, or have gone, or when it is overwritten.
//!
//! Items are cloned and dropped outside of any lock, and nobody waits while another receiver
//! clones. So several may clone one item at once: items have to be [`Sync`] for the channel to be
//! used from several threads. (With `tokio::sync::broadcast` they need not be, and are cloned under
//! a lock.) If a clone panics, the receiver is past that item, and nothing else is changed.
//!
//! # Examples
//!
//! ```
//! use ringpool::{Pool, channel::broadcast, spawn};
//!
//! let pool = Pool::new(1);
//! pool.block_on(async {
//!     let (sender, mut receiver) = broadcast::channel(16);
//!     let mut other = sender.subscribe();
//!     let listener = spawn(async move { other.recv().await });
//!     assert_eq!(sender.send("news").ok(), Some(2));
//!     assert_eq!(receiver.recv().await, Ok("news"));
//!     assert_eq!(listener.await.unwrap(), Ok("news"));
//! });
//! ```

mod error;
mod look;
#[cfg(all(test, ringpool_loom))]
mod models;
mod receiver;
mod sender;
mod shared;
mod slot;

pub use self::error::{Lagged, RecvError, RecvTimeoutError, TryRecvError};
pub use self::receiver::{Receiver, Recv};
pub use self::sender::{Closed, Sender};
pub use crate::error::SendError;

use self::shared::Shared;
use crate::primitives::Arc;

/// Makes a channel that keeps the last `capacity` items, exactly.
///
/// # Panics
///
/// If `capacity` is 0, which would keep nothing for anybody. As for a `Vec`, it ends the process if
/// there is no memory for so many places.
///
/// # Examples
///
/// ```
/// use ringpool::channel::broadcast::{self, TryRecvError};
///
/// let (sender, mut receiver) = broadcast::channel(2);
/// for number in 1..=3 {
///     sender.send(number)?;
/// }
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
/// assert_eq!(receiver.try_recv(), Ok(2));
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel_from(capacity, 0)
}

/// As [`channel`]; the first item has this number.
#[track_caller]
fn channel_from<T: Clone>(capacity: usize, first: u64) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel of capacity 0 would keep nothing for anybody");
    let (shared, cursor) = Shared::new(capacity, first);
    let shared = Arc::new(shared);
    let receiver = Receiver::new(Arc::clone(&shared), cursor);
    (Sender::of(shared), receiver)
}

#[cfg(all(test, not(ringpool_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_items_may_overflow() {
        for capacity in 1..6_u64 {
            let (sender, mut receiver) = channel_from(capacity as usize, u64::MAX - 7);
            let mut slow = receiver.resubscribe();
            for number in 0..20 {
                assert_eq!(sender.send(number).ok(), Some(2));
                assert_eq!(receiver.try_recv(), Ok(number));
            }
            assert_eq!(slow.len(), 20);
            assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(20 - capacity)));
            for number in 20 - capacity..20 {
                assert_eq!(slow.try_recv(), Ok(number));
            }
            assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
        }
    }

    #[test]
    fn a_receiver_that_goes_beyond_the_overflow_gives_up_what_it_did_not_receive() {
        let (sender, receiver) = channel_from(4, u64::MAX - 1);
        let other = sender.subscribe();
        for number in 0..4 {
            assert!(sender.send(std::rc::Rc::new(number)).is_ok());
        }
        drop(receiver);
        assert_eq!(sender.len(), 4);
        drop(other);
        assert_eq!(sender.len(), 0);
    }
}
