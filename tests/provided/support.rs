//! What the tests of pools share: sockets, bytes, and the count of a pool's buffers.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::op::{self, SharedFd};

/// The sizes of pools that everything is tried with.
pub(crate) const COUNTS: [usize; 4] = [1, 2, 3, 8];

/// A connection: what operations work on, and the other end.
pub(crate) fn stream_pair() -> (SharedFd, UnixStream) {
    let (ours, peer) = UnixStream::pair().expect("a pair of sockets");
    (shared(ours), peer)
}

/// A socket that gives messages, and the other end.
pub(crate) fn datagram_pair() -> (SharedFd, UnixDatagram) {
    let (ours, peer) = UnixDatagram::pair().expect("a pair of sockets");
    (shared(ours), peer)
}

pub(crate) fn shared(fd: impl Into<OwnedFd>) -> SharedFd {
    SharedFd::from(fd.into())
}

/// A new file without a name.
pub(crate) fn scratch_file() -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    options.open(std::env::temp_dir()).expect("a file can be made")
}

/// Bytes that tell where they are.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Writes all of `bytes` on a thread of its own, and then ends the stream.
pub(crate) fn write_all(mut to: impl Write + Send + 'static, bytes: Vec<u8>) {
    std::thread::spawn(move || to.write_all(&bytes).expect("somebody reads"));
}

/// Lets the calling task's ring do more than one turn.
pub(crate) async fn turns() {
    for _ in 0..200 {
        ringpool::yield_now().await;
    }
}

/// Waits until the kernel has given back every operation, and then does as [`expect_whole`].
pub(crate) async fn until_whole(pool: &BufferPool) {
    turns().await;
    while pool.runtime().load().operations_in_flight > 0 {
        ringpool::yield_now().await;
    }
    while pool.available() != Some(pool.count()) {
        ringpool::yield_now().await;
    }
    expect_whole(pool).await;
}

/// Takes every buffer out of a pool of whole buffers, whose thread this is, and finds none missing
/// and none twice.
pub(crate) async fn expect_whole(pool: &BufferPool) {
    let mut leases = take_all(pool).await;
    assert_eq!(leases.len(), pool.count(), "every buffer is there");
    assert_eq!(pool.available(), Some(0));
    leases.sort_unstable_by_key(|lease| lease.as_ptr() as usize);
    for pair in leases.windows(2) {
        let gap = pair[1].as_ptr() as usize - pair[0].as_ptr() as usize;
        assert!(gap >= pool.buffer_size(), "each is another one");
    }
    drop(leases);
    assert_eq!(pool.available(), Some(pool.count()));
}

/// Takes every buffer out of a pool of whole buffers.
pub(crate) async fn take_all(pool: &BufferPool) -> Vec<PooledBuffer> {
    let (ours, peer) = datagram_pair();
    let mut leases = Vec::new();
    loop {
        peer.send(b"x").expect("there is room");
        match op::recv_pooled(&ours, pool, 0).await {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return leases;
            }
        }
    }
}

/// Polls a stream once, for what is there already.
pub(crate) fn try_next<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// The text of an error.
pub(crate) fn kind_of<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("it fails").kind()
}
