//! Chains of operations: linked, hard linked, drained, forced to another thread, timed.

mod common;
mod network;

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::Duration;

use common::*;
use futures::FutureExt;
use io_uring::{opcode, squeue};
use network::{alone, open_fds};
use ringpool::op::{self, AnyFd, Descriptor, Op, Operation, SharedFd, Start};
use ringpool::time::sleep;
use ringpool::{Pool, current, spawn, spawn_on, switch_to, yield_now};

const BRIEF: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

/// The errno of a result that failed.
fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

/// The errno, and the buffer that came back with it.
fn errno_and_buffer<T, B>(result: ringpool::buf::BufResult<T, B>) -> (Option<i32>, B) {
    let error = result.err().expect("it fails");
    (error.error.raw_os_error(), error.buffer)
}

const CANCELED: Option<i32> = Some(libc::ECANCELED);

/// A file without a name, with these bytes.
async fn file(bytes: &[u8]) -> SharedFd {
    let flags = libc::O_TMPFILE | libc::O_RDWR;
    let file = op::openat2(None, std::env::temp_dir(), flags, 0o600).await.expect("a file");
    op::write_at(&file, bytes.to_vec(), 0).await.expect("there is room");
    file
}

fn metrics() -> ringpool::RuntimeMetrics {
    current().expect("in a task").metrics()
}

/// Waits until the ring of the calling task has had `count` completions more than `before`.
async fn completed(before: u64, count: u64) {
    while metrics().operations_completed < before + count {
        yield_now().await;
    }
}

/// Waits for a pipe to have something, and cannot be told to stop.
struct Unstoppable(AnyFd);

// SAFETY: the entry points to nothing.
unsafe impl Operation for Unstoppable {
    type Output = io::Result<u32>;

    const STOPS: bool = false;

    fn entry(&mut self, start: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::PollAdd::new(start.target(&self.0)?, libc::POLLIN as u32).build())
    }

    fn finish(self, result: io::Result<u32>) -> io::Result<u32> {
        result
    }
}

/// An operation that no kernel has.
struct Unheard;

// SAFETY: the entry points to nothing.
unsafe impl Operation for Unheard {
    type Output = io::Result<u32>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        // SAFETY: an entry is plain numbers, and the first byte is the operation's code.
        Ok(unsafe {
            let mut entry = opcode::Nop::new().build();
            (&raw mut entry).cast::<u8>().write(250);
            entry
        })
    }

    fn finish(self, result: io::Result<u32>) -> io::Result<u32> {
        result
    }
}

/// Writes of the digits, each to its place.
fn writes(file: &SharedFd, count: u8) -> Vec<Op<op::Write<Vec<u8>>>> {
    (0..count).map(|at| op::write_at(file, vec![b'0' + at % 10], u64::from(at))).collect()
}

#[test]
fn tuples_of_every_length_give_all_results_in_order() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let file = file(b"abcdefgh").await;
        let at = |offset| op::read_at(&file, vec![0; 1], offset);
        let of = |read: ringpool::buf::BufResult<usize, Vec<u8>>| read.unwrap().1[0];
        macro_rules! check {
            ($($name:ident $offset:tt),+) => {
                for is_hard in [false, true] {
                    let steps = ($(at($offset),)+);
                    let chain = if is_hard { op::hard_link(steps) } else { op::link(steps) };
                    let ($($name,)+) = chain.await;
                    assert_eq!([$(of($name)),+], [$(b'a' + $offset),+]);
                }
            };
        }
        check!(a 0, b 1);
        check!(a 0, b 1, c 2);
        check!(a 0, b 1, c 2, d 3);
        check!(a 0, b 1, c 2, d 3, e 4);
        check!(a 0, b 1, c 2, d 3, e 4, f 5);
        check!(a 0, b 1, c 2, d 3, e 4, f 5, g 6);
        check!(a 0, b 1, c 2, d 3, e 4, f 5, g 6, h 7);
        let eight = at(0).link(at(1)).link(at(2)).link(at(3)).hard_link(at(4)).link(at(5));
        let (a, .., h) = eight.link(at(6)).link(at(7)).await;
        assert_eq!((of(a), of(h)), (b'a', b'h'));
    });
}

