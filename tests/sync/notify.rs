//! `Notify`, by hand, between rings, and with plain threads.

use crate::common::{Count, limit, on_a_plain_thread, panic_of, rounds};
use crate::support::ByHand;
use ringpool::sync::Notify;
use ringpool::{Pool, spawn_on, switch_to};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn one_notification_is_stored_if_nobody_waits() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    ByHand::new(notify.notified()).finish();
    drop(ByHand::waiting(notify.notified()));
}

#[test]
fn notifications_are_had_in_the_order_of_arrival() {
    let notify = Notify::new();
    let waits = [(); 3].map(|()| ByHand::waiting(notify.notified()));
    for number in 1..=3 {
        notify.notify_one();
        assert_eq!(waits.iter().map(ByHand::wakes).sum::<usize>(), number);
        assert_eq!(waits[number - 1].wakes(), 1);
    }
    waits.into_iter().for_each(|wait| wait.finish());
    assert!(!notify.try_notified());
}

#[test]
fn all_are_notified_who_were_there_before_polled_or_not_and_nobody_else() {
    let notify = Notify::new();
    let waiting = ByHand::waiting(notify.notified());
    let not_polled = ByHand::new(notify.notified());
    notify.notify_waiters();
    let late = ByHand::waiting(notify.notified());
    waiting.finish();
    not_polled.finish();
    assert_eq!(late.wakes(), 0);
    drop(late);
    notify.notify_waiters();
    drop(ByHand::waiting(notify.notified()));
    assert!(!notify.try_notified(), "nothing is stored");
}

#[test]
fn to_notify_all_takes_no_stored_notification_away() {
    let notify = Notify::new();
    let before = ByHand::new(notify.notified());
    notify.notify_one();
    notify.notify_waiters();
    before.finish();
    assert!(notify.try_notified());
}

#[test]
fn a_dropped_wait_passes_on_what_was_for_somebody() {
    let notify = Notify::new();
    let first = ByHand::waiting(notify.notified());
    let second = ByHand::waiting(notify.notified());
    notify.notify_one();
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second);
    assert!(notify.try_notified(), "stored, since nobody is left");
}

#[test]
fn a_dropped_wait_passes_on_nothing_if_all_were_notified() {
    let notify = Notify::new();
    let waiting = ByHand::waiting(notify.notified());
    notify.notify_waiters();
    drop(waiting);
    assert!(!notify.try_notified());
}

#[test]
fn a_wait_that_is_dropped_before_it_is_served_leaves_the_line() {
    let notify = Notify::new();
    let [first, second, third] = [(); 3].map(|()| ByHand::waiting(notify.notified()));
    drop(second);
    notify.notify_one();
    notify.notify_one();
    assert_eq!((first.wakes(), third.wakes()), (1, 1));
    drop(first);
    drop(third);
    drop(notify.notified());
    assert!(notify.try_notified());
}

#[test]
fn an_enabled_wait_is_in_line_before_it_is_awaited() {
    let notify = Notify::new();
    let mut enabled = pin!(notify.notified());
    assert!(!enabled.as_mut().enable());
    assert!(!enabled.as_mut().enable());
    notify.notify_one();
    assert!(!notify.try_notified());
    assert!(enabled.as_mut().enable());
    ByHand::new(enabled).finish();
}

#[test]
fn to_enable_a_wait_that_is_polled_already_keeps_its_waker() {
    let notify = Notify::new();
    let (waker, wakes, _) = crate::common::counting_waker();
    let mut waiting = Box::pin(notify.notified());
    assert!(crate::common::poll_once(&mut waiting, &waker).is_pending());
    assert!(!waiting.as_mut().enable());
    notify.notify_one();
    assert_eq!(wakes.get(), 1);
}

#[test]
fn an_enabled_wait_that_is_dropped_passes_on_what_it_had_found() {
    let notify = Notify::new();
    notify.notify_one();
    let mut enabled = notify.notified();
    assert!(Pin::new(&mut enabled).enable());
    assert!(!notify.try_notified());
    drop(enabled);
    assert!(notify.try_notified());
}

#[test]
fn a_wait_that_is_over_stays_so() {
    let notify = Notify::new();
    notify.notify_one();
    let mut wait = ByHand::new(notify.notified());
    assert!(wait.poll().is_ready());
    assert!(wait.poll().is_ready());
    drop(wait);
    assert!(!notify.try_notified());
}

