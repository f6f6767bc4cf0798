//! Options and queues of sockets through the ring, beside what the system calls say.

mod common;
mod network;

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use common::*;
use ringpool::Pool;
use ringpool::op::{self, DirectFd, OptionValue, SharedFd};

/// getsockopt(2).
fn by_libc<T: Copy>(fd: &impl AsRawFd, level: i32, name: i32) -> T {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value and its length belong together, and any bytes will do for the types here.
    unsafe {
        let got =
            libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &mut len);
        assert_eq!(got, 0, "{}", std::io::Error::last_os_error());
        value.assume_init()
    }
}

fn tcp() -> (SharedFd, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = network::connect(listener.local_addr().unwrap());
    (SharedFd::from(OwnedFd::from(listener.accept().unwrap().0)), peer)
}

fn udp() -> SharedFd {
    SharedFd::from(OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap()))
}

async fn is_there() -> bool {
    !lacks(&op::getsockopt::<i32>(&udp(), libc::SOL_SOCKET, libc::SO_TYPE).await)
}

#[test]
fn what_is_set_is_what_the_system_call_gets() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if !is_there().await {
            return;
        }
        let (tcp, _peer) = tcp();
        for fd in [&tcp, &udp()] {
            for name in [libc::SO_KEEPALIVE, libc::SO_REUSEADDR, libc::SO_BROADCAST] {
                for value in [1i32, 0] {
                    op::setsockopt(fd, libc::SOL_SOCKET, name, value).await.unwrap();
                    assert_eq!(by_libc::<i32>(fd, libc::SOL_SOCKET, name), value, "{name}");
                }
            }
        }
        let (level, name) = (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE);
        op::setsockopt(&tcp, level, name, 77i32).await.unwrap();
        assert_eq!(by_libc::<i32>(&tcp, level, name), 77);
        let linger = libc::linger { l_onoff: 1, l_linger: 5 };
        op::setsockopt(&tcp, libc::SOL_SOCKET, libc::SO_LINGER, linger).await.unwrap();
        let found: libc::linger = by_libc(&tcp, libc::SOL_SOCKET, libc::SO_LINGER);
        assert_eq!((found.l_onoff, found.l_linger), (1, 5));
        let time = libc::timeval { tv_sec: 3, tv_usec: 500_000 };
        op::setsockopt(&tcp, libc::SOL_SOCKET, libc::SO_RCVTIMEO, time).await.unwrap();
        let found: libc::timeval = by_libc(&tcp, libc::SOL_SOCKET, libc::SO_RCVTIMEO);
        assert_eq!(found.tv_sec, 3);
        let (level, name) = (libc::IPPROTO_TCP, libc::TCP_CONGESTION);
        op::setsockopt(&tcp, level, name, *b"reno").await.unwrap();
        assert_eq!(&by_libc::<[u8; 16]>(&tcp, level, name)[..5], b"reno\0");
    });
}

async fn same<T: OptionValue + PartialEq + std::fmt::Debug>(fd: &SharedFd, name: i32) {
    let value: T = op::getsockopt(fd, libc::SOL_SOCKET, name).await.unwrap();
    assert_eq!(value, by_libc::<T>(fd, libc::SOL_SOCKET, name), "{name}");
}

#[test]
fn what_is_got_is_what_the_system_call_gets() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if !is_there().await {
            return;
        }
        let (tcp, _peer) = tcp();
        for fd in [&tcp, &udp()] {
            let names = [libc::SO_TYPE, libc::SO_DOMAIN, libc::SO_PROTOCOL, libc::SO_RCVBUF];
            for name in names.into_iter().chain([libc::SO_SNDBUF, libc::SO_ACCEPTCONN]) {
                same::<i32>(fd, name).await;
            }
            same::<u64>(fd, libc::SO_COOKIE).await;
            // No name of a device: there is less than its type has room for.
            same::<[u8; 16]>(fd, libc::SO_BINDTODEVICE).await;
        }
    });
}

#[test]
fn a_direct_descriptor_has_the_options_of_its_socket() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if !is_there().await {
            return;
        }
        let fd = udp();
        let direct = DirectFd::register(&fd).await.unwrap();
        op::setsockopt(&direct, libc::SOL_SOCKET, libc::SO_BROADCAST, 1i32).await.unwrap();
        assert_eq!(by_libc::<i32>(&fd, libc::SOL_SOCKET, libc::SO_BROADCAST), 1);
        let got: i32 = op::getsockopt(&direct, libc::SOL_SOCKET, libc::SO_BROADCAST).await.unwrap();
        assert_eq!(got, 1);
    });
}

