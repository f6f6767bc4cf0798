//! Operations: futures that the kernel completes.
//!
//! An [`Op`] is `Send` although its ring is not. It is started on the ring of the thread that polls
//! it first; from then on it may be polled, moved and dropped anywhere. All that the kernel touches
//! lives in its cell.
//!
//! One small file a family: each operation is a struct with what the kernel needs, and an
//! [`Operation`] that says how to submit it and what its result means.

pub(crate) mod address;
pub(crate) mod cell;
mod close;
mod content;
pub(crate) mod control;
mod descriptor;
mod direct;
mod future;
mod linked;
mod message;
mod modifiers;
mod multishot;
mod nop;
mod open;
pub(crate) mod parked;
mod path;
mod poll;
mod position;
mod read;
pub(crate) mod rest;
mod socket;
mod start;
mod statx;
mod sync;
mod timed;
mod transfer;
mod write;

use std::io;

use io_uring::squeue;

pub use address::SocketAddress;
pub use close::{Close, close};
pub use control::{ControlMessage, ControlMessages, DESCRIPTORS_MAX};
pub use descriptor::{AnyFd, Descriptor, SharedFd};
pub use direct::DirectFd;
pub use future::Op;
pub use linked::{Linked, Step, Steps, hard_link, link};
pub use message::{Received, RecvFrom, RecvMessage, SendMessage, recvfrom, recvmsg, sendmsg};
pub use multishot::{After, Multishot, MultishotOperation, Shot};
pub use nop::{Nop, nop};
pub(crate) use open::openat2_waiting;
pub use open::{OpenAt2, openat2};
pub use poll::{PollAdd, poll_add};
pub use read::{Read, ReadVectored, read, read_at, readv, readv_at};
pub use socket::{
    Accept, Bind, Connect, Listen, Shutdown, Socket, accept, bind, connect, listen, shutdown,
    socket,
};
pub use start::Start;
pub use statx::{Statx, statx};
pub use sync::{Fsync, Ftruncate, fdatasync, fsync, ftruncate};
pub use timed::Timed;
pub use transfer::{Recv, Send, SendTo, recv, send, sendto};
pub use write::{Write, WriteVectored, write, write_at, writev, writev_at};

/// What an operation asks of the kernel, and what the answer means.
///
/// # Safety
///
/// The entry points only to memory that `self` owns or that is valid for ever, as long as `self`
/// stays where it is and is not changed.
pub unsafe trait Operation: std::marker::Send + 'static {
    /// What the future gives.
    type Output;

    /// Whether the kernel is told when nobody waits any more. Not so for an operation of which one
    /// could not tell afterwards whether it has taken effect.
    const STOPS: bool = true;

    /// Writes the submission entry; `self` is where it will stay until the kernel has finished.
    ///
    /// # Errors
    ///
    /// If it cannot be started on this ring; it is given to [`finish`](Operation::finish) then.
    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry>;

    /// The flags of the completion, for operations that have to know them; told before
    /// [`finish`](Operation::finish), if the kernel was asked at all.
    fn take_flags(&mut self, _flags: u32) {}

    /// Makes the output of the kernel's answer, whether or not somebody still waits for it: what
    /// it hands out (a descriptor, say) must be owned by the output.
    fn finish(self, result: io::Result<u32>) -> Self::Output;
}
