//! Pools of buffers that the kernel takes from when it has something to put into one.
//!
//! An operation on a pool has no buffer while it waits: thousands of idle connections share as many
//! buffers as have data in them. See [`BufferPool`].
//!
//! # Who owns what
//!
//! The ring owns the table that the kernel reads, and the books about it
//! ([`ring::provided`](crate::ring::provided)). The memory of the buffers is owned together by the
//! pool's handles, by the leases, and by every operation that the kernel has. Home writes to the
//! table; others send buffers home by [`returns`]. When the last owner goes, the group is
//! unregistered by home, and only then is the memory unmapped. An operation that a stopped ring
//! leaves in the kernel is never dropped, and so the memory is never unmapped then.
//!
//! # Who waits
//!
//! An operation that found no buffer stands in a line, and is called out of it when there is one
//! again: [`awaited`].

mod awaited;
mod lease;
mod returns;

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

pub(crate) use awaited::AwaitedPools;
pub use lease::PooledBuffer;
pub(crate) use returns::Place;
use returns::Returns;

use crate::Runtime;
use crate::context::{self, Local};
use crate::primitives::atomic::{AtomicU32, Ordering};
use crate::ring::pages::Pages;
use crate::ring::provided::{BUFFERS_MAX, GroupOptions, Taken};
use crate::runtime::Shared;

/// Buffers that one ring's operations take from: *provided buffers*. Since Linux 5.19.
///
/// An operation such as [`op::recv_pooled`](crate::op::recv_pooled) or
/// [`op::recv_multishot`](crate::op::recv_multishot) needs no buffer while it waits; when something
/// has come, the kernel takes one out of the pool, and the operation gives it as a
/// [`PooledBuffer`]. When that is dropped, on whatever thread, it goes back to the pool.
///
/// A pool belongs to the ring of the thread on which it was made, and only operations that are
/// started there can use it; others fail with [`InvalidInput`](io::ErrorKind::InvalidInput). The
/// handle is cheap to clone. The pool goes when all handles, all its buffers and all operations
/// that use it have gone, on any thread and in any order, also after the ring has stopped.
///
/// If all buffers are in use, the kernel ends an operation that wants one. An operation that
/// completes once fails with [`WouldBlock`](io::ErrorKind::WouldBlock) then, unless it is made to
/// [wait](crate::op::Op::or_wait); streams wait, unless the pool is made to
/// [fail](BufferPoolBuilder::when_empty). Who waits is called in turn, as buffers come back; but
/// an operation that is started, or goes on, just then may be quicker. A pool does well with as
/// many buffers as there are connections that have something to say at the same time, however many
/// are idle; with fewer, nothing is lost, but each piece that found no buffer costs an operation
/// more. A buffer that is forgotten is missing for as long as the
/// pool lives, and nothing worse.
///
/// # Examples
///
/// ```
/// use ringpool::buf::BufferPool;
/// use ringpool::op::{self, SharedFd};
/// use std::os::fd::OwnedFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let (ours, theirs) = UnixStream::pair()?;
/// let [ours, theirs] = [ours, theirs].map(|end| SharedFd::from(OwnedFd::from(end)));
/// pool.block_on(async move {
///     let buffers = BufferPool::new(16, 4096)?;
///     op::send(&ours, "salt", 0).await?;
///     let salt = op::recv_pooled(&theirs, &buffers, 0).await?;
///     assert_eq!(&salt[..], b"salt");
///     // The buffer goes to the kernel as it is, and from there to the pool.
///     op::send(&theirs, salt, 0).await?;
///     assert_eq!(buffers.available(), Some(16));
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct BufferPool(pub(crate) Arc<SharedPool>);

/// What becomes of a stream that finds its pool empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenEmpty {
    /// It waits until a buffer has come back.
    #[default]
    Wait,
    /// It gives [`WouldBlock`](io::ErrorKind::WouldBlock), and tries again when it is polled next.
    Fail,
}

/// How a [`BufferPool`] shall be; made by [`BufferPool::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing unless it builds"]
pub struct BufferPoolBuilder {
    count: usize,
    size: usize,
    is_incremental: bool,
    when_empty: WhenEmpty,
}

impl BufferPool {
    /// A pool of `count` buffers of `size` bytes each, for operations of the calling thread's ring.
    ///
    /// # Errors
    ///
    /// As [`BufferPoolBuilder::build`].
    pub fn new(count: usize, size: usize) -> io::Result<Self> {
        Self::builder(count, size).build()
    }

    /// A pool of `count` buffers of `size` bytes each, with more to be said about it.
    pub fn builder(count: usize, size: usize) -> BufferPoolBuilder {
        BufferPoolBuilder { count, size, is_incremental: false, when_empty: WhenEmpty::Wait }
    }

    /// The ring that it belongs to.
    pub fn runtime(&self) -> Runtime {
        Runtime::new(self.0.ring.clone())
    }

    /// How many buffers it has, those in use included.
    pub fn count(&self) -> usize {
        usize::from(self.0.count)
    }

    /// How many bytes a buffer holds.
    pub fn buffer_size(&self) -> usize {
        self.0.size as usize
    }

