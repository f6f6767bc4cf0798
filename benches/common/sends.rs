//! Sends of several sizes, copied by the kernel or not.
//!
//! The sender runs on the first processor; the receiver is a plain thread on the second, which
//! reads and forgets. Processor time is the sending thread's alone.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use ringpool::op;

use super::floors::{BareRing, with_bare_ring};
use super::measure::{Cost, Stopwatch};
use super::runtimes::{Waiting, cores, on_first_core, pin, pool};

const WARM_UP: u64 = 32;
/// The kernel goes on until all bytes are sent.
const FLAGS: i32 = libc::MSG_WAITALL;

/// How the bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `send`.
    Copying,
    /// `send_zc`.
    ZeroCopy,
    /// `send_zc` with `or_copy`: one of the two, by the length.
    OrCopy,
}

/// One send after the other, each out of the same buffer.
pub(crate) fn ringpool(manner: Manner, len: usize, iterations: u64) -> Cost {
    let pool = pool(1, Waiting::Default);
    to_receiver(|stream| {
        pool.block_on(async {
            let stream = ringpool::net::TcpStream::from_std(stream).expect("it is connected");
            let mut buffer = vec![7; len];
            let mut cost = Cost::default();
            for count in [WARM_UP, iterations] {
                let watch = Stopwatch::start_of_thread();
                for _ in 0..count {
                    buffer = ringpool_send(&stream, buffer, manner).await;
                }
                cost = watch.stop();
            }
            cost
        })
    })
}

async fn ringpool_send(
    stream: &ringpool::net::TcpStream,
    buffer: Vec<u8>,
    manner: Manner,
) -> Vec<u8> {
    let len = buffer.len();
    if manner == Manner::Copying {
        let (count, buffer) = op::send(stream, buffer, FLAGS).await.expect("the peer is there");
        assert_eq!(count, len);
        return buffer;
    }
    let send = op::send_zc(stream, buffer, FLAGS);
    let send = if manner == Manner::OrCopy { send.or_copy() } else { send };
    let (count, returning) = send.await.expect("the peer is there");
    assert_eq!(count, len);
    returning.await
}

/// A ring and nothing else: one send after the other.
pub(crate) fn bare(manner: Manner, len: usize, iterations: u64) -> Cost {
    let copies = match manner {
        Manner::Copying => true,
        Manner::ZeroCopy => false,
        Manner::OrCopy => len < op::ZERO_COPY_MIN,
    };
    to_receiver(|stream| {
        on_first_core(|| {
            with_bare_ring(|mut ring, _| {
                let buffer = vec![7; len];
                let mut cost = Cost::default();
                for count in [WARM_UP, iterations] {
                    let watch = Stopwatch::start_of_thread();
                    for _ in 0..count {
                        bare_send(&mut ring, &entry(&stream, &buffer, copies), len);
                    }
                    cost = watch.stop();
                }
                cost
            })
        })
    })
}

fn entry(stream: &TcpStream, buffer: &[u8], copies: bool) -> squeue::Entry {
    let (fd, len) = (Fd(stream.as_raw_fd()), buffer.len() as u32);
    if copies {
        opcode::Send::new(fd, buffer.as_ptr(), len).flags(FLAGS).build()
    } else {
        opcode::SendZc::new(fd, buffer.as_ptr(), len).flags(FLAGS).build()
    }
}

/// Sends, and waits until the kernel is done with the buffer.
fn bare_send(ring: &mut BareRing<'_>, entry: &squeue::Entry, len: usize) {
    // SAFETY: the caller keeps the buffer, and we wait for the last completion.
    unsafe { ring.push(entry) };
    let mut is_done = false;
    while !is_done {
        for completion in ring.submit_and_wait() {
            assert!(cqueue::notif(completion.flags()) || completion.result() == len as i32);
            is_done = !cqueue::more(completion.flags());
        }
    }
}

/// Runs `sender` with a connection whose other end reads until it is closed.
fn to_receiver(sender: impl FnOnce(TcpStream) -> Cost) -> Cost {
    cores();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it is bound");
    let receiver = thread::spawn(move || {
        pin(1);
        let (mut stream, _) = listener.accept().expect("the sender comes");
        let mut buffer = vec![0; 256 * 1024];
        while stream.read(&mut buffer).expect("the sender is there") > 0 {}
    });
    let stream = TcpStream::connect(address).expect("the receiver listens");
    stream.set_nodelay(true).expect("TCP has that");
    let cost = sender(stream);
    receiver.join().expect("the receiver does not panic");
    cost
}
