//! Sleeps, intervals and timeouts.

mod common;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use common::*;
use futures::future::{Either, join_all, select};
use ringpool::time::{Elapsed, MissedTickBehavior, interval, interval_at};
use ringpool::time::{sleep, sleep_until, timeout, timeout_at};
use ringpool::{Pool, spawn_on, switch_to, yield_now};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

#[test]
fn a_sleep_is_never_ready_early() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for millis in [0, 1, 3, 7] {
            let started = Instant::now();
            sleep(Duration::from_millis(millis)).await;
            assert!(started.elapsed() >= Duration::from_millis(millis));
        }
        let past = Instant::now() - Duration::from_millis(5);
        sleep_until(past).await;
    });
}

/// Writes down its number when it is woken.
struct Notes(u64, Arc<Mutex<Vec<u64>>>);

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let now = Instant::now();
        // Deadlines in a scrambled order, all different. All sleeps begin in one poll, so none can
        // end before the last has begun.
        let mut sleeps: Vec<_> = (0..500u64)
            .map(|number| {
                let place = number * 7919 % 500;
                let waker = Waker::from(Arc::new(Notes(place, order.clone())));
                let mut sleep = sleep_until(now + Duration::from_micros(place));
                assert!(poll_once(&mut sleep, &waker).is_pending());
                sleep
            })
            .collect();
        // Some are dropped and begin again, with their old deadlines.
        for number in (0..500).step_by(7) {
            let place = number as u64 * 7919 % 500;
            let waker = Waker::from(Arc::new(Notes(place, order.clone())));
            sleeps[number] = sleep_until(now + Duration::from_micros(place));
            assert!(poll_once(&mut sleeps[number], &waker).is_pending());
        }
        while order.lock().unwrap().len() < 500 {
            yield_now().await;
        }
        let order = order.lock().unwrap();
        assert!(order.iter().copied().eq(0..500), "{order:?}");
    });
}

#[test]
fn a_sleep_that_is_dropped_leaves_nothing() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (waker, _, dropped) = counting_waker();
        let mut sleeps: Vec<_> = (0..1000).map(|_| sleep(LONG)).collect();
        for sleep in &mut sleeps {
            assert!(poll_once(sleep, &waker).is_pending());
        }
        drop(waker);
        // From the middle, the end and the start of what the ring keeps.
        while let Some(number) = sleeps.len().checked_sub(1) {
            drop(sleeps.swap_remove(number * 7919 % (number + 1)));
        }
        assert_eq!(dropped.get(), 1);
    });
    until(|| pool.runtime(0).load().timers == 0);
}

#[test]
fn a_forgotten_sleep_fires_for_nobody_or_goes_with_its_pool() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (waker, woken, dropped) = counting_waker();
    let mine = waker.clone();
    pool.block_on(async {
        let mut soon = sleep(SHORT);
        let mut late = sleep(LONG);
        assert!(poll_once(&mut soon, &mine).is_pending());
        assert!(poll_once(&mut late, &mine).is_pending());
        forget((soon, late));
    });
    woken.reaches(1);
    drop((pool, waker, mine));
    assert_eq!((woken.get(), dropped.get()), (2, 1));
}

#[test]
fn a_sleep_moves_between_rings_with_its_task() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (home, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        for _ in 0..20 {
            let started = Instant::now();
            let mut timer = sleep(SHORT);
            assert!(poll_once(&mut timer, &own_waker().await).is_pending());
            switch_to(&there).await.unwrap();
            timer.await;
            assert!(started.elapsed() >= SHORT);
            switch_to(&home).await.unwrap();
        }
    });
}

#[test]
fn a_sleep_whose_ring_stops_goes_on_where_its_task_is() {
    let _limit = limit();
    let (pool, other) = (Pool::new(1), Pool::new(1));
    let there = other.runtime(0);
    let (moved, started) = (Gate::new(), Instant::now());
    let signal = moved.clone();
    let task = pool.spawn(async move {
        let mut timer = sleep(Duration::from_millis(30));
        assert!(poll_once(&mut timer, &own_waker().await).is_pending());
        switch_to(&there).await.unwrap();
        signal.open();
        timer.await;
        here()
    });
    moved.wait();
    drop(pool);
    assert_eq!(task.wait().unwrap(), Some(0));
    assert!(started.elapsed() >= Duration::from_millis(30));
}

#[test]
fn a_sleep_can_be_set_to_another_moment() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut timer = sleep(LONG);
        assert!(poll_once(&mut timer, &own_waker().await).is_pending());
        let sooner = Instant::now() + SHORT;
        timer.reset(sooner);
        assert_eq!(timer.deadline(), sooner);
        (&mut timer).await;
        assert!(timer.is_elapsed() && Instant::now() >= sooner);
        timer.reset(Instant::now() + LONG);
        assert!(!timer.is_elapsed());
        timer.reset(Instant::now() + SHORT);
        timer.await;
    });
}

