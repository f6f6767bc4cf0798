//! Sockets of a ring's table, of which the peers are sockets of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use futures::StreamExt;
use ringpool::Pool;
use ringpool::buf::BufferPool;
use ringpool::op::{self, ControlMessages, Descriptor, DirectFd, SharedFd};

use crate::common::{LIMIT, lacks, limit};
use crate::direct_files::direct;
use crate::same::errno_of;
use crate::support::{begin, pipe};

/// A socket of the table, and its peer.
async fn stream() -> (DirectFd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    (direct(ours).await, theirs)
}

/// The bound socket of the table and its address, and a peer that is not connected.
async fn datagrams() -> (DirectFd, SocketAddr, UdpSocket) {
    let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = ours.local_addr().unwrap();
    let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
    theirs.set_read_timeout(Some(LIMIT)).unwrap();
    (direct(ours).await, address, theirs)
}

#[test]
fn bytes_are_sent_and_received() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, mut theirs) = stream().await;
        theirs.write_all(b"salt").unwrap();
        assert_eq!(op::recv(&ours, [0; 2], libc::MSG_PEEK).await.unwrap().1, *b"sa");
        assert_eq!(op::recv(&ours, vec![0; 9], 0).await.unwrap().1, b"salt");
        assert_eq!(op::send(&ours, "pepper", 0).await.unwrap().0, 6);
        let mut bytes = [0; 6];
        theirs.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"pepper");
        op::shutdown(&ours, Shutdown::Write).await.unwrap();
        assert_eq!(theirs.read(&mut bytes).unwrap(), 0);
        let late = op::send(&ours, "x", 0).await.unwrap_err();
        assert_eq!(late.error.kind(), ErrorKind::BrokenPipe);
        drop(theirs);
        assert_eq!(op::recv(&ours, [0; 2], 0).await.unwrap().0, 0);
    });
}

#[test]
fn what_is_no_socket_is_the_error_of_the_system_calls() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reader, _writer) = pipe();
        let pipe = DirectFd::register(&reader).await.unwrap();
        let address: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let errors = [
            errno_of(op::recv(&pipe, [0; 2], 0).await.map_err(|error| error.error)),
            errno_of(op::send(&pipe, "x", 0).await.map_err(|error| error.error)),
            errno_of(op::sendto(&pipe, "x", address, 0).await.map_err(|error| error.error)),
            errno_of(op::recvfrom(&pipe, [0; 2], 0).await.map_err(|error| error.error)),
            errno_of(op::accept(&pipe).await),
            errno_of(op::connect(&pipe, address).await),
            errno_of(op::shutdown(&pipe, Shutdown::Both).await),
        ];
        assert_eq!(errors, [libc::ENOTSOCK; 7]);
    });
}

#[test]
fn datagrams_are_sent_and_received_with_their_addresses() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, address, theirs) = datagrams().await;
        let peer = theirs.local_addr().unwrap();
        assert_eq!(op::sendto(&ours, "salt", peer, 0).await.unwrap().0, 4);
        let mut bytes = [0; 16];
        assert_eq!(theirs.recv_from(&mut bytes).unwrap(), (4, address));
        theirs.send_to(b"pepper", address).unwrap();
        let ((count, sender), bytes) = op::recvfrom(&ours, [0; 16], 0).await.unwrap();
        assert_eq!(&bytes[..count], b"pepper");
        assert_eq!(sender.unwrap().to_socket_addr(), Some(peer));
        op::connect(&ours, peer).await.unwrap();
        op::send(&ours, "more", 0).await.unwrap();
        assert_eq!(theirs.recv_from(&mut [0; 16]).unwrap(), (4, address));
    });
}

#[test]
fn messages_are_sent_and_received_with_their_descriptors() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (ours, theirs) = (direct(ours).await, direct(theirs).await);
        let (reader, writer) = pipe();
        let mut control = ControlMessages::new();
        control.add_descriptors([writer]);
        let parts = vec!["salt", " and ", "pepper"];
        assert_eq!(op::sendmsg(&ours, parts, None, control, 0).await.unwrap().0, 15);
        let (received, parts) = op::recvmsg(&theirs, vec![[0; 9]; 2], 64, 0).await.unwrap();
        assert_eq!((received.count, &parts.concat()[..15]), (15, &b"salt and pepper"[..]));
        let writer = received.into_descriptors().pop().unwrap();
        op::write(&SharedFd::from(writer), "x").await.unwrap();
        assert_eq!(op::read(&reader, [0; 1]).await.unwrap().1, *b"x");
    });
}

async fn listening() -> Option<(DirectFd, SocketAddr)> {
    // The socket is made in the table, and only the test looks at it from outside.
    let made = op::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0).await.unwrap();
    let socket = DirectFd::register(&made).await.unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let bound = op::bind(&socket, any).await;
    if lacks(&bound) {
        return None;
    }
    bound.unwrap();
    op::listen(&socket, 16).await.unwrap();
    let listener = TcpListener::from(made.try_into_owned().unwrap());
    Some((socket, listener.local_addr().unwrap()))
}

#[test]
fn a_socket_of_the_table_is_bound_listens_and_accepts_in_every_way() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let Some((listener, address)) = listening().await else { return };
        let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
        let (connection, peer) = op::accept(&listener).await.unwrap();
        assert_eq!(peer, clients[0].local_addr().unwrap());
        op::send(&connection, "0", 0).await.unwrap();
        let (connection, peer) = op::accept_direct(&listener).await.unwrap();
        assert_eq!(peer, clients[1].local_addr().ok());
        op::send(&connection, "1", 0).await.unwrap();
        let mut connections = op::accept_multishot(&listener);
        for text in ["2", "3"] {
            let connection = connections.next().await.unwrap().unwrap();
            op::send(&connection, text, 0).await.unwrap();
        }
        for (number, mut client) in clients.into_iter().enumerate() {
            let mut text = [0; 1];
            client.read_exact(&mut text).unwrap();
            assert_eq!(text[0], b'0' + number as u8);
        }
        let used = op::bind(&listener, address).await;
        assert_eq!(errno_of(used), libc::EINVAL, "it is bound");
    });
}

