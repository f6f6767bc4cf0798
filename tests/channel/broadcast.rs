use crate::support::{ByHand, Drops, Random, WakeCount, seed};
use futures::StreamExt;
use futures::executor::block_on;
use ringpool::channel::broadcast::{self, Lagged, RecvError, RecvTimeoutError, TryRecvError};
use ringpool::{Pool, spawn_on, switch_to};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

#[test]
fn every_receiver_gets_every_item_in_order() {
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    for number in 0..4 {
        assert_eq!(sender.send(number).ok(), Some(2));
    }
    assert_eq!((first.len(), sender.len()), (4, 4));
    for number in 0..4 {
        assert_eq!(first.try_recv(), Ok(number));
    }
    assert_eq!((first.is_empty(), second.len(), sender.len()), (true, 4, 4));
    for number in 0..4 {
        assert_eq!(block_on(second.recv()), Ok(number));
    }
    assert!(second.is_empty() && sender.is_empty());
    assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn the_places_are_used_again_and_again() {
    for capacity in [1, 2, 3, 5, 8] {
        let (sender, mut receiver) = broadcast::channel(capacity);
        let mut behind = sender.subscribe();
        for number in 0..100_usize {
            assert!(sender.send(number).is_ok());
            assert_eq!(receiver.try_recv(), Ok(number));
            if let Some(older) = number.checked_sub(capacity - 1) {
                assert_eq!(behind.try_recv(), Ok(older), "capacity {capacity}, exactly");
            }
        }
    }
}

#[test]
fn a_slow_receiver_is_told_once_how_much_it_missed() {
    let (sender, mut receiver) = broadcast::channel(3);
    for number in 0..10 {
        assert!(sender.send(number).is_ok());
    }
    assert_eq!((receiver.len(), sender.len()), (10, 3));
    assert_eq!(block_on(receiver.recv()), Err(RecvError::Lagged(7)));
    assert_eq!(receiver.len(), 3);
    assert_eq!(receiver.try_recv(), Ok(7));
    assert!(sender.send(10).is_ok());
    assert_eq!(receiver.try_recv(), Ok(8), "nothing was overwritten that it still needs");
    for number in 11..13 {
        assert!(sender.send(number).is_ok());
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!([(); 3].map(|()| receiver.try_recv()), [Ok(10), Ok(11), Ok(12)]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_that_lags_again_before_it_goes_on_is_told_again() {
    let (sender, mut receiver) = broadcast::channel(1);
    for number in 0..3 {
        assert!(sender.send(number).is_ok());
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(2)));
    for number in 3..5 {
        assert!(sender.send(number).is_ok());
    }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(2)));
    assert_eq!(receiver.try_recv(), Ok(4));
}

#[test]
fn a_late_subscriber_gets_later_items_only() {
    let (sender, mut early) = broadcast::channel(4);
    assert!(sender.send(1).is_ok());
    let (mut late, mut again) = (sender.subscribe(), early.resubscribe());
    assert!(sender.send(2).is_ok());
    assert_eq!((early.len(), late.len(), again.len()), (2, 1, 1));
    assert_eq!((late.try_recv(), again.try_recv()), (Ok(2), Ok(2)));
    assert_eq!((early.try_recv(), early.try_recv()), (Ok(1), Ok(2)));
    assert!(early.same_channel(&late));
    assert!(!early.same_channel(&broadcast::channel(1).1));
}

#[test]
fn a_closed_channel_is_drained_first() {
    let (sender, mut receiver) = broadcast::channel(2);
    let other = sender.clone();
    assert_eq!((sender.sender_count(), sender.same_channel(&other)), (2, true));
    for number in 0..3 {
        assert!(other.send(number).is_ok());
    }
    drop(sender);
    assert!(!receiver.is_closed());
    drop(other);
    assert!(receiver.is_closed());
    assert_eq!(block_on(receiver.recv()), Err(RecvError::Lagged(1)));
    assert_eq!(block_on(receiver.recv()), Ok(1));
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(block_on(receiver.recv()), Err(RecvError::Closed));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    let mut late = receiver.resubscribe();
    assert_eq!(late.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn an_item_for_nobody_comes_back() {
    let (sender, receiver) = broadcast::channel(2);
    drop(receiver);
    assert_eq!(sender.send(1).unwrap_err().into_inner(), 1);
    let mut later = sender.subscribe();
    assert_eq!(sender.send(2).ok(), Some(1));
    assert_eq!(later.try_recv(), Ok(2));
    assert_eq!(broadcast::Sender::<u8>::new(1).receiver_count(), 0);
}

#[test]
fn a_channel_without_places_is_refused() {
    let text = crate::common::panic_of(|| broadcast::channel::<u8>(0));
    assert!(text.contains("capacity 0"), "{text}");
}

#[test]
fn all_who_wait_are_woken_once_by_an_item() {
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    for round in 0..3 {
        let (one, two) = (ByHand::waiting(first.recv()), ByHand::waiting(second.recv()));
        assert!(sender.send(round).is_ok());
        assert!(sender.send(round + 10).is_ok());
        assert_eq!((one.wakes(), two.wakes()), (1, 1));
        assert_eq!((one.finish(), two.finish()), (Ok(round), Ok(round)));
        assert_eq!((first.try_recv(), second.try_recv()), (Ok(round + 10), Ok(round + 10)));
    }
}

#[test]
fn a_close_wakes_all_who_wait() {
    let (sender, mut first) = broadcast::channel::<u8>(4);
    let mut second = sender.subscribe();
    let (one, two) = (ByHand::waiting(first.recv()), ByHand::waiting(second.recv()));
    drop(sender);
    assert_eq!((one.wakes(), two.wakes()), (1, 1));
    assert_eq!((one.finish(), two.finish()), (Err(RecvError::Closed), Err(RecvError::Closed)));
}

#[test]
fn a_wait_that_is_dropped_or_leaked_loses_no_item() {
    let (sender, mut receiver) = broadcast::channel(4);
    let dropped = ByHand::waiting(receiver.recv());
    assert!(sender.send(1).is_ok());
    assert_eq!(dropped.wakes(), 1);
    drop(dropped);
    assert_eq!(receiver.try_recv(), Ok(1));
    ByHand::waiting(receiver.recv()).leak();
    assert!(sender.send(2).is_ok());
    assert_eq!(block_on(receiver.recv()), Ok(2));
    ByHand::waiting(receiver.recv()).leak();
    drop(receiver);
    assert!(sender.send(3).is_err());
}

#[test]
fn the_last_waker_is_the_one_woken() {
    let (sender, mut receiver) = broadcast::channel(4);
    let mut wait = ByHand::waiting(receiver.recv());
    assert!(wait.poll().is_pending());
    let elsewhere = Arc::new(WakeCount::default());
    assert!(wait.poll_with(&Waker::from(Arc::clone(&elsewhere))).is_pending());
    assert!(sender.send(1).is_ok());
    assert_eq!((wait.wakes(), elsewhere.get()), (0, 1));
    assert_eq!(wait.finish(), Ok(1));
}

#[test]
fn a_stream_says_what_it_missed_and_ends_with_the_channel() {
    let (sender, mut receiver) = broadcast::channel(2);
    let waiting = ByHand::waiting(receiver.next());
    assert!(sender.send(0).is_ok());
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.finish(), Some(Ok(0)));
    for number in 1..4 {
        assert!(sender.send(number).is_ok());
    }
    drop(sender);
    let rest = block_on(receiver.by_ref().collect::<Vec<_>>());
    assert_eq!(rest, [Err(Lagged(1)), Ok(2), Ok(3)]);
    assert_eq!(block_on(receiver.next()), None);
}

#[test]
fn a_sender_learns_that_nobody_listens() {
    let (sender, receiver) = broadcast::channel::<u8>(2);
    let other = receiver.resubscribe();
    assert_eq!(sender.receiver_count(), 2);
    let closed = ByHand::waiting(sender.closed());
    drop(ByHand::waiting(sender.closed()));
    drop(receiver);
    assert_eq!(closed.wakes(), 0);
    drop(other);
    assert_eq!(closed.wakes(), 1);
    closed.finish();
    block_on(sender.closed());
}

#[test]
fn an_item_is_dropped_when_all_have_it_or_it_is_overwritten() {
    let drops = Drops::new(4);
    let item = |number| Arc::new(drops.item(number));
    let (sender, mut first) = broadcast::channel(2);
    let mut second = sender.subscribe();
    assert!(sender.send(item(0)).is_ok());
    drop(first.try_recv());
    assert_eq!(drops.of(0), 0);
    drop(second.try_recv());
    assert_eq!(drops.of(0), 1, "the last has it");
    for number in 1..4 {
        assert!(sender.send(item(number)).is_ok());
    }
    assert_eq!((drops.of(1), drops.of(2)), (1, 0), "overwritten");
    drop(first);
    assert_eq!(drops.of(2), 0);
    drop(second);
    assert_eq!((drops.of(2), drops.of(3)), (1, 1), "nobody is left to receive them");
    drop(sender);
    drops.assert_once_each(4);
}

#[test]
fn an_item_for_one_is_not_cloned() {
    #[derive(Debug)]
    struct NeverCloned;
    impl Clone for NeverCloned {
        fn clone(&self) -> Self {
            panic!("there is nobody else to keep it for");
        }
    }
    let (sender, mut receiver) = broadcast::channel(2);
    assert!(sender.send(NeverCloned).is_ok());
    assert!(receiver.try_recv().is_ok());
}

struct Stubborn {
    panics: Arc<AtomicBool>,
    count: Arc<()>,
}

impl Clone for Stubborn {
    fn clone(&self) -> Self {
        if self.panics.load(Ordering::SeqCst) {
            crate::common::panic_on_purpose("as the test wants it");
        }
        Self { panics: Arc::clone(&self.panics), count: Arc::clone(&self.count) }
    }
}

#[test]
fn a_clone_that_panics_costs_one_receiver_one_item() {
    let (panics, count) = (Arc::new(AtomicBool::new(true)), Arc::new(()));
    let item = || Stubborn { panics: Arc::clone(&panics), count: Arc::clone(&count) };
    let (sender, mut first) = broadcast::channel(2);
    let mut second = sender.subscribe();
    assert!(sender.send(item()).is_ok());
    assert!(sender.send(item()).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| first.try_recv().is_ok())).is_err());
    panics.store(false, Ordering::SeqCst);
    assert_eq!(first.len(), 1);
    assert!(first.try_recv().is_ok());
    assert!(second.try_recv().is_ok() && second.try_recv().is_ok());
    assert_eq!((Arc::strong_count(&count), sender.len()), (1, 0), "every share was given up");
}

