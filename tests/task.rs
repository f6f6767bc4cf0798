//! Tasks: their outputs, handles, names and ends.

mod common;

use std::sync::Arc;
use std::task::Poll;

use common::*;
use ringpool::{Pool, SpawnError, TaskError, spawn, spawn_blocking, spawn_local, spawn_on, task};

#[test]
fn an_output_comes_home_from_every_kind_of_task() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let outputs = pool.block_on(async {
        let local = spawn_local(async { here() }).await.unwrap();
        let same = spawn(async { here() }).await.unwrap();
        let other = spawn_on(&there, async { here() }).await.unwrap();
        let blocking = spawn_blocking(here).await.unwrap();
        [local, same, other, blocking]
    });
    assert_eq!(outputs, [Some(0), Some(0), Some(1), None]);
    assert_eq!(there.spawn(async { here() }).wait().unwrap(), Some(1));
    assert_eq!(there.spawn_blocking(here).wait().unwrap(), None);
}

#[test]
fn a_pool_places_its_tasks_in_turn() {
    let _limit = limit();
    let pool = Pool::new(3);
    let places: Vec<_> = (0..6).map(|_| pool.spawn(async { here() }).wait().unwrap()).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2), Some(0), Some(1), Some(2)]);
}

#[test]
fn a_panic_is_the_outcome_of_its_task() {
    let _limit = limit();
    let pool = Pool::new(1);
    let error = pool.spawn(async { panic_on_purpose("no luck") }).wait().unwrap_err();
    assert!(error.is_panic() && !error.is_cancelled());
    assert_eq!(text_of(&*error.into_panic().unwrap()), "no luck");
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn a_finished_task_gives_its_output_once() {
    let _limit = limit();
    let pool = Pool::new(1);
    let mut task = pool.spawn(async { 7 });
    until(|| task.is_finished());
    let (waker, ..) = counting_waker();
    assert!(matches!(poll_once(&mut task, &waker), Poll::Ready(Ok(7))));
    let said = panic_of(|| poll_once(&mut task, &waker));
    assert!(said.contains("polled again"), "{said}");
}

#[test]
fn a_dropped_handle_cancels_and_the_future_is_dropped_at_home() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (dropped, started) = (Count::new(), Gate::new());
    let place = Arc::new(std::sync::Mutex::new(None));
    struct SaysWhere(Arc<std::sync::Mutex<Option<usize>>>, #[expect(dead_code)] CountsDrop);
    impl Drop for SaysWhere {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = here();
        }
    }
    let says = SaysWhere(place.clone(), dropped.on_drop());
    let signal = started.clone();
    let task = spawn_on(&pool.runtime(1), async move {
        let _says = says;
        signal.open();
        never().await;
    });
    started.wait();
    drop(task);
    dropped.reaches(1);
    assert_eq!(*place.lock().unwrap(), Some(1));
    shut_down(&pool);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_task_cancelled_before_its_first_poll_is_never_polled() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (polled, dropped) = (Count::new(), Count::new());
        let (counts, guard) = (polled.clone(), dropped.on_drop());
        let task = spawn(async move {
            let _guard = guard;
            counts.add();
        });
        assert_eq!(task.cancel().await, None);
        assert_eq!((polled.get(), dropped.get()), (0, 1));
    });
}

#[test]
fn a_cancelled_task_is_gone_when_the_cancel_returns() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    for home in [pool.runtime(0), there] {
        pool.block_on(async {
            let dropped = Count::new();
            let (guard, started) = (dropped.on_drop(), Gate::new());
            let signal = started.clone();
            let task = spawn_on(&home, async move {
                let _guard = guard;
                signal.open();
                never().await;
            });
            started.pass().await;
            assert_eq!(task.cancel().await, None);
            assert_eq!(dropped.get(), 1);
        });
    }
}

#[test]
fn cancelling_a_finished_task_gives_its_output() {
    let _limit = limit();
    let pool = Pool::new(2);
    let task = spawn_on(&pool.runtime(1), async { String::from("done") });
    until(|| task.is_finished());
    assert_eq!(pool.block_on(task.cancel()).as_deref(), Some("done"));
    let task = spawn_on(&pool.runtime(1), async { panic_on_purpose("too late to cancel") });
    until(|| task.is_finished());
    let said = panic_of(|| pool.block_on(task.cancel()));
    assert_eq!(said, "too late to cancel");
}

#[test]
fn a_cancel_that_is_dropped_is_a_cancel_all_the_same() {
    let _limit = limit();
    let pool = Pool::new(2);
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let task = spawn_on(&pool.runtime(1), async move {
        let _guard = guard;
        never().await;
    });
    drop(task.cancel());
    dropped.reaches(1);
}

#[test]
fn a_detached_task_runs_to_its_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (dropped, gate) = (Count::new(), Gate::new());
    let (output, door) = (dropped.on_drop(), gate.clone());
    spawn_on(&pool.runtime(1), async move {
        door.pass().await;
        output
    })
    .detach();
    assert_eq!(dropped.get(), 0);
    gate.open();
    dropped.reaches(1);
    shut_down(&pool);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_forgotten_handle_keeps_the_output_and_harms_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (ended, dropped) = (Count::new(), Count::new());
    let (ends, output) = (ended.on_drop(), dropped.on_drop());
    let task = spawn_on(&pool.runtime(1), async move {
        drop(ends);
        output
    });
    forget(task);
    ended.reaches(1);
    shut_down(&pool);
    assert_eq!(dropped.get(), 0);
}