#[test]
fn vectors_give_all_results_in_order_also_empty_ones() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        for count in [0, 1, 2, 9, 60] {
            let file = file(&[]).await;
            for (at, written) in op::link(writes(&file, count)).await.into_iter().enumerate() {
                assert_eq!(written.unwrap(), (1, vec![b'0' + at as u8 % 10]));
            }
            let (read, _) = op::read_at(&file, vec![0; 100], 0).await.unwrap();
            assert_eq!(read, usize::from(count));
        }
    });
    let nothing: Vec<Op<op::Nop>> = Vec::new();
    assert_eq!(op::link(nothing).now_or_never().map(|results| results.len()), Some(0));
}

#[test]
fn what_is_linked_begins_when_the_one_before_has_ended() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let (out, mut written) = {
            let (reader, writer) = io::pipe().unwrap();
            (SharedFd::from(OwnedFd::from(writer)), reader)
        };
        let mut chain = op::read(&reader, vec![0; 1]).link(op::write(&out, b"x".to_vec()));
        assert!(futures::poll!(&mut chain).is_pending());
        for _ in 0..20 {
            yield_now().await;
        }
        let ready = op::poll_add(
            &SharedFd::from(OwnedFd::from(written.try_clone().unwrap())),
            libc::POLLIN,
        );
        assert!(ready.now_or_never().is_none());
        writer.write_all(b"a").unwrap();
        let (read, wrote) = chain.await;
        assert_eq!((read.unwrap().1, wrote.unwrap().0), (vec![b'a'], 1));
        written.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn a_short_read_breaks_a_link_and_not_a_hard_link() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let file = file(b"short").await;
        let read = || op::read_at(&file, vec![0; 10], 0);
        let (short, after, last) = op::link((read(), op::nop(), read())).await;
        assert_eq!(short.unwrap().0, 5);
        assert_eq!(errno(after), CANCELED);
        assert_eq!(errno_and_buffer(last), (CANCELED, vec![0; 10]));
        let (short, after) = op::hard_link((read(), op::nop())).await;
        assert_eq!(short.unwrap().0, 5);
        after.unwrap();
    });
}

#[test]
fn a_member_that_cannot_be_submitted_says_why_and_the_others_are_cancelled() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let started = metrics().operations_started;
        let bad = op::openat2(None, "a\0b", libc::O_RDONLY, 0);
        let (file, _) = pipe();
        let buffer = vec![7; 3];
        let (read, bad, nop) = op::link((op::read(&file, buffer), bad, op::nop())).await;
        assert_eq!(errno_and_buffer(read), (CANCELED, vec![7; 3]));
        assert_eq!(bad.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(errno(nop), CANCELED);
        let (first, unheard) = op::hard_link((op::nop(), Op::new(Unheard))).await;
        assert_eq!(errno(first), CANCELED);
        assert_eq!(unheard.unwrap_err().kind(), ErrorKind::Unsupported);
        let (timed, unheard) =
            op::link((op::nop().timeout(LONG), Op::new(Unheard).timeout(LONG))).await;
        assert_eq!(errno(timed), CANCELED);
        assert_eq!(unheard.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(metrics().operations_started, started, "none of them went to the kernel");
    });
}

/// Its entry is never made.
struct Panicking;

// SAFETY: there is no entry.
unsafe impl Operation for Panicking {
    type Output = ();

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        panic!("no entry");
    }

    fn finish(self, _: io::Result<u32>) {}
}

#[test]
fn a_close_that_never_reaches_the_kernel_closes_nevertheless() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let is_at_end = |reader: &mut io::PipeReader| reader.read(&mut [0; 1]).unwrap() == 0;
    let ends = || {
        let (reader, writer) = io::pipe().unwrap();
        (reader, op::close(SharedFd::from(OwnedFd::from(writer))))
    };
    // Another member of its chain cannot be submitted.
    let (mut reader, close) = ends();
    let (closed, _) = pool.block_on(op::link((close, Op::new(Unheard))));
    assert_eq!(errno(closed), CANCELED);
    assert!(is_at_end(&mut reader), "it is closed");
    // Another member panics.
    let (mut reader, close) = ends();
    let chain = op::link((close, Op::new(Panicking)));
    catch_unwind(AssertUnwindSafe(|| pool.block_on(chain))).unwrap_err();
    assert!(is_at_end(&mut reader), "it is closed");
    // It waits in a drained chain that is cancelled.
    let (mut reader, close) = ends();
    let (never, _writer) = pipe();
    pool.block_on(async {
        let mut read = op::read(&never, [0; 1]);
        assert!((&mut read).now_or_never().is_none());
        let mut chain = op::link((op::nop().drain(), close));
        assert!((&mut chain).now_or_never().is_none());
        assert_eq!(errno(chain.cancel().await.1), CANCELED);
        read.cancel().await.unwrap_err();
    });
    assert!(is_at_end(&mut reader), "it is closed");
}

