//! A UDP server that sends every datagram back to its sender, until it is killed: `udp_echo [PORT]`
//! on the loopback address, any free port if none or 0 is given.
//!
//! Every ring has a socket of its own at the same port (`SO_REUSEPORT`), and the kernel spreads the
//! senders over them. Where it cannot be had through the ring, before Linux 6.11, the rings share
//! one socket. A multishot operation receives into a pool of buffers; each buffer is sent back as
//! it is, without a copy in between.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use futures::StreamExt;
use ringpool::buf::BufferPool;
use ringpool::net::UdpSocket;
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, spawn_on};

/// Of each ring; what arrives while all are in use waits in the socket.
const BUFFERS: usize = 256;
/// The longest datagram there is, and the room for its sender's address.
const BUFFER_BYTES: usize = 64 * 1024 + 512;

/// A socket that shares its address with those of others who do so, too.
async fn bind_shared(address: SocketAddr) -> io::Result<SharedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    let socket = op::socket(libc::AF_INET, kind, 0).await?;
    op::setsockopt(&socket, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1_i32).await?;
    op::bind(&socket, address).await?;
    Ok(socket)
}

/// A socket for each ring, all at one address; says at which.
async fn bind(rings: usize, port: u16) -> io::Result<(SocketAddr, Vec<SharedFd>)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match bind_shared(address).await {
        Ok(first) => {
            // Port 0 has been replaced by a free one.
            let std = std::net::UdpSocket::from(first.as_fd().try_clone_to_owned()?);
            let address = std.local_addr()?;
            let mut sockets = vec![first];
            while sockets.len() < rings {
                sockets.push(bind_shared(address).await?);
            }
            Ok((address, sockets))
        }
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let socket = UdpSocket::bind(address).await?;
            let address = socket.local_addr()?;
            let shared = SharedFd::from(socket.as_fd().try_clone_to_owned()?);
            Ok((address, vec![shared; rings]))
        }
        Err(error) => Err(error),
    }
}

/// Sends back what comes to `socket`, on the ring it is called on.
async fn echo(socket: SharedFd) -> io::Result<()> {
    let buffers = BufferPool::new(BUFFERS, BUFFER_BYTES)?;
    let mut datagrams = op::recvmsg_multishot(&socket, &buffers, 0, 0);
    while let Some(received) = datagrams.next().await {
        let datagram = match received {
            Ok(datagram) => datagram,
            Err(error) => {
                eprintln!("no datagram was received: {error}");
                continue;
            }
        };
        let Some(sender) = datagram.address() else { continue };
        // The buffer is back in the pool when the kernel has taken the datagram.
        if let Err(error) = op::sendto(&socket, datagram.into_payload(), sender, 0).await {
            eprintln!("{sender}: {}", error.error);
        }
    }
    Ok(())
}

async fn serve(pool: &Pool, port: u16) -> io::Result<()> {
    let (address, sockets) = bind(pool.len(), port).await?;
    let serve = |(ring, socket)| spawn_on(ring, echo(socket));
    let tasks: Vec<_> = pool.runtimes().iter().zip(sockets).map(serve).collect();
    println!("listening on {address}");
    for task in tasks {
        task.await??;
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
