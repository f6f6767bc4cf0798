//! Pools that end: with work in flight, from every place, twice, and with destructors that go on.

mod common;

use std::future::Future;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use common::*;
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Pool, Runtime, Task, TaskError};
use ringpool::{spawn, spawn_blocking, spawn_local, spawn_on, switch_to, yield_now};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn everything_in_flight_is_dropped_once_on_its_own_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (started, dropped, elsewhere) = (Count::new(), Count::new(), Count::new());
    struct Checks(usize, #[expect(dead_code)] CountsDrop, Count);
    impl Drop for Checks {
        fn drop(&mut self) {
            if here() != Some(self.0) {
                self.2.add();
            }
        }
    }
    for number in 0..300 {
        let runtime = pool.runtime(number % 2);
        let checks = Checks(number % 2, dropped.on_drop(), elsewhere.clone());
        let started = started.clone();
        spawn_on(&runtime, async move {
            let _checks = checks;
            let (mut operation, mut timer) = (nop(), sleep(LONG));
            let waker = own_waker().await;
            assert!(poll_once(&mut operation, &waker).is_pending());
            assert!(poll_once(&mut timer, &waker).is_pending());
            started.add();
            match number % 3 {
                0 => never().await,
                1 => loop {
                    yield_now().await;
                },
                _ => timer.await,
            }
        })
        .detach();
    }
    started.reaches(300);
    shut_down(&pool);
    assert_eq!((dropped.get(), elsewhere.get()), (300, 0));
}

#[test]
fn a_pool_that_stops_while_block_on_runs_makes_it_panic_and_say_so() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let (inside, dropped) = (Gate::new(), Count::new());
    let (signal, guard, same) = (inside.clone(), dropped.on_drop(), pool.clone());
    let blocked = std::thread::spawn(move || {
        panic_of(|| {
            same.block_on(async move {
                let _guard = guard;
                signal.open();
                sleep(LONG).await;
            });
        })
    });
    inside.wait();
    shut_down(&pool);
    assert_eq!(dropped.get(), 1);
    let said = blocked.join().unwrap();
    assert!(said.contains("shut down while `block_on` was running"), "{said}");
}

#[test]
fn a_second_shutdown_only_waits() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            std::thread::spawn(move || shut_down(&pool))
        })
        .collect();
    shut_down(&pool);
    others.into_iter().for_each(|other| other.join().unwrap());
    shut_down(&pool);
    assert!(pool.runtimes().iter().all(Runtime::is_stopped));
}

#[test]
fn a_pool_dropped_by_its_own_task_ends_without_waiting_for_itself() {
    let _limit = limit();
    let pool = Arc::new(Pool::builder().threads(2).thread_name("lastarc").build().unwrap());
    let (door, dropped) = (Gate::new(), Count::new());
    let (gate, own, guard) = (door.clone(), pool.clone(), dropped.on_drop());
    let task = spawn_on(&pool.runtime(1), async move {
        let _guard = guard;
        gate.pass().await;
        drop(own);
        // From here on the task is one of a pool that stops.
        never().await;
    });
    drop(pool);
    door.open();
    assert!(matches!(task.wait(), Err(TaskError::Cancelled)));
    assert_eq!(dropped.get(), 1);
    until(|| threads_named("lastarc").is_empty());
}

#[test]
fn a_pool_dropped_by_its_own_blocking_thread_ends_too() {
    let _limit = limit();
    let pool = Arc::new(Pool::builder().threads(2).thread_name("blockarc").build().unwrap());
    let (door, own) = (Gate::new(), pool.clone());
    let gate = door.clone();
    let task = pool.spawn_blocking(move || {
        gate.wait();
        drop(own);
        7
    });
    drop(pool);
    door.open();
    assert_eq!(task.wait().unwrap(), 7);
    until(|| threads_named("blockarc").is_empty());
}

#[test]
fn a_shutdown_asked_for_by_a_task_happens_and_says_that_it_cannot_be_waited_for() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let own = pool.clone();
    let task = spawn_on(&pool.runtime(1), async move {
        let error = own.shutdown(Duration::from_secs(1)).unwrap_err();
        error.kind()
    });
    match task.wait() {
        Ok(kind) => assert_eq!(kind, ErrorKind::WouldBlock),
        Err(error) => panic!("{error}"),
    }
    shut_down(&pool);
}

#[test]
fn a_task_that_does_not_return_makes_shutdown_time_out_and_ends_later() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (started, door) = (Gate::new(), Gate::new());
    let (signal, gate) = (started.clone(), door.clone());
    let task = pool.spawn(async move {
        signal.open();
        gate.wait();
        7
    });
    started.wait();
    let error = pool.shutdown(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("a task does not return"), "{error}");
    door.open();
    assert_eq!(task.wait().unwrap(), 7);
    shut_down(&pool);
}

