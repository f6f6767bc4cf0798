//! Connections of which now those of one ring have requests, now those of the other.
//!
//! Eight clients, plain threads on either processor, have a connection to the tasks of each ring.
//! In each phase they all use that to the same ring: a request, its answer, and the next. Processor
//! time is the server's alone: that of the process without the clients' threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Barrier, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use ringpool::Balance;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::computing::{compute, steps_in};
use crate::common::echo::{ringpool_serve, tokio_serve};
use crate::common::measure::{Cost, process_cpu, thread_cpu};
use crate::common::runtimes::{Waiting, cores, pool_with, tokio_two_workers};

const CLIENTS: usize = 8;
/// Of each client in a phase.
const REQUESTS: u64 = 8;
pub(crate) const REQUESTS_A_PHASE: u64 = CLIENTS as u64 * REQUESTS;
const WARM_UP: u64 = 4;

const MESSAGE_LEN: usize = 64;
const REQUEST: [u8; MESSAGE_LEN] = [7; MESSAGE_LEN];
static STEPS: LazyLock<u64> = LazyLock::new(|| steps_in(Duration::from_micros(50)));
static ANSWER: LazyLock<[u8; MESSAGE_LEN]> = LazyLock::new(|| {
    let mut answer = REQUEST;
    make_answer(&mut answer);
    answer
});

/// Computes for a while, and puts the result into the message.
fn make_answer(message: &mut [u8]) {
    let seed = u64::from_le_bytes(message[..8].try_into().expect("eight bytes are eight"));
    message[..8].copy_from_slice(&compute(*STEPS, seed).to_le_bytes());
}

/// On each of two rings a task accepts eight connections, and spawns a task for each.
pub(crate) fn ringpool(balance: Balance, phases: u64) -> Cost {
    let pool = pool_with(2, Waiting::Default, |builder| builder.balance(balance));
    against_clients(phases, |listeners| {
        let serve = |listener| ringpool_serve(listener, CLIENTS as u64, ringpool_connection);
        let on_each = pool.runtimes().iter().zip(listeners);
        let tasks: Vec<_> = on_each.map(|(ring, one)| ring.spawn(serve(one))).collect();
        tasks.into_iter().for_each(|task| task.wait().expect("it ends"));
    })
}

async fn ringpool_connection(stream: ringpool::net::TcpStream) {
    let mut buffer = Vec::with_capacity(MESSAGE_LEN);
    loop {
        let count;
        (count, buffer) = stream.read(buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        make_answer(&mut buffer);
        ((), buffer) = stream.write_all(buffer).await.expect("the client is there");
    }
}

/// Two workers of one runtime: the same.
pub(crate) fn tokio(phases: u64) -> Cost {
    let runtime = tokio_two_workers();
    against_clients(phases, |listeners| {
        let tasks = listeners
            .map(|listener| runtime.spawn(tokio_serve(listener, CLIENTS as u64, tokio_connection)));
        runtime.block_on(async {
            for task in tasks {
                task.await.expect("it ends");
            }
        });
    })
}

async fn tokio_connection(mut stream: tokio::net::TcpStream) {
    let mut buffer = [0; MESSAGE_LEN];
    loop {
        let count = stream.read(&mut buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        make_answer(&mut buffer[..count]);
        stream.write_all(&buffer[..count]).await.expect("the client is there");
    }
}

/// Runs `server` until the clients have closed all connections.
fn against_clients(phases: u64, server: impl FnOnce([TcpListener; 2])) -> Cost {
    cores();
    LazyLock::force(&ANSWER);
    let bind = |()| TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let listeners = [(); 2].map(bind);
    let address_of = |listener: &TcpListener| listener.local_addr().expect("it is bound");
    let addresses = listeners.each_ref().map(address_of);
    let clients = thread::spawn(move || drive(addresses, phases));
    server(listeners);
    clients.join().expect("the clients do not panic")
}

fn drive(addresses: [SocketAddr; 2], phases: u64) -> Cost {
    let together = Barrier::new(CLIENTS);
    let costs: Vec<_> = thread::scope(|scope| {
        let start = |_| scope.spawn(|| client(addresses, phases, &together));
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        clients.into_iter().map(|one| one.join().expect("the client does not panic")).collect()
    });
    let (whole, _) = costs[0];
    let of_clients: Duration = costs.iter().map(|(_, own)| *own).sum();
    Cost { cpu: whole.cpu.saturating_sub(of_clients), ..whole }
}

/// Gives the cost of everything, and the processor time of this client.
fn client(addresses: [SocketAddr; 2], phases: u64, together: &Barrier) -> (Cost, Duration) {
    let mut streams = addresses.map(|address| {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("TCP has that");
        stream
    });
    let mut cost = (Cost::default(), Duration::ZERO);
    for count in [WARM_UP, phases] {
        together.wait();
        let (started, process, own) = (Instant::now(), process_cpu(), thread_cpu());
        for phase in 0..count {
            together.wait();
            for _ in 0..REQUESTS {
                request(&mut streams[phase as usize % 2]);
            }
        }
        together.wait();
        let whole = Cost { wall: started.elapsed(), cpu: process_cpu() - process };
        cost = (whole, thread_cpu() - own);
    }
    cost
}

fn request(stream: &mut TcpStream) {
    stream.write_all(&REQUEST).expect("the server is there");
    let mut answer = [0; MESSAGE_LEN];
    stream.read_exact(&mut answer).expect("the server is there");
    assert_eq!(answer, *ANSWER);
}
