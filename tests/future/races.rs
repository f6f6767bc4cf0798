//! `race`: the first wins, and nothing of the others is left.

use std::future::pending;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::task::{Poll, Waker};

use ringpool::future::{OneOf2, OneOf3, join_all, race, race_all, select};
use ringpool::net::TcpListener;
use ringpool::{Channel, Pool, TaskError, op, spawn_on, switch_to, time};

use crate::common::*;
use crate::support::*;

#[test]
fn the_first_that_is_ready_wins_and_of_two_the_one_before() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        assert_eq!(race((after(3, 'a'), after(1, 2))).await, OneOf2::Second(2));
        assert_eq!(race((after(1, 'a'), after(1, 2))).await, OneOf2::First('a'));
        let raced = race((after(9, 'a'), after(8, 'b'), after(7, 'c'))).await;
        assert_eq!((raced, raced.index(), raced.into_inner()), (OneOf3::Third('c'), 2, 'c'));
        assert_eq!(race_all([after(9, 'a'), after(2, 'b'), after(2, 'c')]).await, (1, 'b'));
        let eight = (
            pending::<()>(),
            pending::<()>(),
            pending::<()>(),
            pending::<()>(),
            pending::<()>(),
            pending::<()>(),
            pending::<()>(),
            after(2, ()),
        );
        assert_eq!(race(eight).await.index(), 7);
    });
}

#[test]
fn those_behind_one_that_is_ready_at_once_are_not_begun() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let polls = Count::new();
        let second = counted(polls.clone(), op::nop());
        assert_eq!(race((async { 1 }, second)).await.index(), 0);
        assert_eq!(polls.get(), 0);
    });
}

#[test]
fn a_race_of_nothing_panics_when_it_is_made() {
    let _limit = limit();
    let text = panic_of(|| drop(race_all(Vec::<std::future::Ready<()>>::new())));
    assert!(text.contains("at least one"), "{text}");
}

#[test]
fn the_losers_are_back_from_the_kernel_when_a_race_returns() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for _ in 0..rounds(100) {
            let (quiet, buffer) = (Quiet::new(), Arc::new(()));
            let reads = (0..5).map(|_| {
                let (buffer, read) = (buffer.clone(), quiet.read());
                async move {
                    let _ = read.await;
                    drop(buffer);
                }
            });
            let won = race((join_all(reads), time::sleep(SHORT / 10))).await;
            assert_eq!(won, OneOf2::Second(()));
            assert_eq!(Arc::strong_count(&buffer), 1);
            quiet.comes_free();
        }
    });
}

#[test]
fn connections_and_descriptors_of_losing_accepts_are_closed() {
    let _limit = limit();
    let pool = Pool::new(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let listener = op::SharedFd::from(std::os::fd::OwnedFd::from(listener));
    let mut clients = Vec::new();
    pool.block_on(async {
        for _ in 0..rounds(50) {
            clients.push(TcpStream::connect(address).unwrap());
            let accepts = [(); 3].map(|()| op::accept(&listener));
            let [first, second, third] = accepts;
            let _ = race((time::sleep(SHORT / 20), first, second, third)).await;
        }
    });
    listener.try_into_owned().expect("no operation has it any more");
    for mut client in clients {
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let read = std::io::Read::read(&mut client, &mut [0]);
        let error = read.as_ref().err().map(std::io::Error::kind);
        let is_closed = matches!(read, Ok(0)) || error == Some(std::io::ErrorKind::ConnectionReset);
        assert!(is_closed, "{read:?}");
    }
}

#[test]
fn what_a_loser_dropped_before_it_lost_is_awaited_too() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for turn in 0..rounds(100) {
            let quiet = Quiet::new();
            let turns = turn % 3;
            // Leaves the read in the very turn in which it loses, and has nothing when it is
            // dropped.
            let loser = async {
                select((quiet.read(), after(turns, ()))).await;
                never().await;
            };
            assert_eq!(race((loser, after(turns, ()))).await, OneOf2::Second(()));
            quiet.comes_free();
        }
    });
}

