//! UDP beside the plain sockets of the standard library, and what becomes of datagrams whose
//! receives are dropped.

mod common;
mod network;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use futures::executor;
use futures::future::FutureExt;
use network::*;
use ringpool::net::UdpSocket;
use ringpool::time::timeout;
use ringpool::{Pool, current, spawn_on, switch_to, yield_now};

/// A plain socket that gives up after the test's limit.
fn plain(address: &str) -> StdSocket {
    let socket = StdSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// Our socket and a plain one, connected with each other.
fn connected() -> (UdpSocket, StdSocket) {
    let (ours, theirs) = (plain("127.0.0.1:0"), plain("127.0.0.1:0"));
    ours.connect(theirs.local_addr().unwrap()).unwrap();
    theirs.connect(ours.local_addr().unwrap()).unwrap();
    (UdpSocket::from_std(ours).unwrap(), theirs)
}

/// Waits until the calling task's ring has had one completion more than `before`.
async fn completed_after(before: u64) {
    while operations() <= before {
        yield_now().await;
    }
}

fn operations() -> u64 {
    current().expect("in a task").metrics().operations_completed
}

fn there_and_back(address: &'static str) {
    let pool = Pool::new(1);
    let theirs = plain(address);
    let to = theirs.local_addr().unwrap();
    pool.block_on(async {
        let ours = UdpSocket::bind(address).await.unwrap();
        let from = ours.local_addr().unwrap();
        for len in [1, 100, 1400, 20_000] {
            let sent = Random::from_seed(len as u64).bytes(len);
            assert_eq!(ours.send_to(sent.clone(), to).await.unwrap().0, len);
            let mut buffer = vec![0; 65_536];
            let (count, sender) = theirs.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..count], sender), (&sent[..], from));
            theirs.send_to(&sent, from).unwrap();
            let ((count, sender), buffer) = ours.recv_from(vec![0; 65_536]).await.unwrap();
            assert_eq!((count, &buffer, sender), (len, &sent, to));
        }
    });
}

#[test]
fn datagrams_go_there_and_back_over_ipv4_and_ipv6() {
    let _limit = limit();
    there_and_back("127.0.0.1:0");
    there_and_back("[::1]:0");
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let _limit = limit();
    let (theirs, stranger) = (plain("127.0.0.1:0"), plain("127.0.0.1:0"));
    Pool::new(1).block_on(async {
        let ours = UdpSocket::bind("localhost:0").await.unwrap();
        ours.connect(theirs.local_addr().unwrap()).await.unwrap();
        assert_eq!(ours.peer_addr().unwrap(), theirs.local_addr().unwrap());
        ours.send("question").await.unwrap();
        let mut buffer = [0; 16];
        let (count, from) = theirs.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"question");
        stranger.send_to(b"noise", from).unwrap();
        theirs.send_to(b"answer", from).unwrap();
        let (count, buffer) = ours.recv([0; 16]).await.unwrap();
        assert_eq!(&buffer[..count], b"answer");
    });
}

#[test]
fn empty_datagrams_and_empty_buffers_are_allowed() {
    let _limit = limit();
    let (ours, theirs) = connected();
    Pool::new(1).block_on(async {
        assert_eq!(ours.send("").await.unwrap().0, 0);
        assert_eq!(theirs.recv(&mut [0; 4]).unwrap(), 0);
        theirs.send(b"").unwrap();
        assert_eq!(ours.recv(vec![1; 4]).await.unwrap(), (0, vec![]));
        // An empty buffer takes a datagram and leaves nothing of it, as with `std`.
        theirs.send(b"gone").unwrap();
        theirs.send(b"next").unwrap();
        assert_eq!(ours.recv(Vec::new()).await.unwrap().0, 0);
        assert_eq!(ours.recv([0; 4]).await.unwrap(), (4, *b"next"));
    });
}

#[test]
fn a_datagram_is_cut_to_the_buffer_and_the_next_begins_anew() {
    let _limit = limit();
    let (ours, theirs) = connected();
    theirs.send(b"0123456789").unwrap();
    theirs.send(b"next").unwrap();
    Pool::new(1).block_on(async {
        assert_eq!(ours.recv([0; 4]).await.unwrap(), (4, *b"0123"));
        assert_eq!(ours.recv(Vec::with_capacity(10)).await.unwrap(), (4, b"next".to_vec()));
    });
}

