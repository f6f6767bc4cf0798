//! Connections.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};

use futures::future::FutureExt;
use ringpool::net::{Shutdown, UnixListener, UnixStream};
use ringpool::{Pool, spawn, spawn_on, switch_to};

use super::{Scratch, abstract_address, completed_after, operations};
use crate::common::*;
use crate::network::*;

/// Our end of a connection and the peer's as a plain socket that gives up after the limit.
fn pair() -> (UnixStream, StdStream) {
    let (ours, theirs) = StdStream::pair().unwrap();
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    (UnixStream::from_std(ours).unwrap(), theirs)
}

#[test]
fn a_plain_client_and_ours_are_served_at_a_path() {
    let (_alone, _limit) = (alone(), limit());
    let scratch = Scratch::new();
    Pool::new(1).block_on(async {
        let listener = UnixListener::bind(&scratch.0).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*scratch.0));
        let mut plain = StdStream::connect(&scratch.0).unwrap();
        let (served, peer) = listener.accept().await.unwrap();
        assert!(peer.is_unnamed() && served.peer_addr().unwrap().is_unnamed());
        plain.write_all(b"plain").unwrap();
        assert_eq!(served.read_exact([0; 5]).await.unwrap().1, *b"plain");
        let (ours, accepted) = futures::join!(UnixStream::connect(&scratch.0), listener.accept());
        let (ours, (served, _)) = (ours.unwrap(), accepted.unwrap());
        assert_eq!(ours.peer_addr().unwrap().as_pathname(), Some(&*scratch.0));
        ours.write_all("ours").await.unwrap();
        drop(ours);
        let error = served.read_exact(Vec::with_capacity(9)).await.unwrap_err();
        assert_eq!(
            (error.error.kind(), error.buffer),
            (ErrorKind::UnexpectedEof, b"ours".to_vec())
        );
        assert_eq!(UnixListener::bind(&scratch.0).unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn a_plain_listener_is_reached_by_an_abstract_name() {
    let (_alone, _limit) = (alone(), limit());
    let address = abstract_address();
    let listener = StdListener::bind_addr(&address).unwrap();
    let pool = Pool::new(1);
    let ours = pool.block_on(UnixStream::connect_addr(&address)).unwrap();
    let (mut plain, _) = listener.accept().unwrap();
    pool.block_on(ours.write_all("hello")).unwrap();
    drop(ours);
    let mut text = String::new();
    plain.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    drop(listener);
    let error = pool.block_on(UnixStream::connect_addr(&address)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let missing = Scratch::new();
    let error = pool.block_on(UnixStream::connect(&missing.0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = pool.block_on(UnixStream::connect("x".repeat(108))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_connect_waits_for_room_and_leaves_nothing_when_it_is_dropped() {
    let (_alone, _limit) = (alone(), limit());
    let address = abstract_address();
    let pool = Pool::new(1);
    let listener = StdListener::bind_addr(&address).unwrap();
    // SAFETY: takes numbers only; one connection fills the line now.
    let result = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    assert_eq!(result, 0);
    let _first = StdStream::connect_addr(&address).unwrap();
    let before = open_fds();
    pool.block_on(async {
        let mut waiting = Box::pin(UnixStream::connect_addr(&address));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
    });
    until(|| open_fds() == before);
    pool.block_on(async {
        let connecting = spawn({
            let address = address.clone();
            async move { UnixStream::connect_addr(&address).await }
        });
        ringpool::spawn_blocking(move || {
            listener.accept().unwrap();
            listener.accept().unwrap();
        })
        .await
        .unwrap();
        connecting.await.unwrap().unwrap();
    });
}

#[test]
fn a_connection_that_came_for_a_dropped_accept_goes_to_the_next() {
    let (_alone, _limit) = (alone(), limit());
    let address = abstract_address();
    let pool = Pool::new(2);
    pool.block_on(async {
        let listener = UnixListener::bind_addr(&address).unwrap();
        for round in 0..20u8 {
            let had = operations();
            assert!(listener.accept().now_or_never().is_none());
            let mut client = StdStream::connect_addr(&address).unwrap();
            if round % 2 == 0 {
                completed_after(had).await;
            }
            client.write_all(&[round]).unwrap();
            switch_to(&pool.runtime(usize::from(round) / 2 % 2)).await.unwrap();
            let (served, _) = listener.accept().await.unwrap();
            assert_eq!(served.read_exact([0]).await.unwrap().1, [round]);
        }
        let listener = listener.into_std().unwrap();
        assert!(UnixListener::from_std(listener).is_ok());
    });
}

#[test]
fn bytes_that_came_for_a_dropped_read_come_out_of_the_next() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, mut theirs) = pair();
    Pool::new(1).block_on(async {
        for _ in 0..10 {
            let had = operations();
            let mut read = ours.read(vec![0; 64]);
            assert!(futures::poll!(&mut read).is_pending());
            theirs.write_all(b"0123456789").unwrap();
            completed_after(had).await;
            drop(read);
            assert_eq!(ours.peek([0; 3]).await.unwrap(), (3, *b"012"));
            let parts = vec![Vec::with_capacity(2), Vec::with_capacity(3), vec![9; 2]];
            let (count, parts) = ours.read_vectored(parts).await.unwrap();
            assert_eq!((count, parts.concat()), (7, b"0123456".to_vec()));
            assert_eq!(ours.read([0; 8]).await.unwrap().0, 3);
        }
    });
    assert!(ours.into_std().is_ok());
}

#[test]
fn a_dropped_vectored_read_leaves_its_bytes() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, mut theirs) = pair();
    Pool::new(1).block_on(async {
        for round in 0..10 {
            let had = operations();
            let mut read = Box::pin(ours.read_vectored(vec![[0; 3], [0; 3], [0; 3]]));
            assert!(futures::poll!(&mut read).is_pending());
            theirs.write_all(b"0123456").unwrap();
            if round % 2 == 0 {
                completed_after(had).await;
            }
            drop(read);
            assert_eq!(ours.read_exact([0; 7]).await.unwrap().1, *b"0123456");
        }
    });
}

#[test]
fn a_dropped_vectored_write_ends_before_the_next_one_begins() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, mut theirs) = pair();
    narrow(&ours);
    let pool = Pool::new(1);
    let sent = pool.block_on(async {
        let mut sent = 0;
        loop {
            let mut write = Box::pin(ours.write_vectored(vec![vec![1; 1000], vec![2; 1000]]));
            let futures::task::Poll::Ready(written) = futures::poll!(&mut write) else { break };
            sent += written.unwrap().0;
        }
        sent
    });
    let received = std::thread::spawn(move || {
        let mut received = Vec::new();
        theirs.read_to_end(&mut received).unwrap();
        received
    });
    pool.block_on(ours.write_all(vec![3; 10])).unwrap();
    drop(ours);
    let received = received.join().unwrap();
    assert!(received.len() >= sent + 10);
    assert_eq!(received[received.len() - 10..], [3; 10]);
    assert!(!received[..received.len() - 10].contains(&3));
}

#[test]
fn two_halves_on_two_rings_come_together_again() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (ours, theirs) = pair();
    let mirror = std::thread::spawn(move || std::io::copy(&mut &theirs, &mut &theirs).unwrap());
    let (reader, writer) = ours.into_split();
    let bytes = Random::new().bytes(1 << 20);
    let expected = bytes.clone();
    let writing = spawn_on(&pool.runtime(0), async move {
        writer.write_all(bytes).await.unwrap();
        writer
    });
    let reading = spawn_on(&pool.runtime(1), async move {
        let (_, read) = reader.read_exact(Vec::with_capacity(1 << 20)).await.unwrap();
        (reader, read)
    });
    let (reader, mut read) = reading.wait().unwrap();
    read.truncate(expected.len());
    assert!(read == expected, "the bytes differ");
    let mut whole = reader.reunite(writing.wait().unwrap()).unwrap();
    let (reader, writer) = whole.split();
    pool.block_on(async {
        let (written, read) = futures::join!(writer.write_all("ping"), reader.read_exact([0; 4]));
        written.unwrap();
        assert_eq!(read.unwrap().1, *b"ping");
    });
    whole.shutdown(Shutdown::Write).unwrap();
    assert_eq!(mirror.join().unwrap(), (1 << 20) + 4);
}

#[test]
fn the_peer_is_this_process() {
    let (ours, _theirs) = pair();
    let cred = ours.peer_cred().unwrap();
    // SAFETY: takes nothing and never fails.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    assert_eq!(cred.pid, Some(std::process::id() as i32));
    assert_eq!((cred.uid, cred.gid), (user, group));
}
