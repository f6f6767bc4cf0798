//! The number of system calls, by the kernel's tracepoint where they all pass.

use std::io;
use std::sync::Mutex;

use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

/// Needs root, and the file system of the kernel's tracing to be mounted.
const TRACEPOINT_ID: &str = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";

static COUNTER: Mutex<Option<Counter>> = Mutex::new(None);

/// From now on those of the calling thread count, and of all threads that come from it.
pub(crate) fn begin_counting() -> io::Result<()> {
    let id = std::fs::read_to_string(TRACEPOINT_ID)?;
    let id = id.trim().parse().expect("the kernel writes a number");
    let tracepoint = Tracepoint::with_id(id);
    let mut counter = Builder::new(tracepoint).inherit(true).include_kernel().build()?;
    counter.enable()?;
    *COUNTER.lock().expect("nobody panics with it") = Some(counter);
    Ok(())
}

pub(crate) fn so_far() -> u64 {
    let mut counter = COUNTER.lock().expect("nobody panics with it");
    counter.as_mut().map_or(0, |counter| counter.read().expect("a counter can be read"))
}
