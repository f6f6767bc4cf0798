//! What becomes of connections and bytes when the futures that waited for them are dropped.
//!
//! Tests here count descriptors, so they run one after the other.

mod common;
mod network;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use common::*;
use futures::future::{self, Either, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use network::*;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::op::{self, SharedFd};
use ringpool::time::{sleep, timeout};
use ringpool::{Pool, Task, current, spawn, spawn_on, switch_to, yield_now};

/// Waits until the calling task's ring has had `count` more completions than `before`.
async fn completed(before: u64, count: u64) {
    while operations() < before + count {
        yield_now().await;
    }
}

/// Operations of this ring that have completed.
fn operations() -> u64 {
    current().expect("in a task").metrics().operations_completed
}

/// Says its number, and hears it again.
fn ask(address: SocketAddr, number: u64) {
    let mut stream = connect(address);
    stream.write_all(&number.to_le_bytes()).expect("the server is there");
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).expect("every client is served");
    assert_eq!(u64::from_le_bytes(answer), number);
}

/// Clients on plain threads, `count` in all.
fn clients(address: SocketAddr, count: u64) -> Vec<std::thread::JoinHandle<()>> {
    let threads = 10;
    let client = move |first| (first..count).step_by(threads).for_each(|n| ask(address, n));
    (0..threads as u64).map(|first| std::thread::spawn(move || client(first))).collect()
}

fn serve(stream: TcpStream) -> Task<()> {
    spawn(async move {
        let (_, number) = stream.read_exact([0; 8]).await.expect("the client is there");
        stream.write_all(number).await.expect("the client is there");
    })
}

/// The demonstration of "Async Rust is not safe with io_uring": a server that gives up each accept
/// after a moment. A runtime that only cancels loses connections here, or their descriptors.
#[test]
fn a_server_that_keeps_giving_up_its_accept_serves_every_client() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let mut random = Random::new();
    {
        let pool = Pool::new(2);
        let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let count = rounds(2000);
        let clients = clients(listener.local_addr().unwrap(), count as u64);
        let given_up = pool.block_on(async move {
            let (mut served, mut given_up) = (Vec::new(), 0);
            while served.len() < count {
                let moment = Duration::from_micros(random.below(60) as u64);
                let accepted = match random.below(3) {
                    0 => timeout(moment, listener.accept()).await.ok(),
                    1 => listener.accept().now_or_never(),
                    _ => {
                        let accept = Box::pin(listener.accept());
                        match future::select(accept, sleep(moment)).await {
                            Either::Left((accepted, _)) => Some(accepted),
                            Either::Right(((), accept)) => {
                                yield_now().await;
                                drop(accept);
                                None
                            }
                        }
                    }
                };
                match accepted {
                    Some(accepted) => served.push(serve(accepted.unwrap().0)),
                    None => given_up += 1,
                }
                yield_now().await;
            }
            future::join_all(served).await.into_iter().for_each(Result::unwrap);
            given_up
        });
        println!("{given_up} accepts were given up");
        assert!(given_up > 0);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }
    assert_eq!(open_fds(), before);
}

