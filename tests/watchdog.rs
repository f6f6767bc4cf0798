//! Polls that last are reported while they do, and no others.

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use common::{Gate, limit, next, panic_on_purpose, threads_named};
use ringpool::Pool;
use ringpool::dump::LongPoll;
use ringpool::task::Builder;

/// A poll that takes longer is reported; no other poll here comes near.
const LONG: Duration = Duration::from_secs(1);

/// A pool of one ring whose polls of more than 20 ms are reported.
fn watched(report: impl Fn(&LongPoll) + Send + Sync + 'static) -> Pool {
    let builder = Pool::builder().threads(1);
    builder.watchdog_with(Duration::from_millis(20), report).build().expect("a pool")
}

#[test]
fn a_poll_that_lasts_is_reported_while_it_does_and_short_ones_are_not() {
    let _limit = limit();
    let (reports, reported) = channel();
    let pool = Pool::builder()
        .threads(2)
        .watchdog_with(LONG, move |poll| reports.send(poll.clone()).expect("the test waits"))
        .build()
        .expect("a pool");
    let short = pool.runtime(1).spawn(async {
        for _ in 0..10_000 {
            ringpool::yield_now().await;
        }
    });
    let end = Gate::new();
    let line = line!() + 1;
    let task = Builder::new().name("long").spawn_on(&pool.runtime(1), {
        let end = end.clone();
        async move { end.wait() }
    });
    let poll = next(&reported);
    assert_eq!((poll.task, poll.name.as_deref()), (task.id(), Some("long")));
    assert_eq!((poll.spawned_at.file(), poll.spawned_at.line()), (file!(), line));
    assert_eq!(poll.ring, 1);
    assert!(poll.lasted >= LONG, "{poll}");
    assert!(poll.to_string().contains("\"long\""), "{poll}");
    end.open();
    task.wait().expect("it ends");
    short.wait().expect("it ends");
    drop(pool);
    assert!(reported.recv().is_err(), "each poll is reported once");
}

#[test]
fn a_destructor_that_lasts_is_reported_too() {
    let _limit = limit();
    let (reports, reported) = channel();
    let pool = watched(move |poll| {
        let _ = reports.send(poll.task);
    });
    let end = Gate::new();
    let lasts = Lasts(end.clone());
    let task = pool.spawn(async move {
        let _lasts = lasts;
        std::future::pending::<()>().await;
    });
    let id = task.id();
    drop(task);
    while next(&reported) != id {}
    end.open();
}

struct Lasts(Gate);

impl Drop for Lasts {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[test]
fn a_report_that_panics_is_not_the_last_one() {
    let _limit = limit();
    let (reports, reported) = channel();
    let pool = watched(move |poll| {
        let _ = reports.send(poll.task);
        panic_on_purpose("a report");
    });
    for _ in 0..2 {
        let end = Gate::new();
        let until = end.clone();
        let task = pool.spawn(async move { until.wait() });
        while next(&reported) != task.id() {}
        end.open();
        task.wait().expect("it ends");
    }
}

#[test]
fn the_thread_is_there_only_if_asked_for_and_as_long_as_the_pool() {
    let _limit = limit();
    let named = |name: &str| threads_named(name).iter().any(|name| name.ends_with("-watchdog"));
    let with = Pool::builder().threads(1).thread_name("dog").watchdog(LONG).build();
    let without = Pool::builder().threads(1).thread_name("cat").build();
    assert!(with.is_ok() && without.is_ok());
    common::until(|| named("dog"));
    assert!(!named("cat"));
    drop(with);
    assert!(!named("dog"));
    drop(without);
}

#[test]
fn a_limit_of_zero_is_an_error() {
    let error = Pool::builder().watchdog(Duration::ZERO).build().expect_err("it makes no sense");
    assert!(error.to_string().contains("watchdog"), "{error}");
}

#[test]
fn a_report_may_drop_the_pool() {
    let _limit = limit();
    let pool = Arc::new(std::sync::Mutex::new(None::<Pool>));
    let (dropping, dropped) = (pool.clone(), Gate::new());
    let has_dropped = dropped.clone();
    let end = Gate::new();
    let until = end.clone();
    let made = watched(move |_| {
        end.open();
        if let Some(pool) = dropping.lock().unwrap().take() {
            drop(pool);
            has_dropped.open();
        }
    });
    let there = made.runtime(0);
    *pool.lock().unwrap() = Some(made);
    there.spawn(async move { until.wait() }).detach();
    dropped.wait();
}

/// A pool whose watchdog is in a report that waits for the gate, once this returns.
fn pool_in_a_report(end: &Gate) -> Pool {
    let (reports, until, busy) = (Gate::new(), end.clone(), Gate::new());
    let (reported, busy_until) = (reports.clone(), busy.clone());
    let pool = watched(move |_| {
        busy.open();
        reports.open();
        until.wait();
    });
    pool.spawn(async move { busy_until.wait() }).detach();
    reported.wait();
    pool
}

#[test]
fn a_report_that_waits_for_whoever_drops_the_pool_does_not_hold_up_the_drop() {
    let _limit = limit();
    let end = Gate::new();
    drop(pool_in_a_report(&end));
    end.open();
}

#[test]
fn nor_does_one_that_waits_for_a_task_of_the_ring_whose_thread_drops_the_pool() {
    let _limit = limit();
    let end = Gate::new();
    let pool = pool_in_a_report(&end);
    Pool::new(1).block_on(async move {
        let task = ringpool::spawn(async move { end.open() });
        drop(pool);
        task.await.expect("it ends");
    });
}
