//! Buffered writers.

use std::future::Future;
use std::io::{self, ErrorKind, Read, SeekFrom};
use std::task::{Context, Poll};

use futures::future::FutureExt;
use ringpool::Pool;
use ringpool::buf::{BufResult, IoBuf};
use ringpool::fs::File;
use ringpool::io::{AsyncWriteOwned, BufReader, BufStream, BufWriter, WriteUnderWay};
use ringpool::op;

use crate::common::*;
use crate::network::*;
use crate::support::*;

#[test]
fn what_is_flushed_has_been_written_and_nothing_else() {
    let _limit = limit();
    let pool = Pool::new(1);
    let file = Scratch::with(b"");
    pool.block_on(async {
        let mut writer = BufWriter::with_capacity(10, File::create(&file).await.unwrap());
        writer.write_all(b"12345").await.unwrap();
        assert_eq!(file.contents(), b"");
        writer.flush().await.unwrap();
        assert_eq!(file.contents(), b"12345");
        writer.write_all(b"lost").await.unwrap();
        assert_eq!(writer.buffer(), b"lost");
        drop(writer);
    });
    assert_eq!(file.contents(), b"12345");
}

#[test]
fn a_connection_ends_where_it_was_shut_down_and_can_still_be_read() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        let mut stream = BufStream::new(stream);
        stream.write_all(&[7; 30_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        assert_eq!(received, [7; 30_000]);
        std::io::Write::write_all(&mut peer, b"thanks").unwrap();
        drop(peer);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "thanks");
        // The peer is gone, which leaves nothing to end.
        stream.shutdown().await.unwrap();
    });
}

#[test]
fn an_error_that_comes_late_is_told_by_the_next_calls_until_it_is_over() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let full = File::options().write(true).open("/dev/full").await.unwrap();
        let mut writer = BufWriter::with_capacity(8, full);
        // Taken, since there is room; it is given to the kernel when the next bytes come.
        writer.write_all(b"12345678").await.unwrap();
        writer.write_all(b"9").await.unwrap();
        for _ in 0..2 {
            let error = writer.flush().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::StorageFull);
        }
        assert_eq!(writer.buffer(), b"9");
        let error = writer.into_inner().await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::StorageFull);
        assert_eq!(error.writer.buffer(), b"9");
    });
}

/// A disk that is full until somebody makes room.
struct Disk {
    full: File,
    roomy: File,
    is_full: bool,
}

impl Disk {
    fn file(&self) -> &File {
        if self.is_full { &self.full } else { &self.roomy }
    }
}

impl AsyncWriteOwned for Disk {
    type Writing = WriteUnderWay<op::Write<Vec<u8>>>;

    fn write<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        op::write(self.file().shared_fd(), buffer)
    }

    fn poll_write_owned(
        &mut self,
        writing: &mut Self::Writing,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        writing.poll(buffer, cx, |buffer| op::write(self.file().shared_fd(), buffer))
    }

    fn poll_flush_owned(
        &mut self,
        writing: &mut Self::Writing,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        writing.poll_flush(cx, |buffer| op::write(self.file().shared_fd(), buffer))
    }
}

#[test]
fn bytes_that_found_no_room_are_written_once_there_is_some() {
    let _limit = limit();
    let pool = Pool::new(1);
    let file = Scratch::with(b"");
    pool.block_on(async {
        let full = File::options().write(true).open("/dev/full").await.unwrap();
        let roomy = File::create(&file).await.unwrap();
        let mut writer = BufWriter::with_capacity(4, Disk { full, roomy, is_full: true });
        writer.write_all(b"1234").await.unwrap();
        writer.write_all(b"5678").await.unwrap();
        let error = writer.write_all(b"none of it").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        writer.get_mut().is_full = false;
        // The write that failed has been begun anew before, so it fails once more.
        assert!(writer.flush().await.is_err());
        writer.flush().await.unwrap();
        writer.write_all(b"90").await.unwrap();
        writer.flush().await.unwrap();
    });
    assert_eq!(file.contents(), b"1234567890");
}

