//! `op::race`, and limits of operations.

use std::io::Write;
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use ringpool::future::{OneOf2, race, select};
use ringpool::op::{self, SharedFd};
use ringpool::time::timeout;
use ringpool::{Pool, spawn_on, switch_to};

use crate::common::*;
use crate::support::*;

#[test]
fn the_first_operation_stops_the_others_and_all_buffers_come_back() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (quiet, _writer) = pipe();
    pool.block_on(async {
        let slow = op::read(&quiet, vec![0; 7]);
        let (first, (read, timer, limited)) =
            op::race((slow, op::timeout(SHORT), op::read(&quiet, vec![0; 8]).timeout(LONG))).await;
        assert_eq!(first, 1);
        timer.unwrap();
        for (read, capacity) in [(read, 7), (limited, 8)] {
            let error = read.unwrap_err();
            assert_eq!(error.error.raw_os_error(), Some(libc::ECANCELED));
            assert_eq!(error.buffer.capacity(), capacity);
        }
    });
    comes_to_rest(&pool);
    quiet.try_into_owned().expect("no operation has it any more");
}

#[test]
fn of_two_that_were_done_both_results_are_there() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (first, (one, other)) = op::race((op::nop(), op::nop())).await;
        assert_eq!(first, 0);
        assert!(one.is_ok() && other.is_ok());
        let (mut bytes, mut rounds_with_both) = (0, 0);
        for _ in 0..rounds(100) {
            let (reader, mut writer) = pipe();
            writer.write_all(b"12").unwrap();
            let reads = vec![op::read(&reader, vec![0; 1]), op::read(&reader, vec![0; 1])];
            let (first, outcomes) = op::race(reads).await;
            assert!(outcomes[first].is_ok());
            let done = outcomes.iter().flatten().count();
            bytes += done;
            rounds_with_both += usize::from(done == 2);
            drop(writer);
            // What no outcome has is still in the pipe.
            let left = op::read(&reader, vec![0; 9]).await.unwrap().0;
            assert_eq!(done + left, 2);
        }
        assert_eq!(bytes, rounds(100) + rounds_with_both);
    });
}

#[test]
fn no_connection_is_lost_by_accepts_that_race() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    let fds = listeners.map(|listener| SharedFd::from(OwnedFd::from(listener)));
    pool.block_on(async {
        let mut accepted = 0;
        let count = rounds(50) * 2;
        let _clients: Vec<_> =
            (0..count).map(|number| TcpStream::connect(addresses[number % 2]).unwrap()).collect();
        while accepted < count {
            let (_, outcomes) = op::race(fds.iter().map(op::accept).collect::<Vec<_>>()).await;
            accepted += outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        }
        assert_eq!(accepted, count);
        let (first, _) = op::race((op::accept(&fds[0]), op::timeout(SHORT))).await;
        assert_eq!(first, 1, "there are no others");
    });
    comes_to_rest(&pool);
}

#[test]
fn a_race_of_operations_that_cannot_begin_gives_all_errors() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let reads = (op::read(&reader, vec![0; 3]), op::nop());
    let (first, (read, nop)) = futures::executor::block_on(op::race(reads));
    assert_eq!(first, 0);
    assert_eq!(read.unwrap_err().buffer.capacity(), 3);
    assert_eq!(nop.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    let text = panic_of(|| drop(op::race(Vec::<op::Op<op::Nop>>::new())));
    assert!(text.contains("at least one"), "{text}");
    drop(_writer);
}

#[test]
fn a_race_of_operations_is_cancelled_and_dropped_as_each_would_be() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let quiet = Quiet::new();
        let reads = || (op::read(&quiet.reader, vec![0; 3]), op::read(&quiet.reader, vec![0; 4]));
        let (_, (one, other)) = op::race(reads()).cancel().await;
        assert!(one.is_err() && other.is_err());
        let mut racing = op::race(reads());
        select((&mut racing, after(2, ()))).await;
        let (_, (one, other)) = racing.cancel().await;
        assert_eq!(one.unwrap_err().buffer.capacity(), 3);
        assert_eq!(other.unwrap_err().buffer.capacity(), 4);
        assert_eq!(race((op::race(reads()), after(2, ()))).await.index(), 1);
        quiet.comes_free();
    });
}

#[test]
fn a_race_of_operations_is_cancelled_from_another_task_thread_and_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(60) {
            let quiet = Quiet::new();
            let reads: Vec<_> = (0..4).map(|_| quiet.read()).collect();
            let begun = Gate::new();
            let begins = begun.clone();
            let racing = spawn_on(&pool.runtime(0), async move {
                let mut racing = op::race(reads);
                select((&mut racing, async { begins.open() })).await;
                racing.await
            });
            begun.pass().await;
            match turn % 3 {
                0 => assert!(racing.cancel().await.is_none()),
                1 => {
                    let cancelling = std::thread::spawn(move || {
                        futures::executor::block_on(racing.cancel()).is_none()
                    });
                    let ended = ringpool::spawn_blocking(move || cancelling.join().unwrap());
                    assert!(ended.await.unwrap());
                }
                _ => {
                    switch_to(&pool.runtime(1)).await.unwrap();
                    assert!(racing.cancel().await.is_none());
                    switch_to(&pool.runtime(0)).await.unwrap();
                }
            }
            quiet.comes_free();
        }
    });
}

#[test]
fn nested_limits_tell_by_type_which_of_them_has_passed() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let inner = timeout(LONG, timeout(SHORT, never()));
        assert!(matches!(inner.await, Ok(Err(_))));
        let outer = timeout(SHORT, timeout(LONG, never()));
        assert!(outer.await.is_err());
        let neither = timeout(LONG, timeout(LONG, async { 1 }));
        assert!(matches!(neither.await, Ok(Ok(1))));
        let deep = timeout(LONG, timeout(SHORT, timeout(LONG, never())));
        assert!(matches!(deep.await, Ok(Err(_))));
    });
}

#[test]
fn the_limits_of_an_operation_race_and_lose_nothing() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for turn in 0..rounds(60) {
            let (reader, mut writer) = pipe();
            let time = SHORT / 40 * (turn as u32 % 40);
            let writing = ringpool::spawn_blocking(move || writer.write_all(b"byte").unwrap());
            // The kernel's limit gives the result if that won, and the buffer in any case.
            let read = op::read(&reader, vec![0; 9]).timeout(time).await;
            let got = match read {
                Ok((count, _)) => count,
                Err(error) => {
                    assert_eq!(error.error.kind(), std::io::ErrorKind::TimedOut);
                    assert_eq!(error.buffer.capacity(), 9);
                    0
                }
            };
            writing.await.unwrap();
            let left = op::read(&reader, vec![0; 9]).timeout(LONG).await.map_or(0, |read| read.0);
            assert_eq!(got + left, 4);
            let both = timeout(LONG, op::nop().timeout(LONG)).await;
            both.expect("neither limit passes").expect("a nop succeeds");
            let raced = race((op::timeout(LONG).timeout(SHORT / 10), after(1000, ()))).await;
            assert!(matches!(raced, OneOf2::First(_) | OneOf2::Second(())));
        }
    });
}

#[test]
fn a_race_of_no_operations_panics_when_it_is_made() {
    let _limit = limit();
    let none = Vec::<op::Op<op::Nop>>::new();
    let text = panic_of(|| drop(op::race(none)));
    assert!(text.contains("at least one"), "{text}");
}
