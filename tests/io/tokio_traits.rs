//! Code written for `tokio::io` runs over our streams. Nothing of tokio's runtime is there.

use std::io::{ErrorKind, Read, SeekFrom, Write};
use std::pin::pin;

use futures::{SinkExt, StreamExt};
use hyper::body::Bytes;
use ringpool::fs::File;
use ringpool::io::{BufReader, BufStream, BufWriter};
use ringpool::{Pool, spawn, spawn_on};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
};
use tokio_util::codec::{Framed, LengthDelimitedCodec, LinesCodec};

use crate::common::*;
use crate::network::*;
use crate::support::*;

/// What libraries ask of a connection.
fn is_a_connection<T: AsyncRead + AsyncWrite + AsyncBufRead + Send + Unpin + 'static>(_: &T) {}

#[test]
fn a_buffered_stream_is_what_libraries_ask_for() {
    let _limit = limit();
    let (stream, _peer) = connection();
    is_a_connection(&BufStream::new(stream));
}

#[test]
fn bytes_and_numbers_go_there_and_back() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, theirs) = pair();
    let echoing = spawn_on(&pool.runtime(1), async move {
        let (mut reader, mut writer) = tokio::io::split(BufStream::new(theirs));
        let copied = tokio::io::copy(&mut reader, &mut writer).await?;
        AsyncWriteExt::shutdown(&mut writer).await?;
        Ok::<_, std::io::Error>(copied)
    });
    let message = Random::new().bytes(300_000);
    let received = pool.block_on(async {
        let (mut reader, mut writer) = tokio::io::split(BufStream::new(ours));
        let sent = message.clone();
        let sending = spawn(async move {
            writer.write_u32(sent.len() as u32).await?;
            AsyncWriteExt::write_all(&mut writer, &sent).await?;
            AsyncWriteExt::shutdown(&mut writer).await
        });
        let len = reader.read_u32().await.unwrap();
        let mut received = vec![0; len as usize];
        AsyncReadExt::read_exact(&mut reader, &mut received).await.unwrap();
        assert_eq!(AsyncReadExt::read(&mut reader, &mut [0; 8]).await.unwrap(), 0);
        sending.await.unwrap().unwrap();
        received
    });
    assert!(received == message);
    assert_eq!(echoing.wait().unwrap().unwrap(), 300_004);
}

#[test]
fn halves_of_a_split_stream_work_on_two_rings_at_once() {
    let _limit = limit();
    let mut random = Random::new();
    let message = random.bytes(1_000_000);
    let pool = Pool::new(2);
    let (stream, peer) = connection();
    let echo = std::thread::spawn(move || {
        std::io::copy(&mut &peer, &mut &peer).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let (mut reader, mut writer) = tokio::io::split(BufStream::new(stream));
    let (sent, mut pace) = (message.clone(), random.fork());
    let sending = spawn_on(&pool.runtime(0), async move {
        let mut left = &sent[..];
        while !left.is_empty() {
            let (piece, rest) = left.split_at((1 + pace.below(30_000)).min(left.len()));
            writer.write_all(piece).await.unwrap();
            if pace.below(3) == 0 {
                writer.flush().await.unwrap();
            }
            left = rest;
        }
        writer.shutdown().await.unwrap();
    });
    let receiving = spawn_on(&pool.runtime(1), async move {
        let mut received = Vec::new();
        let mut piece = vec![0; 10_000];
        loop {
            let len = 1 + random.below(piece.len());
            match reader.read(&mut piece[..len]).await.unwrap() {
                0 => return received,
                count => received.extend_from_slice(&piece[..count]),
            }
        }
    });
    sending.wait().unwrap();
    echo.join().unwrap();
    assert!(receiving.wait().unwrap() == message);
}

#[test]
fn lines_are_read_by_the_foreign_trait() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    peer.write_all(b"one\r\ntwo\nthree").unwrap();
    drop(peer);
    let lines = pool.block_on(async {
        let mut lines = AsyncBufReadExt::lines(BufStream::new(stream));
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(line);
        }
        all
    });
    assert_eq!(lines, ["one", "two", "three"]);
}

#[test]
fn frames_arrive_whole() {
    let _limit = limit();
    let mut random = Random::new();
    let frames: Vec<_> = (0..200)
        .map(|_| {
            let len = random.below(5000);
            random.bytes(len)
        })
        .collect();
    let pool = Pool::new(2);
    let (ours, theirs) = pair();
    let sent = frames.clone();
    let sending = spawn_on(&pool.runtime(1), async move {
        let mut framed = Framed::new(BufStream::new(theirs), LengthDelimitedCodec::new());
        for frame in sent {
            framed.send(Bytes::from(frame)).await?;
        }
        SinkExt::<Bytes>::close(&mut framed).await
    });
    let received: Vec<_> = pool.block_on(async {
        let framed = Framed::new(BufStream::new(ours), LengthDelimitedCodec::new());
        framed.map(|frame| frame.unwrap().to_vec()).collect().await
    });
    sending.wait().unwrap().unwrap();
    assert!(received == frames);
}

#[test]
fn a_codec_of_lines_talks_to_a_plain_peer() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        let mut framed = Framed::new(BufStream::new(stream), LinesCodec::new());
        framed.send("question").await.unwrap();
        let mut question = [0; 9];
        peer.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question\n");
        peer.write_all(b"answer\n").unwrap();
        assert_eq!(framed.next().await.unwrap().unwrap(), "answer");
    });
}

#[test]
fn files_are_read_and_written_at_any_place() {
    let _limit = limit();
    let pool = Pool::new(1);
    let file = Scratch::with(b"0123456789");
    pool.block_on(async {
        let mut reader = BufReader::new(File::open(&file).await.unwrap());
        assert_eq!(AsyncReadExt::read_u8(&mut reader).await.unwrap(), b'0');
        assert_eq!(AsyncSeekExt::stream_position(&mut reader).await.unwrap(), 1);
        AsyncSeekExt::seek(&mut reader, SeekFrom::Current(2)).await.unwrap();
        assert_eq!(AsyncReadExt::read_u8(&mut reader).await.unwrap(), b'3');
        AsyncSeekExt::rewind(&mut reader).await.unwrap();
        assert_eq!(AsyncReadExt::read_u8(&mut reader).await.unwrap(), b'0');

        let opened = File::options().write(true).open(&file).await.unwrap();
        let mut writer = BufWriter::new(opened);
        AsyncWriteExt::write_all(&mut writer, b"ab").await.unwrap();
        AsyncSeekExt::seek(&mut writer, SeekFrom::Current(1)).await.unwrap();
        let pieces = [b"c", b"d"].map(|piece| std::io::IoSlice::new(piece));
        assert_eq!(AsyncWriteExt::write_vectored(&mut writer, &pieces).await.unwrap(), 2);
        AsyncWriteExt::flush(&mut writer).await.unwrap();
    });
    assert_eq!(file.contents(), b"ab2cd56789");
}

#[test]
fn a_poll_outside_the_pool_is_an_error_that_says_so() {
    let _limit = limit();
    let (stream, _peer) = connection();
    let mut stream = BufStream::new(stream);
    let reading = pin!(AsyncReadExt::read_u8(&mut stream));
    let error = futures::executor::block_on(reading).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("task of a pool"), "{error}");
}