#[test]
fn a_datagram_out_of_several_buffers_goes_into_several() {
    let _limit = limit();
    let (ours, theirs) = connected();
    let (from, to) = (theirs.local_addr().unwrap(), theirs.local_addr().unwrap());
    Pool::new(1).block_on(async {
        let (count, _) = ours.send_vectored(vec!["salt", " and ", "pepper"]).await.unwrap();
        assert_eq!(count, 15);
        let mut buffer = [0; 32];
        assert_eq!(theirs.recv(&mut buffer).unwrap(), 15);
        theirs.send(&buffer[..15]).unwrap();
        let parts = vec![Vec::with_capacity(4), Vec::with_capacity(20), vec![7; 3]];
        let ((count, sender), parts) = ours.recv_vectored_from(parts).await.unwrap();
        assert_eq!((count, sender), (15, from));
        assert_eq!(parts, [b"salt".to_vec(), b" and pepper".to_vec(), vec![]]);
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let everywhere = plain("127.0.0.1:0");
        let address = everywhere.local_addr().unwrap();
        other.send_vectored_to(vec![b"ab", b"cd"], address).await.unwrap();
        assert_eq!(everywhere.recv(&mut buffer).unwrap(), 4);
        assert_eq!(&buffer[..4], b"abcd");
        assert_ne!(to, address);
    });
}

#[test]
fn peeking_takes_nothing() {
    let _limit = limit();
    let (ours, theirs) = connected();
    Pool::new(1).block_on(async {
        assert!(ours.peek([0; 4]).now_or_never().is_none());
        theirs.send(b"look").unwrap();
        let sender = theirs.local_addr().unwrap();
        assert_eq!(ours.peek([0; 2]).await.unwrap(), (2, *b"lo"));
        assert_eq!(ours.peek_from([0; 4]).await.unwrap(), ((4, sender), *b"look"));
        assert_eq!(ours.recv([0; 4]).await.unwrap(), (4, *b"look"));
    });
}

#[test]
fn a_datagram_that_came_for_a_dropped_receive_comes_out_of_the_next() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, theirs) = connected();
    let sender = theirs.local_addr().unwrap();
    pool.block_on(async {
        for round in 0..40u8 {
            let had = operations();
            {
                let mut receive = Box::pin(ours.recv(vec![0; 64]));
                assert!(futures::poll!(&mut receive).is_pending());
                theirs.send(&[round; 8]).unwrap();
                completed_after(had).await;
            }
            switch_to(&pool.runtime(usize::from(round) % 2)).await.unwrap();
            if round % 3 == 0 {
                assert_eq!(ours.peek([0; 8]).await.unwrap(), (8, [round; 8]));
            }
            if round % 4 < 2 {
                let ((count, from), buffer) = ours.recv_from(vec![0; 64]).await.unwrap();
                assert_eq!((count, from, &buffer[..count]), (8, sender, &[round; 8][..]));
            } else {
                let parts = vec![Vec::with_capacity(5), Vec::with_capacity(5)];
                let ((count, from), parts) = ours.recv_vectored_from(parts).await.unwrap();
                assert_eq!((count, from, parts.concat()), (8, sender, vec![round; 8]));
            }
        }
    });
    assert!(ours.into_std().is_ok());
}

#[test]
fn a_datagram_that_comes_after_the_drop_is_whole_for_a_larger_buffer() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, theirs) = connected();
    pool.block_on(async {
        for round in 0..40 {
            let had = operations();
            if round % 2 == 0 {
                assert!(ours.recv([0; 1]).now_or_never().is_none());
            } else {
                assert!(ours.recv_vectored_from(vec![[0; 1]]).now_or_never().is_none());
            }
            completed_after(had).await;
            theirs.send(b"0123456789").unwrap();
            assert_eq!(ours.recv([0; 10]).await.unwrap(), (10, *b"0123456789"));
        }
    });
}

#[test]
fn no_datagram_is_lost_to_receives_that_are_given_up_at_any_moment() {
    let _limit = limit();
    let pool = Pool::new(2);
    let mut random = Random::new();
    let (ours, theirs) = connected();
    let count = 300u32;
    let sending = std::thread::spawn(move || {
        for number in 0..count {
            theirs.send(&number.to_le_bytes()).unwrap();
            // Wait for the answer now and then, so that the socket's room is enough.
            if number % 20 == 19 {
                theirs.recv(&mut [0; 4]).unwrap();
            }
        }
    });
    let given_up = pool.block_on(async {
        let (mut expected, mut given_up) = (0u32, 0);
        while expected < count {
            let moment = Duration::from_micros(random.below(80) as u64);
            match timeout(moment, ours.recv([0; 4])).await {
                Ok(received) => {
                    assert_eq!(received.unwrap(), (4, expected.to_le_bytes()));
                    expected += 1;
                    if expected.is_multiple_of(20) {
                        ours.send("more").await.unwrap();
                    }
                }
                Err(_) => given_up += 1,
            }
            if random.below(8) == 0 {
                switch_to(&pool.runtime(random.below(2))).await.unwrap();
            }
        }
        given_up
    });
    println!("{given_up} receives were given up");
    sending.join().unwrap();
}

