//! A pool: start its rings, place tasks on them, stop them in order.

use std::future::Future;
use std::hash::Hash;
use std::io;
use std::panic::{Location, resume_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::attendance::Attendance;
use crate::blocking::BlockingPool;
use crate::buf::RegisteredBuffers;
use crate::builder::Builder;
use crate::context;
use crate::dump::{self, PoolDump, Sources};
use crate::metrics::PoolMetrics;
use crate::placement::{Placement, by_key};
use crate::primitives::unpoisoned;
use crate::runtime::{Runtime, deadline_after};
use crate::task::{self, Birth, SpawnError, Task, TaskError, block_on_thread};
use crate::thread::RingThread;
use crate::watchdog::Watchdog;

/// How long dropping a pool waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a dump waits for the rings.
const DUMP_LIMIT: Duration = Duration::from_millis(500);

/// A pool of pinned threads, each owning one io_uring ring.
///
/// Dropping it cancels every task, waits until the kernel has given back all operations, and joins
/// the threads, as [`shutdown`](Pool::shutdown) with a limit of ten seconds does.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let there = pool.runtime(1);
/// let answer = pool.block_on(async {
///     ringpool::spawn_on(&there, async { 6 * 7 }).await
/// })?;
/// assert_eq!(answer, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    runtimes: Vec<Runtime>,
    threads: Mutex<Vec<RingThread>>,
    /// Which of them have ended.
    attendance: Arc<Attendance>,
    blocking: Arc<BlockingPool>,
    placement: Placement,
    next: AtomicUsize,
    /// Who looks after polls that last, if that was asked for.
    watchdog: Option<Watchdog>,
}

impl Pool {
    /// A pool of `threads` rings, each pinned to a processor of its own as far as there are enough.
    ///
    /// # Panics
    ///
    /// If `threads` is 0, or if the rings cannot be made: the message says why and what to do.
    /// [`builder`](Pool::builder) gives an error instead.
    #[track_caller]
    pub fn new(threads: usize) -> Self {
        match Self::builder().threads(threads).build() {
            Ok(pool) => pool,
            Err(error) => panic!("a pool of {threads} rings could not be made: {error}"),
        }
    }

    /// Settings for a pool.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A pool that has no ring yet.
    pub(crate) fn empty(
        attendance: Arc<Attendance>,
        blocking: Arc<BlockingPool>,
        placement: Placement,
    ) -> Self {
        let (runtimes, threads) = (Vec::new(), Mutex::new(Vec::new()));
        let (next, watchdog) = (AtomicUsize::new(0), None);
        Self { runtimes, threads, attendance, blocking, placement, next, watchdog }
    }

    /// One more ring, while the pool is being built.
    pub(crate) fn add(&mut self, runtime: Runtime, thread: RingThread) {
        self.runtimes.push(runtime);
        unpoisoned(self.threads.lock()).push(thread);
    }

    /// From here on somebody looks after polls that last.
    pub(crate) fn watch(&mut self, watchdog: Watchdog) {
        self.watchdog = Some(watchdog);
    }

