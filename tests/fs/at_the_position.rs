//! Reading and writing at a file's position, and where there is none.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use ringpool::Pool;
use ringpool::fs::{File, OpenOptions};
use ringpool::op;

use crate::common::limit;
use crate::support::{Scratch, assert_same_error, open, pipe};

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

#[test]
fn the_position_goes_where_std_would_put_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "0123456789");
    let (mut file, mut theirs) = (File::from_std(open(&path)), open(&path));
    let steps = [
        SeekFrom::Start(4),
        SeekFrom::Current(-2),
        SeekFrom::End(-1),
        SeekFrom::End(5),
        SeekFrom::Current(-100),
        SeekFrom::Start(u64::MAX),
        SeekFrom::Current(0),
    ];
    Pool::new(1).block_on(async {
        for step in steps {
            match (file.seek(step).await, theirs.seek(step)) {
                (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{step:?}"),
                (Err(ours), Err(theirs)) => assert_same_error(&ours, &theirs),
                (ours, theirs) => panic!("{step:?}: {ours:?} and {theirs:?}"),
            }
            assert_eq!(file.stream_position().await.unwrap(), theirs.stream_position().unwrap());
        }
        file.rewind().await.unwrap();
        assert_eq!(file.read([0; 3]).await.unwrap(), (3, *b"012"));
        let mut clone = file.try_clone().unwrap();
        assert_eq!(clone.read([0; 3]).await.unwrap(), (3, *b"345"), "clones share it");
        let mut std_file = file.into_std().unwrap();
        assert_eq!(std_file.stream_position().unwrap(), 6);
        let (mut pipe, _writer) =
            std::io::pipe().map(|(r, w)| (File::from(std::os::fd::OwnedFd::from(r)), w)).unwrap();
        assert_eq!(pipe.rewind().await.unwrap_err().raw_os_error(), Some(libc::ESPIPE));
    });
}

#[test]
fn what_is_left_is_read_behind_what_the_buffer_has() {
    let _limit = limit();
    let scratch = Scratch::new();
    let pool = Pool::new(1);
    for len in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 1_000_000] {
        let text = "abcdefg ".repeat(len / 8 + 1)[..len].to_owned();
        let path = scratch.file("file", &text);
        pool.block_on(async {
            for at in [0, len as u64 / 2, len as u64 + 10] {
                for before in [String::new(), "before".to_owned(), String::with_capacity(20)] {
                    let mut file = File::open(&path).await.unwrap();
                    file.seek(SeekFrom::Start(at)).await.unwrap();
                    let rest = &text[len.min(at as usize)..];
                    let expected = format!("{before}{rest}");
                    let (count, bytes) =
                        file.read_to_end(before.clone().into_bytes()).await.unwrap();
                    assert_eq!(count, rest.len());
                    assert!(bytes == expected.as_bytes());
                    file.seek(SeekFrom::Start(at)).await.unwrap();
                    assert_eq!(file.read_to_string(before).await.unwrap(), (count, expected));
                }
            }
        });
    }
    let path = scratch.file("file", b"Gr\xfc\xdfe");
    pool.block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let error = file.read_to_string("before".to_owned()).await.unwrap_err();
        assert_eq!(
            (error.error.kind(), error.buffer),
            (ErrorKind::InvalidData, "before".to_owned())
        );
        let mut version = File::open("/proc/version").await.unwrap();
        let (_, text) = version.read_to_string(String::new()).await.unwrap();
        assert_eq!(text, std::fs::read_to_string("/proc/version").unwrap());
        let mut directory = File::open("/proc").await.unwrap();
        let error = directory.read_to_end(vec![1]).await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::IsADirectory, vec![1]));
    });
}

#[test]
fn no_byte_is_lost_or_read_twice_by_reads_that_are_dropped() {
    let _limit = limit();
    let scratch = Scratch::new();
    let contents: Vec<u8> = (0..20_000).map(|at: u32| (at * 7 + at / 251) as u8).collect();
    let path = scratch.file("file", &contents);
    let pool = Pool::new(2);
    pool.block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let (mut found, mut round) = (Vec::new(), 0);
        while found.len() < contents.len() {
            round += 1;
            {
                let mut dropped = Box::pin(file.read(Vec::with_capacity(300)));
                if let std::task::Poll::Ready(read) = futures::poll!(&mut dropped) {
                    found.extend(read.unwrap().1);
                    continue;
                }
                if round % 2 == 0 {
                    ringpool::yield_now().await;
                }
            }
            match round % 4 {
                0 => assert_eq!(file.stream_position().await.unwrap(), found.len() as u64),
                1 => ringpool::switch_to(&pool.runtime(round / 4 % 2)).await.unwrap(),
                _ => {}
            }
            found.extend(file.read(Vec::with_capacity(100)).await.unwrap().1);
        }
        assert!(found == contents);
        assert_eq!(file.read([0; 1]).await.unwrap().0, 0);
    });
}

#[test]
fn a_write_that_is_dropped_is_done_before_what_comes_next() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    Pool::new(1).block_on(async {
        let mut file = File::from_std(open(&path));
        for number in 0..100_u32 {
            {
                let mut write = Box::pin(file.write_all(number.to_le_bytes()));
                if number % 3 == 1 {
                    assert!(futures::poll!(&mut write).is_pending());
                } else {
                    write.as_mut().await.unwrap();
                }
            }
            if number % 5 == 0 {
                assert_eq!(file.stream_position().await.unwrap(), u64::from(number + 1) * 4);
            }
        }
        file.close().await.unwrap();
    });
    let expected: Vec<u8> = (0..100_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(std::fs::read(path).unwrap(), expected);
}

#[test]
fn a_dropped_write_leaves_its_error_to_what_comes_next() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let mut full = OpenOptions::new().write(true).read(true).open("/dev/full").await.unwrap();
        {
            let mut write = Box::pin(full.write_all("does not fit"));
            assert!(futures::poll!(&mut write).is_pending());
        }
        let error = full.read(vec![1]).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ENOSPC));
        assert_eq!(error.buffer, [1]);
        assert_eq!(full.read(vec![1]).await.unwrap().0, 1, "it is told once");
    });
}
