use crate::support::{ByHand, Drops, Random, WakeCount, seed};
use futures::executor::block_on;
use ringpool::channel::watch::{self, RecvError, RecvTimeoutError};
use ringpool::{Pool, spawn_on, switch_to};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

#[test]
fn a_new_receiver_has_seen_the_first_value() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (1, Ok(false)));
    assert!(ByHand::new(receiver.changed()).poll().is_pending());
    sender.send(2).unwrap();
    assert_eq!(receiver.has_changed(), Ok(true));
    let late = sender.subscribe();
    assert_eq!((*late.borrow(), late.has_changed()), (2, Ok(false)));
}

#[test]
fn a_change_wakes_all_who_wait_once() {
    let (sender, mut first) = watch::channel(1);
    let mut second = first.clone();
    let (one, two) = (ByHand::waiting(first.changed()), ByHand::waiting(second.changed()));
    sender.send(2).unwrap();
    sender.send(3).unwrap();
    assert_eq!((one.wakes(), two.wakes()), (1, 1));
    assert_eq!((one.finish(), two.finish()), (Ok(()), Ok(())));
    assert_eq!((*first.borrow(), *second.borrow()), (3, 3), "the newest only");
    assert!(ByHand::new(first.changed()).poll().is_pending());
}

#[test]
fn a_look_counts_as_seen_only_where_it_says_so() {
    let (sender, mut receiver) = watch::channel(1);
    sender.send(2).unwrap();
    assert!(receiver.borrow().has_changed());
    assert_eq!(receiver.has_changed(), Ok(true));
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.borrow_and_update().has_changed());
    assert_eq!(receiver.has_changed(), Ok(false));
    receiver.mark_changed();
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(block_on(receiver.changed()), Ok(()));
    receiver.mark_changed();
    receiver.mark_unchanged();
    assert_eq!(receiver.has_changed(), Ok(false));
    assert!(!sender.borrow().has_changed());
}

#[test]
fn a_clone_has_seen_what_the_original_has() {
    let (sender, receiver) = watch::channel(1);
    sender.send(2).unwrap();
    let mut clone = receiver.clone();
    assert_eq!(block_on(clone.changed()), Ok(()));
    assert_eq!(receiver.has_changed(), Ok(true), "each remembers for itself");
    assert!(receiver.same_channel(&clone));
    assert!(!receiver.same_channel(&watch::channel(1).1));
}

#[test]
fn the_last_value_can_be_seen_after_the_last_sender() {
    let (sender, mut receiver) = watch::channel(1);
    let other = sender.clone();
    assert_eq!((sender.sender_count(), sender.same_channel(&other)), (2, true));
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(receiver.has_changed(), Ok(true));
    drop(other);
    assert_eq!(receiver.has_changed(), Err(RecvError));
    assert_eq!(block_on(receiver.changed()), Ok(()));
    assert_eq!(block_on(receiver.changed()), Err(RecvError));
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn the_end_of_the_last_sender_wakes_who_waits() {
    let (sender, mut receiver) = watch::channel(1);
    let wait = ByHand::waiting(receiver.changed());
    drop(sender.clone());
    assert_eq!(wait.wakes(), 0);
    drop(sender);
    assert_eq!(wait.wakes(), 1);
    assert_eq!(wait.finish(), Err(RecvError));
}

#[test]
fn a_value_for_nobody_comes_back_unless_it_is_to_be_kept() {
    let (sender, receiver) = watch::channel(1);
    drop(receiver);
    assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    assert_eq!(*sender.borrow(), 1);
    assert_eq!(sender.send_replace(3), 1);
    sender.send_modify(|value| *value += 1);
    assert!(sender.send_if_modified(|value| std::mem::replace(value, 5) == 4));
    assert_eq!(*sender.subscribe().borrow(), 5);
}

#[test]
fn a_change_that_is_none_tells_nobody() {
    let (sender, mut receiver) = watch::channel(1);
    let wait = ByHand::waiting(receiver.changed());
    assert!(!sender.send_if_modified(|_| false));
    assert_eq!(wait.wakes(), 0);
    assert!(sender.send_if_modified(|_| true));
    assert_eq!(wait.wakes(), 1);
}

#[test]
fn closures_that_panic_break_nothing_and_tell_nobody() {
    let (sender, mut receiver) = watch::channel(vec![1]);
    let wait = ByHand::waiting(receiver.changed());
    let modify = |list: &mut Vec<i32>| {
        list.push(2);
        crate::common::panic_on_purpose("as the test wants it")
    };
    assert!(catch_unwind(AssertUnwindSafe(|| sender.send_modify(modify))).is_err());
    assert_eq!(wait.wakes(), 0);
    drop(wait);
    assert_eq!(receiver.has_changed(), Ok(false));
    assert_eq!(*receiver.borrow(), [1, 2], "what it has changed until then stays");
    let wait = receiver.wait_for(|_| crate::common::panic_on_purpose("as the test wants it"));
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(wait).is_ok())).is_err());
    sender.send_modify(|list| list.push(3));
    assert_eq!(block_on(receiver.changed()), Ok(()));
    assert_eq!(*receiver.borrow(), [1, 2, 3]);
}

