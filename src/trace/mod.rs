//! Pictures of a pool at work: what its rings did when, in a file for <https://ui.perfetto.dev>.
//!
//! [`Pool::trace`] writes such a file. Each ring has a track with the polls of its tasks, the times
//! in which it slept or waited awake, and the work of its loop in between. Arrows from track to
//! track are messages: wakes, and tasks that are spawned elsewhere, that switch, or that are moved
//! to even out the load. As long as no trace is taken, all of this costs a branch a poll that is
//! never taken.

// # Who owns what
//
// A `Session` belongs to one trace, and is shared by the `Recording`, the recorders of the rings
// and the taps of their mailboxes. Each ring's thread has a `Tracer` in its `Local`, with a
// recorder while it is traced: switched on and off by a message, and touched by that thread alone.
// What it records goes into a buffer of the session, which anybody may read at any time; so a ring
// that is stuck is drawn up to the moment, and nobody waits for it. The tap of a mailbox tells
// senders that messages to it are to be noted; who has no recorder writes to the buffer of the
// other threads, one at a time.

mod buffer;
mod chrome;
mod event;
mod flows;
mod pieces;
mod recorder;
mod session;

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::blocking::spawn_blocking;
use crate::context;
use crate::pool::Pool;
use crate::runtime::Runtime;
use crate::time::sleep;
use buffer::EVENTS_MAX;
pub(crate) use event::How;
pub(crate) use recorder::Tracer;
use recorder::now_ns;
use session::Session;
pub(crate) use session::{Tap, sent};

/// How many events of each ring [`Pool::trace`] keeps: 12 MiB.
const EVENTS_PER_RING: usize = 1 << 19;

impl Pool {
    /// Records for `duration` what the rings do, and writes it to the file at `path`, as JSON that
    /// <https://ui.perfetto.dev> opens. The calling thread is blocked as long.
    ///
    /// Of each ring the first 524,288 events are kept (12 MiB), where a poll is two; the report
    /// says how many more there were. As many are kept of all other threads together. Names and
    /// places of tasks come on top, and while the file is written about 500 bytes for each message,
    /// at most.
    ///
    /// What is under way at the end, such as a poll that does not return, is drawn as well. A ring
    /// that is in a poll when the trace begins is recorded from the end of that poll on.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) on the thread of a ring, which it would block: see
    /// [`trace_async`](Self::trace_async). [`ResourceBusy`](io::ErrorKind::ResourceBusy) if
    /// this pool is being traced already. Those of making the file, which come before `duration`
    /// begins, and of writing it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("ringpool-doc-{}.json", std::process::id()));
    /// let pool = ringpool::Pool::new(2);
    /// let _busy = pool.spawn(async {
    ///     loop {
    ///         ringpool::time::sleep(Duration::from_millis(1)).await;
    ///     }
    /// });
    /// let report = pool.trace(&path, Duration::from_millis(20))?;
    /// assert_eq!(report.dropped, 0);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn trace(&self, path: impl AsRef<Path>, duration: Duration) -> io::Result<Report> {
        if !context::here().is_null() {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "`Pool::trace` would block a ring's thread and every task on it; use \
                 `trace_async` there",
            ));
        }
        let recording = self.start_trace(EVENTS_PER_RING)?;
        let file = File::create(path)?;
        std::thread::sleep(duration);
        recording.write_to(&file)
    }

    /// As [`trace`](Self::trace), for a task of a pool, which need not be this one.
    ///
    /// # Errors
    ///
    /// As those of [`trace`](Self::trace), apart from the first.
    ///
    /// # Panics
    ///
    /// When polled on a thread that has no ring.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, nothing is recorded any more; the file may be there, and incomplete.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("ringpool-d-{}.json", std::process::id()));
    /// let pool = ringpool::Pool::new(2);
    /// let report = pool.block_on(async {
    ///     pool.trace_async(&path, Duration::from_millis(20)).await
    /// })?;
    /// assert_eq!(report.dropped, 0);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn trace_async(
        &self,
        path: impl AsRef<Path>,
        duration: Duration,
    ) -> io::Result<Report> {
        let path = path.as_ref().to_owned();
        let recording = self.start_trace(EVENTS_PER_RING)?;
        let file = spawn_blocking(move || File::create(path)).await??;
        sleep(duration).await;
        spawn_blocking(move || recording.write_to(&file)).await?
    }

    /// Records what the rings do until the [`Recording`] is written or dropped; of each ring no
    /// more than `events_max` events of 24 bytes, the first ones.
    ///
    /// Returns at once, on any thread; see [`trace`](Self::trace) for what is recorded.
    ///
    /// # Errors
    ///
    /// [`ResourceBusy`](io::ErrorKind::ResourceBusy) if this pool is being traced already;
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `events_max` is more than 67,108,864 (1.5
    /// GiB).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("ringpool-rec-{}.json", std::process::id()));
    /// let pool = ringpool::Pool::new(2);
    /// let recording = pool.start_trace(100_000)?;
    /// pool.spawn(async { 6 * 7 }).wait()?;
    /// let report = recording.write(&path)?; // All of it, and nothing else.
    /// assert!(report.events > 0);
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_trace(&self, events_max: usize) -> io::Result<Recording> {
        if events_max > EVENTS_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a trace of {events_max} events a ring; {EVENTS_MAX} is the most"),
            ));
        }
        let runtimes = self.runtimes().to_vec();
        let mailboxes = runtimes.iter().map(Runtime::mailbox).collect();
        let session = Arc::new(Session::new(mailboxes, events_max));
        // The first ring decides: whoever has that has them all.
        if !session.mailboxes[0].tap.claim(&session) {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "this pool is being traced already; wait for that trace to end, or drop its \
                 `Recording`",
            ));
        }
        for (index, mailbox) in session.mailboxes.iter().enumerate() {
            let _ = index == 0 || mailbox.tap.claim(&session);
            // A ring that is stuck must not keep the buffers of a trace that is over.
            let theirs = Arc::downgrade(&session);
            // A ring that has stopped has nothing to record.
            mailbox.run_in_its_turn(move |local| local.trace.begin(&theirs, index));
            mailbox.tap.switch_on();
        }
        Ok(Recording { session, _runtimes: runtimes })
    }
}