#[test]
fn the_queues_are_as_long_as_the_system_calls_say() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if !is_there().await {
            return;
        }
        let (ours, mut peer) = tcp();
        assert_eq!(op::siocinq(&ours).await.unwrap(), 0);
        peer.write_all(b"salt and pepper").unwrap();
        while op::siocinq(&ours).await.unwrap() < 15 {}
        let mut unread = 0;
        // SAFETY: writes one number.
        assert_eq!(unsafe { libc::ioctl(ours.as_raw_fd(), libc::FIONREAD, &mut unread) }, 0);
        assert_eq!(unread, 15);
        assert_eq!(op::siocinq(&DirectFd::register(&ours).await.unwrap()).await.unwrap(), 15);
        assert_eq!(op::siocoutq(&ours).await.unwrap(), 0);
        // A peer that does not read confirms no more than it has room for.
        network::narrow(&peer);
        let mut sent = 0;
        while let Ok((count, _)) = op::send(&ours, vec![1; 1 << 16], libc::MSG_DONTWAIT).await {
            sent += count;
        }
        let unconfirmed = op::siocoutq(&ours).await.unwrap();
        assert!(0 < unconfirmed && unconfirmed <= sent, "{unconfirmed} of {sent}");
    });
}

#[test]
fn errors_are_those_of_the_system_calls() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if !is_there().await {
            return;
        }
        let fd = udp();
        let unknown = op::setsockopt(&fd, libc::SOL_SOCKET, 9999, 1i32).await.unwrap_err();
        assert_eq!(unknown.raw_os_error(), Some(libc::ENOPROTOOPT));
        let unknown = op::getsockopt::<i32>(&fd, libc::SOL_SOCKET, 9999).await.unwrap_err();
        assert_eq!(unknown.raw_os_error(), Some(libc::ENOPROTOOPT));
        let short = op::setsockopt(&fd, libc::SOL_SOCKET, libc::SO_LINGER, 1u8).await.unwrap_err();
        assert_eq!(short.raw_os_error(), Some(libc::EINVAL));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = SharedFd::from(OwnedFd::from(listener));
        let listens = op::siocinq(&listener).await.unwrap_err();
        assert_eq!(listens.raw_os_error(), Some(libc::EINVAL));
    });
}

#[test]
fn what_the_kernel_does_not_do_through_a_ring_is_unsupported_and_says_where_to_go() {
    let _limit = limit();
    let pipe = SharedFd::from(OwnedFd::from(std::io::pipe().unwrap().0));
    Pool::new(1).block_on(async {
        let errors = [
            op::getsockopt::<i32>(&udp(), libc::IPPROTO_IP, libc::IP_TTL).await.unwrap_err(),
            op::setsockopt(&pipe, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1i32).await.unwrap_err(),
            op::siocinq(&pipe).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("system call"), "{error}");
        }
    });
}

/// Kernels before 6.18 or so refuse all commands on them.
#[test]
fn a_unix_socket_has_options_or_is_refused() {
    let _limit = limit();
    let (unix, _other) = UnixStream::pair().unwrap();
    let unix = SharedFd::from(OwnedFd::from(unix));
    Pool::new(1).block_on(async {
        let (level, name) = (libc::SOL_SOCKET, libc::SO_PASSCRED);
        match op::setsockopt(&unix, level, name, 1i32).await {
            Ok(()) => {
                assert_eq!(by_libc::<i32>(&unix, level, name), 1);
                assert_eq!(op::getsockopt::<i32>(&unix, level, name).await.unwrap(), 1);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
        }
        let error = op::siocoutq(&unix).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    });
}

/// Attaches a filter of eight instructions.
fn attach_filter(fd: &impl AsRawFd) {
    let filter = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: 1 }; 8];
    let program = libc::sock_fprog { len: 8, filter: filter.as_ptr().cast_mut() };
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    let len = size_of_val(&program) as libc::socklen_t;
    // SAFETY: the program and its filter are there for the call.
    let set =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const program).cast(), len) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn an_option_that_reaches_beyond_its_value_is_refused() {
    let _limit = limit();
    let socket = udp();
    attach_filter(&socket);
    Pool::new(1).block_on(async {
        let level = libc::SOL_SOCKET;
        // The kernel takes the length for a number of instructions, and would write all eight.
        let got = op::getsockopt::<[u8; 8]>(&socket, level, libc::SO_GET_FILTER).await;
        assert_eq!(got.unwrap_err().kind(), ErrorKind::InvalidInput);
        // These have pointers in their values, which the kernel follows.
        for name in [libc::SO_ATTACH_FILTER, libc::SO_ATTACH_REUSEPORT_CBPF] {
            let set = op::setsockopt(&socket, level, name, [0u8; 16]).await;
            assert_eq!(set.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        for level in [libc::IPPROTO_IP, libc::IPPROTO_IPV6, libc::SOL_XDP, libc::SOL_RDS] {
            let set = op::setsockopt(&socket, level, 64, [0u8; 96]).await;
            assert_eq!(set.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    });
}
