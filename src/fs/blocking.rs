//! Calls for which io_uring has no operation, on threads that may block.

use std::future::poll_fn;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};

use crate::op::{SharedFd, not_on_a_ring};
use crate::stop;

/// Makes the call on one of the pool's threads for blocking work. Dropped before it has begun, it
/// is not made; once it has begun it is made to the end. In a scope that is stopped it is not made.
pub(super) async fn blocking<T, F>(call: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    if crate::current().is_none() {
        return Err(not_on_a_ring());
    }
    poll_fn(|cx| stop::poll_running(cx)).await?;
    crate::spawn_blocking(call).await?
}

/// As [`blocking`], for a call on an open file.
pub(super) async fn blocking_on<T, F>(fd: &SharedFd, call: F) -> io::Result<T>
where
    F: FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let fd = fd.clone();
    blocking(move || with_std(&fd, call)).await
}

/// Makes the call on the standard library's view of an open file.
pub(crate) fn with_std<T>(fd: &SharedFd, call: impl FnOnce(&std::fs::File) -> T) -> T {
    // SAFETY: the descriptor stays open as long as `fd` is borrowed, and the view never closes it.
    let file = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd.as_raw_fd()) });
    call(&file)
}
