//! `with_timeout` and `with_deadline`.

use std::time::{Duration, Instant};

use crate::common::*;
use crate::support::*;
use ringpool::stop::{
    Limited, StopSource, StopToken, checkpoint, shield, until, with_deadline, with_stop,
    with_timeout,
};
use ringpool::time::{sleep, sleep_until};
use ringpool::{Pool, switch_to, yield_now};

const SHORT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(1000);

/// Tries a situation with ever longer limits until it says that it came about: on a slow machine a
/// short limit may be over before what is to come first.
fn with_time_enough(comes_about: impl Fn(Duration) -> bool) {
    let mut time = 10 * SHORT;
    while !comes_about(time) {
        time *= 2;
    }
}

#[test]
fn a_future_in_time_is_not_late() {
    let limited = Pool::new(1).block_on(with_timeout(LONG, async { 7 }));
    assert_eq!((limited.output, limited.is_late), (7, false));
}

#[test]
fn an_operation_is_stopped_when_its_time_is_up() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let pool = Pool::new(1);
    let started = Instant::now();
    let Limited { output, is_late, .. } = pool.block_on(with_timeout(SHORT, read(&reader)));
    assert_eq!(given_back(output).capacity(), 77);
    assert!(is_late && started.elapsed() >= SHORT);
    let Limited { output, is_late, .. } =
        pool.block_on(with_deadline(Instant::now(), read(&reader)));
    given_back(output);
    assert!(is_late);
}

#[test]
fn the_code_goes_on_after_its_time_and_is_awaited() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let limited = Pool::new(1).block_on(with_timeout(SHORT, async {
        given_back(read(&reader).await);
        given_back(read(&reader).await);
        put(&mut writer, b"salt");
        shield(async {
            sleep(SHORT).await;
            read(&reader).await.unwrap().1
        })
        .await
    }));
    assert_eq!(limited.output, b"salt");
    assert!(limited.is_late);
}

#[test]
fn a_result_that_came_first_is_delivered_late() {
    let _limit = limit();
    with_time_enough(|time| {
        let (reader, mut writer) = pipe();
        let limited = Pool::new(1).block_on(with_timeout(time, async {
            let token = StopToken::current();
            let mut reading = read(&reader);
            begin(&mut reading).await;
            if token.is_stop_requested() {
                return None;
            }
            completed(1, || put(&mut writer, b"salt")).await;
            let is_first = !token.is_stop_requested();
            token.stopped().await;
            let read = reading.await;
            is_first.then(|| read.unwrap().1)
        }));
        assert!(limited.is_late);
        limited.output.inspect(|bytes| assert_eq!(bytes, b"salt")).is_some()
    });
}

#[test]
fn of_two_limits_the_one_that_fired_says_so() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let pool = Pool::new(1);
    for (outer, inner) in [(LONG, SHORT), (SHORT, LONG)] {
        let limited = pool.block_on(with_timeout(outer, with_timeout(inner, read(&reader))));
        given_back(limited.output.output);
        assert_eq!((limited.is_late, limited.output.is_late), (outer == SHORT, inner == SHORT));
    }
}

#[test]
fn what_was_stopped_by_another_limit_is_not_called_late_afterwards() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    with_time_enough(|inner| {
        let deadline = Instant::now() + inner;
        let limited = Pool::new(1).block_on(with_timeout(
            SHORT,
            with_deadline(deadline, async {
                given_back(read(&reader).await);
                let outer_was_first = Instant::now() < deadline;
                sleep_until(deadline).await;
                yield_now().await;
                outer_was_first
            }),
        ));
        let outer_was_first = limited.output.output;
        assert!(!outer_was_first || limited.is_late && !limited.output.is_late);
        outer_was_first
    });
}

