//! Groups of which only so many children run at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ringpool::task::TaskGroup;
use ringpool::{Pool, yield_now};

use super::support::*;
use crate::common::*;

/// How many run, and how many ran at once at most.
#[derive(Clone, Default)]
struct Crowd(Arc<(AtomicUsize, AtomicUsize)>);

impl Crowd {
    fn enter(&self) -> Present {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Present(self.clone())
    }

    fn largest(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

struct Present(Crowd);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn no_more_children_run_at_once_than_the_limit_says() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    for limit in [1, 3] {
        let crowd = Crowd::default();
        pool.block_on(async {
            let group = TaskGroup::with_limit(limit);
            assert_eq!(group.limit(), Some(limit));
            for number in 0..rounds(300) {
                let crowd = crowd.clone();
                match number % 3 {
                    0 => {
                        group.spawn_blocking(move || drop(crowd.enter()));
                    }
                    1 => {
                        group.spawn_local(async move {
                            let _present = crowd.enter();
                            yield_now().await;
                        });
                    }
                    _ => {
                        group.spawn_on(&rings[number % 2], async move {
                            let _present = crowd.enter();
                            for _ in 0..3 {
                                yield_now().await;
                            }
                        });
                    }
                }
            }
            outputs(group.wait_all().await);
        });
        assert!((1..=limit).contains(&crowd.largest()), "{}", crowd.largest());
    }
}

#[test]
fn those_in_line_begin_in_the_order_of_spawning() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let order = Arc::new(Mutex::new(Vec::new()));
    pool.block_on(async {
        let group = TaskGroup::with_limit(1);
        for number in 0..100usize {
            let order = order.clone();
            group.spawn_on(&rings[number % 2], async move {
                order.lock().unwrap().push(number);
                yield_now().await;
            });
        }
        outputs(group.wait_all().await);
    });
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_panic_or_a_cancel_of_a_child_makes_room_for_the_next() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let group = TaskGroup::with_limit(1);
        for _ in 0..10 {
            group.spawn(async { panic_on_purpose("of a child") });
        }
        group.spawn(async { 7 });
        let all = group.wait_all().await;
        assert_eq!(all.iter().filter(|outcome| outcome.is_err()).count(), 10);
        assert_eq!(*all.last().unwrap().as_ref().unwrap(), 7);
    });
}

#[test]
fn an_inserted_task_takes_no_place() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let group = TaskGroup::with_limit(1);
        let gate = Gate::new();
        let door = gate.clone();
        group.insert(ringpool::spawn(async move {
            door.pass().await;
            1
        }));
        group.spawn(async { 2 });
        assert_eq!(group.next().await.unwrap().unwrap(), 2);
        gate.open();
        assert_eq!(group.next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn dropping_a_group_drops_those_in_line_unbegun() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (begun, dropped) = (Count::new(), Count::new());
    let (group, running) = (TaskGroup::with_limit(1), Gate::new());
    let signal = running.clone();
    group.spawn_on(&pool.runtime(1), async move {
        signal.open();
        never().await;
    });
    running.wait();
    for index in 0..100 {
        let (counts, guard) = (begun.clone(), dropped.on_drop());
        let future = async move {
            let _guard = guard;
            counts.add();
        };
        group.spawn_on(&pool.runtime(index % 2), future);
    }
    drop(group);
    dropped.reaches(100);
    shut_down(&pool);
    assert_eq!((begun.get(), dropped.get()), (0, 100));
}
