//! Random reads, writes, drops, moves and changes of hands of one stream, every byte compared.

use std::fmt::Debug;
use std::io::SeekFrom;
use std::task::Poll;
use std::time::Duration;

use futures::future::FutureExt;
use ringpool::fs::File;
use ringpool::io::{AsyncReadOwned, AsyncWriteOwned, BufReader, BufWriter};
use ringpool::pipe;
use ringpool::time::timeout;
use ringpool::{Pool, Task, switch_to};

use crate::common::*;
use crate::network::*;
use crate::support::*;

/// The byte at a place of every message.
fn byte_at(place: usize) -> u8 {
    (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]
}

fn bytes_from(place: usize, len: usize) -> Vec<u8> {
    (place..place + len).map(byte_at).collect()
}

/// Checks that what is read is what comes next.
struct Expected(usize);

impl Expected {
    fn take(&mut self, bytes: &[u8]) {
        let wrong = bytes.iter().zip(self.0..).find(|(byte, place)| **byte != byte_at(*place));
        assert!(wrong.is_none(), "another byte at {:?}", wrong.map(|(_, place)| place));
        self.0 += bytes.len();
    }
}

/// Polls `future` once, for a while, or to the end.
async fn perhaps<F: Future>(future: F, random: &mut Random) -> Option<F::Output> {
    match random.below(4) {
        0 => future.now_or_never(),
        1 => timeout(Duration::from_micros(random.below(300) as u64), future).await.ok(),
        _ => Some(future.await),
    }
}

/// Reads for a while, in every way there is, and gives the stream back.
async fn read_some<S: AsyncReadOwned>(
    stream: S,
    expected: &mut Expected,
    random: &mut Random,
) -> S {
    let mut reader = BufReader::with_capacity(1 + random.below(5000), stream);
    for _ in 0..random.below(20) {
        match random.below(4) {
            0 => {
                if let Some(filled) = perhaps(reader.fill_buf(), random).await {
                    let filled = filled.unwrap();
                    let count = random.below(filled.len() + 1);
                    expected.take(&filled[..count]);
                    reader.consume(count);
                }
            }
            1 => {
                let mut into = vec![0; 1 + random.below(3000)];
                if let Some(count) = perhaps(reader.read(&mut into), random).await {
                    expected.take(&into[..count.unwrap()]);
                }
            }
            2 => {
                // What it has appended when it is dropped is not lost.
                let (mut into, delimiter) = (Vec::new(), random.next() as u8);
                let _ = perhaps(reader.read_until(delimiter, &mut into), random).await;
                expected.take(&into);
            }
            _ => {
                let mut into = Vec::new();
                let reading = reader.read_to_end(&mut into);
                let _ = timeout(Duration::from_micros(random.below(200) as u64), reading).await;
                expected.take(&into);
            }
        }
    }
    let (mut stream, left) = reader.into_inner().await;
    assert!(left.is_empty(), "the stream keeps what is unread");
    for _ in 0..random.below(3) {
        let reading = stream.read(vec![0; 1 + random.below(2000)]);
        if let Some(read) = perhaps(reading, random).await {
            let (count, buffer) = read.unwrap();
            expected.take(&buffer[..count]);
        }
    }
    stream
}

fn reader<S>(pool: &Pool, mut stream: S, total: usize, mut random: Random) -> Task<()>
where
    S: AsyncReadOwned + 'static,
{
    let rings = pool.runtimes().to_vec();
    pool.runtime(0).spawn(async move {
        let mut expected = Expected(0);
        while expected.0 < total {
            if random.below(2) == 0 {
                switch_to(&rings[random.below(rings.len())]).await.unwrap();
            }
            stream = read_some(stream, &mut expected, &mut random).await;
        }
        assert_eq!(expected.0, total);
        assert_eq!(stream.read([0; 1]).await.unwrap().0, 0);
    })
}

fn writer<S>(pool: &Pool, stream: S, total: usize, mut random: Random) -> Task<()>
where
    S: AsyncWriteOwned + Debug + 'static,
{
    let rings = pool.runtimes().to_vec();
    pool.runtime(1).spawn(async move {
        let (mut stream, mut place) = (Some(stream), 0);
        while place < total {
            if random.below(2) == 0 {
                switch_to(&rings[random.below(rings.len())]).await.unwrap();
            }
            let inner = stream.take().expect("it was put back");
            let mut buffered = BufWriter::with_capacity(1 + random.below(9000), inner);
            for _ in 0..random.below(20) {
                let bytes = bytes_from(place, random.below(6000).min(total - place));
                if let Some(count) = perhaps(buffered.write(&bytes), &mut random).await {
                    place += count.unwrap();
                }
                if random.below(3) == 0
                    && let Some(flushed) = perhaps(buffered.flush(), &mut random).await
                {
                    flushed.unwrap();
                }
            }
            let mut inner = buffered.into_inner().await.unwrap();
            let bytes = bytes_from(place, random.below(3000).min(total - place));
            place += bytes.len();
            // Once begun it is sent in any case.
            let mut writing = Box::pin(inner.write_all(bytes));
            if let Poll::Ready(written) = futures::poll!(&mut writing) {
                written.unwrap();
            }
            drop(writing);
            stream = Some(inner);
        }
        let mut last = BufWriter::new(stream.expect("it was put back"));
        last.shutdown().await.unwrap();
    })
}

