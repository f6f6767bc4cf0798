//! Sends that do not copy: what arrives, and when the buffer comes back.

mod common;
#[path = "zero_copy/kept.rs"]
mod kept;
mod network;
#[path = "zero_copy/support.rs"]
mod support;

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use common::*;
use futures::executor;
use network::Random;
use ringpool::op::{self, DirectFd, SharedFd, ZERO_COPY_MIN};
use ringpool::{Pool, spawn, switch_to};
use support::*;

const LARGE: usize = 1 << 20;

fn arrives_at(address: &str) {
    let (ours, mut peer) = connected(address);
    let sent = Random::from_seed(7).bytes(LARGE);
    let expected = sent.clone();
    let reader = std::thread::spawn(move || {
        let mut received = vec![0; LARGE];
        peer.read_exact(&mut received).map(|()| received)
    });
    let returned = Pool::new(1).block_on(async {
        let (count, mut returning) = op::send_zc(&ours, sent, libc::MSG_WAITALL).await.unwrap();
        assert_eq!(count, LARGE);
        assert_eq!(returning.was_copied(), None);
        let buffer = (&mut returning).await;
        // A peer on this machine gets a copy, and kernels that know say so.
        assert_ne!(returning.was_copied(), Some(false));
        buffer
    });
    assert!(returned == expected, "the buffer that comes back is the one that was sent");
    assert!(reader.join().unwrap().unwrap() == expected, "what arrives is what was sent");
}

#[test]
fn a_large_buffer_arrives_over_ipv4_and_comes_back() {
    let _limit = limit();
    arrives_at("127.0.0.1:0");
}

#[test]
fn a_large_buffer_arrives_over_ipv6_and_comes_back() {
    let _limit = limit();
    arrives_at("[::1]:0");
}

#[test]
fn several_buffers_arrive_in_order_through_a_direct_descriptor() {
    let _limit = limit();
    let (ours, mut peer) = connected("127.0.0.1:0");
    Pool::new(1).block_on(async {
        let direct = DirectFd::register(&ours).await.unwrap();
        drop(ours);
        let (count, returning) = op::send_zc(&direct, "salt", 0).await.unwrap();
        assert_eq!((count, returning.await), (4, "salt"));
        let parts = vec![" and ", "pepper"];
        let (count, returning) = op::sendmsg_zc(&direct, parts.clone(), None, 0).await.unwrap();
        assert_eq!((count, returning.await), (11, parts));
    });
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "salt and pepper");
}

#[test]
fn datagrams_go_where_they_are_addressed() {
    let _limit = limit();
    let pool = Pool::new(1);
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let receiver = UdpSocket::bind(local).unwrap();
        receiver.set_read_timeout(Some(LIMIT)).unwrap();
        let address = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind(local).unwrap();
        let from = sender.local_addr().unwrap();
        let sender = SharedFd::from(OwnedFd::from(sender));
        let large = Random::from_seed(3).bytes(9000);
        pool.block_on(async {
            let sent = op::sendto_zc(&sender, large.clone(), address, 0).await.unwrap();
            assert_eq!((sent.0, sent.1.await), (9000, large.clone()));
            let parts = vec!["salt", " and ", "pepper"];
            let sent = op::sendmsg_zc(&sender, parts.clone(), Some(address), 0).await.unwrap();
            assert_eq!((sent.0, sent.1.await), (15, parts));
            // Short ones are copied on request, and are as well addressed.
            let copied = op::sendto_zc(&sender, "salt", address, 0).or_copy().await.unwrap();
            assert_eq!((copied.0, copied.1.await), (4, "salt"));
            let parts = vec!["pep", "per"];
            let copied = op::sendmsg_zc(&sender, parts, Some(address), 0).or_copy().await.unwrap();
            assert_eq!(copied.0, 6);
        });
        for expected in [&large[..], b"salt and pepper", b"salt", b"pepper"] {
            let mut buffer = vec![0; 10_000];
            let (count, peer) = receiver.recv_from(&mut buffer).unwrap();
            assert!((&buffer[..count], peer) == (expected, from));
        }
    }
}

#[test]
fn nothing_at_all_can_be_sent() {
    let _limit = limit();
    let (ours, _peer) = connected("127.0.0.1:0");
    Pool::new(1).block_on(async {
        let (count, returning) = op::send_zc(&ours, Vec::new(), 0).await.unwrap();
        assert_eq!((count, returning.await.len()), (0, 0));
        let none = Vec::<Vec<u8>>::new();
        let (count, returning) = op::sendmsg_zc(&ours, none, None, 0).await.unwrap();
        assert_eq!((count, returning.await.len()), (0, 0));
    });
}