#[test]
fn a_member_that_the_kernel_refuses_cancels_all() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let missing = op::openat2(None, "/proc/no-such-file", libc::O_RDONLY, 0);
        let (nop, missing, after) = op::link((op::nop(), missing, op::nop())).await;
        nop.unwrap();
        assert_eq!(errno(missing), Some(libc::ENOENT));
        assert_eq!(errno(after), CANCELED);
    });
}

#[test]
fn outside_a_pool_a_chain_gives_everything_back() {
    let (_alone, _limit) = (alone(), limit());
    let (reader, _writer) = pipe();
    let read = || op::read(&reader, vec![7; 3]);
    let (first, second) = op::link((read(), read().timeout(LONG))).now_or_never().unwrap();
    for refused in [first, second] {
        let refused = refused.unwrap_err();
        assert_eq!((refused.error.kind(), refused.buffer), (ErrorKind::Unsupported, vec![7; 3]));
    }
}

#[test]
fn a_chain_longer_than_the_queue_is_refused() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::builder().threads(1).submission_entries(4).build().unwrap();
    pool.block_on(async {
        let nops = |count| (0..count).map(|_| op::nop()).collect::<Vec<_>>();
        assert!(op::link(nops(4)).await.iter().all(Result::is_ok));
        for refused in op::link(nops(5)).await {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        let timed = |count| (0..count).map(|_| op::nop().timeout(LONG)).collect::<Vec<_>>();
        assert!(op::link(timed(2)).await.iter().all(Result::is_ok));
        for refused in op::link(timed(3)).await {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        op::nop().await.unwrap();
    });
}

/// Each chain fails in its middle: if one were torn apart, its last write would be done.
#[test]
fn many_chains_at_once_on_a_short_queue_stay_whole() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::builder().threads(1).submission_entries(4).build().unwrap();
    pool.block_on(async {
        let file = file(&[0; 300]).await;
        let mut chains = Vec::new();
        for at in 0..300 {
            let missing = op::openat2(None, "/proc/no-such-file", libc::O_RDONLY, 0);
            let first = op::write_at(&file, vec![b'a'], at);
            let (nop, last) = (op::nop(), op::write_at(&file, vec![b'z'], at));
            chains.push(match at % 3 {
                0 => op::link((first, missing, last)).map(|it| it.2.map(drop)).boxed(),
                1 => op::link((first, nop, missing, last)).map(|it| it.3.map(drop)).boxed(),
                _ => op::link((missing.timeout(LONG), last)).map(|it| it.1.map(drop)).boxed(),
            });
        }
        for last in futures::future::join_all(chains).await {
            assert_eq!(last.unwrap_err().error.raw_os_error(), CANCELED);
        }
        let (_, bytes) = op::read_at(&file, vec![0; 300], 0).await.unwrap();
        let expected: Vec<_> = (0..300).map(|at| if at % 3 == 2 { 0 } else { b'a' }).collect();
        assert_eq!(bytes, expected);
    });
}

#[test]
fn chains_dropped_in_flight_leave_nothing() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::builder().threads(2).submission_entries(4).build().unwrap();
    let before = open_fds();
    for round in 0..60 {
        let there = pool.runtime(round / 5 % 2);
        let other = pool.runtime(1);
        let task = pool.runtime(0).spawn(async move {
            let (reader, writer) = pipe();
            let read = || op::read(&reader, vec![0; 8]);
            let mut chain = op::link((read(), read().timeout(LONG), op::nop()));
            let mut hard = op::hard_link(vec![read(), read(), read()]);
            assert!(futures::poll!(&mut chain).is_pending());
            assert!(futures::poll!(&mut hard).is_pending());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            switch_to(&there).await.unwrap();
            match round % 3 {
                0 => drop((chain, hard)),
                1 => on_a_plain_thread(move || drop((chain, hard))),
                _ => spawn_on(&other, async move { drop((chain, hard)) }).await.unwrap(),
            }
            drop(writer);
        });
        match round % 5 {
            4 => drop(task),
            _ => task.wait().unwrap(),
        }
    }
    pool.block_on(async {
        // A task that is cancelled is over when nothing of it is in the kernel.
        let (reader, _writer) = pipe();
        let begun = Gate::new();
        let opened = begun.clone();
        let task = spawn(async move {
            let read = || op::read(&reader, vec![0; 8]);
            let mut chain = op::link((read(), read().timeout(LONG)));
            assert!(futures::poll!(&mut chain).is_pending());
            opened.open();
            chain.await
        });
        begun.pass().await;
        task.cancel().await;
    });
    until(|| open_fds() == before);
}

