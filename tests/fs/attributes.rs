//! Length, rights, times and locks of open files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use ringpool::fs::File;
use ringpool::time::{sleep, timeout};
use ringpool::{Pool, spawn, spawn_on, yield_now};

use crate::common::{Count, Gate, limit};
use crate::support::{Scratch, assert_same_error, open};

#[test]
fn a_file_is_cut_and_extended() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "salt and pepper");
    let read_only = File::from_std(fs::File::open(&path).unwrap());
    let file = File::from_std(open(&path));
    Pool::new(1).block_on(async {
        file.set_len(4).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"salt");
        file.set_len(6).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"salt\0\0");
        for len in [u64::MAX, 1 << 63] {
            let theirs = open(&path).set_len(len).unwrap_err();
            assert_eq!(file.set_len(len).await.unwrap_err().kind(), theirs.kind());
        }
        let theirs = fs::File::open(&path).unwrap().set_len(1).unwrap_err();
        assert_same_error(&read_only.set_len(1).await.unwrap_err(), &theirs);
    });
}

#[test]
fn rights_and_times_are_those_that_were_set() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let file = File::from_std(open(&path));
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 123_456_789);
    Pool::new(1).block_on(async {
        file.set_permissions(fs::Permissions::from_mode(0o640)).await.unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(time)).await.unwrap();
        file.set_modified(time + Duration::from_secs(1)).await.unwrap();
        let known = file.metadata().await.unwrap();
        assert_eq!(known.permissions().mode() & 0o777, 0o640);
        assert_eq!(known.accessed().unwrap(), time);
        assert_eq!(known.modified().unwrap(), time + Duration::from_secs(1));
    });
    assert_eq!(fs::metadata(path).unwrap().mtime(), 1_000_001);
}

#[test]
fn locks_exclude_each_other_as_those_of_the_standard_library() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let (first, second) = (File::from_std(open(&path)), File::from_std(open(&path)));
    let theirs = open(&path);
    Pool::new(1).block_on(async {
        first.lock_shared().await.unwrap();
        second.try_lock_shared().await.unwrap();
        assert!(matches!(first.try_lock().await, Err(fs::TryLockError::WouldBlock)));
        assert!(matches!(theirs.try_lock(), Err(fs::TryLockError::WouldBlock)));
        theirs.try_lock_shared().unwrap();
        theirs.unlock().unwrap();
        second.unlock().await.unwrap();
        first.lock().await.unwrap();
        assert!(matches!(second.try_lock_shared().await, Err(fs::TryLockError::WouldBlock)));
        assert!(matches!(theirs.try_lock_shared(), Err(fs::TryLockError::WouldBlock)));
        drop(first);
        theirs.lock().unwrap();
        let waiting = second.lock();
        let other = async {
            sleep(Duration::from_millis(3)).await;
            theirs.unlock().unwrap();
        };
        futures::join!(waiting, other).0.unwrap();
        second.unlock().await.unwrap();
        second.unlock().await.unwrap();
    });
}

#[test]
fn a_lock_lets_one_in_at_a_time() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let pool = Pool::new(2);
    let inside = Count::new();
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (path, inside) = (path.clone(), inside.clone());
            spawn_on(&pool.runtime(number % 2), async move {
                let file = File::open(&path).await.unwrap();
                for _ in 0..3 {
                    file.lock().await.unwrap();
                    let before = inside.get();
                    inside.add();
                    yield_now().await;
                    assert_eq!(inside.get(), before + 1);
                    file.unlock().await.unwrap();
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    assert_eq!(inside.get(), 24);
}

#[test]
fn many_that_wait_for_a_lock_leave_threads_for_the_one_who_has_it() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    pool.block_on(async {
        let file = File::from_std(open(&path));
        file.lock().await.unwrap();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let other = File::from_std(open(&path));
                spawn(async move {
                    other.lock().await.unwrap();
                    other.unlock().await.unwrap();
                })
            })
            .collect();
        for _ in 0..10 {
            yield_now().await;
        }
        file.unlock().await.unwrap();
        for task in waiting {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_lock_whose_future_is_dropped_is_given_back() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let pool = Pool::new(1);
    pool.block_on(async {
        let file = File::from_std(open(&path));
        for round in 0..300 {
            let mut lock = Box::pin(file.lock());
            let mut is_ready = false;
            for _ in 0..=round % 7 {
                is_ready = is_ready || futures::poll!(&mut lock).is_ready();
                yield_now().await;
            }
            drop(lock);
            if is_ready {
                file.unlock().await.unwrap();
            }
            // Somebody else gets it, at once or when it has been given back.
            let other = open(&path);
            while let Err(fs::TryLockError::WouldBlock) = other.try_lock() {
                yield_now().await;
            }
            other.unlock().unwrap();
            if round % 3 == 0 {
                // What is left of the dropped one does not take ours away.
                drop(file.lock().now_or_never());
                file.lock().await.unwrap();
                for _ in 0..10 {
                    yield_now().await;
                }
                assert!(matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)));
                file.unlock().await.unwrap();
            }
        }
        let other = open(&path);
        other.lock().unwrap();
        assert!(timeout(Duration::from_millis(5), file.lock()).await.is_err());
        other.unlock().unwrap();
        file.try_lock().await.unwrap();
    });
}

#[test]
fn a_second_request_for_a_lock_of_one_file_is_told_of_the_first() {
    let _limit = limit();
    let scratch = Scratch::new();
    let path = scratch.file("file", "");
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    let gate = Gate::new();
    let occupied = {
        let gate = gate.clone();
        pool.spawn_blocking(move || gate.wait())
    };
    pool.block_on(async {
        let file = File::from_std(open(&path));
        // There is no thread for it yet.
        let mut lock = Box::pin(file.lock());
        assert!(futures::poll!(&mut lock).is_pending());
        for busy in [file.lock().await.unwrap_err(), file.unlock().await.unwrap_err()] {
            assert_eq!(busy.kind(), ErrorKind::ResourceBusy);
        }
        gate.open();
        lock.await.unwrap();
        assert!(matches!(open(&path).try_lock(), Err(fs::TryLockError::WouldBlock)));
        file.unlock().await.unwrap();
        open(&path).try_lock().unwrap();
        occupied.await.unwrap();
    });
}
