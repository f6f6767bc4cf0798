//! What becomes of the children when their group is dropped.

use std::sync::Arc;

use ringpool::op;
use ringpool::task::TaskGroup;
use ringpool::{Pool, Task, spawn, spawn_on, switch_to, yield_now};

use super::support::*;
use crate::common::*;

#[test]
fn a_dropped_group_cancels_its_children() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    let (begun, dropped) = (Count::new(), Count::new());
    let group = TaskGroup::new();
    for (number, waits) in WAITS.into_iter().enumerate() {
        let (begun, dropped) = (begun.clone(), dropped.on_drop());
        group.spawn_on(&rings[number % 2], wait_in_some_way(waits, begun, dropped, rings.clone()));
    }
    begun.reaches(WAITS.len());
    drop(group);
    dropped.reaches(WAITS.len());
    shut_down(&pool);
    assert_eq!(dropped.get(), WAITS.len());
}

/// A buffer that tells when the kernel has let go of it.
struct Watched(Vec<u8>, #[expect(dead_code)] CountsDrop);

// SAFETY: the vector's memory stays where it is when it is moved, and nobody changes its length.
unsafe impl ringpool::buf::IoBuf for Watched {
    fn ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn who_cancels_a_task_finds_the_groups_it_dropped_gone() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        for round in 0..rounds(40) {
            let (begun, dropped) = (Count::new(), Count::new());
            let (signal, guards) = (begun.clone(), dropped.clone());
            let children = rings.clone();
            // A grandchild, on yet another ring, of a group that the child has.
            let parent = spawn_on(&rings[round % 2], async move {
                let group = TaskGroup::new();
                for ring in children.clone() {
                    let (signal, guards) = (signal.clone(), guards.clone());
                    let children = children.clone();
                    group.spawn_on(&ring, async move {
                        let _guard = guards.on_drop();
                        let inner = TaskGroup::new();
                        for (ring, waits) in children.iter().zip(WAITS.iter().skip(round % 3)) {
                            let (signal, guard) = (signal.clone(), guards.on_drop());
                            let rings = children.clone();
                            inner.spawn_on(ring, wait_in_some_way(*waits, signal, guard, rings));
                        }
                        inner.wait_all().await;
                    });
                }
                group.wait_all().await;
            });
            while begun.get() < 4 {
                yield_now().await;
            }
            assert_eq!(parent.cancel().await, None);
            assert_eq!(dropped.get(), 6);
        }
    });
}

#[test]
fn a_group_dropped_early_is_waited_for_when_its_task_is_cancelled_later_elsewhere() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        for _ in 0..rounds(100) {
            let (begun, dropped, moved) = (Count::new(), Count::new(), Gate::new());
            let (signal, guard, arrived) = (begun.clone(), dropped.on_drop(), moved.clone());
            let rings = rings.clone();
            let parent = spawn_on(&rings[0].clone(), async move {
                let group = TaskGroup::new();
                let child =
                    wait_in_some_way(Waits::ForTheKernel, signal.clone(), guard, rings.clone());
                group.spawn_on(&rings[1], child);
                while signal.get() == 0 {
                    yield_now().await;
                }
                drop(group);
                switch_to(&rings[1]).await.unwrap();
                arrived.open();
                never().await;
            });
            moved.pass().await;
            parent.cancel().await;
            assert_eq!((begun.get(), dropped.get()), (1, 1));
        }
    });
}

#[test]
fn what_children_of_a_cancelled_task_had_in_the_kernel_is_back() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rings = pool.runtimes().to_vec();
    pool.block_on(async {
        for _ in 0..rounds(50) {
            let (begun, given_back) = (Count::new(), Count::new());
            let (signal, buffers, rings) = (begun.clone(), given_back.clone(), rings.clone());
            let parent = spawn(async move {
                let group = TaskGroup::new();
                for ring in &rings {
                    let (signal, watched) = (signal.clone(), buffers.on_drop());
                    group.spawn_on(ring, async move {
                        let (reader, writer) = silent_pipe();
                        fill(&writer);
                        let writer = op::SharedFd::from(std::os::fd::OwnedFd::from(writer));
                        let mut write = op::write(&writer, Watched(vec![0; 65_536], watched));
                        assert!(futures::poll!(&mut write).is_pending());
                        signal.add();
                        let _ = write.await;
                        drop(reader);
                    });
                }
                group.wait_all().await;
            });
            while begun.get() < 2 {
                yield_now().await;
            }
            parent.cancel().await;
            assert_eq!(given_back.get(), 2);
        }
    });
}

