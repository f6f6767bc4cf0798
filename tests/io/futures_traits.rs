//! Code written for `futures_io` runs over our streams.

use std::io::{IoSlice, Read, SeekFrom, Write};

use futures::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
};
use futures::{StreamExt, TryStreamExt};
use ringpool::fs::File;
use ringpool::io::{BufReader, BufStream, BufWriter};
use ringpool::{Pool, spawn_on};

use crate::common::*;
use crate::network::*;
use crate::support::*;

/// What libraries ask of a connection.
fn is_a_connection<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(_: &T) {}

#[test]
fn an_echo_of_random_pieces_is_what_was_sent() {
    let _limit = limit();
    let mut random = Random::new();
    let message = random.bytes(500_000);
    let pool = Pool::new(2);
    let (ours, theirs) = pair();
    let echoing = spawn_on(&pool.runtime(1), async move {
        let (reader, mut writer) = AsyncReadExt::split(BufStream::new(theirs));
        let copied = futures::io::copy(reader, &mut writer).await?;
        AsyncWriteExt::close(&mut writer).await?;
        Ok::<_, std::io::Error>(copied)
    });
    let stream = BufStream::with_capacity(3000, 5000, ours);
    is_a_connection(&stream);
    let (mut reader, mut writer) = AsyncReadExt::split(stream);
    let sent = message.clone();
    let sending = spawn_on(&pool.runtime(0), async move {
        let mut left = &sent[..];
        while !left.is_empty() {
            let (piece, rest) = left.split_at((1 + random.below(20_000)).min(left.len()));
            writer.write_all(piece).await?;
            if random.below(3) == 0 {
                writer.flush().await?;
            }
            left = rest;
        }
        writer.close().await
    });
    let received = pool.block_on(async {
        let mut received = Vec::new();
        AsyncReadExt::read_to_end(&mut reader, &mut received).await.unwrap();
        received
    });
    sending.wait().unwrap().unwrap();
    assert_eq!(echoing.wait().unwrap().unwrap(), 500_000);
    assert!(received == message);
}

#[test]
fn lines_come_as_a_stream() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    peer.write_all(b"one\ntwo\nthree\n").unwrap();
    drop(peer);
    let lines: Vec<_> = pool.block_on(async {
        let lines = AsyncBufReadExt::lines(BufReader::new(stream));
        lines.take(2).try_collect().await.unwrap()
    });
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn a_closed_writer_has_written_all_and_ended_its_direction() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        let mut writer = BufWriter::new(&stream);
        let pieces = [IoSlice::new(b"all "), IoSlice::new(b""), IoSlice::new(b"of it")];
        assert_eq!(AsyncWriteExt::write_vectored(&mut writer, &pieces).await.unwrap(), 9);
        AsyncWriteExt::close(&mut writer).await.unwrap();
    });
    let mut received = String::new();
    peer.read_to_string(&mut received).unwrap();
    assert_eq!(received, "all of it");
}

#[test]
fn files_are_read_and_written_at_any_place() {
    let _limit = limit();
    let pool = Pool::new(1);
    let file = Scratch::with(b"0123456789");
    pool.block_on(async {
        let mut reader = BufReader::new(File::open(&file).await.unwrap());
        let mut bytes = [0; 2];
        AsyncReadExt::read_exact(&mut reader, &mut bytes).await.unwrap();
        assert_eq!(AsyncSeekExt::seek(&mut reader, SeekFrom::Current(3)).await.unwrap(), 5);
        AsyncReadExt::read_exact(&mut reader, &mut bytes).await.unwrap();
        assert_eq!(&bytes, b"56");

        let opened = File::options().write(true).open(&file).await.unwrap();
        let mut writer = BufWriter::new(opened);
        AsyncWriteExt::write_all(&mut writer, b"ab").await.unwrap();
        assert_eq!(AsyncSeekExt::seek(&mut writer, SeekFrom::End(-1)).await.unwrap(), 9);
        AsyncWriteExt::write_all(&mut writer, b"c").await.unwrap();
        AsyncWriteExt::close(&mut writer).await.unwrap();
    });
    assert_eq!(file.contents(), b"ab2345678c");
}
