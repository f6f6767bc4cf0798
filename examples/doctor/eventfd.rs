//! An eventfd, which `std` does not have.

use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A new eventfd, to be written to as a file.
pub(crate) fn new() -> io::Result<File> {
    // SAFETY: the call takes numbers only.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else has it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
