//! `OnceCell`, by hand, between rings, and with plain threads.

use crate::common::{Count, Gate, limit, on_a_plain_thread, panic_of, panic_on_purpose, rounds};
use crate::support::{ByHand, Drops};
use ringpool::sync::{OnceCell, SetError};
use ringpool::{Pool, spawn_on, switch_to};
use std::future::pending;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

#[test]
fn the_value_is_made_once_by_the_first_who_wants_it() {
    let (cell, made) = (OnceCell::new(), Count::new());
    for number in 1..=3 {
        let value = ByHand::new(cell.get_or_init(async || {
            made.add();
            number
        }))
        .finish();
        assert_eq!((*value, made.get()), (1, 1));
    }
    assert_eq!(cell.get_or_init_blocking(|| 9), &1);
    assert_eq!(cell.get_or_init_timeout(|| 9, Duration::ZERO), Ok(&1));
}

#[test]
fn others_wait_for_the_one_who_makes_it_and_get_its_value() {
    let (cell, gate) = (OnceCell::new(), Gate::new());
    let making = async || {
        gate.pass().await;
        1
    };
    let first = ByHand::waiting(cell.get_or_init(making));
    let second = ByHand::waiting(cell.get_or_init(async || 2));
    let watching = ByHand::waiting(cell.wait());
    gate.open();
    assert_eq!(first.finish(), &1);
    assert_eq!((second.wakes(), watching.wakes()), (1, 1));
    assert_eq!((second.finish(), watching.finish()), (&1, &1));
}

#[test]
fn one_who_fails_leaves_it_to_the_next_in_line() {
    let (cell, gate) = (OnceCell::new(), Gate::new());
    let failing = async || {
        gate.pass().await;
        Err::<u8, _>("no luck")
    };
    let first = ByHand::waiting(cell.get_or_try_init(failing));
    let second = ByHand::waiting(cell.get_or_init(async || 2));
    let third = ByHand::waiting(cell.get_or_init(async || 3));
    gate.open();
    assert_eq!(first.finish(), Err("no luck"));
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert_eq!((second.finish(), third.finish()), (&2, &2));
}

#[test]
fn one_who_panics_leaves_it_to_the_next() {
    let cell = Arc::new(OnceCell::new());
    let failing = Arc::clone(&cell);
    let pool = Pool::new(1);
    let failed = pool.spawn(async move {
        *failing.get_or_init(async || panic_on_purpose("while it made the value")).await
    });
    assert!(failed.wait().is_err());
    panic_of(|| cell.get_or_init_blocking(|| panic_on_purpose("here too")));
    assert_eq!(cell.get_or_init_blocking(|| 7), &7);
}

#[test]
fn one_who_is_dropped_leaves_it_to_the_next_and_its_work_is_dropped() {
    let (cell, drops) = (OnceCell::new(), Drops::new(1));
    let first = ByHand::waiting(cell.get_or_init(|| async {
        let _work = drops.item(0);
        pending().await
    }));
    let second = ByHand::waiting(cell.get_or_init(pending));
    let third = ByHand::waiting(cell.get_or_init(async || 3));
    drop(first);
    assert_eq!((drops.of(0), second.wakes(), third.wakes()), (1, 1, 0));
    drop(second);
    assert_eq!(third.finish(), &3);
}

#[test]
fn one_who_is_dropped_in_line_leaves_it() {
    let cell = OnceCell::new();
    let first = ByHand::waiting(cell.get_or_init(pending));
    drop(ByHand::waiting(cell.get_or_init(async || 2)));
    drop(first);
    assert_eq!(cell.set(3), Ok(()));
    assert_eq!(cell.get(), Some(&3));
}

#[test]
fn a_value_is_refused_and_comes_back_if_there_is_one_or_will_be() {
    let cell = OnceCell::new();
    let making = ByHand::waiting(cell.get_or_init(pending));
    assert_eq!(cell.set(1), Err(SetError::Initializing(1)));
    drop(making);
    let watching = ByHand::waiting(cell.wait());
    assert_eq!(cell.set(2), Ok(()));
    assert_eq!(watching.finish(), &2);
    let refused = cell.set(3).unwrap_err();
    assert_eq!(refused, SetError::AlreadyInitialized(3));
    assert!(refused.to_string().contains("already"));
    assert_eq!(refused.into_inner(), 3);
}

