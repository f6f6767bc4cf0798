//! Buffered readers.

use std::io::{self, ErrorKind, Read, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, Waker};

use futures::executor;
use futures::future::FutureExt;
use ringpool::buf::{BufResult, IoBufMut};
use ringpool::fs::File;
use ringpool::io::{AsyncReadOwned, BufReader, BufStream, BufWriter, ReadUnderWay};
use ringpool::net::UnixStream;
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, spawn, spawn_on, switch_to};

use crate::common::*;
use crate::network::*;
use crate::support::*;

#[test]
fn lines_come_as_they_were_sent_whatever_the_pieces() {
    let _limit = limit();
    let mut random = Random::new();
    let lines: Vec<String> =
        (0..500).map(|number| format!("{number}:{}", "ä".repeat(random.below(60)))).collect();
    let text = lines.iter().enumerate().map(|(number, line)| {
        let end = if number % 3 == 0 { "\r\n" } else { "\n" };
        format!("{line}{end}")
    });
    let text = text.collect::<String>() + "the last one has no end";
    let (stream, mut peer) = connection();
    let sender = std::thread::spawn(move || {
        let mut left = text.as_bytes();
        while !left.is_empty() {
            let (piece, rest) = left.split_at((1 + random.below(700)).min(left.len()));
            peer.write_all(piece).unwrap();
            left = rest;
        }
    });
    let pool = Pool::new(1);
    let received = pool.block_on(async move {
        let mut lines = BufReader::with_capacity(97, stream).lines();
        let mut received = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            received.push(line);
        }
        received
    });
    sender.join().unwrap();
    assert_eq!(received.last().map(String::as_str), Some("the last one has no end"));
    assert_eq!(received[..500], lines);
}

#[test]
fn a_line_survives_reads_that_are_dropped_and_rings_that_change() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (stream, mut peer) = connection();
    let line = pool.block_on(async {
        let mut lines = BufReader::new(stream).lines();
        for (number, piece) in ["one ", "piece ", "after ", "the ", "other"].iter().enumerate() {
            assert!(lines.next_line().now_or_never().is_none());
            peer.write_all(piece.as_bytes()).unwrap();
            switch_to(&pool.runtime(number % 2)).await.unwrap();
            assert!(lines.next_line().now_or_never().is_none());
        }
        drop(peer);
        lines.next_line().await.unwrap()
    });
    assert_eq!(line.as_deref(), Some("one piece after the other"));
}

#[test]
fn text_that_is_none_is_an_error_and_the_lines_after_it_come() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut lines = BufReader::new(&b"good\n\xff\xfe\nbetter"[..]).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("good"));
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("better"));
        assert_eq!(lines.next_line().await.unwrap(), None);

        let mut reader = BufReader::new(&b"\xff\n"[..]);
        let mut text = String::from("before");
        let error = reader.read_line(&mut text).await.unwrap_err();
        assert_eq!((error.kind(), text.as_str()), (ErrorKind::InvalidData, "before"));
    });
}

#[test]
fn an_end_that_comes_too_early_leaves_what_was_read() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut reader = BufReader::with_capacity(3, &b"12345"[..]);
        let mut into = [0; 8];
        let error = reader.read_exact(&mut into).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(&into, b"12345\0\0\0");
        assert_eq!(reader.read(&mut into).await.unwrap(), 0);
    });
}

#[test]
fn a_stream_taken_out_of_its_reader_gives_the_unread_bytes_first() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    peer.write_all(b"first second").unwrap();
    pool.block_on(async {
        let mut reader = BufReader::new(stream);
        let mut word = [0; 6];
        reader.read_exact(&mut word).await.unwrap();
        let (stream, left) = reader.into_inner().await;
        assert_eq!((&word, left.len()), (b"first ", 0));
        assert!(stream.read(Vec::new()).await.is_ok(), "a buffer without room is filled at once");
        let (count, buffer) = stream.read([0; 3]).await.unwrap();
        assert_eq!((count, &buffer), (3, b"sec"));
        // What is left now comes before what comes later, also through another reader.
        peer.write_all(b" third").unwrap();
        drop(peer);
        let mut rest = String::new();
        BufReader::new(&stream).read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "ond third");
    });
}

#[test]
fn a_read_under_way_stays_with_the_stream_when_the_reader_goes() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        let mut reader = BufReader::new(stream);
        assert!(reader.fill_buf().now_or_never().is_none());
        let (stream, left) = reader.into_inner().await;
        assert!(left.is_empty());
        peer.write_all(b"it arrives").unwrap();
        switch_to(&pool.runtime(1)).await.unwrap();
        let ((), bytes) = stream.read_exact([0; 10]).await.unwrap();
        assert_eq!(&bytes, b"it arrives");

        // And one of a reader of a reference, which is dropped.
        let mut reader = BufReader::new(&stream);
        assert!(reader.fill_buf().now_or_never().is_none());
        drop(reader);
        peer.write_all(b"again").unwrap();
        let mut reader = BufReader::with_capacity(2, &stream);
        let mut bytes = [0; 5];
        reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"again");
    });
}

