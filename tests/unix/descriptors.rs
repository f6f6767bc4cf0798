//! Descriptors that go with bytes and datagrams.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use futures::future::FutureExt;
use ringpool::net::{UnixDatagram, UnixStream};
use ringpool::op::{self, ControlMessage, ControlMessages, DESCRIPTORS_MAX, SharedFd};
use ringpool::{Pool, switch_to, yield_now};

use super::{completed_after, operations};
use crate::common::*;
use crate::network::*;

/// The end of a pipe to read from, and the other one to be sent.
fn pipe() -> (std::io::PipeReader, SharedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader, SharedFd::from(OwnedFd::from(writer)))
}

/// Writes to what was received, and reads it from the pipe.
fn is_connected(reader: &mut std::io::PipeReader, writer: OwnedFd) {
    File::from(writer).write_all(b"through").unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");
}

/// Waits until what has come to a socket is in the hands of an operation.
async fn taken(socket: &impl AsRawFd) {
    let (mut byte, flags) = ([0u8; 1], libc::MSG_PEEK | libc::MSG_DONTWAIT);
    // SAFETY: there is room for one byte.
    while unsafe { libc::recv(socket.as_raw_fd(), byte.as_mut_ptr().cast(), 1, flags) } >= 0 {
        yield_now().await;
    }
}

fn is_closed_on_exec(fd: &OwnedFd) -> bool {
    // SAFETY: takes numbers only.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) };
    flags & libc::FD_CLOEXEC != 0
}

#[test]
fn descriptors_go_through_connections_and_with_datagrams() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut reader, writer) = pipe();
        here.send_fds("one", &[writer]).await.unwrap();
        let (received, buffer) = there.recv_fds([0; 8]).await.unwrap();
        assert_eq!((&buffer[..received.count], received.is_truncated), (&b"one"[..], false));
        let [writer] = received.descriptors.try_into().unwrap();
        assert!(is_closed_on_exec(&writer));
        is_connected(&mut reader, writer);

        let (here, there) = UnixDatagram::pair().unwrap();
        let (mut first_reader, first) = pipe();
        let (mut second_reader, second) = pipe();
        here.send_fds("", &[first, second]).await.unwrap();
        let (received, _) = there.recv_fds([0; 8]).await.unwrap();
        assert_eq!(received.count, 0);
        let [first, second] = received.descriptors.try_into().unwrap();
        is_connected(&mut first_reader, first);
        is_connected(&mut second_reader, second);
    });
    assert_eq!(open_fds(), before);
}

#[test]
fn as_many_as_the_kernel_takes_go_at_once_and_more_are_refused() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let null = SharedFd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        let many = vec![null; DESCRIPTORS_MAX + 1];
        here.send_fds("x", &many[1..]).await.unwrap();
        let (received, _) = there.recv_fds([0; 1]).await.unwrap();
        assert_eq!(received.descriptors.len(), DESCRIPTORS_MAX);
        assert!(!received.is_truncated);
        let error = here.send_fds("x", &many).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::InvalidInput, "x"));
        let error = here.send_fds("", &many[..1]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
    });
    assert_eq!(open_fds(), before);
}

#[test]
fn a_dropped_receive_leaves_bytes_and_descriptors_for_the_next() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let (this, that) = UnixDatagram::pair().unwrap();
        for round in 0..20 {
            let (mut reader, writer) = pipe();
            let (mut other_reader, other) = pipe();
            let mut stream = Box::pin(there.recv_fds([0; 8]));
            let mut datagram = Box::pin(that.recv_fds([0; 8]));
            assert!(futures::poll!(&mut stream).is_pending());
            assert!(futures::poll!(&mut datagram).is_pending());
            here.send_fds("bytes", &[writer]).await.unwrap();
            this.send_fds("datagram", &[other]).await.unwrap();
            taken(&there).await;
            taken(&that).await;
            drop((stream, datagram));
            switch_to(&pool.runtime(round % 2)).await.unwrap();
            if round % 4 == 0 {
                // One that has no use for descriptors leaves them.
                assert_eq!(there.read([0; 2]).await.unwrap(), (2, *b"by"));
            }
            let (received, _) = there.recv_fds([0; 8]).await.unwrap();
            assert_eq!(received.count, if round % 4 == 0 { 3 } else { 5 });
            is_connected(&mut reader, received.descriptors.into_iter().next().unwrap());
            let (received, buffer) = that.recv_fds([0; 8]).await.unwrap();
            assert_eq!(&buffer[..received.count], b"datagram");
            is_connected(&mut other_reader, received.descriptors.into_iter().next().unwrap());
        }
    });
    until(|| open_fds() == before);
}

#[test]
fn a_dropped_plain_read_does_not_swallow_descriptors_that_come_later() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let (this, that) = UnixDatagram::pair().unwrap();
        for _ in 0..20 {
            let had = operations();
            assert!(there.read([0; 8]).now_or_never().is_none());
            assert!(that.recv([0; 8]).now_or_never().is_none());
            completed_after(had + 1).await;
            let (mut reader, writer) = pipe();
            here.send_fds("x", &[writer]).await.unwrap();
            let (received, _) = there.recv_fds([0; 8]).await.unwrap();
            is_connected(&mut reader, received.descriptors.into_iter().next().unwrap());
            let (mut reader, writer) = pipe();
            this.send_fds("x", &[writer]).await.unwrap();
            let (received, _) = that.recv_fds([0; 8]).await.unwrap();
            is_connected(&mut reader, received.descriptors.into_iter().next().unwrap());
        }
    });
}