    /// How many buffers are free, as far as is known before the kernel's latest completions have
    /// been looked at; `None` on any thread but that of its ring.
    pub fn available(&self) -> Option<usize> {
        self.0.at_home(|local| {
            self.0.take_returned(local);
            local.ring.borrow_mut().buffer_group(self.0.group).in_table()
        })
    }
}

impl BufferPoolBuilder {
    /// Lets the kernel go on in a buffer where the operation before has ended, so that small
    /// pieces do not take a whole buffer each; it goes back when all its pieces have been dropped
    /// and the kernel has come to its end. Since Linux 6.12.
    ///
    /// Pieces that come from different connections may share a buffer, and the smallest of them
    /// keeps it. Only sockets, pipes and the like can be read with it.
    pub fn incremental(mut self, incremental: bool) -> Self {
        self.is_incremental = incremental;
        self
    }

    /// What becomes of a stream that finds the pool empty; it waits unless said otherwise.
    pub fn when_empty(mut self, when_empty: WhenEmpty) -> Self {
        self.when_empty = when_empty;
        self
    }

    /// Makes the pool for the calling thread's ring.
    ///
    /// Any number of buffers from 1 to 32768 will do; it need not be a power of two.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there are too many buffers, or none, or
    /// they have no bytes; [`Unsupported`](io::ErrorKind::Unsupported) on a thread that has no
    /// ring, or if the kernel lacks incremental buffers; or what the kernel says if there is not
    /// enough memory.
    pub fn build(self) -> io::Result<BufferPool> {
        let Self { count, size, is_incremental, when_empty } = self;
        let len = self.check()?;
        context::with(|local| {
            let local = local.ok_or_else(not_on_a_ring)?;
            let memory = Pages::new(len)?;
            let (count, size) = (count as u16, size as u32);
            let options = GroupOptions { memory: memory.start(), count, size, is_incremental };
            // SAFETY: the memory is unmapped by the drop of what is made here, which withdraws the
            // group first; it is read through leases only, each of a part that was claimed.
            let group = unsafe { local.ring.borrow_mut().register_group(options) }?;
            let parts = if is_incremental { count } else { 0 };
            let pool = Arc::new(SharedPool {
                ring: local.shared.clone(),
                group,
                count,
                size,
                when_empty,
                memory: Some(memory),
                owners: (0..parts).map(|_| AtomicU32::new(KERNEL)).collect(),
                returns: Returns::new(count),
            });
            local.awaited_pools.note(&pool);
            Ok(BufferPool(pool))
        })
    }

    /// How many bytes all buffers have.
    fn check(&self) -> io::Result<usize> {
        let Self { count, size, .. } = *self;
        let len = count.checked_mul(size).filter(|len| isize::try_from(*len).is_ok());
        let is_right = (1..=BUFFERS_MAX).contains(&count) && i32::try_from(size).is_ok();
        len.filter(|len| is_right && *len > 0).ok_or_else(|| {
            let message = format!(
                "a pool of {count} buffers of {size} bytes cannot be; there may be from 1 to \
                 {BUFFERS_MAX}, of 1 byte to 2 GiB each"
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })
    }
}

/// The kernel's share in a buffer of which others have parts.
const KERNEL: u32 = 1;

/// What the owners of a pool share.
pub(crate) struct SharedPool {
    /// Keeps the identity of the ring from being reused.
    ring: Arc<Shared>,
    group: u16,
    count: u16,
    size: u32,
    when_empty: WhenEmpty,
    /// There until the pool is dropped.
    memory: Option<Pages>,
    /// By number, of an incremental pool: how many parts of a buffer are in use, and `KERNEL` if
    /// it is in the table. Empty if buffers are not shared.
    owners: Box<[AtomicU32]>,
    returns: Returns,
}

impl SharedPool {
    /// The kernel's number of it.
    pub(crate) fn group(&self) -> u16 {
        self.group
    }

    pub(crate) fn when_empty(&self) -> WhenEmpty {
        self.when_empty
    }

    pub(crate) fn is_incremental(&self) -> bool {
        !self.owners.is_empty()
    }

