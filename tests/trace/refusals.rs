//! Traces that cannot be taken, or not as a whole.

use std::io::ErrorKind;
use std::time::Duration;

use ringpool::time::timeout;
use ringpool::{Pool, spawn_on};

use super::common::*;
use super::support::{Scratch, Trace, finish};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_ring_that_is_stuck_holds_nobody_up_and_its_track_says_so() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (gate, begun) = (Gate::new(), Count::new());
    let (wait_for, begins) = (gate.clone(), begun.clone());
    let stuck = spawn_on(&pool.runtime(1), async move {
        begins.add();
        wait_for.wait();
    });
    begun.reaches(1);
    for _ in 0..3 {
        let recording = pool.start_trace(10_000).unwrap();
        pool.block_on(async {}); // On ring 0.
        let (trace, report) = finish(recording);
        assert_eq!(report.without_answer, [1]);
        let slices: Vec<_> = trace.on("ring 1").collect();
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0].name, "not recorded");
        assert!(slices[0].args["why"].as_str().unwrap().contains("stuck"));
        assert!(trace.on("ring 0").count() > 0);
    }
    gate.open();
    stuck.wait().unwrap();
    // And it answers again: what it was told meanwhile is past.
    let recording = pool.start_trace(10_000).unwrap();
    pool.runtimes().iter().for_each(|ring| spawn_on(ring, async {}).wait().unwrap());
    let (trace, report) = finish(recording);
    assert!(report.without_answer.is_empty());
    assert_eq!(trace.polls(), 2);
}

#[test]
fn a_second_trace_at_once_is_refused_and_one_of_another_pool_is_not() {
    let _limit = limit();
    let (pool, other) = (Pool::new(2), Pool::new(2));
    let first = pool.start_trace(1_000).unwrap();
    let scratch = Scratch::new();
    let refused = pool.trace(&scratch.0, SHORT).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
    assert!(refused.to_string().contains("traced already"), "{refused}");
    assert!(!scratch.0.exists(), "what is refused makes no file");

    // A message from pool to pool is one by another thread.
    let theirs = other.start_trace(1_000).unwrap();
    let there = other.runtime(0);
    pool.block_on(async { spawn_on(&there, async {}).await }).unwrap();
    let (trace, _) = finish(theirs);
    let spawns = trace.arrows_named("spawn");
    assert_eq!(spawns.len(), 1);
    assert_eq!(spawns[0].from, "other threads");

    drop(first);
    pool.trace(&scratch.0, SHORT).unwrap();
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_and_nothing_stays_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    let nowhere = Scratch::new().0.join("a missing folder").join("trace.json");
    let hours = Duration::from_secs(10_000);
    assert_eq!(pool.trace(&nowhere, hours).unwrap_err().kind(), ErrorKind::NotFound);
    let refused = pool.block_on(pool.trace_async(&nowhere, hours)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let recording = pool.start_trace(1_000).expect("the traces before have ended");
    assert_eq!(recording.write(&nowhere).unwrap_err().kind(), ErrorKind::NotFound);
    let _ = pool.start_trace(1_000).expect("and so has that one");
}

#[test]
fn a_full_disk_is_an_error() {
    let _limit = limit();
    let pool = Pool::new(1);
    let error = pool.trace("/dev/full", SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    let _ = pool.start_trace(1).expect("nothing stays on");
}

#[test]
fn the_blocking_form_is_refused_on_a_ring_and_the_other_one_works_there() {
    let _limit = limit();
    let pool = Pool::new(2);
    let scratch = Scratch::new();
    pool.block_on(async {
        let refused = pool.trace(&scratch.0, SHORT).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        assert!(refused.to_string().contains("trace_async"), "{refused}");
        pool.trace_async(&scratch.0, SHORT).await.unwrap();
    });
    let trace = Trace::read(&scratch);
    assert_eq!(trace.tracks.len(), 3);
    assert!(trace.polls() > 0, "the task that waited for the trace is in it");
}

#[test]
fn a_trace_that_is_dropped_ends() {
    let _limit = limit();
    let pool = Pool::new(2);
    let scratch = Scratch::new();
    pool.block_on(async {
        let tracing = pool.trace_async(&scratch.0, Duration::from_secs(10_000));
        timeout(SHORT, tracing).await.expect_err("it takes hours");
    });
    let _ = pool.start_trace(1).expect("the one before has ended");
}

#[test]
fn a_pool_that_has_been_shut_down_has_nothing_to_tell() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.shutdown(LIMIT).unwrap();
    let scratch = Scratch::new();
    let report = pool.trace(&scratch.0, SHORT).unwrap();
    assert_eq!(report.without_answer, [0, 1]);
    assert_eq!(report.events, 0);
    assert_eq!(Trace::read(&scratch).polls(), 0);
}

#[test]
fn a_pool_may_end_while_it_is_traced() {
    let _limit = limit();
    let pool = Pool::new(2);
    let tasks: Vec<_> = (0..100).map(|_| pool.spawn(never())).collect();
    let recording = pool.start_trace(10_000).unwrap();
    drop(pool);
    let (trace, report) = finish(recording);
    assert!(report.without_answer.is_empty());
    let drops = trace.slices.iter().filter(|slice| slice.category == "drop").count();
    assert_eq!(drops, 100);
    drop(tasks);
}

#[test]
fn more_events_than_there_is_memory_for_are_refused() {
    let _limit = limit();
    let pool = Pool::new(1);
    let refused = pool.start_trace(usize::MAX).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("67108864 is the most"), "{refused}");
    let _ = pool.start_trace(1 << 26).expect("the most that is allowed");
}