    /// Runs `future` as a task on the first ring, and blocks the calling thread until it ends.
    ///
    /// The future may borrow from the caller, and may [switch](crate::switch_to) to other rings.
    /// The call does not return or unwind before the future has been dropped.
    ///
    /// # Panics
    ///
    /// With the future's own panic; on the thread of a ring, which it would block; and if the pool
    /// is shut down meanwhile.
    #[track_caller]
    pub fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        assert!(
            context::here().is_null(),
            "`Pool::block_on` would block a ring's thread and every task on it; `.await` the \
             future there"
        );
        let mailbox = self.runtimes[0].mailbox();
        // SAFETY: what the future borrows outlives this call, and this call outlives the future:
        // it goes on only when the task is complete, and nothing in between can unwind. Future and
        // output are `Send`. `self` holds a handle of the ring.
        let task = unsafe { task::send_unchecked(mailbox, Birth::staying(), future) };
        let mut task = match task {
            Ok(task) => task,
            Err(SpawnError(_)) => panic!("`block_on` on a pool that has been shut down"),
        };
        match block_on_thread(&mut task) {
            Ok(output) => output,
            Err(TaskError::Panicked(payload)) => resume_unwind(payload.into_inner()),
            Err(TaskError::Cancelled) => {
                panic!("the pool was shut down while `block_on` was running")
            }
        }
    }

    /// Spawns a task where [`Builder::placement`] says: by default on the calling thread's ring,
    /// from other threads on each ring in turn.
    ///
    /// Another ring may [take it over](crate::Balance). If the pool has been shut down, the task
    /// ends as cancelled at once.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let runtime = self.placement.choose(&self.runtimes, &self.next);
        let mut birth = Birth::staying();
        if !self.placement.is_binding() {
            birth.mobility = runtime.shared().balance.mobility();
        }
        task::spawn_or_end(runtime, birth, future)
    }

    /// Spawns a task on the ring that all tasks of this key are spawned on, where it stays unless
    /// it switches: what they share is touched by one thread.
    ///
    /// If the pool has been shut down, the task ends as cancelled at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// let ring_of = |user: &str| pool.spawn_by_key(user, async { ringpool::current() }).wait();
    /// assert_eq!(ring_of("ann")?, ring_of("ann")?);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_by_key<F>(&self, key: &(impl Hash + ?Sized), future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_on(by_key(&self.runtimes, key), future)
    }

    /// Runs `closure` on a thread for blocking work; see [`spawn_blocking`](crate::spawn_blocking).
    ///
    /// If the pool has been shut down, the task ends as cancelled at once.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.blocking.spawn(closure, Location::caller())
    }

    /// Registers `count` buffers of `size` bytes each on all rings.
    ///
    /// The memory is pinned once and shared by the rings where the kernel can do that, since
    /// Linux 6.13, and pinned by each of them elsewhere, which counts as so many times the memory
    /// where `ulimit -l` applies. The future may be awaited anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`RegisteredBuffers::new`]; and that a task was cancelled, if a ring has stopped.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, nothing stays registered.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{op, run_on};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// let there = pool.runtime(1);
    /// pool.block_on(async {
    ///     let buffers = pool.register_buffers(8, 4096).await?;
    ///     let zero = op::openat2(None, "/dev/zero", libc::O_RDONLY, 0).await?;
    ///     let buffer = buffers.take().expect("there are eight");
    ///     let (_, buffer) = op::read_fixed(&zero, buffer).await?;
    ///     let reading = async { op::read_fixed(&zero, buffer).await }; // Also on the other ring.
    ///     let (count, _) = run_on(&there, reading).await.expect("the ring is there")?;
    ///     assert_eq!(count, 4096);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn register_buffers(
        &self,
        count: usize,
        size: usize,
    ) -> io::Result<RegisteredBuffers> {
        RegisteredBuffers::on_all(&self.runtimes, count, size).await
    }

    /// The handle of ring `index`.
    ///
    /// # Panics
    ///
    /// If there is no such ring.
    #[track_caller]
    pub fn runtime(&self, index: usize) -> Runtime {
        let count = self.runtimes.len();
        assert!(index < count, "there is no ring {index} in a pool of {count}");
        self.runtimes[index].clone()
    }

    /// The handles of all rings, in order.
    pub fn runtimes(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// The number of rings.
    #[expect(clippy::len_without_is_empty, reason = "a pool is never empty")]
    pub fn len(&self) -> usize {
        self.runtimes.len()
    }

    /// What the pool is doing: every task, what it waits for, and its operations in flight. Waits
    /// for the rings' answers, for half a second at most.
    ///
    /// May be called from any thread. A ring that is kept busy by a poll that does not end cannot
    /// answer; the dump says which task it is and where it was spawned. On the thread of a ring the
    /// call blocks that ring, and all tasks on it, while the others answer; and tasks that are on
    /// their way to it, and have not come in, are not seen.
    ///
    /// Each ring goes through its tasks without a pause, in which nothing else happens on it, and
    /// makes about 130 bytes for each.
    ///
    /// # Examples
    ///
    /// ```
    /// # let pool = ringpool::Pool::new(1);
    /// let task = ringpool::task::Builder::new()
    ///     .name("patient")
    ///     .spawn_on(&pool.runtime(0), std::future::pending::<()>());
    /// let dump = pool.dump();
    /// assert_eq!(dump.task(task.id()).and_then(|task| task.name.as_deref()), Some("patient"));
    /// println!("{dump}");
    /// ```
    pub fn dump(&self) -> PoolDump {
        self.dump_within(DUMP_LIMIT)
    }

    /// As [`dump`](Pool::dump), with the longest time to wait for answers.
    pub fn dump_within(&self, limit: Duration) -> PoolDump {
        dump::gather(&Sources { runtimes: &self.runtimes, blocking: &self.blocking }, limit)
    }

    /// Threads for blocking work that there are now, and jobs that wait for one.
    pub fn blocking_load(&self) -> BlockingLoad {
        self.blocking.load()
    }

    /// What its rings have done since they started, and how things stand.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ringpool::Pool::new(2);
    /// pool.spawn(async { 1 + 1 }).wait()?;
    /// for (index, ring) in pool.metrics().rings.iter().enumerate() {
    ///     println!("ring {index}: {} polls, {} messages", ring.polls, ring.messages_received);
    /// }
    /// assert_eq!(pool.metrics().tasks_spawned(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn metrics(&self) -> PoolMetrics {
        let rings = self.runtimes.iter().map(Runtime::metrics).collect();
        PoolMetrics::new(rings, self.blocking_load())
    }

    /// Cancels every task, waits until the kernel has given back all operations, and joins the
    /// threads.
    ///
    /// May be called from any thread, also while another one is in [`block_on`](Pool::block_on),
    /// which then panics and says so. After the first call a second one only waits.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](io::ErrorKind::TimedOut) if threads are still at work after `timeout`, since a
    /// task or a blocking closure does not return: they end when it does. What the kernel has not
    /// given back by then is leaked, never freed under its hands.
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if called on the thread of a ring: the pool stops,
    /// but a ring cannot wait for itself.
    pub fn shutdown(&self, timeout: Duration) -> io::Result<()> {
        let deadline = deadline_after(timeout);
        for runtime in &self.runtimes {
            runtime.shared().request_stop(deadline);
        }
        self.blocking.close();
        if !context::here().is_null() {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "the pool stops, but the thread of a ring cannot wait for that",
            ));
        }
        self.join(deadline)
    }

    fn join(&self, deadline: Instant) -> io::Result<()> {
        // The rings were given until the deadline for what the kernel has; they need a moment more
        // to say that they have stopped.
        let last = deadline.checked_add(Duration::from_millis(200)).unwrap_or(deadline);
        let ended = self.attendance.wait_until_gone(last);
        let mut threads = unpoisoned(self.threads.lock());
        let at_end = threads.extract_if(.., |thread| ended || thread.is_finished());
        // A ring's thread that panics aborts the process, so there is no panic to see.
        let rings: Vec<_> = at_end.map(RingThread::join).collect();
        // Now that no thread is left to be interrupted for it, they are closed.
        drop(rings);
        drop(threads);
        if ended && self.blocking.wait(last) {
            return Ok(());
        }
        let what = if ended { "a blocking closure" } else { "a task" };
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{what} does not return; its thread ends when it does"),
        ))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _ = self.shutdown(DROP_TIMEOUT);
    }
}

/// What the threads for blocking work have to do; see [`Pool::blocking_load`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingLoad {
    /// Threads there are, busy or idle.
    pub threads: usize,
    /// Jobs that wait for one.
    pub queued: usize,
}