#[test]
fn a_second_receive_at_once_is_refused_and_sends_are_not() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, theirs) = connected();
    let ours = Arc::new(ours);
    pool.block_on(async {
        let mut first = Box::pin(ours.recv([0; 8]));
        assert!(futures::poll!(&mut first).is_pending());
        let error = ours.recv_from(vec![7]).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::ResourceBusy, vec![7]));
        let senders = pool.runtimes().iter().map(|ring| {
            let ours = ours.clone();
            spawn_on(ring, async move { ours.send("both").await.map(drop) })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap().unwrap();
        }
        for _ in 0..2 {
            assert_eq!(theirs.recv(&mut [0; 8]).unwrap(), 4);
        }
        theirs.send(b"x").unwrap();
        assert_eq!(first.await.unwrap().0, 1);
    });
}

#[test]
fn what_nobody_listens_for_is_an_error_of_the_next_call() {
    let _limit = limit();
    let (ours, theirs) = connected();
    drop(theirs);
    Pool::new(1).block_on(async {
        ours.send("anybody?").await.unwrap();
        let error = ours.recv([0; 4]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::ConnectionRefused);
        assert!(ours.take_error().unwrap().is_none());
    });
}

#[test]
fn descriptors_are_closed_with_sockets_whose_receives_were_dropped() {
    let _limit = limit();
    let pool = Pool::new(2);
    // Whatever the pool opens later is open by now.
    pool.block_on(spawn_on(&pool.runtime(1), async {})).unwrap();
    let addresses: Vec<SocketAddr> = (0..20)
        .map(|round| {
            let (ours, theirs) = connected();
            let address = ours.local_addr().unwrap();
            pool.block_on(async {
                assert!(ours.recv([0; 8]).now_or_never().is_none());
                if round % 2 == 0 {
                    theirs.send(b"nobody").unwrap();
                }
                drop(ours);
            });
            address
        })
        .collect();
    // An address is free again only when its socket is closed.
    for address in addresses {
        until(|| StdSocket::bind(address).is_ok());
    }
}

#[test]
fn a_socket_goes_to_std_and_comes_back() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, theirs) = connected();
    let mut ours = Some(ours);
    pool.block_on(async {
        let socket = ours.take().unwrap();
        assert!(socket.recv([0; 8]).now_or_never().is_none());
        let socket = socket.into_std().unwrap_err();
        theirs.send(b"first").unwrap();
        assert_eq!(socket.recv([0; 5]).await.unwrap(), (5, *b"first"));
        ours = Some(socket);
    });
    let plain = ours.unwrap().into_std().unwrap();
    theirs.send(b"plain").unwrap();
    assert_eq!(plain.recv(&mut [0; 8]).unwrap(), 5);
    plain.set_nonblocking(true).unwrap();
    let ours = UdpSocket::from_std(plain).unwrap();
    theirs.send(b"again").unwrap();
    assert_eq!(pool.block_on(ours.recv([0; 5])).unwrap().1, *b"again");
}

#[test]
fn options_are_those_that_std_sees() {
    let _limit = limit();
    let ours = Pool::new(1).block_on(UdpSocket::bind("0.0.0.0:0")).unwrap();
    let twin = ours.into_std().unwrap();
    let ours = UdpSocket::from_std(twin.try_clone().unwrap()).unwrap();
    ours.set_broadcast(true).unwrap();
    ours.set_ttl(17).unwrap();
    ours.set_multicast_ttl_v4(18).unwrap();
    ours.set_multicast_loop_v4(false).unwrap();
    assert!(twin.broadcast().unwrap() && ours.broadcast().unwrap());
    assert_eq!((twin.ttl().unwrap(), ours.ttl().unwrap()), (17, 17));
    assert_eq!((twin.multicast_ttl_v4().unwrap(), ours.multicast_ttl_v4().unwrap()), (18, 18));
    assert!(!twin.multicast_loop_v4().unwrap() && !ours.multicast_loop_v4().unwrap());
    let error = ours.join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(ours.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
}

#[test]
fn a_group_is_heard_after_joining_it() {
    let _limit = limit();
    let (group, loopback) = (Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::LOCALHOST);
    Pool::new(1).block_on(async {
        let ours = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        ours.join_multicast_v4(group, loopback).unwrap();
        let theirs = plain("127.0.0.1:0");
        let port = ours.local_addr().unwrap().port();
        theirs.send_to(b"all of you", (group, port)).unwrap();
        let ((count, sender), _) = ours.recv_from([0; 16]).await.unwrap();
        assert_eq!((count, sender), (10, theirs.local_addr().unwrap()));
        ours.leave_multicast_v4(group, loopback).unwrap();
        assert!(ours.leave_multicast_v4(group, loopback).is_err());
    });
}

#[test]
fn without_a_ring_an_error_gives_the_buffer_back() {
    let (ours, _theirs) = connected();
    let error = executor::block_on(ours.recv(vec![1, 2])).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::Unsupported, vec![1, 2]));
    let error = executor::block_on(ours.send(vec![1, 2])).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::Unsupported, vec![1, 2]));
    let error = executor::block_on(ours.send_to(vec![1, 2], "no port")).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::InvalidInput, vec![1, 2]));
}