#[test]
fn every_byte_arrives_once_whatever_is_dropped_or_moved() {
    let _limit = limit();
    let mut random = Random::new();
    let pool = Pool::new(2);
    for _ in 0..8 {
        let (ours, theirs) = pair();
        let mut total = 100_000 + random.below(200_000);
        if random.below(2) == 0 {
            narrow(&ours);
            narrow(&theirs);
            total /= 8;
        }
        let reading = reader(&pool, ours, total, random.fork());
        let writing = writer(&pool, theirs, total, random.fork());
        writing.wait().unwrap();
        reading.wait().unwrap();
    }
}

#[test]
fn every_byte_comes_out_of_a_pipe_once_whatever_is_dropped() {
    let _limit = limit();
    let mut random = Random::new();
    let pool = Pool::new(2);
    for _ in 0..6 {
        let (reading_end, writing_end) = pipe::pipe().unwrap();
        let total = 50_000 + random.below(100_000);
        let reading = reader(&pool, reading_end, total, random.fork());
        let writing = writer(&pool, writing_end, total, random.fork());
        writing.wait().unwrap();
        reading.wait().unwrap();
    }
}

#[test]
fn every_byte_goes_into_a_file_and_comes_out_once_whatever_is_dropped() {
    let _limit = limit();
    let mut random = Random::new();
    let pool = Pool::new(2);
    for _ in 0..6 {
        let path = Scratch::with(b"");
        let total = 50_000 + random.below(100_000);
        let file = pool.block_on(File::create(&path)).unwrap();
        writer(&pool, file, total, random.fork()).wait().unwrap();
        assert!(path.contents() == bytes_from(0, total), "other bytes are in the file");
        let file = pool.block_on(File::open(&path)).unwrap();
        reader(&pool, file, total, random.fork()).wait().unwrap();
    }
}

/// Readers and their reads are dropped while the pipe is empty; a read that is in the kernel by
/// then is the next reader's.
#[test]
fn a_reader_of_a_pipe_that_is_dropped_leaves_its_read_to_the_next() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let (reading_end, writing_end) = pipe::pipe().unwrap();
        let mut dropped = BufReader::new(&reading_end);
        assert!(dropped.fill_buf().now_or_never().is_none(), "the pipe is empty");
        drop(dropped);
        writing_end.write_all("salt\nand pepper\n").await.unwrap();
        drop(writing_end);
        let mut lines = BufReader::new(reading_end).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("salt"));
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("and pepper"));
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

/// A dropped read has brought more than the reader's buffer holds, which is given back half read.
#[test]
fn what_a_reader_of_a_file_gives_back_comes_before_what_it_has_not_taken() {
    let _limit = limit();
    let path = Scratch::with(&bytes_from(0, 10_000));
    Pool::new(1).block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let _ = file.read(vec![0; 3000]).now_or_never();
        let mut reader = BufReader::with_capacity(1000, file);
        let mut expected = Expected(0);
        expected.take(&reader.fill_buf().await.unwrap()[..400]);
        reader.consume(400);
        let (mut file, left) = reader.into_inner().await;
        assert!(left.is_empty(), "the file keeps what is unread");
        while expected.0 < 10_000 {
            let (count, bytes) = file.read(vec![0; 700]).await.unwrap();
            assert!(count > 0, "{} bytes are missing", 10_000 - expected.0);
            expected.take(&bytes[..count]);
        }
        assert_eq!(file.stream_position().await.unwrap(), 10_000);
    });
}

#[test]
fn a_buffered_reader_or_writer_of_a_file_begins_where_what_was_dropped_before_left_off() {
    let _limit = limit();
    let path = Scratch::with(&bytes_from(0, 10_000));
    Pool::new(1).block_on(async {
        let mut options = File::options();
        let mut file = options.read(true).write(true).open(&path).await.unwrap();
        let _ = file.read(vec![0; 3000]).now_or_never();
        assert_eq!(BufReader::new(&mut file).seek(SeekFrom::Current(0)).await.unwrap(), 0);
        let _ = file.read(vec![0; 3000]).now_or_never();
        let mut word = [0; 5];
        BufReader::with_capacity(5, &mut file).read_exact(&mut word).await.unwrap();
        assert_eq!(word, bytes_from(0, 5)[..]);
        let _ = file.write_all("salt").now_or_never();
        let mut writer = BufWriter::new(&mut file);
        writer.write_all(b"pepper").await.unwrap();
        writer.flush().await.unwrap();
        drop(writer);
        let mut expected = bytes_from(0, 10_000);
        expected[5..15].copy_from_slice(b"saltpepper");
        assert!(path.contents() == expected, "other bytes are in the file");
    });
}
