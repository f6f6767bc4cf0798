//! What the tests of sends without a copy share.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use ringpool::buf::IoBuf;
use ringpool::op::{self, Returning, SharedFd};
use ringpool::yield_now;

use crate::common::*;
use crate::network;

/// What is written over a buffer when it is freed, and what no test sends.
pub(crate) const FREED: u8 = 0xee;

/// A buffer that is written over when it is dropped: a peer that gets what it had too late sees it.
pub(crate) struct Tracked(
    pub(crate) Vec<u8>,
    #[expect(dead_code, reason = "counts when it is dropped")] Option<CountsDrop>,
);

impl Tracked {
    pub(crate) fn new(len: usize, dropped: &Count) -> Self {
        Self(vec![1; len], Some(dropped.on_drop()))
    }

    /// One of which nobody counts the drop.
    pub(crate) fn untold(bytes: &[u8]) -> Self {
        Self(bytes.to_vec(), None)
    }
}

// SAFETY: the bytes are those of a vector that nobody changes before it is dropped.
unsafe impl IoBuf for Tracked {
    fn ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.fill(FREED);
    }
}

/// A connection: our end as operations take it, and the peer's as a plain socket.
pub(crate) fn connected(address: &str) -> (SharedFd, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let peer = network::connect(listener.local_addr().unwrap());
    let (ours, _) = listener.accept().unwrap();
    (SharedFd::from(OwnedFd::from(ours)), peer)
}

/// Sets the size of one of the kernel's buffers.
pub(crate) fn set_size(stream: &impl AsRawFd, option: i32, size: i32) {
    let (value, len) = (std::ptr::from_ref(&size).cast(), size_of::<i32>() as libc::socklen_t);
    // SAFETY: the value and its length belong together.
    let set = unsafe { libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, option, value, len) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Sends, without a copy, until there is no room, to a peer that does not read; gives the buffers
/// that the kernel still has.
pub(crate) async fn clog(fd: &SharedFd) -> Vec<Returning<Tracked>> {
    clog_counted(fd, &Count::new()).await
}

/// As [`clog`]; `dropped` counts the buffers that are freed.
pub(crate) async fn clog_counted(fd: &SharedFd, dropped: &Count) -> Vec<Returning<Tracked>> {
    set_size(fd, libc::SO_SNDBUF, 1 << 17);
    let mut kept = Vec::new();
    // The kernel may move bytes on for a while after it has said that there is no room.
    for _ in 0..100 {
        loop {
            let buffer = Tracked::new(32 * 1024, dropped);
            match op::send_zc(fd, buffer, libc::MSG_DONTWAIT).await {
                Ok((_, returning)) => kept.push(returning),
                Err(error) => {
                    assert_eq!(error.error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        yield_now().await;
    }
    let waker = own_waker().await;
    let mut in_kernel = Vec::new();
    for mut returning in kept {
        if poll_once(&mut returning, &waker).is_pending() {
            in_kernel.push(returning);
        }
    }
    assert!(!in_kernel.is_empty(), "what nobody reads stays where it is");
    in_kernel
}
