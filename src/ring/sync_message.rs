//! Whether a thread without a ring can ring another thread's bell.

use std::io;
use std::sync::OnceLock;

use io_uring::{opcode, squeue, types};

/// `IORING_REGISTER_SEND_MSG_RING`: the submission entry is handed to the register call itself.
const REGISTER_SEND_MSG_RING: libc::c_uint = 31;

/// Says whether messages can be sent by a register call on no ring. Since Linux 6.13.
///
/// Asked of the kernel once per process, without a ring and without sending anything.
pub(crate) fn is_supported() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| is_understood(register_send))
}

/// A message to no file is refused because there is no such file, and an entry that is no message
/// because it is none: only a kernel that reads the entry tells the two apart. A kernel that does
/// not know the call gives one answer to both, and so does a sandbox that forbids it.
fn is_understood(send: impl Fn(&squeue::Entry) -> i32) -> bool {
    let message_to_nobody = opcode::MsgRingData::new(types::Fd(-1), 0, 0, None).build();
    let no_message = opcode::Nop::new().build();
    send(&message_to_nobody) == libc::EBADF && send(&no_message) == libc::EINVAL
}

/// Sends a message, made for no ring in particular, from the calling thread.
pub(super) fn send(message: &squeue::Entry) -> io::Result<()> {
    match register_send(message) {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Makes the call and gives the errno, or 0 if it succeeded.
fn register_send(entry: &squeue::Entry) -> i32 {
    let entry: *const squeue::Entry = entry;
    // SAFETY: the kernel only reads the 64 bytes of the one entry, which the reference that was
    // passed in keeps alive during the call; `Entry` is a transparent io_uring_sqe.
    let result =
        unsafe { libc::syscall(libc::SYS_io_uring_register, -1, REGISTER_SEND_MSG_RING, entry, 1) };
    if result == 0 { 0 } else { std::io::Error::last_os_error().raw_os_error().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_reads_the_entry_supports_it() {
        let mut answers = [libc::EBADF, libc::EINVAL].into_iter();
        let answers = std::cell::RefCell::new(&mut answers);
        assert!(is_understood(|_| answers.borrow_mut().next().expect("asked at most twice")));
    }

    #[test]
    fn a_kernel_or_sandbox_with_one_answer_for_all_does_not() {
        for answer in [libc::EINVAL, libc::EBADF, libc::EPERM, libc::ENOSYS, 0] {
            assert!(!is_understood(|_| answer), "{answer}");
        }
    }

    /// The cheap question is held against a message that really arrives.
    #[test]
    fn the_answer_agrees_with_a_message_to_a_real_ring() {
        use std::os::fd::AsRawFd;

        let mut ring = io_uring::IoUring::new(2).expect("a plain ring");
        let target = types::Fd(ring.as_raw_fd());
        let message = opcode::MsgRingData::new(target, 7, 99, None).build();
        let delivered = register_send(&message) == 0;
        assert_eq!(delivered, is_supported());
        let arrived = ring.completion().next().map(|entry| (entry.result(), entry.user_data()));
        assert_eq!(arrived, delivered.then_some((7, 99)));
    }
}
