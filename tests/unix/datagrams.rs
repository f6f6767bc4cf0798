//! Datagrams.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram as StdDatagram;

use futures::future::FutureExt;
use ringpool::net::{Shutdown, UnixDatagram};
use ringpool::{Pool, switch_to};

use super::{Scratch, abstract_address, completed_after, operations};
use crate::common::*;
use crate::network::*;

#[test]
fn plain_sockets_and_ours_talk_at_paths_and_abstract_names() {
    let (_alone, _limit) = (alone(), limit());
    let (here, there) = (Scratch::new(), Scratch::new());
    Pool::new(1).block_on(async {
        let ours = UnixDatagram::bind(&here.0).unwrap();
        let theirs = StdDatagram::bind(&there.0).unwrap();
        ours.send_to("question", &there.0).await.unwrap();
        let mut buffer = [0; 16];
        let (count, sender) = theirs.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..count], sender.as_pathname()), (&b"question"[..], Some(&*here.0)));
        theirs.send_to(b"answer", &here.0).unwrap();
        let ((count, sender), buffer) = ours.recv_from([0; 16]).await.unwrap();
        assert_eq!((&buffer[..count], sender.as_pathname()), (&b"answer"[..], Some(&*there.0)));
        let name = abstract_address();
        let named = UnixDatagram::bind_addr(&name).unwrap();
        assert_eq!(named.local_addr().unwrap().as_pathname(), None);
        let nobody = UnixDatagram::unbound().unwrap();
        nobody.send_to_addr("hush", name.clone()).await.unwrap();
        let ((count, sender), _) = named.recv_from([0; 16]).await.unwrap();
        assert!(count == 4 && sender.is_unnamed());
        nobody.connect_addr(&name).unwrap();
        nobody.send("once more").await.unwrap();
        assert_eq!(named.recv([0; 16]).await.unwrap().0, 9);
        nobody.connect(&there.0).unwrap();
        nobody.send_vectored(vec!["in", " parts"]).await.unwrap();
        assert_eq!(theirs.recv(&mut [0; 16]).unwrap(), 8);
        let error = nobody.send_to("x", Scratch::new().0.clone()).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::NotFound, "x"));
    });
}

#[test]
fn a_datagram_and_its_sender_outlive_a_dropped_receive() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let scratch = Scratch::new();
    let theirs = StdDatagram::bind(&scratch.0).unwrap();
    let name = abstract_address();
    pool.block_on(async {
        let ours = UnixDatagram::bind_addr(&name).unwrap();
        for round in 0..20u8 {
            let had = operations();
            {
                let mut receive = Box::pin(ours.recv([0; 4]));
                assert!(futures::poll!(&mut receive).is_pending());
                theirs.send_to_addr(&[round; 4], &name).unwrap();
                completed_after(had).await;
            }
            switch_to(&pool.runtime(usize::from(round) % 2)).await.unwrap();
            let ((count, sender), buffer) = ours.recv_from([0; 8]).await.unwrap();
            assert_eq!(
                (&buffer[..count], sender.as_pathname()),
                (&[round; 4][..], Some(&*scratch.0))
            );
        }
    });
}

#[test]
fn a_send_waits_for_room_and_a_dropped_one_sends_all_or_nothing() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    Pool::new(1).block_on(async {
        let mut sent = 0;
        while ours.send(vec![1; 100]).now_or_never().is_some() {
            sent += 1;
        }
        let mut received = 0;
        while received < sent {
            assert_eq!(theirs.recv(vec![0; 200]).await.unwrap(), (100, vec![1; 100]));
            received += 1;
        }
        ours.send("last").await.unwrap();
        let (count, buffer) = theirs.recv(vec![0; 200]).await.unwrap();
        // The one that was dropped went out as a whole, or not at all.
        if count == 100 {
            assert_eq!(buffer, [1; 100]);
            assert_eq!(theirs.recv(vec![0; 200]).await.unwrap().1, b"last");
        } else {
            assert_eq!(buffer, b"last");
        }
    });
}

#[test]
fn a_socket_that_was_shut_down_receives_nothing_more() {
    let (_alone, _limit) = (alone(), limit());
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    Pool::new(1).block_on(async {
        assert!(ours.recv([0; 4]).now_or_never().is_none());
        ours.shutdown(Shutdown::Both).unwrap();
        assert_eq!(ours.recv([0; 4]).await.unwrap().0, 0);
        let error = theirs.send("x").await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::BrokenPipe);
        assert!(theirs.take_error().unwrap().is_none());
    });
}
