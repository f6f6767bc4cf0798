//! The mutex: in what order it is had, and what becomes of waits that end early.

use crate::common::{limit, panic_of, panic_on_purpose};
use crate::support::ByHand;
use ringpool::Pool;
use ringpool::sync::{Mutex, MutexGuard, OwnedMutexGuard};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_lock_keeps_others_out_until_it_is_dropped() {
    let mutex = Mutex::new(1);
    let mut guard = mutex.try_lock().unwrap();
    *guard += 1;
    assert!(mutex.try_lock().is_err());
    assert_eq!(
        (format!("{mutex:?}").as_str(), format!("{guard}")),
        ("Mutex { value: <locked> }", "2".into())
    );
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 2 }");
    assert_eq!(*ByHand::new(mutex.lock()).finish(), 2);
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn those_who_wait_get_it_in_the_order_of_arrival() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let mut waiting: Vec<_> = (0..4).map(|_| ByHand::waiting(mutex.lock())).collect();
    let mut held = guard;
    while !waiting.is_empty() {
        drop(held);
        let wakes: Vec<_> = waiting.iter().map(ByHand::wakes).collect();
        assert_eq!(wakes.iter().sum::<usize>(), 1, "only the first is woken: {wakes:?}");
        assert!(mutex.try_lock().is_err(), "nobody overtakes it");
        assert!(waiting.iter_mut().skip(1).all(|wait| wait.poll().is_pending()));
        held = waiting.remove(0).finish();
    }
    drop(held);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_wait_that_is_dropped_only_loses_its_place() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let first = ByHand::waiting(mutex.lock());
    let second = ByHand::waiting(mutex.lock());
    let third = ByHand::waiting(mutex.lock());
    drop(second);
    drop(guard);
    assert_eq!((first.wakes(), third.wakes()), (1, 0));
    drop(first);
    assert_eq!(third.wakes(), 1, "what the first was handed goes on to the third");
    drop(third.finish());
    drop(mutex.lock());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn the_last_wait_to_go_leaves_the_lock_free() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let handed = ByHand::waiting(mutex.lock());
    drop(guard);
    drop(handed);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_forgotten_wait_is_served_once_as_a_forgotten_guard_would_be() {
    let mutex: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    let guard = mutex.try_lock().unwrap();
    let first = ByHand::waiting(mutex.lock());
    ByHand::waiting(mutex.lock()).leak();
    let mut behind = ByHand::waiting(mutex.lock());
    drop(guard);
    drop(first.finish());
    assert!(behind.poll().is_pending() && mutex.try_lock().is_err());
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    let mutex = Mutex::new(1);
    let wait = |mutex: &Mutex<i32>| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic_on_purpose("while it is locked");
    };
    assert_eq!(panic_of(std::panic::AssertUnwindSafe(|| wait(&mutex))), "while it is locked");
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn a_task_that_is_cancelled_while_it_waits_or_holds_leaves_the_lock_to_others() {
    let _limit = limit();
    let pool = Pool::new(2);
    let mutex = Arc::new(Mutex::new(()));
    for index in [0, 1] {
        pool.block_on(async {
            let guard = mutex.lock().await;
            let holder = Arc::clone(&mutex);
            let task = ringpool::spawn_on(&pool.runtime(index), async move {
                let _guard = holder.lock().await;
                std::future::pending::<()>().await;
            });
            ringpool::yield_now().await;
            assert!(task.cancel().await.is_none());
            let holder = Arc::clone(&mutex);
            let task = ringpool::spawn_on(&pool.runtime(index), async move {
                let _guard = holder.lock().await;
                std::future::pending::<()>().await;
            });
            drop(guard);
            ringpool::yield_now().await;
            assert!(task.cancel().await.is_none());
            drop(mutex.lock().await);
        });
    }
}

#[test]
fn a_guard_goes_with_its_task_to_another_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let mutex = Arc::new(Mutex::new(Vec::new()));
    pool.block_on(async {
        let movers: Vec<_> = (0..20)
            .map(|number| {
                let mutex = Arc::clone(&mutex);
                let (here, there) = (pool.runtime(number % 2), pool.runtime((number + 1) % 2));
                ringpool::spawn_on(&here, async move {
                    let mut guard = mutex.lock().await;
                    ringpool::switch_to(&there).await.unwrap();
                    guard.push(ringpool::current().unwrap().index());
                })
            })
            .collect();
        for task in movers {
            task.await.unwrap();
        }
        let seen = mutex.lock().await;
        assert_eq!(seen.iter().filter(|index| **index == 0).count(), 10);
        assert_eq!(seen.len(), 20);
    });
}

#[test]
fn an_owned_guard_outlives_the_handle_it_was_made_from() {
    let _limit = limit();
    let pool = Pool::new(1);
    let mutex = Arc::new(Mutex::new(1));
    pool.block_on(async {
        let mut guard = Arc::clone(&mutex).lock_owned().await;
        assert!(Arc::clone(&mutex).try_lock_owned().is_err());
        let waiting = ringpool::spawn(Arc::clone(&mutex).lock_owned());
        ringpool::yield_now().await;
        *guard += 1;
        drop(guard);
        let guard = waiting.await.unwrap();
        assert_eq!(*guard, 2);
        assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
        let dropped = ByHand::waiting(Arc::clone(&mutex).lock_owned());
        drop(dropped);
        drop(guard);
    });
    assert_eq!(Arc::into_inner(mutex).unwrap().into_inner(), 2);
}

#[test]
fn a_value_without_a_size_can_be_locked() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    mutex.try_lock().unwrap()[0] = 9;
    let owned = ByHand::new(Arc::clone(&mutex).lock_owned()).finish();
    assert_eq!(*owned, [9, 2, 3]);
}

#[test]
fn a_thread_of_a_ring_must_not_block() {
    let _limit = limit();
    let pool = Pool::new(1);
    let mutex = Mutex::new(());
    pool.block_on(async {
        let text = panic_of(std::panic::AssertUnwindSafe(|| drop(mutex.lock_blocking())));
        assert!(text.contains("await `lock`"), "{text}");
        let owned = || drop(Arc::new(Mutex::new(())).lock_owned_blocking());
        let text = panic_of(std::panic::AssertUnwindSafe(owned));
        assert!(text.contains("await `lock_owned`"), "{text}");
        let timed = || drop(mutex.lock_timeout(Duration::ZERO));
        assert!(panic_of(std::panic::AssertUnwindSafe(timed)).contains("must not block"));
    });
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_task_that_locks_again_and_again_lets_others_run() {
    let _limit = limit();
    let pool = Pool::new(1);
    let mutex = Mutex::new(false);
    pool.block_on(async {
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let other = Arc::clone(&done);
        let task =
            ringpool::spawn(async move { other.store(true, std::sync::atomic::Ordering::SeqCst) });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            *mutex.lock().await = true;
        }
        task.await.unwrap();
    });
}
