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

use crate::context;
use crate::dump::{LongPoll, long_poll};
use crate::foreign::shielded;
use crate::primitives::unpoisoned;
use crate::runtime::Runtime;

/// How often it looks while a poll takes as long as the limit.
const LOOKS_PER_LIMIT: u32 = 4;
/// The shortest time between two looks.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// How long the end of a pool waits for a report that is running.
const REPORT_WAIT: Duration = Duration::from_secs(1);

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
    /// Closed when the thread has run the last of the user's code.
    ended: Receiver<()>,
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
        let (not_ended, ended) = bounded(0);
        let watch = move || {
            self.watch(&runtimes, &pool_ended);
            // What the report owns is dropped here, and may be the user's code too.
            let _ = shielded(|| drop(self));
            drop(runtimes);
            drop::<Sender<()>>(not_ended);
        };
        let thread = thread::Builder::new().name(name).spawn(watch)?;
        Ok(Watchdog { alive: Some(alive), ended, thread: Mutex::new(Some(thread)) })
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
        let Some(thread) = unpoisoned(self.thread.get_mut()).take() else { return };
        // It may be the user's report that drops the pool.
        let is_report = thread.thread().id() == thread::current().id();
        // A report may wait for a task of the ring whose thread this is.
        if is_report || !context::here().is_null() {
            return;
        }
        // Nor may a report that waits for us, or for ever, keep us: then the thread ends by itself.
        if self.ended.recv_timeout(REPORT_WAIT) == Err(RecvTimeoutError::Disconnected) {
            // A report's panic has been caught.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for WatchdogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchdogOptions").field("limit", &self.limit).finish_non_exhaustive()
    }
}
