//! A TCP server that sends back what it gets, 64 bytes at a time, and its only client.
//!
//! The server runs on the first processor, the client on the second: a plain thread that writes to
//! each connection and then reads from each. Processor time is the server's alone: that of the
//! process without the client's thread.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Instant;

use io_uring::types::Fd;
use io_uring::{opcode, squeue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::floors::{BareRing, with_bare_ring};
use super::measure::{Cost, process_cpu, thread_cpu};
use super::runtimes::{Waiting, cores, on_first_core, on_tokio, pin, pool};

/// Connections of the row that has many.
pub(crate) const MANY: u64 = 64;
const MESSAGE: [u8; 64] = [7; 64];
pub(crate) const BUFFER_LEN: usize = 4096;
const WARM_UP: u64 = 50;

/// A task for each connection.
pub(crate) fn ringpool_echo(connections: u64, rounds: u64) -> Cost {
    let pool = pool(1, Waiting::Default);
    against_client(connections, rounds, |listener| {
        pool.block_on(ringpool_serve(listener, connections, ringpool_connection));
    })
}

/// Accepts so many connections, and waits for the task of each.
pub(crate) async fn ringpool_serve<T>(
    listener: TcpListener,
    connections: u64,
    task_of: impl Fn(ringpool::net::TcpStream) -> T,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let listener = ringpool::net::TcpListener::from_std(listener).expect("it listens");
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        tasks.push(ringpool::spawn(task_of(stream)));
    }
    for task in tasks {
        task.await.expect("it ends");
    }
}

async fn ringpool_connection(stream: ringpool::net::TcpStream) {
    let mut buffer = Vec::with_capacity(BUFFER_LEN);
    loop {
        let count;
        (count, buffer) = stream.read(buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        ((), buffer) = stream.write_all(buffer).await.expect("the client is there");
    }
}

/// A current-thread runtime: a task for each connection.
pub(crate) fn tokio_echo(connections: u64, rounds: u64) -> Cost {
    against_client(connections, rounds, |listener| {
        on_tokio(tokio_serve(listener, connections, tokio_connection));
    })
}

/// On a runtime of tokio: so many connections, each served by a task until its client goes.
pub(crate) async fn tokio_serve<F>(
    listener: TcpListener,
    connections: u64,
    connection: fn(tokio::net::TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    listener.set_nonblocking(true).expect("it listens");
    let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        tasks.push(tokio::spawn(connection(stream)));
    }
    for task in tasks {
        task.await.expect("it ends");
    }
}

async fn tokio_connection(mut stream: tokio::net::TcpStream) {
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let count = stream.read(&mut buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        stream.write_all(&buffer[..count]).await.expect("the client is there");
    }
}

/// A ring and nothing else: one recv, then one send, for each request.
pub(crate) fn bare_echo(connections: u64, rounds: u64) -> Cost {
    against_client(connections, rounds, |listener| {
        on_first_core(|| with_bare_ring(|ring, _| serve(ring, &listener, connections)));
    })
}

fn serve(mut ring: BareRing<'_>, listener: &TcpListener, connections: u64) {
    let accept = || listener.accept().expect("the client comes").0;
    let mut open: Vec<_> = (0..connections).map(|_| Connection::new(accept())).collect();
    for (index, connection) in open.iter_mut().enumerate() {
        push(&mut ring, &connection.recv(), index);
    }
    let (mut left, mut completed) = (open.len(), Vec::new());
    while left > 0 {
        completed.extend(ring.submit_and_wait().map(|one| (one.user_data(), one.result())));
        for (index, result) in completed.drain(..) {
            let index = index as usize;
            match open[index].next(result) {
                Some(entry) => push(&mut ring, &entry, index),
                None => left -= 1,
            }
        }
    }
}

/// One connection of the bare server: receiving, or sending back.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    is_sending: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP has that");
        Self { stream, buffer: vec![0; BUFFER_LEN], is_sending: false }
    }

    fn recv(&mut self) -> squeue::Entry {
        self.is_sending = false;
        let (fd, len) = (Fd(self.stream.as_raw_fd()), self.buffer.len() as u32);
        opcode::Recv::new(fd, self.buffer.as_mut_ptr(), len).build()
    }

    fn send(&mut self, count: u32) -> squeue::Entry {
        self.is_sending = true;
        opcode::Send::new(Fd(self.stream.as_raw_fd()), self.buffer.as_ptr(), count).build()
    }

    /// What comes after a completion; `None` if the client has gone.
    fn next(&mut self, result: i32) -> Option<squeue::Entry> {
        let count = u32::try_from(result).expect("the client is there");
        match (self.is_sending, count) {
            (true, _) => Some(self.recv()),
            (false, 0) => None,
            (false, count) => Some(self.send(count)),
        }
    }
}

fn push(ring: &mut BareRing<'_>, entry: &squeue::Entry, index: usize) {
    let entry = entry.clone().user_data(index as u64);
    // SAFETY: the connection keeps its buffer for as long as the ring runs, and has one operation
    // at a time.
    unsafe { ring.push(&entry) };
}

/// Runs `server` until the client has closed all its connections.
pub(crate) fn against_client(
    connections: u64,
    rounds: u64,
    server: impl FnOnce(TcpListener),
) -> Cost {
    cores();
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let address = listener.local_addr().expect("it is bound");
    let client = thread::spawn(move || drive(address, connections, rounds));
    server(listener);
    client.join().expect("the client does not panic")
}

/// The client: a message to each connection, then an answer from each, again and again.
fn drive(address: SocketAddr, connections: u64, rounds: u64) -> Cost {
    pin(1);
    let connect = |_| {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has that");
        stream
    };
    let mut streams: Vec<TcpStream> = (0..connections).map(connect).collect();
    let mut cost = Cost::default();
    for count in [WARM_UP, rounds] {
        let (started, process, own) = (Instant::now(), process_cpu(), thread_cpu());
        for _ in 0..count {
            round(&mut streams);
        }
        let cpu = (process_cpu() - process).saturating_sub(thread_cpu() - own);
        cost = Cost { wall: started.elapsed(), cpu };
    }
    cost
}

fn round(streams: &mut [TcpStream]) {
    for stream in &mut *streams {
        stream.write_all(&MESSAGE).expect("the server is there");
    }
    for stream in streams {
        let mut answer = [0; MESSAGE.len()];
        stream.read_exact(&mut answer).expect("the server is there");
        assert_eq!(answer, MESSAGE);
    }
}
