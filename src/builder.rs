//! Settings for a pool, and starting its threads.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::affinity::{self, CoreSet};
use crate::attendance::Attendance;
use crate::balance::Balance;
use crate::balance::board::Board;
use crate::balance::policy::SOON_NS;
use crate::blocking::{BlockingOptions, BlockingPool};
use crate::dump::LongPoll;
use crate::foreign::dispose_of;
use crate::placement::Placement;
use crate::pool::Pool;
use crate::ring::RingOptions;
use crate::runtime::{Runtime, Shared};
use crate::task::PanicPayload;
use crate::thread::{self, ThreadOptions};
use crate::watchdog::WatchdogOptions;

/// Which processors the threads of a pool run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pinning {
    /// One processor each, of those that the affinity mask allows; if there are more threads than
    /// processors, they go round again.
    #[default]
    OneCoreEach,
    /// These processors, in this order; if there are more threads than processors, they go round
    /// again.
    Cores(Vec<usize>),
    /// Wherever the kernel puts them.
    None,
}

/// How a ring that sleeps is woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doorbell {
    /// By a ring message where these are fast (Linux 6.12), else by the eventfd.
    #[default]
    Automatic,
    /// By `IORING_OP_MSG_RING`. Since Linux 6.1 for the rings of a pool, slow from 6.2 to 6.10.
    MsgRing,
    /// By a write to an eventfd that the ring polls.
    EventFd,
}

pub(crate) type Hook = Arc<dyn Fn(usize) + Send + Sync>;

