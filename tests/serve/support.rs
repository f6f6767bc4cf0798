//! Servers on a pool, and plain clients.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::future::{Future, IntoFuture};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};

use ringpool::net::{HandlerOutput, Listen, Serve, Served, ServerHandle, TcpListener, TcpStream};
use ringpool::{Pool, Task};

use crate::common::*;

/// A server that is awaited by a task of the pool.
pub(crate) struct Running {
    pub(crate) handle: ServerHandle,
    pub(crate) task: Task<io::Result<Served>>,
}

impl Running {
    pub(crate) fn start<L, H, F>(pool: &Pool, server: Serve<L, H>) -> Self
    where
        L: Listen,
        H: Fn(L::Stream, L::Address) -> F + Send + Sync + 'static,
        F: Future + Send + 'static,
        F::Output: HandlerOutput,
    {
        let handle = server.handle();
        Self { handle, task: pool.runtime(0).spawn(server.into_future()) }
    }

    /// Waits until so many connections are being served.
    pub(crate) fn serves(&self, connections: usize) {
        until(|| self.handle.connections() == connections);
    }

    pub(crate) fn stop(self) -> Served {
        self.handle.stop();
        self.ends()
    }

    pub(crate) fn ends(self) -> Served {
        self.task.wait().expect("it does not panic").expect("accepting does not fail")
    }
}

pub(crate) fn listener(pool: &Pool) -> (TcpListener, SocketAddr) {
    let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// A listener for each ring.
pub(crate) fn group(pool: &Pool) -> (Vec<TcpListener>, SocketAddr) {
    let group = pool.block_on(TcpListener::bind_group("127.0.0.1:0", pool.len()));
    let group = group.expect("a port is free");
    let address = group[0].local_addr().expect("it is bound");
    (group, address)
}

/// Says which ring it is on, and then sends everything back.
pub(crate) async fn echo(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    stream.write_all([here().expect("handlers run on rings") as u8]).await?;
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let count;
        (count, buffer) = stream.read(buffer).await?;
        if count == 0 {
            return Ok(());
        }
        ((), buffer) = stream.write_all(buffer).await?;
    }
}

/// The ring that a client of [`echo`] is served on.
pub(crate) fn ring_of(mut client: impl Read) -> usize {
    let mut ring = [0];
    client.read_exact(&mut ring).expect("it is served");
    ring[0].into()
}

pub(crate) fn echoed(mut client: &StdStream, text: &str) {
    client.write_all(text.as_bytes()).expect("it is connected");
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).expect("an answer comes");
    assert_eq!(answer, text.as_bytes());
}

/// Waits until each client of [`echo`] is served.
pub(crate) fn all_are_served(clients: &[StdStream]) {
    for client in clients {
        ring_of(client);
    }
}

pub(crate) fn is_refused(address: SocketAddr) -> bool {
    match StdStream::connect(address) {
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        Ok(_) => false,
    }
}
