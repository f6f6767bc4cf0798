//! Pools: settings, hooks, names, `block_on`, several at once, and full queues.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use common::*;
use futures::future::join_all;
use ringpool::op::nop;
use ringpool::{Builder, Pinning, Pool, current, spawn, spawn_on, switch_to, yield_now};

fn refused(builder: Builder) -> String {
    let error = builder.build().expect_err("the setting is out of range");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

#[test]
fn a_setting_out_of_range_is_named_with_its_value() {
    let _limit = limit();
    let one = || Pool::builder().threads(1);
    for (builder, words) in [
        (Pool::builder().threads(0), ["threads", "0"]),
        (one().submission_entries(0), ["submission_entries", "0"]),
        (one().submission_entries(32_769), ["submission_entries", "32769"]),
        (one().completion_entries(65_537), ["completion_entries", "65537"]),
        (one().completion_entries(16), ["completion_entries", "16"]),
        (one().blocking_thread_limit(0), ["blocking_thread_limit", "0"]),
        (one().pinning(Pinning::Cores(vec![9_999])), ["core", "9999"]),
        (one().pinning(Pinning::Cores(vec![])), ["core", "empty"]),
    ] {
        let said = refused(builder);
        assert!(words.iter().all(|word| said.contains(word)), "{said}, not {words:?}");
    }
    let said = panic_of(|| Pool::new(0));
    assert!(said.contains("threads is 0"), "{said}");
}

#[test]
fn there_may_be_more_threads_than_processors() {
    let _limit = limit();
    let threads = num_cpus::get() * 3 + 1;
    let pool = Pool::new(threads);
    assert_eq!(pool.len(), threads);
    assert!(pool.runtimes().iter().all(|runtime| runtime.core().is_some()));
    pool.block_on(async {
        let tasks = pool.runtimes().iter().map(|runtime| spawn_on(runtime, async { here() }));
        for (index, place) in join_all(tasks).await.into_iter().enumerate() {
            assert_eq!(place.unwrap(), Some(index));
        }
    });
}

#[test]
fn threads_are_pinned_to_the_processor_they_name() {
    let _limit = limit();
    let pool = Pool::new(2);
    for runtime in pool.runtimes() {
        let core = runtime.core().unwrap();
        let allowed = runtime.spawn(async {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("Cpus_allowed_list:"));
            line.unwrap().split_whitespace().nth(1).unwrap().to_owned()
        });
        assert_eq!(allowed.wait().unwrap(), core.to_string());
    }
    let free = Pool::builder().threads(2).pinning(Pinning::None).build().unwrap();
    assert!(free.runtimes().iter().all(|runtime| runtime.core().is_none()));
}

#[test]
fn threads_carry_the_name_of_their_pool_and_their_number() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).thread_name("named").build().unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    for (index, runtime) in pool.runtimes().iter().enumerate() {
        let named = runtime.spawn(async move { name() }).wait().unwrap();
        assert_eq!(named, Some(format!("named-{index}")));
    }
    assert_eq!(pool.spawn_blocking(name).wait().unwrap().as_deref(), Some("named-blocking"));
}

#[test]
fn hooks_run_once_on_every_ring_first_and_last() {
    let _limit = limit();
    let (sender, receiver) = channel();
    let (starts, stops, works) = (sender.clone(), sender.clone(), sender);
    let pool = Pool::builder()
        .threads(2)
        .on_thread_start(move |index| starts.send((index, "start")).unwrap())
        .on_thread_stop(move |index| stops.send((index, "stop")).unwrap())
        .build()
        .unwrap();
    for index in 0..2 {
        let works = works.clone();
        let task = spawn_on(&pool.runtime(index), async move {
            works.send((index, "work")).unwrap();
        });
        task.wait().unwrap();
    }
    drop((pool, works));
    let said: Vec<_> = receiver.iter().collect();
    for index in 0..2 {
        let of_ring: Vec<_> =
            said.iter().filter(|said| said.0 == index).map(|said| said.1).collect();
        assert_eq!(of_ring, ["start", "work", "stop"]);
    }
}

