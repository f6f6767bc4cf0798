//! Errors of `io_uring_enter`.

use std::io;

/// What an enter that failed means to the loop, which comes back in any case: the passing failures
/// are no failure.
///
/// `ETIME`, `EINTR`: the wait is over. `EAGAIN`, `EBUSY`, `ENOMEM`: the kernel is short of memory
/// or of room for completions; reap, and try again. `EBADR`: it had to drop completions because it
/// had no memory for them; it has said so once, and waiting goes on.
pub(super) fn settled(entered: io::Result<usize>) -> io::Result<()> {
    const PASSING: [i32; 6] =
        [libc::ETIME, libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ENOMEM, libc::EBADR];
    match entered {
        Ok(_) => Ok(()),
        Err(error) if error.raw_os_error().is_some_and(|errno| PASSING.contains(&errno)) => Ok(()),
        Err(error) => Err(error),
    }
}