/// Settings for a [`Pool`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::builder()
///     .threads(2)
///     .pinning(ringpool::Pinning::None)
///     .thread_name("storage")
///     .spin_before_sleep(Duration::ZERO)
///     .build()?;
/// assert_eq!(pool.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    threads: Option<usize>,
    pinning: Pinning,
    thread_name: String,
    ring: RingOptions,
    spin_before_sleep: Duration,
    busy_poll: bool,
    blocking_thread_limit: usize,
    blocking_keep_alive: Duration,
    doorbell: Doorbell,
    balance: Balance,
    shed_beyond: Duration,
    placement: Placement,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    watchdog: Option<WatchdogOptions>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            threads: None,
            pinning: Pinning::default(),
            thread_name: "ringpool".to_owned(),
            ring: RingOptions::default(),
            spin_before_sleep: Duration::from_micros(50),
            busy_poll: false,
            blocking_thread_limit: 512,
            blocking_keep_alive: Duration::from_secs(10),
            doorbell: Doorbell::default(),
            balance: Balance::default(),
            shed_beyond: Duration::from_nanos(SOON_NS),
            placement: Placement::default(),
            on_thread_start: None,
            on_thread_stop: None,
            watchdog: None,
        }
    }

    /// How many threads with a ring each. By default as many as the affinity mask and the cgroup's
    /// quota allow this process.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Which processors they run on. By default one each.
    pub fn pinning(mut self, pinning: Pinning) -> Self {
        self.pinning = pinning;
        self
    }

    /// What the threads are called; a number is added. By default `ringpool`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// How many entries fit into a ring's submission queue, 1 to 32,768, rounded up to a power of
    /// two. By default 256. What finds it full is submitted early, not lost.
    pub fn submission_entries(mut self, entries: u32) -> Self {
        self.ring.submission_entries = entries;
        self
    }

    /// How many entries fit into a ring's completion queue, at least as many as into the submission
    /// queue and at most 65,536, rounded up to a power of two. By default 4,096. What finds it full
    /// is kept by the kernel, slowly.
    pub fn completion_entries(mut self, entries: u32) -> Self {
        self.ring.completion_entries = entries;
        self
    }

    /// How many direct descriptors a ring can have at once, 1 to 1,048,576. By default 1,024. Each
    /// ring makes its table when it is first needed, and never larger than the limit on open files
    /// (`RLIMIT_NOFILE`) is at that time. A full table is an error that says so.
    pub fn direct_descriptors(mut self, places: u32) -> Self {
        self.ring.direct_descriptors = places;
        self
    }

    /// How many threads the kernel may start for each ring, for what it cannot do without blocking:
    /// `bounded` ones for files and block devices, `unbounded` ones for everything else, such as
    /// what is [forced](crate::op::Op::force_async) to them; each 1 to 32,768. By default 4 and 16.
    pub fn io_workers(mut self, bounded: u32, unbounded: u32) -> Self {
        self.ring.io_workers = [bounded, unbounded];
        self
    }

    /// For how long at most a ring that runs out of work looks on for messages before it sleeps, if
    /// messages have been coming so quickly that it pays; the quicker they came, the sooner it
    /// gives up. Zero is never. By default 50 µs. A timer that is due within 5 µs is waited for
    /// awake in any case.
    pub fn spin_before_sleep(mut self, limit: Duration) -> Self {
        self.spin_before_sleep = limit;
        self
    }

    /// Whether rings never sleep: each then keeps a whole processor, also with nothing to do, and
    /// so answers what comes without having to be woken, which takes several microseconds. By
    /// default they sleep. With this, [`spin_before_sleep`](Self::spin_before_sleep) means nothing.
    ///
    /// A ring with nothing to do lets other threads of its processor run in between, but gets its
    /// share of the processor all the same; so pin the rings where nothing else runs.
    pub fn busy_poll(mut self, busy_poll: bool) -> Self {
        self.busy_poll = busy_poll;
        self
    }

    /// How many threads for blocking work there may be. By default 512.
    pub fn blocking_thread_limit(mut self, limit: usize) -> Self {
        self.blocking_thread_limit = limit;
        self
    }

    /// How long such a thread waits for work before it ends. By default 10 s.
    pub fn blocking_keep_alive(mut self, keep_alive: Duration) -> Self {
        self.blocking_keep_alive = keep_alive;
        self
    }

    /// How sleeping rings are woken. By default the best this kernel has. The environment variable
    /// `RINGPOOL_DOORBELL` (`eventfd` or `msg_ring`) decides what `Automatic` means.
    pub fn doorbell(mut self, doorbell: Doorbell) -> Self {
        self.doorbell = doorbell;
        self
    }

    /// Whether rings that have too much to do give tasks to those that have nothing. By default
    /// they do.
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// How much work a ring keeps for itself before it offers tasks to idle rings, by what it knows
    /// of how long polls take. By default 50 µs, which is about what it costs to wake another ring.
    /// With zero it keeps one task at a time. What a task takes that was never polled is not known,
    /// so whatever the limit is, nobody waits behind it.
    pub fn shed_beyond(mut self, work: Duration) -> Self {
        self.shed_beyond = work;
        self
    }

    /// Where [`Pool::spawn`] puts new tasks. By default on the ring it is called on, from other
    /// threads on each in turn.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Called on every ring's thread before its first task, with the ring's index.
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.on_thread_start = Some(Arc::new(hook));
        self
    }

    /// Called on every ring's thread after its last task, with the ring's index.
    pub fn on_thread_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.on_thread_stop = Some(Arc::new(hook));
        self
    }

    /// Reports polls of tasks that take much longer than `limit`, on stderr and while they still
    /// last: the task's number, its name if it has one, and where it was spawned. By default nobody
    /// looks.
    ///
    /// A thread of its own looks at all rings four times in `limit`, and once a millisecond at
    /// most. It counts from when it has seen the poll first, so what it reports has lasted for
    /// `limit` at least, and a poll that takes less than about one and a half times `limit` may be
    /// missed (below 4 ms: less than `limit` and 2 ms). It reports each poll once.
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.watchdog = Some(WatchdogOptions::to_stderr(limit));
        self
    }

    /// As [`watchdog`](Self::watchdog), but reports to `report`, which is called on the watchdog's
    /// thread.
    ///
    /// Dropping the pool waits a second at most for a report that is running, and not at all on the
    /// thread of a ring; the report then outlives the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (long_polls, reported) = channel();
    /// let pool = ringpool::Pool::builder()
    ///     .threads(1)
    ///     .watchdog_with(Duration::from_millis(5), move |poll| {
    ///         let _ = long_polls.send(poll.task);
    ///     })
    ///     .build()?;
    /// // It ends when it has been reported.
    /// let task = pool.spawn(async move { reported.recv() });
    /// let id = task.id();
    /// assert_eq!(task.wait()?, Ok(id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watchdog_with(
        mut self,
        limit: Duration,
        report: impl Fn(&LongPoll) + Send + Sync + 'static,
    ) -> Self {
        self.watchdog = Some(WatchdogOptions::new(limit, report));
        self
    }

    /// Starts the pool.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a setting out of range, which it names;
    /// what [`SetupError`](crate::SetupError) says if rings cannot be made; and what the system
    /// says if threads cannot.
    pub fn build(self) -> io::Result<Pool> {
        let threads = self.threads.unwrap_or_else(num_cpus::get);
        self.check(threads)?;
        let cores = self.cores(threads)?;
        let blocking = Arc::new(BlockingPool::new(BlockingOptions {
            thread_limit: self.blocking_thread_limit,
            keep_alive: self.blocking_keep_alive,
            thread_name: format!("{}-blocking", self.thread_name),
            cores: CoreSet::of_current_thread(),
        }));
        let attendance = Arc::new(Attendance::default());
        let mut pool = Pool::empty(attendance.clone(), blocking.clone(), self.placement.clone());
        // One ring has nobody to give to.
        let balance = if cores.len() > 1 { self.balance } else { Balance::Manual };
        let board = Arc::new(Board::new(cores.len()));
        let new_shared = |(index, core)| {
            Arc::new(Shared::new(index, core, blocking.clone(), (balance, board.clone())))
        };
        let rings: Vec<_> = cores.into_iter().enumerate().map(new_shared).collect();
        let peers = if balance == Balance::Shed { rings.clone() } else { Vec::new() }.into();
        let mut started = Ok(());
        for shared in rings {
            let options = self.thread_options(&peers);
            match thread::start(shared.clone(), options, attendance.admit()) {
                Ok(thread) => pool.add(Runtime::new(shared), thread),
                Err(error) => {
                    started = Err(error);
                    break;
                }
            }
        }
        // For all of them, also after an error: a ring can be told to stop only once it can be
        // reached, which is what dropping the pool does then.
        let begun = attendance.wait_until_begun();
        started.and(begun)?;
        pool.runtimes().iter().for_each(|runtime| runtime.set_pool(pool.runtimes()));
        if let Some(watchdog) = self.watchdog {
            let name = format!("{}-watchdog", self.thread_name);
            pool.watch(watchdog.start(name, pool.runtimes().to_vec())?);
        }
        Ok(pool)
    }

    fn thread_options(&self, peers: &Arc<[Arc<Shared>]>) -> ThreadOptions {
        ThreadOptions {
            peers: peers.clone(),
            soon_ns: u64::try_from(self.shed_beyond.as_nanos()).unwrap_or(u64::MAX),
            name: self.thread_name.clone(),
            ring: self.ring,
            spin_before_sleep: self.spin_before_sleep,
            busy_poll: self.busy_poll,
            doorbell: self.doorbell,
            on_start: self.on_thread_start.clone(),
            on_stop: self.on_thread_stop.clone(),
        }
    }

    fn check(&self, threads: usize) -> io::Result<()> {
        self.ring.validate()?;
        if threads == 0 {
            return Err(invalid("threads is 0; a pool needs at least 1".to_owned()));
        }
        if self.blocking_thread_limit == 0 {
            return Err(invalid(
                "blocking_thread_limit is 0; blocking work needs at least 1 thread".to_owned(),
            ));
        }
        if self.watchdog.as_ref().is_some_and(|watchdog| watchdog.limit().is_zero()) {
            return Err(invalid("the watchdog's limit is 0; every poll takes longer".to_owned()));
        }
        Ok(())
    }

    /// The processor of each thread.
    fn cores(&self, threads: usize) -> io::Result<Vec<Option<usize>>> {
        let chosen = match &self.pinning {
            Pinning::None => Vec::new(),
            Pinning::OneCoreEach => affinity::allowed_cores(),
            Pinning::Cores(cores) => {
                let allowed = affinity::allowed_cores();
                if cores.is_empty() {
                    return Err(invalid("the list of cores to pin to is empty".to_owned()));
                }
                if let Some(unknown) = cores.iter().find(|core| !allowed.contains(core)) {
                    return Err(invalid(format!(
                        "this process cannot use core {unknown}; there are {allowed:?}"
                    )));
                }
                cores.clone()
            }
        };
        Ok((0..threads).map(|index| chosen.get(index % chosen.len().max(1)).copied()).collect())
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Runs a hook of the user's.
pub(crate) fn call_hook(hook: Option<&Hook>, index: usize) -> io::Result<()> {
    let Some(hook) = hook else { return Ok(()) };
    catch_unwind(AssertUnwindSafe(|| hook(index))).map_err(|payload| {
        let payload = PanicPayload::from(payload);
        let message = format!("a thread hook of ring {index} panicked: {payload}");
        dispose_of(payload.into_inner());
        io::Error::other(message)
    })
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("threads", &self.threads)
            .field("pinning", &self.pinning)
            .field("thread_name", &self.thread_name)
            .field("ring", &self.ring)
            .field("spin_before_sleep", &self.spin_before_sleep)
            .field("busy_poll", &self.busy_poll)
            .field("blocking_thread_limit", &self.blocking_thread_limit)
            .field("blocking_keep_alive", &self.blocking_keep_alive)
            .field("doorbell", &self.doorbell)
            .field("balance", &self.balance)
            .field("shed_beyond", &self.shed_beyond)
            .field("placement", &self.placement)
            .field("watchdog", &self.watchdog)
            .finish_non_exhaustive()
    }
}