#[test]
fn a_start_hook_that_panics_is_an_error_with_its_text() {
    let _limit = limit();
    let error = Pool::builder()
        .threads(3)
        .thread_name("hookfails")
        .on_thread_start(|index| assert!(index != 1, "ring one is bad"))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("ring one is bad"), "{error}");
    assert!(error.to_string().contains("ring 1"), "{error}");
    until(|| threads_named("hookfails").is_empty());
}

#[test]
fn a_pool_that_fails_to_start_takes_its_slow_threads_along() {
    let _limit = limit();
    let failed = Gate::new();
    let fails = failed.clone();
    let builder = Pool::builder().threads(2).thread_name("slowstart");
    let error = builder
        .on_thread_start(move |index| {
            if index == 0 {
                // Opened by unwinding, when all that this thread says has been said.
                struct Opens(Gate);
                impl Drop for Opens {
                    fn drop(&mut self) {
                        self.0.open();
                    }
                }
                let _opens = Opens(fails.clone());
                panic!("ring zero is bad");
            }
            fails.wait();
            // The other thread ends, and whoever starts the pool may have heard of it.
            until(|| threads_named("slowstart-0").is_empty());
            (0..1000).for_each(|_| std::thread::yield_now());
        })
        .build()
        .unwrap_err();
    assert!(failed.is_open() && error.to_string().contains("ring zero is bad"), "{error}");
    until(|| threads_named("slowstart").is_empty());
}

#[test]
fn a_stop_hook_that_panics_ends_nothing() {
    let _limit = limit();
    let count = Count::new();
    let counts = count.clone();
    let pool = Pool::builder()
        .threads(2)
        .on_thread_stop(move |_| {
            counts.add();
            panic_on_purpose("in a hook");
        })
        .build()
        .unwrap();
    shut_down(&pool);
    assert_eq!(count.get(), 2);
}

#[test]
fn block_on_borrows_from_the_stack() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    let text = String::from("borrowed");
    let mut lengths = Vec::new();
    let borrowed: &str = pool.block_on(async {
        lengths.push(text.len());
        switch_to(&there).await.unwrap();
        lengths.push(text.len());
        &text
    });
    assert_eq!((borrowed, lengths.as_slice()), ("borrowed", [8, 8].as_slice()));
}

#[test]
fn block_on_drops_what_it_borrows_before_it_unwinds() {
    let _limit = limit();
    let pool = Pool::new(1);
    let dropped = Count::new();
    let said = panic_of(|| {
        let guard = dropped.on_drop();
        let local = String::from("on the stack");
        pool.block_on(async {
            let _guard = guard;
            assert_eq!(local.len(), 12);
            yield_now().await;
            panic_on_purpose("after a while")
        })
    });
    assert_eq!((said.as_str(), dropped.get()), ("after a while", 1));
}

#[test]
fn block_on_inside_a_ring_panics_and_says_so() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(1));
    let same = pool.clone();
    let said = pool.block_on(async move { panic_of(|| same.block_on(async {})) });
    assert!(said.contains("`.await`"), "{said}");
    let same = pool.clone();
    let answer = pool.spawn_blocking(move || same.block_on(async { 7 }));
    assert_eq!(answer.wait().unwrap(), 7);
}