/// A trace that is being taken; made by [`Pool::start_trace`]. It ends when this is written or
/// dropped.
#[must_use = "the trace ends when this is dropped"]
pub struct Recording {
    session: Arc<Session>,
    /// Keep the mailboxes from becoming those of other rings.
    _runtimes: Vec<Runtime>,
}

impl Recording {
    /// Ends the trace and writes it to the file at `path`, as JSON that <https://ui.perfetto.dev>
    /// opens. It blocks, so in a task it belongs into [`spawn_blocking`].
    ///
    /// # Errors
    ///
    /// Those of making and writing the file; what was recorded is lost then.
    pub fn write(self, path: impl AsRef<Path>) -> io::Result<Report> {
        let end_ns = now_ns();
        self.write_until(end_ns, &File::create(path)?)
    }

    fn write_to(self, file: &File) -> io::Result<Report> {
        self.write_until(now_ns(), file)
    }

    fn write_until(self, end_ns: u64, file: &File) -> io::Result<Report> {
        let session = self.session.clone();
        // Nothing is recorded while we write.
        drop(self);
        chrome::write(&session, end_ns, &mut BufWriter::with_capacity(1 << 16, file))?;
        Ok(Report::new(&session, end_ns))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // The first ring last: from then on there may be another trace.
        for mailbox in self.session.mailboxes.iter().rev() {
            mailbox.tap.switch_off();
            // Comes out of the inbox before what begins another trace.
            mailbox.run_in_its_turn(|local| local.trace.end());
            mailbox.tap.give_up();
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("rings", &self.session.rings.len()).finish()
    }
}

/// What a trace has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Events that were recorded. A poll, a sleep and a time of waiting awake are two each.
    pub events: usize,
    /// Events that were not, since the room for those of their ring was used up.
    pub dropped: u64,
    /// Rings that have not recorded anything: stuck in a poll that began before the trace, or
    /// stopped.
    pub without_answer: Vec<usize>,
}

impl Report {
    fn new(session: &Session, end_ns: u64) -> Self {
        let buffers = || session.rings.iter().chain([&session.others]);
        let events = buffers().flat_map(|buffer| buffer.events());
        let rings = session.rings.iter().enumerate();
        let is_silent = |ring: &buffer::Buffer| ring.began_ns().is_none_or(|began| began > end_ns);
        Self {
            events: events.filter(|event| event.at_ns <= end_ns).count(),
            dropped: buffers().map(|buffer| buffer.dropped.get()).sum(),
            without_answer: rings.filter(|(_, ring)| is_silent(ring)).map(|(at, _)| at).collect(),
        }
    }
}

#[cfg(all(test, not(ringpool_loom), not(ringpool_shuttle)))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_ring_that_is_stuck_does_not_keep_the_memory_of_a_trace_that_is_over() {
        let pool = Pool::new(1);
        let (begins, begun) = channel();
        let (end, ends) = channel::<()>();
        let stuck = pool.spawn(async move {
            begins.send(()).expect("the test waits");
            let _ = ends.recv();
        });
        begun.recv().expect("it is spawned");
        let recording = pool.start_trace(1_000).expect("it is the only one");
        let session = Arc::downgrade(&recording.session);
        drop(recording);
        assert!(session.upgrade().is_none());
        drop(end);
        stuck.wait().expect("it ends");
    }
}
