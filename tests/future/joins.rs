//! `join`, `try_join` and `parallel`.

use std::future::pending;
use std::time::Instant;

use ringpool::future::{join, join_all, parallel, parallel_all, try_join, try_join_all};
use ringpool::{Pool, TaskError, op, run_on, spawn_on, switch_to, time};

use crate::common::*;
use crate::support::*;

#[test]
fn a_join_gives_all_outputs_in_the_order_of_the_tuple() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        assert_eq!(join((after(3, 'a'), async { 2 })).await, ('a', 2));
        let all = (after(1, 1), after(0, "2"), after(2, 3.0), after(5, '4'));
        assert_eq!(join(all).await, (1, "2", 3.0, '4'));
        let all = (async { 1 }, async { 2 }, async { 3 }, after(2, 4), async { 5 }, async { 6 });
        assert_eq!(join((join(all), async { 7 })).await, ((1, 2, 3, 4, 5, 6), 7));
        let all = (
            after(7, 0),
            after(6, 1),
            after(5, 2),
            after(4, 3),
            after(3, 4),
            after(2, 5),
            after(1, 6),
            after(0, 7),
        );
        assert_eq!(join(all).await, (0, 1, 2, 3, 4, 5, 6, 7));
    });
}

#[test]
fn a_join_of_a_vector_gives_all_outputs_in_its_order_and_of_none_nothing() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let outputs = join_all((0..100).map(|number| after(100 - number, number))).await;
        assert_eq!(outputs, (0..100).collect::<Vec<_>>());
        assert_eq!(join_all(Vec::<std::future::Ready<()>>::new()).await, []);
        assert_eq!(
            try_join_all(Vec::<std::future::Ready<Result<(), ()>>>::new()).await,
            Ok(vec![])
        );
        let (outputs, order) = parallel_all(Vec::<std::future::Ready<()>>::new()).await;
        assert!(outputs.is_empty() && order.is_empty());
    });
}

#[test]
fn operations_timers_channels_and_tasks_are_joined() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (sender, receiver) = ringpool::Channel::bounded(1).split();
        let task = spawn_on(&pool.runtime(1), async move { sender.send(5).await });
        let (nop, (), item, sent) =
            join((op::nop(), time::sleep(SHORT), receiver.recv(), task)).await;
        nop.unwrap();
        assert_eq!((item, sent.unwrap()), (Ok(5), Ok(())));
        let nops = join_all((0..1000).map(|_| op::nop())).await;
        assert!(nops.iter().all(Result::is_ok));
    });
    comes_to_rest(&pool);
}

#[test]
fn of_many_futures_only_those_are_polled_that_were_woken() {
    let _limit = limit();
    let pool = Pool::new(1);
    let polls = Count::new();
    let gates: Vec<Gate> = (0..1000).map(|_| Gate::new()).collect();
    let opener = gates.clone();
    pool.block_on(async {
        let passing = gates.iter().map(|gate| counted(polls.clone(), gate.pass()));
        let opening = task(async move {
            for gate in opener.into_iter().rev() {
                gate.open();
                ringpool::yield_now().await;
            }
        });
        join_all(passing).await;
        opening.await.unwrap();
    });
    assert_eq!(polls.get(), 2 * gates.len(), "once when it began, once when it was woken");
}

#[test]
fn a_future_that_wakes_itself_always_starves_nobody() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (polls, other) = (Count::new(), Count::new());
        let busy = task(restless(other.clone()));
        let both = (restless(polls.clone()), time::sleep(SHORT));
        ringpool::future::race(both).await;
        let reading = async {
            let (reader, writer) = pipe();
            let read = op::read(&reader, vec![0; 4]);
            let write = async {
                time::sleep(SHORT).await;
                std::io::Write::write_all(&mut &writer, b"data").unwrap();
            };
            join((read, write)).await.0.unwrap();
        };
        let many: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> =
            vec![Box::pin(restless(polls.clone())), Box::pin(reading)];
        assert_eq!(ringpool::future::race_all(many).await.0, 1);
        assert!(polls.get() > 0 && other.get() > 0);
        assert!(busy.cancel().await.is_none());
    });
}