#[test]
fn old_values_are_dropped_once_and_outside_of_the_lock() {
    struct LooksWhenDropped(Option<watch::Receiver<LooksWhenDropped>>);
    impl Drop for LooksWhenDropped {
        fn drop(&mut self) {
            if let Some(receiver) = self.0.take() {
                assert!(receiver.borrow().0.is_none());
            }
        }
    }
    let _limit = crate::common::limit();
    let (sender, receiver) = watch::channel(LooksWhenDropped(None));
    sender.send(LooksWhenDropped(Some(receiver.clone()))).unwrap();
    sender.send(LooksWhenDropped(None)).unwrap();

    let drops = Drops::new(3);
    let (sender, receiver) = watch::channel(drops.item(0));
    sender.send(drops.item(1)).unwrap();
    assert_eq!((drops.of(0), drops.of(1)), (1, 0));
    drop(sender.send_replace(drops.item(2)));
    drop((sender, receiver));
    drops.assert_once_each(3);
}

#[test]
fn wait_for_looks_at_the_present_value_and_at_every_change() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!(block_on(receiver.wait_for(|value| *value == 1)).map(|value| *value), Ok(1));
    let mut wait = ByHand::waiting(receiver.wait_for(|value| *value >= 3));
    sender.send(2).unwrap();
    assert!(wait.poll().is_pending());
    sender.send(3).unwrap();
    assert_eq!(wait.finish().map(|value| *value), Ok(3));
    assert_eq!(receiver.has_changed(), Ok(false), "it was shown");
    sender.send(4).unwrap();
    drop(sender);
    assert!(block_on(receiver.wait_for(|value| *value == 4)).is_ok());
    assert!(block_on(receiver.wait_for(|value| *value == 5)).is_err());
}

#[test]
fn a_wait_that_is_dropped_or_leaked_loses_no_change() {
    let (sender, mut receiver) = watch::channel(1);
    drop(ByHand::waiting(receiver.changed()));
    ByHand::waiting(receiver.changed()).leak();
    sender.send(2).unwrap();
    assert_eq!(block_on(receiver.changed()), Ok(()));
    ByHand::waiting(receiver.changed()).leak();
    drop(receiver);
    assert_eq!(sender.receiver_count(), 0);
    assert!(sender.send(3).is_err());
}

#[test]
fn a_sender_learns_that_nobody_watches() {
    let (sender, receiver) = watch::channel(1);
    let other = receiver.clone();
    let (closed, dropped) = (ByHand::waiting(sender.closed()), ByHand::waiting(sender.closed()));
    drop(dropped);
    drop(receiver);
    assert_eq!((closed.wakes(), sender.is_closed()), (0, false));
    drop(other);
    assert_eq!((closed.wakes(), sender.is_closed()), (1, true));
    closed.finish();
    let again = sender.subscribe();
    assert!(!sender.is_closed());
    assert!(ByHand::new(sender.closed()).poll().is_pending());
    drop(again);
    block_on(sender.closed());
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        crate::common::panic_on_purpose("as the test wants it");
    }
}

/// Uses the channel while it is woken.
struct Sends(watch::Sender<u32>);

impl Wake for Sends {
    fn wake(self: Arc<Self>) {
        self.0.send_modify(|value| *value += 10);
    }
}

