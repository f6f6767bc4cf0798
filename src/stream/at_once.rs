//! Sending without an entry in the ring, where the ring would be entered for nothing else.
//!
//! A send on a connection nearly always ends while it is submitted. Many of them share the system
//! call that submits them, but one that stands alone has it for itself, and besides it the entry,
//! the completion and a turn of the loop: then `send(2)` is the shorter way to the same end. So it
//! is taken when no entry waits to be submitted and no other task to be run, and a send that the
//! socket has no room for goes on as an operation. So does one that the process may not make by
//! this call, as filters of system calls may have it.

use std::io;
use std::os::fd::AsRawFd;

use crate::buf::IoBuf;
use crate::context;
use crate::coop;
use crate::metrics::OperationFamily;
use crate::op::SharedFd;
use crate::stop;
use crate::task::shed;

/// Units of a task's budget, which is 128 a poll. A task that sends again and again soon comes back
/// to its ring, and has something left for other operations nevertheless.
const COSTS: u16 = 24;

/// Sends what there is room for, if it is worth while and can be done without waiting. An operation
/// is to do it on `None`.
pub(super) fn send(fd: &SharedFd, bytes: &impl IoBuf) -> Option<io::Result<usize>> {
    context::with(|local| {
        let local = local?;
        let is_worth_while = !shed::has_work(local) && !local.ring.borrow_mut().has_entries();
        if !is_worth_while || local.stopping.get() || stop::is_stopped() {
            return None;
        }
        if !coop::spend_unless_last(COSTS) {
            return None;
        }
        // Before it can be seen, and so also one that finds no room.
        let operations = &local.counters().operations;
        operations.start(OperationFamily::Sockets);
        let sent = send_now(fd, bytes);
        operations.complete(OperationFamily::Sockets);
        sent
    })
}

/// `None` if it would have to wait, has to be asked for once more, or is not allowed.
fn send_now(fd: &SharedFd, bytes: &impl IoBuf) -> Option<io::Result<usize>> {
    const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads bytes that the buffer says are initialized, and is done with them
    // when the call returns.
    let sent =
        unsafe { libc::send(fd.as_raw_fd(), bytes.ptr().cast(), bytes.initialized_len(), FLAGS) };
    // A negative count is an error.
    let Ok(count) = usize::try_from(sent) else {
        let error = io::Error::last_os_error();
        let is_left = matches!(
            error.raw_os_error(),
            Some(libc::EAGAIN | libc::EINTR | libc::EPERM | libc::ENOSYS)
        );
        return (!is_left).then_some(Err(error));
    };
    Some(Ok(count))
}

#[cfg(all(test, not(ringpool_loom), not(ringpool_shuttle)))]
mod tests {
    use std::future::Future;
    use std::io::{ErrorKind, Read};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::{Pool, op, spawn, yield_now};

    fn pair() -> (SharedFd, UnixStream) {
        let (near, far) = UnixStream::pair().unwrap();
        (SharedFd::from(OwnedFd::from(near)), far)
    }

    /// In a task that is alone on its ring.
    fn alone<T: Send>(test: impl Future<Output = T> + Send) -> T {
        Pool::new(1).block_on(async {
            yield_now().await;
            test.await
        })
    }

    fn is_sent(sent: Option<io::Result<usize>>) -> bool {
        sent.is_some_and(|result| result.is_ok())
    }

    #[test]
    fn a_send_that_stands_alone_needs_no_entry() {
        let (near, mut far) = pair();
        let sockets = alone(async {
            assert_eq!(send(&near, &b"alone").unwrap().unwrap(), 5);
            yield_now().await;
            crate::current().unwrap().metrics().operations.sockets
        });
        assert_eq!((sockets.started, sockets.completed), (1, 1));
        let mut received = [0; 5];
        far.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"alone");
    }

    #[test]
    fn one_that_can_share_a_system_call_is_left_to_it() {
        let (near, _far) = pair();
        alone(async {
            let mut nop = pin!(op::nop());
            assert!(nop.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert!(send(&near, &b"x").is_none());
            nop.await.unwrap();
            assert!(is_sent(send(&near, &b"x")));
        });
    }

    #[test]
    fn other_tasks_come_first() {
        let (near, _far) = pair();
        alone(async {
            let other = spawn(async {});
            assert!(send(&near, &b"x").is_none());
            other.await.unwrap();
            assert!(is_sent(send(&near, &b"x")));
        });
    }

    #[test]
    fn who_sends_again_and_again_comes_back_to_the_ring() {
        let (near, _far) = pair();
        alone(async {
            let sent = (0..100).take_while(|_| is_sent(send(&near, &b"x"))).count();
            assert_eq!(sent, usize::from(coop::BUDGET_PER_POLL / COSTS));
            let proceeds = coop::poll_proceed(&Context::from_waker(Waker::noop()));
            assert!(proceeds.is_ready(), "other operations go on");
            yield_now().await;
            assert!(is_sent(send(&near, &b"x")));
        });
    }

    #[test]
    fn a_full_socket_is_waited_for_by_an_operation_and_a_closed_one_is_an_error() {
        let (near, far) = pair();
        let mut far = Some(far);
        alone(async {
            let mib = vec![7; 1 << 20];
            while is_sent(send(&near, &mib)) {
                yield_now().await;
            }
            assert!(send(&near, &mib).is_none());
            drop(far.take());
            let error = send(&near, &mib).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    }

    #[test]
    fn elsewhere_than_on_a_ring_nothing_is_sent() {
        let (near, _far) = pair();
        assert!(send(&near, &b"x").is_none());
    }
}
