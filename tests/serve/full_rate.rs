//! A server that is stopped while clients come as fast as they can.
//!
//! Each client gets its whole answer, or is refused, or is reset before it got any byte: then
//! nobody had accepted it. And nobody who was accepted goes without an answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::thread;

use ringpool::Pool;
use ringpool::net::{self, Listen, TcpStream};

use super::support::*;
use crate::common::*;

const ANSWER: &[u8] = b"an answer of several bytes";

async fn answer(stream: TcpStream, _: SocketAddr) -> std::io::Result<()> {
    stream.read_exact([0]).await?;
    stream.write_all(ANSWER).await?;
    Ok(())
}

/// What became of a client.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Answered,
    Refused,
    Reset,
}

fn come(address: SocketAddr) -> Came {
    let mut stream = match StdStream::connect(address) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Came::Refused,
        // In the middle of the handshake.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Came::Reset,
        Err(error) => panic!("{error}"),
    };
    let _ = stream.write_all(b"?");
    let mut heard = Vec::new();
    let ended = stream.read_to_end(&mut heard);
    if heard.is_empty() {
        return Came::Reset;
    }
    assert_eq!(heard, ANSWER, "{ended:?}");
    Came::Answered
}

/// Comes again and again until nobody is there; how many times there was an answer, and a reset.
fn come_until_refused(address: SocketAddr, answered: &Count) -> usize {
    let mut resets = 0;
    loop {
        match come(address) {
            Came::Answered => answered.add(),
            Came::Refused => return resets,
            Came::Reset => resets += 1,
        }
    }
}

fn nobody_is_lost<L>(listen: impl Fn(&Pool) -> (L, SocketAddr), limit: Option<usize>)
where
    L: Listen<Stream = TcpStream, Address = SocketAddr>,
{
    let pool = Pool::new(2);
    for round in 0..rounds(20) {
        let (listeners, address) = listen(&pool);
        let mut server = net::serve(listeners, answer);
        if let Some(limit) = limit {
            server = server.max_connections(limit);
        }
        let server = Running::start(&pool, server);
        let answered = Count::new();
        let clients = [(); 4].map(|()| {
            let answered = answered.clone();
            thread::spawn(move || come_until_refused(address, &answered))
        });
        // Each round stops it in another moment.
        answered.reaches(20 + 7 * round);
        let served = server.stop();
        let resets = clients.map(|client| client.join().unwrap());
        println!("{} answered, {resets:?} reset", answered.get());
        assert_eq!(served.completed, served.accepted, "{served:?}");
        assert_eq!(served.completed, answered.get() as u64, "resets: {resets:?}");
    }
}

#[test]
fn nobody_who_was_accepted_from_one_listener_goes_without_an_answer() {
    let _limit = limit();
    nobody_is_lost(listener, None);
}

#[test]
fn nobody_who_was_accepted_one_by_one_goes_without_an_answer() {
    let _limit = limit();
    nobody_is_lost(listener, Some(50));
}

#[test]
fn nobody_who_was_accepted_by_a_ring_of_its_own_goes_without_an_answer() {
    let _limit = limit();
    nobody_is_lost(group, None);
    nobody_is_lost(group, Some(3));
}
