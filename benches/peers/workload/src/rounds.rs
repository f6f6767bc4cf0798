//! An operation again and again.

use crate::{Cost, Stopwatch};

/// Does `operation` `warm_up` times, and then so many times that count.
///
/// To be awaited inside the runtime, so that neither its start nor its end is measured.
pub async fn repeat(warm_up: u64, count: u64, mut operation: impl AsyncFnMut()) -> Cost {
    for _ in 0..warm_up {
        operation().await;
    }
    let watch = Stopwatch::start();
    for _ in 0..count {
        operation().await;
    }
    watch.stop()
}

/// The same for what is called.
pub fn repeat_calls(warm_up: u64, count: u64, mut operation: impl FnMut()) -> Cost {
    for _ in 0..warm_up {
        operation();
    }
    let watch = Stopwatch::start();
    for _ in 0..count {
        operation();
    }
    watch.stop()
}