#[test]
fn a_connection_that_is_refused_is_the_error_of_connect() {
    let _limit = limit();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Pool::new(1).block_on(async {
        let socket = op::socket_direct(libc::AF_INET, libc::SOCK_STREAM, 0).await.unwrap();
        let refused = op::connect(&socket, address).await.unwrap_err();
        let theirs = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.raw_os_error(), theirs.raw_os_error());
    });
}

#[test]
fn receives_into_pools_and_their_streams_give_every_byte() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(4, 8).unwrap();
        let (ours, mut theirs) = stream().await;
        theirs.write_all(b"salt").unwrap();
        assert_eq!(&op::recv_pooled(&ours, &buffers, 0).await.unwrap()[..], b"salt");
        theirs.write_all(b"salt and pepper").unwrap();
        let bundle = op::recv_bundle(&ours, &buffers, 0).await;
        if !lacks(&bundle) {
            assert_eq!(concat(bundle.unwrap()), b"salt and pepper");
            theirs.write_all(b"salt and pepper").unwrap();
            let mut bundles = op::recv_bundle_multishot(&ours, &buffers, 0);
            let mut received = Vec::new();
            while received.len() < 15 {
                received.extend(concat(bundles.next().await.unwrap().unwrap()));
            }
            assert_eq!(received, b"salt and pepper");
        }
        let (ours, mut theirs) = stream().await;
        let mut pieces = op::recv_multishot(&ours, &buffers, 0);
        theirs.write_all(b"salt and pepper").unwrap();
        drop(theirs);
        let mut received = Vec::new();
        while let Some(piece) = pieces.next().await {
            received.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(received, b"salt and pepper");
    });
}

fn concat(bundle: Vec<ringpool::buf::PooledBuffer>) -> Vec<u8> {
    bundle.iter().flat_map(|part| part.iter().copied()).collect()
}

/// The ring alone knows what kind of socket it is: an empty message looks like an end.
#[test]
fn streams_of_messages_keep_their_borders_and_an_empty_one_is_taken_for_the_end() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(4, 512).unwrap();
        let (ours, address, theirs) = datagrams().await;
        let mut messages = op::recvmsg_multishot(&ours, &buffers, 0, 0);
        for sent in [&b"salt"[..], b"pepper"] {
            theirs.send_to(sent, address).unwrap();
            let message = messages.next().await.unwrap().unwrap();
            assert_eq!(message.payload(), sent);
            assert_eq!(message.address(), theirs.local_addr().ok());
        }
        theirs.send_to(b"", address).unwrap();
        assert!(messages.next().await.is_none());
        let mut messages = op::recv_multishot(&ours, &buffers, 0);
        for sent in [&b"salt"[..], b"pepper"] {
            theirs.send_to(sent, address).unwrap();
            assert_eq!(&messages.next().await.unwrap().unwrap()[..], sent);
        }
        theirs.send_to(b"", address).unwrap();
        assert!(messages.next().await.is_none());
    });
}

/// Sends by every way without a copy from `fd`, of which `theirs` is the peer.
async fn send_without_copies(fd: &impl Descriptor, theirs: &mut TcpStream) {
    let (count, returning) = op::send_zc(fd, vec![7; 5000], 0).await.unwrap();
    assert_eq!((count, returning.await), (5000, vec![7; 5000]));
    let parts = vec![vec![8; 10], vec![9; 20]];
    let (count, returning) = op::sendmsg_zc(fd, parts.clone(), None, 0).await.unwrap();
    assert_eq!((count, returning.await), (30, parts));
    let mut bytes = vec![0; 5030];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, [vec![7; 5000], vec![8; 10], vec![9; 20]].concat());
}

#[test]
fn sends_without_a_copy_arrive_and_give_the_buffers_back() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = SharedFd::from(OwnedFd::from(listener.accept().unwrap().0));
        send_without_copies(&ours, &mut theirs).await;
        send_without_copies(&DirectFd::register(&ours).await.unwrap(), &mut theirs).await;
        let (ours, address, theirs) = datagrams().await;
        let peer = theirs.local_addr().unwrap();
        let (count, returning) = op::sendto_zc(&ours, "salt", peer, 0).await.unwrap();
        assert_eq!((count, returning.await), (4, "salt"));
        let parts = vec!["pep", "per"];
        let (count, returning) = op::sendmsg_zc(&ours, parts, Some(peer), 0).await.unwrap();
        assert_eq!((count, returning.await.concat()), (6, "pepper".to_owned()));
        for text in ["salt", "pepper"] {
            let mut bytes = [0; 16];
            assert_eq!(theirs.recv_from(&mut bytes).unwrap(), (text.len(), address));
            assert_eq!(&bytes[..text.len()], text.as_bytes());
        }
    });
}

#[test]
fn a_receive_of_the_table_can_be_cancelled() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, mut theirs) = stream().await;
        let mut receive = op::recv(&ours, vec![0; 16], 0);
        begin(&mut receive).await;
        let error = receive.cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
        theirs.write_all(b"salt").unwrap();
        assert_eq!(op::recv(&ours, error.buffer, 0).await.unwrap().1, b"salt");
    });
}