/// As above, with streams that come and go, and a single accept now and then.
#[test]
fn a_server_that_keeps_giving_up_its_incoming_serves_every_client() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let mut random = Random::new();
    {
        let pool = Pool::new(2);
        let (first, second) = (pool.runtime(0), pool.runtime(1));
        let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let count = rounds(2000);
        let clients = clients(listener.local_addr().unwrap(), count as u64);
        let given_up = pool.block_on(async move {
            let (mut served, mut given_up) = (Vec::new(), 0);
            while served.len() < count {
                let moment = Duration::from_micros(random.below(60) as u64);
                let mut incoming = listener.incoming();
                for _ in 0..random.below(4) {
                    match timeout(moment, incoming.next()).await {
                        Ok(accepted) => served.push(serve(accepted.unwrap().unwrap())),
                        Err(_) => given_up += 1,
                    }
                }
                if random.below(2) == 0 {
                    drop(incoming);
                }
                match random.below(4) {
                    0 => switch_to([&first, &second][random.below(2)]).await.unwrap(),
                    1 => {}
                    _ => continue,
                }
                match timeout(moment, listener.accept()).await {
                    Ok(accepted) => served.push(serve(accepted.unwrap().0)),
                    Err(_) => given_up += 1,
                }
            }
            future::join_all(served).await.into_iter().for_each(Result::unwrap);
            given_up
        });
        println!("{given_up} times it was given up");
        assert!(given_up > 0);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn streams_and_acceptors_of_one_listener_on_two_rings_serve_every_client() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let mut random = Random::new();
    {
        let pool = Pool::new(2);
        let listener = Arc::new(pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
        let clients = clients(listener.local_addr().unwrap(), 1000);
        let served = Count::new();
        let acceptors: Vec<_> = (0..8)
            .map(|index| {
                let (listener, served, mut random) =
                    (listener.clone(), served.clone(), random.fork());
                spawn_on(&pool.runtime(index % 2), async move {
                    while served.get() < 1000 {
                        let moment = Duration::from_micros(random.below(500) as u64);
                        if index < 4 {
                            let mut taken = listener.incoming().take(1 + random.below(20));
                            while let Ok(Some(accepted)) = timeout(moment, taken.next()).await {
                                served.add();
                                serve(accepted.unwrap()).detach();
                            }
                        } else if let Ok(accepted) = timeout(moment, listener.accept()).await {
                            served.add();
                            serve(accepted.unwrap().0).detach();
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        acceptors.into_iter().for_each(|acceptor| acceptor.wait().unwrap());
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn connections_delivered_to_a_dropped_stream_are_for_those_who_accept_next() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let before = open_fds();
    for round in 0..40 {
        pool.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut incoming = listener.incoming();
            assert!(incoming.next().now_or_never().is_none());
            yield_now().await;
            let clients: Vec<_> = (0..6).map(|_| connect(address)).collect();
            for _ in 0..round % 6 {
                yield_now().await;
            }
            let first = incoming.next().await.unwrap().unwrap();
            drop(incoming);
            switch_to(&pool.runtime(round % 2)).await.unwrap();
            let mut peers = vec![first.peer_addr().unwrap()];
            let mut streams = vec![first];
            for index in 1..6 {
                let stream = match (index + round) % 3 {
                    0 => listener.incoming().next().await.unwrap().unwrap(),
                    _ => listener.accept().await.unwrap().0,
                };
                peers.push(stream.peer_addr().unwrap());
                streams.push(stream);
            }
            let expected: Vec<_> = clients.iter().map(|it| it.local_addr().unwrap()).collect();
            assert_eq!(peers, expected);
            assert!(listener.accept().now_or_never().is_none());
        });
    }
    until(|| open_fds() == before);
}

#[test]
fn an_incoming_that_takes_its_turn_lets_others_have_theirs() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut incoming = listener.incoming();
        let mut accept = Box::pin(listener.accept());
        assert!(futures::poll!(incoming.next()).is_pending());
        assert!(futures::poll!(&mut accept).is_pending());
        let (first, second) = (connect(address), connect(address));
        let accepted = incoming.next().await.unwrap().unwrap();
        assert_eq!(accepted.peer_addr().unwrap(), first.local_addr().unwrap());
        assert_eq!(accept.await.unwrap().1, second.local_addr().unwrap());
        drop(incoming);
        let third = connect(address);
        assert_eq!(listener.accept().await.unwrap().1, third.local_addr().unwrap());
    });
}

#[test]
fn many_acceptors_on_two_rings_that_come_and_go_serve_every_client() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let mut random = Random::new();
    {
        let pool = Pool::new(2);
        let listener = Arc::new(pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap());
        let clients = clients(listener.local_addr().unwrap(), 600);
        let served = Count::new();
        let acceptors: Vec<_> = (0..8)
            .map(|index| {
                let (listener, served, mut random) =
                    (listener.clone(), served.clone(), random.fork());
                spawn_on(&pool.runtime(index % 2), async move {
                    while served.get() < 600 {
                        let moment = Duration::from_micros(random.below(500) as u64);
                        if let Ok(accepted) = timeout(moment, listener.accept()).await {
                            served.add();
                            serve(accepted.unwrap().0).detach();
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        acceptors.into_iter().for_each(|acceptor| acceptor.wait().unwrap());
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn a_connection_that_came_for_a_dropped_accept_goes_to_another_ring() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for round in 0..20 {
            let had = operations();
            assert!(listener.accept().now_or_never().is_none());
            let client = connect(address);
            if round % 2 == 0 {
                // It is in the hands of nobody now.
                completed(had, 1).await;
            }
            switch_to(&pool.runtime(round / 2 % 2)).await.unwrap();
            let (_stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
        }
    });
}

#[test]
fn a_turn_that_is_dropped_goes_to_the_next_in_line() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut line: Vec<_> = (0..4).map(|_| Box::pin(listener.accept())).collect();
        for accept in &mut line {
            assert!(futures::poll!(accept).is_pending());
        }
        // One that waits, then the one whose turn it is, then the one that has just been called.
        drop(line.remove(2));
        drop(line.remove(0));
        drop(line.remove(0));
        let client = connect(listener.local_addr().unwrap());
        let (_stream, peer) = line.remove(0).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
}

#[test]
fn a_listener_that_is_dropped_closes_the_connection_nobody_took() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    let clients: Vec<_> = pool.block_on(async {
        let mut clients = Vec::new();
        for round in 0..20 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let had = operations();
            assert!(listener.accept().now_or_never().is_none());
            clients.push(connect(listener.local_addr().unwrap()));
            if round % 2 == 0 {
                completed(had, 1).await;
            }
            drop(listener);
        }
        clients
    });
    assert!(clients.iter().all(is_ended));
    drop(clients);
    until(|| open_fds() == before);
}

#[test]
fn a_stream_that_is_dropped_with_a_dropped_read_is_closed() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let before = open_fds();
    let peers: Vec<_> = (0..50)
        .map(|round| {
            let (ours, peer) = connection();
            pool.block_on(async {
                assert!(timeout(Duration::from_micros(50), ours.read([0; 8])).await.is_err());
                match round % 3 {
                    0 => drop(ours),
                    1 => spawn_on(&pool.runtime(1), async move { drop(ours) }).await.unwrap(),
                    _ => on_a_plain_thread(move || drop(ours)),
                }
            });
            peer
        })
        .collect();
    assert!(peers.iter().all(is_ended));
    drop(peers);
    until(|| open_fds() == before);
}

#[test]
fn a_pool_that_is_dropped_with_two_hundred_reads_in_flight_closes_them_all() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let (connections, peers): (Vec<_>, Vec<_>) = (0..200).map(|_| connection()).unzip();
    let pool = Pool::new(2);
    let reading = Count::new();
    for ours in connections {
        let reading = reading.clone();
        pool.spawn(async move {
            let mut read = ours.read(vec![0; 512]);
            assert!(futures::poll!(&mut read).is_pending());
            reading.add();
            read.await.map(drop).expect("nothing comes");
        })
        .detach();
    }
    reading.reaches(200);
    drop(pool);
    assert!(peers.iter().all(is_ended));
    drop(peers);
    assert_eq!(open_fds(), before);
}

#[test]
fn reads_and_accepts_begun_in_a_pool_that_is_gone_go_on_in_the_next() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, mut peer) = connection();
    let (writing, mut reading) = connection();
    narrow(&writing);
    let first = Pool::new(1);
    let listener = first.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(listener.accept().now_or_never().is_none());
        assert!(ours.read([0; 16]).now_or_never().is_none());
        assert!(writing.write_all(vec![1; 1 << 20]).now_or_never().is_none());
        listener
    });
    drop(first);
    let second = Pool::new(1);
    peer.write_all(b"hello").unwrap();
    let client = connect(listener.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let mut received = Vec::new();
        reading.read_to_end(&mut received).unwrap();
        received
    });
    second.block_on(async {
        assert_eq!(&ours.read_exact([0; 5]).await.unwrap().1, b"hello");
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
        writing.write_all(vec![2; 10]).await.unwrap();
    });
    drop(writing);
    let mut sent = vec![1; 1 << 20];
    sent.extend([2; 10]);
    assert!(received.join().unwrap() == sent);
}

