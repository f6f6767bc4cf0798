//! TCP: connections between tasks, rings and plain sockets.

mod common;
mod network;
#[path = "net/options.rs"]
mod options;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use common::*;
use futures::executor;
use network::*;
use ringpool::net::{Shutdown, TcpListener, TcpStream};
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, spawn, spawn_on, switch_to};

/// Sends back what comes until the peer ends the stream.
async fn echo(stream: TcpStream) -> std::io::Result<usize> {
    let (mut total, mut buffer) = (0, Vec::with_capacity(4096));
    loop {
        let count;
        (count, buffer) = stream.read(buffer).await?;
        if count == 0 {
            return Ok(total);
        }
        total += count;
        ((), buffer) = stream.write_all(buffer).await?;
    }
}

fn echoes_at(address: &'static str) {
    let pool = Pool::new(1);
    pool.block_on(async {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move { echo(listener.accept().await.unwrap().0).await });
        let client = TcpStream::connect(address).await.unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        for round in 0..100u8 {
            let message = vec![round; usize::from(round) + 1];
            let ((), message) = client.write_all(message).await.unwrap();
            let ((), answer) = client.read_exact(vec![0; message.len()]).await.unwrap();
            assert_eq!(answer, message);
        }
        drop(client);
        assert_eq!(server.await.unwrap().unwrap(), (1..=100).sum());
    });
}

#[test]
fn messages_come_back_over_ipv4() {
    let _limit = limit();
    echoes_at("127.0.0.1:0");
}

#[test]
fn messages_come_back_over_ipv6() {
    let _limit = limit();
    echoes_at("[::1]:0");
}

#[test]
fn two_rings_take_turns_at_one_listener() {
    let _limit = limit();
    let pool = Pool::new(2);
    let listener = Arc::new(pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
    let address = listener.local_addr().unwrap();
    let servers = pool.runtimes().iter().map(|runtime| {
        let listener = listener.clone();
        spawn_on(runtime, async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                assert_eq!(stream.peer_addr().unwrap(), peer);
                stream.write_all([here().unwrap() as u8]).await.unwrap();
            }
        })
    });
    let servers = servers.collect::<Vec<ringpool::Task<()>>>();
    let mut served = [0, 0];
    while served.contains(&0) || served.iter().sum::<usize>() < 50 {
        let mut answer = [0];
        connect(address).read_exact(&mut answer).unwrap();
        served[usize::from(answer[0])] += 1;
    }
    drop(servers);
}

#[test]
fn every_ring_may_have_a_listener_at_the_same_port() {
    let _limit = limit();
    let pool = Pool::new(2);
    let first = pool.block_on(TcpListener::bind_shared("127.0.0.1:0")).unwrap();
    let address = first.local_addr().unwrap();
    let second = pool.block_on(TcpListener::bind_shared(address)).unwrap();
    let servers = [first, second].map(|listener| {
        pool.spawn(async move {
            loop {
                listener.accept().await.unwrap().0.write_all("hello").await.unwrap();
            }
        })
    });
    for _ in 0..50 {
        let mut answer = String::new();
        connect(address).read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "hello");
    }
    let _: [ringpool::Task<()>; 2] = servers;
}

