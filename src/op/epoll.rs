//! Sets of descriptors of the older kind, for what was written for epoll.

use std::io;

use io_uring::{opcode, squeue};

use super::{AnyFd, Descriptor, Op, Operation, SharedFd, Start};
use crate::buf::{BufError, BufResult, entry_len};

/// See [`epoll_ctl`].
pub struct EpollCtl {
    epoll: SharedFd,
    fd: SharedFd,
    change: i32,
    event: libc::epoll_event,
}

/// Adds a descriptor to an epoll set, changes or removes it: `IORING_OP_EPOLL_CTL`.
/// Since Linux 5.6.
///
/// `change` is [`EPOLL_CTL_ADD`](libc::EPOLL_CTL_ADD), [`EPOLL_CTL_MOD`](libc::EPOLL_CTL_MOD) or
/// [`EPOLL_CTL_DEL`](libc::EPOLL_CTL_DEL), for which `event` does not matter. The set keeps no
/// descriptor open: one that is closed is removed from it. The kernel does not do this for direct
/// descriptors.
///
/// # Errors
///
/// Those of `epoll_ctl(2)`: `EEXIST` if it is in the set already, `ENOENT` if it is not, `EPERM`
/// for regular files, `EINVAL` if `epoll` is no set.
///
/// # Cancel safety
///
/// If it is dropped, the set may or may not have been changed.
///
/// # Examples
///
/// See [`epoll_wait`].
pub fn epoll_ctl(
    epoll: &SharedFd,
    change: i32,
    fd: &SharedFd,
    event: libc::epoll_event,
) -> Op<EpollCtl> {
    Op::new(EpollCtl { epoll: epoll.clone(), fd: fd.clone(), change, event })
}

// SAFETY: the entry points to the event, which is part of `self`; the operation owns both
// descriptors.
unsafe impl Operation for EpollCtl {
    type Output = io::Result<()>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let event = (&raw const self.event).cast();
        let (epoll, fd) = (self.epoll.target(), self.fd.target());
        Ok(opcode::EpollCtl::new(epoll, fd, self.change, event).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        result.map(drop)
    }
}

impl std::fmt::Debug for EpollCtl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (epoll, fd, change) = (&self.epoll, &self.fd, &self.change);
        f.debug_struct("EpollCtl")
            .field("epoll", epoll)
            .field("fd", fd)
            .field("change", change)
            .finish_non_exhaustive()
    }
}

/// See [`epoll_wait`].
pub struct EpollWait {
    epoll: AnyFd,
    events: Vec<libc::epoll_event>,
}

/// Waits until descriptors in an epoll set are ready, and gives which: `IORING_OP_EPOLL_WAIT`.
/// Since Linux 6.15.
///
/// As many events as `events` has room for are put in it, in place of what is there. This is how a
/// library that has a set of its own shares the wait of a ring's thread; on older kernels
/// [`poll_add`](super::poll_add) of the set's descriptor and `epoll_wait(2)` do the same.
///
/// # Errors
///
/// `EINVAL` if there is no room in `events` or `epoll` is no set,
/// [`Unsupported`](io::ErrorKind::Unsupported) on an older kernel, and `ECANCELED` if it was
/// cancelled; each with the vector.
///
/// # Cancel safety
///
/// If it is dropped, events may be lost: those that are told of only once, by
/// [`EPOLLET`](libc::EPOLLET) or [`EPOLLONESHOT`](libc::EPOLLONESHOT). [`Op::cancel`] gives them.
///
/// # Examples
///
/// ```
/// use ringpool::op::{self, SharedFd};
/// use std::io::Write;
/// use std::os::fd::{FromRawFd, OwnedFd};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// // SAFETY: the call makes a descriptor that nobody else knows.
/// let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
/// let epoll = SharedFd::from(epoll);
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = SharedFd::from(OwnedFd::from(reader));
/// pool.block_on(async {
///     let event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 7 };
///     op::epoll_ctl(&epoll, libc::EPOLL_CTL_ADD, &reader, event).await?;
///     writer.write_all(b"x")?;
///     let (count, events) = match op::epoll_wait(&epoll, Vec::with_capacity(8)).await {
///         Err(error) if error.error.kind() == std::io::ErrorKind::Unsupported => return Ok(()),
///         ready => ready?,
///     };
///     assert_eq!((count, { events[0].u64 }), (1, 7));
///     Ok(())
/// })
/// # }
/// ```
pub fn epoll_wait(epoll: &impl Descriptor, events: Vec<libc::epoll_event>) -> Op<EpollWait> {
    Op::new(EpollWait { epoll: epoll.to_any_fd(), events })
}

// SAFETY: the entry points to the vector's memory, as much of it as there is; the operation owns
// the vector and leaves it alone, and owns the descriptor.
unsafe impl Operation for EpollWait {
    type Output = BufResult<usize, Vec<libc::epoll_event>>;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let (events, room) = (self.events.as_mut_ptr().cast(), entry_len(self.events.capacity()));
        Ok(opcode::EpollWait::new(start.target(&self.epoll)?, events, room).build())
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        let mut events = self.events;
        match result {
            Ok(count) => {
                let count = count as usize;
                // SAFETY: the kernel has written that many, and was told how many there may be.
                unsafe { events.set_len(count) };
                Ok((count, events))
            }
            Err(error) => Err(BufError { error, buffer: events }),
        }
    }
}

impl std::fmt::Debug for EpollWait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpollWait").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}
