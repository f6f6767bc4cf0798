//! What the behaviour tests share: a limit to how long a test may take, counted drops, and futures
//! that stop at a point of their own.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use ringpool::Pool;
use ringpool::op::SharedFd;

/// How long a test may take before the process is aborted: a hang has to be seen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Aborts the process, and says which test hangs, unless it is dropped in time.
pub(crate) struct Watchdog(
    #[expect(dead_code, reason = "disconnects when it is dropped")] Sender<()>,
);

/// Begins the time of the calling test.
#[must_use = "the time is limited as long as this lives"]
pub(crate) fn limit() -> Watchdog {
    limit_of(if is_emulated() { 2 * LIMIT } else { LIMIT })
}

/// As [`limit`], for a test that takes longer.
#[must_use = "the time is limited as long as this lives"]
pub(crate) fn limit_of(time: Duration) -> Watchdog {
    limit_named(time, std::thread::current().name().unwrap_or("a test"))
}

/// As [`limit_of`], for a part of a test.
#[must_use = "the time is limited as long as this lives"]
pub(crate) fn limit_named(time: Duration, name: &str) -> Watchdog {
    let name = name.to_owned();
    let (alive, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            // What a test prints is kept from view until it ends, and this one does not.
            let _ = writeln!(std::io::stderr(), "`{name}` hangs: no end within {time:?}");
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// Says that the calling test is left out, since `what` is missing here. Where nothing may be
/// missing, which the variable `CI` tells, the test fails.
pub(crate) fn skip(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(std::env::var_os("CI").is_none(), "`{test}` needs {what}, which is missing here");
    // Past the harness, which keeps what a test prints from view if it passes.
    let _ = writeln!(std::io::stderr(), "skipped: {test} needs {what}, which is missing here");
}

/// Whether an operation failed because this kernel lacks it; then the calling test is left out.
pub(crate) fn lacks<T>(result: &std::io::Result<T>) -> bool {
    let error = result.as_ref().err();
    let error = error.filter(|error| error.kind() == std::io::ErrorKind::Unsupported);
    error.inspect(|error| skip(&error.to_string())).is_some()
}

/// The first two numbers of the kernel's release, for what cannot be asked for in another way.
pub(crate) fn kernel_version() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("procfs is there");
    let mut numbers = release.split('.').map_while(|number| number.parse().ok());
    (numbers.next().expect("a version"), numbers.next().expect("a second number"))
}

/// Whether this is an emulated computer, where a second's work takes a minute.
pub(crate) fn is_emulated() -> bool {
    std::env::var_os("RINGPOOL_EMULATED").is_some()
}

/// How often to repeat something: less often where it takes so much longer.
pub(crate) fn rounds(count: usize) -> usize {
    if is_emulated() { count.div_ceil(10) } else { count }
}

/// Waits until `condition` holds; whether it ever does is the watchdog's affair.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Counts how often something happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it is at least `number`.
    pub(crate) fn reaches(&self, number: usize) {
        until(|| self.get() >= number);
    }

    /// A value that counts when it is dropped.
    pub(crate) fn on_drop(&self) -> CountsDrop {
        CountsDrop(self.clone())
    }
}

