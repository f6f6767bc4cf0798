//! Operations that complete once.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};

use ringpool::Pool;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::op;

use crate::common::{lacks, limit};
use crate::support::{
    COUNTS, expect_whole, kind_of, pattern, scratch_file, shared, stream_pair, take_all, write_all,
};

#[test]
fn what_is_received_piece_by_piece_is_what_was_sent() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        let sent = pattern(10_000);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 100).unwrap();
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut received = Vec::new();
            loop {
                let piece = op::recv_pooled(&ours, &buffers, 0).await.unwrap();
                if piece.is_empty() {
                    break;
                }
                assert!(piece.len() <= 100);
                received.extend_from_slice(&piece);
            }
            assert_eq!(received, sent);
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn reads_of_pipes_and_files_give_what_is_in_them() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 512).unwrap();
            let (reader, mut writer) = std::io::pipe().unwrap();
            let reader = shared(reader);
            writer.write_all(b"salt").unwrap();
            assert_eq!(&op::read_pooled(&reader, &buffers).await.unwrap()[..], b"salt");
            drop(writer);
            assert!(op::read_pooled(&reader, &buffers).await.unwrap().is_empty());

            let expected = pattern(3000);
            let mut file = scratch_file();
            file.write_all(&expected).unwrap();
            file.rewind().unwrap();
            let (file, mut read) = (shared(file), Vec::new());
            loop {
                let piece = op::read_pooled(&file, &buffers).await.unwrap();
                if piece.is_empty() {
                    break;
                }
                read.extend_from_slice(&piece);
            }
            assert_eq!(read, expected);
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn an_operation_that_fails_costs_no_buffer() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 64).unwrap();
        let folder = shared(File::open("/").unwrap());
        for _ in 0..10 {
            let error = op::read_pooled(&folder, &buffers).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EISDIR));
            let forced = op::read_pooled(&folder, &buffers).force_async();
            assert_eq!(forced.await.unwrap_err().raw_os_error(), Some(libc::EISDIR));
            let error = op::recv_pooled(&folder, &buffers, 0).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        }
        expect_whole(&buffers).await;
    });
}

#[test]
fn an_operation_on_a_thread_of_the_kernel_gives_its_buffer_back_too() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 64).unwrap();
        let (ours, mut peer) = stream_pair();
        for _ in 0..10 {
            peer.write_all(b"salt").unwrap();
            let piece = op::recv_pooled(&ours, &buffers, 0).force_async().await.unwrap();
            assert_eq!(&piece[..], b"salt");
        }
        drop(peer);
        let end = op::recv_pooled(&ours, &buffers, 0).force_async().await.unwrap();
        assert!(end.is_empty());
        expect_whole(&buffers).await;
    });
}

#[test]
fn a_bundle_holds_the_bytes_in_their_order() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        let sent = pattern(5_000);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 100).unwrap();
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut received = Vec::new();
            let mut kept: Option<PooledBuffer> = None;
            loop {
                let bundle = op::recv_bundle(&ours, &buffers, 0).or_wait().await;
                if lacks(&bundle) {
                    return;
                }
                let mut bundle = bundle.unwrap();
                if bundle.is_empty() {
                    break;
                }
                for (at, part) in bundle.iter().enumerate() {
                    assert!(part.len() == 100 || at + 1 == bundle.len(), "only the last is short");
                    received.extend_from_slice(part);
                }
                // So that buffers come back in another order than they went.
                if count > 1 {
                    kept = bundle.pop();
                }
            }
            drop(kept);
            assert_eq!(received, sent);
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn a_lease_is_sent_as_it_is() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 16).unwrap();
        let (ours, mut peer) = stream_pair();
        let mut back = [0; 4];
        for _ in 0..20 {
            peer.write_all(b"salt").unwrap();
            let mut piece = op::recv_pooled(&ours, &buffers, 0).await.unwrap();
            piece.make_ascii_uppercase();
            piece.advance(1);
            piece.truncate(2);
            let (count, piece) = op::send(&ours, piece, 0).await.unwrap();
            assert_eq!((count, &piece[..]), (2, &b"AL"[..]));
            peer.read_exact(&mut back[..2]).unwrap();
            assert_eq!(&back[..2], b"AL");
        }
        expect_whole(&buffers).await;
    });
}

#[test]
fn a_pool_is_refused_where_it_does_not_belong() {
    let _limit = limit();
    assert_eq!(kind_of(BufferPool::new(1, 1)), ErrorKind::Unsupported, "no ring here");
    let pool = Pool::new(2);
    let second = pool.runtime(1);
    pool.block_on(async {
        for (count, size) in [(0, 1), (1, 0), (32_769, 1), (usize::MAX, 2), (1, usize::MAX)] {
            assert_eq!(kind_of(BufferPool::new(count, size)), ErrorKind::InvalidInput);
        }
        let buffers = BufferPool::new(1, 1).unwrap();
        let there = buffers.runtime();
        let elsewhere = if there == second { pool.runtime(0) } else { second };
        let (ours, _peer) = stream_pair();
        let theirs = buffers.clone();
        let tried = ringpool::spawn_on(&elsewhere, async move {
            assert_eq!(theirs.available(), None);
            op::recv_pooled(&ours, &theirs, 0).or_wait().await
        });
        assert_eq!(kind_of(tried.await.unwrap()), ErrorKind::InvalidInput);
        expect_whole(&buffers).await;
    });
}

#[test]
fn the_largest_pool_has_all_its_buffers() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(32_768, 1).unwrap();
        assert_eq!(buffers.available(), Some(32_768));
        let (ours, peer) = stream_pair();
        let sent = pattern(40_000);
        write_all(peer, sent.clone());
        let mut leases = Vec::new();
        while leases.len() < 32_768 {
            leases.push(op::recv_pooled(&ours, &buffers, 0).await.unwrap());
        }
        assert!(leases.iter().zip(&sent).all(|(lease, byte)| lease[..] == [*byte]));
        assert_eq!(kind_of(op::recv_pooled(&ours, &buffers, 0).await), ErrorKind::WouldBlock);
        drop(leases);
        assert_eq!(buffers.available(), Some(32_768));
    });
}

#[test]
fn a_buffer_that_a_failure_names_is_not_given_to_two() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = BufferPool::new(2, 64).unwrap();
        for _ in 0..10 {
            let broken = reset_connection();
            let (ours, mut peer) = stream_pair();
            peer.write_all(b"salt").unwrap();
            let failing = op::read_pooled(&broken, &buffers);
            let good = op::read_pooled(&ours, &buffers);
            let (failed, piece) = futures::join!(failing, good);
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::ConnectionReset);
            let piece = piece.unwrap();
            assert_eq!(&piece[..], b"salt");
            let others = take_all(&buffers).await;
            assert_eq!(&piece[..], b"salt", "nobody else writes to it");
            assert_eq!(others.len(), 1);
        }
        expect_whole(&buffers).await;
    });
}

/// A connection that its peer has reset.
fn reset_connection() -> ringpool::op::SharedFd {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    (&ours).write_all(b"not read").unwrap();
    while peer.peek(&mut [0]).unwrap() == 0 {}
    drop(peer);
    shared(ours)
}
