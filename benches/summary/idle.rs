//! What runtimes cost that have nothing to do, just after they had.

use std::thread;
use std::time::Duration;

use ringpool::spawn_on;

use crate::common::measure::process_cpu;
use crate::common::runtimes::{TokioNeighbour, Waiting, on_tokio, pool};

/// For how long nothing happens.
pub(crate) const IDLE: Duration = Duration::from_millis(500);
const WARM_UP: u64 = 20_000;

/// What happened in that time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    pub(crate) cpu: Duration,
    /// Of all threads, the one that measures included.
    pub(crate) voluntary_switches: u64,
}

/// Two rings that have just sent each other many tasks, each one with a task that waits.
pub(crate) fn ringpool_idle() -> Idle {
    let pool = pool(2, Waiting::Default);
    let there = pool.runtime(1);
    let waiting = [0, 1].map(|index| pool.runtime(index).spawn(std::future::pending::<()>()));
    pool.block_on(async {
        for _ in 0..WARM_UP {
            spawn_on(&there, async {}).await.expect("it ends");
        }
    });
    let idle = watch();
    drop(waiting);
    idle
}

/// Two current-thread runtimes: the same.
pub(crate) fn tokio_idle() -> Idle {
    let neighbour = TokioNeighbour::start();
    let there = neighbour.handle.clone();
    there.spawn(std::future::pending::<()>());
    // The runtime has to be running while it idles, so another thread watches.
    let watcher = on_tokio(async move {
        for _ in 0..WARM_UP / 10 {
            there.spawn(async {}).await.expect("it ends");
        }
        let (idle_to, idle_from) = tokio::sync::oneshot::channel();
        thread::spawn(move || idle_to.send(watch()));
        idle_from.await
    });
    watcher.expect("the watcher answers")
}

/// Nothing but the thread that measures.
pub(crate) fn nothing_idle() -> Idle {
    watch()
}

fn watch() -> Idle {
    let (cpu, switches) = (process_cpu(), voluntary_switches());
    thread::sleep(IDLE);
    Idle { cpu: process_cpu() - cpu, voluntary_switches: voluntary_switches() - switches }
}

/// How often threads of this process have gone to sleep of their own accord.
fn voluntary_switches() -> u64 {
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    tasks.flatten().filter_map(|task| status(task).ok()).map(|text| switches_in(&text)).sum()
}

fn switches_in(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