/// An item whose clone and drop use the channel it is in; under a lock that would hang.
struct Meddling(broadcast::Sender<Meddling>);

impl Clone for Meddling {
    fn clone(&self) -> Self {
        assert!(self.0.len() <= 2);
        Self(self.0.clone())
    }
}

impl Drop for Meddling {
    fn drop(&mut self) {
        assert!(self.0.receiver_count() <= 2);
    }
}

#[test]
fn items_are_cloned_and_dropped_outside_of_all_locks() {
    let _limit = crate::common::limit();
    let (sender, mut first) = broadcast::channel(2);
    let second = sender.subscribe();
    for _ in 0..4 {
        assert!(sender.send(Meddling(sender.clone())).is_ok());
        drop(first.try_recv().ok());
    }
    drop(second);
    drop(first);
    assert_eq!(sender.sender_count(), 1);
}

/// An item whose clone overwrites all that is kept: the sender does not wait for it.
#[test]
fn an_item_is_overwritten_while_it_is_cloned() {
    #[derive(Debug)]
    struct Overwrites(u32, Option<broadcast::Sender<Overwrites>>, String);
    impl Clone for Overwrites {
        fn clone(&self) -> Self {
            if let Some(sender) = &self.1 {
                for number in 10..15 {
                    let item = Overwrites(number, None, number.to_string());
                    assert!(sender.send(item).is_ok());
                }
            }
            Self(self.0, None, self.2.clone())
        }
    }
    let _limit = crate::common::limit();
    let (sender, mut first) = broadcast::channel(2);
    let mut second = sender.subscribe();
    assert!(sender.send(Overwrites(1, Some(sender.clone()), "one".into())).is_ok());
    let cloned = first.try_recv().unwrap();
    assert_eq!((cloned.0, cloned.2.as_str()), (1, "one"));
    assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Lagged(3));
    assert_eq!(second.try_recv().unwrap_err(), TryRecvError::Lagged(4));
    for receiver in [&mut first, &mut second] {
        assert_eq!([(); 2].map(|()| receiver.try_recv().unwrap().0), [13, 14]);
    }
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        crate::common::panic_on_purpose("as the test wants it");
    }
}

