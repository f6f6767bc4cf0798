//! A TCP server that sends back what it gets, until it is killed: `echo [PORT]` on the loopback
//! address, any free port if none or 0 is given; connections are spread over all rings.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use ringpool::net::{TcpListener, TcpStream};
use ringpool::{Pool, spawn_on, time};

/// Sends everything back, until the other side has no more to say.
async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let count;
        (count, buffer) = stream.read(buffer).await?;
        if count == 0 {
            return Ok(());
        }
        ((), buffer) = stream.write_all(buffer).await?;
    }
}

async fn serve(pool: &Pool, port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on {}", listener.local_addr()?);
    for ring in pool.runtimes().iter().cycle() {
        let (stream, peer) = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                // Too many open files, for instance: some may be closed soon.
                eprintln!("no connection was accepted: {error}");
                time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = async move {
            if let Err(error) = echo(stream).await {
                eprintln!("{peer}: {error}");
            }
        };
        spawn_on(ring, connection).detach();
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