#[test]
fn what_the_winner_left_is_not_awaited_but_by_the_race_around_it() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let quiet = Quiet::new();
        let waker = own_waker().await;
        let winner = async { select((quiet.read(), after(1, ()))).await.index() };
        let mut raced = Box::pin(race((winner, never())));
        assert!(poll_once(&mut raced, &waker).is_pending());
        assert_eq!(poll_once(&mut raced, &waker), Poll::Ready(OneOf2::First(1)));
        drop(raced);
        for turn in 0..rounds(50) {
            let quiet = Quiet::new();
            let turns = turn % 3;
            let loser = async {
                let winner = async { select((quiet.read(), after(turns, ()))).await.index() };
                assert_eq!(race((winner, never())).await, OneOf2::First(1));
                never().await;
            };
            assert_eq!(race((loser, after(turns, ()))).await, OneOf2::Second(()));
            quiet.comes_free();
        }
    });
}

#[test]
fn a_race_in_a_race_leaves_nothing_whoever_wins() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for turns in 0..rounds(50) {
            let quiet = Quiet::new();
            let read = || quiet.reading();
            let inner = race((race((read(), read())), race((read(), after(turns % 5, ())))));
            let _ = race((race((read(), after(turns % 7, ()))), inner)).await;
            quiet.comes_free();
        }
    });
}

#[test]
fn a_race_dropped_while_it_waits_leaves_the_rest_to_the_race_around_it() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        for _ in 0..rounds(100) {
            let quiet = Quiet::new();
            // The inner race has its winner in one turn, and the outer one in the next, when the
            // kernel may not have answered yet.
            let inner = race((quiet.read(), after(1, ())));
            let raced = race((inner, after(2, ()))).await;
            assert!(matches!(raced, OneOf2::First(OneOf2::Second(())) | OneOf2::Second(())));
            quiet.comes_free();
        }
    });
}

#[test]
fn a_cancel_of_a_task_waits_for_what_its_dropped_race_left() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(200) {
            let quiet = Quiet::new();
            let reader = quiet.reader.clone();
            let racing = spawn_on(&pool.runtime(turn % 2), async move {
                loop {
                    let reads = (0..3).map(|_| op::read(&reader, vec![0; 9]));
                    race((race_all(reads), after(turn % 3, ()))).await;
                }
            });
            after(turn % 5, ()).await;
            assert!(racing.cancel().await.is_none());
            quiet.comes_free();
        }
    });
    comes_to_rest(&pool);
}

#[test]
fn a_race_waits_for_operations_on_another_ring_and_while_its_task_moves() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(100) {
            let quiet = Quiet::new();
            let begun = async {
                let mut read = quiet.read();
                // Begins it on one ring, and goes away.
                select((&mut read, after(1, ()))).await;
                switch_to(&pool.runtime(1)).await.unwrap();
                read.await.map(|_| ()).unwrap();
            };
            let moving = async {
                after(turn % 4, ()).await;
                switch_to(&pool.runtime(turn % 2)).await.unwrap();
            };
            assert_eq!(race((begun, moving)).await, OneOf2::Second(()));
            quiet.comes_free();
            switch_to(&pool.runtime(0)).await.unwrap();
        }
    });
}

#[test]
fn a_race_on_a_thread_without_a_ring_waits_for_operations_begun_on_one() {
    let _limit = limit();
    let pool = Pool::new(1);
    for _ in 0..rounds(50) {
        let quiet = Quiet::new();
        let mut read = quiet.read();
        pool.block_on(async {
            select((&mut read, after(1, ()))).await;
        });
        let raced = futures::executor::block_on(race((read, async { 1 })));
        assert_eq!(raced.index(), 1);
        quiet.comes_free();
    }
}

#[test]
fn a_race_waits_in_vain_for_no_ring_that_has_stopped() {
    let _limit = limit();
    for dropped_after in [false, true] {
        let (pool, quiet) = (Pool::new(1), Quiet::new());
        let mut read = quiet.read();
        pool.block_on(async { select((&mut read, after(1, ()))).await });
        if dropped_after {
            shut_down(&pool);
        }
        let racing = std::thread::spawn(move || {
            futures::executor::block_on(race((read, async { 1 }))).index()
        });
        shut_down(&pool);
        assert!(racing.join().unwrap() <= 1);
        quiet.comes_free();
    }
}