/// Sends into the channel it is woken by.
struct Sends(broadcast::Sender<u32>);

impl Wake for Sends {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(100);
    }
}

#[test]
fn wakers_may_panic_or_use_the_channel() {
    let _limit = crate::common::limit();
    let (sender, mut first) = broadcast::channel(4);
    let (mut second, mut third) = (sender.subscribe(), sender.subscribe());
    let mut one = ByHand::new(first.recv());
    assert!(one.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let mut two = ByHand::new(second.recv());
    assert!(two.poll_with(&Waker::from(Arc::new(Sends(sender.clone())))).is_pending());
    let three = ByHand::waiting(third.recv());
    assert_eq!(sender.send(1).ok(), Some(3));
    assert_eq!(three.wakes(), 1);
    assert_eq!((one.finish(), two.finish(), three.finish()), (Ok(1), Ok(1), Ok(1)));
    assert_eq!((first.try_recv(), third.try_recv()), (Ok(100), Ok(100)));
}

#[test]
fn threads_wait_for_an_item_and_for_a_limited_time() {
    let _limit = crate::common::limit();
    let (sender, mut receiver) = broadcast::channel(4);
    let short = Duration::from_millis(1);
    assert_eq!(receiver.recv_timeout(short), Err(RecvTimeoutError::Timeout));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| receiver.recv_blocking());
        assert!(sender.send(1).is_ok());
        assert_eq!(waiting.join().unwrap(), Ok(1));
    });
    for number in 0..5 {
        assert!(sender.send(number).is_ok());
    }
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Lagged(1)));
    assert_eq!(receiver.recv_timeout(Duration::MAX), Ok(1));
    drop(sender);
    assert_eq!([(); 3].map(|()| receiver.recv_blocking()), [Ok(2), Ok(3), Ok(4)]);
    assert_eq!(receiver.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Closed));
    let text =
        Pool::new(1).block_on(async move { crate::common::panic_of(|| receiver.recv_blocking()) });
    assert!(text.contains("must not block"), "{text}");
}

