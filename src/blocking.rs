//! Threads for work that blocks or computes: bounded, made when needed, gone when idle.
//!
//! Jobs wait in one queue. Whoever adds a job makes a thread if there are more jobs than threads
//! looking for one, up to the limit; a thread that has found none for the keep-alive time leaves.
//! Both are decided under one lock by two counts, so a job is never left without a thread that will
//! come for it. The result goes home through the job's task; no thread waits for it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::affinity::CoreSet;
use crate::context;
use crate::dump::{TaskDump, TaskState};
use crate::pool::BlockingLoad;
use crate::primitives::unpoisoned;
use crate::task::blocking::Job;
use crate::task::{Task, TaskId};
use crate::time::moment::Moment;

/// Runs `closure` on a thread for blocking work of the calling thread's pool.
///
/// Cancelling the task, or dropping it, before the closure has begun removes it from the queue and
/// drops it; once it runs it cannot be interrupted.
///
/// # Panics
///
/// On a thread that has no ring: use [`Pool::spawn_blocking`](crate::Pool::spawn_blocking) or
/// [`Runtime::spawn_blocking`](crate::Runtime::spawn_blocking) there. A panic in the closure is the
/// task's outcome.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let sum = ringpool::spawn_blocking(|| (1..=1000u64).sum::<u64>()).await?;
///     assert_eq!(sum, 500_500);
///     Ok(())
/// })
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(closure: F) -> Task<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = context::with(|local| local.map(|local| local.shared.blocking.clone()));
    let Some(pool) = pool else {
        panic!(
            "`spawn_blocking` works on the thread of a ring only; \
             use `pool.spawn_blocking(…)` or `runtime.spawn_blocking(…)` on others"
        )
    };
    pool.spawn(closure, Location::caller())
}

/// How many threads, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct BlockingOptions {
    pub(crate) thread_limit: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: String,
    /// Where they may run: not only where the ring runs that makes them.
    pub(crate) cores: Option<CoreSet>,
}

/// The threads of one pool.
#[derive(Debug)]
pub(crate) struct BlockingPool {
    options: BlockingOptions,
    state: Mutex<State>,
    jobs: Receiver<Job>,
    /// Disconnected when the last thread has left.
    all_gone: Receiver<()>,
}

#[derive(Debug)]
struct State {
    /// `None` once the pool is closed.
    sender: Option<Sender<Job>>,
    /// Held by every thread; `None` once the pool is closed.
    presence: Option<Sender<()>>,
    threads: usize,
    /// Threads that look for a job.
    looking: usize,
    /// Jobs that no thread has taken yet.
    queued: usize,
    /// All jobs there are, for people who look.
    known: BTreeMap<TaskId, Known>,
}

/// What is known of a job.
#[derive(Debug)]
struct Known {
    spawned_at: &'static Location<'static>,
    born: Moment,
    is_running: bool,
}

thread_local! {
    static WORKS_FOR: Cell<*const BlockingPool> = const { Cell::new(ptr::null()) };
}

impl BlockingPool {
    pub(crate) fn new(options: BlockingOptions) -> Self {
        let (sender, jobs) = unbounded();
        let (presence, all_gone) = unbounded();
        let (sender, presence, known) = (Some(sender), Some(presence), BTreeMap::new());
        let state = State { sender, presence, threads: 0, looking: 0, queued: 0, known };
        Self { options, state: Mutex::new(state), jobs, all_gone }
    }