#[test]
fn wakers_may_panic_or_use_the_channel() {
    let _limit = crate::common::limit();
    let (sender, mut first) = watch::channel(1);
    let (mut second, mut third) = (first.clone(), first.clone());
    let mut one = ByHand::new(first.changed());
    assert!(one.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let mut two = ByHand::new(second.changed());
    assert!(two.poll_with(&Waker::from(Arc::new(Sends(sender.clone())))).is_pending());
    let three = ByHand::waiting(third.changed());
    sender.send(2).unwrap();
    assert_eq!(three.wakes(), 1);
    assert_eq!((one.finish(), two.finish(), three.finish()), (Ok(()), Ok(()), Ok(())));
    assert_eq!(*first.borrow(), 12);
}

#[test]
fn the_last_waker_is_the_one_woken() {
    let (sender, mut receiver) = watch::channel(1);
    let mut wait = ByHand::waiting(receiver.changed());
    let elsewhere = Arc::new(WakeCount::default());
    assert!(wait.poll_with(&Waker::from(Arc::clone(&elsewhere))).is_pending());
    sender.send(2).unwrap();
    assert_eq!((wait.wakes(), elsewhere.get()), (0, 1));
}

#[test]
fn threads_wait_for_a_change_and_for_a_limited_time() {
    let _limit = crate::common::limit();
    let (sender, mut receiver) = watch::channel(1);
    let short = Duration::from_millis(1);
    assert_eq!(receiver.changed_timeout(short), Err(RecvTimeoutError::Timeout));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| (receiver.changed_blocking(), *receiver.borrow()));
        sender.send(2).unwrap();
        assert_eq!(waiting.join().unwrap(), (Ok(()), 2));
    });
    sender.send(3).unwrap();
    assert_eq!(receiver.changed_timeout(Duration::ZERO), Ok(()));
    drop(sender);
    assert_eq!(receiver.changed_timeout(Duration::MAX), Err(RecvTimeoutError::Closed));
    assert_eq!(receiver.changed_blocking(), Err(RecvError));
    let text = Pool::new(1)
        .block_on(async move { crate::common::panic_of(|| receiver.changed_blocking()) });
    assert!(text.contains("must not block"), "{text}");
}

#[test]
fn moving_tasks_see_values_in_order_and_always_the_last() {
    let _limit = crate::common::limit();
    let pool = Pool::new(2);
    let last = crate::common::rounds(3_000);
    pool.block_on(async {
        let (sender, receiver) = watch::channel(0);
        let rings = [pool.runtime(0), pool.runtime(1)];
        let observers: Vec<_> = (0..4)
            .map(|number| {
                let (mut receiver, rings) = (receiver.clone(), rings.clone());
                spawn_on(&rings[number % 2].clone(), async move {
                    let mut seen = 0;
                    while receiver.changed().await.is_ok() {
                        let value = *receiver.borrow_and_update();
                        assert!(value >= seen, "{value} after {seen}");
                        seen = value;
                        if value % 64 == number {
                            switch_to(&rings[value / 64 % 2]).await.unwrap();
                        }
                    }
                    seen
                })
            })
            .collect();
        for value in 1..=last {
            sender.send_replace(value);
            if value % 16 == 0 {
                ringpool::yield_now().await;
            }
        }
        drop(sender);
        for observer in observers {
            assert_eq!(observer.await.unwrap(), last);
        }
    });
}

#[test]
fn waits_that_are_given_up_at_random_miss_nothing() {
    let _limit = crate::common::limit();
    let seed = seed();
    let last = crate::common::rounds(3_000);
    let (sender, receiver) = watch::channel(0);
    thread::scope(|scope| {
        for number in 0..3 {
            let mut receiver = receiver.clone();
            scope.spawn(move || {
                let mut random = Random::new(seed + number);
                loop {
                    match random.below(4) {
                        0 => drop(ByHand::new(receiver.changed()).poll()),
                        1 => drop(receiver.changed_timeout(Duration::from_micros(5))),
                        2 => receiver = receiver.clone(),
                        _ => {}
                    }
                    if *receiver.borrow() == last {
                        return;
                    }
                    receiver.mark_unchanged();
                    if *receiver.borrow() == last || receiver.changed_blocking().is_err() {
                        assert_eq!(*receiver.borrow(), last);
                        return;
                    }
                }
            });
        }
        for value in 1..=last {
            sender.send_replace(value);
        }
        drop(receiver);
        block_on(sender.closed());
    });
}
