//! The two schedulers, on as many threads as a workload needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use workload::processors::{pin, unpin};

/// Threads that run tasks, one to a processor; dropped, they end.
pub trait Threads {
    /// Starts so many of them.
    fn start(threads: usize) -> Self;

    /// By which to spawn on one of them, as far as the scheduler lets anybody choose.
    fn handle(&self, thread: usize) -> &Handle;

    /// Runs `body` as a task, of the first thread if there is a choice, and waits for its end.
    fn run<F>(&self, body: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        // The calling thread does nothing but wait: it is none of the runtime's.
        let task = self.handle(0).spawn(body);
        self.handle(0).block_on(task).expect("the body does not panic")
    }
}

/// A runtime for each thread, which runs the tasks that are spawned on it, and no others.
#[derive(Debug)]
pub struct CurrentThread {
    runtimes: Vec<OneThread>,
}

impl Threads for CurrentThread {
    fn start(threads: usize) -> Self {
        Self { runtimes: (0..threads).map(OneThread::start).collect() }
    }

    fn handle(&self, thread: usize) -> &Handle {
        &self.runtimes[thread].handle
    }
}

/// A thread with a runtime that runs until this is dropped.
#[derive(Debug)]
struct OneThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OneThread {
    /// Starts it on the first (0) or the second (1) processor.
    fn start(which: usize) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (handle_to, handle_from) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            pin(which);
            // Of this flavour, only threads for blocking work are started by the runtime.
            let mut builder = Builder::new_current_thread();
            let runtime = builder.enable_all().on_thread_start(unpin).build();
            let runtime = runtime.expect("tokio starts");
            handle_to.send(runtime.handle().clone()).expect("the starter waits");
            // Dropping the sender is how it stops.
            let _ = runtime.block_on(stopped);
        });
        let handle = handle_from.recv().expect("the thread starts");
        Self { handle, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the runtime does not panic");
        }
    }
}

/// One runtime, whose workers take tasks from each other.
#[derive(Debug)]
pub struct MultiThread {
    runtime: Runtime,
}

impl Threads for MultiThread {
    fn start(threads: usize) -> Self {
        let started = Arc::new(AtomicUsize::new(0));
        let turn = started.clone();
        let place = move || match turn.fetch_add(1, Ordering::Relaxed) {
            worker if worker < threads => pin(worker),
            _ => unpin(),
        };
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads).enable_all().on_thread_start(place).build();
        let runtime = runtime.expect("tokio starts");
        // Until all workers have a processor, no thread for blocking work must take one of theirs.
        while started.load(Ordering::Relaxed) < threads {
            std::thread::yield_now();
        }
        Self { runtime }
    }

    fn handle(&self, _thread: usize) -> &Handle {
        self.runtime.handle()
    }
}