    /// A task that runs `closure`; it ends as cancelled if the pool is closed.
    pub(crate) fn spawn<F, T>(
        self: &Arc<Self>,
        closure: F,
        spawned_at: &'static Location<'static>,
    ) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (job, task) = Job::new(closure, spawned_at);
        // A job that was not taken is dropped here, outside the lock, and so cancelled.
        drop(self.submit(job));
        task
    }

    /// Queues a job; gives it back if the pool is closed, or has no thread and cannot make one.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Option<Job> {
        let mut state = unpoisoned(self.state.lock());
        let Some(sender) = state.sender.clone() else { return Some(job) };
        if state.queued >= state.looking
            && state.threads < self.options.thread_limit
            && self.start_thread(&mut state).is_err()
            && state.threads == 0
        {
            return Some(job);
        }
        state.queued += 1;
        let (spawned_at, born) = job.origin();
        state.known.insert(job.id(), Known { spawned_at, born, is_running: false });
        drop(state);
        // The pool holds a receiver, so the queue is never disconnected.
        sender.send(job).err().map(|refused| refused.0)
    }

    fn start_thread(self: &Arc<Self>, state: &mut State) -> std::io::Result<()> {
        let (pool, presence) = (self.clone(), state.presence.clone());
        thread::Builder::new().name(self.options.thread_name.clone()).spawn(move || {
            WORKS_FOR.set(Arc::as_ptr(&pool));
            pool.options.cores.inspect(CoreSet::apply_to_current_thread);
            pool.work();
            drop(presence);
        })?;
        state.threads += 1;
        state.looking += 1;
        Ok(())
    }

    /// One thread's life: it is counted as looking when it begins.
    fn work(&self) {
        loop {
            match self.jobs.recv_timeout(self.options.keep_alive) {
                Ok(job) => {
                    let id = job.id();
                    self.count(|state| {
                        state.looking -= 1;
                        state.queued -= 1;
                        if let Some(known) = state.known.get_mut(&id) {
                            known.is_running = true;
                        }
                    });
                    job.run();
                    self.count(|state| {
                        state.looking += 1;
                        state.known.remove(&id);
                    });
                }
                Err(RecvTimeoutError::Timeout) if !self.may_leave() => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    return self.count(|state| {
                        state.looking -= 1;
                        state.threads -= 1;
                    });
                }
            }
        }
    }

    fn count(&self, change: impl FnOnce(&mut State)) {
        let mut state = unpoisoned(self.state.lock());
        change(&mut state);
    }

    /// Counts the thread out, unless there is a job for it after all.
    fn may_leave(&self) -> bool {
        let mut state = unpoisoned(self.state.lock());
        let spare = state.looking > state.queued;
        if spare {
            state.looking -= 1;
            state.threads -= 1;
        }
        spare
    }

    /// Takes no more jobs, and cancels those that have not begun.
    pub(crate) fn close(&self) {
        let (sender, presence) = {
            let mut state = unpoisoned(self.state.lock());
            (state.sender.take(), state.presence.take())
        };
        drop((sender, presence));
        // Whoever is counted as queued has sent its job, or is just about to.
        while self.queued() > 0 {
            match self.jobs.try_recv() {
                Ok(job) => {
                    self.count(|state| {
                        state.queued -= 1;
                        state.known.remove(&job.id());
                    });
                    drop(job);
                }
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// Waits until all threads of a closed pool have left; says whether they have.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        if ptr::eq(WORKS_FOR.get(), self) {
            // One of them is asking.
            return true;
        }
        self.all_gone.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }

    /// Threads there are now, and jobs that wait for one.
    pub(crate) fn load(&self) -> BlockingLoad {
        let state = unpoisoned(self.state.lock());
        BlockingLoad { threads: state.threads, queued: state.queued }
    }

    /// All jobs that run or wait.
    pub(crate) fn dump(&self) -> Vec<TaskDump> {
        let (state, now) = (unpoisoned(self.state.lock()), Moment::now());
        let described = state.known.iter().map(|(id, known)| TaskDump {
            id: *id,
            name: None,
            spawned_at: known.spawned_at,
            ring: None,
            state: if known.is_running { TaskState::Blocking } else { TaskState::Queued },
            age: now.since(known.born),
            awaits: None,
            is_local: false,
            is_cancelled: false,
            operations: Vec::new(),
        });
        described.collect()
    }

    /// Jobs that wait for a thread.
    fn queued(&self) -> usize {
        unpoisoned(self.state.lock()).queued
    }
}
