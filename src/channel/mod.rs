//! A channel between tasks on any ring, on any executor, and plain threads: bounded or not.
//!
//! * **Bounded, exactly.** A channel of capacity 3 holds 3 items; one of capacity 0 holds none, and
//!   a send waits until a receiver has come for the item (a rendezvous).
//! * **Or without a bound.** [`Channel::unbounded`] makes one where sending never waits; its memory
//!   grows and shrinks with what is inside.
//! * **First come, first served.** Items come out in the order they went in. Who waits is served in
//!   the order of arrival, and nobody overtakes: an item goes to the first waiting receiver itself,
//!   and a place that gets free to the item of the first waiting sender, or to who waits for a
//!   [`Permit`] and came before.
//! * **Nothing accepted is lost.** Closing lets the items inside come out. A receive that is
//!   dropped after an item was handed to it gives the item to the next in line, or puts it back at
//!   the front.
//! * **A place can be had before there is an item**: [`Sender::reserve`] gives a [`Permit`], and
//!   then the item neither waits nor comes back. So nothing is lost if the wait is given up.
//! * **Nothing is bound to an executor**: the futures need a [`Waker`](std::task::Waker) and no
//!   more.
//!
//! Beside it there are [`oneshot`] for one value, [`watch`] for the latest value, and [`broadcast`]
//! for what every receiver shall have.
//!
//! # When a channel closes
//!
//! By [`close`](Channel::close), or when one of its ends has no handle any more: a [`Sender`] is a
//! handle of the sending end, a [`Receiver`] of the receiving end, and a [`Channel`] of both. So a
//! channel that is never split closes with its last clone, and a `Channel` that is kept beside the
//! two halves keeps both ends open. After the last handle of the receiving end, what is left inside
//! is dropped. A [`WeakSender`] or [`WeakReceiver`] is a handle of neither end.
//!
//! Permits that are out when the channel closes are still good: receivers get what they bring, and
//! are told of the end when there are none left.
//!
//! # Leaked futures
//!
//! A waiting future that is leaked ([`std::mem::forget`]) keeps its place in line. A leaked send is
//! served as any other. A leaked receive takes one item with it, as would leaking it once the item
//! had come out; that item is dropped with the channel. Nobody else waits longer for it. A leaked
//! permit, or a leaked wait for one, takes its place with it as long as there is a sender.

mod blocking;
pub mod broadcast;
mod counting;
mod delivery;
mod futures;
#[cfg(all(test, ringpool_loom))]
mod models;
pub mod oneshot;
mod permit;
#[cfg(all(test, ringpool_loom))]
mod permit_models;
mod places;
mod receiver;
mod receiving;
mod reserving;
mod ring;
mod sender;
mod sending;
mod shared;
mod spill;
mod state;
#[cfg(all(test, ringpool_loom))]
mod unbounded_models;
pub mod watch;
mod weak;
mod whole;

#[cfg_attr(ringpool_loom, expect(unused_imports, reason = "for what is not modelled"))]
pub(crate) use self::delivery::Delivery;
pub use self::futures::{RecvFuture, SendFuture};
pub use self::permit::{OwnedPermit, Permit, ReserveFuture, ReserveOwnedFuture};
pub use self::receiver::Receiver;
pub use self::sender::Sender;
pub use self::weak::{WeakReceiver, WeakSender};
pub use self::whole::Channel;
pub use crate::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
