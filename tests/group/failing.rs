//! Children that fail, and groups that end with the first that does.

use std::io;

use ringpool::task::{GroupError, TaskGroup};
use ringpool::{Pool, yield_now};

use super::support::*;
use crate::common::*;

#[test]
fn without_a_failure_all_outputs_come_in_the_order_of_spawning() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::new();
        for _ in 0..2 {
            for number in 0..50usize {
                group.spawn_on(&rings[number % 2], async move {
                    for _ in 0..50 - number {
                        yield_now().await;
                    }
                    Ok::<_, io::Error>(number)
                });
            }
            let all = group.try_wait_all().await.unwrap();
            assert_eq!(all, (0..50).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_first_error_ends_the_others_before_it_is_given() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        let group = TaskGroup::<Result<(), &str>>::new();
        for _ in 0..rounds(20) {
            let (begun, dropped) = (Count::new(), Count::new());
            for (number, waits) in WAITS.into_iter().enumerate() {
                let (begun, guard, rings) = (begun.clone(), dropped.on_drop(), rings.clone());
                group.spawn_on(&rings[number % 2].clone(), async move {
                    wait_in_some_way(waits, begun, guard, rings).await;
                    Ok(())
                });
            }
            group.spawn(async { Ok(()) });
            let begun = begun.clone();
            group.spawn(async move {
                while begun.get() < WAITS.len() {
                    yield_now().await;
                }
                Err("on purpose")
            });
            match group.try_wait_all().await {
                Err(GroupError::Failed("on purpose")) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!((dropped.get(), group.len()), (WAITS.len(), 0));
        }
    });
}

#[test]
fn a_panic_ends_the_others_and_is_given() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let (group, dropped) = (TaskGroup::<Result<(), io::Error>>::new(), Count::new());
        let guard = dropped.on_drop();
        group.spawn(async move {
            let _guard = guard;
            std::future::pending().await
        });
        group.spawn_on(&there, async { panic_on_purpose("of a child") });
        match group.try_wait_all().await {
            Err(GroupError::Panicked(payload)) => {
                assert_eq!(text_of(&*payload.into_inner()), "of a child")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((dropped.get(), group.len()), (1, 0));
        group.spawn(async { Ok(()) });
        assert!(group.try_wait_all().await.is_ok());
    });
}

#[test]
fn a_failure_does_not_end_the_others_unless_that_is_asked_for() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (group, gate) = (TaskGroup::<Result<u32, &str>>::new(), Gate::new());
        group.spawn(async { Err("on purpose") });
        let door = gate.clone();
        group.spawn(async move {
            door.pass().await;
            Ok(7)
        });
        assert_eq!(group.next().await.unwrap().unwrap(), Err("on purpose"));
        gate.open();
        assert_eq!(group.next().await.unwrap().unwrap(), Ok(7));
        group.spawn(async { panic_on_purpose("no matter") });
        group.spawn(async { Ok(8) });
        let all = group.wait_all().await;
        assert!(all[0].as_ref().unwrap_err().is_panic());
        assert_eq!(all[1].as_ref().unwrap(), &Ok(8));
    });
}

#[test]
fn a_failure_that_was_seen_and_not_given_is_not_lost() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (running, gate) = (Gate::new(), Gate::new());
    pool.block_on(async {
        let group = TaskGroup::<Result<u32, &str>>::new();
        group.spawn(async { Ok(1) });
        group.spawn(async { Err("on purpose") });
        let (signal, door) = (running.clone(), gate.clone());
        // It keeps the failure from being given.
        group.spawn_blocking(move || {
            signal.open();
            door.wait();
            Ok(3)
        });
        running.pass().await;
        {
            let mut tried = Box::pin(group.try_wait_all());
            for _ in 0..5 {
                assert!(futures::poll!(&mut tried).is_pending());
                yield_now().await;
            }
        }
        gate.open();
        let all = outputs(group.wait_all().await);
        assert_eq!(all, [Ok(1), Err("on purpose"), Ok(3)]);
    });
}

#[test]
fn errors_of_a_group_convert_and_say_what_happened() {
    let _limit = limit();
    let pool = Pool::new(1);
    let ring = pool.runtime(0);
    let group = TaskGroup::<Result<(), io::Error>>::new();
    group.spawn_on(&ring, async { Err(io::Error::from(io::ErrorKind::NotFound)) });
    let failed = futures::executor::block_on(group.try_wait_all()).unwrap_err();
    assert!(failed.to_string().starts_with("a task of the group failed: "), "{failed}");
    assert_eq!(io::Error::from(failed).kind(), io::ErrorKind::NotFound);
    group.spawn_on(&ring, async { panic!("{}", "no luck") });
    let failed = futures::executor::block_on(group.try_wait_all()).unwrap_err();
    assert!(failed.to_string().contains("panicked: no luck"), "{failed}");
    assert!(failed.into_failed().unwrap_err().is_panic());
    shut_down(&pool);
    group.spawn_on(&ring, async { Ok(()) });
    let failed = futures::executor::block_on(group.try_wait_all()).unwrap_err();
    assert!(io::Error::from(failed).to_string().contains("ring has stopped"));
}
