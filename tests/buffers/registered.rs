//! Buffers that one ring knows.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use ringpool::buf::{IoBuf, RegisteredBuffer, RegisteredBuffers};
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, current, run_on, spawn, switch_to, yield_now};

use crate::common::{forget, limit, on_a_plain_thread, panic_of, shut_down, until};
use crate::support::{Scratch, begin, open, pipe};

const TEXT: &[u8; 15] = b"salt and pepper";

fn file_in(scratch: &Scratch) -> SharedFd {
    SharedFd::from(OwnedFd::from(open(&scratch.file("file", TEXT))))
}

fn with(buffers: &RegisteredBuffers, text: &[u8]) -> RegisteredBuffer {
    let mut buffer = buffers.take().expect("one is free");
    buffer.set_len(text.len());
    buffer.copy_from_slice(text);
    buffer
}

#[test]
fn buffers_are_taken_until_none_is_left_and_come_back_when_dropped() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(3, 1000).unwrap();
        assert_eq!((buffers.count(), buffers.size(), buffers.available()), (3, 1000, 3));
        let mut taken: Vec<_> = std::iter::from_fn(|| buffers.take()).collect();
        assert_eq!((taken.len(), buffers.available()), (3, 0));
        for (number, buffer) in taken.iter_mut().enumerate() {
            assert_eq!((buffer.len(), buffer.capacity()), (1000, 1000));
            assert!(buffer.iter().all(|byte| *byte == 0));
            buffer.fill(number as u8);
        }
        for (number, buffer) in taken.iter().enumerate() {
            assert!(buffer.iter().all(|byte| *byte == number as u8), "each has its own bytes");
        }
        taken.pop();
        assert_eq!(buffers.available(), 1);
        let again = buffers.take().unwrap();
        assert_eq!((again[0], buffers.available()), (2, 0));
        on_a_plain_thread(move || drop((again, taken)));
        assert_eq!(buffers.available(), 3);
    });
}

#[test]
fn reads_and_writes_do_what_those_of_other_buffers_do() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(2, 4096).unwrap();
        let (count, buffer) = op::read_fixed_at(&file, buffers.take().unwrap(), 5).await.unwrap();
        assert_eq!((count, &buffer[..]), (10, &b"and pepper"[..]));
        let (count, buffer) = op::read_fixed(&file, buffer.slice(..4)).await.unwrap();
        assert_eq!((count, buffer.as_bytes()), (4, &b"salt"[..]));
        let (count, buffer) = op::read_fixed(&file, buffer.into_inner()).await.unwrap();
        assert_eq!((count, &buffer[..]), (11, &b" and pepper"[..]), "the position has moved");
        let (count, buffer) = op::read_fixed(&file, buffer).await.unwrap();
        assert_eq!((count, &buffer[..]), (0, &b""[..]), "the end of the file");

        let (count, buffer) = op::write_fixed(&file, with(&buffers, b", please")).await.unwrap();
        assert_eq!((count, &buffer[..]), (8, &b", please"[..]));
        let (count, part) = op::write_fixed_at(&file, buffer.slice(2..3), 0).await.unwrap();
        assert_eq!((count, part.as_bytes()), (1, &b"p"[..]));
        let text = std::fs::read(scratch.path("file")).unwrap();
        assert_eq!(text, b"palt and pepper, please");
    });
}

#[test]
fn registered_and_other_operations_may_take_turns_with_one_buffer() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(1, 4096).unwrap();
        let (_, buffer) = op::read_at(&file, buffers.take().unwrap(), 0).await.unwrap();
        let (_, buffer) = op::write_fixed(&writer, buffer).await.unwrap();
        let (count, buffer) = op::read_fixed(&reader, buffer).await.unwrap();
        assert_eq!((count, &buffer[..]), (15, &TEXT[..]));
        let (count, _) = op::write(&writer, buffer).await.unwrap();
        assert_eq!(count, 15);
    });
}

#[test]
fn buffers_without_bytes_transfer_nothing() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(1, 4096).unwrap();
        let (count, buffer) = op::write_fixed_at(&file, with(&buffers, b""), 3).await.unwrap();
        assert_eq!((count, buffer.len()), (0, 0));
        let (count, part) = op::read_fixed_at(&file, buffer.slice(..0), 3).await.unwrap();
        assert_eq!((count, part.as_bytes().len()), (0, 0));
        assert_eq!(std::fs::read(scratch.path("file")).unwrap(), TEXT);
    });
}