#[test]
fn tasks_timers_channels_and_streams_race() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (sender, receiver) = Channel::bounded(1).split();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut forever = spawn_on(&pool.runtime(1), pending::<()>());
        let raced = race((receiver.recv(), listener.accept(), &mut forever, time::sleep(SHORT)));
        assert_eq!(raced.await.index(), 3);
        // The accept that lost has taken no connection.
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || TcpStream::connect(address).unwrap());
        let raced = race((receiver.recv(), listener.accept())).await;
        assert_eq!(raced.index(), 1);
        sender.send(1).await.unwrap();
        assert_eq!(race((listener.accept(), receiver.recv())).await.index(), 1);
        let _client = client.join().unwrap();
        let quick = spawn_on(&pool.runtime(1), async { 'q' });
        let OneOf2::First(output) = race((quick, &mut forever)).await else { panic!("which?") };
        assert_eq!(output.unwrap(), 'q');
        assert!(forever.cancel().await.is_none());
    });
}

#[test]
fn what_a_panic_and_a_panicking_destructor_leave_is_back_when_they_go_on() {
    let _limit = limit();
    let pool = Pool::new(1);
    for in_destructor in [false, true] {
        pool.block_on(async {
            let (quiet, dropped) = (Quiet::new(), Count::new());
            let read = || {
                let (guard, read) = (dropped.on_drop(), quiet.read());
                async move {
                    let _guard = guard;
                    let _ = read.await;
                }
            };
            let (first, last) = (read(), read());
            let racing = task(async move {
                let bad = async {
                    let _guard = in_destructor.then(|| PanicsInDrop("on purpose"));
                    if !in_destructor {
                        after(2, ()).await;
                        panic_on_purpose("on purpose");
                    }
                    pending::<()>().await;
                };
                race((first, bad, last, after(3, ()))).await
            });
            let Err(TaskError::Panicked(payload)) = racing.await else { panic!("no panic") };
            assert_eq!(text_of(&*payload.into_inner()), "on purpose");
            assert_eq!(dropped.get(), 2);
            quiet.comes_free();
        });
    }
}

#[test]
fn a_waker_that_panics_takes_nobody_else_along() {
    let _limit = limit();
    silence_panics_on_purpose();
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic_on_purpose("in a waker")
        }
    }
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    let quiet = Quiet::new();
    let mut joined = Box::pin(join_all((0..2).map(|_| op::read(&reader, vec![0; 4]))));
    let mut raced = Box::pin(race((quiet.read(), after(1, ()))));
    let waker = Waker::from(Arc::new(Panics));
    pool.block_on(async {
        assert!(poll_once(&mut joined, &waker).is_pending());
        let own = own_waker().await;
        assert!(poll_once(&mut raced, &own).is_pending());
        // It has a winner, and waits for the loser with a waker that panics.
        assert!(poll_once(&mut raced, &waker).is_pending());
    });
    writer.write_all(b"12345678").unwrap();
    pool.block_on(async {
        let (reads, ()) = ringpool::future::join((joined, after(10, ()))).await;
        assert!(reads.into_iter().all(|read| read.is_ok_and(|(count, _)| count == 4)));
        assert_eq!(raced.await.index(), 1);
        quiet.comes_free();
    });
}

#[test]
fn combinators_of_send_futures_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    drop(is_send(race((op::nop(), time::sleep(SHORT)))));
    drop(is_send(select((op::nop(), op::nop()))));
    drop(is_send(join_all([op::nop()])));
    drop(is_send(ringpool::future::try_join((op::nop(), op::nop()))));
    drop(is_send(ringpool::future::parallel_all([op::nop()])));
    drop(is_send(op::race((op::nop(), op::nop()))));
}