#[test]
fn bytes_that_come_for_a_dropped_read_come_out_of_the_next_ones() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    pool.block_on(async {
        let had = operations();
        assert!(ours.read(vec![0; 64]).now_or_never().is_none());
        peer.write_all(b"0123456789").unwrap();
        completed(had, 1).await;
        let ours = match ours.into_std() {
            Ok(_) => panic!("its bytes would be lost"),
            Err(ours) => ours,
        };
        assert_eq!(ours.read([0; 4]).await.unwrap(), (4, *b"0123"));
        assert!(ours.read_exact([0; 64]).now_or_never().is_none());
        assert_eq!(ours.read(Vec::with_capacity(5)).await.unwrap(), (5, b"45678".to_vec()));
        assert_eq!(ours.read(vec![0; 9].into_boxed_slice()).await.unwrap().0, 1);
        peer.write_all(b"ab").unwrap();
        assert_eq!(ours.read_exact([0; 2]).await.unwrap().1, *b"ab");
        assert!(ours.into_std().is_ok());
    });
}

#[test]
fn half_of_what_a_dropped_read_exact_wanted_is_there_at_once() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    pool.block_on(async {
        let had = operations();
        let mut exact = Box::pin(ours.read_exact([0; 100]));
        assert!(futures::poll!(&mut exact).is_pending());
        peer.write_all(b"half").unwrap();
        completed(had, 1).await;
        assert!(futures::poll!(&mut exact).is_pending());
        drop(exact);
        assert_eq!(ours.read_exact([0; 4]).await.unwrap().1, *b"half");
    });
}