#[test]
fn the_last_bytes_of_the_last_buffer_are_registered_too() {
    let _limit = limit();
    let zero = SharedFd::from(OwnedFd::from(File::open("/dev/zero").unwrap()));
    Pool::new(1).block_on(async {
        for (count, size) in [(1, 1), (3, 700), (5, 4096), (7, 10_000), (64, 1 << 20)] {
            let buffers = RegisteredBuffers::new(count, size).unwrap();
            let mut taken: Vec<_> = std::iter::from_fn(|| buffers.take()).collect();
            assert_eq!(taken.len(), count);
            let mut last = taken.pop().unwrap();
            last.fill(7);
            let mut done = 0;
            while done < size {
                // It may be fewer: the kernel stops early if the thread has something else to do.
                let (read, part) = op::read_fixed(&zero, last.slice(done..)).await.unwrap();
                done += read;
                last = part.into_inner();
            }
            assert!(last.iter().all(|byte| *byte == 0));
        }
    });
}

#[test]
fn a_failed_operation_gives_the_buffer_back_as_it_was() {
    let _limit = limit();
    let directory = SharedFd::from(OwnedFd::from(File::open("/").unwrap()));
    Pool::new(1).block_on(async {
        let buffers = RegisteredBuffers::new(1, 4096).unwrap();
        let error = op::read_fixed(&directory, with(&buffers, b"salt")).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EISDIR));
        assert_eq!(&error.buffer[..], b"salt");
        let error = op::write_fixed_at(&directory, error.buffer, 0).await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::EBADF));
        assert_eq!(buffers.available(), 0);
        drop(error);
        assert_eq!(buffers.available(), 1);
    });
}

#[test]
fn on_a_thread_without_a_ring_none_can_be_registered() {
    let error = RegisteredBuffers::new(1, 4096).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("await it in a task of a pool"), "{error}");
}

#[test]
fn a_length_beyond_the_capacity_is_refused() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let mut buffer = RegisteredBuffers::new(1, 100).unwrap().take().unwrap();
        assert_eq!(panic_of(|| buffer.set_len(101)), "a registered buffer of 100 bytes has no 101");
        buffer.set_len(0);
        buffer.set_len(100);
        assert_eq!(buffer.len(), 100);
    });
}

#[test]
fn another_ring_refuses_it_gives_it_back_and_still_takes_it_as_a_plain_buffer() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    let (pool, other_pool) = (Pool::new(2), Pool::new(1));
    let (buffers, foreign) = pool.block_on(async {
        let there = pool.runtime(1);
        let buffers = RegisteredBuffers::new(2, 4096).unwrap();
        let mut buffer = with(&buffers, b"kept");
        assert!(buffer.index_on(&current().unwrap()).is_some());
        assert_eq!(buffer.index_on(&there), None);
        buffer[0] = b'K';
        switch_to(&there).await.unwrap();
        let error = op::read_fixed_at(&file, buffer, 0).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        let text = error.error.to_string();
        assert!(text.contains("on the rings [0]") && text.contains("on ring 1;"), "{text}");
        assert_eq!(&error.buffer[..], b"Kept");
        let error = op::write_fixed(&file, error.buffer.slice(1..)).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
        let (_, buffer) = op::read_at(&file, error.buffer.into_inner(), 0).await.unwrap();
        assert_eq!(&buffer[..], TEXT);
        switch_to(&pool.runtime(0)).await.unwrap();
        let (_, buffer) = op::read_fixed_at(&file, buffer, 5).await.unwrap();
        assert_eq!(&buffer[..], b"and pepper");
        (buffers, buffer)
    });
    // The first ring of another pool has the same number, and is another ring.
    let error = other_pool.block_on(op::read_fixed_at(&file, foreign, 0)).unwrap_err();
    let text = error.error.to_string();
    assert!(text.contains("on ring 0 of another pool"), "{text}");
    drop(error);
    assert_eq!(buffers.available(), 2);
}

#[test]
fn an_operation_that_is_dropped_or_moved_gives_its_buffer_back_in_the_end() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let pool = Pool::new(2);
    pool.block_on(async {
        let buffers = RegisteredBuffers::new(4, 512).unwrap();
        let mut here = op::read_fixed(&reader, buffers.take().unwrap());
        begin(&mut here).await;
        drop(here);
        let mut elsewhere = op::read_fixed(&reader, buffers.take().unwrap());
        begin(&mut elsewhere).await;
        on_a_plain_thread(move || drop(elsewhere));
        drop(op::read_fixed(&reader, buffers.take().unwrap()));
        while buffers.available() < 4 {
            yield_now().await;
        }

        let mut cancelled = op::read_fixed(&reader, with(&buffers, b"salt"));
        begin(&mut cancelled).await;
        let error = cancelled.cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(&error.buffer[..], b"salt");
        drop(error);

        let mut moved = op::read_fixed(&reader, buffers.take().unwrap());
        begin(&mut moved).await;
        let there = pool.runtime(1);
        let moved = run_on(&there, async {
            op::write(&writer, "salt").await.unwrap();
            moved.await.unwrap()
        });
        let (count, buffer) = moved.await.unwrap();
        assert_eq!((count, &buffer[..]), (4, &b"salt"[..]));
        drop(buffer);
        assert_eq!(buffers.available(), 4);
    });
}