#[test]
fn many_threads_may_block_on_one_pool() {
    let _limit = limit();
    let pool = Pool::new(2);
    let sum = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (pool, sum) = (&pool, &sum);
            scope.spawn(move || {
                for _ in 0..100 {
                    let got = pool.block_on(async move {
                        nop().await.unwrap();
                        number
                    });
                    sum.fetch_add(got, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(sum.load(Ordering::Relaxed), 2800);
}

#[test]
fn several_pools_at_once_pass_tasks_to_each_other() {
    let _limit = limit();
    let pools = [Pool::new(2), Pool::new(1), Pool::new(2)];
    let runtimes: Vec<_> = pools.iter().flat_map(|pool| pool.runtimes().to_vec()).collect();
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let runtimes = runtimes.clone();
            pools[number % 3].spawn(async move {
                for step in 0..40 {
                    let to = &runtimes[(number + step) % runtimes.len()];
                    switch_to(to).await.unwrap();
                    assert_eq!(current().as_ref(), Some(to));
                    nop().await.unwrap();
                    assert_eq!(spawn_on(to, async { 1 }).await.unwrap(), 1);
                }
                number
            })
        })
        .collect();
    let sum: usize = tasks.into_iter().map(|task| task.wait().unwrap()).sum();
    assert_eq!(sum, 50 * 49 / 2);
}

#[test]
fn a_submission_queue_of_one_and_a_tiny_completion_queue_lose_nothing() {
    let _limit = limit();
    let pool =
        Pool::builder().threads(2).submission_entries(1).completion_entries(1).build().unwrap();
    let there = pool.runtime(1);
    pool.block_on(async {
        for answer in join_all((0..5000).map(|_| nop())).await {
            answer.unwrap();
        }
        let tasks = (0..500).map(|number| {
            spawn_on(&there, async move {
                nop().await.unwrap();
                number
            })
        });
        let sum: usize = join_all(tasks).await.into_iter().map(|answer| answer.unwrap()).sum();
        assert_eq!(sum, 500 * 499 / 2);
    });
    until(|| pool.runtimes().iter().all(|runtime| runtime.load().operations_in_flight == 0));
}

#[test]
fn operations_forgotten_in_flight_keep_their_memory_and_the_pool_ends() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for _ in 0..1000 {
            let mut operation = nop();
            let (waker, ..) = counting_waker();
            assert!(poll_once(&mut operation, &waker).is_pending());
            forget(operation);
        }
        yield_now().await;
        nop().await.unwrap();
    });
    shut_down(&pool);
}

#[test]
fn metrics_and_load_tell_what_happened() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..10 {
            spawn(async {}).await.unwrap();
            spawn_on(&there, async { nop().await.unwrap() }).await.unwrap();
        }
        switch_to(&there).await.unwrap();
    });
    assert_eq!(there.load().tasks_alive, 0);
    let (first, second) = (pool.runtime(0).metrics(), there.metrics());
    assert_eq!((first.tasks_spawned, first.migrations), (10, 1));
    assert_eq!((second.arrivals, second.operations_started), (11, 10));
    // Ten tasks, and the one that switched.
    assert!(first.messages_sent >= 11);
    assert!(second.busy_share() <= 1.0 && second.running >= second.asleep);
    assert_eq!(second.operations_completed, 10);
}

#[test]
fn a_ring_that_sleeps_says_so_before_it_wakes() {
    let _limit = limit();
    let pool = Pool::new(1);
    let before = pool.runtime(0).metrics();
    until(|| pool.runtime(0).metrics().asleep >= before.asleep + Duration::from_millis(20));
    let after = pool.runtime(0).metrics();
    assert!(after.sleeps <= before.sleeps + 1, "nothing woke it");
    assert!(after.asleep <= after.running);
}

#[test]
fn a_ring_that_never_sleeps_says_how_loaded_it_is() {
    let _limit = limit();
    let pool = Pool::new(1);
    let door = Gate::new();
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let door = door.clone();
            pool.spawn(async move {
                while !door.is_open() {
                    yield_now().await;
                }
            })
        })
        .collect();
    until(|| pool.runtime(0).load().tasks_ready >= 9);
    door.open();
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    until(|| pool.runtime(0).load().tasks_ready == 0);
}

#[test]
fn asking_for_a_ring_that_is_not_there_panics() {
    let _limit = limit();
    let pool = Pool::new(2);
    let said = panic_of(|| pool.runtime(2));
    assert!(said.contains("no ring 2 in a pool of 2"), "{said}");
    assert!(pool.shutdown(Duration::from_secs(30)).is_ok());
}

#[test]
fn limits_to_the_threads_of_the_kernel_are_taken_or_refused_by_name() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).io_workers(1, 2).build().unwrap();
    pool.block_on(async { nop().force_async().await }).unwrap();
    for (bounded, unbounded) in [(0, 1), (1, 0), (32_769, 1)] {
        let builder = Pool::builder().threads(1).io_workers(bounded, unbounded);
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("io_workers"), "{error}");
    }
}