    /// Home is `local`'s ring, or the error of an operation that was started there.
    pub(crate) fn check_home(&self, local: &Local) -> io::Result<()> {
        if Arc::ptr_eq(&self.ring, &local.shared) {
            return Ok(());
        }
        let message = format!(
            "this pool of buffers belongs to ring {}, and the operation was started on ring {}; \
             switch to its ring, or make a pool on each",
            self.ring.index, local.shared.index
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    /// Runs `f` if this is the thread of its ring. There may be nothing of it borrowed.
    fn at_home<R>(&self, f: impl FnOnce(&Local) -> R) -> Option<R> {
        if !std::ptr::eq(self.ring.mailbox, context::here()) {
            return None;
        }
        context::with(|local| local.map(f))
    }

    /// Home: puts what others have sent home into the table.
    pub(crate) fn take_returned(self: &Arc<Self>, local: &Local) {
        if self.returns.has_some() {
            self.give_back(local, self.returns.take_all());
        }
    }

    /// Home: puts buffers into the table that nobody uses.
    fn give_back(self: &Arc<Self>, local: &Local, buffers: impl Iterator<Item = u16>) {
        let buffers = buffers.inspect(|buffer| {
            if let Some(owners) = self.owners.get(usize::from(*buffer)) {
                // Ordering: Relaxed: nobody else has it, and the kernel's completion orders.
                owners.store(KERNEL, Ordering::Relaxed);
            }
        });
        local.ring.borrow_mut().buffer_group(self.group).give_back(buffers);
        if self.returns.has_waiters() {
            local.awaited_pools.add(self);
        }
    }

    /// How often a buffer has come back so far. At home.
    pub(crate) fn returned(&self, local: &Local) -> u64 {
        local.ring.borrow_mut().buffer_group(self.group).returned()
    }

    /// Waits until there is a buffer that has come back since `seen` was read from
    /// [`returned`](Self::returned). On another thread than home's, and when home stops, it is
    /// ready: there is nothing to wait for.
    pub(crate) fn poll_returned(
        self: &Arc<Self>,
        seen: u64,
        place: &mut Place,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let polled = self.at_home(|local| {
            if local.stopping.get() {
                self.leave(place);
                return Poll::Ready(());
            }
            let was_called = place.is_taken();
            if was_called {
                ready!(self.returns.poll_called(place, cx.waker()));
            } else {
                self.take_returned(local);
                if self.returns.has_waiters() || !self.has_come_back(local, seen) {
                    self.returns.enlist(place, seen, cx.waker());
                    local.awaited_pools.add(self);
                    return Poll::Pending;
                }
            }
            local.ring.borrow_mut().buffer_group(self.group).promises().begin(was_called);
            Poll::Ready(())
        });
        polled.unwrap_or_else(|| {
            self.leave(place);
            Poll::Ready(())
        })
    }

    /// Home: whether a buffer has come back since `seen`, and still is there for whoever comes.
    fn has_come_back(&self, local: &Local, seen: u64) -> bool {
        let mut ring = local.ring.borrow_mut();
        let books = ring.buffer_group(self.group);
        books.returned() != seen && books.unpromised() > 0
    }

    /// Gives up a place among those who wait.
    pub(crate) fn leave(&self, place: &mut Place) {
        self.returns.leave(place);
    }

    /// Home: makes leases of what a completion names, in the order in which completions came.
    pub(crate) fn claim(
        self: &Arc<Self>,
        taken: Taken,
        mut to: impl FnMut(PooledBuffer),
    ) -> io::Result<()> {
        let claimed = self.at_home(|local| {
            let mut unused = Vec::new();
            let claimed = local.ring.borrow_mut().claim_buffers(self.group, taken, |part| {
                if part.len > 0 {
                    self.share(part.buffer, part.is_last);
                    to(PooledBuffer::new(self.clone(), part));
                } else {
                    unused.push(part.buffer);
                }
            });
            self.give_back(local, unused.into_iter());
            self.take_returned(local);
            claimed
        });
        claimed.unwrap_or(Ok(()))
    }

    /// Home: one more part of a buffer is in use; the kernel's share in it ends if `is_last`.
    fn share(&self, buffer: u16, is_last: bool) {
        if let Some(owners) = self.owners.get(usize::from(buffer))
            && !is_last
        {
            // Ordering: Relaxed: we have the kernel's share, so it cannot come to an end.
            owners.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Any thread: a part of a buffer is not used any more.
    fn release(self: &Arc<Self>, buffer: u16) {
        if let Some(owners) = self.owners.get(usize::from(buffer)) {
            // Ordering: Release, so that our reads are over for who is the last, and Acquire, its
            // partner, in case that is us.
            if owners.fetch_sub(1, Ordering::AcqRel) != 1 {
                return;
            }
        }
        let is_home = self.at_home(|local| self.give_back(local, std::iter::once(buffer)));
        if is_home.is_none() && self.returns.push(buffer) {
            let pool = self.clone();
            self.ring.mailbox.run_at_home(move |local| local.awaited_pools.add(&pool));
        }
    }

    /// Where a buffer's bytes from `offset` on are.
    fn address(&self, buffer: u16, offset: u32) -> NonNull<u8> {
        let memory = self.memory.as_ref().expect("it is there as long as the pool");
        let at = usize::from(buffer) * self.size as usize + offset as usize;
        // SAFETY: buffer and offset came from the books, so they are within the memory.
        unsafe { memory.start().add(at) }
    }
}

impl Drop for SharedPool {
    fn drop(&mut self) {
        let (group, memory) = (self.group, self.memory.take());
        // If the ring has stopped, nothing in flight uses the pool, or it would own it.
        self.ring.mailbox.run_at_home(move |local| {
            local.ring.borrow_mut().withdraw_group(group);
            // Only now.
            drop(memory);
        });
    }
}

#[cold]
fn not_on_a_ring() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this is no thread of a ring, so there is no ring for the pool of buffers to belong to; \
         make it in a task of a pool",
    )
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("ring", &self.0.ring.index)
            .field("count", &self.count())
            .field("buffer_size", &self.buffer_size())
            .finish_non_exhaustive()
    }
}
