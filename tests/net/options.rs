//! What TCP connections and listeners can be told, seen through `std`; reads and writes of several
//! buffers, and looking without taking.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use futures::future::FutureExt;
use ringpool::Pool;
use ringpool::net::{FailedAddresses, TcpKeepalive, TcpSocket, TcpStream};

use crate::common::*;
use crate::network::*;

/// An address at which nobody listens any more.
fn free() -> SocketAddr {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn options_are_those_that_std_sees() {
    let _limit = limit();
    let (ours, _peer) = connection();
    let twin = ours.into_std().unwrap();
    let ours = TcpStream::from_std(twin.try_clone().unwrap()).unwrap();
    ours.set_ttl(33).unwrap();
    ours.set_nodelay(true).unwrap();
    assert_eq!((twin.ttl().unwrap(), ours.ttl().unwrap()), (33, 33));
    assert!(twin.nodelay().unwrap() && ours.nodelay().unwrap());
    for time in [Some(Duration::from_secs(7)), Some(Duration::ZERO), None] {
        ours.set_linger(time).unwrap();
        assert_eq!(ours.linger().unwrap(), time);
    }
    let seconds = Duration::from_secs;
    let keepalive = TcpKeepalive { idle: seconds(50), interval: seconds(5), retries: 4 };
    for keepalive in [Some(keepalive), None] {
        ours.set_keepalive(keepalive).unwrap();
        assert_eq!(ours.keepalive().unwrap(), keepalive);
    }
    let wrong = TcpKeepalive { idle: Duration::ZERO, ..keepalive };
    let error = ours.set_keepalive(Some(wrong)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    ours.set_quickack(false).unwrap();
    assert!(!ours.quickack().unwrap());
    assert!(ours.take_error().unwrap().is_none());
}

#[test]
fn a_socket_is_given_options_before_it_connects_and_listens() {
    let _limit = limit();
    let pool = Pool::new(1);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.set_recv_buffer_size(8192).unwrap();
    socket.set_send_buffer_size(8192).unwrap();
    assert!(socket.reuseaddr().unwrap() && socket.reuseport().unwrap());
    assert_eq!(socket.recv_buffer_size().unwrap(), 16_384);
    assert_eq!(socket.send_buffer_size().unwrap(), 16_384);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let bound = socket.local_addr().unwrap();
    let listener = socket.listen(16).unwrap();
    assert_eq!(listener.local_addr().unwrap(), bound);
    listener.set_ttl(44).unwrap();
    assert_eq!(listener.ttl().unwrap(), 44);
    pool.block_on(async {
        let client = TcpSocket::for_address(bound).unwrap();
        client.set_nodelay(true).unwrap();
        let client = client.connect(bound).await.unwrap();
        assert!(client.nodelay().unwrap());
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let local = free();
        let client = TcpStream::connect_from(local, bound).await.unwrap();
        assert_eq!(client.local_addr().unwrap(), local);
        assert_eq!(listener.accept().await.unwrap().1, local);
    });
}

#[test]
fn the_errors_of_all_addresses_are_kept() {
    let _limit = limit();
    let tried = [free(), free(), free()];
    let error = Pool::new(1).block_on(TcpStream::connect(&tried[..])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let failed = error.get_ref().unwrap().downcast_ref::<FailedAddresses>().unwrap();
    for ((address, error), tried) in failed.attempts().iter().zip(tried) {
        assert_eq!((*address, error.kind()), (tried, ErrorKind::ConnectionRefused));
        assert!(failed.to_string().contains(&tried.to_string()));
    }
    assert_eq!(failed.attempts().len(), 3);
}

#[test]
fn several_buffers_are_written_and_read_in_their_order() {
    let _limit = limit();
    let (ours, mut peer) = connection();
    Pool::new(1).block_on(async {
        let (count, parts) =
            ours.write_vectored(vec!["salt", "", " and ", "pepper"]).await.unwrap();
        assert_eq!((count, parts.concat().len()), (15, 15));
        let mut text = [0; 15];
        peer.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"salt and pepper");
        peer.write_all(&text).unwrap();
        let parts = vec![Vec::with_capacity(4), Vec::new(), Vec::with_capacity(50), vec![1]];
        let (count, parts) = ours.read_vectored(parts).await.unwrap();
        assert_eq!((count, parts.concat()), (15, text.to_vec()));
        assert!(parts[3].is_empty());
        assert_eq!(ours.read_vectored(Vec::<Vec<u8>>::new()).await.unwrap().0, 0);
        let error = ours.read_vectored(vec![[0; 1]; 1025]).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer.len()), (ErrorKind::InvalidInput, 1025));
    });
}

#[test]
fn looking_takes_nothing_also_of_what_a_dropped_read_has_brought() {
    let _limit = limit();
    let (mut ours, mut peer) = connection();
    Pool::new(1).block_on(async {
        assert!(ours.peek([0; 4]).now_or_never().is_none());
        assert!(ours.read([0; 64]).now_or_never().is_none());
        peer.write_all(b"look").unwrap();
        assert_eq!(ours.peek([0; 2]).await.unwrap(), (2, *b"lo"));
        let (reader, writer) = ours.split();
        assert_eq!(reader.peek([0; 4]).await.unwrap(), (4, *b"look"));
        assert_eq!(reader.read_exact([0; 4]).await.unwrap().1, *b"look");
        writer.write_all("seen").await.unwrap();
        peer.read_exact(&mut [0; 4]).unwrap();
        drop(peer);
        assert_eq!(ours.peek([0; 2]).await.unwrap().0, 0);
    });
}
