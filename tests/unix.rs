//! Unix sockets beside those of the standard library; descriptors that go through them.
//!
//! Tests here count descriptors, so they run one after the other.

mod common;
mod network;
#[path = "unix/datagrams.rs"]
mod unix_datagrams;
#[path = "unix/descriptors.rs"]
mod unix_descriptors;
#[path = "unix/streams.rs"]
mod unix_streams;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringpool::{current, yield_now};

/// A number that no other test of any process has.
fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("ringpool-unix-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

/// A name that is in no file system.
fn abstract_address() -> SocketAddr {
    SocketAddr::from_abstract_name(unique()).unwrap()
}

/// A path that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(unique()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Waits until the calling task's ring has had one completion more than `before`.
async fn completed_after(before: u64) {
    while operations() <= before {
        yield_now().await;
    }
}

/// Operations of this ring that have completed.
fn operations() -> u64 {
    current().expect("in a task").metrics().operations_completed
}