#[test]
fn a_forgotten_operation_keeps_its_buffer_and_its_set() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let pool = Pool::new(1);
    pool.block_on(async {
        let buffers = RegisteredBuffers::new(2, 512).unwrap();
        let in_flight = || pool.runtime(0).load().operations_in_flight;
        let before = in_flight();
        let mut forgotten = op::read_fixed(&reader, buffers.take().unwrap());
        begin(&mut forgotten).await;
        forget(forgotten);
        while in_flight() == before {
            yield_now().await;
        }
        op::write(&writer, "salt").await.unwrap();
        while in_flight() > before {
            yield_now().await;
        }
        // The kernel has finished with the buffer, but nobody has taken it.
        assert_eq!(buffers.available(), 1);
        let (_, buffer) = op::write_fixed(&writer, with(&buffers, b"pepper")).await.unwrap();
        drop(buffers);
        let (count, buffer) = op::read_fixed(&reader, buffer).await.unwrap();
        assert_eq!((count, &buffer[..]), (6, &b"pepper"[..]));
    });
}

#[test]
fn who_waits_for_a_buffer_gets_the_next_one_in_turn() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let buffers = RegisteredBuffers::new(1, 512).unwrap();
        let mut only = buffers.wait().await;
        only.fill(1);
        let wait = |number: u8| {
            let buffers = buffers.clone();
            async move {
                let mut buffer = buffers.wait().await;
                assert_eq!(buffer[0], number - 1);
                buffer.fill(number);
            }
        };
        let second = spawn(wait(2));
        yield_now().await;
        let dropped = spawn(wait(99));
        yield_now().await;
        let third = pool.runtime(1).spawn(wait(3));
        assert!(dropped.cancel().await.is_none(), "it waits");
        on_a_plain_thread(move || drop(only));
        second.await.unwrap();
        third.await.unwrap();
        assert_eq!(buffers.available(), 1);
    });
}

#[test]
fn a_ring_has_room_for_many_sets_and_for_others_when_they_have_gone() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let make_all = || {
            let mut sets = Vec::new();
            loop {
                match RegisteredBuffers::new(1, 512) {
                    Ok(set) => sets.push(set),
                    Err(error) => break (sets, error),
                }
            }
        };
        let (sets, error) = make_all();
        assert_eq!((sets.len(), error.kind()), (1024, ErrorKind::QuotaExceeded));
        assert!(error.to_string().contains("drop some"), "{error}");
        drop(sets);
        let (sets, _) = make_all();
        assert_eq!(sets.len(), 1024, "those dropped here are gone at once");
        on_a_plain_thread(move || drop(sets));
        let first = loop {
            // Those dropped elsewhere are gone when the messages are there.
            match RegisteredBuffers::new(1, 512) {
                Ok(set) => break set,
                Err(_) => yield_now().await,
            }
        };
        let (others, _) = make_all();
        assert_eq!(others.len(), 1023);
        drop(first);
    });
}

#[test]
fn a_buffer_keeps_its_set_although_all_handles_are_gone() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    Pool::new(1).block_on(async {
        let buffer = RegisteredBuffers::new(4, 512).unwrap().take().unwrap();
        let (count, buffer) = op::read_fixed_at(&file, buffer, 0).await.unwrap();
        assert_eq!((count, &buffer[..]), (15, &TEXT[..]));
    });
}

#[test]
fn buffers_outlive_their_pool() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = SharedFd::from(OwnedFd::from(reader));
    let (buffers, mut buffer, operation) = pool.block_on(async {
        let buffers = RegisteredBuffers::new(2, 512).unwrap();
        let mut operation = op::read_fixed(&reader, buffers.take().unwrap());
        begin(&mut operation).await;
        (buffers.clone(), with(&buffers, b"salt"), operation)
    });
    shut_down(&pool);
    drop(pool);
    assert_eq!(&buffer[..], b"salt");
    buffer.fill(b'x');
    writer.write_all(b"pepper").unwrap();
    assert_eq!(buffers.available(), 0);
    let error = futures::executor::block_on(operation).unwrap_err();
    assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
    drop((error, buffer));
    until(|| buffers.available() == 2);
    drop(buffers);
}

#[test]
fn a_pool_that_is_shut_down_ends_operations_on_registered_buffers() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let pool = Pool::new(1);
    let buffers = pool.block_on(async { RegisteredBuffers::new(8, 512) }).unwrap();
    let reading: Vec<_> = (0..8)
        .map(|_| {
            let (reader, buffers) = (reader.clone(), buffers.clone());
            pool.spawn(async move { op::read_fixed(&reader, buffers.wait().await).await.map(drop) })
        })
        .collect();
    until(|| buffers.available() == 0 && pool.runtime(0).load().operations_in_flight >= 8);
    pool.shutdown(Duration::from_secs(30)).unwrap();
    drop(reading);
    assert_eq!(buffers.available(), 8);
}
