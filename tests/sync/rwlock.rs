//! The lock for many readers or one writer: who is in with whom, and in what order.

use crate::common::{limit, panic_of, panic_on_purpose, rounds};
use crate::support::ByHand;
use ringpool::Pool;
use ringpool::sync::{Event, OwnedRwLockWriteGuard, RwLock, RwLockWriteGuard};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[test]
fn readers_are_in_together_and_a_writer_alone() {
    let lock = RwLock::new(1);
    let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert_eq!((*readers.0, format!("{}", readers.1)), (1, "1".into()));
    assert!(lock.try_write().is_err());
    assert_eq!(format!("{lock:?}"), "RwLock { value: 1 }");
    drop(readers);
    let mut writer = lock.try_write().unwrap();
    *writer += 1;
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    assert_eq!(format!("{lock:?}"), "RwLock { value: <locked> }");
    drop(writer);
    assert_eq!(lock.into_inner(), 2);
}

#[test]
fn a_writer_that_waits_holds_back_later_readers() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let writer = ByHand::waiting(lock.write());
    let late = ByHand::waiting(lock.read());
    assert!(lock.try_read().is_err());
    drop(reader);
    assert_eq!((writer.wakes(), late.wakes()), (1, 0));
    drop(writer.finish());
    assert_eq!(late.wakes(), 1);
    drop(late.finish());
}

#[test]
fn readers_next_to_each_other_in_line_enter_together() {
    let lock = RwLock::new(());
    let writer = lock.try_write().unwrap();
    let first = ByHand::waiting(lock.read());
    let second = ByHand::waiting(lock.read());
    let second_writer = ByHand::waiting(lock.write());
    let third = ByHand::waiting(lock.read());
    drop(writer);
    let wakes = [&first, &second, &third].map(ByHand::wakes);
    assert_eq!((wakes, second_writer.wakes()), ([1, 1, 0], 0));
    let readers = (first.finish(), second.finish());
    drop(readers.1);
    assert_eq!(second_writer.wakes(), 0, "one reader is still in");
    drop(readers.0);
    assert_eq!((second_writer.wakes(), third.wakes()), (1, 0), "the last reader lets it in");
    drop(second_writer.finish());
    drop(third.finish());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(());
    let reader = lock.try_read().unwrap();
    let writer = ByHand::waiting(lock.write());
    let readers = [lock.read(), lock.read()].map(ByHand::waiting);
    let last_writer = ByHand::waiting(lock.write());
    drop(writer);
    assert_eq!(readers.each_ref().map(ByHand::wakes), [1, 1]);
    assert_eq!(last_writer.wakes(), 0);
    drop(reader);
    let [first, second] = readers;
    drop(first);
    drop(second.finish());
    assert_eq!(last_writer.wakes(), 1, "also those who did not take it gave it back");
    drop(last_writer);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_writer_becomes_a_reader_with_no_writer_in_between() {
    let lock = RwLock::new(1);
    let mut writer = lock.try_write().unwrap();
    let reader = ByHand::waiting(lock.read());
    let mut other_writer = ByHand::waiting(lock.write());
    *writer += 1;
    let downgraded = RwLockWriteGuard::downgrade(writer);
    assert_eq!(*reader.finish(), 2);
    assert!(other_writer.poll().is_pending());
    assert_eq!(*downgraded, 2);
    drop(downgraded);
    *other_writer.finish() += 1;

    let lock = Arc::new(lock);
    let mut owned = Arc::clone(&lock).try_write_owned().unwrap();
    *owned += 1;
    let reader = OwnedRwLockWriteGuard::downgrade(owned);
    assert_eq!((*reader, *lock.try_read().unwrap()), (4, 4));
    assert!(lock.try_write().is_err());
    drop(reader);
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), 4);
}

#[test]
fn owned_guards_keep_the_lock() {
    let mut lock = RwLock::from(vec![1]);
    lock.get_mut().push(2);
    let lock = Arc::new(lock);
    let reader = ByHand::new(Arc::clone(&lock).read_owned()).finish();
    assert_eq!(*Arc::clone(&lock).try_read_owned().unwrap(), [1, 2]);
    assert!(Arc::clone(&lock).try_write_owned().is_err());
    let mut writer = ByHand::waiting(Arc::clone(&lock).write_owned());
    drop(ByHand::waiting(Arc::clone(&lock).write_owned()));
    assert!(writer.poll().is_pending());
    thread::spawn(move || assert_eq!(reader.len(), 2)).join().unwrap();
    writer.finish().push(3);
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), [1, 2, 3]);
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    let lock = RwLock::new(1);
    let writing = || {
        let _writer = lock.try_write().unwrap();
        panic_on_purpose("while it is locked")
    };
    assert_eq!(panic_of(AssertUnwindSafe(writing)), "while it is locked");
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_forgotten_reader_in_line_keeps_out_writers_only() {
    let lock: &'static RwLock<()> = Box::leak(Box::new(RwLock::new(())));
    let writer = lock.try_write().unwrap();
    ByHand::waiting(lock.read()).leak();
    drop(writer);
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
}