#[test]
fn a_chain_that_is_cancelled_gives_all_back() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    let read = |byte| op::read(&reader, vec![byte; 2]);
    for far in [false, true] {
        pool.block_on(async {
            let mut chain = op::hard_link((read(1), read(2).timeout(LONG), read(3)));
            assert!(futures::poll!(&mut chain).is_pending());
            yield_now().await;
            if far {
                switch_to(&pool.runtime(1)).await.unwrap();
            }
            let (first, second, third) = chain.cancel().await;
            for (byte, result) in [(1, first), (2, second), (3, third)] {
                assert_eq!(errno_and_buffer(result), (CANCELED, vec![byte; 2]));
            }
            let (first, second) = op::link((read(1), read(2).timeout(LONG))).cancel().await;
            assert_eq!(errno_and_buffer(first), (CANCELED, vec![1; 2]));
            assert_eq!(errno_and_buffer(second), (CANCELED, vec![2; 2]));
        });
    }
}

#[test]
fn a_chain_goes_on_while_its_task_moves() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    pool.block_on(async {
        for round in 0..100 {
            let (reader, mut writer) = pipe();
            switch_to(&pool.runtime(round % 2)).await.unwrap();
            let read = || op::read(&reader, vec![0; 1]);
            let mut chain = op::link((read(), read().timeout(LONG), read()));
            assert!(futures::poll!(&mut chain).is_pending());
            switch_to(&pool.runtime((round + 1) % 2)).await.unwrap();
            writer.write_all(b"abc").unwrap();
            let (a, b, c) = chain.await;
            assert_eq!([a, b, c].map(|read| read.unwrap().1[0]), *b"abc");
        }
    });
}

#[test]
fn a_chain_outlives_the_ring_it_was_on() {
    let (_alone, _limit) = (alone(), limit());
    let (reader, _writer) = pipe();
    let first = Pool::new(1);
    let read = || op::read(&reader, vec![7; 1]);
    let chain = first.block_on(async {
        let mut chain = op::link((read(), read()));
        assert!(futures::poll!(&mut chain).is_pending());
        chain
    });
    drop(first);
    let (a, b) = futures::executor::block_on(chain);
    assert_eq!([a, b].map(errno_and_buffer), [(CANCELED, vec![7]), (CANCELED, vec![7])]);
}

#[test]
fn a_limit_in_a_chain_stops_its_operation_and_what_is_linked() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let read = || op::read(&reader, vec![0; 4]);
        let (before, timed, after) = op::link((op::nop(), read().timeout(BRIEF), op::nop())).await;
        before.unwrap();
        let error = timed.unwrap_err();
        assert_eq!((error.error.kind(), error.buffer), (ErrorKind::TimedOut, vec![0; 4]));
        assert_eq!(errno(after), CANCELED);
        let both = op::hard_link((read().timeout(BRIEF), read().timeout(BRIEF))).await;
        for timed in [both.0, both.1] {
            assert_eq!(timed.unwrap_err().error.kind(), ErrorKind::TimedOut);
        }
    });
}

/// Time may be up in the moment in which a thread of the kernel leaves the wait to a poll, and the
/// kernel does not find the operation then.
#[test]
fn a_limit_stops_its_operation_whatever_the_kernel_is_doing_with_it() {
    let (_alone, _limit) = (alone(), limit());
    let (never, _writer) = pipe();
    Pool::new(1).block_on(async {
        for turn in 0..rounds(5_000) as u64 {
            let time = Duration::from_nanos(turn * 7 % 6_000);
            let error = op::read(&never, [0; 1]).force_async().timeout(time).await.unwrap_err();
            assert_eq!(error.error.kind(), ErrorKind::TimedOut);
        }
    });
}