#[test]
fn a_blocking_closure_that_does_not_return_is_named() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (started, door) = (Gate::new(), Gate::new());
    let (signal, gate) = (started.clone(), door.clone());
    let task = pool.spawn_blocking(move || {
        signal.open();
        gate.wait();
        7
    });
    started.wait();
    let error = pool.shutdown(Duration::from_millis(1)).unwrap_err();
    assert!(error.to_string().contains("a blocking closure"), "{error}");
    door.open();
    assert_eq!(task.wait().unwrap(), 7);
    shut_down(&pool);
}

#[test]
fn running_blocking_jobs_are_waited_for_and_queued_ones_cancelled() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(2).build().unwrap();
    let (started, door, dropped) = (Count::new(), Gate::new(), Count::new());
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (started, gate, guard) = (started.clone(), door.clone(), dropped.on_drop());
            pool.spawn_blocking(move || {
                let _guard = guard;
                started.add();
                gate.wait();
                number
            })
        })
        .collect();
    started.reaches(2);
    let opens = door.clone();
    // The queued jobs are gone before the running ones are let go.
    let opener = std::thread::spawn(move || {
        dropped.reaches(18);
        opens.open();
        dropped
    });
    shut_down(&pool);
    let outcomes: Vec<_> = tasks.into_iter().map(Task::wait).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    let cancelled = |outcome: &&Result<_, TaskError>| matches!(outcome, Err(TaskError::Cancelled));
    assert_eq!(outcomes.iter().filter(cancelled).count(), 18);
    assert_eq!(opener.join().unwrap().get(), 20);
}

#[test]
fn waiters_outside_are_told_that_the_ring_is_gone() {
    let _limit = limit();
    let (pool, other) = (Pool::new(2), Pool::new(1));
    let waited: Vec<Task<()>> = (0..4).map(|_| pool.spawn(never())).collect();
    let mut waited = waited.into_iter();
    let (first, second) = (waited.next().unwrap(), waited.next().unwrap());
    let (third, fourth) = (waited.next().unwrap(), waited.next().unwrap());
    let plain = std::thread::spawn(move || first.wait());
    let foreign = std::thread::spawn(move || futures::executor::block_on(second));
    let ring = other.spawn(third);
    shut_down(&pool);
    assert!(plain.join().unwrap().unwrap_err().is_cancelled());
    assert!(foreign.join().unwrap().unwrap_err().is_cancelled());
    assert!(ring.wait().unwrap().unwrap_err().is_cancelled());
    assert!(fourth.wait().unwrap_err().is_cancelled());
}

/// Runs a closure when it is dropped.
struct AtDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn destructors_that_spawn_during_a_shutdown_leave_nothing_behind() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (started, dropped) = (Count::new(), Count::new());
    for number in 0..20 {
        let (dropped, other) = (dropped.clone(), pool.runtime((number + 1) % 2));
        let spawns = AtDrop(move || {
            let guards = [dropped.on_drop(), dropped.on_drop(), dropped.on_drop()];
            let [first, second, third] = guards;
            spawn(async move { drop(first) }).detach();
            spawn_local(async move { drop(second) }).detach();
            spawn_on(&other, async move { drop(third) }).detach();
        });
        let started = started.clone();
        spawn_on(&pool.runtime(number % 2), async move {
            let _spawns = spawns;
            started.add();
            never().await;
        })
        .detach();
    }
    started.reaches(20);
    shut_down(&pool);
    assert_eq!(dropped.get(), 60);
}

#[test]
fn destructors_that_wake_cancel_and_ask_for_timers_harm_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (started, dropped) = (Count::new(), Count::new());
    let wakers = Arc::new(Mutex::new(Vec::new()));
    let handles = Arc::new(Mutex::new(Vec::<Task<()>>::new()));
    for number in 0..20 {
        let (taken, wakers) = (handles.clone(), wakers.clone());
        let (started, guard, woken) = (started.clone(), dropped.on_drop(), wakers.clone());
        let interferes = AtDrop(move || {
            woken.lock().unwrap().iter().for_each(Waker::wake_by_ref);
            // The handles of other tasks, on this ring and the other one.
            let handle = taken.lock().unwrap().pop();
            drop(handle);
            let mut asked = (sleep(LONG), nop());
            let _ = poll_once(&mut asked.0, Waker::noop());
            let _ = poll_once(&mut asked.1, Waker::noop());
        });
        let task = spawn_on(&pool.runtime(number % 2), async move {
            let (_guard, _interferes) = (guard, interferes);
            let waker = own_waker().await;
            wakers.lock().unwrap().push(waker);
            started.add();
            never().await;
        });
        handles.lock().unwrap().push(task);
    }
    started.reaches(20);
    shut_down(&pool);
    assert_eq!(dropped.get(), 20);
    wakers.lock().unwrap().drain(..).for_each(Waker::wake);
}

