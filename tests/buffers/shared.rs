//! Buffers that all rings of a pool know.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;

use ringpool::buf::{IoBuf, RegisteredBuffers};
use ringpool::op::{self, SharedFd};
use ringpool::{Pool, switch_to, yield_now};

use crate::common::{limit, on_a_plain_thread, shut_down, until};
use crate::support::{Scratch, open, pipe};

fn file_in(scratch: &Scratch) -> SharedFd {
    SharedFd::from(OwnedFd::from(open(&scratch.file("file", b""))))
}

#[test]
fn a_task_takes_its_buffer_along_from_ring_to_ring() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let pool = Pool::new(3);
    pool.block_on(async {
        let buffers = pool.register_buffers(1, 4096).await.unwrap();
        let mut buffer = buffers.take().unwrap();
        for turn in 0..9 {
            let ring = pool.runtime(turn % 3);
            switch_to(&ring).await.unwrap();
            assert!(buffer.index_on(&ring).is_some());
            buffer.set_len(100);
            buffer.fill(turn as u8);
            let (_, mut written) = op::write_fixed(&writer, buffer).await.unwrap();
            written.fill(99);
            let (count, read) = op::read_fixed(&reader, written).await.unwrap();
            assert_eq!((count, &read[..]), (100, &[turn as u8; 100][..]));
            buffer = read;
        }
    });
}

/// Writes and reads back `rounds` blocks of its own; the buffers are fewer than those who want
/// them.
async fn work(file: SharedFd, buffers: RegisteredBuffers, worker: usize, rounds: usize) {
    const BLOCK: usize = 4096;
    for round in 0..rounds {
        let offset = ((worker * rounds + round) * BLOCK) as u64;
        let pattern = (worker * 31 + round) as u8;
        let mut buffer = buffers.wait().await;
        buffer.set_len(BLOCK);
        buffer.fill(pattern);
        let (count, buffer) = op::write_fixed_at(&file, buffer, offset).await.unwrap();
        assert_eq!(count, BLOCK);
        drop(buffer);
        let buffer = buffers.wait().await.slice(BLOCK..);
        let (count, buffer) = op::read_fixed_at(&file, buffer, offset).await.unwrap();
        assert_eq!(count, BLOCK);
        assert!(buffer.as_bytes().iter().all(|byte| *byte == pattern), "{worker} {round}");
        if round % 3 == 0 {
            // It goes back from a thread that has no ring.
            on_a_plain_thread(move || drop(buffer));
        }
    }
}

#[test]
fn two_rings_use_the_buffers_at_the_same_time_and_none_is_lost() {
    let _limit = limit();
    let scratch = Scratch::new();
    let file = file_in(&scratch);
    let pool = Pool::new(2);
    let buffers = futures::executor::block_on(pool.register_buffers(5, 8192)).unwrap();
    let workers: Vec<_> = (0..16)
        .map(|worker| {
            let task = work(file.clone(), buffers.clone(), worker, 30);
            pool.runtime(worker % 2).spawn(task)
        })
        .collect();
    for worker in workers {
        worker.wait().unwrap();
    }
    assert_eq!(buffers.available(), 5);
}

#[test]
fn one_set_after_the_other_finds_room() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let own = RegisteredBuffers::new(1, 512).unwrap();
        // More than there are places for on a ring.
        for _ in 0..1100 {
            let shared = pool.register_buffers(1, 512).await.unwrap();
            drop(shared.take());
        }
        let both = [own, pool.register_buffers(1, 512).await.unwrap()];
        let here = pool.runtime(0);
        let indices = both.map(|set| set.take().unwrap().index_on(&here));
        assert!(indices[0].is_some() && indices[1].is_some() && indices[0] != indices[1]);
    });
}

#[test]
fn an_operation_goes_on_while_other_sets_come_and_go() {
    let _limit = limit();
    let (reader, writer) = pipe();
    let pool = Pool::new(2);
    pool.block_on(async {
        let buffers = pool.register_buffers(2, 512).await.unwrap();
        let mut reading = op::read_fixed(&reader, buffers.take().unwrap());
        crate::support::begin(&mut reading).await;
        for _ in 0..20 {
            drop(pool.register_buffers(4, 4096).await.unwrap());
            drop(RegisteredBuffers::new(4, 4096).unwrap());
        }
        op::write(&writer, "salt").await.unwrap();
        let (count, buffer) = reading.await.unwrap();
        assert_eq!((count, &buffer[..]), (4, &b"salt"[..]));
    });
}

#[test]
fn a_pool_that_has_been_shut_down_registers_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    shut_down(&pool);
    let error = futures::executor::block_on(pool.register_buffers(1, 512)).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = futures::executor::block_on(pool.register_buffers(0, 512)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn buffers_of_all_rings_outlive_their_pool() {
    let _limit = limit();
    let pool = Pool::new(2);
    let buffers = futures::executor::block_on(pool.register_buffers(2, 512)).unwrap();
    let kept = buffers.take().unwrap();
    drop(pool);
    assert_eq!((kept.len(), buffers.available()), (512, 1));
    let next = Pool::new(2);
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
    let null = SharedFd::from(OwnedFd::from(null));
    let error = next.block_on(op::write_fixed(&null, kept)).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::InvalidInput);
    assert!(error.error.to_string().contains("of another pool"), "{}", error.error);
    assert_eq!(next.block_on(op::write(&null, error.buffer)).unwrap().0, 512);
    until(|| buffers.available() == 2);
}

#[test]
fn rings_are_named_by_what_is_printed() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let buffers = pool.register_buffers(2, 512).await.unwrap();
        let buffer = buffers.take().unwrap();
        yield_now().await;
        let text = format!("{buffers:?} {buffer:?}");
        assert!(text.contains("count: 2, size: 512, available: 1, rings: [0, 1]"), "{text}");
        assert!(text.contains("RegisteredBuffer { len: 512, capacity: 512"), "{text}");
    });
}
