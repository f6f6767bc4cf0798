//! A chat over TCP, until it is killed: `chat [PORT]` on the loopback address, any free port if
//! none or 0 is given. Talk with `nc localhost PORT`.
//!
//! The first line one sends is one's name; each line after it goes to all others. `/who` lists who
//! is there, `/quit` leaves, and so does closing the connection.
//!
//! * One multishot accept takes all connections, and each becomes a task on the next ring.
//! * What clients send is received by multishot operations into a pool of buffers a ring: a client
//!   that says nothing has no buffer.
//! * Every client has a bounded channel of lines. A line is put into all of them without waiting:
//!   who does not read for long is cut off, and holds up nobody.

mod client;
mod lines;
mod room;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use ringpool::buf::BufferPool;
use ringpool::net::TcpListener;
use ringpool::{Pool, Runtime, current, run_on, spawn_on, time};

use room::Room;

/// Of each ring, for what has arrived and has not been looked at yet.
const BUFFERS: usize = 256;
const BUFFER_BYTES: usize = 2048;

/// A pool of buffers on every ring, by the number of the ring.
async fn buffers_on(rings: &[Runtime]) -> io::Result<Arc<[BufferPool]>> {
    let mut pools = Vec::with_capacity(rings.len());
    for ring in rings {
        pools.push(run_on(ring, async { BufferPool::new(BUFFERS, BUFFER_BYTES) }).await??);
    }
    Ok(pools.into())
}

async fn serve(pool: &Pool, port: u16) -> io::Result<()> {
    let room = Arc::new(Room::default());
    let buffers = buffers_on(pool.runtimes()).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut incoming = listener.incoming();
    for ring in pool.runtimes().iter().cycle() {
        let stream = match incoming.next().await {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                // Too many open files, for instance: some may be closed soon.
                eprintln!("no connection was accepted: {error}");
                time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            None => break,
        };
        let (room, buffers) = (room.clone(), buffers.clone());
        let client = async move {
            let here = current().expect("a task is always on a ring").index();
            if let Err(error) = client::serve(stream, &room, &buffers[here]).await {
                eprintln!("a client was lost: {error}");
            }
        };
        spawn_on(ring, client).detach();
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse::<u16>());
    let port = port.map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("the port is no number: {error}"))
    })?;
    let pool = Pool::builder().build()?;
    pool.block_on(serve(&pool, port))
}