#[test]
fn nobody_listens() {
    let _limit = limit();
    let pool = Pool::new(1);
    let free = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = pool.block_on(TcpStream::connect(free)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn of_several_addresses_the_first_that_works_is_taken() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let works = listener.local_addr().unwrap();
    let refuses = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stream = pool.block_on(TcpStream::connect(&[refuses, works][..])).unwrap();
    assert_eq!(stream.peer_addr().unwrap(), works);
    let none: [SocketAddr; 0] = [];
    let error = pool.block_on(TcpStream::connect(&none[..])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn names_are_looked_up_off_the_rings() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listener = pool.block_on(TcpListener::bind("localhost:0")).unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(pool.block_on(TcpStream::connect(("localhost", port))).is_ok());
    let error = pool.block_on(TcpListener::bind("no port")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_address_in_use_is_an_error() {
    let _limit = limit();
    let pool = Pool::new(1);
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    let error = pool.block_on(TcpListener::bind(taken.local_addr().unwrap())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn without_a_ring_an_error_says_so() {
    let _limit = limit();
    let listener = executor::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let error = executor::block_on(listener.accept()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let (ours, _peer) = connection();
    let error = executor::block_on(ours.write(vec![1, 2, 3])).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::Unsupported, vec![1, 2, 3]));
    let error = executor::block_on(ours.read(vec![1, 2, 3])).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::Unsupported, vec![1, 2, 3]));
    let error = executor::block_on(TcpStream::connect("localhost:1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_peer_that_goes_ends_the_stream() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    peer.write_all(b"bye").unwrap();
    drop(peer);
    pool.block_on(async {
        let error = ours.read_exact(Vec::with_capacity(4)).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.buffer, b"bye");
        for _ in 0..3 {
            assert_eq!(ours.read([0; 4]).await.unwrap().0, 0);
        }
    });
}

#[test]
fn one_direction_ends_while_the_other_goes_on() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    let client = std::thread::spawn(move || {
        peer.write_all(b"question").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        answer
    });
    pool.block_on(async {
        let error = ours.read_exact([0; 64]).await.unwrap_err();
        assert_eq!(&error.buffer[..8], b"question");
        ours.write_all("answer").await.unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        assert!(ours.write_all("more").await.is_err());
    });
    assert_eq!(client.join().unwrap(), "answer");
}

/// Sends `total` random bytes in pieces of random sizes.
async fn send(writer: ringpool::net::OwnedWriteHalf, mut random: Random, total: usize) -> Vec<u8> {
    let mut sent = Vec::new();
    while sent.len() < total {
        let len = 1 + random.below(200_000).min(total - sent.len() - 1);
        let mut piece = random.bytes(len);
        sent.extend_from_slice(&piece);
        if random.below(2) == 0 {
            writer.write_all(piece).await.unwrap();
            continue;
        }
        while !piece.is_empty() {
            let count;
            (count, piece) = writer.write(piece).await.unwrap();
            piece.drain(..count);
        }
    }
    sent
}

/// Receives until the end, with buffers of random sizes.
async fn receive(reader: ringpool::net::OwnedReadHalf, mut random: Random) -> Vec<u8> {
    let mut received = Vec::new();
    loop {
        let buffer = Vec::with_capacity(1 + random.below(150_000));
        let (count, buffer) = reader.read(buffer).await.unwrap();
        if count == 0 {
            return received;
        }
        received.extend_from_slice(&buffer);
    }
}

#[test]
fn sixteen_mebibytes_each_way_between_four_tasks_on_two_rings() {
    let _limit = limit();
    let mut random = Random::new();
    let pool = Pool::new(2);
    let (ours, theirs) = connection();
    let (our_reader, our_writer) = ours.into_split();
    let (their_reader, their_writer) = TcpStream::from_std(theirs).unwrap().into_split();
    let (total, [here, there]) = (16 << 20, [pool.runtime(0), pool.runtime(1)]);
    let sent = [
        spawn_on(&here, send(our_writer, random.fork(), total)),
        spawn_on(&there, send(their_writer, random.fork(), total)),
    ];
    let received = [
        spawn_on(&there, receive(their_reader, random.fork())),
        spawn_on(&here, receive(our_reader, random.fork())),
    ];
    for (sent, received) in sent.into_iter().zip(received) {
        let (sent, received) = (sent.wait().unwrap(), received.wait().unwrap());
        assert_eq!(sent.len(), total);
        assert!(sent == received, "the bytes differ");
    }
}

#[test]
fn a_stream_comes_along_when_its_task_switches() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, peer) = connection();
    let mirror = std::thread::spawn(move || std::io::copy(&mut &peer, &mut &peer).unwrap());
    pool.block_on(async {
        for round in 0..50u8 {
            switch_to(&pool.runtime(usize::from(round) % 2)).await.unwrap();
            ours.write_all([round; 100]).await.unwrap();
            switch_to(&pool.runtime(usize::from(round / 2) % 2)).await.unwrap();
            assert_eq!(ours.read_exact([0; 100]).await.unwrap().1, [round; 100]);
        }
        drop(ours);
    });
    assert_eq!(mirror.join().unwrap(), 5000);
}

#[test]
fn a_second_read_or_write_at_once_is_refused() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    narrow(&ours);
    pool.block_on(async {
        let mut first = ours.read([0; 8]);
        assert!(futures::poll!(&mut first).is_pending());
        let error = ours.read(vec![7]).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::ResourceBusy, vec![7]));
        peer.write_all(b"x").unwrap();
        assert_eq!(first.await.unwrap().0, 1);
        let mut first = Box::pin(ours.write_all(vec![1; 1 << 19]));
        assert!(futures::poll!(&mut first).is_pending());
        let error = ours.write("more").await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::ResourceBusy, "more"));
        let reading = std::thread::spawn(move || {
            let mut total = Vec::new();
            peer.read_to_end(&mut total).unwrap();
            total.len()
        });
        first.await.unwrap();
        drop(ours);
        assert_eq!(reading.join().unwrap(), 1 << 19);
    });
}

