//! A web server that says which ring serves you: `serve [PORT]` on the loopback address, any free
//! port if none or 0 is given, until somebody types `stop` or standard input ends.
//!
//! * Connections are spread over the rings of the pool, and kept open for more requests.
//! * So many are served at once; the others wait with the kernel.
//! * When the server stops, answers that have been begun are sent, connections that wait for a
//!   request are closed, and whoever takes too long is cut off.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ringpool::io::{BufReader, Lines};
use ringpool::net::{self, TcpListener, TcpStream};
use ringpool::stdio::stdin;
use ringpool::stop::{StopToken, shield};
use ringpool::{Pool, current};

/// Connections that are served at once.
const CONNECTIONS_MAX: usize = 10_000;
/// How long connections may take to end when the server stops.
const GOODBYE_MAX: Duration = Duration::from_secs(5);
/// A request may have so many lines.
const LINES_MAX: usize = 100;

/// Reads a request up to the empty line at its end, and gives its first line; `None` if there are
/// no more.
async fn read_request(lines: &mut Lines<&TcpStream>) -> io::Result<Option<String>> {
    let Some(first) = lines.next_line().await? else { return Ok(None) };
    for _ in 0..LINES_MAX {
        match lines.next_line().await? {
            Some(line) if line.is_empty() => return Ok(Some(first)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Err(io::Error::other("a request is too long"))
}

fn answer(request: &str, peer: SocketAddr, is_last: bool) -> String {
    let ring = current().expect("handlers run on rings").index();
    let text = format!("ring {ring} got {request:?} of {peer}\n");
    let connection = if is_last { "close" } else { "keep-alive" };
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n{text}")
}

/// Answers one request after the other, until there are no more or the server stops.
async fn handle(stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let stop = StopToken::current();
    let mut lines = BufReader::new(&stream).lines();
    while let Some(request) = read_request(&mut lines).await? {
        let is_last = stop.is_stop_requested();
        // A stop does not tear in two what has been begun.
        shield(stream.write_all(answer(&request, peer, is_last))).await?;
        if is_last {
            break;
        }
    }
    Ok(())
}

/// Waits until somebody types `stop`, or cannot type any more.
async fn typed_stop() {
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim() == "stop" {
            return;
        }
    }
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let served = net::serve(listener, handle)
        .max_connections(CONNECTIONS_MAX)
        .stop_handlers()
        .shutdown_timeout(GOODBYE_MAX)
        .with_graceful_shutdown(typed_stop())
        .await?;
    println!("{} connections, {} failed", served.accepted, served.failed + served.panicked);
    Ok(())
}

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or("0".to_owned());
    let port = port.parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("the port must be a number: {port}"))
    })?;
    let pool = Pool::builder().build()?;
    pool.block_on(serve(port))
}