/// The errno of send(2), or of sendto(2).
fn errno_of_libc(fd: &impl AsRawFd, bytes: &[u8]) -> Option<i32> {
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the bytes are there during the call.
    let sent = unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) };
    assert_eq!(sent, -1);
    std::io::Error::last_os_error().raw_os_error()
}

#[test]
fn errors_are_those_of_the_system_call_and_give_the_buffer_back() {
    let _limit = limit();
    let pool = Pool::new(1);
    let too_long = UdpSocket::bind("127.0.0.1:0").unwrap();
    too_long.connect(too_long.local_addr().unwrap()).unwrap();
    let nowhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    let no_socket = std::fs::File::open("/dev/null").unwrap();
    let (ended, peer) = connected("127.0.0.1:0");
    network::reset(peer);
    // The reset has come when the first send says so; afterwards the pipe is broken.
    until(|| {
        // SAFETY: the byte is there during the call.
        let sent =
            unsafe { libc::send(ended.as_raw_fd(), [0u8].as_ptr().cast(), 1, libc::MSG_NOSIGNAL) };
        sent == -1
    });
    let fds = [too_long.into(), nowhere.into(), no_socket.into()];
    for fd in fds.map(|fd: OwnedFd| SharedFd::from(fd)).into_iter().chain([ended]) {
        let bytes = vec![1; 70_000];
        let expected = errno_of_libc(&fd, &bytes);
        pool.block_on(async {
            let error = op::send_zc(&fd, bytes.clone(), 0).await.unwrap_err();
            assert_eq!(error.error.raw_os_error(), expected);
            assert!(error.buffer == bytes);
            let error = op::sendmsg_zc(&fd, vec![bytes.clone()], None, 0).await.unwrap_err();
            assert_eq!(error.error.raw_os_error(), expected);
            assert!(error.buffer == [bytes.clone()]);
            let error = op::send_zc(&fd, bytes.clone(), 0).or_copy().await.unwrap_err();
            assert_eq!(error.error.raw_os_error(), expected);
        });
    }
}

#[test]
fn more_buffers_than_the_kernel_takes_come_back_with_an_error() {
    let _limit = limit();
    let (ours, _peer) = connected("127.0.0.1:0");
    let send = op::sendmsg_zc(&ours, vec!["x"; 1025], None, 0);
    let error = Pool::new(1).block_on(send).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.buffer.len(), 1025);
}

#[test]
fn a_unix_socket_refuses_and_is_sent_a_copy_on_request() {
    let _limit = limit();
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let ours = SharedFd::from(OwnedFd::from(ours));
    Pool::new(1).block_on(async {
        let large = vec![5; ZERO_COPY_MIN];
        let error = op::send_zc(&ours, large.clone(), 0).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EOPNOTSUPP));
        assert_eq!(error.buffer, large);
        let (count, mut returning) = op::send_zc(&ours, large, 0).or_copy().await.unwrap();
        assert_eq!(count, ZERO_COPY_MIN);
        assert_eq!((&mut returning).await.len(), ZERO_COPY_MIN);
        assert_eq!(returning.was_copied(), Some(true));
        let parts = vec![vec![6; ZERO_COPY_MIN / 2]; 2];
        let (count, _) = op::sendmsg_zc(&ours, parts, None, 0).or_copy().await.unwrap();
        assert_eq!(count, ZERO_COPY_MIN);
    });
    drop(ours);
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert!(received == [vec![5; ZERO_COPY_MIN], vec![6; ZERO_COPY_MIN]].concat());
}

#[test]
fn what_is_short_is_copied_on_request_and_comes_back_at_once() {
    let _limit = limit();
    let (ours, _peer) = connected("127.0.0.1:0");
    let (waker, _, _) = counting_waker();
    Pool::new(1).block_on(async {
        let (_, mut returning) = op::send_zc(&ours, vec![1; 10], 0).or_copy().await.unwrap();
        assert!(poll_once(&mut returning, &waker).is_ready());
        assert_eq!(returning.was_copied(), Some(true));
    });
}

#[test]
fn outside_a_pool_the_buffer_comes_back_with_an_error() {
    let _limit = limit();
    let (ours, _peer) = connected("127.0.0.1:0");
    let error = executor::block_on(op::send_zc(&ours, vec![1, 2, 3], 0)).unwrap_err();
    assert_eq!((error.error.kind(), error.buffer), (ErrorKind::Unsupported, vec![1, 2, 3]));
}

