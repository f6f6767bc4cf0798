//! Operations that take their buffers from a pool.
//!
//! The entry names the pool's group instead of a buffer, and the completion says which one the
//! kernel took. That is written down when the completion is reaped, by home and in the order in
//! which completions came, whoever waits for them and wherever: from then on a lease owns the
//! buffer.
//!
//! There is no operation that sends out of a pool (`IORING_RECVSEND_BUNDLE` with a send): it would
//! send the buffers that stand in the kernel's table, which are the ones with nothing in them; what
//! was received is sent lease by lease.

mod control;
mod message;
mod multishot;
mod or_wait;
mod single;

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use io_uring::{cqueue, squeue};

pub use control::{ReceivedControl, ReceivedControlMessage};
pub use message::{Message, RecvMessageMultishot, recvmsg_multishot};
pub use multishot::{
    ReadMultishot, RecvBundleMultishot, RecvMultishot, read_multishot, recv_bundle_multishot,
    recv_multishot,
};
pub use or_wait::{OrWait, PooledOperation};
pub use single::{ReadPooled, RecvBundle, RecvPooled, read_pooled, recv_bundle, recv_pooled};

use super::parked::was_cancelled;
use super::{After, AnyFd, Descriptor, Shot, Start};
use crate::buf::provided::{Place, SharedPool};
use crate::buf::{BufferPool, PooledBuffer, WhenEmpty};
use crate::ring::provided::Taken;

/// What an operation reads from and the pool it takes buffers from, and its place among those who
/// wait for one.
#[derive(Debug)]
pub struct Supply {
    fd: AnyFd,
    pool: BufferPool,
    /// How often a buffer had come back when the operation was started the last time.
    seen: u64,
    /// It was started, and found no buffer.
    is_starved: bool,
    place: Place,
}

impl Supply {
    fn new(fd: &impl Descriptor, pool: &BufferPool) -> Self {
        let (fd, pool) = (fd.to_any_fd(), pool.clone());
        Self { fd, pool, seen: 0, is_starved: false, place: Place::default() }
    }

    fn shared(&self) -> &Arc<SharedPool> {
        &self.pool.0
    }

    /// The kernel's number of the pool, for the entry of an operation that is about to start.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on another ring, and if the operation is
    /// forced onto a thread of the kernel, where it takes buffers in a way that cannot be told
    /// from its completion.
    fn begin(&mut self, start: &Start<'_>, takes_parts: bool) -> io::Result<u16> {
        let (local, pool) = (start.local(), &self.pool.0);
        pool.check_home(local)?;
        let is_forced = start.flags().contains(squeue::Flags::ASYNC);
        if is_forced && (takes_parts || pool.is_incremental()) {
            return Err(forced());
        }
        if pool.is_incremental() && cuts_off(&self.fd) {
            return Err(whole_messages_only());
        }
        pool.take_returned(local);
        self.seen = pool.returned(local);
        Ok(pool.group())
    }

    /// As [`begin`](Self::begin), for an operation that needs whole buffers.
    fn begin_messages(&mut self, start: &Start<'_>) -> io::Result<u16> {
        if self.shared().is_incremental() {
            return Err(whole_messages_only());
        }
        self.begin(start, false)
    }

    /// Whether an operation has failed for want of a buffer of the pool.
    fn is_empty(&self, error: &io::Error) -> bool {
        error.raw_os_error() == Some(libc::ENOBUFS) && (!is_netlink(&self.fd) || !self.is_full())
    }

    /// Whether all buffers are free, as far as is known here.
    fn is_full(&self) -> bool {
        self.pool.available() == Some(self.pool.count())
    }

    /// Waits until a buffer has come back since the operation was started.
    fn poll_returned(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.pool.0.poll_returned(self.seen, &mut self.place, cx)
    }

    /// For an operation that is armed again and again: waits if the last time found no buffer.
    fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.is_starved {
            if self.poll_returned(cx).is_pending() {
                return Poll::Pending;
            }
            self.is_starved = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The item of a completion that failed; `None` if it failed for want of a buffer, and the
    /// operation waits for one.
    fn failed<T>(&self, error: io::Error) -> Option<io::Result<T>> {
        if !self.is_empty(&error) {
            return Some(Err(error));
        }
        (self.shared().when_empty() == WhenEmpty::Fail).then(|| Err(empty()))
    }

    /// What the error of an operation that completes once means.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.is_empty(&error) { empty() } else { error }
    }

