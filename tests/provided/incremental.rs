//! Pools whose buffers are filled piece by piece.

use std::io::{ErrorKind, Read, Write};

use futures::StreamExt;
use ringpool::Pool;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::op;

use crate::common::{lacks, limit};
use crate::support::{COUNTS, datagram_pair, kind_of, pattern, shared, stream_pair, write_all};

const SIZE: usize = 256;

fn incremental(count: usize) -> Option<BufferPool> {
    let made = BufferPool::builder(count, SIZE).incremental(true).build();
    (!lacks(&made)).then(|| made.unwrap())
}

/// Fills every byte of every buffer, and finds none missing.
async fn expect_whole(buffers: &BufferPool) {
    assert_eq!(buffers.available(), Some(buffers.count()));
    let sent = pattern(buffers.count() * SIZE);
    // What the first buffer has left is not known.
    let (ours, mut peer) = stream_pair();
    peer.write_all(&sent).unwrap();
    let (mut leases, mut received) = (Vec::new(), Vec::new());
    loop {
        match op::recv_pooled(&ours, buffers, 0).await {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
        let total: usize = leases.iter().map(|lease| lease.len()).sum();
        if total == sent.len() {
            break;
        }
    }
    leases.iter().for_each(|lease| received.extend_from_slice(lease));
    assert!(received == sent[..received.len()]);
    assert!(received.len() > (buffers.count() - 1) * SIZE, "no whole buffer is missing");
    leases.sort_unstable_by_key(|lease| lease.as_ptr() as usize);
    for pair in leases.windows(2) {
        let end = pair[0].as_ptr() as usize + pair[0].len();
        assert!(end <= pair[1].as_ptr() as usize, "no byte is in two pieces");
    }
    drop(leases);
    assert_eq!(buffers.available(), Some(buffers.count()));
}

#[test]
fn small_pieces_share_a_buffer_that_comes_back_with_the_last_of_them() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let Some(buffers) = incremental(2) else { return };
        let (ours, mut peer) = stream_pair();
        let mut pieces: Vec<PooledBuffer> = Vec::new();
        for number in 0..8_u8 {
            peer.write_all(&[number; 32]).unwrap();
            pieces.push(op::recv_pooled(&ours, &buffers, 0).await.unwrap());
        }
        assert!((0..8).all(|number| pieces[usize::from(number)][..] == [number; 32]));
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].as_ptr().wrapping_add(32), pair[1].as_ptr(), "side by side");
        }
        assert_eq!(buffers.available(), Some(1), "the kernel has come to its end");
        let last = pieces.remove(3);
        drop(pieces);
        assert_eq!(buffers.available(), Some(1));
        assert_eq!(last[..], [3; 32]);
        std::thread::spawn(move || drop(last)).join().unwrap();
        assert_eq!(buffers.available(), Some(2));
        expect_whole(&buffers).await;
    });
}

#[test]
fn streams_and_bundles_give_every_byte() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let Some(buffers) = incremental(count) else { return };
            let sent = pattern(20_000);
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut stream = op::recv_multishot(&ours, &buffers, 0);
            let mut received = Vec::new();
            while let Some(piece) = stream.next().await {
                received.extend_from_slice(&piece.unwrap());
            }
            assert!(received == sent, "count {count}, pieces");
            expect_whole(&buffers).await;

            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut stream = op::recv_bundle_multishot(&ours, &buffers, 0);
            let mut received = Vec::new();
            while let Some(bundle) = stream.next().await {
                bundle.unwrap().iter().for_each(|part| received.extend_from_slice(part));
            }
            assert!(received == sent, "count {count}, bundles");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn streams_of_small_pieces_that_share_buffers_are_not_mixed_up() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in [2, 8] {
        pool.block_on(async {
            let Some(buffers) = incremental(count) else { return };
            let mut tasks = Vec::new();
            for number in 0..10_u8 {
                let (ours, mut peer) = stream_pair();
                let sent: Vec<u8> = pattern(2_000).iter().map(|byte| byte ^ number).collect();
                let chunks = sent.clone();
                std::thread::spawn(move || {
                    chunks.chunks(17).for_each(|chunk| peer.write_all(chunk).unwrap());
                });
                let buffers = buffers.clone();
                tasks.push(ringpool::spawn_local(async move {
                    let mut received = Vec::new();
                    if number % 2 == 0 {
                        let mut stream = op::recv_multishot(&ours, &buffers, 0);
                        while let Some(piece) = stream.next().await {
                            received.extend_from_slice(&piece.unwrap());
                        }
                    } else {
                        loop {
                            let piece = op::recv_pooled(&ours, &buffers, 0).or_wait().await;
                            match &piece.unwrap()[..] {
                                [] => break,
                                piece => received.extend_from_slice(piece),
                            }
                        }
                    }
                    assert!(received == sent, "stream {number}");
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn a_pipe_is_read_in_pieces() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let Some(buffers) = incremental(3) else { return };
        let sent = pattern(5_000);
        let (reader, mut writer) = std::io::pipe().unwrap();
        let chunks = sent.clone();
        std::thread::spawn(move || {
            chunks.chunks(13).for_each(|chunk| writer.write_all(chunk).unwrap());
        });
        let mut stream = op::read_multishot(&shared(reader), &buffers);
        let mut received = Vec::new();
        while let Some(piece) = stream.next().await {
            received.extend_from_slice(&piece.unwrap());
        }
        assert!(received == sent);
        expect_whole(&buffers).await;
    });
}

#[test]
fn what_needs_whole_buffers_is_refused() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let Some(buffers) = incremental(2) else { return };
        let ((stream, mut peer), (messages, _other)) = (stream_pair(), datagram_pair());
        let refused = ErrorKind::InvalidInput;
        assert_eq!(kind_of(op::read_pooled(&stream, &buffers).await), refused);
        let forced = op::recv_pooled(&stream, &buffers, 0).force_async();
        assert_eq!(kind_of(forced.await), refused);
        assert_eq!(kind_of(op::recv_pooled(&messages, &buffers, 0).await), refused);
        let mut received = op::recvmsg_multishot(&messages, &buffers, 0, 0);
        assert_eq!(kind_of(received.next().await.unwrap()), refused);
        let mut received = op::recv_multishot(&messages, &buffers, 0);
        assert_eq!(kind_of(received.next().await.unwrap()), refused);
        peer.write_all(b"salt").unwrap();
        let piece = op::recv_pooled(&stream, &buffers, 0).await.unwrap();
        op::send(&stream, piece, 0).await.unwrap();
        let mut back = [0; 4];
        peer.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"salt");
    });
}
