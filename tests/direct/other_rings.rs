//! A direct descriptor on a ring that it does not belong to: every operation refuses it, and says
//! why.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::fd::OwnedFd;

use ringpool::op::{self, DirectFd, SharedFd};
use ringpool::{Pool, switch_to};

use crate::common::*;
use crate::support::*;

fn refused<T: Debug, E: Debug + Into<io::Error>>(what: &str, result: Result<T, E>) {
    let error: io::Error = match result {
        Ok(done) => panic!("{what} was done on another ring: {done:?}"),
        Err(error) => error.into(),
    };
    // An operation that the kernel lacks may say that first.
    if error.kind() == ErrorKind::Unsupported {
        return skip(&error.to_string());
    }
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{what}: {error}");
    let text = error.to_string();
    assert!(text.contains("belongs to ring 0") && text.contains("send_to"), "{what}: {text}");
}

#[test]
fn every_operation_refuses_one_of_another_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let address = "127.0.0.1:1".parse().unwrap();
        let direct = fill_one().await.unwrap();
        switch_to(&pool.runtime(1)).await.unwrap();
        let fd = &direct;
        let room = || Vec::<u8>::with_capacity(8);
        refused("read", op::read(fd, room()).await);
        refused("read_at", op::read_at(fd, room(), 0).await);
        refused("readv", op::readv(fd, vec![room()]).await);
        refused("readv_at", op::readv_at(fd, vec![room()], 0).await);
        refused("write", op::write(fd, "x").await);
        refused("write_at", op::write_at(fd, "x", 0).await);
        refused("writev", op::writev(fd, vec!["x"]).await);
        refused("writev_at", op::writev_at(fd, vec!["x"], 0).await);
        refused("fsync", op::fsync(fd).await);
        refused("fdatasync", op::fdatasync(fd).await);
        refused("ftruncate", op::ftruncate(fd, 0).await);
        refused("poll_add", op::poll_add(fd, libc::POLLIN).await);
        refused("accept", op::accept(fd).await);
        refused("accept_direct", op::accept_direct(fd).await);
        refused("bind", op::bind(fd, address).await);
        refused("connect", op::connect(fd, address).await);
        refused("listen", op::listen(fd, 1).await);
        refused("shutdown", op::shutdown(fd, Shutdown::Both).await);
        refused("recv", op::recv(fd, room(), 0).await);
        refused("send", op::send(fd, "x", 0).await);
        refused("send_zc", op::send_zc(fd, "x", 0).await);
        refused("sendto_zc", op::sendto_zc(fd, "x", address, 0).await);
        refused("sendmsg_zc", op::sendmsg_zc(fd, vec!["x"], None, 0).await);
        refused("send_zc or_copy", op::send_zc(fd, "x", 0).or_copy().await);
        refused("setsockopt", op::setsockopt(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1).await);
        let option = op::getsockopt::<i32>(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        refused("getsockopt", option.await);
        refused("siocinq", op::siocinq(fd).await);
        refused("siocoutq", op::siocoutq(fd).await);
        refused("install", direct.install().await);
        refused("close", op::close(direct).await);
    });
}

#[test]
fn the_buffer_comes_back_from_an_operation_that_is_refused() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let direct = fill_one().await.unwrap();
        switch_to(&pool.runtime(1)).await.unwrap();
        let error = op::write(&direct, vec![1, 2, 3]).await.unwrap_err();
        assert_eq!(error.buffer, [1, 2, 3]);
        let error = op::send_zc(&direct, vec![1, 2, 3], 0).await.unwrap_err();
        assert_eq!(error.buffer, [1, 2, 3]);
    });
}

#[test]
fn the_file_that_has_the_same_place_there_is_not_touched() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, ours) = watched().await;
        let (their_reader, theirs) = ringpool::run_on(&there, watched()).await.unwrap();
        assert_eq!(ours.slot(), theirs.slot());
        assert_ne!(ours.runtime(), theirs.runtime());
        switch_to(&there).await.unwrap();
        assert!(op::write(&ours, "wrong").await.is_err());
        op::write(&theirs, "right").await.unwrap();
        drop(theirs);
        assert_eq!(rest_of(their_reader).await, b"right");
        drop(ours);
        assert!(rest_of(reader).await.is_empty());
    });
}

#[test]
fn an_operation_that_has_begun_at_home_ends_elsewhere() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = SharedFd::from(OwnedFd::from(reader));
        let direct = DirectFd::register(&reader).await.unwrap();
        let mut read = op::read(&direct, Vec::with_capacity(8));
        assert!(poll_once(&mut read, &own_waker().await).is_pending());
        switch_to(&pool.runtime(1)).await.unwrap();
        io::Write::write_all(&mut writer, b"salt").unwrap();
        assert_eq!(read.await.unwrap().1, b"salt");
    });
}