#[test]
fn a_cell_that_is_taken_is_as_new_even_if_a_future_was_forgotten() {
    let cell: &'static mut OnceCell<u8> = Box::leak(Box::new(OnceCell::new()));
    // SAFETY: the future that keeps this reference is never polled or dropped after it is leaked.
    let shared: &'static OnceCell<u8> = unsafe { &*std::ptr::from_ref(cell) };
    ByHand::waiting(shared.get_or_init(pending)).leak();
    assert!(cell.get_or_init_timeout(|| 1, Duration::from_millis(5)).is_err());
    assert_eq!(cell.take(), None);
    assert_eq!(cell.get_or_init_blocking(|| 1), &1);
    assert_eq!((cell.take(), cell.get()), (Some(1), None));
}

#[test]
fn a_value_is_dropped_once_with_its_cell_or_by_who_takes_it() {
    let drops = Drops::new(3);
    drop(OnceCell::from(drops.item(0)));
    drop(OnceCell::from(drops.item(1)).into_inner());
    let mut cell = OnceCell::from(drops.item(2));
    drop(cell.take());
    drop(cell);
    drops.assert_once_each(3);
}

#[test]
fn cells_are_cloned_and_compared_by_their_values() {
    let mut cell = OnceCell::from(1);
    assert_eq!(cell.clone(), cell);
    assert_ne!(cell, OnceCell::new());
    *cell.get_mut().unwrap() = 2;
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(2) }");
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let cell = OnceCell::new();
    let making = ByHand::waiting(cell.get_or_init(pending));
    let mut second = ByHand::new(cell.get_or_init(async || 2));
    assert!(second.poll_with(&Waker::from(Arc::new(Panicking))).is_pending());
    let third = ByHand::waiting(cell.get_or_init(async || 3));
    drop(making);
    assert_eq!((second.finish(), third.finish()), (&2, &2));
}

#[test]
fn tasks_on_all_rings_and_threads_agree_on_one_value() {
    let _limit = limit();
    let pool = Pool::new(2);
    for _ in 0..rounds(100) {
        let (cell, made) = (Arc::new(OnceCell::new()), Count::new());
        let tasks: Vec<_> = (0..6)
            .map(|index| {
                let (cell, made) = (Arc::clone(&cell), made.clone());
                let there = pool.runtime(1 - index % 2);
                spawn_on(&pool.runtime(index % 2), async move {
                    let making = async {
                        made.add();
                        switch_to(&there).await.unwrap();
                        index
                    };
                    *cell.get_or_init(|| making).await
                })
            })
            .collect();
        let watching = Arc::clone(&cell);
        let seen = on_a_plain_thread(move || {
            let seen = *watching.wait_blocking();
            assert_eq!(watching.wait_timeout(Duration::ZERO), Ok(&seen));
            seen
        });
        assert!(tasks.into_iter().all(|task| task.wait().unwrap() == seen));
        assert_eq!(made.get(), 1);
    }
}

#[test]
fn a_task_that_is_cancelled_while_it_makes_the_value_leaves_it_to_a_thread() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (cell, begun) = (Arc::new(OnceCell::new()), Gate::new());
    let (making, begins) = (Arc::clone(&cell), begun.clone());
    let task = pool.spawn(async move {
        let never = async {
            begins.open();
            pending::<u8>().await
        };
        *making.get_or_init(|| never).await
    });
    begun.wait();
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| *cell.get_or_init_blocking(|| 7));
        assert!(pool.block_on(task.cancel()).is_none());
        assert_eq!(thread.join().unwrap(), 7);
    });
}

#[test]
fn a_wait_with_a_limit_gives_up() {
    let cell = OnceCell::<u8>::new();
    assert!(cell.wait_timeout(Duration::from_millis(5)).is_err());
    assert!(cell.get_or_try_init_blocking(|| Err::<u8, _>(())).is_err());
    assert_eq!(cell.get_or_init_timeout(|| 7, Duration::ZERO), Ok(&7));
}

#[test]
fn to_block_on_the_thread_of_a_ring_panics() {
    let _limit = limit();
    let text = Pool::new(1).block_on(async {
        let cell = OnceCell::new();
        panic_of(|| *cell.get_or_init_blocking(|| 1))
    });
    assert!(text.contains("await `get_or_init`"), "{text}");
}
