//! Pipes: what goes in comes out, in order, whatever becomes of the futures.
//!
//! Tests here count descriptors, so they run one after the other.

mod common;
#[path = "fs/support.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ringpool::pipe::{self, PipeReader, PipeWriter};
use ringpool::time::timeout;
use ringpool::{Pool, run_on, spawn, spawn_blocking, spawn_on, switch_to, yield_now};

use common::{Count, limit, rounds, until};
use support::{Counted, Scratch, assert_same_error};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Descriptors of this process, but for that which counts them.
fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

fn set_nonblocking(fd: &impl std::os::fd::AsRawFd) {
    // SAFETY: the descriptor is open; no memory is touched.
    let set = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    assert_eq!(set, 0);
}

#[test]
fn what_goes_in_comes_out_and_then_the_end() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    {
        let pool = Pool::new(2);
        let there = pool.runtime(1);
        pool.block_on(async {
            let (reader, writer) = pipe::pipe().unwrap();
            let sent: Vec<u8> = (0..1_000_000).map(|at: u32| (at * 7 + at / 251) as u8).collect();
            let expected = sent.clone();
            let writing = spawn_on(&there, async move { writer.write_all(sent).await.map(drop) });
            let mut received = Vec::new();
            loop {
                let (count, bytes) = reader.read(Vec::with_capacity(5000)).await.unwrap();
                assert_eq!(count, bytes.len());
                if count == 0 {
                    break;
                }
                received.extend(bytes);
            }
            writing.await.unwrap().unwrap();
            assert!(received == expected);
        });
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn no_byte_is_lost_to_reads_that_are_dropped_on_any_ring() {
    let (_alone, _limit) = (alone(), limit());
    let numbers: u16 = rounds(2000) as u16;
    let before = open_fds();
    {
        let pool = Pool::new(2);
        let there = pool.runtime(1);
        pool.block_on(async {
            let (reader, writer) = pipe::pipe().unwrap();
            let writing = spawn_on(&there, async move {
                for number in 0..numbers {
                    writer.write_all(number.to_le_bytes()).await.unwrap();
                    if number % 16 == 0 {
                        yield_now().await;
                    }
                }
            });
            let (mut received, mut dropped) = (Vec::new(), 0);
            for round in 0.. {
                let (len, moment) = (1 + round % 7, Duration::from_micros(round as u64 % 40));
                let exact = round % 5 == 0;
                let read = async {
                    let buffer = Vec::with_capacity(len);
                    if exact {
                        reader.read_exact(buffer).await.map(|((), bytes)| (bytes.len(), bytes))
                    } else {
                        reader.read(buffer).await
                    }
                };
                match timeout(moment, read).await {
                    Err(_) => dropped += 1,
                    Ok(Ok((0, _))) => break,
                    Ok(Ok((_, bytes))) => received.extend(bytes),
                    Ok(Err(error)) => {
                        assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
                        received.extend(error.buffer);
                    }
                }
                if round % 64 == 63 {
                    switch_to(&pool.runtime(round / 64 % 2)).await.unwrap();
                }
            }
            writing.await.unwrap();
            println!("{dropped} reads were dropped");
            let expected: Vec<u8> = (0..numbers).flat_map(u16::to_le_bytes).collect();
            assert!(received == expected, "{} bytes came", received.len());
        });
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn the_buffer_of_a_dropped_read_is_kept_until_its_bytes_are_taken() {
    let (_alone, _limit) = (alone(), limit());
    let dropped = Count::new();
    Pool::new(1).block_on(async {
        let (reader, writer) = pipe::pipe().unwrap();
        assert!(reader.read(Counted::new(&[7; 64], &dropped)).now_or_never().is_none());
        yield_now().await;
        assert_eq!(dropped.get(), 0, "the kernel may still write to it");
        writer.write_all("salt").await.unwrap();
        assert_eq!(reader.read(Vec::with_capacity(3)).await.unwrap().1, b"sal");
        assert_eq!(reader.read(Vec::with_capacity(3)).await.unwrap().1, b"t");
        assert_eq!(dropped.get(), 1);
        assert!(reader.read(Counted::new(&[7; 64], &dropped)).now_or_never().is_none());
        drop(reader);
        while dropped.get() < 2 {
            yield_now().await;
        }
        let error = writer.write_all("nobody").await.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::BrokenPipe, "nobody"));
    });
}

#[test]
fn messages_are_never_cut_or_mixed_by_writes_that_are_dropped() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, writer) = pipe::pipe().unwrap();
        let reading = spawn_on(&there, async move {
            let mut received = Vec::new();
            loop {
                let (count, bytes) = reader.read(Vec::with_capacity(3000)).await.unwrap();
                if count == 0 {
                    return received;
                }
                received.extend(bytes);
            }
        });
        // Longer than the pipe, so that the kernel takes them in parts.
        for number in 0..40_u8 {
            let message = vec![number; 100_000];
            let moment = Duration::from_micros(u64::from(number % 8) * 10);
            let _ = timeout(moment, writer.write_all(message)).await;
        }
        writer.write_all(*b"end").await.unwrap();
        drop(writer);
        let received = reading.await.unwrap();
        let (messages, end) = received.split_at(received.len() - 3);
        assert_eq!(end, b"end");
        assert!(messages.len() % 100_000 == 0, "{} bytes", messages.len());
        let mut last = None;
        for message in messages.chunks(100_000) {
            assert!(message.iter().all(|byte| *byte == message[0]));
            assert!(last < Some(message[0]), "in order");
            last = Some(message[0]);
        }
    });
}