#[test]
fn the_error_of_a_dropped_read_goes_to_the_next_after_its_bytes() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    pool.block_on(async {
        let had = operations();
        assert!(ours.read([0; 8]).now_or_never().is_none());
        peer.write_all(b"abcd").unwrap();
        completed(had, 1).await;
        assert_eq!(ours.read([0; 2]).await.unwrap().0, 2);
        assert_eq!(ours.read([0; 8]).await.unwrap(), (2, *b"cd\0\0\0\0\0\0"));
        assert!(ours.read([0; 8]).now_or_never().is_none());
        reset(peer);
        let error = ours.read(vec![5]).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::ConnectionReset, vec![5]));
    });
}

/// A read in a loop with a branch that is always ready never lives for more than one poll.
#[test]
fn the_end_is_told_although_every_read_is_dropped() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (ours, mut peer) = connection();
    peer.write_all(b"last").unwrap();
    drop(peer);
    pool.block_on(async {
        let mut received = Vec::new();
        loop {
            match ours.read(Vec::with_capacity(3)).now_or_never() {
                None => yield_now().await,
                Some(Ok((0, _))) => break,
                Some(read) => received.extend(read.unwrap().1),
            }
        }
        assert_eq!(received, b"last");
        assert_eq!(ours.read([0; 1]).await.unwrap().0, 0, "it has not become less true");
        let had = operations();
        assert!(ours.read_vectored(vec![[0; 2]; 2]).now_or_never().is_none());
        completed(had, 1).await;
        let error = ours.read_exact([0; 4]).now_or_never().expect("it is known").unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::UnexpectedEof, [0; 4]));
        let had = operations();
        assert!(ours.read([0; 4]).now_or_never().is_none());
        completed(had, 1).await;
        let read = ours.read_vectored(vec![[7; 2]; 2]).now_or_never().expect("it is known");
        assert_eq!(read.unwrap().0, 0);
    });
}

