//! Operations that are dropped, forgotten, cancelled, or in flight while their task moves.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use ringpool::op::{self, SharedFd};
use ringpool::time::timeout;
use ringpool::{Pool, run_on, spawn, spawn_on, switch_to, yield_now};

use crate::common::{Count, here, limit};
use crate::support::{Counted, Scratch, begin, begin_without_submitting, open, pipe};

fn shared(file: std::fs::File) -> SharedFd {
    SharedFd::from(OwnedFd::from(file))
}

#[test]
fn the_buffer_of_a_dropped_read_is_kept_until_the_kernel_is_done() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let dropped = Count::new();
    Pool::new(1).block_on(async {
        let mut read = op::read(&reader, Counted::new(&[7; 64], &dropped));
        begin(&mut read).await;
        drop(read);
        assert_eq!(dropped.get(), 0, "the kernel may still write to it");
        while dropped.get() == 0 {
            yield_now().await;
        }
        // The read is over, so the bytes are the next one's.
        op::write(&writer, "salt").await.unwrap();
        assert_eq!(op::read(&reader, Vec::with_capacity(8)).await.unwrap().1, b"salt");
    });
    assert!(reader.try_into_owned().is_ok(), "no operation keeps the descriptor");
}

#[test]
fn a_read_that_is_dropped_on_another_ring_or_thread_is_stopped_at_home() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let dropped = Count::new();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let unfinished = pool.block_on(async {
        let mut first = op::read(&reader, Counted::new(&[7; 64], &dropped));
        let mut second = op::read(&reader, Counted::new(&[7; 64], &dropped));
        begin(&mut first).await;
        begin(&mut second).await;
        switch_to(&there).await.unwrap();
        drop(first);
        Some(second)
    });
    dropped.reaches(1);
    drop(unfinished);
    dropped.reaches(2);
    pool.block_on(async {
        op::write(&writer, "salt").await.unwrap();
        assert_eq!(op::read(&reader, Vec::with_capacity(8)).await.unwrap().1, b"salt");
    });
}

/// Never drops the value. The address sanitizer takes memory that nobody knows for a leak, so there
/// it goes where it is known, and no destructor runs either.
fn forget<T: Send + 'static>(value: T) {
    static KEPT: std::sync::Mutex<Vec<Box<dyn std::any::Any + Send>>> =
        std::sync::Mutex::new(Vec::new());
    if cfg!(ringpool_asan) {
        KEPT.lock().unwrap().push(Box::new(value));
    } else {
        std::mem::forget(value);
    }
}

#[test]
fn a_forgotten_read_takes_its_bytes_and_harms_nobody() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let dropped = Count::new();
    Pool::new(1).block_on(async {
        let mut read = op::read(&reader, [7; 64]);
        begin(&mut read).await;
        forget(read);
        let mut counted = op::read(&reader, Counted::new(&[7; 64], &dropped));
        begin(&mut counted).await;
        forget(counted);
        // Memory that would be taken for the forgotten reads' if they had given it up.
        let others: Vec<Vec<u8>> = (0..1000).map(|_| vec![1; 64]).collect();
        for _ in 0..2 {
            op::write(&writer, vec![0xee; 64]).await.unwrap();
            yield_now().await;
        }
        assert!(others.iter().flatten().all(|byte| *byte == 1));
        op::write(&writer, "salt").await.unwrap();
        assert_eq!(op::read(&reader, Vec::with_capacity(8)).await.unwrap().1, b"salt");
    });
    assert_eq!(dropped.get(), 0);
}

#[test]
fn a_read_forgotten_in_a_pool_that_ends_harms_nobody() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let dropped = Count::new();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut read = op::read(&reader, Counted::new(&[7; 64], &dropped));
        begin(&mut read).await;
        forget(read);
    });
    drop(pool);
    assert_eq!(dropped.get(), 0);
    let mut writer = std::fs::File::from(writer.try_into_owned().unwrap());
    std::io::Write::write_all(&mut writer, b"salt").unwrap();
    drop(reader);
}

#[test]
fn a_write_that_is_dropped_before_it_is_polled_goes_nowhere() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (old, new) = (scratch.file("old", b""), scratch.file("new", b""));
    Pool::new(1).block_on(async {
        let file = shared(open(&old));
        let number = file.as_raw_fd();
        let write = op::write_at(&file, "SECRET", 0);
        drop(write);
        drop(file);
        let reused = open(&new);
        yield_now().await;
        yield_now().await;
        // Another test may have been given the number.
        println!("{number} was closed, {} opened", reused.as_raw_fd());
    });
    assert_eq!(std::fs::read(old).unwrap(), b"");
    assert_eq!(std::fs::read(new).unwrap(), b"");
}

#[test]
fn a_write_that_is_dropped_before_it_is_submitted_never_hits_another_file() {
    let _limit = limit();
    let scratch = Scratch::new();
    let (old, new) = (scratch.file("old", b""), scratch.file("new", b""));
    Pool::new(1).block_on(async {
        for _ in 0..100 {
            let file = shared(open(&old));
            let number = file.as_raw_fd();
            let mut write = op::write_at(&file, "SECRET", 0);
            begin_without_submitting(&mut write).await;
            drop(write);
            drop(file);
            let other = open(&new);
            assert_ne!(other.as_raw_fd(), number, "the kernel is still to use the number");
            yield_now().await;
            yield_now().await;
        }
    });
    assert_eq!(std::fs::read(new).unwrap(), b"");
    let written = std::fs::read(old).unwrap();
    assert!(written.is_empty() || written == b"SECRET", "{written:?}");
}

