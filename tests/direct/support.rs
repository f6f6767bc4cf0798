//! What the tests of direct descriptors share.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::fmt::Debug;
use std::io::{self, ErrorKind, PipeReader, Read};
use std::os::fd::OwnedFd;

use ringpool::Pool;
use ringpool::op::{self, DirectFd, SharedFd};

use crate::common::kernel_version;

/// A pool whose rings have tables of so many places.
pub(crate) fn pool_with_places(threads: usize, places: u32) -> Pool {
    Pool::builder().threads(threads).direct_descriptors(places).build().expect("a pool")
}

/// How often to repeat what waits until a file that was in a table is closed: Linux before 6.4
/// takes up to a second for each.
pub(crate) fn rounds_of_closes(count: usize) -> usize {
    if kernel_version() < (6, 4) { count.min(5) } else { count }
}

/// Takes one place of the current ring's table.
pub(crate) async fn fill_one() -> io::Result<DirectFd> {
    op::openat2_direct(None, "/dev/null", libc::O_RDWR, 0).await
}

/// Takes so many places of the current ring's table.
pub(crate) async fn fill(count: usize) -> Vec<DirectFd> {
    let mut files = Vec::new();
    for number in 0..count {
        match fill_one().await {
            Ok(file) => files.push(file),
            Err(error) => panic!("place {number} of {count}: {error}"),
        }
    }
    files
}

/// Takes so many places as soon as they are free: others are about to leave them.
pub(crate) async fn fill_in_time(count: usize) -> Vec<DirectFd> {
    let mut files = Vec::new();
    while files.len() < count {
        match fill_one().await {
            Ok(file) => files.push(file),
            Err(error) => assert_eq!(error.kind(), ErrorKind::QuotaExceeded, "{error}"),
        }
        ringpool::yield_now().await;
    }
    files
}

/// The operation found no place, and says what to do.
pub(crate) fn refused_as_full<T: Debug>(result: io::Result<T>) {
    let error = result.expect_err("the table is full");
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded, "{error}");
    let text = error.to_string();
    assert!(text.contains("ENFILE") && text.contains("Builder::direct_descriptors"), "{text}");
}

/// A pipe of which the end to write is a direct descriptor of the current ring and nothing else.
pub(crate) async fn watched() -> (PipeReader, DirectFd) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let writer = SharedFd::from(OwnedFd::from(writer));
    let direct = DirectFd::register(&writer).await.expect("a place");
    (reader, direct)
}

/// What comes out of the pipe until no end to write is open; for tasks, whose ring goes on.
pub(crate) async fn rest_of(reader: PipeReader) -> Vec<u8> {
    let reader = SharedFd::from(OwnedFd::from(reader));
    let mut rest = Vec::new();
    loop {
        let (count, buffer) = op::read(&reader, Vec::with_capacity(64)).await.expect("a read");
        if count == 0 {
            return rest;
        }
        rest.extend(buffer);
    }
}

/// Waits until no end to write of the pipe is open; for plain threads.
pub(crate) fn is_closed(mut reader: PipeReader) {
    assert_eq!(reader.read(&mut [0; 1]).expect("a pipe can be read"), 0);
}
