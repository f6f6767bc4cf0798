//! A pool of pinned threads, each owning one io_uring ring, between which live tasks move.

pub mod channel;
mod coop;
mod error;
mod primitives;

pub use channel::{Channel, Receiver, Sender};
pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
