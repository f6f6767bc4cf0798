//! What a pool counts adds up.

mod common;

#[path = "metrics/operations.rs"]
mod operations;
#[cfg(feature = "prometheus")]
#[path = "metrics/prometheus.rs"]
mod prometheus;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::*;
use futures::future::join_all;
use ringpool::metrics::PollTimes;
use ringpool::time::sleep;
use ringpool::{
    Balance, Channel, Pool, PoolMetrics, Runtime, RuntimeMetrics, current, run_on, spawn,
    spawn_local, spawn_on, switch_to, yield_now,
};

/// A pool in which no task moves but by its own wish.
fn unbalanced(threads: usize) -> Pool {
    Pool::builder().threads(threads).balance(Balance::Manual).build().unwrap()
}

/// Those of the ring that the caller is on.
fn own() -> RuntimeMetrics {
    current().expect("in a task").metrics()
}

/// The pool's, once everything that was sent has come in. Nothing sends any more, or it never does.
fn at_rest(pool: &Pool) -> PoolMetrics {
    let rests = |metrics: &PoolMetrics| metrics.messages_sent() == metrics.messages_received();
    until(|| rests(&pool.metrics()));
    pool.metrics()
}

/// Waits until the ring sleeps.
fn until_asleep(ring: &Runtime) {
    until(|| {
        let (before, now) = (ring.metrics(), ring.metrics());
        before.sleeps == now.sleeps && now.asleep > before.asleep
    });
}

/// Keeps the thread busy for so long.
fn compute(time: Duration) {
    let end = Instant::now() + time;
    until(|| Instant::now() >= end);
}

#[track_caller]
fn assert_tasks_add_up(ring: &RuntimeMetrics) {
    let came = ring.tasks_spawned + ring.arrivals + ring.sheds_in;
    let went = ring.tasks_finished + ring.migrations + ring.sheds_out;
    assert_eq!(came, went + ring.tasks_alive, "{ring:?}");
}

#[test]
fn every_task_lives_has_ended_or_has_left() {
    let _limit = limit();
    let pool = unbalanced(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let born_here = (0..50).map(|_| spawn(async {}));
        let born_there = (0..30).map(|_| spawn_on(&there, async {}));
        let local = (0..20).map(|_| spawn_local(async {}));
        let tasks = born_here.chain(born_there).chain(local);
        join_all(tasks.collect::<Vec<_>>()).await;
        assert_tasks_add_up(&own());
        let visits = (0..10).map(|_| {
            let there = there.clone();
            spawn(async move {
                run_on(&there, async { assert_tasks_add_up(&own()) }).await.unwrap();
                assert_tasks_add_up(&own());
            })
        });
        join_all(visits.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
        let panics = spawn(async { panic_on_purpose("a task that is counted") });
        assert!(panics.await.is_err());
        spawn(never()).cancel().await;
        let waits = spawn(never());
        yield_now().await;
        let here = own();
        assert_tasks_add_up(&here);
        assert_eq!((here.tasks_alive, here.migrations), (2, 10));
        assert_eq!(here.tasks_spawned, 50 + 20 + 10 + 3);
        waits.cancel().await;
    });
    let metrics = at_rest(&pool);
    let (here, there) = (metrics.rings[0], metrics.rings[1]);
    // The one of `block_on`, and those that came back; those born there, and those that visited.
    assert_eq!((here.arrivals, there.arrivals), (11, 40));
    assert_eq!((there.migrations, there.tasks_finished), (10, 30));
    assert_eq!(metrics.tasks_spawned(), 1 + 50 + 30 + 20 + 10 + 3);
    assert_eq!(metrics.total().tasks_alive, 0);
    metrics.rings.iter().for_each(assert_tasks_add_up);
}

#[test]
fn tasks_that_move_all_the_time_are_counted_on_every_ring() {
    let _limit = limit();
    let pool = unbalanced(3);
    let rings = pool.runtimes().to_vec();
    let rounds = rounds(300);
    pool.block_on(async {
        let moving = (0..40).map(|number| {
            let rings = rings.clone();
            spawn(async move {
                for round in 0..rounds {
                    switch_to(&rings[(number + round) % 3]).await.unwrap();
                    assert_tasks_add_up(&own());
                }
            })
        });
        join_all(moving.collect::<Vec<_>>()).await.into_iter().for_each(Result::unwrap);
    });
    let total = at_rest(&pool).total();
    // All that came from elsewhere has migrated, but for the task of `block_on`.
    assert_eq!(total.arrivals, total.migrations + 1);
    assert!(total.migrations > 40);
}