#[test]
fn what_a_dropped_read_of_the_stream_brings_comes_through_the_reader_in_order() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        assert!(stream.read(vec![0; 1000]).now_or_never().is_none());
        let message: Vec<u8> = (0..900).map(|number| number as u8).collect();
        peer.write_all(&message).unwrap();
        drop(peer);
        let mut received = Vec::new();
        let mut reader = BufReader::with_capacity(64, stream);
        reader.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, message);
    });
}

#[test]
fn unread_bytes_go_before_those_that_a_dropped_read_has_left() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    pool.block_on(async {
        assert!(stream.read(vec![0; 100]).now_or_never().is_none());
        peer.write_all(b"one two three four").unwrap();
        drop(peer);
        let mut reader = BufReader::with_capacity(9, stream);
        let mut word = Vec::new();
        reader.read_until(b' ', &mut word).await.unwrap();
        assert_eq!(reader.buffer(), b"two t");
        let (mut stream, left) = reader.into_inner().await;
        assert!(left.is_empty());
        let (_, rest) = AsyncReadOwned::read_to_end(&mut stream, word).await.unwrap();
        assert_eq!(rest, b"one two three four");
    });
}

#[test]
fn a_file_that_is_a_pipe_keeps_what_is_unread_and_its_read_is_stopped() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, mut writer) = std::io::pipe().unwrap();
    pool.block_on(async {
        let mut reader = BufReader::new(File::from(OwnedFd::from(reader)));
        writer.write_all(b"salt and pepper").unwrap();
        reader.fill_buf().await.unwrap();
        reader.consume(5);
        let (mut file, left) = reader.into_inner().await;
        assert!(left.is_empty());
        let (count, buffer) = file.read([0; 32]).await.unwrap();
        assert_eq!(&buffer[..count], b"and pepper");

        let mut reader = BufReader::new(file);
        assert!(reader.fill_buf().now_or_never().is_none());
        let (mut file, left) = reader.into_inner().await;
        assert!(left.is_empty());
        writer.write_all(b"oil").unwrap();
        let (count, buffer) = file.read([0; 8]).await.unwrap();
        assert_eq!(&buffer[..count], b"oil");
    });
}

/// A stream of one's own, which keeps nothing itself.
struct Source(SharedFd);

impl AsyncReadOwned for Source {
    type Reading = ReadUnderWay<op::Read<Vec<u8>>>;

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        op::read(&self.0, buffer)
    }

    fn poll_read_owned(
        &mut self,
        reading: &mut Self::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        reading.poll(buffer, cx, |buffer| op::read(&self.0, buffer))
    }

    fn poll_stop_reading(
        &mut self,
        reading: &mut Self::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        reading.poll_stop(buffer, cx)
    }
}

#[test]
fn what_a_stream_cannot_take_back_is_given_out_and_its_read_is_stopped() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, mut writer) = io::pipe().unwrap();
    pool.block_on(async {
        let mut reader = BufReader::new(Source(OwnedFd::from(reader).into()));
        writer.write_all(b"salt and pepper").unwrap();
        reader.fill_buf().await.unwrap();
        reader.consume(5);
        let (source, left) = reader.into_inner().await;
        assert_eq!(left, b"and pepper");

        let mut reader = BufReader::new(source);
        assert!(reader.fill_buf().now_or_never().is_none());
        let (mut source, left) = reader.into_inner().await;
        assert!(left.is_empty());
        writer.write_all(b"oil").unwrap();
        let (count, buffer) = source.read([0; 8]).await.unwrap();
        assert_eq!(&buffer[..count], b"oil");
    });
}

#[test]
fn a_file_is_read_from_any_place() {
    let _limit = limit();
    let mut random = Random::new();
    let contents = random.bytes(50_000);
    let file = Scratch::with(&contents);
    let pool = Pool::new(1);
    pool.block_on(async {
        let file = File::open(&file).await.unwrap();
        let mut reader = BufReader::with_capacity(1000, file);
        let mut place = 0;
        for _ in 0..300 {
            let target = random.below(contents.len());
            let to = match random.below(3) {
                0 => SeekFrom::Start(target as u64),
                1 => SeekFrom::End(target as i64 - contents.len() as i64),
                _ => SeekFrom::Current(target as i64 - place as i64),
            };
            if random.below(4) == 0 {
                // A read that nobody waits for must not move the place.
                let _ = reader.fill_buf().now_or_never();
            }
            assert_eq!(reader.seek(to).await.unwrap(), target as u64, "{to:?}");
            let len = random.below(2500).min(contents.len() - target);
            let mut bytes = vec![0; len];
            reader.read_exact(&mut bytes).await.unwrap();
            assert_eq!(bytes, contents[target..target + len]);
            place = target + len;
        }
        assert!(reader.seek(SeekFrom::Current(-1_000_000)).await.is_err());
        let (mut file, _) = reader.into_inner().await;
        let (_, rest) = AsyncReadOwned::read_to_end(&mut file, Vec::new()).await.unwrap();
        assert_eq!(rest, contents[place..]);
    });
}