/// A waker that spawns a task of its own on the ring that wakes it.
struct SpawnsWhenWoken(Mutex<Vec<Task<()>>>, Count);

impl Wake for SpawnsWhenWoken {
    fn wake(self: Arc<Self>) {
        if ringpool::current().is_some() {
            let guard = self.1.on_drop();
            let task = spawn(async move {
                let _guard = guard;
                never().await;
            });
            self.0.lock().unwrap().push(task);
        }
    }
}

#[test]
fn wakers_that_spawn_during_a_shutdown_leave_nothing_behind() {
    let _limit = limit();
    for _ in 0..20 {
        let pool = Pool::new(2);
        let spawned = Count::new();
        let waker = Arc::new(SpawnsWhenWoken(Mutex::new(Vec::new()), spawned.clone()));
        let mut timers = Vec::new();
        let foreign = Waker::from(waker.clone());
        for runtime in pool.runtimes() {
            let foreign = foreign.clone();
            // Their timers are stopped, and so woken, after the last task has gone.
            let task = spawn_on(runtime, async move {
                let mut timer = sleep(LONG);
                assert!(poll_once(&mut timer, &foreign).is_pending());
                Some(timer)
            });
            timers.extend(task.wait().unwrap());
        }
        let mut watched = pool.spawn(never());
        assert!(poll_once(&mut watched, &foreign).is_pending());
        shut_down(&pool);
        drop(pool);
        let tasks = std::mem::take(&mut *waker.0.lock().unwrap());
        assert!(tasks.len() >= 2);
        assert_eq!(spawned.get(), tasks.len());
        // A new ring at the same address does not take them for its own.
        let new = Pool::new(2);
        new.block_on(async move { drop((tasks, timers)) });
        assert_eq!(new.spawn(async { 7 }).wait().unwrap(), 7);
    }
}

