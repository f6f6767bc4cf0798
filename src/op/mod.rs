//! Operations: futures that the kernel completes.
//!
//! An [`Op`] is `Send` although its ring is not. It is started on the ring of the thread that polls
//! it first; from then on it may be polled, moved and dropped anywhere. All that the kernel touches
//! lives in its cell.
//!
//! One small file a family: each operation is a struct with what the kernel needs, and an
//! [`Operation`] that says how to submit it and what its result means.

mod accept_multishot;
pub(crate) mod address;
mod advise;
mod cancel;
pub(crate) mod cell;
mod close;
mod command;
mod content;
pub(crate) mod control;
mod descriptor;
mod direct;
mod direct_move;
mod direct_open;
mod epoll;
pub(crate) mod fields;
mod fixed;
mod fixed_vectored;
mod futex;
mod future;
pub(crate) mod keeps_task;
mod linked;
mod message;
mod modifiers;
mod multishot;
mod names;
mod nop;
mod open;
mod openat;
pub(crate) mod parked;
mod path;
mod pipe;
mod poll;
mod position;
mod provided;
mod race;
mod range;
pub mod raw;
mod read;
pub(crate) mod rest;
mod returning;
mod send_zc;
mod shots;
mod socket;
mod socket_option;
mod splice;
mod start;
mod statx;
mod sync;
mod timed;
mod timeout;
mod timeout_multishot;
mod transfer;
mod waitid;
mod write;
mod xattr;
mod zero_copy;

use std::io;

use io_uring::squeue;

pub use accept_multishot::{AcceptMultishot, accept_multishot};
pub use address::SocketAddress;
pub use advise::{Fadvise, Madvise, fadvise, madvise};
pub use cancel::{Cancel, cancel_all, cancel_fd, cancel_opcode};
pub use close::{Close, close};
pub use command::{UringCmd, uring_cmd};
pub use control::{ControlMessage, ControlMessages, DESCRIPTORS_MAX};
pub(crate) use descriptor::has_descriptor;
pub use descriptor::{AnyFd, Descriptor, SharedFd};
pub use direct::DirectFd;
pub use direct_move::{InstallFd, RegisterFd};
pub use direct_open::{
    AcceptDirect, OpenAt2Direct, PipeDirect, SocketDirect, accept_direct, openat2_direct,
    pipe_direct, socket_direct,
};
pub use epoll::{EpollCtl, EpollWait, epoll_ctl, epoll_wait};
pub use fixed::{ReadFixed, WriteFixed, read_fixed, read_fixed_at, write_fixed, write_fixed_at};
pub use fixed_vectored::{
    ReadVectoredFixed, WriteVectoredFixed, readv_fixed, readv_fixed_at, writev_fixed,
    writev_fixed_at,
};
pub use futex::{Futex, FutexWait, FutexWaitV, FutexWake, futex_wait, futex_waitv, futex_wake};
pub use future::Op;
pub(crate) use future::not_on_a_ring;
pub use linked::{Linked, Step, Steps, hard_link, link};
pub use message::{Received, RecvFrom, RecvMessage, SendMessage, recvfrom, recvmsg, sendmsg};
pub use multishot::{After, Multishot, MultishotOperation, Shot};
pub use names::{
    LinkAt, MkDirAt, RenameAt, SymlinkAt, UnlinkAt, linkat, mkdirat, renameat, symlinkat, unlinkat,
};
pub use nop::{Nop, NopWithResult, nop, nop_with_result};
pub(crate) use open::openat2_waiting;
pub use open::{OpenAt2, openat2};
pub use openat::{OpenAt, openat};
pub use pipe::{Pipe, pipe};
pub use poll::{PollAdd, PollMultishot, poll_add, poll_multishot};
pub use provided::{
    Message, OrWait, PooledOperation, ReadMultishot, ReadPooled, ReceivedControl,
    ReceivedControlMessage, RecvBundle, RecvBundleMultishot, RecvMessageMultishot, RecvMultishot,
    RecvPooled, read_multishot, read_pooled, recv_bundle, recv_bundle_multishot, recv_multishot,
    recv_pooled, recvmsg_multishot,
};
pub use race::{Race, race};
pub use range::{Fallocate, SyncFileRange, fallocate, sync_file_range};
pub use read::{Read, ReadVectored, read, read_at, readv, readv_at};
pub use returning::Returning;
pub use send_zc::{SendMsgZc, SendZc, send_zc, sendmsg_zc, sendto_zc};
pub use socket::{
    Accept, Bind, Connect, Listen, Shutdown, Socket, accept, bind, connect, listen, shutdown,
    socket,
};
pub use socket_option::{
    GetSockOpt, OptionValue, QueuedBytes, SetSockOpt, getsockopt, setsockopt, siocinq, siocoutq,
};
pub use splice::{Splice, Tee, splice, tee};
pub use start::Start;
pub use statx::{Statx, statx};
pub use sync::{Fsync, Ftruncate, fdatasync, fsync, ftruncate};
pub use timed::Timed;
pub use timeout::{Timeout, TimeoutEnd, timeout, timeout_at};
pub use timeout_multishot::{TimeoutMultishot, timeout_multishot};
pub use transfer::{Recv, Send, SendTo, recv, send, sendto};
pub use waitid::{ChildState, Children, WaitId, waitid};
pub use write::{Write, WriteVectored, write, write_at, writev, writev_at};
pub use xattr::{GetXattr, SetXattr, fgetxattr, fsetxattr, getxattr, setxattr};
pub use zero_copy::{ZERO_COPY_MIN, ZeroCopy, ZeroCopyOperation};

