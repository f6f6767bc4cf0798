//! Streams that are armed again and again.

use std::io::Write;

use futures::StreamExt;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::op;
use ringpool::{Pool, yield_now};

use crate::common::{lacks, limit};
use crate::support::{COUNTS, expect_whole, pattern, shared, stream_pair, write_all};

/// Bytes enough for every pool to run dry many times.
const LEN: usize = 60_000;

#[test]
fn a_stream_of_pieces_gives_every_byte_and_ends() {
    let _limit = limit();
    let pool = Pool::new(1);
    for (count, waiting_max) in COUNTS.into_iter().flat_map(|count| [(count, 1), (count, 64)]) {
        let sent = pattern(LEN);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 128).unwrap();
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut pieces = op::recv_multishot(&ours, &buffers, 0).waiting_max(waiting_max);
            let mut received = Vec::new();
            while let Some(piece) = pieces.next().await {
                received.extend_from_slice(&piece.unwrap());
            }
            assert!(received == sent, "count {count}");
            assert!(pieces.next().await.is_none(), "it has ended for good");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn a_stream_goes_on_when_kept_pieces_are_dropped_late_and_elsewhere() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        let sent = pattern(LEN / 4);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 128).unwrap();
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut pieces = op::recv_multishot(&ours, &buffers, 0);
            let (send, receive) = std::sync::mpsc::channel::<PooledBuffer>();
            let dropper = std::thread::spawn(move || {
                receive.into_iter().flat_map(|piece| piece.to_vec()).collect::<Vec<u8>>()
            });
            while let Some(piece) = pieces.next().await {
                send.send(piece.unwrap()).unwrap();
            }
            drop(send);
            assert!(dropper.join().unwrap() == sent, "count {count}");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn a_stream_of_bundles_gives_every_byte_and_ends() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        let sent = pattern(LEN);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 128).unwrap();
            let (ours, peer) = stream_pair();
            write_all(peer, sent.clone());
            let mut bundles = op::recv_bundle_multishot(&ours, &buffers, 0);
            let (mut received, mut kept) = (Vec::new(), Vec::new());
            while let Some(bundle) = bundles.next().await {
                if lacks(&bundle) {
                    return;
                }
                let mut bundle = bundle.unwrap();
                bundle.iter().for_each(|part| received.extend_from_slice(part));
                // So that buffers come back in another order than they went.
                kept.clear();
                if bundle.len() > 1 {
                    kept.push(bundle.swap_remove(0));
                }
            }
            drop(kept);
            assert!(received == sent, "count {count}");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn a_pipe_is_read_again_and_again_until_its_end() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        let sent = pattern(LEN);
        pool.block_on(async {
            let buffers = BufferPool::new(count, 128).unwrap();
            let (reader, writer) = std::io::pipe().unwrap();
            write_all(writer, sent.clone());
            let mut pieces = op::read_multishot(&shared(reader), &buffers);
            let mut received = Vec::new();
            while let Some(piece) = pieces.next().await {
                if lacks(&piece) {
                    return;
                }
                received.extend_from_slice(&piece.unwrap());
            }
            assert!(received == sent, "count {count}");
            expect_whole(&buffers).await;
        });
    }
}

#[test]
fn many_streams_share_a_small_pool() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in COUNTS {
        pool.block_on(async {
            let buffers = BufferPool::new(count, 64).unwrap();
            let mut tasks = Vec::new();
            for number in 0..20 {
                let (ours, peer) = stream_pair();
                let sent: Vec<u8> = pattern(3_000).iter().map(|byte| byte ^ number).collect();
                write_all(peer, sent.clone());
                let buffers = buffers.clone();
                tasks.push(ringpool::spawn_local(async move {
                    let mut pieces = op::recv_multishot(&ours, &buffers, 0);
                    let mut received = Vec::new();
                    while let Some(piece) = pieces.next().await {
                        let piece = piece.unwrap();
                        yield_now().await;
                        received.extend_from_slice(&piece);
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
fn a_queue_of_completions_that_overflows_loses_no_byte() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).build().unwrap();
    pool.block_on(async {
        let buffers = BufferPool::new(8_192, 1).unwrap();
        let (ours, mut peer) = stream_pair();
        let sent = pattern(30_000);
        let mut pieces = op::recv_multishot(&ours, &buffers, 0).waiting_max(100_000);
        assert!(crate::support::try_next(&mut pieces).is_pending());
        crate::support::turns().await;
        // While nobody reaps.
        peer.write_all(&sent).unwrap();
        drop(peer);
        let mut received = Vec::new();
        while let Some(piece) = pieces.next().await {
            received.extend_from_slice(&piece.unwrap());
        }
        assert!(received == sent);
        expect_whole_in_stream(&buffers).await;
    });
}

/// As `expect_whole`, for more buffers than a socket holds messages.
async fn expect_whole_in_stream(buffers: &BufferPool) {
    assert_eq!(buffers.available(), Some(buffers.count()));
    let (ours, peer) = stream_pair();
    write_all(peer, pattern(buffers.count()));
    let mut leases = Vec::new();
    while leases.len() < buffers.count() {
        leases.push(op::recv_pooled(&ours, buffers, 0).await.unwrap());
    }
    let received: Vec<u8> = leases.iter().map(|lease| lease[0]).collect();
    assert!(received == pattern(buffers.count()));
}