#[test]
fn a_sleep_without_a_ring_panics_and_says_what_it_needs() {
    let _limit = limit();
    let said = panic_of(|| poll_once(&mut sleep(SHORT), Waker::noop()));
    assert!(said.contains("await it in a task of a pool"), "{said}");
}

#[test]
fn a_sleep_for_ever_is_no_overflow() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let long = pin!(sleep(Duration::MAX));
        let short = pin!(sleep(SHORT));
        assert!(matches!(select(long, short).await, Either::Right(_)));
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
    });
}

#[test]
fn a_timeout_has_two_winners() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let dropped = Count::new();
        let guard = dropped.on_drop();
        let loses = async move {
            let _guard = guard;
            pending::<()>().await;
        };
        let error = timeout(SHORT, loses).await.unwrap_err();
        assert_eq!(dropped.get(), 1);
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
        let wins = async {
            yield_now().await;
            7
        };
        assert_eq!(timeout(LONG, wins).await, Ok(7));
        // Ready at once: no clock is asked, so none is late.
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        assert_eq!(timeout_at(Instant::now() - SHORT, async { 7 }).await, Ok(7));
        let ended: Result<(), Elapsed> = timeout_at(Instant::now() - SHORT, pending()).await;
        assert!(ended.is_err());
    });
    until(|| pool.runtime(0).load().timers == 0);
}

#[test]
fn a_timeout_outside_a_ring_gives_what_is_ready() {
    let _limit = limit();
    let answer = futures::executor::block_on(timeout(LONG, async { 7 }));
    assert_eq!(answer, Ok(7));
}

#[test]
fn an_interval_ticks_at_multiples_of_its_period() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let start = Instant::now() + SHORT;
        let mut ticks = interval_at(start, SHORT);
        assert_eq!(ticks.period(), SHORT);
        for number in 0..5 {
            assert_eq!(ticks.tick().await, start + SHORT * number);
        }
        assert!(Instant::now() >= start + SHORT * 4);
    });
    assert!(panic_of(|| interval(Duration::ZERO)).contains("more than zero"));
}

/// Ticks once, is late by more than `missed` periods, and gives the distances of the next ticks
/// from the first, with the moment at which the late one was asked for.
async fn late(
    behavior: MissedTickBehavior,
    period: Duration,
    missed: u32,
) -> (Vec<Duration>, Duration) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(behavior);
    let first = ticks.tick().await;
    while first.elapsed() < period * missed + period / 2 {
        std::hint::spin_loop();
    }
    let asked = first.elapsed();
    let mut distances = Vec::new();
    for _ in 0..missed + 2 {
        distances.push(ticks.tick().await - first);
    }
    (distances, asked)
}

#[test]
fn missed_ticks_come_in_a_burst_or_are_delayed_or_skipped() {
    let _limit = limit();
    let pool = Pool::new(1);
    let period = Duration::from_millis(4);
    pool.block_on(async {
        let (burst, _) = late(MissedTickBehavior::Burst, period, 5).await;
        let expected: Vec<_> = (1..=7).map(|number| period * number).collect();
        assert_eq!(burst, expected);

        let (delayed, asked) = late(MissedTickBehavior::Delay, period, 5).await;
        // The late one is the first that was missed; the one after it a full period later.
        assert_eq!(delayed[0], period);
        assert!(delayed[1] >= asked + period, "{delayed:?}, asked after {asked:?}");

        let (skipped, asked) = late(MissedTickBehavior::Skip, period, 5).await;
        assert_eq!(skipped[0], period);
        assert!(skipped[1] >= asked, "{skipped:?}, asked after {asked:?}");
        let whole = |distance: &Duration| distance.as_nanos().is_multiple_of(period.as_nanos());
        assert!(skipped.iter().all(whole), "{skipped:?}");
    });
}

#[test]
fn a_tick_whose_future_is_dropped_is_not_lost() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let start = Instant::now() + SHORT;
        let mut ticks = interval_at(start, LONG);
        let waker = own_waker().await;
        assert!(pin!(ticks.tick()).poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        sleep_until(start + SHORT).await;
        assert_eq!(ticks.tick().await, start);
        ticks.reset();
        assert!(timeout(SHORT, ticks.tick()).await.is_err());
    });
}

#[test]
fn fifty_thousand_sleeps_on_two_rings_all_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let tasks = (0..50_000u64).map(|number| {
            spawn_on(&pool.runtime(number as usize % 2), async move {
                sleep(Duration::from_micros(number * 31 % 20_000)).await;
            })
        });
        for ended in join_all(tasks).await {
            ended.unwrap();
        }
    });
}

#[test]
fn timers_alone_do_not_keep_a_ring_awake() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).spin_before_sleep(Duration::from_secs(3600));
    let pool = pool.build().unwrap();
    // Quick messages, for which it pays to look on.
    for _ in 0..50 {
        pool.runtime(0).spawn(async {}).wait().unwrap();
    }
    let sleeps = || pool.runtime(0).metrics().sleeps;
    let before = sleeps();
    pool.block_on(async {
        while sleeps() < before + 20 {
            sleep(Duration::from_micros(200)).await;
        }
    });
}