#[test]
fn a_hard_link_goes_on_behind_an_operation_whose_time_is_up() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let waiting = || op::read(&reader, vec![0; 4]).timeout(BRIEF);
        let (read, after) = op::hard_link((waiting(), op::nop())).await;
        assert_eq!(read.unwrap_err().error.kind(), ErrorKind::TimedOut);
        after.unwrap();
    });
}

#[test]
fn a_limit_holds_behind_what_the_kernel_does_on_a_thread_of_its_own() {
    // Linux 6.1 waits for ever in that thread and does not look at the limit; 6.12 does.
    if kernel_version() < (6, 12) {
        return skip("a kernel that keeps to limits on its own threads, as Linux 6.12 does");
    }
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let waiting = || op::read(&reader, vec![0; 4]).timeout(BRIEF);
        let missing = op::openat2(None, "/proc/no-such-file", libc::O_RDONLY, 0).timeout(LONG);
        let (missing, read, after) = op::hard_link((missing, waiting(), op::nop())).await;
        assert_eq!(errno(missing), Some(libc::ENOENT));
        assert_eq!(read.unwrap_err().error.kind(), ErrorKind::TimedOut);
        after.unwrap();
    });
}

#[test]
fn an_operation_that_wins_against_its_limit_gives_its_result() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        for limit in [Duration::from_nanos(1), Duration::from_micros(50), LONG, Duration::MAX] {
            for _ in 0..200 {
                match op::nop().timeout(limit).await {
                    Ok(()) => {}
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::TimedOut);
                        assert!(limit < LONG);
                    }
                }
            }
            let (reader, mut writer) = pipe();
            for _ in 0..50 {
                let timed = op::read(&reader, vec![0; 1]).timeout(limit);
                let timed = spawn(timed);
                writer.write_all(b"x").unwrap();
                match timed.await.unwrap() {
                    Ok((count, bytes)) => assert_eq!((count, &bytes[..]), (1, &b"x"[..])),
                    Err(error) => {
                        assert_eq!(error.error.kind(), ErrorKind::TimedOut);
                        let (count, _) = op::read(&reader, error.buffer).await.unwrap();
                        assert_eq!(count, 1, "the byte is still there");
                    }
                }
            }
        }
    });
}

#[test]
fn an_operation_forced_to_another_thread_is_timed_and_linked_like_any_other() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let read = || op::read(&reader, vec![0; 1]).force_async();
        let timed = read().timeout(BRIEF).await.unwrap_err();
        assert_eq!(timed.error.kind(), ErrorKind::TimedOut);
        let chain = spawn(read().link(op::nop().force_async()));
        writer.write_all(b"x").unwrap();
        let (read, nop) = chain.await.unwrap();
        assert_eq!(read.unwrap().0, 1);
        nop.unwrap();
    });
}

#[test]
fn a_cancel_of_what_has_ended_already_is_not_repeated() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let had = metrics().operations_completed;
        let mut nop = Box::pin(op::nop());
        assert!(futures::poll!(&mut nop).is_pending());
        completed(had, 1).await;
        let nop = Pin::into_inner(nop).cancel();
        sleep(BRIEF).await;
        assert_sleeps().await;
        nop.await.unwrap();
    });
}

/// Checks that the ring of the calling task rests while nobody has anything to do.
async fn assert_sleeps() {
    let before = metrics().enters;
    sleep(Duration::from_millis(100)).await;
    let enters = metrics().enters - before;
    assert!(enters < 50, "{enters} system calls in a tenth of a second of rest");
}

#[test]
fn what_waits_for_an_operation_that_cannot_be_stopped_is_stopped_with_patience() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let had = metrics();
        let mut chain = op::hard_link((Op::new(Unstoppable(reader.to_any_fd())), op::nop()));
        assert!(futures::poll!(&mut chain).is_pending());
        yield_now().await;
        drop(chain);
        let before = metrics().enters;
        sleep(Duration::from_millis(100)).await;
        let enters = metrics().enters - before;
        println!("{enters} enters");
        assert!(enters < 2000, "{enters} system calls in a tenth of a second");
        assert_eq!(metrics().operations_completed, had.operations_completed);
        writer.write_all(b"x").unwrap();
        completed(had.operations_completed, 2).await;
        assert_sleeps().await;
    });
}