    /// What to do after the last completion of an operation that failed.
    fn after_failure(&mut self, error: &io::Error, goes_on: bool) -> After {
        if self.is_empty(error) {
            self.is_starved = self.shared().when_empty() == WhenEmpty::Wait;
            return After::Again;
        }
        if goes_on && !was_cancelled(error) { After::Again } else { After::End }
    }

    /// The bytes that a completion names, in as many buffers as there are.
    fn claim(&self, shot: Shot, mut to: impl FnMut(PooledBuffer)) -> io::Result<()> {
        let Some(buffer) = cqueue::buffer_select(shot.flags()) else { return Ok(()) };
        let bytes = shot.result().unwrap_or(0);
        let is_continued = cqueue::buffer_more(shot.flags());
        self.shared().claim(Taken { buffer, bytes, is_continued }, &mut to)
    }

    /// The one buffer that a completion names, or an empty one.
    fn claim_one(&self, shot: Shot) -> io::Result<PooledBuffer> {
        // If there were more, they must not be dropped while they are handed out.
        let (mut one, mut more) = (None, Vec::new());
        self.claim(shot, |buffer| match &one {
            None => one = Some(buffer),
            Some(_) => more.push(buffer),
        })?;
        Ok(one.unwrap_or_else(PooledBuffer::empty))
    }

    /// The buffers of a bundle.
    fn claim_all(&self, shot: Shot) -> io::Result<Vec<PooledBuffer>> {
        let mut all = Vec::new();
        self.claim(shot, |buffer| all.push(buffer))?;
        Ok(all)
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.pool.0.leave(&mut self.place);
    }
}

#[cold]
fn empty() -> io::Error {
    io::Error::new(
        io::ErrorKind::WouldBlock,
        "all buffers of the pool are in use; drop some, make the pool larger, or wait for one",
    )
}

#[cold]
fn forced() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "an operation that takes bundles, or parts of incremental buffers, cannot be forced onto \
         a thread of the kernel; leave the force out, or use a pool of whole buffers",
    )
}

#[cold]
fn whole_messages_only() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "messages would be cut off where an incremental buffer ends; use a pool of whole buffers",
    )
}

/// Checks that this kernel has bundles.
fn check_bundles(start: &Start<'_>) -> io::Result<()> {
    if start.local().ring.borrow().features().bundles {
        return Ok(());
    }
    let message = "the io_uring of this kernel lacks bundles (IORING_RECVSEND_BUNDLE); they are \
         there since Linux 6.10";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// Whether a socket gives messages, which may be empty, and not a stream, of which an empty piece
/// is the end. What is not known to give messages is taken for a stream.
fn gives_messages(fd: &AnyFd) -> bool {
    let kind = socket_option(fd, libc::SO_TYPE);
    matches!(kind, Some(libc::SOCK_DGRAM | libc::SOCK_RAW | libc::SOCK_RDM))
}

/// Whether what does not fit into a buffer is lost.
fn cuts_off(fd: &AnyFd) -> bool {
    gives_messages(fd) || socket_option(fd, libc::SO_TYPE) == Some(libc::SOCK_SEQPACKET)
}

/// Whether it is a socket that runs out of buffers of its own.
fn is_netlink(fd: &AnyFd) -> bool {
    socket_option(fd, libc::SO_DOMAIN) == Some(libc::AF_NETLINK)
}

fn socket_option(fd: &AnyFd, option: libc::c_int) -> Option<libc::c_int> {
    let AnyFd::Shared(fd) = fd else { return None };
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let to = (&raw mut value).cast();
    // SAFETY: the kernel writes no more than the length says.
    let asked = unsafe {
        libc::getsockopt(fd.as_fd().as_raw_fd(), libc::SOL_SOCKET, option, to, &raw mut len)
    };
    (asked == 0).then_some(value)
}