/// Checks that what one receiver gets and misses is everything, in order.
struct Account {
    next: u64,
    got: u64,
}

impl Account {
    fn of(first: u64) -> Self {
        Self { next: first, got: 0 }
    }

    #[track_caller]
    fn enter(&mut self, received: Result<u64, Lagged>) {
        match received {
            Ok(number) => {
                assert_eq!(number, self.next);
                self.next += 1;
                self.got += 1;
            }
            Err(Lagged(missed)) => self.next += missed,
        }
    }
}

#[test]
fn moving_tasks_on_all_rings_account_for_every_item() {
    let _limit = crate::common::limit();
    let pool = Pool::new(2);
    let count = crate::common::rounds(20_000) as u64;
    for capacity in [1, 7, 64] {
        pool.block_on(async {
            let (sender, receiver) = broadcast::channel(capacity);
            let rings = [pool.runtime(0), pool.runtime(1)];
            let listeners: Vec<_> = (0..4)
                .map(|number| {
                    let (mut receiver, rings) = (receiver.resubscribe(), rings.clone());
                    spawn_on(&rings[number % 2].clone(), async move {
                        let mut account = Account::of(0);
                        while let Some(received) = receiver.next().await {
                            account.enter(received);
                            if account.got % 512 == number as u64 {
                                let there = account.got as usize / 512 % 2;
                                switch_to(&rings[there]).await.unwrap();
                            }
                        }
                        account
                    })
                })
                .collect();
            drop(receiver);
            for number in 0..count {
                assert!(sender.send(number).is_ok());
                if number % 8 == 0 {
                    ringpool::yield_now().await;
                }
            }
            drop(sender);
            for listener in listeners {
                let account = listener.await.unwrap();
                assert_eq!(account.next, count);
                assert!(account.got > 0);
            }
        });
    }
}