#[test]
fn it_goes_on_on_another_ring_and_comes_back_on_a_plain_thread() {
    let _limit = limit();
    let (ours, mut peer) = connected("127.0.0.1:0");
    network::narrow(&ours);
    let pool = Pool::new(2);
    let returning = pool.block_on(async {
        let sent = vec![9; LARGE];
        let mut send = op::send_zc(&ours, sent, libc::MSG_WAITALL);
        assert!(poll_once(&mut send, &own_waker().await).is_pending());
        let reader = std::thread::spawn(move || {
            let mut received = vec![0; LARGE];
            peer.read_exact(&mut received).map(|()| received)
        });
        switch_to(&pool.runtime(1)).await.unwrap();
        let (count, returning) = send.await.unwrap();
        assert_eq!(count, LARGE);
        assert!(reader.join().unwrap().unwrap() == vec![9; LARGE]);
        returning
    });
    let buffer = on_a_plain_thread(move || executor::block_on(returning));
    assert!(buffer == vec![9; LARGE]);
}

#[test]
fn one_that_has_not_begun_is_cancelled_at_once() {
    let _limit = limit();
    let (ours, _peer) = connected("127.0.0.1:0");
    let send = op::send_zc(&ours, vec![1; 10], 0).or_copy().cancel();
    let error = Pool::new(1).block_on(send).unwrap_err();
    assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
    assert_eq!(error.buffer.len(), 10);
}

#[test]
fn a_cancelled_send_that_waits_for_room_gives_its_buffer_back() {
    let _limit = limit();
    let (ours, peer) = connected("127.0.0.1:0");
    Pool::new(1).block_on(async {
        let kept = clog(&ours).await;
        let (mut cancelled, mut sent) = (0, Vec::new());
        for _ in 0..20 {
            let mut send = op::send_zc(&ours, vec![1; LARGE], 0);
            assert!(poll_once(&mut send, &own_waker().await).is_pending());
            match send.cancel().await {
                Err(error) => {
                    assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
                    assert_eq!(error.buffer.len(), LARGE);
                    cancelled += 1;
                }
                // There was room for a moment: the kernel tries now and then.
                Ok((_, returning)) => sent.push(returning),
            }
        }
        assert!(cancelled > 0, "there was room {} times", sent.len());
        drop((kept, sent, peer));
    });
}

#[test]
fn many_tasks_send_at_once_and_nothing_is_lost_or_mixed() {
    let _limit = limit();
    let pool = Pool::new(2);
    let tasks: Vec<_> = (0..8u64)
        .map(|seed| {
            let (ours, mut peer) = connected("127.0.0.1:0");
            if seed % 2 == 0 {
                set_size(&ours, libc::SO_SNDBUF, 1 << 16);
            }
            let reader = std::thread::spawn(move || {
                let mut received = Vec::new();
                peer.read_to_end(&mut received).map(|_| received)
            });
            let there = pool.runtime(seed as usize % 2);
            let task = pool.spawn(async move {
                let mut random = Random::from_seed(seed);
                let mut expected = Vec::new();
                for _ in 0..40 {
                    let len = 1 + random.below(60_000);
                    let bytes = random.bytes(len);
                    let (count, returning) = if random.below(2) == 0 {
                        let (count, returning) =
                            op::send_zc(&ours, Tracked::untold(&bytes), 0).await.unwrap();
                        (count, spawn(async move { returning.await.0.len() }))
                    } else {
                        let halves = bytes.split_at(len / 2);
                        let halves = vec![Tracked::untold(halves.0), Tracked::untold(halves.1)];
                        let (count, returning) =
                            op::sendmsg_zc(&ours, halves, None, 0).await.unwrap();
                        let total =
                            async move { returning.await.iter().map(|half| half.0.len()).sum() };
                        (count, spawn(total))
                    };
                    expected.extend_from_slice(&bytes[..count]);
                    if random.below(2) == 0 {
                        assert_eq!(returning.await.unwrap(), len);
                    } else {
                        returning.detach();
                    }
                    switch_to(&there).await.unwrap();
                }
                expected
            });
            (task, reader)
        })
        .collect();
    for (task, reader) in tasks {
        let expected = task.wait().unwrap();
        assert!(reader.join().unwrap().unwrap() == expected);
    }
}

#[test]
fn an_address_of_the_wrong_family_is_the_error_of_the_system_call() {
    let _limit = limit();
    let sender = SharedFd::from(OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap()));
    let address: SocketAddr = "[::1]:9".parse().unwrap();
    let send = op::sendto_zc(&sender, "x", address, 0);
    let error = Pool::new(1).block_on(send).unwrap_err();
    assert_eq!(error.error.raw_os_error(), Some(libc::EAFNOSUPPORT));
}
