//! Scopes, which no task of theirs outlives.

use std::sync::{Arc, Mutex};

use ringpool::task::{self, Scope};
use ringpool::{Pool, TaskError, spawn, spawn_on, switch_to, yield_now};

use super::support::*;
use crate::common::*;

/// Spawns a child on each ring that waits in each way, and waits until all have begun.
async fn waiting_children(scope: &Scope, rings: &[ringpool::Runtime], dropped: &Count) {
    let begun = Count::new();
    for waits in WAITS {
        for ring in rings {
            let child = wait_in_some_way(waits, begun.clone(), dropped.on_drop(), rings.to_vec());
            drop(scope.spawn_on(ring, child));
        }
    }
    while begun.get() < WAITS.len() * rings.len() {
        yield_now().await;
    }
}

#[test]
fn a_scope_ends_when_all_its_children_have() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let ended = Count::new();
        let value = task::scope(async |scope| {
            for number in 0..100 {
                let ends = ended.clone();
                let rings = rings.clone();
                drop(scope.spawn_on(&rings[number % 2].clone(), async move {
                    for ring in &rings {
                        switch_to(ring).await.unwrap();
                    }
                    ends.add();
                }));
            }
            let ends = ended.clone();
            drop(scope.spawn_blocking(move || ends.add()));
            7
        })
        .await;
        assert_eq!((value, ended.get()), (7, 101));
        assert_eq!(task::scope(async |_| "no children").await, "no children");
    });
}

#[test]
fn a_scope_can_be_part_of_a_task_and_moves_with_it() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let task = pool.spawn(async move {
        task::scope(async |scope| {
            let first = scope.spawn(async { here() });
            switch_to(&rings[1]).await.unwrap();
            let second = scope.spawn(async { here() });
            (first.await.unwrap(), second.await.unwrap())
        })
        .await
    });
    assert_eq!(task.wait().unwrap(), (Some(0), Some(1)));
}

#[test]
fn outputs_come_through_the_handles_and_a_dropped_handle_ends_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let ended = Count::new();
        task::scope(async |scope| {
            let child = scope.spawn_on(&there, async { String::from("an output") });
            let blocking = scope.spawn_blocking(|| 8);
            let ends = ended.clone();
            drop(scope.spawn(async move {
                yield_now().await;
                ends.add();
            }));
            assert_eq!(child.await.unwrap(), "an output");
            assert_eq!(blocking.await.unwrap(), 8);
        })
        .await;
        assert_eq!(ended.get(), 1);
    });
}

#[test]
fn children_spawn_others_through_a_clone_of_the_scope() {
    fn fork(scope: &Scope, depth: usize, leaves: Count) {
        if depth == 0 {
            return leaves.add();
        }
        for _ in 0..2 {
            let (inner, leaves) = (scope.clone(), leaves.clone());
            drop(scope.spawn(async move {
                yield_now().await;
                fork(&inner, depth - 1, leaves);
            }));
        }
    }
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let leaves = Count::new();
        task::scope(async |scope| fork(&scope, 8, leaves.clone())).await;
        assert_eq!(leaves.get(), 256);
    });
}

#[test]
fn a_scope_that_has_ended_takes_no_more_tasks() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let dropped = Count::new();
        let late = task::scope(async |scope| scope).await;
        let guard = dropped.on_drop();
        let child = late.spawn(async move { drop(guard) });
        assert_eq!(dropped.get(), 1);
        assert!(matches!(child.await, Err(TaskError::Cancelled)));
        let guard = dropped.on_drop();
        drop(late.spawn_blocking(move || drop(guard)));
        assert_eq!(dropped.get(), 2);
    });
}

#[test]
fn a_panic_of_the_body_waits_until_the_children_are_gone() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let dropped = Count::new();
    let said = panic_of(|| {
        pool.block_on(task::scope(async |scope| {
            waiting_children(&scope, &rings, &dropped).await;
            panic_on_purpose("of the body")
        }))
    });
    assert_eq!((said.as_str(), dropped.get()), ("of the body", 2 * WAITS.len()));
}

#[test]
fn a_panic_of_a_child_ends_the_body_and_the_others_and_goes_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    for body_waits in [true, false] {
        let (dropped, of_body) = (Count::new(), Count::new());
        let said = panic_of(|| {
            pool.block_on(task::scope(async |scope| {
                let _guard = of_body.on_drop();
                waiting_children(&scope, &rings, &dropped).await;
                drop(scope.spawn_on(&rings[1], async { panic_on_purpose("of a child") }));
                if body_waits {
                    never().await;
                }
            }))
        });
        assert_eq!((said.as_str(), of_body.get()), ("of a child", 1));
        assert_eq!(dropped.get(), 2 * WAITS.len());
    }
}

#[test]
fn a_panic_in_a_destructor_of_the_body_does_not_pass_by_the_children() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic_on_purpose("in a destructor");
        }
    }
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let dropped = Count::new();
    let said = panic_of(|| {
        pool.block_on(task::try_scope(async |scope| {
            let _panics = Panics;
            let (begun, guard, rings) = (Count::new(), dropped.on_drop(), rings.clone());
            let signal = begun.clone();
            drop(scope.spawn_on(&rings[1].clone(), async move {
                wait_in_some_way(Waits::ForTheKernel, signal, guard, rings).await;
                Ok(())
            }));
            while begun.get() == 0 {
                yield_now().await;
            }
            drop(scope.spawn(async { Err::<(), _>("an error") }));
            never().await;
            Ok(())
        }))
        .unwrap_err();
    });
    assert_eq!((said.as_str(), dropped.get()), ("in a destructor", 1));
}