#[test]
fn tasks_that_are_shed_are_counted_where_they_go() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).balance(Balance::Shed).build().unwrap();
    until(|| {
        pool.block_on(async {
            let work = (0..100).map(|_| {
                spawn(async {
                    for _ in 0..3 {
                        compute(Duration::from_micros(100));
                        assert_tasks_add_up(&own());
                        yield_now().await;
                    }
                })
            });
            let work: Vec<_> = work.collect();
            join_all(work).await.into_iter().for_each(Result::unwrap);
            assert_tasks_add_up(&own());
        });
        pool.metrics().total().sheds_in > 0
    });
    let metrics = at_rest(&pool);
    let total = metrics.total();
    assert_eq!((total.sheds_out, total.tasks_alive), (total.sheds_in, 0));
    assert_eq!(metrics.tasks_spawned(), total.tasks_finished);
    metrics.rings.iter().for_each(assert_tasks_add_up);
}

#[test]
fn every_message_that_was_sent_is_received() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let rounds = rounds(1000);
    for _ in 0..rounds {
        assert_eq!(there.spawn(async { 7 }).wait().unwrap(), 7);
    }
    let from_outside = at_rest(&pool);
    assert_eq!(from_outside.rings[1].messages_from_outside, rounds as u64);
    assert_eq!(from_outside.messages_received(), rounds as u64);
    pool.block_on(async {
        let (to_there, from_here) = Channel::bounded(1).split();
        let (to_here, from_there) = Channel::bounded(1).split();
        let echo = spawn_on(&there, async move {
            while let Ok(item) = from_here.recv().await {
                to_here.send(item).await.unwrap();
            }
        });
        for number in 0..rounds {
            to_there.send(number).await.unwrap();
            assert_eq!(from_there.recv().await, Ok(number));
        }
        drop(to_there);
        echo.await.unwrap();
    });
    let metrics = at_rest(&pool);
    let total = metrics.total();
    assert_eq!(total.messages_received, total.messages_sent + total.messages_from_outside);
    // Those of before, and the task of `block_on`.
    assert_eq!(total.messages_from_outside, rounds as u64 + 1);
    assert!(total.messages_sent > 0);
}

#[test]
fn nobody_receives_what_is_not_yet_counted_as_sent() {
    let _limit = limit();
    let pool = unbalanced(2);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        for _ in 0..rounds(2000) {
            // All but this task rests when it is back, so at once the numbers have to be right.
            run_on(&there, async {}).await.unwrap();
            let (theirs, ours) = (there.metrics(), here.metrics());
            let sent = ours.messages_sent + theirs.messages_sent;
            let sent = sent + ours.messages_from_outside + theirs.messages_from_outside;
            assert_eq!(ours.messages_received + theirs.messages_received, sent);
        }
    });
}

#[test]
fn a_message_that_is_refused_is_not_counted() {
    let _limit = limit();
    let pool = Pool::new(1);
    let ring = pool.runtime(0);
    shut_down(&pool);
    let before = pool.metrics();
    // The message that stopped it.
    assert_eq!((before.messages_sent(), before.messages_received()), (1, 1));
    assert!(ring.try_spawn(async {}).is_err());
    let other = Pool::new(1);
    other.block_on(async {
        assert!(ring.try_spawn(async {}).is_err());
        assert!(switch_to(&ring).await.is_err());
        assert_eq!((own().messages_sent, own().migrations), (0, 0));
        assert_tasks_add_up(&own());
    });
    assert_eq!(pool.metrics().messages_sent(), 1);
}

#[test]
fn a_ring_begins_with_nothing_although_its_inbox_was_used_before() {
    let _limit = limit();
    for _ in 0..20 {
        let pool = Pool::new(1);
        assert_eq!(pool.metrics().messages_sent(), 0);
        assert_eq!(pool.metrics().total().doorbells_from_outside, 0);
        until_asleep(&pool.runtime(0));
        pool.spawn(async {}).wait().unwrap();
    }
}

#[test]
fn a_sleeping_ring_is_rung_once_and_one_that_is_awake_never() {
    let _limit = limit();
    let pool = unbalanced(2);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    until_asleep(&there);
    there.spawn(async {}).wait().unwrap();
    let first = there.metrics();
    assert_eq!((first.doorbells_from_outside, first.messages_from_outside), (1, 1));
    until_asleep(&there);
    pool.block_on(async {
        until_asleep(&there);
        let before = here.metrics();
        spawn_on(&there, async {}).await.unwrap();
        assert_eq!(here.metrics().doorbells_sent, before.doorbells_sent + 1);
        let door = Gate::new();
        let opened = door.clone();
        let busy = spawn_on(&there, async move {
            while !opened.is_open() {
                yield_now().await;
            }
        });
        until(|| there.metrics().tasks_ready > 0);
        let before = here.metrics();
        for _ in 0..100 {
            spawn_on(&there, async {}).detach();
        }
        let after = here.metrics();
        assert_eq!(after.doorbells_sent, before.doorbells_sent);
        assert_eq!(after.doorbells_saved, before.doorbells_saved + 100);
        door.open();
        busy.await.unwrap();
    });
    let metrics = at_rest(&pool);
    assert_eq!(metrics.doorbells_rung() + metrics.doorbells_saved(), metrics.messages_sent());
    assert!(there.metrics().doorbells_received >= 2);
}

