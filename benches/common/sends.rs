//! Sends of several sizes, copied by the kernel or not.
//!
//! The sender runs on the first processor; the receiver is a plain thread on the second, which
//! reads and forgets. Processor time is the sending thread's alone.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use ringpool::op::{self, Returning, SendZc, ZeroCopy};

use super::floors::{BareRing, with_bare_ring};
use super::measure::{Cost, Stopwatch};
use super::runtimes::{Waiting, cores, on_first_core, pin, pool};

const WARM_UP: u64 = 64;
/// Buffers that the sender has: what is sent without a copy comes back later.
const BUFFERS: usize = 8;
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

/// One send after the other, out of a buffer that has come back.
pub(crate) fn ringpool(manner: Manner, len: usize, iterations: u64) -> Cost {
    let pool = pool(1, Waiting::Default);
    to_receiver(|stream| {
        pool.block_on(async {
            let stream = ringpool::net::TcpStream::from_std(stream).expect("it is connected");
            let mut cost = Cost::default();
            for count in [WARM_UP, iterations] {
                let watch = Stopwatch::start_of_thread();
                match manner {
                    Manner::Copying => ringpool_copies(&stream, len, count).await,
                    Manner::ZeroCopy => {
                        let send = |buffer| op::send_zc(&stream, buffer, FLAGS);
                        ringpool_sends(send, len, count).await;
                    }
                    Manner::OrCopy => {
                        let send = |buffer| op::send_zc(&stream, buffer, FLAGS).or_copy();
                        ringpool_sends(send, len, count).await;
                    }
                }
                cost = watch.stop();
            }
            cost
        })
    })
}

async fn ringpool_copies(stream: &ringpool::net::TcpStream, len: usize, count: u64) {
    let mut buffer = vec![7; len];
    for _ in 0..count {
        let sent;
        (sent, buffer) = op::send(stream, buffer, FLAGS).await.expect("the peer is there");
        assert_eq!(sent, len);
    }
}

async fn ringpool_sends(
    send: impl Fn(Vec<u8>) -> ZeroCopy<SendZc<Vec<u8>>>,
    len: usize,
    count: u64,
) {
    let mut on_their_way = VecDeque::with_capacity(BUFFERS);
    for _ in 0..count {
        let buffer = if on_their_way.len() < BUFFERS {
            vec![7; len]
        } else {
            let oldest: Returning<Vec<u8>> = on_their_way.pop_front().expect("there are some");
            oldest.await
        };
        let (sent, returning) = send(buffer).await.expect("the peer is there");
        assert_eq!(sent, len);
        on_their_way.push_back(returning);
    }
    for returning in on_their_way {
        black_box(returning.await);
    }
}

/// A ring and nothing else: one send after the other, out of a buffer that has come back.
pub(crate) fn bare(manner: Manner, len: usize, iterations: u64) -> Cost {
    to_receiver(|stream| {
        on_first_core(|| {
            with_bare_ring(|mut ring, _| {
                let mut cost = Cost::default();
                for count in [WARM_UP, iterations] {
                    let watch = Stopwatch::start_of_thread();
                    bare_sends(&mut ring, &stream, manner, len, count);
                    cost = watch.stop();
                }
                cost
            })
        })
    })
}

fn bare_sends(ring: &mut BareRing<'_>, stream: &TcpStream, manner: Manner, len: usize, count: u64) {
    let copies = match manner {
        Manner::Copying => true,
        Manner::ZeroCopy => false,
        Manner::OrCopy => len < op::ZERO_COPY_MIN,
    };
    let buffers = vec![vec![7; len]; if manner == Manner::Copying { 1 } else { BUFFERS }];
    let mut free: VecDeque<usize> = (0..buffers.len()).collect();
    let (mut started, mut is_sending) = (0, false);
    while started < count || free.len() < buffers.len() {
        if started < count
            && !is_sending
            && let Some(index) = free.pop_front()
        {
            let entry = entry(stream, &buffers[index], copies).user_data(index as u64);
            // SAFETY: the buffer is kept, and we leave only after the last completion.
            unsafe { ring.push(&entry) };
            (started, is_sending) = (started + 1, true);
        }
        for completion in ring.submit_and_wait() {
            if !cqueue::notif(completion.flags()) {
                assert_eq!(completion.result(), len as i32);
                is_sending = false;
            }
            if !cqueue::more(completion.flags()) {
                free.push_back(completion.user_data() as usize);
            }
        }
    }
}

fn entry(stream: &TcpStream, buffer: &[u8], copies: bool) -> squeue::Entry {
    let (fd, len) = (Fd(stream.as_raw_fd()), buffer.len() as u32);
    if copies {
        opcode::Send::new(fd, buffer.as_ptr(), len).flags(FLAGS).build()
    } else {
        opcode::SendZc::new(fd, buffer.as_ptr(), len).flags(FLAGS).build()
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
