//! What can be said of any operation: how it is done, after what, and for how long at most.

use std::time::Duration;

use io_uring::squeue;

use super::{Linked, Op, Operation, Step, Timed};

impl<O: Operation> Op<O> {
    /// Lets `next` begin when this operation has succeeded in full: `IOSQE_IO_LINK`.
    /// Since Linux 5.3.
    ///
    /// Both are submitted together, and the results come together, in order. If this one fails, or
    /// transfers less than it was to, `next` is cancelled and gives
    /// [`ECANCELED`](libc::ECANCELED). See [`link`](super::link()) for longer chains.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all that are under way are cancelled; what each one may lose then, its own
    /// section says.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// # let path = std::env::temp_dir().join(format!("ringpool-then-{}", std::process::id()));
    /// pool.block_on(async {
    ///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
    /// #   std::fs::remove_file(&path)?;
    ///     let write = op::write_at(&file, b"salt".to_vec(), 0);
    ///     let (written, synced) = write.link(op::fdatasync(&file)).await;
    ///     synced?; // which means that all was written
    ///     assert_eq!(written?.0, 4);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn link<N: Step>(mut self, next: N) -> Linked<(Self, N)> {
        self.add_flags(squeue::Flags::IO_LINK);
        Linked::new((self, next))
    }

    /// Lets `next` begin when this operation has ended, whether well or not: `IOSQE_IO_HARDLINK`.
    /// Since Linux 5.5.
    ///
    /// See [`hard_link`](super::hard_link()).
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, all that are under way are cancelled; what each one may lose then, its own
    /// section says.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    pub fn hard_link<N: Step>(mut self, next: N) -> Linked<(Self, N)> {
        self.add_flags(squeue::Flags::IO_HARDLINK);
        Linked::new((self, next))
    }

    /// Lets the operation begin only when all operations that its ring was given before have ended,
    /// and those that come after it only when it has: what the kernel calls `IOSQE_IO_DRAIN`.
    ///
    /// It counts for the whole ring of the thread that polls it first: also the operations of
    /// other tasks wait, and for all of them. So an operation that never ends, such as an accept
    /// that nobody connects to, holds up all that the ring is given from then on, until it is
    /// cancelled. The ring does this itself, with any kernel.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async { op::nop().drain().await }).unwrap();
    /// ```
    pub fn drain(mut self) -> Self {
        self.add_flags(squeue::Flags::IO_DRAIN);
        self
    }

    /// Has a thread of the kernel's do it, without trying first whether it can be done at once:
    /// `IOSQE_ASYNC`. Since Linux 5.6.
    ///
    /// For what is known to block, such as opening a file on a slow disk. Each such operation takes
    /// one of the ring's few kernel threads, and costs some microseconds more.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op;
    ///
    /// # let pool = ringpool::Pool::new(1);
    /// let version = op::openat2(None, "/proc/version", libc::O_RDONLY, 0).force_async();
    /// assert!(pool.block_on(version).is_ok());
    /// ```
    pub fn force_async(mut self) -> Self {
        self.add_flags(squeue::Flags::ASYNC);
        self
    }

    /// Stops the operation if it takes longer than `limit` from when the kernel begins with it:
    /// `IORING_OP_LINK_TIMEOUT`. Since Linux 5.5.
    ///
    /// If time is up it fails with [`TimedOut`](std::io::ErrorKind::TimedOut), and gives back what
    /// it owns. An operation that wins the race gives its result. One that the kernel cannot stop,
    /// such as a read of a disk that is under way, gives its result too, late.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the operation is cancelled, and loses what it loses without a limit.
    ///
    /// # Panics
    ///
    /// If the operation has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::op::{self, SharedFd};
    /// use std::os::fd::OwnedFd;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = SharedFd::from(OwnedFd::from(reader));
    /// let read = op::read(&reader, Vec::with_capacity(16)).timeout(Duration::from_millis(1));
    /// let error = pool.block_on(read).unwrap_err();
    /// assert_eq!(error.error.kind(), std::io::ErrorKind::TimedOut);
    /// assert_eq!(error.buffer.capacity(), 16);
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(self, limit: Duration) -> Timed<O> {
        Timed::new(self, limit)
    }
}
