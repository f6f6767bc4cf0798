//! A server with one receive and one send a request.

use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::thread;

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use workload::processors::pin;

use crate::ring::{BareRing, with_bare_ring};
use crate::slots::Slots;

/// What is done on one connection.
pub(crate) trait Service {
    /// Whether the server closes the connection after its first answer.
    const ANSWERS_ONCE: bool = false;

    /// Where the next bytes are to be put: memory of the service's own.
    fn room(&mut self) -> &mut [u8];

    /// So many bytes have come there. Gives what is to be sent, from memory of the service's own;
    /// nothing if more has to come first.
    fn answer(&mut self, received: usize) -> &[u8];
}

/// On a pinned thread and a ring for each listener: a service for each connection.
pub(crate) fn serve<S: Service>(listeners: Vec<TcpListener>, service: impl Fn() -> S + Sync) {
    on_each(listeners, |listener| {
        with_bare_ring(|ring, _| Server::new(ring, &listener, &service).run());
    });
}

/// Runs `body` on a pinned thread for each listener.
pub(crate) fn on_each(listeners: Vec<TcpListener>, body: impl Fn(TcpListener) + Sync) {
    thread::scope(|scope| {
        for (which, listener) in listeners.into_iter().enumerate() {
            let body = &body;
            scope.spawn(move || {
                pin(which);
                body(without_delay(listener));
            });
        }
    });
}

/// Sets `TCP_NODELAY` on a listener: the connections that it accepts have it from there.
fn without_delay(listener: TcpListener) -> TcpListener {
    let socket = TcpStream::from(OwnedFd::from(listener));
    socket.set_nodelay(true).expect("TCP has that");
    TcpListener::from(OwnedFd::from(socket))
}

/// What an operation is of; in the lowest bits of its user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Accept,
    Receive,
    Send,
    Close,
}

/// User data of an operation of that kind on the connection of that number.
pub(crate) fn user_data(kind: Kind, number: usize) -> u64 {
    (number as u64) << 2 | kind as u64
}

/// What is in user data.
pub(crate) fn parts(user_data: u64) -> (Kind, usize) {
    let kind = [Kind::Accept, Kind::Receive, Kind::Send, Kind::Close][(user_data & 3) as usize];
    (kind, (user_data >> 2) as usize)
}

/// An operation that accepts again and again.
pub(crate) fn accept_all(listener: &TcpListener) -> squeue::Entry {
    opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build().user_data(user_data(Kind::Accept, 0))
}

/// The connection that was accepted.
pub(crate) fn accepted(entry: &cqueue::Entry) -> TcpStream {
    assert!(entry.result() >= 0, "accepting failed with {}", -entry.result());
    // SAFETY: the kernel has made this descriptor for us, and nobody else knows it.
    let stream = unsafe { TcpStream::from_raw_fd(entry.result()) };
    debug_assert!(stream.nodelay().expect("TCP has that"), "the listener's option is inherited");
    stream
}

/// Sends all of the bytes, as the operation itself goes on after a part of them.
pub(crate) fn send_all(stream: &TcpStream, bytes: *const u8, len: usize) -> squeue::Entry {
    opcode::Send::new(Fd(stream.as_raw_fd()), bytes, len as u32).flags(libc::MSG_WAITALL).build()
}

/// So many bytes; `None` if the client has gone without reading all.
pub(crate) fn count_of(result: i32) -> Option<usize> {
    match -result {
        libc::ECONNRESET | libc::EPIPE | libc::ECANCELED => None,
        error if error > 0 => panic!("an operation on a connection failed with {error}"),
        _ => Some(result as usize),
    }
}

struct Connection<S> {
    stream: TcpStream,
    service: S,
}

struct Server<'a, S, F> {
    ring: BareRing<'a>,
    listener: &'a TcpListener,
    service: F,
    // Boxes: the memory of a service has to stay where it is.
    connections: Slots<Box<Connection<S>>>,
}

impl<'a, S: Service, F: Fn() -> S> Server<'a, S, F> {
    fn new(ring: BareRing<'a>, listener: &'a TcpListener, service: F) -> Self {
        Self { ring, listener, service, connections: Slots::new() }
    }

    fn run(mut self) {
        self.push(&accept_all(self.listener));
        let mut completed = Vec::new();
        loop {
            completed.extend(self.ring.submit_and_wait());
            completed.drain(..).for_each(|entry| self.go_on(&entry));
        }
    }

    /// What comes after a completion.
    fn go_on(&mut self, entry: &cqueue::Entry) {
        let (kind, number) = parts(entry.user_data());
        match (kind, count_of(entry.result())) {
            (Kind::Accept, _) => self.accept(entry),
            (Kind::Receive, Some(received)) if received > 0 => self.answer(number, received),
            (Kind::Receive, _) => drop(self.connections.remove(number)),
            // It has failed: the close that follows is cancelled, and says so.
            (Kind::Send, _) if S::ANSWERS_ONCE => {}
            (Kind::Send, None) => drop(self.connections.remove(number)),
            (Kind::Send, Some(_)) => self.receive(number),
            (Kind::Close, None) => drop(self.connections.remove(number)),
            (Kind::Close, Some(_)) => {
                // The kernel has closed it.
                let _ = self.connections.remove(number).stream.into_raw_fd();
            }
        }
    }

    fn accept(&mut self, entry: &cqueue::Entry) {
        let connection = Connection { stream: accepted(entry), service: (self.service)() };
        let number = self.connections.insert(Box::new(connection));
        self.receive(number);
        if !cqueue::more(entry.flags()) {
            self.push(&accept_all(self.listener));
        }
    }

    fn receive(&mut self, number: usize) {
        let Connection { stream, service } = &mut **self.connections.get(number);
        let (fd, room) = (Fd(stream.as_raw_fd()), service.room());
        let entry = opcode::Recv::new(fd, room.as_mut_ptr(), room.len() as u32).build();
        self.push(&entry.user_data(user_data(Kind::Receive, number)));
    }

    fn answer(&mut self, number: usize, received: usize) {
        let Connection { stream, service } = &mut **self.connections.get(number);
        let bytes = service.answer(received);
        if bytes.is_empty() {
            return self.receive(number);
        }
        let send = send_all(stream, bytes.as_ptr(), bytes.len());
        let send = send.user_data(user_data(Kind::Send, number));
        if !S::ANSWERS_ONCE {
            return self.push(&send);
        }
        let close = opcode::Close::new(Fd(stream.as_raw_fd())).build();
        let close = close.user_data(user_data(Kind::Close, number));
        // SAFETY: as in `push`.
        unsafe { self.ring.push_linked([send.flags(squeue::Flags::SKIP_SUCCESS), close]) };
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: a connection, and with it the memory of its service, stays where it is until no
        // operation of its is under way, and is looked at only when there is none.
        unsafe { self.ring.push(entry) };
    }
}