#[test]
fn a_task_whose_handle_loses_has_ended_when_a_race_returns() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(100) {
            let (quiet, gone) = (Quiet::new(), Count::new());
            let (read, guard) = (quiet.reading(), gone.on_drop());
            let task = spawn_on(&pool.runtime(turn % 2), async move {
                let _guard = guard;
                read.await;
            });
            assert_eq!(race((task, after(turn % 7, ()))).await.index(), 1);
            assert_eq!(gone.get(), 1);
            quiet.comes_free();
        }
    });
}

#[test]
fn a_task_whose_handle_was_dropped_by_a_loser_has_ended_when_a_race_returns() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(100) {
            let (quiet, gone) = (Quiet::new(), Count::new());
            let (read, guard) = (quiet.reading(), gone.on_drop());
            let task = spawn_on(&pool.runtime(turn % 2), async move {
                let _guard = guard;
                read.await;
            });
            let loser = async {
                let _ = select((task.cancel(), after(turn % 3, ()))).await;
                never().await;
            };
            assert_eq!(race((loser, after(turn % 3, ()))).await.index(), 1);
            assert_eq!(gone.get(), 1);
            quiet.comes_free();
        }
    });
}

#[test]
fn a_race_on_a_plain_thread_awaits_the_tasks_that_lose() {
    let _limit = limit();
    let pool = Pool::new(2);
    for turn in 0..rounds(100) {
        let gone = [Count::new(), Count::new()];
        let tasks = [0, 1].map(|number: usize| {
            let guard = gone[number].on_drop();
            spawn_on(&pool.runtime(number), async move {
                let _guard = guard;
                never().await;
            })
        });
        let quick = spawn_on(&pool.runtime(turn % 2), async {});
        let [first, second] = tasks;
        let raced = futures::executor::block_on(race((first, quick, second)));
        assert_eq!(raced.index(), 1);
        assert_eq!(gone.each_ref().map(Count::get), [1, 1]);
    }
}

#[test]
fn a_race_awaits_a_closure_that_has_begun_and_no_other_begins() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().unwrap();
    pool.block_on(async {
        let (begun, ended, called, dropped) =
            (Count::new(), Count::new(), Count::new(), Count::new());
        let running = {
            let (begun, ended, dropped) = (begun.clone(), ended.clone(), dropped.clone());
            ringpool::spawn_blocking(move || {
                begun.add();
                // The other has lost already.
                dropped.reaches(1);
                ended.add();
            })
        };
        let (guard, calls) = (dropped.on_drop(), called.clone());
        let waiting = ringpool::spawn_blocking(move || {
            let _guard = guard;
            calls.add();
        });
        let winner = async {
            while begun.get() == 0 {
                ringpool::yield_now().await;
            }
        };
        assert_eq!(race((running, waiting, winner)).await.index(), 2);
        assert_eq!((ended.get(), called.get()), (1, 0));
    });
}

#[test]
fn a_task_that_loses_its_own_race_ends() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (sender, own) = Channel::bounded(1).split();
    let gone = Count::new();
    let guard = gone.on_drop();
    let task = pool.runtime(1).spawn(async move {
        let _guard = guard;
        let own: ringpool::Task<()> = own.recv().await.unwrap();
        race((own, after(3, ()))).await;
        unreachable!("it is cancelled before its own end");
    });
    assert!(sender.send_blocking(task).is_ok());
    gone.reaches(1);
}

impl std::task::Wake for PanicsInDrop {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_loser_whose_old_waker_panics_is_cancelled_and_awaited() {
    let _limit = limit();
    silence_panics_on_purpose();
    let pool = Pool::new(2);
    pool.block_on(async {
        for ring in pool.runtimes() {
            let gone = Count::new();
            let guard = gone.on_drop();
            let mut task = spawn_on(ring, async move {
                let _guard = guard;
                never().await;
            });
            after(3, ()).await;
            let waker = Waker::from(Arc::new(PanicsInDrop("as a waker")));
            assert!(poll_once(&mut task, &waker).is_pending());
            drop(waker);
            let loser = async {
                let _task = task;
                never().await;
            };
            assert_eq!(race((loser, after(1, ()))).await.index(), 1);
            assert_eq!(gone.get(), 1);
        }
    });
}
