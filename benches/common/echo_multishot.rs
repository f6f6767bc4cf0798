//! The server of `echo`, with receives that the kernel completes again and again, each time into
//! another provided buffer, out of which the answer is sent.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use futures::StreamExt;
use io_uring::types::{BufRingEntry, Fd};
use io_uring::{cqueue, opcode, squeue};
use ringpool::buf::BufferPool;
use ringpool::op;

use super::echo::{BUFFER_LEN, against_client, ringpool_serve};
use super::floors::{BareRing, with_bare_ring};
use super::measure::Cost;
use super::random_reads::Page;
use super::runtimes::{Waiting, on_first_core, pool};

/// As many as a page has entries for.
const BUFFERS: u16 = 256;

/// A task for each connection.
pub(crate) fn ringpool(connections: u64, rounds: u64) -> Cost {
    let pool = pool(1, Waiting::Default);
    against_client(connections, rounds, |listener| {
        pool.block_on(async {
            let buffers = BufferPool::new(usize::from(BUFFERS), BUFFER_LEN);
            let buffers = buffers.expect("this kernel has provided buffers");
            let task_of = |stream| ringpool_connection(stream, buffers.clone());
            ringpool_serve(listener, connections, task_of).await;
        });
    })
}

async fn ringpool_connection(stream: ringpool::net::TcpStream, buffers: BufferPool) {
    let mut pieces = op::recv_multishot(&stream, &buffers, 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.expect("the client is there");
        stream.write_all(piece).await.expect("the client is there");
    }
}

/// A ring and nothing else.
pub(crate) fn bare(connections: u64, rounds: u64) -> Cost {
    against_client(connections, rounds, |listener| {
        on_first_core(|| {
            with_bare_ring(|ring, _| Server::new(ring, &listener, connections).run());
        });
    })
}

struct Server<'a> {
    ring: BareRing<'a>,
    streams: Vec<TcpStream>,
    buffers: Buffers,
}

/// In the user data of a send; beside it the number of its buffer, and for a receive that of its
/// connection.
const SEND: u64 = 1 << 32;

impl<'a> Server<'a> {
    fn new(ring: BareRing<'a>, listener: &TcpListener, connections: u64) -> Self {
        let accept = |_| {
            let (stream, _) = listener.accept().expect("the client comes");
            stream.set_nodelay(true).expect("TCP has that");
            stream
        };
        let streams = (0..connections).map(accept).collect();
        let buffers = Buffers::new();
        ring.register_buffer_table(buffers.table.0.as_ptr(), BUFFERS);
        Self { ring, streams, buffers }
    }

    fn run(mut self) {
        for index in 0..self.streams.len() {
            self.receive(index);
        }
        let (mut left, mut completed) = (self.streams.len(), Vec::new());
        while left > 0 {
            completed.extend(self.ring.submit_and_wait());
            for entry in completed.drain(..) {
                if !self.go_on(&entry) {
                    left -= 1;
                }
            }
        }
    }

    /// What comes after a completion; false if the client has gone.
    fn go_on(&mut self, entry: &cqueue::Entry) -> bool {
        let count = u32::try_from(entry.result()).expect("the client is there");
        if entry.user_data() & SEND != 0 {
            self.buffers.give_back(entry.user_data() as u16);
            return true;
        }
        let index = entry.user_data() as usize;
        let Some(buffer) = cqueue::buffer_select(entry.flags()) else { return false };
        self.send(index, buffer, count);
        if !cqueue::more(entry.flags()) {
            self.receive(index);
        }
        true
    }

    fn receive(&mut self, index: usize) {
        let fd = Fd(self.streams[index].as_raw_fd());
        self.push(&opcode::RecvMulti::new(fd, 0).build().user_data(index as u64));
    }

    fn send(&mut self, index: usize, buffer: u16, count: u32) {
        let fd = Fd(self.streams[index].as_raw_fd());
        let bytes = self.buffers.address(buffer);
        let entry = opcode::Send::new(fd, bytes, count).build();
        self.push(&entry.user_data(SEND | u64::from(buffer)));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the buffers stay where they are as long as there are operations, and one that is
        // sent is given back only afterwards.
        unsafe { self.ring.push(entry) };
    }
}

/// The table that the kernel takes buffers from, and their memory.
struct Buffers {
    table: Box<Page>,
    memory: Vec<u8>,
    tail: u16,
}

impl Buffers {
    fn new() -> Self {
        let len = usize::from(BUFFERS) * BUFFER_LEN;
        let table = Box::new(Page([0; size_of::<Page>()]));
        let mut buffers = Self { table, memory: vec![0; len], tail: 0 };
        for buffer in 0..BUFFERS {
            buffers.give_back(buffer);
        }
        buffers
    }

    fn address(&self, buffer: u16) -> *const u8 {
        self.memory[usize::from(buffer) * BUFFER_LEN..].as_ptr()
    }

    /// Puts a buffer into the table, and tells the kernel.
    fn give_back(&mut self, buffer: u16) {
        let address = self.address(buffer);
        let table = self.table.0.as_mut_ptr().cast::<BufRingEntry>();
        // SAFETY: the table is a page of zeros, which is `BUFFERS` entries; the index is less.
        let entry = unsafe { &mut *table.add(usize::from(self.tail % BUFFERS)) };
        entry.set_addr(address as u64);
        entry.set_len(BUFFER_LEN as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the table begins here, and its first entry has the tail in it, at an even
        // address; besides us only the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(table).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