#[test]
fn a_file_that_is_dropped_is_closed_after_the_last_operation_on_it() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let mut read = op::read(&reader, [0; 8]);
        begin(&mut read).await;
        drop(reader);
        op::write(&writer, "there").await.unwrap();
        assert_eq!(read.await.unwrap().0, 5);
        // A thread of the kernel that did the read may hold the file for a moment longer, as before
        // Linux 6.4, where reads of pipes always end on one.
        let error = loop {
            match op::write(&writer, "gone").await {
                Ok(_) => yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_cancelled_read_of_an_empty_pipe_gives_the_buffer_back() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let mut read = op::read(&reader, vec![7; 64]);
        begin(&mut read).await;
        let error = read.cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(error.buffer, vec![7; 64]);
        let error = op::read(&reader, [1; 2]).cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED), "it had not begun");
        let mut read = op::read(&reader, vec![7; 64]);
        begin_without_submitting(&mut read).await;
        let error = read.cancel().cancel().await.unwrap_err();
        assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED), "it was not submitted");
        assert_eq!(error.buffer, vec![7; 64]);
    });
    assert!(reader.try_into_owned().is_ok());
}

#[test]
fn a_read_is_cancelled_from_another_ring_than_its_own() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..100 {
            let mut read = op::read(&reader, vec![7; 64]);
            begin(&mut read).await;
            let error = run_on(&there, read.cancel()).await.unwrap().unwrap_err();
            assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
            assert_eq!(error.buffer, vec![7; 64]);
        }
    });
}

#[test]
fn a_read_that_is_done_when_it_is_cancelled_gives_what_it_read() {
    let _limit = limit();
    let (reader, writer) = pipe();
    Pool::new(1).block_on(async {
        let mut read = op::read(&reader, Vec::with_capacity(64));
        begin(&mut read).await;
        op::write(&writer, "salt").await.unwrap();
        // Old kernels let a worker of theirs read from a pipe, which takes its time.
        let ring = ringpool::current().unwrap();
        while ring.load().operations_in_flight > 0 {
            yield_now().await;
        }
        assert_eq!(read.cancel().await.unwrap(), (4, b"salt".to_vec()));
    });
}

#[test]
fn no_byte_is_lost_to_reads_that_time_out_and_are_cancelled() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let writing = spawn_on(&there, async move {
            for number in 0..1000_u16 {
                op::write(&writer, number.to_le_bytes()).await.unwrap();
            }
        });
        let mut received = Vec::new();
        loop {
            let mut read = op::read(&reader, Vec::with_capacity(2));
            let outcome = match timeout(Duration::from_micros(5), &mut read).await {
                Ok(outcome) => outcome,
                Err(_) => read.cancel().await,
            };
            match outcome {
                Ok((0, _)) => break,
                Ok((_, bytes)) => received.extend(bytes),
                Err(error) => assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED)),
            }
        }
        writing.await.unwrap();
        let expected: Vec<u8> = (0..1000_u16).flat_map(u16::to_le_bytes).collect();
        assert!(received == expected, "{} bytes came", received.len());
    });
}

#[test]
fn operations_stay_in_flight_while_their_task_changes_rings() {
    let _limit = limit();
    let pipes: Vec<_> = (0..8).map(|_| pipe()).collect();
    let pool = Pool::new(3);
    let (one, two) = (pool.runtime(1), pool.runtime(2));
    pool.block_on(async {
        let reads = pipes.iter().map(|(reader, _)| op::read(reader, Vec::with_capacity(8)));
        let moving = async {
            for (step, (_, writer)) in pipes.iter().enumerate() {
                switch_to(if step % 2 == 0 { &one } else { &two }).await.unwrap();
                op::write(writer, vec![step as u8; 8]).await.unwrap();
            }
            here()
        };
        let (read, place) = futures::join!(futures::future::join_all(reads), moving);
        assert_eq!(place, Some(2));
        for (step, outcome) in read.into_iter().enumerate() {
            assert_eq!(outcome.unwrap(), (8, vec![step as u8; 8]));
        }
        assert_eq!(here(), Some(2));
    });
}

#[test]
fn a_cancelled_task_waits_for_its_read_and_leaves_nothing_behind() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let dropped = Count::new();
    let pool = Pool::new(1);
    let began = Count::new();
    pool.block_on(async {
        let (fd, buffer, begun) = (reader.clone(), Counted::new(&[7; 64], &dropped), began.clone());
        let task = spawn(async move {
            let mut read = op::read(&fd, buffer);
            begin(&mut read).await;
            begun.add();
            drop(read.await);
        });
        while began.get() == 0 {
            yield_now().await;
        }
        assert!(task.cancel().await.is_none(), "it could not end by itself");
        assert_eq!(dropped.get(), 1, "the kernel was done when the cancel was");
    });
    assert!(reader.try_into_owned().is_ok());
}

#[test]
fn a_pool_that_ends_with_reads_in_flight_gives_back_all_they_own() {
    let _limit = limit();
    let dropped = Count::new();
    let pipes: Vec<_> = (0..100).map(|_| pipe()).collect();
    let pool = Pool::new(2);
    let began = Count::new();
    for (reader, _) in &pipes {
        let (fd, buffer) = (reader.clone(), Counted::new(&[7; 64], &dropped));
        let begun = began.clone();
        let task = pool.spawn(async move {
            let mut read = op::read(&fd, buffer);
            begin(&mut read).await;
            begun.add();
            drop(read.await);
        });
        task.detach();
    }
    began.reaches(100);
    drop(pool);
    assert_eq!(dropped.get(), 100);
    for (reader, _) in pipes {
        assert!(reader.try_into_owned().is_ok());
    }
}