#[test]
fn several_senders_and_receivers_agree_on_one_order() {
    let _limit = crate::common::limit();
    let each = crate::common::rounds(3_000);
    let (sender, receiver) = broadcast::channel(3 * each);
    let orders: Vec<Vec<(usize, usize)>> = thread::scope(|scope| {
        let listeners: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.resubscribe();
                scope.spawn(move || block_on(receiver.map(Result::unwrap).collect()))
            })
            .collect();
        drop(receiver);
        for source in 0..3 {
            let sender = sender.clone();
            scope.spawn(move || {
                for number in 0..each {
                    assert_eq!(sender.send((source, number)).ok(), Some(2));
                }
            });
        }
        drop(sender);
        listeners.into_iter().map(|listener| listener.join().unwrap()).collect()
    });
    assert_eq!(orders[0].len(), 3 * each);
    assert!(orders[0] == orders[1], "both have seen the same order");
    for source in 0..3 {
        assert!(orders[0].iter().filter(|item| item.0 == source).is_sorted());
    }
}

/// An item that counts how many of its kind there are, and is not copied bit by bit.
#[derive(Clone)]
struct Numbered(u64, Arc<String>);

#[test]
fn receives_that_are_given_up_at_random_lose_and_double_nothing() {
    let _limit = crate::common::limit();
    let seed = seed();
    let count = crate::common::rounds(20_000) as u64;
    let text = Arc::new(String::from("shared by all items"));
    for capacity in [1, 2, 16] {
        let (sender, receiver) = broadcast::channel::<Numbered>(capacity);
        thread::scope(|scope| {
            for number in 0..3 {
                let mut receiver = receiver.resubscribe();
                scope.spawn(move || {
                    let mut random = Random::new(seed + number);
                    let mut account = Account::of(0);
                    loop {
                        let received = match random.below(4) {
                            0 => receiver.try_recv(),
                            1 => match ByHand::new(receiver.recv()).poll() {
                                std::task::Poll::Ready(received) => received.map_err(Into::into),
                                std::task::Poll::Pending => continue,
                            },
                            2 => match receiver.recv_timeout(Duration::from_micros(5)) {
                                Ok(item) => Ok(item),
                                Err(RecvTimeoutError::Timeout) => continue,
                                Err(RecvTimeoutError::Closed) => Err(TryRecvError::Closed),
                                Err(RecvTimeoutError::Lagged(n)) => Err(TryRecvError::Lagged(n)),
                            },
                            _ => receiver.recv_blocking().map_err(Into::into),
                        };
                        match received {
                            Ok(Numbered(number, text)) => {
                                assert_eq!(*text, "shared by all items");
                                account.enter(Ok(number));
                            }
                            Err(TryRecvError::Empty) => {}
                            Err(TryRecvError::Lagged(missed)) => account.enter(Err(Lagged(missed))),
                            Err(TryRecvError::Closed) => break,
                        }
                    }
                    assert_eq!(account.next, count);
                });
            }
            scope.spawn({
                let text = Arc::clone(&text);
                move || {
                    for number in 0..count {
                        assert!(sender.send(Numbered(number, Arc::clone(&text))).is_ok());
                    }
                }
            });
            // Receivers come and go all the while, with items that they never receive.
            let mut random = Random::new(seed + 9);
            for _ in 0..count / 20 {
                let mut passing = receiver.resubscribe();
                for _ in 0..random.below(4) {
                    drop(passing.recv_timeout(Duration::from_micros(2)));
                }
            }
            drop(receiver);
        });
        assert_eq!(Arc::strong_count(&text), 1, "every item was dropped");
    }
}

#[test]
fn a_task_with_items_enough_lets_the_others_run() {
    let _limit = crate::common::limit();
    let (sender, mut receiver) = broadcast::channel(1_000);
    (0..1_000).for_each(|number| assert!(sender.send(number).is_ok()));
    crate::support::assert_others_run(async {
        for _ in 0..1_000 {
            receiver.recv().await.unwrap();
        }
    });
    (0..1_000).for_each(|number| assert!(sender.send(number).is_ok()));
    crate::support::assert_others_run(async {
        for _ in 0..1_000 {
            receiver.next().await.unwrap().unwrap();
        }
    });
}