#[test]
fn a_reset_is_an_error_for_reader_and_writer() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, peer) = connection();
    pool.block_on(async {
        let mut reading = ours.read([0; 8]);
        assert!(futures::poll!(&mut reading).is_pending());
        reset(peer);
        assert_eq!(reading.await.unwrap_err().error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(ours.write("x").await.unwrap_err().error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_write_to_nobody_raises_no_signal() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, peer) = connection();
    drop(peer);
    // SAFETY: no handler is set, only what the standard library has set is undone: from here on
    // the signal would kill this process.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    pool.block_on(async {
        let error = loop {
            match ours.write("x").await {
                Ok(_) => continue,
                Err(error) => break error.error,
            }
        };
        let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(kinds.contains(&error.kind()), "{error}");
        assert_eq!(ours.write_all("x").await.unwrap_err().error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn halves_of_one_stream_come_together_again() {
    let _limit = limit();
    let ((first, mut peer), (second, _peer)) = (connection(), connection());
    let (first_reader, first_writer) = first.into_split();
    let (second_reader, second_writer) = second.into_split();
    let error = first_reader.reunite(second_writer).unwrap_err();
    let whole = error.0.reunite(first_writer).unwrap();
    second_reader.reunite(error.1).unwrap();
    Pool::new(1).block_on(whole.write_all("whole")).unwrap();
    drop(whole);
    let mut received = String::new();
    peer.read_to_string(&mut received).unwrap();
    assert_eq!(received, "whole");
}

#[test]
fn a_writing_half_that_is_dropped_ends_its_direction() {
    let _limit = limit();
    let (ours, mut peer) = connection();
    let (reader, writer) = ours.into_split();
    drop(writer);
    assert!(is_ended(&peer));
    peer.write_all(b"still").unwrap();
    let (_, buffer) = Pool::new(1).block_on(reader.read_exact([0; 5])).unwrap();
    assert_eq!(&buffer, b"still");
}

#[test]
fn sockets_of_std_come_in_and_go_out() {
    let _limit = limit();
    let pool = Pool::new(1);
    let plain = StdListener::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(plain).unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = pool.spawn(async move { (listener.accept().await.unwrap().0, listener) });
    let peer = connect(address);
    let (ours, listener) = accepted.wait().unwrap();
    ours.set_nodelay(true).unwrap();
    assert!(ours.nodelay().unwrap());
    assert_eq!(ours.local_addr().unwrap(), address);
    let mut plain = ours.into_std().unwrap();
    plain.write_all(b"plain").unwrap();
    peer.set_nonblocking(true).unwrap();
    let peer = TcpStream::from_std(peer).unwrap();
    assert_eq!(&pool.block_on(peer.read_exact([0; 5])).unwrap().1, b"plain");
    assert_eq!(listener.into_std().unwrap().local_addr().unwrap(), address);
}

#[test]
fn an_empty_buffer_needs_no_bytes() {
    let _limit = limit();
    let (ours, _peer) = connection();
    Pool::new(1).block_on(async {
        assert_eq!(ours.read(Vec::new()).await.unwrap().0, 0);
        ours.read_exact(Vec::new()).await.unwrap();
        assert_eq!(ours.write("").await.unwrap().0, 0);
        ours.write_all("").await.unwrap();
    });
}

#[test]
fn everything_may_be_sent_and_shared() {
    // It is enough that this compiles.
    fn check<T: Send + Sync>(_: T) {}
    let _shared = |listener: TcpListener, stream: TcpStream| {
        check((&listener, &stream));
        check(listener.accept());
        check(stream.into_split());
    };
    fn check_send<T: Send>(_: T) {}
    let _sent = |stream: TcpStream| {
        check_send((stream.read([0; 4]), stream.write("x")));
        check_send((stream.read_exact([0; 4]), stream.write_all("x")));
        check_send((TcpStream::connect("x"), TcpListener::bind("x")));
    };
}

#[test]
fn a_connection_without_ip_is_accepted_without_address() {
    let _limit = limit();
    let pool = Pool::new(1);
    let folder = std::env::temp_dir().join(format!("ringpool-net-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&folder).unwrap();
    let client = std::os::unix::net::UnixStream::connect(&folder);
    std::fs::remove_file(&folder).unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    let (_connection, peer) = pool.block_on(op::accept(&listener)).unwrap();
    assert!(peer.to_unix_addr().unwrap().is_unnamed());
    client.unwrap();
}

#[test]
fn a_datagram_longer_than_the_buffer_is_cut() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let ours = SharedFd::from(OwnedFd::from(ours));
    theirs.send(&[1; 100]).unwrap();
    let received = pool.block_on(op::recv(&ours, Vec::with_capacity(8), libc::MSG_TRUNC));
    assert_eq!(received.unwrap(), (8, vec![1; 8]));
}

#[test]
fn poll_waits_for_what_it_is_asked() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let ours = SharedFd::from(OwnedFd::from(ours));
    pool.block_on(async {
        let both = libc::POLLIN | libc::POLLOUT;
        assert_eq!(op::poll_add(&ours, both).await.unwrap(), libc::POLLOUT);
        let mut readable = op::poll_add(&ours, libc::POLLIN);
        assert!(futures::poll!(&mut readable).is_pending());
        theirs.write_all(b"x").unwrap();
        assert_eq!(readable.await.unwrap(), libc::POLLIN);
        drop(theirs);
        assert_ne!(op::poll_add(&ours, 0).await.unwrap() & libc::POLLHUP, 0);
    });
}