#[test]
fn descriptors_that_nobody_takes_are_closed_with_the_socket() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    let mut readers = Vec::new();
    pool.block_on(async {
        for round in 0..10 {
            let (here, there) = UnixStream::pair().unwrap();
            let (reader, writer) = pipe();
            readers.push(reader);
            let had = operations();
            let mut receive = Box::pin(there.recv_fds([0; 8]));
            if round % 2 == 0 {
                assert!(futures::poll!(&mut receive).is_pending());
            }
            here.send_fds("x", &[writer]).await.unwrap();
            if round % 4 == 0 {
                completed_after(had + 1).await;
            }
            drop(receive);
            drop(there);
        }
    });
    for mut reader in readers {
        // The end comes when no end to write is open.
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    }
    until(|| open_fds() == before);
}

#[test]
fn a_receive_without_room_says_that_descriptors_were_closed() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let null = SharedFd::from(OwnedFd::from(File::open("/dev/null").unwrap()));
        let mut control = ControlMessages::new();
        control.add_descriptors([null.clone(), null.clone(), null.clone()]);
        op::sendmsg(&here, vec!["x"], None, control, 0).await.unwrap();
        // Room for one: the kernel closes the others, and says so.
        let room = std::mem::size_of::<libc::cmsghdr>() + 4;
        let (received, _) = op::recvmsg(&there, vec![[0; 1]], room, 0).await.unwrap();
        assert_ne!(received.flags & libc::MSG_CTRUNC, 0);
        let [ControlMessage::Descriptors(some)] = &received.control[..] else {
            panic!("{received:?}")
        };
        assert!((1..3).contains(&some.len()));
        here.send_fds("x", &[null]).await.unwrap();
        let (received, _) = op::recvmsg(&there, vec![[0; 1]], 0, 0).await.unwrap();
        assert_ne!(received.flags & libc::MSG_CTRUNC, 0);
        assert!(received.control.is_empty());
    });
    assert_eq!(open_fds(), before);
}

#[test]
fn an_operation_that_is_dropped_after_it_has_received_closes_what_it_got() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut reader, writer) = pipe();
        let had = operations();
        let mut receive = op::recvmsg(&there, vec![[0; 8]], 64, 0);
        assert!(futures::poll!(&mut receive).is_pending());
        here.send_fds("x", &[writer]).await.unwrap();
        completed_after(had + 1).await;
        drop(receive);
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    });
    until(|| open_fds() == before);
}

#[test]
fn credentials_come_as_the_kernel_has_them() {
    let (_alone, _limit) = (alone(), limit());
    Pool::new(1).block_on(async {
        let (here, there) = UnixDatagram::pair().unwrap();
        let on: i32 = 1;
        let (value, len) = ((&raw const on).cast(), size_of::<i32>() as libc::socklen_t);
        // SAFETY: the value and its length belong together.
        let result = unsafe {
            libc::setsockopt(there.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, value, len)
        };
        assert_eq!(result, 0);
        let (mut reader, writer) = pipe();
        here.send_fds("x", &[writer]).await.unwrap();
        let (received, _) = op::recvmsg(&there, vec![[0; 8]], 128, 0).await.unwrap();
        let mut process = None;
        for message in received.control {
            match message {
                ControlMessage::Other { level: libc::SOL_SOCKET, kind, data } => {
                    assert_eq!(kind, libc::SCM_CREDENTIALS);
                    process = Some(i32::from_ne_bytes(data[..4].try_into().unwrap()));
                }
                ControlMessage::Descriptors(mut writers) => {
                    is_connected(&mut reader, writers.remove(0));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(process, Some(std::process::id() as i32));
    });
}

#[test]
fn a_receive_without_room_for_bytes_leaves_those_of_an_earlier_one() {
    let (_alone, _limit) = (alone(), limit());
    Pool::new(1).block_on(async {
        let (here, there) = UnixStream::pair().unwrap();
        for _ in 0..10 {
            let mut dropped = Box::pin(there.read([0; 8]));
            assert!(futures::poll!(&mut dropped).is_pending());
            here.write_all("bytes").await.unwrap();
            taken(&there).await;
            drop(dropped);
            assert_eq!(there.read([0; 2]).await.unwrap(), (2, *b"by"));
            let mut no_room = Box::pin(there.recv_fds(Vec::new()));
            for _ in 0..20 {
                if futures::poll!(&mut no_room).is_ready() {
                    break;
                }
                yield_now().await;
            }
            drop(no_room);
            // So that what follows does not wait for ever if they are lost.
            here.write_all("!").await.unwrap();
            let (count, rest) = there.read([0; 3]).await.unwrap();
            assert_eq!(&rest[..count], b"tes");
            assert_eq!(there.read([0; 3]).await.unwrap().0, 1);
        }
    });
}

#[test]
fn descriptors_are_owned_whatever_flags_the_receive_is_given() {
    const MSG_CMSG_COMPAT: i32 = i32::MIN;
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let before = open_fds();
    pool.block_on(async {
        let (here, there) = UnixDatagram::pair().unwrap();
        let (mut reader, writer) = pipe();
        here.send_fds("x", &[writer]).await.unwrap();
        let (received, _) = op::recvmsg(&there, vec![[0; 8]], 128, MSG_CMSG_COMPAT).await.unwrap();
        let writer = received.into_descriptors().pop().expect("the one that was sent");
        is_connected(&mut reader, writer);
    });
    until(|| open_fds() == before);
}