#[test]
fn long_polls_are_seen_although_few_polls_are_timed() {
    let _limit = limit();
    let pool = Pool::new(1);
    let long = Duration::from_millis(4);
    pool.block_on(async {
        let before = own().poll_times;
        let polls = own().polls;
        // At most twice the average, less one, lie between two that are timed.
        let enough = 2 * before.sampled_one_in - 1;
        for _ in 0..enough {
            compute(long);
            yield_now().await;
        }
        assert_eq!(own().polls, polls + enough);
        let after = own().poll_times;
        let is_long = |bucket: &usize| PollTimes::upper_bound(*bucket).is_none_or(|b| b >= long);
        let seen = |times: PollTimes| -> u64 {
            (0..times.buckets.len()).filter(is_long).map(|bucket| times.buckets[bucket]).sum()
        };
        let timed = after.count() - before.count();
        assert!(timed >= 1 && timed < enough / 4, "{timed} of {enough}");
        // One that was under way before may have been a short one.
        assert!(seen(after) - seen(before) >= timed - 1, "{before:?} {after:?}");
        assert!(after.sum - before.sum >= long * (timed as u32 - 1));
    });
}

#[test]
fn short_polls_are_not_taken_for_long_ones() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for _ in 0..100_000 {
            yield_now().await;
        }
    });
    let metrics = pool.runtime(0).metrics();
    let times = metrics.poll_times;
    let expected = metrics.polls / times.sampled_one_in;
    assert!((expected / 2..expected * 2).contains(&times.count()), "{times:?} of {expected}");
    assert!(times.quantile(0.5).unwrap() < Duration::from_millis(1), "{times:?}");
}

#[test]
fn timers_wait_fire_or_are_dropped() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let far = (0..10).map(|_| Box::pin(sleep(Duration::from_secs(3600))));
        let mut far: Vec<_> = far.collect();
        for timer in &mut far {
            assert!(futures::poll!(timer).is_pending());
        }
        assert_eq!((own().timers, own().timers_fired), (10, 0));
        sleep(Duration::from_millis(1)).await;
        assert_eq!((own().timers, own().timers_fired), (10, 1));
        far.truncate(3);
        assert_eq!((own().timers, own().timers_fired), (3, 1));
    });
    assert_eq!(pool.metrics().total().timers_fired, 1);
}

#[test]
fn time_awake_in_vain_is_told_from_that_which_paid() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).spin_before_sleep(Duration::from_millis(5));
    let pool = pool.build().unwrap();
    let there = pool.runtime(1);
    // Wakes that come soon earn the credit to look on; alone, it looks on until that is used up.
    until(|| {
        pool.block_on(async {
            for _ in 0..100 {
                run_on(&there, async {}).await.unwrap();
            }
        });
        pool.metrics().total().spins_paid > 0
    });
    until(|| pool.metrics().total().spins_in_vain > 0);
    pool.runtimes().iter().for_each(until_asleep);
    for ring in pool.metrics().rings {
        assert!(ring.spins_paid + ring.spins_in_vain <= ring.spins, "{ring:?}");
        assert!(ring.spins == 0 || ring.spinning > Duration::ZERO, "{ring:?}");
        assert!(ring.asleep + ring.spinning <= ring.running, "{ring:?}");
    }
}

#[test]
fn the_threads_for_blocking_work_are_part_of_the_pools_metrics() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    assert_eq!(pool.metrics().blocking.threads, 0);
    let (go_on, waits) = channel::<()>();
    let first = pool.spawn_blocking(move || waits.recv().is_err());
    let second = pool.spawn_blocking(|| ());
    until(|| pool.metrics().blocking.queued == 1);
    assert_eq!(pool.metrics().blocking, pool.blocking_load());
    assert_eq!(pool.metrics().blocking.threads, 1);
    drop(go_on);
    assert!(first.wait().unwrap());
    second.wait().unwrap();
    until(|| pool.metrics().blocking.queued == 0);
}

#[test]
fn the_depth_of_the_queue_is_that_of_this_very_moment_on_the_ring_itself() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let tasks: Vec<_> = (0..10).map(|_| spawn(async {})).collect();
        assert_eq!((own().tasks_ready, own().tasks_alive), (10, 11));
        join_all(tasks).await;
        assert_eq!((own().tasks_ready, own().tasks_alive), (0, 1));
    });
}
