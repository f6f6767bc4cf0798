//! A thread that looks after polls that last.
//!
//! It exists only if it was asked for, looks at what each ring has written down (`running.rs`), and
//! so costs the rings nothing. It sees a poll for the first time some while after it has begun, so
//! what it reports has lasted for longer than it says, never for less.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{fmt, io};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::dump::{LongPoll, long_poll};
use crate::foreign::shielded;
use crate::primitives::unpoisoned;
use crate::runtime::Runtime;

/// How often it looks while a poll takes as long as the limit.
const LOOKS_PER_LIMIT: u32 = 4;
/// The shortest time between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(1);

pub(crate) type Report = Arc<dyn Fn(&LongPoll) + Send + Sync>;

/// What the user wants to know.
#[derive(Clone)]
pub(crate) struct WatchdogOptions {
    limit: Duration,
    report: Report,
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    alive: Option<Sender<()>>,
    /// In a lock only because a handle is not `UnwindSafe`, which pools are.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WatchdogOptions {
    /// Says on stderr what takes longer than `limit`.
    pub(crate) fn to_stderr(limit: Duration) -> Self {
        // Printing panics where stderr is gone, which is caught where it is called.
        Self::new(limit, |poll| {
            eprintln!("ringpool: ring {} is kept busy by a poll of {poll}", poll.ring);
        })
    }

    pub(crate) fn new(limit: Duration, report: impl Fn(&LongPoll) + Send + Sync + 'static) -> Self {
        Self { limit, report: Arc::new(report) }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Starts the thread.
    pub(crate) fn start(self, name: String, runtimes: Vec<Runtime>) -> io::Result<Watchdog> {
        let (alive, pool_ended) = bounded(0);
        let watch = move || self.watch(&runtimes, &pool_ended);
        let thread = thread::Builder::new().name(name).spawn(watch)?;
        Ok(Watchdog { alive: Some(alive), thread: Mutex::new(Some(thread)) })
    }

    fn watch(&self, runtimes: &[Runtime], pool_ended: &Receiver<()>) {
        let pause = (self.limit / LOOKS_PER_LIMIT).max(PAUSE_MIN);
        let mut reported = vec![0; runtimes.len()];
        while pool_ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            for (runtime, reported) in runtimes.iter().zip(&mut reported) {
                self.look_at(runtime, reported);
            }
        }
    }

    /// Looks at the ring whose poll number `reported` was told of last.
    fn look_at(&self, runtime: &Runtime, reported: &mut u64) {
        let Some(poll) = long_poll(runtime) else { return };
        if poll.lasted >= self.limit && poll.serial != *reported {
            *reported = poll.serial;
            let poll = poll.with_name();
            // The user's code, whose panic the hook has told of.
            let _ = shielded(|| (self.report)(&poll));
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        let thread = unpoisoned(self.thread.get_mut()).take();
        // It may be the user's report that drops the pool.
        let thread = thread.filter(|thread| thread.thread().id() != thread::current().id());
        // A report's panic has been caught.
        let _ = thread.map(JoinHandle::join);
    }
}

impl fmt::Debug for WatchdogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogOptions").field("limit", &self.limit).finish_non_exhaustive()
    }
}