#[test]
fn a_second_read_or_write_at_once_is_refused() {
    let (_alone, _limit) = (alone(), limit());
    Pool::new(1).block_on(async {
        let (reader, writer) = pipe::pipe().unwrap();
        let mut first = reader.read(vec![0; 8]);
        assert!(futures::poll!(&mut first).is_pending());
        let second = reader.read(vec![7; 8]).await.unwrap_err();
        assert_eq!((second.error.kind(), second.buffer), (ErrorKind::ResourceBusy, vec![7; 8]));
        let mut long = writer.write(vec![1; 1 << 20]);
        assert!(futures::poll!(&mut long).is_pending());
        let second = writer.write("x").await.unwrap_err();
        assert_eq!((second.error.kind(), second.buffer), (ErrorKind::ResourceBusy, "x"));
        assert_eq!(first.await.unwrap(), (8, vec![1; 8]));
        drop(reader);
        drop(long.await);
    });
}

#[test]
fn ends_come_from_the_standard_library_and_go_there() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    Pool::new(1).block_on(async {
        let (reader, writer) = std::io::pipe().unwrap();
        let (reader, writer) = (PipeReader::from(reader), PipeWriter::from(OwnedFd::from(writer)));
        writer.write_all("one").await.unwrap();
        let mut std_writer = writer.into_std().unwrap();
        std_writer.write_all(b"two").unwrap();
        assert_eq!(reader.read_exact([0; 6]).await.unwrap().1, *b"onetwo");
        assert!(reader.read([0; 3]).now_or_never().is_none());
        let reader = reader.into_std().unwrap_err();
        std_writer.write_all(b"three").unwrap();
        assert_eq!(reader.read([0; 8]).await.unwrap().0, 3, "its room was for three");
        assert_eq!(reader.read([0; 1]).await.unwrap().1, *b"e");
        let mut reader = reader;
        let mut std_reader = loop {
            // The kernel lets go of the descriptor in its own time.
            match reader.into_std() {
                Ok(reader) => break reader,
                Err(same) => reader = same,
            }
            yield_now().await;
        };
        drop(std_writer);
        let mut rest = String::new();
        std_reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "e");
    });
    assert_eq!(open_fds(), before);
}

