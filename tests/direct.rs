//! Direct descriptors: files in the table of one ring.

mod common;
#[path = "direct/ends.rs"]
mod ends;
#[path = "direct/other_rings.rs"]
mod other_rings;
#[path = "direct/sent.rs"]
mod sent;
#[path = "direct/support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};

use common::*;
use ringpool::Pool;
use ringpool::op::{self, DirectFd, SharedFd};
use support::*;

/// Is there and has bytes on every system.
const SOURCE: &str = "/etc/hosts";

#[test]
fn a_file_opened_into_the_table_has_the_bytes_that_the_file_has() {
    let _limit = limit();
    let expected = std::fs::read(SOURCE).unwrap();
    let read = Pool::new(1).block_on(async {
        let file = op::openat2_direct(None, SOURCE, libc::O_RDONLY | libc::O_CLOEXEC, 0).await?;
        let (_, buffer) = op::read_at(&file, Vec::with_capacity(expected.len() + 1), 0).await?;
        std::io::Result::Ok(buffer)
    });
    assert_eq!(read.unwrap(), std::fs::read(SOURCE).unwrap());
}

#[test]
fn a_file_that_is_not_there_is_the_error_of_open() {
    let _limit = limit();
    let pool = Pool::new(1);
    let missing = op::openat2_direct(None, "/proc/no-such-file", libc::O_RDONLY, 0);
    let error = pool.block_on(missing).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    let error = pool.block_on(op::openat2_direct(None, "a\0b", libc::O_RDONLY, 0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn sockets_of_the_table_make_and_take_connections() {
    let _limit = limit();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    let pool = Pool::new(1);
    pool.block_on(async {
        let ours = op::socket_direct(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let ours = ours.await.unwrap();
        op::connect(&ours, address).await.unwrap();
        let (theirs, peer) = op::accept_direct(&listener).await.unwrap();
        assert_eq!(peer.unwrap().ip(), address.ip());
        assert_eq!(op::send(&ours, "salt", 0).await.unwrap().0, 4);
        op::shutdown(&ours, Shutdown::Write).await.unwrap();
        let (_, buffer) = op::recv(&theirs, Vec::with_capacity(16), 0).await.unwrap();
        assert_eq!(buffer, b"salt");
        assert_eq!(op::recv(&theirs, Vec::with_capacity(16), 0).await.unwrap().0, 0);
    });
}

#[test]
fn a_listener_in_the_table_accepts_into_the_table() {
    let _limit = limit();
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    Pool::new(1).block_on(async {
        let listener = DirectFd::register(&listener).await.unwrap();
        let (connection, peer) = op::accept_direct(&listener).await.unwrap();
        assert_eq!(peer, Some(client.local_addr().unwrap()));
        op::send(&connection, "pepper", 0).await.unwrap();
        op::close(connection).await.unwrap();
    });
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "pepper");
}

#[test]
fn a_pipe_of_the_table_carries_bytes_and_ends() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let made = op::pipe_direct(libc::O_CLOEXEC).await;
        if lacks(&made) {
            return;
        }
        let (reader, writer) = made.unwrap();
        assert_ne!(reader.slot(), writer.slot());
        assert_eq!(op::write(&writer, "salt").await.unwrap().0, 4);
        drop(writer);
        let (_, buffer) = op::read(&reader, Vec::with_capacity(16)).await.unwrap();
        assert_eq!(buffer, b"salt");
        assert_eq!(op::read(&reader, Vec::with_capacity(16)).await.unwrap().0, 0);
    });
}

#[test]
fn a_file_of_the_process_and_its_place_in_the_table_are_one_open_file() {
    let _limit = limit();
    let path = std::env::temp_dir().join(format!("ringpool-direct-{}", std::process::id()));
    let pool = Pool::new(1);
    pool.block_on(async {
        let flags = libc::O_CREAT | libc::O_RDWR | libc::O_TRUNC;
        let file = op::openat2(None, &path, flags, 0o600).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let direct = DirectFd::register(&file).await.unwrap();
        op::write(&direct, "salt ").await.unwrap();
        op::write(&file, "and pepper").await.unwrap();
        drop(file);
        let (_, buffer) = op::read_at(&direct, Vec::with_capacity(32), 0).await.unwrap();
        assert_eq!(buffer, b"salt and pepper");
    });
}

#[test]
fn what_is_installed_is_a_descriptor_of_the_process_that_closes_on_exec() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let direct = op::openat2_direct(None, SOURCE, libc::O_RDONLY, 0).await.unwrap();
        let installed = direct.install().await;
        if lacks(&installed) {
            return;
        }
        let installed = installed.unwrap();
        drop(direct);
        // SAFETY: only asks for the flags of a descriptor that is open.
        let flags = unsafe { libc::fcntl(installed.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
        let mut file = std::fs::File::from(installed.try_into_owned().unwrap());
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, std::fs::read_to_string(SOURCE).unwrap());
    });
}

#[test]
fn a_ring_cannot_be_put_into_a_table() {
    let _limit = limit();
    let ring = io_uring::IoUring::new(2).unwrap();
    // SAFETY: the ring is open, and the copy is a descriptor of its own.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(ring.as_raw_fd()) };
    let fd = SharedFd::from(fd.try_clone_to_owned().unwrap());
    let error = Pool::new(1).block_on(DirectFd::register(&fd)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
}

#[test]
fn a_full_table_is_an_error_that_names_the_option_for_each_way_into_it() {
    let _limit = limit();
    let pool = pool_with_places(1, 3);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    pool.block_on(async {
        let mut files = fill(3).await;
        refused_as_full(op::openat2_direct(None, SOURCE, libc::O_RDONLY, 0).await);
        refused_as_full(op::socket_direct(libc::AF_INET, libc::SOCK_STREAM, 0).await);
        refused_as_full(op::accept_direct(&listener).await);
        refused_as_full(DirectFd::register(&listener).await);
        // One place is not enough for the two ends of a pipe, and is free afterwards.
        files.pop();
        let pipe = op::pipe_direct(0).await;
        if !lacks(&pipe) {
            refused_as_full(pipe);
        }
        drop(files);
        fill(3).await;
    });
    drop(client);
}

#[test]
fn places_are_free_again_however_their_owners_went() {
    let _limit = limit();
    let pool = pool_with_places(1, 8);
    pool.block_on(async {
        for round in 0..50 {
            let mut files = fill(8).await;
            refused_as_full(fill_one().await);
            if round % 2 == 0 {
                files.reverse();
            }
            for file in files {
                if round % 3 == 0 {
                    op::close(file).await.unwrap();
                }
            }
        }
    });
}

#[test]
fn a_table_of_no_places_or_too_many_is_refused_by_the_builder() {
    for places in [0, (1 << 20) + 1] {
        let error = Pool::builder().threads(1).direct_descriptors(places).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("direct_descriptors"), "{error}");
    }
}

#[test]
fn a_cancelled_accept_into_the_table_takes_no_place() {
    let _limit = limit();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = SharedFd::from(OwnedFd::from(listener));
    let pool = pool_with_places(1, 2);
    pool.block_on(async {
        for _ in 0..20 {
            let mut accept = op::accept_direct(&listener);
            assert!(poll_once(&mut accept, &own_waker().await).is_pending());
            let error = accept.cancel().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
        }
        let mut client = TcpStream::connect(address).unwrap();
        let (connection, _) = op::accept_direct(&listener).await.unwrap();
        client.write_all(b"salt").unwrap();
        let (_, buffer) = op::recv(&connection, Vec::with_capacity(8), 0).await.unwrap();
        assert_eq!(buffer, b"salt");
        fill(1).await;
    });
}
