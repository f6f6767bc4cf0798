//! A TCP server that sends back what it gets and ends in good order: `graceful [PORT [SECONDS]]` on
//! the loopback address, any free port if none or 0 is given, until somebody types `stop`, or the
//! seconds are over.
//!
//! * A group has a task for every client, and runs so many of them at once; the others wait.
//! * A client that says nothing for long is told goodbye; so are all when the server stops: what is
//!   being sent back by then is sent, and no new connection is accepted.
//! * Who has not taken it all a few seconds later is cut off. In any case there is a last word
//!   about each client.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ringpool::future::{join, race};
use ringpool::io::BufReader;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::stdio::{stdin, stdout};
use ringpool::stop::{StopSource, StopToken, finally, shield, until, with_stop, with_timeout};
use ringpool::task::TaskGroup;
use ringpool::{Pool, Runtime, TaskError, time};

/// Clients that are served at once.
const CLIENTS_MAX: usize = 1000;
/// How long a client may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long clients may take to hear the rest when the server stops.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Sends everything back, until the client has no more to say or is silent for long, or the scope
/// in which this runs is asked to stop.
async fn echo(stream: &TcpStream, count_bytes: &AtomicU64) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let reading = with_timeout(SILENCE_MAX, stream.read(buffer)).await;
        match reading.output {
            Ok((0, _)) => return Ok(()),
            Ok((_, bytes)) => buffer = bytes,
            Err(_) if reading.is_late || StopToken::current().is_stop_requested() => break,
            Err(error) => return Err(error.into()),
        }
        // A stop does not tear in two what has been begun.
        ((), buffer) = shield(stream.write_all(buffer)).await?;
        count_bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
    }
    shield(stream.write_all("goodbye\n")).await?;
    Ok(())
}

/// Serves a client, and says at the end how much it got, also if it was cut off.
async fn serve_client(stream: TcpStream, peer: SocketAddr) {
    let bytes = Arc::new(AtomicU64::new(0));
    let last_word = {
        let bytes = bytes.clone();
        async move {
            let line = format!("{peer}: {} bytes\n", bytes.load(Ordering::Relaxed));
            // Nobody may be there any more to read it.
            let _ = stdout().write_all(line).await;
        }
    };
    let talk = async {
        if let Err(error) = echo(&stream, &bytes).await {
            eprintln!("{peer}: {error}");
        }
    };
    finally(talk, last_word).await;
}

/// Accepts clients, until the scope in which this runs is asked to stop.
async fn accept(listener: TcpListener, rings: &[Runtime], clients: &TaskGroup<()>) {
    for ring in rings.iter().cycle() {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A task begins in no scope: it is told which one stops it.
                let client = with_stop(StopToken::current(), serve_client(stream, peer));
                clients.spawn_on(ring, client);
            }
            Err(_) if StopToken::current().is_stop_requested() => return,
            Err(error) => {
                // Too many open files, for instance: some may be closed soon.
                eprintln!("no connection was accepted: {error}");
                let _ = until(time::sleep(Duration::from_millis(100))).await;
            }
        }
        // The group keeps how its tasks ended until somebody asks.
        while let Some(ended) = clients.try_next() {
            report(ended);
        }
    }
}

fn report(ended: Result<(), TaskError>) {
    if let Err(error) = ended {
        eprintln!("a client was lost: {error}");
    }
}

/// Waits until somebody types `stop`. That nobody can type any more is no reason to stop.
async fn typed_stop() {
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        match lines.next_line().await {
            Ok(Some(line)) if line.trim() == "stop" => return,
            Ok(Some(_)) => {}
            Ok(None) => return pending().await,
            Err(error) => {
                eprintln!("standard input cannot be read: {error}");
                return pending().await;
            }
        }
    }
}

async fn serve(pool: &Pool, port: u16, limit: Option<Duration>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let (source, clients) = (StopSource::new(), TaskGroup::with_limit(CLIENTS_MAX));
    let accepting = with_stop(source.token(), accept(listener, pool.runtimes(), &clients));
    let stopping = async {
        match limit {
            Some(limit) => drop(race((typed_stop(), time::sleep(limit))).await),
            None => typed_stop().await,
        }
        source.stop();
    };
    join((accepting, stopping)).await;
    // From here on nobody can connect, and all clients hear goodbye.
    match time::timeout(GOODBYE_MAX, clients.wait_all()).await {
        Ok(all) => all.into_iter().for_each(report),
        Err(_) => clients.cancel().await,
    }
    println!("stopped");
    Ok(())
}

fn argument<T: std::str::FromStr>(place: usize, what: &str) -> io::Result<Option<T>> {
    let Some(text) = std::env::args().nth(place) else { return Ok(None) };
    let message = || format!("{what} must be a number, and not too large: {text}");
    let number = text.parse();
    number.map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, message()))
}

fn main() -> io::Result<()> {
    let port = argument(1, "the port")?.unwrap_or(0);
    let limit = argument::<u32>(2, "the time")?;
    let limit = limit.map(|seconds| Duration::from_secs(seconds.into()));
    let pool = Pool::builder().build()?;
    pool.block_on(serve(&pool, port, limit))
}
