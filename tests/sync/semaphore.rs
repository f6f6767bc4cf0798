//! The semaphore: who gets how many permits when, and what becomes of them.

use crate::common::{limit, panic_of, rounds};
use crate::support::ByHand;
use ringpool::Pool;
use ringpool::sync::{AcquireTimeoutError, Semaphore, TryAcquireError};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn permits_are_taken_and_given_back() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.try_acquire_many(2).unwrap();
    let one = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!((two.num_permits(), semaphore.available_permits()), (2, 0));
    drop(two);
    assert_eq!(semaphore.available_permits(), 2);
    drop(one);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available_permits: 3, closed: false, .. }");
}

#[test]
fn a_wish_for_many_is_not_starved_by_wishes_for_few() {
    let semaphore = Semaphore::new(2);
    let (first, second) = (semaphore.try_acquire().unwrap(), semaphore.try_acquire().unwrap());
    let many = ByHand::waiting(semaphore.acquire_many(2));
    let mut few = ByHand::waiting(semaphore.acquire());
    drop(first);
    assert!(few.poll().is_pending(), "although there is one");
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 1);
    drop(second);
    assert_eq!((many.wakes(), few.wakes()), (1, 0));
    drop(many.finish().unwrap());
    assert_eq!(few.wakes(), 1);
    drop(few.finish().unwrap());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_added_at_once_serve_all_that_they_are_enough_for() {
    let semaphore = Semaphore::new(0);
    let waits: Vec<_> = [1, 2, 1, 3].map(|n| ByHand::waiting(semaphore.acquire_many(n))).into();
    semaphore.add_permits(5);
    assert_eq!(waits.iter().map(ByHand::wakes).collect::<Vec<_>>(), [1, 1, 1, 0]);
    assert_eq!(semaphore.available_permits(), 1);
    drop(waits);
    assert_eq!(semaphore.available_permits(), 5, "what was assigned comes back");
}

#[test]
fn a_wait_that_is_dropped_lets_those_behind_it_have_what_it_kept_from_them() {
    let semaphore = Semaphore::new(1);
    let many = ByHand::waiting(semaphore.acquire_many(2));
    let few = ByHand::waiting(semaphore.acquire());
    drop(many);
    assert_eq!(few.wakes(), 1);
    let permit = few.finish().unwrap();
    let assigned = ByHand::waiting(semaphore.acquire());
    let next = ByHand::waiting(semaphore.acquire());
    drop(permit);
    assert_eq!((assigned.wakes(), next.wakes()), (1, 0));
    drop(assigned);
    assert_eq!(next.wakes(), 1);
    drop(next.finish().unwrap());
    assert!(semaphore.try_acquire().is_ok());
}

#[test]
fn a_forgotten_wait_takes_its_permits_and_no_more() {
    let semaphore: &'static Semaphore = Box::leak(Box::new(Semaphore::new(0)));
    ByHand::waiting(semaphore.acquire_many(2)).leak();
    let behind = ByHand::waiting(semaphore.acquire());
    semaphore.add_permits(3);
    assert_eq!((behind.wakes(), semaphore.available_permits()), (1, 0));
    drop(behind.finish().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_close_ends_waits_and_leaves_permits_as_they_are() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = semaphore.try_acquire().unwrap();
    let waits = [semaphore.acquire_many(1), semaphore.acquire_many(5)].map(ByHand::waiting);
    let owned = ByHand::waiting(Arc::clone(&semaphore).acquire_owned());
    semaphore.close();
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(waits.iter().all(|wait| wait.wakes() == 1));
    let error = waits.map(|wait| wait.finish().unwrap_err())[0];
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::BrokenPipe);
    assert!(owned.finish().is_err());
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert!(ByHand::new(semaphore.acquire()).finish().is_err());
    assert!(semaphore.acquire_blocking().is_err());
    let timed = semaphore.acquire_timeout(Duration::ZERO).unwrap_err();
    assert_eq!(timed, AcquireTimeoutError::Closed);
}

#[test]
fn a_permit_assigned_before_the_close_is_had_after_it() {
    let semaphore = Semaphore::new(0);
    let wait = ByHand::waiting(semaphore.acquire());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(wait.finish().is_ok());
}