#[test]
fn a_handle_that_is_only_borrowed_can_be_awaited_again() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let gate = Gate::new();
        let door = gate.clone();
        let mut task = spawn_on(&there, async move {
            door.pass().await;
            7
        });
        let (waker, ..) = counting_waker();
        assert!(poll_once(&mut task, &waker).is_pending());
        assert!(poll_once(&mut &mut task, &waker).is_pending());
        gate.open();
        assert_eq!((&mut task).await.unwrap(), 7);
    });
}

#[test]
fn numbers_are_unique_and_names_are_kept() {
    let _limit = limit();
    let pool = Pool::new(2);
    let mut ids: Vec<_> = (0..3000).map(|_| pool.spawn(async {})).map(|task| task.id()).collect();
    pool.block_on(async {
        ids.extend((0..3000).map(|_| spawn(async {})).map(|task| task.id()));
    });
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6000);
    let named = task::Builder::new().name("adder").spawn_on(&pool.runtime(0), async { 1 + 1 });
    assert_eq!(named.name(), Some("adder"));
    assert!(format!("{named:?}").contains("adder"));
    assert_eq!(named.wait().unwrap(), 2);
    assert_eq!(pool.spawn(async {}).name(), None);
}

#[test]
fn waiting_on_the_thread_of_a_ring_panics_and_says_so() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let task = spawn(&there, async {});
    let said = pool.block_on(async move { panic_of(|| task.wait()) });
    assert!(said.contains("`.await` the task there"), "{said}");

    fn spawn(
        runtime: &ringpool::Runtime,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> ringpool::Task<()> {
        spawn_on(runtime, future)
    }
}

#[test]
fn a_spawn_on_a_stopped_ring_gives_the_future_back_or_ends_cancelled() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    shut_down(&pool);
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let SpawnError(future) = there
        .try_spawn(async move {
            let _guard = guard;
            7
        })
        .unwrap_err();
    assert_eq!(dropped.get(), 0);
    assert_eq!(Pool::new(1).spawn(future).wait().unwrap(), 7);
    assert_eq!(dropped.get(), 1);

    let guard = dropped.on_drop();
    let task = spawn_on(&there, async move { drop(guard) });
    assert!(task.is_finished());
    assert_eq!(dropped.get(), 2);
    assert!(matches!(task.wait(), Err(TaskError::Cancelled)));
    assert!(matches!(pool.spawn(async {}).wait(), Err(TaskError::Cancelled)));
    assert!(matches!(pool.spawn_blocking(|| ()).wait(), Err(TaskError::Cancelled)));
    assert!(panic_of(|| pool.block_on(async {})).contains("shut down"));
}

#[test]
fn spawning_without_a_ring_panics_and_says_what_to_use() {
    let _limit = limit();
    for said in [
        panic_of(|| spawn(async {})),
        panic_of(|| spawn_local(async {})),
        panic_of(|| spawn_blocking(|| ())),
    ] {
        assert!(said.contains("on others"), "{said}");
    }
}

#[test]
fn errors_convert_into_io_errors_that_say_what_happened() {
    let _limit = limit();
    let pool = Pool::new(1);
    let task = pool.spawn(async { panic!("{}", "no luck") });
    let error = std::io::Error::from(task.wait().unwrap_err());
    assert!(error.to_string().contains("panicked: no luck"), "{error}");
    // Nothing is lost on the way.
    let payload = error.downcast::<TaskError>().unwrap().into_panic().unwrap();
    assert_eq!(text_of(&*payload), "no luck");
    shut_down(&pool);
    let error = std::io::Error::from(pool.spawn(async {}).wait().unwrap_err());
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[test]
fn seventy_thousand_tasks_at_once_all_end() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let (dropped, gate) = (Count::new(), Gate::new());
    let sum: u64 = pool.block_on(async {
        let tasks: Vec<_> = (0..70_000u64)
            .map(|number| {
                let (guard, door) = (dropped.on_drop(), gate.clone());
                let future = async move {
                    let _guard = guard;
                    if number % 1000 == 0 {
                        door.pass().await;
                    }
                    number
                };
                if number % 2 == 0 { spawn(future) } else { spawn_on(&there, future) }
            })
            .collect();
        gate.open();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 70_000 * 69_999 / 2);
    assert_eq!(dropped.get(), 70_000);
}

#[test]
fn a_task_that_owns_its_own_handle_ends_when_it_cancels_itself() {
    let _limit = limit();
    let pool = Pool::new(1);
    let dropped = Count::new();
    pool.block_on(async {
        let (sender, receiver) = futures_channel::oneshot::channel::<ringpool::Task<()>>();
        let guard = dropped.on_drop();
        let task = spawn(async move {
            let _guard = guard;
            let own = receiver.await.unwrap();
            own.cancel().await;
            unreachable!("it has cancelled itself");
        });
        sender.send(task).unwrap();
        while dropped.get() == 0 {
            ringpool::yield_now().await;
        }
    });
    shut_down(&pool);
    assert_eq!(dropped.get(), 1);
}