#[test]
fn the_error_of_a_dropped_write_goes_to_the_next() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (ours, peer) = connection();
    narrow(&ours);
    pool.block_on(async {
        assert!(ours.write_all(vec![0; 1 << 22]).now_or_never().is_none());
        reset(peer);
        let error = ours.write(vec![5]).await.unwrap_err();
        assert_eq!(error.buffer, [5]);
        assert!(matches!(error.error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
    });
}

/// Reads the next bytes with a buffer and a patience of random size; may read nothing.
async fn read_a_bit(stream: &TcpStream, random: &mut Random) -> Vec<u8> {
    let (size, patience) = (1 + random.below(3000), random.below(40) as u64);
    let patience = Duration::from_micros(patience);
    macro_rules! read {
        ($method:ident, $buffer:expr) => {{
            let read = stream.$method($buffer);
            if random.below(3) == 0 {
                read.now_or_never()
            } else {
                timeout(patience, read).await.ok()
            }
        }};
    }
    match random.below(4) {
        0 => read!(read, Vec::with_capacity(size)).map_or(Vec::new(), |read| read.unwrap().1),
        1 => read!(read_exact, vec![0; size]).map_or(Vec::new(), |read| match read {
            Ok(((), buffer)) => buffer,
            Err(error) if error.error.kind() == ErrorKind::UnexpectedEof => error.buffer,
            Err(error) => panic!("{error}"),
        }),
        2 => read!(read, [0; 700]).map_or(Vec::new(), |read| {
            let (count, buffer) = read.unwrap();
            buffer[..count].to_vec()
        }),
        _ => read!(read, vec![0; size].into_boxed_slice()).map_or(Vec::new(), |read| {
            let (count, buffer) = read.unwrap();
            buffer[..count].to_vec()
        }),
    }
}

#[test]
fn no_byte_is_lost_or_moved_by_reads_that_are_dropped_at_random() {
    let (_alone, _limit) = (alone(), limit());
    let mut random = Random::new();
    let pool = Pool::new(2);
    let (ours, mut peer) = connection();
    let (total, mut pieces) = (2 << 20, random.fork());
    let sender = std::thread::spawn(move || {
        let mut sent = Vec::new();
        while sent.len() < total {
            let len = 1 + pieces.below(5000);
            let piece = pieces.bytes(len);
            peer.write_all(&piece).expect("somebody reads");
            sent.extend(piece);
        }
        sent
    });
    let received = pool.block_on(async {
        let mut received = Vec::new();
        while received.len() < total {
            received.extend(read_a_bit(&ours, &mut random).await);
            if random.below(50) == 0 {
                switch_to(&pool.runtime(random.below(2))).await.unwrap();
            }
        }
        loop {
            let (count, buffer) = ours.read(vec![0; 4096]).await.unwrap();
            if count == 0 {
                return received;
            }
            received.extend(buffer);
        }
    });
    let sent = sender.join().unwrap();
    let differ = sent.iter().zip(&received).position(|(sent, received)| sent != received);
    assert_eq!((received.len(), differ), (sent.len(), None));
}

/// What became of a message whose bytes are all the same.
struct Message {
    byte: u8,
    len: usize,
    was_write_all: bool,
    /// How many bytes were written, if the future was not dropped.
    written: Option<usize>,
}

/// Writes a message of random length in one of the ways, and with little patience.
async fn write_a_bit(stream: &TcpStream, byte: u8, random: &mut Random) -> Message {
    let len = 1 + random.below(30_000);
    let was_write_all = random.below(2) == 0;
    let writing = if was_write_all {
        let writing = stream.write_all(vec![byte; len]);
        writing.map(|written| written.map(|((), buffer)| (buffer.len(), buffer))).boxed()
    } else {
        stream.write(vec![byte; len]).boxed()
    };
    let written = match random.below(4) {
        0 => writing.now_or_never(),
        1 => Some(writing.await),
        _ => timeout(Duration::from_micros(random.below(60) as u64), writing).await.ok(),
    };
    let written = written.map(|written| written.expect("somebody reads").0);
    Message { byte, len, was_write_all, written }
}

#[test]
fn writes_that_are_dropped_at_random_neither_move_bytes_nor_cut_messages() {
    let (_alone, _limit) = (alone(), limit());
    let mut random = Random::new();
    let pool = Pool::new(2);
    let (ours, mut peer) = connection();
    narrow(&ours);
    let receiver = std::thread::spawn(move || {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).expect("no error");
        received
    });
    let messages = pool.block_on(async {
        let mut messages = Vec::new();
        for number in 0..600 {
            messages.push(write_a_bit(&ours, (number % 251) as u8, &mut random).await);
            if random.below(20) == 0 {
                switch_to(&pool.runtime(random.below(2))).await.unwrap();
            }
        }
        // What is under way when the stream is dropped may be cut.
        ours.write_all([255]).await.unwrap();
        drop(ours);
        messages
    });
    let received = receiver.join().unwrap();
    let dropped = messages.iter().filter(|message| message.written.is_none()).count();
    println!("{dropped} writes were dropped");
    assert!(dropped > 0);
    let mut rest = &received[..];
    for message in messages {
        let arrived = rest.iter().take_while(|byte| **byte == message.byte).count();
        rest = &rest[arrived..];
        match message.written {
            Some(written) => assert_eq!(arrived, written),
            None if message.was_write_all => assert!([0, message.len].contains(&arrived)),
            None => assert!(arrived <= message.len),
        }
    }
    assert_eq!(rest, [255]);
}

