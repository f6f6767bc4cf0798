//! A server with one receive a connection, which the kernel completes again and again, each time
//! into another provided buffer, out of which the answer is sent. An idle connection has none.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use workload::Job;

use crate::provided::Buffers;
use crate::ring::{BareRing, with_bare_ring};
use crate::server::{Kind, accept_all, accepted, count_of, on_each, parts, send_all, user_data};
use crate::slots::Slots;

/// Sends back what it gets.
pub(crate) fn echo(listeners: Vec<TcpListener>, job: &Job) {
    on_each(listeners, |listener| {
        with_bare_ring(|ring, _| Server::new(ring, &listener, job.buffer_len()).run());
    });
}

/// A buffer with so many bytes in it that are to be sent.
#[derive(Clone, Copy)]
struct Piece {
    buffer: u16,
    len: usize,
}

struct Connection {
    stream: TcpStream,
    /// What is being sent, and what is to be sent afterwards: one at a time, since a send that the
    /// socket has no room for could be overtaken.
    pieces: VecDeque<Piece>,
    /// Whether the kernel still receives, or waits for buffers to do so.
    is_receiving: bool,
}

struct Server<'a> {
    ring: BareRing<'a>,
    listener: &'a TcpListener,
    connections: Slots<Connection>,
    buffers: Buffers,
    /// Connections that had bytes when there was no buffer.
    starved: Vec<usize>,
}

impl<'a> Server<'a> {
    fn new(ring: BareRing<'a>, listener: &'a TcpListener, buffer_len: usize) -> Self {
        // SAFETY: the server runs for ever.
        let buffers = unsafe { Buffers::new(&ring, buffer_len) };
        Self { ring, listener, connections: Slots::new(), buffers, starved: Vec::new() }
    }

    fn run(mut self) -> ! {
        self.push(&accept_all(self.listener));
        let mut completed = Vec::new();
        loop {
            completed.extend(self.ring.submit_and_wait());
            completed.drain(..).for_each(|entry| self.go_on(&entry));
            self.feed_starved();
        }
    }

    /// What comes after a completion.
    fn go_on(&mut self, entry: &cqueue::Entry) {
        let (kind, number) = parts(entry.user_data());
        match kind {
            Kind::Accept => self.accept(entry),
            Kind::Receive if entry.result() == -libc::ENOBUFS => self.starved.push(number),
            Kind::Receive => self.received(number, entry),
            Kind::Send => self.sent(number, entry),
            Kind::Close => unreachable!("it closes nothing"),
        }
    }

    fn accept(&mut self, entry: &cqueue::Entry) {
        let (stream, pieces) = (accepted(entry), VecDeque::new());
        let number = self.connections.insert(Connection { stream, pieces, is_receiving: true });
        self.receive(number);
        if !cqueue::more(entry.flags()) {
            self.push(&accept_all(self.listener));
        }
    }

    fn received(&mut self, number: usize, entry: &cqueue::Entry) {
        let len = count_of(entry.result()).unwrap_or(0);
        if let Some(buffer) = cqueue::buffer_select(entry.flags()) {
            self.buffers.take();
            let pieces = &mut self.connections.get(number).pieces;
            pieces.push_back(Piece { buffer, len });
            if pieces.len() == 1 {
                self.send(number);
            }
        }
        if len == 0 {
            self.connections.get(number).is_receiving = false;
            self.remove_if_over(number);
        } else if !cqueue::more(entry.flags()) {
            self.receive(number);
        }
    }

    fn sent(&mut self, number: usize, entry: &cqueue::Entry) {
        let connection = self.connections.get(number);
        let piece = connection.pieces.pop_front().expect("it was sent");
        let has_more = !connection.pieces.is_empty();
        self.buffers.give_back(piece.buffer);
        if let Some(len) = count_of(entry.result()) {
            assert_eq!(len, piece.len, "the kernel sends all");
        }
        // If the client has gone, the sends of what is left fail as well.
        if has_more {
            self.send(number);
        } else {
            self.remove_if_over(number);
        }
    }

    /// Drops a connection that receives nothing any more, and has sent everything.
    fn remove_if_over(&mut self, number: usize) {
        let Connection { pieces, is_receiving, .. } = self.connections.get(number);
        if !*is_receiving && pieces.is_empty() {
            self.connections.remove(number);
        }
    }

    /// Has as many connections receive again as there are buffers.
    fn feed_starved(&mut self) {
        let fed = self.starved.len().min(self.buffers.free());
        for index in 0..fed {
            self.receive(self.starved[index]);
        }
        self.starved.drain(..fed);
    }

    fn receive(&mut self, number: usize) {
        let fd = Fd(self.connections.get(number).stream.as_raw_fd());
        let entry = opcode::RecvMulti::new(fd, 0).build();
        self.push(&entry.user_data(user_data(Kind::Receive, number)));
    }

    /// Sends the first of the pieces that a connection has.
    fn send(&mut self, number: usize) {
        let Connection { stream, pieces, .. } = self.connections.get(number);
        let piece = *pieces.front().expect("there is one");
        let entry = send_all(stream, self.buffers.address(piece.buffer), piece.len);
        self.push(&entry.user_data(user_data(Kind::Send, number)));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the buffers stay where they are as long as the server runs, and one that is sent
        // is given back only afterwards. A connection stays until it has no operations.
        unsafe { self.ring.push(entry) };
    }
}