#[test]
fn flushes_that_are_dropped_write_nothing_twice() {
    let _limit = limit();
    let mut random = Random::new();
    let message = random.bytes(60_000);
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    narrow(&stream);
    narrow(&peer);
    let expected = message.clone();
    let reader = std::thread::spawn(move || {
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        assert!(received == expected, "{} bytes instead of {}", received.len(), expected.len());
    });
    let dropped = pool.block_on(async {
        let mut writer = BufWriter::with_capacity(3000, stream);
        let (mut left, mut dropped) = (&message[..], 0);
        while !left.is_empty() {
            let len = (1 + random.below(5000)).min(left.len());
            match writer.write(&left[..len]).now_or_never() {
                Some(count) => left = &left[count.unwrap()..],
                None => dropped += 1,
            }
            if random.below(3) == 0 && writer.flush().now_or_never().is_none() {
                dropped += 1;
            }
            ringpool::yield_now().await;
        }
        writer.shutdown().await.unwrap();
        dropped
    });
    println!("{dropped} writes and flushes were dropped");
    assert!(dropped > 0);
    reader.join().unwrap();
}

#[test]
fn what_is_written_to_the_stream_itself_comes_after_what_is_under_way() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    narrow(&stream);
    narrow(&peer);
    pool.block_on(async {
        let mut writer = BufWriter::with_capacity(150_000, &stream);
        writer.write_all(&[1; 150_000]).await.unwrap();
        assert!(writer.flush().now_or_never().is_none());
        drop(writer);
        let reader = ringpool::spawn_blocking(move || {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).map(|_| received)
        });
        stream.write_all("after it").await.unwrap();
        drop(stream);
        let received = reader.await.unwrap().unwrap();
        assert_eq!(received.len(), 150_008);
        assert_eq!(&received[150_000..], b"after it");
    });
}

#[test]
fn a_file_is_written_at_any_place() {
    let _limit = limit();
    let pool = Pool::new(1);
    let file = Scratch::with(&[b'.'; 12]);
    pool.block_on(async {
        let opened = File::options().write(true).open(&file).await.unwrap();
        let mut writer = BufWriter::new(opened);
        writer.write_all(b"ab").await.unwrap();
        assert_eq!(writer.seek(SeekFrom::Current(3)).await.unwrap(), 5);
        writer.write_all(b"cd").await.unwrap();
        assert_eq!(writer.seek(SeekFrom::End(-1)).await.unwrap(), 11);
        writer.write_all(b"e").await.unwrap();
        writer.into_inner().await.unwrap();
    });
    assert_eq!(file.contents(), b"ab...cd....e");
}

#[test]
fn a_peer_that_is_gone_is_an_error_of_a_later_write() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, peer) = connection();
    reset(peer);
    let error = pool.block_on(async {
        let mut writer = BufWriter::with_capacity(100, stream);
        loop {
            if let Err(error) = writer.write_all(&[0; 100]).await {
                break error;
            }
            if let Err(error) = writer.flush().await {
                break error;
            }
        }
    });
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[test]
fn a_buffered_stream_gives_back_both_directions() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (ours, theirs) = pair();
    pool.block_on(async {
        theirs.write_all("one two").await.unwrap();
        let mut stream = BufStream::new(ours);
        stream.write_all(b"flushed").await.unwrap();
        let mut word = Vec::new();
        stream.read_until(b' ', &mut word).await.unwrap();
        let (ours, left) = stream.into_inner().await.unwrap();
        assert!(left.is_empty());
        let ((), bytes) = ours.read_exact([0; 3]).await.unwrap();
        assert_eq!(&bytes, b"two");
        let mut theirs = BufReader::new(theirs);
        let mut bytes = [0; 7];
        theirs.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"flushed");
    });
}
