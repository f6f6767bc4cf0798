//! The runtimes that are compared, on the same number of threads, pinned to the same processors.

use std::future::Future;
use std::io;
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use core_affinity::CoreId;
use ringpool::{Pinning, Pool};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// The processors that the two threads of a row run on, as the process was started.
pub(crate) fn cores() -> [usize; 2] {
    // Asked once: threads that have been pinned give their mask to those they start.
    static CORES: OnceLock<[usize; 2]> = OnceLock::new();
    *CORES.get_or_init(|| {
        let allowed = core_affinity::get_core_ids().expect("the affinity mask can be read");
        let first = allowed.first().expect("there is a processor").id;
        [first, allowed.get(1).map_or(first, |core| core.id)]
    })
}

/// Pins the calling thread to the first or the second of them.
pub(crate) fn pin(which: usize) {
    assert!(core_affinity::set_for_current(CoreId { id: cores()[which] }), "cannot pin a thread");
}

/// How a pool waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// As the builder has it by default: awake for a while, if messages come quickly.
    Default,
    /// Asleep, always: `spin_before_sleep` is zero.
    Asleep,
}

/// A pool of `threads` rings.
pub(crate) fn pool(threads: usize, waiting: Waiting) -> Pool {
    pool_with(threads, waiting, |builder| builder)
}

/// The same, of which the builder is told more.
pub(crate) fn pool_with(
    threads: usize,
    waiting: Waiting,
    more: impl FnOnce(ringpool::Builder) -> ringpool::Builder,
) -> Pool {
    let builder = Pool::builder().threads(threads).pinning(Pinning::Cores(cores().to_vec()));
    let builder = match waiting {
        Waiting::Default => builder,
        Waiting::Asleep => builder.spin_before_sleep(Duration::ZERO),
    };
    more(builder).build().expect("io_uring works here")
}

/// Runs `body` on a thread of its own, on the first processor.
pub(crate) fn on_first_core<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    cores();
    std::thread::scope(|scope| {
        // The name is for who profiles: the pool's threads have theirs.
        let thread = std::thread::Builder::new().name("first-core".to_owned());
        let thread = thread.spawn_scoped(scope, || {
            pin(0);
            body()
        });
        thread.expect("a thread can be started").join().expect("the body does not panic")
    })
}

/// Runs `body` on a current-thread runtime of tokio, on the first processor.
///
/// It runs as a spawned task, as the body of `Pool::block_on` does.
pub(crate) fn on_tokio<F>(body: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    on_first_core(|| {
        let runtime = tokio_current_thread().expect("tokio starts");
        runtime.block_on(async { tokio::spawn(body).await.expect("the body does not panic") })
    })
}

/// A current-thread runtime of tokio on the second processor; the first is the body's.
pub(crate) struct TokioNeighbour {
    pub(crate) handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TokioNeighbour {
    pub(crate) fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let (handle_to, handle_from) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            pin(1);
            let runtime = tokio_current_thread().expect("tokio starts");
            handle_to.send(runtime.handle().clone()).expect("the starter waits");
            // Dropping the sender is how it stops.
            let _ = runtime.block_on(stopped);
        });
        let handle = handle_from.recv().expect("the thread starts");
        Self { handle, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for TokioNeighbour {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the neighbour does not panic");
        }
    }
}

/// Tokio's own pool: two workers, pinned to one processor each.
pub(crate) fn tokio_two_workers() -> Runtime {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let pin_worker = move || pin(turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).on_thread_start(pin_worker).enable_all();
    builder.build().expect("tokio starts")
}

/// A runtime on the calling thread. Its threads for blocking work may run on both processors, as a
/// pool's may.
fn tokio_current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().on_thread_start(unpin).build()
}

/// Lets the calling thread run on both processors.
fn unpin() {
    // SAFETY: an all-zero set is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for core in cores() {
        // SAFETY: the set is ours, and the core is one that the kernel has named.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: 0 is the calling thread; the kernel only reads the set.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
    assert_eq!(result, 0, "cannot set a thread free");
}