#[test]
fn a_forgotten_wait_takes_one_notification_with_it_and_no_more() {
    let notify: &'static Notify = Box::leak(Box::new(Notify::new()));
    ByHand::waiting(notify.notified()).leak();
    let waiting = ByHand::waiting(notify.notified());
    notify.notify_one();
    assert_eq!(waiting.wakes(), 0);
    notify.notify_one();
    waiting.finish();
    ByHand::waiting(notify.notified()).leak();
    let waiting = ByHand::waiting(notify.notified());
    notify.notify_waiters();
    waiting.finish();
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let notify = Notify::new();
    let mut first = ByHand::new(notify.notified());
    assert!(first.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let second = ByHand::waiting(notify.notified());
    notify.notify_waiters();
    assert_eq!(second.wakes(), 1);
    first.finish();
    second.finish();
}

struct Notifying(Arc<Notify>);

impl Wake for Notifying {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
        self.0.notify_waiters();
    }
}

#[test]
fn a_waker_may_notify_where_it_is_woken_from() {
    let notify = Arc::new(Notify::new());
    let mut first = ByHand::new(notify.notified());
    assert!(first.poll_with(&Waker::from(Arc::new(Notifying(Arc::clone(&notify))))).is_pending());
    let second = ByHand::waiting(notify.notified());
    notify.notify_one();
    first.finish();
    second.finish();
    assert!(!notify.try_notified());
}

#[test]
fn a_plain_thread_and_a_task_notify_each_other() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (waits, answers) = (Arc::clone(&there), Arc::clone(&back));
    let turns = rounds(1000);
    let task = pool.spawn(async move {
        for _ in 0..turns {
            waits.notified().await;
            answers.notify_one();
        }
    });
    on_a_plain_thread(move || {
        for _ in 0..turns {
            there.notify_one();
            back.notified_blocking();
        }
    });
    task.wait().unwrap();
}

#[test]
fn a_queue_with_a_condition_of_its_own_loses_no_item_between_moving_tasks() {
    let _limit = limit();
    let pool = Pool::new(2);
    let shared = Arc::new((std::sync::Mutex::new(Vec::new()), Notify::new()));
    let (taken, items) = (Count::new(), rounds(2000));
    let takers: Vec<_> = (0..3)
        .map(|index| {
            let (shared, taken) = (Arc::clone(&shared), taken.clone());
            let rings = pool.runtimes().to_vec();
            spawn_on(&pool.runtime(index % 2), async move {
                loop {
                    let item = shared.0.lock().unwrap().pop();
                    match item {
                        Some(0) => {
                            shared.1.notify_one();
                            return shared.0.lock().unwrap().push(0);
                        }
                        Some(item) => {
                            taken.add();
                            switch_to(&rings[item % 2]).await.unwrap();
                        }
                        None => shared.1.notified().await,
                    }
                }
            })
        })
        .collect();
    for item in 1..=items {
        shared.0.lock().unwrap().push(item);
        shared.1.notify_one();
    }
    taken.reaches(items);
    shared.0.lock().unwrap().push(0);
    shared.1.notify_one();
    takers.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!(taken.get(), items);
}

#[test]
fn all_on_many_rings_and_threads_are_notified_at_once() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (notify, over) = (Arc::new(Notify::new()), Count::new());
    // Made before, so that none can come too late.
    let waits: Vec<_> = (0..20).map(|_| Arc::clone(&notify)).collect();
    let begun = Count::new();
    let tasks: Vec<_> = waits
        .into_iter()
        .enumerate()
        .map(|(index, notify)| {
            let (over, begun) = (over.clone(), begun.clone());
            spawn_on(&pool.runtime(index % 2), async move {
                let wait = notify.notified();
                begun.add();
                wait.await;
                over.add();
            })
        })
        .collect();
    begun.reaches(20);
    notify.notify_waiters();
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!(over.get(), 20);
}

#[test]
fn a_wait_with_a_limit_gives_up_its_place() {
    let notify = Notify::new();
    assert!(notify.notified_timeout(Duration::from_millis(5)).is_err());
    notify.notify_one();
    assert!(notify.notified_timeout(Duration::ZERO).is_ok());
    assert!(!notify.try_notified());
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics_and_takes_nothing() {
    let _limit = limit();
    let notify = Notify::new();
    notify.notify_one();
    let text = Pool::new(1).block_on(async { panic_of(|| notify.notified_blocking()) });
    assert!(text.contains("await `notified`"), "{text}");
    assert!(notify.try_notified());
}