/// What an operation asks of the kernel, and what the answer means.
///
/// Those of this module are made by its functions; [`raw`] tells how to bring one of one's own.
///
/// # Safety
///
/// The pool trusts the entry, and frees memory by what the kernel says of it. So of the entry that
/// [`entry`](Operation::entry) gives all of this must be true:
///
/// * It points only to memory that `self` owns or that is valid for ever, as long as `self` stays
///   where it is and is not changed: also when the future is forgotten, or moved to another thread.
///   What the kernel writes to, nobody else reads or writes meanwhile.
/// * It completes exactly once, without `IORING_CQE_F_MORE`: so it is neither a multishot operation
///   (for which there is [`MultishotOperation`]) nor a zero copy send, which the kernel tells of
///   twice.
/// * It completes on success, too: no `IOSQE_CQE_SKIP_SUCCESS`. It has no `IOSQE_IO_LINK` and no
///   `IOSQE_IO_HARDLINK` either, which would bind it to an operation of somebody else's, and no
///   `IOSQE_IO_DRAIN`; [`Op::link`] and [`Op::drain`] are there for that. It has no
///   `IOSQE_BUFFER_SELECT`: the groups of a ring belong to its [pools](crate::buf::BufferPool).
/// * It names descriptors only by [`Start::target`] and [`Start::number`], of an [`AnyFd`] that
///   `self` owns, so that they are not closed and reused meanwhile.
/// * It does nothing to the ring, its tables and other operations: see [what is left
///   out](raw#what-is-left-out).
///
/// Its user data does not matter: the pool sets its own.
///
/// [`finish`](Operation::finish) must make the output the owner of whatever the kernel hands out,
/// such as a descriptor: it is called when nobody waits any more, too, and the output is dropped
/// then.
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

    /// Whether [`reaped`](Operation::reaped) is to be called.
    const SEES_REAPED: bool = false;

    /// Takes the completion as soon as it has been reaped, on the ring's own thread and in the
    /// order in which completions came, before anybody learns of it: for what the completion names
    /// and others might use before somebody asks.
    fn reaped(&mut self, _completion: Shot) {}

    /// The flags of the completion, for operations that have to know them; told before
    /// [`finish`](Operation::finish), if the kernel was asked at all.
    fn take_flags(&mut self, _flags: u32) {}

    /// Makes the output of the kernel's answer, whether or not somebody still waits for it: what
    /// it hands out (a descriptor, say) must be owned by the output.
    fn finish(self, result: io::Result<u32>) -> Self::Output;
}