#[test]
fn the_first_error_ends_a_try_join_when_the_others_are_back_from_the_kernel() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let quiet = Quiet::new();
        let read = async { quiet.read().await.map(|_| ()).map_err(|error| error.to_string()) };
        let fails = async {
            time::sleep(SHORT).await;
            Err::<(), _>(String::from("mine"))
        };
        assert_eq!(try_join((read, fails)).await, Err(String::from("mine")));
        quiet.comes_free();
        let quiet = Quiet::new();
        let reads = (0..20).map(|number| {
            let read = quiet.read();
            async move {
                if number == 7 {
                    time::sleep(SHORT).await;
                    return Err(number);
                }
                read.await.map(|_| ()).map_err(|_| 0)
            }
        });
        assert_eq!(try_join_all(reads).await, Err(7));
        quiet.comes_free();
    });
}

#[test]
fn without_an_error_a_try_join_gives_the_values() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let good = (after(2, Ok::<_, ()>(1)), async { Ok("two") }, after(1, Ok(3.0)));
        assert_eq!(try_join(good).await, Ok((1, "two", 3.0)));
        let good = (0..5).map(|number| after(5 - number, Ok::<_, ()>(number)));
        assert_eq!(try_join_all(good).await, Ok(vec![0, 1, 2, 3, 4]));
    });
}

#[test]
fn parallel_tells_the_order_in_which_they_ended() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (outputs, order) = parallel((after(3, 'a'), after(1, 'b'), after(2, 'c'))).await;
        assert_eq!((outputs, order), (('a', 'b', 'c'), vec![1, 2, 0]));
        let (outputs, order) = parallel_all([4, 0, 2].map(|turns| after(turns, turns))).await;
        assert_eq!((outputs, order), (vec![4, 0, 2], vec![1, 2, 0]));
    });
}

#[test]
fn a_joined_task_migrates_between_polls_with_its_operations_in_flight() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, writer) = pipe();
    pool.block_on(async {
        let there = pool.runtime(1);
        let read = op::read(&reader, vec![0; 4]);
        let moving = async {
            for _ in 0..10 {
                switch_to(&pool.runtime(1)).await.unwrap();
                switch_to(&pool.runtime(0)).await.unwrap();
            }
            run_on(&there, async { std::io::Write::write_all(&mut &writer, b"data") }).await
        };
        let (read, moved) = join((read, moving)).await;
        moved.unwrap().unwrap();
        assert_eq!(read.unwrap().1, b"data");
    });
}

#[test]
fn a_panic_goes_on_when_the_others_are_dropped_and_back_from_the_kernel() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (quiet, dropped) = (Quiet::new(), Count::new());
        let (guard, read) = (dropped.on_drop(), quiet.read());
        let reading = async move {
            let _guard = guard;
            read.await.map(|_| ()).map_err(|_| ())
        };
        let panics = async {
            time::sleep(SHORT).await;
            panic_on_purpose("of a child")
        };
        let joining = task(async move { join((reading, panics)).await });
        let error = joining.await.unwrap_err();
        let TaskError::Panicked(payload) = error else { panic!("{error}") };
        assert_eq!(text_of(&*payload.into_inner()), "of a child");
        assert_eq!(dropped.get(), 1);
        quiet.comes_free();
    });
}

#[test]
fn a_finished_join_says_so_when_it_is_polled_again() {
    let _limit = limit();
    let mut joined = Box::pin(join((async { 1 }, async { 2 })));
    let waker = std::task::Waker::noop();
    assert!(poll_once(&mut joined, waker).is_ready());
    assert!(panic_of(|| poll_once(&mut joined, waker)).contains("polled again"));
}

#[test]
fn combinators_work_on_a_thread_without_a_ring() {
    let _limit = limit();
    let joined = join((async { 1 }, futures::future::ready(2)));
    assert_eq!(futures::executor::block_on(joined), (1, 2));
    let raced = ringpool::future::race((pending::<()>(), async { 3 }));
    assert_eq!(futures::executor::block_on(raced).index(), 1);
    let all = join_all((0..10).map(|number| async move { number }));
    assert_eq!(futures::executor::block_on(all).len(), 10);
}

#[test]
fn a_large_join_takes_time_in_proportion() {
    let _limit = limit();
    let pool = Pool::new(1);
    let begun = Instant::now();
    pool.block_on(async {
        let count = rounds(20_000);
        let sleeps = (0..count).map(|number| time::sleep(SHORT * (number % 7) as u32));
        assert_eq!(join_all(sleeps).await.len(), count);
    });
    assert!(begun.elapsed() < LIMIT);
}