/// Writes until the pipe is full.
fn fill(mut writer: &std::io::PipeWriter) {
    use std::io::Write;
    writer.write_all(&[0; 65_536]).expect("a pipe has room for this much");
}

#[test]
fn a_child_that_drops_its_own_group_does_not_wait_for_itself() {
    let _limit = limit();
    let pool = Pool::new(2);
    for _ in 0..rounds(100) {
        let (dropped, begun) = (Count::new(), Count::new());
        let group = Arc::new(TaskGroup::<()>::new());
        for index in 0..2 {
            let (own, guard, begun) = (group.clone(), dropped.on_drop(), begun.clone());
            group.spawn_on(&pool.runtime(index), async move {
                let _guard = guard;
                let _own = own;
                begun.add();
                never().await;
            });
        }
        begun.reaches(2);
        let mut cancel = Box::pin(group.cancel());
        let (waker, ..) = counting_waker();
        let _ = poll_once(&mut cancel, &waker);
        drop(cancel);
        drop(group);
        dropped.reaches(2);
        until(|| pool.runtimes().iter().all(|ring| ring.load().tasks_alive == 0));
    }
}

#[test]
fn a_group_dropped_on_a_plain_thread_or_with_blocking_children_goes_away() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (dropped, running, gate) = (Count::new(), Gate::new(), Gate::new());
    let group = TaskGroup::new();
    let (guard, signal, door) = (dropped.on_drop(), running.clone(), gate.clone());
    group.spawn_blocking_on(&pool.runtime(0), move || {
        signal.open();
        door.wait();
        guard
    });
    running.wait();
    on_a_plain_thread(move || drop(group));
    gate.open();
    dropped.reaches(1);
}

#[test]
fn a_task_is_not_gone_before_the_blocking_children_of_its_group_are() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (running, gate, dropped) = (Gate::new(), Gate::new(), Count::new());
    let (signal, door, guard) = (running.clone(), gate.clone(), dropped.on_drop());
    pool.block_on(async {
        let parent = spawn(async move {
            let group = TaskGroup::new();
            group.spawn_blocking(move || {
                signal.open();
                door.wait();
                drop(guard);
            });
            group.wait_all().await;
        });
        running.pass().await;
        let mut cancel = Box::pin(parent.cancel());
        assert!(futures::poll!(&mut cancel).is_pending());
        gate.open();
        assert_eq!(cancel.await, None);
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn outcomes_that_nobody_takes_are_dropped_with_the_group() {
    let _limit = limit();
    let pool = Pool::new(1);
    let dropped = Count::new();
    pool.block_on(async {
        let group = TaskGroup::new();
        for _ in 0..3 {
            let output = dropped.on_drop();
            group.spawn(async move { output });
        }
        while !format!("{group:?}").contains("running: 0") {
            yield_now().await;
        }
        drop(group);
        assert_eq!(dropped.get(), 3);
    });
}

#[test]
fn a_forgotten_group_harms_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (dropped, gate) = (Count::new(), Gate::new());
    let group = TaskGroup::with_limit(1);
    for index in 0..2 {
        let (guard, door) = (dropped.on_drop(), gate.clone());
        group.spawn_on(&pool.runtime(index), async move {
            door.pass().await;
            drop(guard);
        });
    }
    forget(group);
    gate.open();
    dropped.reaches(2);
    shut_down(&pool);
}

#[test]
fn a_pool_that_stops_ends_the_children_and_who_waits_is_told() {
    let _limit = limit();
    let pools = [Pool::new(2), Pool::new(1)];
    let (begun, dropped) = (Count::new(), Count::new());
    let rings = pools[0].runtimes().to_vec();
    let group = TaskGroup::new();
    for (number, waits) in WAITS.into_iter().enumerate() {
        let (begun, dropped) = (begun.clone(), dropped.on_drop());
        group.spawn_on(&rings[number % 2], wait_in_some_way(waits, begun, dropped, rings.clone()));
    }
    begun.reaches(WAITS.len());
    let waiter: Task<_> = pools[1].spawn(async move { group.wait_all().await });
    shut_down(&pools[0]);
    let outcomes = waiter.wait().unwrap();
    assert_eq!(outcomes.len(), WAITS.len());
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap_err().is_cancelled()));
    assert_eq!(dropped.get(), WAITS.len());
}
