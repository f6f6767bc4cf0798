//! Commands of drivers, beside `ioctl`.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use ringpool::Pool;
use ringpool::op::{self, Descriptor, SharedFd};

use crate::common::limit;
use crate::same::called;
use crate::support::{Scratch, open};

const SOCKET_URING_OP_SIOCINQ: u32 = 0;
const SOCKET_URING_OP_GETSOCKOPT: u32 = 2;

/// What `fd` has to be read, by a command, which takes Linux 6.7.
pub(crate) async fn waiting(fd: &impl Descriptor) -> Option<u32> {
    // SAFETY: the command points to nothing, and gives a number.
    let command = unsafe { op::uring_cmd(fd, SOCKET_URING_OP_SIOCINQ, [0; 16], "kept") };
    match command.await {
        Ok((count, kept)) => {
            assert_eq!(kept, "kept");
            Some(count)
        }
        Err(error) => {
            assert_eq!(error.buffer, "kept");
            assert_eq!(error.error.raw_os_error(), Some(libc::EOPNOTSUPP));
            println!("skipped: a_socket_answers_a_command needs Linux 6.7");
            None
        }
    }
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, theirs)
}

#[test]
fn a_socket_answers_a_command_as_it_answers_ioctl() {
    let _limit = limit();
    let (ours, mut theirs) = connection();
    let ours = SharedFd::from(OwnedFd::from(ours));
    Pool::new(1).block_on(async {
        for _ in 0..3 {
            theirs.write_all(b"salt").unwrap();
            op::poll_add(&ours, libc::POLLIN).await.unwrap();
            let Some(count) = waiting(&ours).await else { return };
            let mut expected = 0_i32;
            // SAFETY: the number outlives the call.
            let done = unsafe { libc::ioctl(ours.as_raw_fd(), libc::FIONREAD, &mut expected) };
            called(done).unwrap();
            assert!(count > 0 && count <= expected as u32, "{count} and then {expected}");
        }
    });
}

#[test]
fn a_command_writes_where_it_is_told_to_in_what_it_owns() {
    let _limit = limit();
    let (ours, _theirs) = connection();
    let ours = SharedFd::from(OwnedFd::from(ours));
    let place = Box::new(-1_i32);
    // The pointer stands behind the length, of which there is no field here: the kernel takes 0
    // for it, and says that this is too short, or takes what fits.
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(std::ptr::from_ref(&*place).addr() as u64).to_ne_bytes());
    let option = libc::SOL_SOCKET as u64 | (libc::SO_TYPE as u64) << 32;
    Pool::new(1).block_on(async {
        // SAFETY: the pointer is that of the box, which the operation owns, and has 0 bytes.
        let command = unsafe {
            op::uring_cmd(&ours, SOCKET_URING_OP_GETSOCKOPT, bytes, place).address(option)
        };
        let place = match command.await {
            Ok((len, place)) => {
                assert_eq!(len, 0, "it was told of no room");
                place
            }
            Err(error) => error.buffer,
        };
        assert_eq!(*place, -1, "nothing was written where there was no room");
    });
}

#[test]
fn a_file_without_commands_says_so_and_gives_back_what_was_lent() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = SharedFd::from(OwnedFd::from(open(&scratch.file("file", ""))));
    Pool::new(1).block_on(async {
        // SAFETY: there is nobody to carry it out.
        let command = unsafe { op::uring_cmd(&file, 77, [1; 16], vec![1, 2, 3]) };
        let error = command.await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EOPNOTSUPP));
        assert_eq!(error.buffer, [1, 2, 3]);
        assert_ne!(error.error.kind(), ErrorKind::InvalidInput);
    });
}
