//! Copies from stream to stream.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use ringpool::fs::File;
use ringpool::io::{AsyncReadOwned, AsyncWriteOwned, BufReader, BufStream, BufWriter, Duplex};
use ringpool::io::{copy, copy_bidirectional};
use ringpool::time::timeout;
use ringpool::{Pool, spawn, spawn_blocking};

use crate::common::*;
use crate::network::*;
use crate::support::*;

#[test]
fn a_file_goes_through_a_connection_into_a_file() {
    let _limit = limit();
    let contents = Random::new().bytes(700_001);
    let (from, to) = (Scratch::with(&contents), Scratch::with(b""));
    let pool = Pool::new(2);
    let (mut ours, mut theirs) = pair();
    pool.block_on(async {
        let receiver = File::create(&to).await.unwrap();
        let receiving = ringpool::spawn_on(&pool.runtime(1), async move {
            let mut writer = BufWriter::new(receiver);
            copy(&mut theirs, &mut writer).await
        });
        let mut sender = BufReader::with_capacity(1000, File::open(&from).await.unwrap());
        assert_eq!(copy(&mut sender, &mut ours).await.unwrap(), 700_001);
        drop(ours);
        assert_eq!(receiving.await.unwrap().unwrap(), 700_001);
    });
    assert!(to.contents() == contents);
}

#[test]
fn copies_that_are_dropped_between_connections_lose_and_repeat_nothing() {
    let _limit = limit();
    let mut random = Random::new();
    let message = random.bytes(220_000);
    let (from, mut source) = connection();
    let (to, mut sink) = connection();
    narrow(&to);
    narrow(&sink);
    let pool = Pool::new(1);
    let sent = message.clone();
    let mut pace = random.fork();
    let sending = std::thread::spawn(move || {
        let mut left = &sent[..];
        while !left.is_empty() {
            let (piece, rest) = left.split_at((1 + pace.below(9000)).min(left.len()));
            source.write_all(piece).unwrap();
            left = rest;
        }
    });
    let receiving = std::thread::spawn(move || {
        let mut received = Vec::new();
        sink.read_to_end(&mut received).unwrap();
        received
    });
    let dropped = pool.block_on(async {
        let (mut from, mut to, mut dropped) = (&from, &to, 0);
        loop {
            // The first copy is dropped in any case, since it has no time at all.
            let most = if dropped == 0 { 1 } else { 2000 };
            let moment = Duration::from_micros(random.below(most) as u64);
            match timeout(moment, copy(&mut from, &mut to)).await {
                Ok(copied) => {
                    copied.unwrap();
                    return dropped;
                }
                Err(_) => dropped += 1,
            }
        }
    });
    drop(to);
    sending.join().unwrap();
    println!("{dropped} copies were dropped");
    assert!(dropped > 0);
    let received = receiving.join().unwrap();
    assert!(received == message, "{} bytes of {}", received.len(), message.len());
}

#[test]
fn a_proxy_passes_on_both_directions_and_their_ends() {
    let _limit = limit();
    let mut random = Random::new();
    let (question, answer) = (random.bytes(300_000), random.bytes(500_000));
    let pool = Pool::new(2);
    let (mut client, mut to_client) = connection_and_stream();
    let (mut server, mut to_server) = connection_and_stream();
    let proxy = ringpool::spawn_on(&pool.runtime(0), async move {
        copy_bidirectional(&mut to_client, &mut to_server).await
    });
    let (expected, reply) = (question.clone(), answer.clone());
    let serving = std::thread::spawn(move || {
        let mut received = Vec::new();
        server.read_to_end(&mut received).unwrap();
        assert!(received == expected);
        // The other direction is open although this one has ended.
        server.write_all(&reply).unwrap();
    });
    client.write_all(&question).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    serving.join().unwrap();
    assert!(received == answer);
    assert_eq!(proxy.wait().unwrap().unwrap(), (300_000, 500_000));
}

fn connection_and_stream() -> (std::net::TcpStream, ringpool::net::TcpStream) {
    let (stream, peer) = connection();
    (peer, stream)
}

#[test]
fn a_peer_that_waits_for_an_answer_gets_what_there_is() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (from, mut source) = connection();
    let (to, mut sink) = connection();
    pool.block_on(async {
        let copying = spawn(async move {
            let (mut from, mut to) = (from, BufWriter::new(to));
            copy(&mut from, &mut to).await
        });
        let heard = spawn_blocking(move || {
            for round in 0..50 {
                source.write_all(&[round; 10]).unwrap();
                let mut heard = [0; 10];
                sink.read_exact(&mut heard).unwrap();
                assert_eq!(heard, [round; 10]);
            }
        });
        heard.await.unwrap();
        assert_eq!(copying.await.unwrap().unwrap(), 500);
    });
}

#[test]
fn a_copy_to_where_there_is_no_room_fails() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut from = &[1; 200_000][..];
        let mut full = File::options().write(true).open("/dev/full").await.unwrap();
        let error = copy(&mut from, &mut full).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    });
}

/// What generic code sees of a stream, by value of the buffers.
async fn through<R: AsyncReadOwned, W: AsyncWriteOwned>(mut from: R, mut to: W) -> Vec<u8> {
    to.write_all(vec![b'a'; 100_000]).await.unwrap();
    to.write_all(String::from("bc")).await.unwrap();
    drop(to);
    let (count, (head, rest)) = {
        let (count, head) = from.read([0; 1]).await.unwrap();
        let (_, rest) = from.read_to_end(vec![b'!']).await.unwrap();
        (count, (head, rest))
    };
    assert_eq!((count, head), (1, [b'a']));
    rest
}

#[test]
fn generic_code_reads_and_writes_by_value() {
    let _limit = limit();
    let pool = Pool::new(1);
    let task = ringpool::spawn_on(&pool.runtime(0), async {
        let (ours, theirs) = pair();
        through(ours, theirs).await
    });
    let received = task.wait().unwrap();
    assert_eq!(received.len(), 100_002);
    assert_eq!((received[0], &received[100_000..]), (b'!', &b"bc"[..]));
    let boxed = pool.block_on(async {
        let (ours, theirs) = pair();
        through(Box::new(BufReader::new(ours)), Box::new(theirs)).await
    });
    assert_eq!(boxed, received);
}

fn is_send<T: Send>(_: &T) {}

/// Whatever the stream, what waits for it may go to another ring.
fn futures_may_move<S: Duplex + 'static, R: AsyncReadOwned, W: AsyncWriteOwned>(
    mut stream: BufStream<S>,
    mut from: R,
    mut to: W,
) {
    let (mut text, mut bytes) = (String::new(), Vec::new());
    is_send(&stream.fill_buf());
    is_send(&stream.read_line(&mut text));
    is_send(&stream.read_until(b' ', &mut bytes));
    is_send(&stream.read_to_string(&mut text));
    is_send(&stream.write_all(&[1, 2, 3]));
    is_send(&stream.flush());
    is_send(&copy(&mut from, &mut to));
    is_send(&from.read_to_end(bytes));
    is_send(&to.write_all(text));
    is_send(&stream.into_inner());
}

#[test]
fn all_futures_of_generic_streams_may_move() {
    let _limit = limit();
    let (ours, theirs) = pair();
    let (reader, writer) = theirs.into_split();
    futures_may_move(BufStream::new(ours), reader, writer);
}