#[test]
fn many_reads_wait_in_one_task_and_in_a_select() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let mut random = Random::new();
    {
        let pool = Pool::new(1);
        let (streams, mut peers): (Vec<_>, Vec<_>) = (0..100).map(|_| connection()).unzip();
        let sender = std::thread::spawn(move || {
            for round in 0..20u8 {
                let first = random.below(100);
                for index in 0..100 {
                    peers[(first + index) % 100].write_all(&[round]).expect("somebody reads");
                }
            }
            peers
        });
        pool.block_on(async {
            let mut next = vec![0u8; streams.len()];
            let mut received = 0;
            let read = |index: usize| {
                let streams = &streams;
                async move { (index, streams[index].read([0; 64]).await.unwrap()) }
            };
            while received < 2000 {
                // Dropped with all that are in flight when the moment is over.
                let mut reads: FuturesUnordered<_> = (0..streams.len()).map(read).collect();
                let mut moment = sleep(Duration::from_micros(300));
                while let Either::Left((Some((index, (count, bytes))), _)) =
                    future::select(reads.next(), &mut moment).await
                {
                    for byte in &bytes[..count] {
                        assert_eq!(*byte, next[index]);
                        next[index] += 1;
                    }
                    received += count;
                    reads.push(read(index));
                    if received == 2000 {
                        break;
                    }
                }
            }
            assert!(next.iter().all(|next| *next == 20));
        });
        drop(sender.join().unwrap());
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn a_connect_that_is_dropped_leaves_nothing() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let pool = Pool::new(1);
    let open = open_fds();
    pool.block_on(async {
        // A listener that never accepts: what does not fit into its line has to wait.
        let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        // SAFETY: takes numbers only.
        assert_eq!(unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&full), 0) }, 0);
        for _ in 0..20 {
            let connect = Box::pin(TcpStream::connect(full.local_addr().unwrap()));
            let _ = timeout(Duration::from_micros(200), connect).await;
        }
    });
    until(|| open_fds() == open);
    drop(pool);
    assert_eq!(open_fds(), before);
}

/// The kernel does not find an operation that it has set aside to go on with in a moment, and says
/// so to whoever wants to cancel it: then the ring has to ask again.
#[test]
fn a_send_that_is_dropped_in_the_middle_ends_although_nobody_reads() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    for _ in 0..500 {
        let (ours, peer) = connection();
        narrow(&ours);
        pool.block_on(async {
            let ours = SharedFd::from(OwnedFd::from(ours.into_std().expect("it is idle")));
            let mut send = op::send(&ours, vec![0; 1 << 20], libc::MSG_WAITALL);
            assert!(futures::poll!(&mut send).is_pending());
            drop(send);
            let ring = current().expect("in a task");
            while ring.metrics().operations_completed < ring.metrics().operations_started {
                yield_now().await;
            }
        });
        drop(peer);
    }
}

/// A future that is forgotten keeps its place, and the kernel keeps its buffer: that is a leak, of
/// which the address sanitizer would tell, but nothing else.
#[cfg(not(ringpool_asan))]
#[test]
fn forgotten_futures_do_no_harm() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, mut peer) = connection();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut read = ours.read([0; 64]);
        assert!(futures::poll!(&mut read).is_pending());
        std::mem::forget(read);
        peer.write_all(b"lost").unwrap();
        let error = ours.read([0; 64]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::ResourceBusy);
        ours.write_all("answer").await.unwrap();
    });
    let mut answer = [0; 6];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop((pool, ours));
}