#[test]
fn a_reader_outside_the_pool_says_so_and_goes_on_inside() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    let mut stream = BufStream::new(stream);
    let error = executor::block_on(stream.fill_buf()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("task of a pool"), "{error}");
    executor::block_on(stream.write_all(b"kept")).unwrap();
    let error = executor::block_on(stream.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    peer.write_all(b"inside").unwrap();
    pool.block_on(async {
        stream.flush().await.unwrap();
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"inside");
    });
    let mut kept = [0; 4];
    peer.read_exact(&mut kept).unwrap();
    assert_eq!(&kept, b"kept");

    let file = File::from_std(std::fs::File::open("/proc/version").unwrap());
    let mut reader = BufReader::new(file);
    let error = executor::block_on(reader.fill_buf()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(pool.block_on(reader.fill_buf()).unwrap().starts_with(b"Linux"));
}

#[test]
fn only_the_last_waker_is_woken() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, mut peer) = connection();
    let (first, first_wakes, _) = counting_waker();
    let (second, second_wakes, _) = counting_waker();
    let mut reader = BufReader::new(stream);
    let mut reader = pool.block_on(async move {
        for waker in [&first, &second] {
            let mut filling = Box::pin(reader.fill_buf());
            assert!(poll_once(&mut filling, waker).is_pending());
        }
        reader
    });
    peer.write_all(b"now").unwrap();
    second_wakes.reaches(1);
    assert_eq!((first_wakes.get(), second_wakes.get()), (0, 1));
    // It has ended, so any thread may take what it has brought.
    let mut filling = Box::pin(reader.fill_buf());
    match poll_once(&mut filling, Waker::noop()) {
        std::task::Poll::Ready(filled) => assert_eq!(filled.unwrap(), b"now"),
        std::task::Poll::Pending => panic!("it has been woken"),
    }
}

#[test]
fn a_reader_whose_ring_has_stopped_goes_on_with_another() {
    let _limit = limit();
    let (stream, mut peer) = connection();
    let mut reader = BufReader::new(stream);
    let (pipe, mut writer) = std::io::pipe().unwrap();
    let mut pipe = BufReader::new(File::from(OwnedFd::from(pipe)));
    {
        let pool = Pool::new(1);
        (reader, pipe) = pool.block_on(async move {
            assert!(reader.fill_buf().now_or_never().is_none());
            assert!(pipe.fill_buf().now_or_never().is_none());
            (reader, pipe)
        });
        shut_down(&pool);
    }
    peer.write_all(b"later").unwrap();
    writer.write_all(b"too").unwrap();
    let pool = Pool::new(1);
    pool.block_on(async {
        assert_eq!(reader.fill_buf().await.unwrap(), b"later");
        assert_eq!(pipe.fill_buf().await.unwrap(), b"too");
    });
}

#[test]
fn the_halves_of_a_connection_are_streams_of_their_own() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, theirs) = pair();
    let (reader, writer) = ours.into_split();
    let reading = spawn_on(&pool.runtime(0), async move {
        let mut received = String::new();
        BufReader::new(reader).read_to_string(&mut received).await.map(|_| received)
    });
    let writing = spawn_on(&pool.runtime(1), async move {
        let mut writer = BufWriter::new(writer);
        writer.write_all(b"there").await?;
        writer.shutdown().await
    });
    pool.block_on(async {
        let mut theirs = BufStream::new(theirs);
        theirs.write_all(b"and back").await.unwrap();
        let mut received = String::new();
        theirs.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "there");
        theirs.shutdown().await.unwrap();
    });
    writing.wait().unwrap().unwrap();
    assert_eq!(reading.wait().unwrap().unwrap(), "and back");
}

#[test]
fn unix_connections_are_streams_and_keep_what_is_unread() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ours, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let ours = UnixStream::from_std(ours).unwrap();
    pool.block_on(async {
        let mut stream = BufStream::new(ours);
        stream.write_all(b"question").await.unwrap();
        stream.flush().await.unwrap();
        let mut question = [0; 8];
        peer.read_exact(&mut question).unwrap();
        assert_eq!(&question, b"question");
        assert!(stream.fill_buf().now_or_never().is_none());
        let (ours, _) = stream.into_inner().await.unwrap();
        // The read that was under way has been stopped, and the next one begins.
        peer.write_all(b"one two").unwrap();
        switch_to(&pool.runtime(1)).await.unwrap();
        let mut reader = BufReader::new(ours);
        let mut word = Vec::new();
        reader.read_until(b' ', &mut word).await.unwrap();
        let (mut ours, left) = reader.into_inner().await;
        assert!(left.is_empty());
        let (reader, _writer) = ours.split();
        let mut rest = [0; 3];
        BufReader::new(reader).read_exact(&mut rest).await.unwrap();
        assert_eq!((&word[..], &rest), (&b"one "[..], b"two"));
    });
}

#[test]
fn a_reader_in_a_task_that_is_cancelled_frees_its_connection() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (stream, peer) = connection();
    pool.block_on(async {
        let task = spawn(async move {
            let mut reader = BufReader::new(stream);
            reader.fill_buf().await.map(<[u8]>::len)
        });
        ringpool::yield_now().await;
        assert!(task.cancel().await.is_none());
    });
    assert!(is_ended(&peer));
}