#[test]
fn ends_that_do_not_block_are_waited_for_all_the_same() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (reader, writer) = pipe::pipe().unwrap();
        set_nonblocking(&reader);
        set_nonblocking(&writer);
        // Nobody writes, and then nobody reads: only the time ends these waits.
        let moment = Duration::from_millis(1);
        assert!(timeout(moment, reader.read(Vec::with_capacity(1))).await.is_err());
        let sent: Vec<u8> = (0..500_000).map(|at: u32| (at * 7 + at / 251) as u8).collect();
        let expected = [&sent[..], b"end"].concat();
        assert!(timeout(moment, writer.write_all(sent)).await.is_err());
        let writing = spawn_on(&there, async move { writer.write_all(*b"end").await.map(drop) });
        let mut received = reader.read(Vec::with_capacity(4096)).await.unwrap().1;
        // The first of them byte by byte: each wakes the writer, for which there is no room yet.
        let bytes = rounds(20_000);
        while received.len() < expected.len() {
            let room = if received.len() < bytes { 1 } else { 4096 };
            assert!(reader.read(Vec::with_capacity(room)).now_or_never().is_none());
            received.extend(reader.read(Vec::with_capacity(4096)).await.unwrap().1);
        }
        assert!(received == expected);
        writing.await.unwrap().unwrap();
        assert_eq!(reader.read([0; 1]).await.unwrap().0, 0);
    });
}

#[test]
fn named_pipes_are_opened_when_the_other_end_is() {
    let (_alone, _limit) = (alone(), limit());
    let scratch = Scratch::new();
    let path = scratch.named_pipe("pipe");
    let before = open_fds();
    {
        let pool = Pool::new(2);
        let there = pool.runtime(1);
        pool.block_on(async {
            // On Linux 6.1 each may take the five seconds after which an idle kernel worker looks.
            for round in 0..rounds(20) {
                let (reader, writer) = if round % 2 == 0 {
                    let writer = run_on(&there, pipe::open_writer(&path));
                    let (reader, writer) = futures::join!(pipe::open_reader(&path), writer);
                    (reader.unwrap(), writer.unwrap().unwrap())
                } else {
                    // The other end is opened by a plain thread.
                    let other = path.clone();
                    let reading = spawn_blocking(move || std::fs::File::open(other).unwrap());
                    let writer = pipe::open_writer(&path).await.unwrap();
                    (PipeReader::from(OwnedFd::from(reading.await.unwrap())), writer)
                };
                writer.write_all("salt").await.unwrap();
                drop(writer);
                assert_eq!(reader.read_exact([0; 4]).await.unwrap().1, *b"salt");
                assert_eq!(reader.read([0; 4]).await.unwrap().0, 0);
            }
        });
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn an_open_of_a_named_pipe_that_is_dropped_leaves_nothing_behind() {
    let (_alone, _limit) = (alone(), limit());
    let scratch = Scratch::new();
    let path = scratch.named_pipe("pipe");
    let before = open_fds();
    {
        let pool = Pool::new(1);
        pool.block_on(async {
            for moment in [0, 100, 1000] {
                let moment = Duration::from_micros(moment);
                assert!(timeout(moment, pipe::open_reader(&path)).await.is_err());
                assert!(timeout(moment, pipe::open_writer(&path)).await.is_err());
            }
            let task = spawn({
                let path = path.clone();
                async move { pipe::open_reader(path).await.map(drop) }
            });
            yield_now().await;
            assert!(task.cancel().await.is_none(), "the kernel gives it back");
        });
    }
    until(|| open_fds() == before);
}

#[test]
fn what_is_no_named_pipe_is_not_opened_as_one() {
    let (_alone, _limit) = (alone(), limit());
    let scratch = Scratch::new();
    let file = scratch.file("file", "contents");
    Pool::new(1).block_on(async {
        for path in [file.as_path(), "/dev/null".as_ref(), "/".as_ref()] {
            let error = pipe::open_reader(path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            let error = pipe::open_writer(path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        let missing = scratch.path("missing");
        let error = pipe::open_reader(&missing).await.unwrap_err();
        assert_same_error(&error, &std::fs::File::open(&missing).unwrap_err());
    });
    assert_eq!(std::fs::read(file).unwrap(), b"contents");
}

#[test]
fn outside_a_pool_an_error_says_so_and_gives_the_buffer_back() {
    let (_alone, _limit) = (alone(), limit());
    let (reader, writer) = pipe::pipe().unwrap();
    let read = reader.read(vec![7]).now_or_never().unwrap().unwrap_err();
    assert_eq!((read.error.kind(), read.buffer), (ErrorKind::Unsupported, vec![7]));
    let write = writer.write("x").now_or_never().unwrap().unwrap_err();
    assert_eq!((write.error.kind(), write.buffer), (ErrorKind::Unsupported, "x"));
}