/// Counts its drop.
#[derive(Debug)]
pub(crate) struct CountsDrop(Count);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// A door that is opened once, and futures and threads that wait at it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(AtomicBool, Mutex<Vec<Waker>>)>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn open(&self) {
        let waiting = {
            let mut waiting = self.0.1.lock().unwrap();
            self.0.0.store(true, Ordering::SeqCst);
            std::mem::take(&mut *waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Waits as a future.
    pub(crate) async fn pass(&self) {
        poll_fn(|cx| {
            let mut waiting = self.0.1.lock().unwrap();
            if self.is_open() {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Waits as a thread.
    pub(crate) fn wait(&self) {
        until(|| self.is_open());
    }
}

/// Never ready, and never woken.
pub(crate) async fn never() {
    std::future::pending::<()>().await;
}

/// The index of the ring that the caller runs on.
pub(crate) fn here() -> Option<usize> {
    ringpool::current().map(|runtime| runtime.index())
}

/// The waker of the calling task.
pub(crate) async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

/// A waker that counts wakes and its own drop.
pub(crate) struct CountingWaker {
    pub(crate) wakes: Count,
    _dropped: CountsDrop,
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wakes.add();
    }
}

/// A waker, the count of its wakes, and the count of its drops: 1 once the last clone is gone.
pub(crate) fn counting_waker() -> (Waker, Count, Count) {
    let (wakes, dropped) = (Count::new(), Count::new());
    let waker = CountingWaker { wakes: wakes.clone(), _dropped: dropped.on_drop() };
    (Waker::from(Arc::new(waker)), wakes, dropped)
}

/// Polls once, with `waker`.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// The payload of a panic that a test makes; the panic is not printed.
#[derive(Debug)]
pub(crate) struct OnPurpose(pub(crate) &'static str);

/// Panics without a word on stderr.
pub(crate) fn panic_on_purpose(text: &'static str) -> ! {
    silence_panics_on_purpose();
    std::panic::panic_any(OnPurpose(text))
}

/// Keeps [`panic_on_purpose`] from printing, and any other payload that is not text.
pub(crate) fn silence_panics_on_purpose() {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str().is_some() {
                print(info);
            }
        }));
    });
}

/// The text of a panic made on purpose, or of one with text.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(on_purpose) = payload.downcast_ref::<OnPurpose>() {
        on_purpose.0
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        payload.downcast_ref::<&str>().copied().unwrap_or("(no text)")
    }
}

/// What `code` panics with.
pub(crate) fn panic_of<R>(code: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text_of(&*payload).to_owned(),
    }
}

/// A pool that a test shuts down: it must take less than the limit.
pub(crate) fn shut_down(pool: &Pool) {
    pool.shutdown(Duration::from_secs(30)).expect("the pool stops in time");
}

/// A thread that runs `code` now and is joined when its handle is dropped.
pub(crate) fn on_a_plain_thread<R: Send + 'static>(code: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::spawn(code).join().expect("the plain thread does not panic")
}

/// The next value of a channel, within the limit of a test.
pub(crate) fn next<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(LIMIT).expect("a message comes")
}

/// Threads of this process whose name begins with `prefix`.
pub(crate) fn threads_named(prefix: &str) -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs is there");
    tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .filter(|name| name.starts_with(prefix))
        .collect()
}

/// Until when something may take that is not expected to take long.
pub(crate) fn soon() -> Instant {
    Instant::now() + LIMIT
}

/// Forgets a value as `mem::forget` does, where a leak checker still finds it.
pub(crate) fn forget<T: Send + 'static>(value: T) {
    static FORGOTTEN: Mutex<Vec<&'static Mutex<dyn Any + Send>>> = Mutex::new(Vec::new());
    FORGOTTEN.lock().unwrap().push(Box::leak(Box::new(Mutex::new(value))));
}

/// An example program, built as this test was: it need not be there, or may be an old one. Where
/// there is no cargo, `RINGPOOL_EXAMPLES` names the folder that has them.
pub(crate) fn example(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("RINGPOOL_EXAMPLES") {
        return PathBuf::from(folder).join(name);
    }
    let _limit = limit_of(Duration::from_secs(900));
    let this = std::env::current_exe().expect("a test is a program");
    let profile = this.ancestors().nth(2).expect("it is in target/<profile>/deps");
    let mut target = profile.parent().expect("the folder of all profiles");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--example", name]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let triple = target.file_name().filter(|name| name.as_bytes().ends_with(b"-linux-gnu"));
    if let Some(triple) = triple {
        cargo.arg("--target").arg(triple);
        target = target.parent().expect("the folder of all targets");
    }
    let status = cargo.arg("--target-dir").arg(target).status().expect("cargo is there");
    assert!(status.success(), "{cargo:?}: {status}");
    profile.join("examples").join(name)
}

/// A reader for operations, and a writer that blocks.
pub(crate) fn pipe() -> (SharedFd, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (SharedFd::from(std::os::fd::OwnedFd::from(reader)), writer)
}
