//! Messages: their senders, control data and descriptors, and that empty ones are no end.

use std::io::{ErrorKind, IoSlice, Read, Seek, Write};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use futures::StreamExt;
use ringpool::Pool;
use ringpool::buf::BufferPool;
use ringpool::op;

use crate::common::limit;
use crate::support::{COUNTS, datagram_pair, kind_of, pattern, shared, stream_pair, until_whole};

#[test]
fn messages_come_with_their_senders_and_in_order() {
    let _limit = limit();
    let pool = Pool::new(1);
    for address in ["127.0.0.1:0", "[::1]:0"] {
        for count in COUNTS {
            pool.block_on(async {
                let ours = UdpSocket::bind(address).unwrap();
                let to = ours.local_addr().unwrap();
                let theirs = UdpSocket::bind(address).unwrap();
                let buffers = BufferPool::new(count, 512).unwrap();
                let mut messages = op::recvmsg_multishot(&shared(ours), &buffers, 0, 0);
                for round in 0..50_usize {
                    let sent = pattern(round);
                    theirs.send_to(&sent, to).unwrap();
                    let message = messages.next().await.unwrap().unwrap();
                    assert_eq!(message.payload(), sent);
                    assert_eq!(message.address(), theirs.local_addr().ok());
                    assert!(!message.is_truncated() && !message.is_control_truncated());
                    assert_eq!(&message.into_payload()[..], sent);
                }
                drop(messages);
                until_whole(&buffers).await;
            });
        }
    }
}

#[test]
fn an_empty_message_is_no_end() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, peer) = datagram_pair();
        let buffers = BufferPool::new(2, 512).unwrap();
        let mut pieces = op::recv_multishot(&ours, &buffers, 0);
        for sent in [&b"salt"[..], b"", b"", b"pepper", b""] {
            peer.send(sent).unwrap();
            assert_eq!(&pieces.next().await.unwrap().unwrap()[..], sent);
        }
        drop(pieces);
        let mut messages = op::recvmsg_multishot(&ours, &buffers, 0, 0);
        for sent in [&b"salt"[..], b"", b"", b"pepper", b""] {
            peer.send(sent).unwrap();
            assert_eq!(messages.next().await.unwrap().unwrap().payload(), sent);
        }
        drop(messages);
        until_whole(&buffers).await;
    });
}

#[test]
fn a_stream_ends_where_the_peer_ends_it() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, mut peer) = stream_pair();
        let buffers = BufferPool::new(2, 512).unwrap();
        peer.write_all(b"salt").unwrap();
        drop(peer);
        let mut messages = op::recvmsg_multishot(&ours, &buffers, 0, 0);
        assert_eq!(messages.next().await.unwrap().unwrap().payload(), b"salt");
        assert!(messages.next().await.is_none());
        until_whole(&buffers).await;
    });
}

#[test]
fn a_message_that_is_too_long_says_so() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, peer) = datagram_pair();
        let buffers = BufferPool::new(2, 256).unwrap();
        let mut messages = op::recvmsg_multishot(&ours, &buffers, 0, libc::MSG_TRUNC);
        let sent = pattern(1_000);
        peer.send(&sent).unwrap();
        let message = messages.next().await.unwrap().unwrap();
        assert!(message.is_truncated());
        assert!(!message.payload().is_empty() && sent.starts_with(message.payload()));
        drop(message);
        let small = BufferPool::new(2, 100).unwrap();
        let mut refused = op::recvmsg_multishot(&ours, &small, 0, 0);
        assert_eq!(kind_of(refused.next().await.unwrap()), ErrorKind::InvalidInput);
        let mut refused = op::recvmsg_multishot(&ours, &small, usize::MAX, 0);
        assert_eq!(kind_of(refused.next().await.unwrap()), ErrorKind::InvalidInput);
        drop(messages);
        until_whole(&buffers).await;
    });
}

/// Sends a message with a descriptor.
fn send_descriptor(through: &UnixDatagram, bytes: &[u8], descriptor: i32) {
    let parts = [IoSlice::new(bytes)];
    let mut control = [0_u64; 8];
    // SAFETY: numbers and null pointers.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = parts.as_ptr().cast_mut().cast();
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: only computes.
    header.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as usize;
    // SAFETY: the control data has room for one message.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&raw const header);
        (*message).cmsg_level = libc::SOL_SOCKET;
        (*message).cmsg_type = libc::SCM_RIGHTS;
        (*message).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(message).cast::<i32>().write_unaligned(descriptor);
    }
    // SAFETY: all that the header points to lives over the call.
    let sent = unsafe { libc::sendmsg(through.as_raw_fd(), &raw const header, 0) };
    assert_eq!(sent, bytes.len() as isize);
}

#[test]
fn descriptors_that_come_with_a_message_are_owned_by_it() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (ours, peer) = datagram_pair();
        let buffers = BufferPool::new(4, 512).unwrap();
        let mut messages = op::recvmsg_multishot(&ours, &buffers, 64, 0);
        let (reader, mut writer) = std::io::pipe().unwrap();
        send_descriptor(&peer, b"salt", reader.as_raw_fd());
        drop(reader);
        let mut message = messages.next().await.unwrap().unwrap();
        assert_eq!(message.payload(), b"salt");
        assert_eq!(message.control().count(), 1);
        let mut descriptors = message.take_descriptors();
        assert_eq!(descriptors.len(), 1);
        let mut taken = std::fs::File::from(descriptors.remove(0));
        drop(message);
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut text = String::new();
        taken.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        assert!(taken.stream_position().is_err(), "it is the pipe");

        // Not taken, so closed with the message, as the writer hears; delivered, and the stream
        // dropped: the same.
        for is_looked_at in [true, false] {
            let (reader, mut writer) = std::io::pipe().unwrap();
            send_descriptor(&peer, b"pepper", reader.as_raw_fd());
            drop(reader);
            if is_looked_at {
                drop(messages.next().await.unwrap().unwrap());
            } else {
                peer.send(b"after").unwrap();
                while buffers.available() != Some(2) {
                    ringpool::yield_now().await;
                }
                drop(messages);
                messages = op::recvmsg_multishot(&ours, &buffers, 64, 0);
            }
            assert_eq!(writer.write_all(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        }
        drop(messages);
        until_whole(&buffers).await;
    });
}