#[test]
fn a_stop_hook_that_spawns_leaves_nothing_behind() {
    let _limit = limit();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let dropped = Count::new();
    let (keeps, counts) = (kept.clone(), dropped.clone());
    let pool = Pool::builder()
        .threads(2)
        .on_thread_stop(move |_| {
            let guard = counts.on_drop();
            let mut timer = Box::pin(sleep(LONG));
            let _ = poll_once(&mut timer, Waker::noop());
            let task = spawn(async move {
                let _guard = guard;
                never().await;
            });
            keeps.lock().unwrap().push((task, timer));
        })
        .build()
        .unwrap();
    shut_down(&pool);
    drop(pool);
    assert_eq!(dropped.get(), 2);
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    assert_eq!(kept.len(), 2);
    let new = Pool::new(2);
    new.block_on(async move { drop(kept) });
    assert_eq!(new.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn a_chain_of_destructors_that_wait_for_each_others_tasks_ends() {
    let _limit = limit();
    let pool = Pool::new(2);
    let dropped = Count::new();
    let started = Count::new();
    // Each task owns the handle of the one before it, on the other ring.
    let mut task = spawn_on(&pool.runtime(0), never());
    for number in 0..50 {
        let (inner, guard, started) = (task, dropped.on_drop(), started.clone());
        task = spawn_on(&pool.runtime(number % 2), async move {
            let _guard = guard;
            started.add();
            let _ = inner.await;
            never().await;
        });
    }
    started.reaches(50);
    drop(pool);
    assert_eq!(dropped.get(), 50);
    assert!(task.wait().unwrap_err().is_cancelled());
}

#[test]
fn a_thousand_pools_one_after_the_other_all_start_and_stop() {
    let _limit = limit();
    for round in 0..200 {
        let pool = Pool::new(1 + round % 3);
        let task = pool.spawn(async { here() });
        if round % 2 == 0 {
            assert!(task.wait().is_ok());
        } else {
            drop(task);
        }
    }
}

#[test]
fn two_rings_that_cancel_each_others_tasks_both_go_on() {
    let _limit = limit();
    let pool = Pool::new(2);
    for _ in 0..200 {
        let victims: Vec<_> = (0..2).map(|index| spawn_on(&pool.runtime(index), never())).collect();
        let mut victims = victims.into_iter();
        let (on_first, on_second) = (victims.next().unwrap(), victims.next().unwrap());
        let cross = [
            spawn_on(&pool.runtime(0), async move { on_second.cancel().await }),
            spawn_on(&pool.runtime(1), async move { on_first.cancel().await }),
        ];
        for task in cross {
            assert_eq!(task.wait().unwrap(), None);
        }
    }
}

#[test]
fn a_pool_without_work_stops_at_once() {
    let _limit = limit();
    for _ in 0..10 {
        let pool = Pool::new(2);
        let started = Instant::now();
        drop(pool);
        // Dropping waits ten seconds for a thread that does not end.
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

/// Is pending once, and cancels the pool's shutdown race by being dropped in flight.
struct DropsAnOperation(ringpool::op::Op<ringpool::op::Nop>);

impl Future for DropsAnOperation {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _ = poll_once(&mut self.0, cx.waker());
        self.0 = nop();
        let _ = poll_once(&mut self.0, cx.waker());
        Poll::Pending
    }
}

#[test]
fn a_cancel_waits_for_operations_that_the_task_dropped_in_flight() {
    let _limit = limit();
    let pool = Pool::new(2);
    for runtime in pool.runtimes() {
        for _ in 0..500 {
            let task = spawn_on(runtime, DropsAnOperation(nop()));
            pool.block_on(async move {
                yield_now().await;
                assert_eq!(task.cancel().await, None);
            });
            let metrics = runtime.metrics();
            assert_eq!(metrics.operations_completed, metrics.operations_started);
        }
        assert!(runtime.metrics().operations_started > 0);
    }
}

/// An operation that was told from afar to end, and is dropped before its ring has heard of that.
#[test]
fn a_cancel_waits_for_an_operation_that_was_cancelled_from_afar_and_then_dropped() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (first, second) = (pool.runtime(0), pool.runtime(1));
    let [moved, blocked, dropped, cancelled] = std::array::from_fn(|_| Count::new());
    let (reader, _writer) = std::io::pipe().unwrap();
    let reader = ringpool::op::SharedFd::from(std::os::fd::OwnedFd::from(reader));
    let task = second.spawn({
        let (first, moved, blocked, dropped) =
            (first.clone(), moved.clone(), blocked.clone(), dropped.clone());
        async move {
            let waker = own_waker().await;
            let mut read = ringpool::op::read(&reader, vec![0; 1]);
            let _ = poll_once(&mut read, &waker);
            switch_to(&first).await.unwrap();
            moved.add();
            while blocked.get() == 0 {
                yield_now().await;
            }
            drop(read.cancel());
            dropped.add();
            std::future::pending::<()>().await;
        }
    });
    moved.reaches(1);
    let (unblock, block) = std::sync::mpsc::channel();
    let blocker = second.spawn({
        let blocked = blocked.clone();
        async move {
            blocked.add();
            let _ = block.recv();
        }
    });
    dropped.reaches(1);
    let cancelling = first.spawn({
        let cancelled = cancelled.clone();
        async move {
            assert!(task.cancel().await.is_none());
            cancelled.add();
        }
    });
    for _ in 0..100 {
        first.spawn(yield_now()).wait().unwrap();
    }
    assert_eq!(cancelled.get(), 0, "the operation is still in the kernel");
    unblock.send(()).unwrap();
    cancelling.wait().unwrap();
    blocker.wait().unwrap();
}

/// The operations of a task that is under way to a ring that closes come back to it all the same.
#[test]
fn a_cancel_waits_for_operations_of_a_task_that_a_closing_ring_sends_back() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (first, second) = (pool.runtime(0), pool.runtime(1));
    for _ in 0..rounds(400) {
        let other = Pool::new(1);
        let closes = other.runtime(0);
        let moving = Count::new();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (first, second, closes) = (first.clone(), second.clone(), closes.clone());
                let moving = moving.clone();
                first.clone().spawn(async move {
                    let waker = own_waker().await;
                    loop {
                        let mut operation = nop();
                        let _ = poll_once(&mut operation, &waker);
                        let _ = switch_to(&second).await;
                        // In flight on the first ring, dropped on the second.
                        drop(operation);
                        let _ = switch_to(&closes).await;
                        let _ = switch_to(&first).await;
                        moving.add();
                    }
                })
            })
            .collect();
        moving.reaches(8);
        drop(other);
        for task in tasks {
            assert!(pool.block_on(task.cancel()).is_none());
        }
    }
}

#[test]
fn blocking_work_spawned_while_the_pool_closes_ends_one_way_or_the_other() {
    let _limit = limit();
    for _ in 0..50 {
        let pool = Arc::new(Pool::builder().threads(1).build().unwrap());
        let dropped = Count::new();
        let (spawner, counts, begun) = (pool.clone(), dropped.clone(), Gate::new());
        let signal = begun.clone();
        let spawns = std::thread::spawn(move || {
            let mut tasks = Vec::new();
            for _ in 0..200 {
                let guard = counts.on_drop();
                tasks.push(spawner.spawn_blocking(move || drop(guard)));
                signal.open();
            }
            tasks
        });
        begun.wait();
        shut_down(&pool);
        for task in spawns.join().unwrap() {
            match task.wait() {
                Ok(()) | Err(TaskError::Cancelled) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(dropped.get(), 200);
    }
    let pool = Pool::new(1);
    pool.block_on(async { spawn_blocking(|| ()).await.unwrap() });
}
