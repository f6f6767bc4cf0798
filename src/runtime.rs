//! The handle of one ring, and what it shares with the ring's thread.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::balance::Balance;
use crate::balance::board::Board;
use crate::balance::shelf::Shelf;
use crate::blocking::BlockingPool;
use crate::capabilities::DoorbellKind;
use crate::context;
use crate::dump::FirstSeen;
use crate::inbox::Node;
use crate::mailbox::Mailbox;
use crate::metrics::{self, Counters, RuntimeMetrics};
use crate::op::SharedFd;
use crate::primitives::unpoisoned;
use crate::ring::doorbell;
use crate::running::Running;
use crate::task::header::Header;
use crate::task::{self, Birth, SpawnError, Task};
use crate::time::since_start_ns;

/// What a ring's thread and all its handles share.
pub(crate) struct Shared {
    pub(crate) mailbox: &'static Mailbox,
    pub(crate) index: usize,
    pub(crate) core: Option<usize>,
    pub(crate) counters: Counters,
    /// What its thread is polling.
    pub(crate) running: Running,
    /// Who has seen that first.
    pub(crate) first_seen: FirstSeen,
    pub(crate) blocking: Arc<BlockingPool>,
    started: Instant,
    /// What the rings of the pool know of each other.
    pub(crate) board: Arc<Board>,
    /// What this ring has laid out for the others.
    pub(crate) shelf: Shelf<Header>,
    /// Whether tasks that may move are spawned here.
    pub(crate) balance: Balance,
    invite_node: Node,
    /// The node of the invitation is under way.
    is_invited: AtomicBool,
    stop_node: Node,
    stop_requested: AtomicBool,
    /// Until when the ring may take to stop.
    stop_deadline_ns: AtomicU64,
    stopped: AtomicBool,
    file_door: Mutex<Option<FileDoor>>,
    /// All rings of the pool, this one too, in order; once all have started.
    of_its_pool: OnceLock<Box<[Weak<Shared>]>>,
}

/// How other rings put files into the table of a ring that has one and has not stopped.
#[derive(Clone)]
pub(crate) struct FileDoor {
    /// A descriptor of the ring.
    pub(crate) ring: SharedFd,
    /// How many places the table has.
    pub(crate) places: u32,
}

impl Shared {
    pub(crate) fn new(
        index: usize,
        core: Option<usize>,
        blocking: Arc<BlockingPool>,
        (balance, board): (Balance, Arc<Board>),
    ) -> Self {
        Self {
            board,
            balance,
            shelf: Shelf::new(),
            invite_node: Node::new(deliver_invitation),
            is_invited: AtomicBool::new(false),
            mailbox: Mailbox::acquire(),
            index,
            core,
            counters: Counters::default(),
            running: Running::new(),
            first_seen: FirstSeen::default(),
            blocking,
            started: Instant::now(),
            stop_node: Node::new(deliver_stop),
            stop_requested: AtomicBool::new(false),
            stop_deadline_ns: AtomicU64::new(u64::MAX),
            stopped: AtomicBool::new(false),
            file_door: Mutex::new(None),
            of_its_pool: OnceLock::new(),
        }
    }

    /// Tells the ring to stop, once.
    pub(crate) fn request_stop(&self, deadline: Instant) {
        // Ordering: Relaxed: the message below publishes it.
        self.stop_deadline_ns.store(since_start_ns(deadline), Ordering::Relaxed);
        // Ordering: Relaxed: only decides who sends the node; the inbox orders.
        if !self.stop_requested.swap(true, Ordering::Relaxed) {
            // SAFETY: the thread holds an `Arc` of us until it has closed its inbox, and the node
            // is sent once. A closed inbox has stopped already.
            let _ = unsafe { self.mailbox.send(NonNull::from(&self.stop_node)) };
        }
    }

    /// Wakes the ring, for which there is something to take.
    pub(crate) fn invite(&self) {
        // Ordering: Acquire, partner of the Release in `deliver_invitation`: the node is free.
        if !self.is_invited.swap(true, Ordering::Acquire) {
            // SAFETY: the thread holds an `Arc` of us until it has closed its inbox, and the node
            // is in no inbox. A closed inbox needs no invitation.
            let _ = unsafe { self.mailbox.send(NonNull::from(&self.invite_node)) };
        }
    }

    pub(crate) fn stop_deadline_ns(&self) -> u64 {
        // Ordering: Relaxed: the stop message ordered it; a later, shorter deadline may come late.
        self.stop_deadline_ns.load(Ordering::Relaxed)
    }

    /// The thread has dealt with everything and takes no more.
    pub(crate) fn set_stopped(&self) {
        // Ordering: Release, partner of the Acquire in `is_stopped`.
        self.stopped.store(true, Ordering::Release);
        let door = unpoisoned(self.file_door.lock()).take();
        drop(door);
    }

    pub(crate) fn file_door(&self) -> Option<FileDoor> {
        unpoisoned(self.file_door.lock()).clone()
    }

    /// The ring's own thread, which has not stopped: files can be sent here from now on.
    pub(crate) fn open_file_door(&self, door: FileDoor) {
        *unpoisoned(self.file_door.lock()) = Some(door);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        // Ordering: Acquire, partner of the Release in `set_stopped`.
        self.stopped.load(Ordering::Acquire)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.mailbox.give_back();
    }
}