#[test]
fn an_error_of_the_body_or_of_a_child_ends_a_scope_that_may_fail() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        for of_body in [true, false] {
            let (begun, dropped) = (Count::new(), Count::new());
            let outcome = task::try_scope(async |scope| {
                for (number, waits) in WAITS.into_iter().enumerate() {
                    let (begun, guard) = (begun.clone(), dropped.on_drop());
                    let rings = rings.clone();
                    drop(scope.spawn_on(&rings[number % 2].clone(), async move {
                        wait_in_some_way(waits, begun, guard, rings).await;
                        Ok(())
                    }));
                }
                while begun.get() < WAITS.len() {
                    yield_now().await;
                }
                if of_body {
                    return Err("of the body");
                }
                drop(scope.spawn_on(&rings[1], async { Err::<(), _>("of a child") }));
                Ok(())
            })
            .await;
            assert_eq!(outcome, Err(if of_body { "of the body" } else { "of a child" }));
            assert_eq!(dropped.get(), WAITS.len());
        }
        let outcome = task::try_scope_with_limit(1, async |scope| {
            let (first, second) = (scope.spawn(async { Ok(1) }), scope.spawn_blocking(|| Ok(2)));
            Ok::<_, TaskError>(first.await? + second.await?)
        });
        assert_eq!(outcome.await.unwrap(), 3);
    });
}

#[test]
fn a_child_that_is_cancelled_from_inside_leaves_the_scope_to_go_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let dropped = Count::new();
        let value = task::scope(async |scope| {
            waiting_children(&scope, &rings, &dropped).await;
            scope.cancel().await;
            assert_eq!(dropped.get(), 2 * WAITS.len());
            scope.spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(value.await, 7);
    });
}

#[test]
fn a_cancel_of_the_caller_waits_for_the_children_of_its_scope() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    for home in pool.runtimes() {
        for body_ends in [true, false] {
            let (begun, dropped) = (Count::new(), Count::new());
            let (signal, counts, rings) = (begun.clone(), dropped.clone(), rings.clone());
            let caller = spawn_on(home, async move {
                task::scope(async |scope| {
                    waiting_children(&scope, &rings, &counts).await;
                    signal.add();
                    if !body_ends {
                        never().await;
                    }
                })
                .await;
            });
            begun.reaches(1);
            assert_eq!(futures::executor::block_on(caller.cancel()), None);
            assert_eq!(dropped.get(), 2 * WAITS.len());
        }
    }
}

#[test]
fn a_dropped_scope_cancels_its_children() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let (begun, dropped) = (Count::new(), Count::new());
        {
            let mut scope = Box::pin(task::scope(async |scope| {
                waiting_children(&scope, &rings, &dropped).await;
                begun.add();
                never().await;
            }));
            while begun.get() == 0 {
                assert!(futures::poll!(&mut scope).is_pending());
                yield_now().await;
            }
        }
        while dropped.get() < 2 * WAITS.len() {
            yield_now().await;
        }
    });
}

#[test]
fn a_limit_keeps_later_children_waiting_in_order() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let order = Arc::new(Mutex::new(Vec::new()));
    pool.block_on(task::scope_with_limit(1, async |scope| {
        for number in 0..50usize {
            let order = order.clone();
            drop(scope.spawn_on(&rings[number % 2], async move {
                order.lock().unwrap().push(number);
                yield_now().await;
            }));
        }
    }));
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[test]
fn scopes_in_scopes_end_from_the_inside() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let order = Arc::new(Mutex::new(Vec::new()));
    let said = panic_of(|| {
        pool.block_on(task::scope(async |outer| {
            let (order, rings) = (order.clone(), rings.clone());
            let child = outer.spawn_on(&rings[1].clone(), async move {
                let in_child = order.clone();
                task::scope(async move |inner| {
                    let (order, gate) = (in_child, Gate::new());
                    let signal = gate.clone();
                    drop(inner.spawn_on(&rings[0], async move {
                        let _last = OnDrop(order.clone(), "the grandchild");
                        signal.open();
                        never().await;
                    }));
                    gate.pass().await;
                    panic_on_purpose("of the inner scope")
                })
                .await
            });
            let _: Result<(), _> = child.await;
        }))
    });
    order.lock().unwrap().push("the outer scope");
    assert_eq!(said, "of the inner scope");
    assert_eq!(*order.lock().unwrap(), ["the grandchild", "the outer scope"]);

    struct OnDrop(Arc<Mutex<Vec<&'static str>>>, &'static str);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(self.1);
        }
    }
}

#[test]
fn a_scope_of_a_stopped_ring_ends_with_what_its_children_say() {
    let _limit = limit();
    let pools = [Pool::new(1), Pool::new(1)];
    let gone = pools[1].runtime(0);
    shut_down(&pools[1]);
    pools[0].block_on(async {
        let outcome = task::scope(async |scope| scope.spawn_on(&gone, async { 7 }).await);
        assert!(matches!(outcome.await, Err(TaskError::Cancelled)));
        spawn(async {}).await.unwrap();
    });
}

#[test]
fn outside_a_pool_a_scope_says_what_to_use() {
    let _limit = limit();
    let pool = Pool::new(1);
    let ring = pool.runtime(0);
    let value = futures::executor::block_on(task::scope(async |scope| {
        let said = panic_of(|| scope.spawn(async {}));
        assert!(said.contains("scope.spawn_on(&runtime, …)"), "{said}");
        scope.spawn_on(&ring, async { here() }).await.unwrap()
    }));
    assert_eq!(value, Some(0));
}
