//! Reading and writing at a file's position, and where there is none.

use std::io::{ErrorKind, Read, Seek, Write};

use ringpool::Pool;
use ringpool::fs::{File, OpenOptions};
use ringpool::op;

use crate::common::limit;
use crate::support::{Scratch, open, pipe};

#[test]
fn transfers_move_the_position_that_clones_and_the_standard_library_share() {
    let _limit = limit();
    let scratch = Scratch::new();
    let mut std_file = open(&scratch.file("file", b"salt and pepper"));
    let mut file = File::from_std(std_file.try_clone().unwrap());
    Pool::new(1).block_on(async {
        let (_, buffer) = file.read([0; 4]).await.unwrap();
        assert_eq!(&buffer, b"salt");
        let mut five = [0; 5];
        std_file.read_exact(&mut five).unwrap();
        assert_eq!(&five, b" and ");
        let mut clone = file.try_clone().unwrap();
        clone.write_all("PE").await.unwrap();
        let ((), buffer) = file.read_exact(vec![0; 4]).await.unwrap();
        assert_eq!(buffer, b"pper");
        assert_eq!(file.read([0; 4]).await.unwrap().0, 0, "at the end");
        let error = file.read_exact([0; 4]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(file.read_at([0; 4], 9).await.unwrap().1, *b"PEpp");
        assert_eq!(std_file.stream_position().unwrap(), 15, "offsets do not move it");
    });
}

#[test]
fn what_is_appended_goes_to_the_end_wherever_that_is() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", b"first\n");
    Pool::new(1).block_on(async {
        let mut log = OpenOptions::new().append(true).open(&path).await.unwrap();
        log.write_all("second\n").await.unwrap();
        let mut other = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        other.write_all(b"third\n").unwrap();
        log.write_all("fourth\n").await.unwrap();
        log.write_all_at("fifth\n", 0).await.unwrap();
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"first\nsecond\nthird\nfourth\nfifth\n");
}

#[test]
fn a_pipe_has_no_position_and_ignores_offsets() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        assert_eq!(op::write(&writer, "salt and ").await.unwrap().0, 9);
        assert_eq!(op::write_at(&writer, "pepper", 1000).await.unwrap().0, 6);
        let (count, buffer) = op::read(&reader, Vec::with_capacity(5)).await.unwrap();
        assert_eq!((count, &buffer[..]), (5, &b"salt "[..]));
        let (count, buffer) = op::read_at(&reader, [0; 100], 7).await.unwrap();
        assert_eq!(&buffer[..count], b"and pepper", "short: no more is there");
        drop(writer);
        assert_eq!(op::read(&reader, [0; 1]).await.unwrap().0, 0, "the other end is closed");
    });
}

#[test]
fn a_read_of_an_empty_pipe_waits_for_the_writer() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let read = op::read(&reader, [0; 16]);
        let write = op::write(&writer, *b"come");
        let (read, write) = futures::join!(read, write);
        let (count, buffer) = read.unwrap();
        assert_eq!(&buffer[..count], b"come");
        assert_eq!(write.unwrap(), (4, *b"come"));
    });
}

#[test]
fn more_than_a_pipe_holds_is_written_in_parts() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let sent: Vec<u8> = (0..1_000_000).map(|at| (at % 251) as u8).collect();
    let expected = sent.clone();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let mut writer = File::from(writer);
        let writing = ringpool::spawn_on(&there, async move {
            writer.write_all(sent).await.map(drop).map_err(|error| error.error)
        });
        let ((), received) = File::from(reader).read_exact(vec![0; 1_000_000]).await.unwrap();
        writing.await.unwrap().unwrap();
        assert!(received == expected, "the bytes are others");
    });
}

#[test]
fn a_pipe_that_nobody_reads_gives_the_buffer_back() {
    let _limit = limit();
    let (reader, writer) = pipe();
    drop(reader);
    Pool::new(1).block_on(async {
        let error = op::write(&writer, vec![1, 2, 3]).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(error.buffer, [1, 2, 3]);
    });
}