#[test]
fn permits_can_be_merged_split_and_forgotten() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permits = semaphore.try_acquire_many(3).unwrap();
    permits.merge(semaphore.try_acquire().unwrap());
    assert!(permits.split(5).is_none());
    let two = permits.split(2).unwrap();
    assert_eq!((permits.num_permits(), two.num_permits()), (2, 2));
    two.forget();
    drop(permits);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(1), 1);
    assert_eq!(semaphore.forget_permits(9), 2);

    semaphore.add_permits(3);
    let mut owned = Arc::clone(&semaphore).try_acquire_many_owned(2).unwrap();
    owned.merge(Arc::clone(&semaphore).try_acquire_owned().unwrap());
    owned.split(1).unwrap().forget();
    assert!(owned.split(3).is_none());
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    drop(owned);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_of_another_semaphore_are_refused_and_not_lost() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let mut permit = one.try_acquire().unwrap();
    let foreign = other.try_acquire().unwrap();
    let text = panic_of(AssertUnwindSafe(|| permit.merge(foreign)));
    assert!(text.contains("different semaphores"), "{text}");
    drop(permit);
    assert_eq!((one.available_permits(), other.available_permits()), (1, 1));
}

#[test]
fn more_permits_than_there_can_be_are_refused() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS - 1);
    semaphore.add_permits(1);
    assert!(panic_of(AssertUnwindSafe(|| semaphore.add_permits(1))).contains("more permits"));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    assert!(panic_of(|| Semaphore::new(usize::MAX)).contains("more permits"));
}

#[test]
fn none_at_all_is_had_without_waiting() {
    let semaphore = Semaphore::new(0);
    assert_eq!(semaphore.try_acquire_many(0).unwrap().num_permits(), 0);
    semaphore.add_permits(0);
    assert_eq!(ByHand::new(semaphore.acquire_many(0)).finish().unwrap().num_permits(), 0);
}

#[test]
fn a_thread_waits_for_permits_no_longer_than_it_may() {
    let _limit = limit();
    let semaphore = Semaphore::new(1);
    let timed = semaphore.acquire_many_timeout(2, Duration::from_millis(2)).unwrap_err();
    assert_eq!(timed, AcquireTimeoutError::Timeout);
    assert!(semaphore.try_acquire().is_ok(), "who gave up is not in the way");
    thread::scope(|scope| {
        let thread = scope.spawn(|| semaphore.acquire_many_blocking(3).unwrap().num_permits());
        let timed = scope.spawn(|| semaphore.acquire_timeout(Duration::MAX).is_ok());
        semaphore.add_permits(2);
        assert_eq!(thread.join().unwrap(), 3);
        assert!(timed.join().unwrap());
    });
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_thread_of_a_ring_must_not_block() {
    let _limit = limit();
    let pool = Pool::new(1);
    let semaphore = Semaphore::new(1);
    pool.block_on(async {
        let text = panic_of(AssertUnwindSafe(|| drop(semaphore.acquire_blocking())));
        assert!(text.contains("await `acquire`"), "{text}");
    });
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn no_more_tasks_than_permits_are_inside_on_all_rings() {
    let _limit = limit();
    let pool = Pool::new(2);
    let semaphore = Arc::new(Semaphore::new(3));
    let inside = Arc::new(AtomicUsize::new(0));
    pool.block_on(async {
        let tasks: Vec<_> = (0..rounds(300))
            .map(|number| {
                let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
                let (here, there) = (pool.runtime(number % 2), pool.runtime(number / 2 % 2));
                ringpool::spawn_on(&here, async move {
                    let count = 1 + (number % 3) as u32;
                    let permit = semaphore.acquire_many_owned(count).await.unwrap();
                    let now = inside.fetch_add(count as usize, Ordering::SeqCst) + count as usize;
                    assert!(now <= 3, "{now} are inside");
                    ringpool::switch_to(&there).await.unwrap();
                    ringpool::yield_now().await;
                    inside.fetch_sub(count as usize, Ordering::SeqCst);
                    drop(permit);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(semaphore.available_permits(), 3);
}
