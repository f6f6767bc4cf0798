//! What the tests of the network share: random numbers that can be had again, connections, and the
//! count of open descriptors.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::io::Read;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use ringpool::net::TcpStream;

use crate::common::LIMIT;

/// Random numbers (xorshift64*), from a seed that is printed and can be given again.
pub(crate) struct Random(u64);

impl Random {
    /// From `RINGPOOL_TEST_SEED` or, without it, from the clock.
    pub(crate) fn new() -> Self {
        let given = std::env::var("RINGPOOL_TEST_SEED").ok();
        let seed = given.map_or_else(
            || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64,
            |seed| seed.parse().expect("RINGPOOL_TEST_SEED is a number"),
        );
        println!("RINGPOOL_TEST_SEED={seed}");
        Self::from_seed(seed)
    }

    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Another one, for another task.
    pub(crate) fn fork(&mut self) -> Self {
        Self::from_seed(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// 0 up to `end`, exclusive.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// A connection: our end, and the peer's as a plain socket that gives up after the test's limit.
pub(crate) fn connection() -> (TcpStream, StdStream) {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port is free");
    let peer = connect(listener.local_addr().expect("it is bound"));
    let (ours, _) = listener.accept().expect("the peer is there");
    (TcpStream::from_std(ours).expect("it is open"), peer)
}

/// A plain client.
pub(crate) fn connect(address: SocketAddr) -> StdStream {
    let stream = StdStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(LIMIT)).expect("the limit is not zero");
    stream.set_write_timeout(Some(LIMIT)).expect("the limit is not zero");
    stream
}

/// Makes the kernel's buffers small, so that writes have to wait.
pub(crate) fn narrow(stream: &impl AsRawFd) {
    for option in [libc::SO_SNDBUF, libc::SO_RCVBUF] {
        set_option(stream, option, &4096i32);
    }
}

/// Closes a connection with a reset instead of an end.
pub(crate) fn reset(stream: StdStream) {
    set_option(&stream, libc::SO_LINGER, &libc::linger { l_onoff: 1, l_linger: 0 });
}

fn set_option<T>(stream: &impl AsRawFd, option: i32, value: &T) {
    let (fd, len) = (stream.as_raw_fd(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the value and its length belong together.
    let result = unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, option, std::ptr::from_ref(value).cast(), len)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Reads to the end; a reset is an end as well.
pub(crate) fn is_ended(mut peer: &StdStream) -> bool {
    match peer.read(&mut [0; 16]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Keeps other tests of the file from opening descriptors meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The open descriptors of this process.
pub(crate) fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs is there").count()
}