#[test]
fn both_may_have_fired_if_the_inner_one_was_first() {
    let _limit = limit();
    with_time_enough(|outer| {
        let deadline = Instant::now() + outer;
        let limited = Pool::new(1).block_on(with_deadline(deadline, async {
            let outer = StopToken::current();
            let inner = with_timeout(SHORT, async {
                assert!(until(never()).await.is_err());
                let inner_was_first = Instant::now() < deadline;
                outer.stopped().await;
                inner_was_first
            });
            inner.await
        }));
        let inner_was_first = limited.output.output;
        assert!(!inner_was_first || limited.is_late && limited.output.is_late);
        inner_was_first
    });
}

#[test]
fn a_stop_from_outside_is_no_timeout() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    let token = source.token();
    Pool::new(1).block_on(async {
        let mut limited = Box::pin(with_stop(token, with_timeout(LONG, read(&reader))));
        begin(&mut limited).await;
        source.stop();
        let limited = limited.await;
        given_back(limited.output);
        assert!(!limited.is_late);
        // Stopped before its time is up, and over after it.
        let stopped = with_timeout(SHORT, async {
            checkpoint().await.unwrap_err();
            sleep(20 * SHORT).await;
        });
        assert!(!with_stop(source.token(), stopped).await.is_late);
        // Both at once: the stop counts.
        let stopped = with_deadline(Instant::now() - LONG, yield_now());
        assert!(!with_stop(source.token(), stopped).await.is_late);
    });
}

#[test]
fn code_that_computes_or_waits_for_other_things_hears_of_its_limit() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        let limited = with_timeout(SHORT, async { while checkpoint().await.is_ok() {} }).await;
        assert!(limited.is_late);
        let limited = with_timeout(SHORT, until(never())).await;
        assert!(limited.is_late && limited.output.is_err());
    });
}

#[test]
fn a_limit_goes_with_its_task_to_another_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    let there = pool.runtime(1);
    let limited = pool.block_on(with_timeout(SHORT, async move {
        let here_first = read(&reader);
        switch_to(&there).await.unwrap();
        given_back(here_first.await);
        here()
    }));
    assert_eq!((limited.output, limited.is_late), (Some(1), true));
}

#[test]
fn a_limit_that_is_made_outside_and_moved_into_a_scope_is_stopped_with_that() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    let token = source.token();
    let limited = with_timeout(LONG, read(&reader));
    assert!(limited.deadline() > Instant::now());
    Pool::new(1).block_on(async {
        let mut limited = with_stop(token, limited);
        begin(&mut limited).await;
        source.stop();
        let limited = limited.await;
        given_back(limited.output);
        assert!(!limited.is_late);
    });
}

#[test]
fn a_limit_that_is_over_before_it_begins_stops_what_is_not_ready() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        let past = Instant::now().checked_sub(SHORT).unwrap();
        let ready = with_deadline(past, async { 7 }).await;
        assert_eq!((ready.output, ready.is_late), (7, false));
        let waits = with_deadline(past, read(&reader)).await;
        given_back(waits.output);
        assert!(waits.is_late);
        let waits = with_timeout(Duration::ZERO, until(never())).await;
        assert!(waits.output.is_err() && waits.is_late);
    });
}

#[test]
fn a_limit_without_end_is_no_overflow() {
    let _limit = limit();
    let limited = Pool::new(1).block_on(with_timeout(Duration::MAX, async {
        yield_now().await;
        7
    }));
    assert_eq!((limited.output, limited.is_late), (7, false));
}

#[test]
fn what_is_shielded_outlives_the_limit_and_gives_its_result() {
    let _limit = limit();
    let ((reader, mut writer), pool) = (pipe(), Pool::new(1));
    let limited = pool.block_on(with_timeout(SHORT, async {
        let token = StopToken::current();
        let shielded = shield(async {
            let mut reading = read(&reader);
            begin(&mut reading).await;
            token.await; // The time is up from here on.
            std::io::Write::write_all(&mut writer, b"salt").unwrap();
            reading.await
        });
        let read = shielded.await.map(|(_, bytes)| bytes);
        (read, checkpoint().await)
    }));
    let (read, noticed) = limited.output;
    assert_eq!(read.unwrap(), b"salt");
    assert!(noticed.is_err() && limited.is_late, "it is noticed when the shield ends");
}