#[test]
fn what_is_said_too_late_of_an_operation_is_a_panic() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, _writer) = pipe();
    let begun = || {
        pool.block_on(async {
            let mut read = op::read(&reader, vec![0; 1]);
            assert!(futures::poll!(&mut read).is_pending());
            read
        })
    };
    type Read = Op<op::Read<Vec<u8>>>;
    let late: [fn(Read); 4] = [
        |read| drop(read.timeout(LONG)),
        |read| drop(read.force_async()),
        |read| drop(read.link(op::nop())),
        |read| drop(op::hard_link((read, op::nop()))),
    ];
    for late in late {
        let read = begun();
        assert!(panic_of(move || late(read)).contains("before it is polled"));
    }
    let chain = pool.block_on(async {
        let mut chain = op::nop().link(op::read(&reader, vec![0; 1]));
        assert!(futures::poll!(&mut chain).is_pending());
        chain
    });
    assert!(panic_of(move || drop(chain.link(op::nop()))).contains("before it is polled"));
}

#[test]
fn a_drained_operation_works_on_a_ring_that_has_cancelled_and_sent_messages() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        for _ in 0..20 {
            op::nop().drain().await.unwrap();
            assert!(op::read(&reader, vec![0; 4]).now_or_never().is_none());
            spawn_on(&pool.runtime(1), async {}).await.unwrap();
            yield_now().await;
            op::nop().drain().await.unwrap();
        }
    });
}

#[test]
fn a_drained_chain_waits_for_all_before_it_and_lets_none_pass() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let order = Count::new();
        let counted = || order.clone();
        let (first, chain, last) = (counted(), counted(), counted());
        let before = spawn(op::read(&reader, vec![0; 1]).map(move |read| {
            first.add();
            (first.get(), read.unwrap().0)
        }));
        yield_now().await;
        let drained = op::link((op::nop().drain(), op::nop().timeout(LONG)));
        let drained = spawn(drained.map(move |(one, two)| {
            one.and(two).unwrap();
            chain.add();
            chain.get()
        }));
        yield_now().await;
        let after = spawn(op::nop().map(move |nop| {
            nop.unwrap();
            last.add();
            last.get()
        }));
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(order.get(), 0);
        writer.write_all(b"x").unwrap();
        assert_eq!(before.await.unwrap(), (1, 1));
        assert_eq!((drained.await.unwrap(), after.await.unwrap()), (2, 3));
    });
}

#[test]
fn a_drained_operation_that_is_dropped_or_cancelled_while_it_waits_lets_the_others_go() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    pool.block_on(async {
        let mut waiting = op::read(&reader, vec![0; 1]);
        assert!(futures::poll!(&mut waiting).is_pending());
        for round in 0..6 {
            let mut drained = op::nop().drain();
            assert!(futures::poll!(&mut drained).is_pending());
            let mut behind = op::nop();
            assert!(futures::poll!(&mut behind).is_pending());
            match round % 3 {
                0 => drop(drained),
                1 => assert_eq!(errno(drained.cancel().await), CANCELED),
                _ => on_a_plain_thread(move || drop(drained)),
            }
            behind.await.unwrap();
        }
        assert_eq!(errno_and_buffer(waiting.cancel().await).0, CANCELED);
    });
}

#[test]
fn a_ring_stops_although_operations_wait_behind_a_drain() {
    let (_alone, _limit) = (alone(), limit());
    let (reader, _writer) = pipe();
    let pool = Pool::new(1);
    let (read, drained, behind) = pool.block_on(async {
        let mut all = (op::read(&reader, vec![0; 1]), op::nop().drain(), op::nop());
        assert!(futures::poll!(&mut all.0).is_pending());
        assert!(futures::poll!(&mut all.1).is_pending());
        assert!(futures::poll!(&mut all.2).is_pending());
        all
    });
    shut_down(&pool);
    futures::executor::block_on(async {
        assert_eq!(errno_and_buffer(read.await).0, CANCELED);
        assert_eq!(errno(drained.await), CANCELED);
        behind.await.map_err(|error| error.raw_os_error()).unwrap_or_else(|error| {
            assert_eq!(error, CANCELED);
        });
    });
}