/// An invitation came out of our inbox: the loop looks around by itself when it has nothing to do.
///
/// # Safety
///
/// Safe anywhere, in fact; it is one of the functions given to `Node::new`.
unsafe fn deliver_invitation(_: NonNull<Node>) {
    context::with(|local| {
        let local = local.expect("messages are delivered on a ring's thread");
        // Ordering: Release, partner of the Acquire in `invite`: we are done with the node.
        local.shared.is_invited.store(false, Ordering::Release);
    });
}

/// The stop message came out of our inbox: the loop sees the flag.
///
/// # Safety
///
/// Safe anywhere, in fact; it is one of the functions given to `Node::new`.
unsafe fn deliver_stop(_: NonNull<Node>) {
    context::with(|local| {
        let local = local.expect("messages are delivered on a ring's thread");
        local.stopping.set(true);
    });
}

/// A handle to one ring of a pool: cheap to clone, to be used from any thread.
///
/// It does not keep the ring running. What is sent to a ring that has stopped comes back as an
/// error.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = ringpool::Pool::new(2);
/// let second = pool.runtime(1);
/// assert_eq!(second.index(), 1);
/// assert_eq!(second.spawn(async { "there" }).wait()?, "there");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

impl Runtime {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn mailbox(&self) -> &'static Mailbox {
        self.shared.mailbox
    }

    /// Says which rings the pool has.
    pub(crate) fn set_pool(&self, runtimes: &[Self]) {
        let all = runtimes.iter().map(|runtime| Arc::downgrade(&runtime.shared));
        // There is no second pool that could say so.
        let _ = self.shared.of_its_pool.set(all.collect());
    }

    /// All rings of the pool, this one too, in order; without those that are gone.
    pub(crate) fn of_its_pool(&self) -> Vec<Self> {
        let all = self.shared.of_its_pool.get().map_or(&[][..], |all| all);
        all.iter().filter_map(Weak::upgrade).map(Self::new).collect()
    }

    /// Its place in the pool, from 0.
    pub fn index(&self) -> usize {
        self.shared.index
    }

    /// The processor its thread is pinned to, if it is pinned.
    pub fn core(&self) -> Option<usize> {
        self.shared.core
    }

    /// Spawns a task on this ring; see [`spawn_on`](crate::spawn_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_on(self, future)
    }

    /// Spawns a task on this ring, unless it has stopped.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] gives the future back if the ring has stopped.
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<Task<F::Output>, SpawnError<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::send_new(self, Birth::staying(), future)
    }

    /// Runs `closure` on a thread for blocking work; see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, closure: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.blocking.spawn(closure, Location::caller())
    }

    /// Whether the ring has stopped: its pool was shut down.
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }

    /// By which means the calling thread would wake this ring if it slept; `None` once it has
    /// stopped.
    ///
    /// What the ring's builder was told decides, and what the kernel has; a ring that a message has
    /// failed to reach is woken by its eventfd from then on.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{Doorbell, DoorbellKind, Pool};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = Pool::builder().threads(1).doorbell(Doorbell::EventFd).build()?;
    /// assert_eq!(pool.runtime(0).doorbell(), Some(DoorbellKind::EventFd));
    /// # Ok(())
    /// # }
    /// ```
    pub fn doorbell(&self) -> Option<DoorbellKind> {
        doorbell::kind(self.mailbox())
    }

    /// What the ring has to do, as it last said: it says so once a turn of its loop.
    pub fn load(&self) -> Load {
        let counters = &self.shared.counters;
        Load {
            tasks_ready: counters.tasks_ready.get() as usize,
            tasks_alive: counters.tasks_alive.get() as usize,
            operations_in_flight: counters.operations_in_flight.get() as usize,
            timers: counters.timers.get() as usize,
        }
    }

    /// What the ring has done since it started, and how things stand.
    ///
    /// On the ring's own thread the numbers are exact; see
    /// [what adds up](crate::metrics#what-adds-up).
    pub fn metrics(&self) -> RuntimeMetrics {
        if is_current(self) {
            context::with(|local| {
                local.inspect(|local| metrics::publish(local));
            });
        }
        let Shared { counters, mailbox, started, .. } = &*self.shared;
        counters.read(&mailbox.outside, started.elapsed())
    }
}

impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Runtime {}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("index", &self.index())
            .field("core", &self.core())
            .field("is_stopped", &self.is_stopped())
            .finish()
    }
}

/// What a ring has to do at the moment; see [`Runtime::load`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Tasks that are ready to run.
    pub tasks_ready: usize,
    /// Tasks that live here; not those that are laid out for other rings, which are only counted
    /// as ready.
    pub tasks_alive: usize,
    /// Operations that the kernel has.
    pub operations_in_flight: usize,
    /// Timers that have not fired.
    pub timers: usize,
}

/// The ring of the calling thread; `None` on a thread that has none.
///
/// In a task this is where it runs now; after a `switch_to` it is another.
///
/// # Examples
///
/// ```
/// let pool = ringpool::Pool::new(1);
/// assert!(ringpool::current().is_none());
/// assert!(pool.block_on(async { ringpool::current().is_some() }));
/// ```
pub fn current() -> Option<Runtime> {
    context::with(|local| local.map(|local| Runtime::new(local.shared.clone())))
}

/// Whether `runtime` is that of the calling thread.
pub(crate) fn is_current(runtime: &Runtime) -> bool {
    ptr::eq(runtime.mailbox(), context::here())
}

/// A deadline `timeout` from now.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(365 * 86_400))
}