#[test]
fn a_thread_waits_no_longer_than_it_may() {
    let _limit = limit();
    let lock = RwLock::new(0);
    let reader = lock.read_timeout(Duration::ZERO).expect("it was free");
    assert!(lock.write_timeout(Duration::from_millis(2)).is_err());
    assert!(lock.try_read().is_ok(), "the writer that gave up is not in the way");
    thread::scope(|scope| {
        let writer = scope.spawn(|| *lock.write_timeout(Duration::MAX).unwrap() += 1);
        drop(reader);
        writer.join().unwrap();
    });
    let writer = lock.write_blocking();
    assert!(lock.read_timeout(Duration::from_millis(2)).is_err());
    drop(writer);
    assert_eq!(*lock.read_blocking(), 1);
}

#[test]
fn a_task_that_is_cancelled_in_line_or_inside_leaves_the_lock_to_others() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let lock = Arc::new(RwLock::new(()));
    // Holds the lock, and tells so, until it is cancelled.
    let enters = |writes: bool| {
        let (lock, is_in) = (lock.clone(), Arc::new(Event::manual()));
        let tells = is_in.clone();
        let task = ringpool::spawn_on(&there, async move {
            let _guards = match writes {
                true => (Some(lock.write().await), None),
                false => (None, Some(lock.read().await)),
            };
            tells.set();
            std::future::pending::<()>().await;
        });
        (task, is_in)
    };
    pool.block_on(async {
        for writes in [true, false] {
            let (inside, is_in) = enters(writes);
            is_in.wait().await;
            assert!(lock.try_write().is_err());
            assert!(inside.cancel().await.is_none());
            drop(lock.try_write().expect("its guard is gone with it"));

            let reader = lock.read().await;
            let (in_line, _) = enters(true);
            while lock.try_read().is_ok() {
                ringpool::yield_now().await;
            }
            let (behind, is_in) = enters(false);
            assert!(in_line.cancel().await.is_none());
            is_in.wait().await; // The writer kept it out until it was cancelled, and no longer.
            drop(reader);
            assert!(behind.cancel().await.is_none());
            drop(lock.try_write().expect("nobody is left"));
        }
    });
}

#[test]
fn a_thread_of_a_ring_must_not_block() {
    let _limit = limit();
    let pool = Pool::new(1);
    let lock = RwLock::new(());
    pool.block_on(async {
        for (text, name) in [
            (panic_of(AssertUnwindSafe(|| drop(lock.read_blocking()))), "await `read`"),
            (panic_of(AssertUnwindSafe(|| drop(lock.write_blocking()))), "await `write`"),
        ] {
            assert!(text.contains(name), "{text}");
        }
    });
    assert!(lock.try_write().is_ok());
}

/// Reads and writes in turns, and finds both halves alike; a writer changes rings amid its work.
async fn use_often(lock: &RwLock<(usize, usize)>, pool: &[ringpool::Runtime], number: usize) {
    for round in 0..rounds(300) {
        if (round + number).is_multiple_of(4) {
            let mut pair = lock.write().await;
            pair.0 += 1;
            ringpool::switch_to(&pool[round % pool.len()]).await.unwrap();
            pair.1 += 1;
        } else {
            let pair = lock.read().await;
            let before = *pair;
            ringpool::yield_now().await;
            assert_eq!((before, before.0), (*pair, before.1));
        }
    }
}

#[test]
fn tasks_on_all_rings_and_threads_share_it() {
    let _limit = limit();
    let pool = Pool::new(2);
    let lock = Arc::new(RwLock::new((0, 0)));
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds(300) {
                let pair = lock.read_blocking();
                assert_eq!(pair.0, pair.1);
            }
        });
        scope.spawn(|| {
            for _ in 0..rounds(300) {
                let mut pair = lock.write_blocking();
                pair.0 += 1;
                pair.1 += 1;
            }
        });
        pool.block_on(async {
            let tasks: Vec<_> = (0..6)
                .map(|number| {
                    let (lock, rings) = (Arc::clone(&lock), pool.runtimes().to_vec());
                    ringpool::spawn_on(&rings[number % 2].clone(), async move {
                        use_often(&lock, &rings, number).await;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    let pair = *lock.try_read().unwrap();
    assert_eq!(pair.0, pair.1);
    assert!(lock.try_write().is_ok());
}
