//! The example `udp_echo` as strangers use it: a process of its own, and clients of `std`.

mod common;
#[path = "common/server.rs"]
mod server;

use std::net::UdpSocket;
use std::time::Duration;

use common::limit;
use server::Server;

fn client(server: &Server) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    socket.connect(server.address).expect("it can be connected");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    socket
}

/// What comes back for `datagram`. On the loopback none is lost unless a buffer is full.
fn echoed(socket: &UdpSocket, datagram: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    assert_eq!(socket.send(datagram).expect("it can be sent"), datagram.len());
    let len = socket.recv(&mut buffer).expect("an answer comes");
    buffer.truncate(len);
    buffer
}

#[test]
fn datagrams_of_all_lengths_come_back_as_they_are() {
    let _limit = limit();
    let server = Server::start("udp_echo");
    let socket = client(&server);
    for len in [0, 1, 13, 1472, 1473, 9000, 65_000, 65_507] {
        let datagram: Vec<u8> = (0..len).map(|number| (number % 251) as u8).collect();
        assert_eq!(echoed(&socket, &datagram), datagram, "of {len} bytes");
    }
}

#[test]
fn many_senders_each_get_their_own_back() {
    let _limit = limit();
    let server = Server::start("udp_echo");
    // The kernel spreads them over the rings by their ports.
    let sockets: Vec<UdpSocket> = (0..64).map(|_| client(&server)).collect();
    for round in 0..20 {
        for (number, socket) in sockets.iter().enumerate() {
            let datagram = format!("{round} of {number}");
            socket.send(datagram.as_bytes()).expect("it can be sent");
        }
        for (number, socket) in sockets.iter().enumerate() {
            let mut buffer = [0; 100];
            let len = socket.recv(&mut buffer).expect("an answer comes");
            assert_eq!(buffer[..len], *format!("{round} of {number}").as_bytes());
        }
    }
}

#[test]
fn more_datagrams_than_there_are_buffers_come_back_one_after_the_other() {
    let _limit = limit();
    let server = Server::start("udp_echo");
    let socket = client(&server);
    for number in 0..2000_u32 {
        let datagram = number.to_le_bytes();
        assert_eq!(echoed(&socket, &datagram), datagram);
    }
}

#[test]
fn a_sender_that_has_gone_does_not_stop_it() {
    let _limit = limit();
    let server = Server::start("udp_echo");
    for _ in 0..50 {
        let gone = client(&server);
        gone.send(b"nobody waits for this").expect("it can be sent");
    }
    let socket = client(&server);
    assert_eq!(echoed(&socket, b"still there?"), b"still there?");
}
