//! A task for each item of a stream, and a place in a channel for each.

mod common;
mod network;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use futures::{FutureExt, StreamExt, stream};
use network::{alone, connect, is_ended, open_fds};
use ringpool::consume::Consume;
use ringpool::net::TcpListener;
use ringpool::time::timeout;
use ringpool::{Balance, Channel, Pool, current, spawn, spawn_on, yield_now};

/// What several tasks have seen.
#[derive(Clone, Default)]
struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T: Ord + Clone> Seen<T> {
    fn add(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    fn sorted(&self) -> Vec<T> {
        let mut seen = self.0.lock().unwrap().clone();
        seen.sort();
        seen
    }
}

fn numbers(count: u32) -> Vec<u32> {
    (0..count).collect()
}

/// Tasks stay on the ring they are born on.
fn pool_by_hand(threads: usize) -> Pool {
    Pool::builder().threads(threads).balance(Balance::Manual).build().expect("a pool")
}

#[test]
fn every_item_has_a_task_of_its_own_that_has_ended_when_it_is_over() {
    let (_alone, _limit) = (alone(), limit());
    let pool = pool_by_hand(2);
    pool.block_on(async {
        let seen = Seen::default();
        let see = |number: u32| {
            let seen = seen.clone();
            async move {
                for _ in 0..number % 5 {
                    yield_now().await;
                }
                seen.add((number, current().unwrap().index()));
            }
        };
        stream::iter(0..500).for_each_spawn(see).await;
        let here = |number| (number, 0);
        assert_eq!(seen.sorted(), Vec::from_iter((0..500).map(here)));
    });
}

#[test]
fn tasks_go_where_they_are_told_and_in_turn() {
    let (_alone, _limit) = (alone(), limit());
    let pool = pool_by_hand(3);
    let gone = Pool::new(1);
    let stopped = gone.runtime(0);
    drop(gone);
    pool.block_on(async {
        let rings = |seen: &Seen<usize>| {
            let seen = seen.clone();
            move |_: u32| {
                let seen = seen.clone();
                async move { seen.add(current().unwrap().index()) }
            }
        };
        let seen = Seen::default();
        stream::iter(0..20).for_each_spawn(rings(&seen)).on(&pool.runtime(2)).await;
        assert_eq!(seen.sorted(), [2; 20]);
        let seen = Seen::default();
        stream::iter(0..30).for_each_spawn(rings(&seen)).round_robin(pool.runtimes()).await;
        assert_eq!(seen.sorted(), [[0; 10], [1; 10], [2; 10]].concat());
        let seen = Seen::default();
        let two = [&stopped, &pool.runtime(1)];
        stream::iter(0..10).for_each_spawn(rings(&seen)).round_robin(two).await;
        assert_eq!(seen.sorted(), [1; 10]);
        let seen = Seen::default();
        stream::iter(0..10).for_each_spawn(rings(&seen)).on(&stopped).await;
        assert_eq!(seen.sorted(), [0; 10]);
    });
}

#[test]
fn no_more_tasks_run_at_once_than_are_allowed() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    pool.block_on(async {
        let (gate, begun, taken) = (Gate::new(), Count::new(), Count::new());
        let items = stream::iter(0..10).inspect(|_| taken.add());
        let wait = |_| {
            let (gate, begun) = (gate.clone(), begun.clone());
            async move {
                begun.add();
                gate.pass().await;
            }
        };
        let mut each = items.for_each_spawn(wait).round_robin(pool.runtimes()).at_most(3);
        assert!(futures::poll!(&mut each).is_pending());
        while begun.get() < 3 {
            yield_now().await;
        }
        assert!(futures::poll!(&mut each).is_pending());
        assert_eq!((begun.get(), taken.get()), (3, 3));
        gate.open();
        each.await;
        assert_eq!((begun.get(), taken.get()), (10, 10));
    });
}

#[test]
fn a_task_that_panics_or_is_cancelled_makes_room_for_the_next() {
    let (_alone, _limit) = (alone(), limit());
    silence_panics_on_purpose();
    let pool = Pool::new(2);
    let other = Pool::new(1);
    pool.block_on(async {
        let fail = |number| async move {
            if number % 2 == 0 {
                panic_on_purpose("in a task");
            }
        };
        stream::iter(0..10).for_each_spawn(fail).at_most(1).await;
        let begun = Count::new();
        let hang = |_| {
            let begun = begun.clone();
            async move {
                begun.add();
                never().await;
            }
        };
        let mut each = stream::iter(0..2).for_each_spawn(hang).on(&other.runtime(0)).at_most(2);
        assert!(futures::poll!(&mut each).is_pending());
        begun.reaches(2);
        let stopping = ringpool::spawn_blocking(move || drop(other));
        each.await;
        stopping.await.unwrap();
    });
}

#[test]
fn tasks_go_on_when_the_future_that_spawned_them_is_dropped() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let (gate, ended) = (Gate::new(), Count::new());
        let mut items = stream::iter(0..10);
        let wait = |_| {
            let (gate, ended) = (gate.clone(), ended.clone());
            async move {
                gate.pass().await;
                ended.add();
            }
        };
        let each = (&mut items).for_each_spawn(wait).at_most(4);
        assert!(each.now_or_never().is_none());
        gate.open();
        while ended.get() < 4 {
            yield_now().await;
        }
        assert_eq!(items.collect::<Vec<_>>().await, Vec::from_iter(4..10));
    });
}

#[test]
fn a_server_of_one_line_serves_every_client_on_all_rings() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    {
        let pool = Pool::new(2);
        let listener = pool.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let rings = Seen::default();
        let clients: Vec<_> = (0..5u64)
            .map(|first| {
                std::thread::spawn(move || {
                    for number in (first..1000).step_by(5) {
                        let mut stream = connect(address);
                        stream.write_all(&number.to_le_bytes()).unwrap();
                        let mut answer = [0; 8];
                        stream.read_exact(&mut answer).unwrap();
                        assert_eq!(u64::from_le_bytes(answer), number);
                    }
                })
            })
            .collect();
        let answer = |accepted: std::io::Result<ringpool::net::TcpStream>| {
            let rings = rings.clone();
            async move {
                let stream = accepted.unwrap();
                let (_, number) = stream.read_exact([0; 8]).await.unwrap();
                stream.write_all(number).await.unwrap();
                rings.add(here());
            }
        };
        pool.block_on(async {
            let clients = listener.incoming().take(1000);
            clients.for_each_spawn(answer).round_robin(pool.runtimes()).at_most(3).await;
        });
        clients.into_iter().for_each(|client| client.join().unwrap());
        let used = rings.sorted();
        assert_eq!(used.len(), 1000);
        assert_eq!(BTreeSet::from_iter(used), BTreeSet::from([Some(0), Some(1)]));
    }
    assert_eq!(open_fds(), before);
}

#[test]
fn a_channel_that_is_full_holds_the_stream_back() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    pool.block_on(async {
        let (sender, receiver) = Channel::bounded(3).split();
        let taken = Count::new();
        let counted = taken.clone();
        let items = stream::iter(0..100).inspect(move |_| counted.add());
        let forwarding = spawn_on(&pool.runtime(1), items.forward_to(sender));
        taken.reaches(4);
        yield_now().await;
        assert!(taken.get() <= 4, "three in the channel, and one that waits");
        assert_eq!(receiver.collect::<Vec<_>>().await, numbers(100));
        assert_eq!(forwarding.await.unwrap(), Ok(()));
    });
}

#[test]
fn a_channel_that_is_closed_gives_the_item_back_and_keeps_what_it_took() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let (sender, receiver) = Channel::bounded(2).split();
        let mut items = stream::iter(0..10);
        let mut forwarding = (&mut items).forward_to(sender);
        assert!(futures::poll!(&mut forwarding).is_pending());
        receiver.close();
        assert_eq!(forwarding.await.unwrap_err().0, 2);
        assert_eq!(receiver.collect::<Vec<_>>().await, [0, 1]);
        assert_eq!(items.collect::<Vec<_>>().await, Vec::from_iter(3..10));
    });
}

#[test]
fn a_forward_that_is_dropped_drops_the_one_item_that_waits() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let dropped = Count::new();
        let mut items = stream::iter((0..5).map(|_| dropped.on_drop()).collect::<Vec<_>>());
        let (sender, receiver) = Channel::bounded(1).split();
        assert!((&mut items).forward_to(sender).now_or_never().is_none());
        assert_eq!(dropped.get(), 1);
        assert_eq!(receiver.count().await, 1);
        assert_eq!(items.count().await, 3);
        assert_eq!(dropped.get(), 5);
    });
}

#[test]
fn connections_pass_through_a_channel_and_what_does_not_fit_waits_with_the_kernel() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    {
        let pool = Pool::new(2);
        let (sender, receiver) = Channel::bounded(2).split();
        let clients = pool.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let clients =
                std::thread::spawn(move || (0..300).map(|_| connect(address)).collect::<Vec<_>>());
            let accepting = spawn(async move {
                let mut incoming = listener.incoming();
                let mut forwarding = (&mut incoming).forward_to(sender);
                let closed = timeout(Duration::from_secs(50), &mut forwarding).await;
                closed.expect("the channel is closed").map_err(|error| error.0.unwrap())
            });
            let mut peers = BTreeSet::new();
            for _ in 0..200 {
                let stream = receiver.recv().await.unwrap().unwrap();
                peers.insert(stream.peer_addr().unwrap());
            }
            let clients = clients.join().unwrap();
            drop(receiver);
            let given_back = accepting.await.unwrap().unwrap_err();
            peers.insert(given_back.peer_addr().unwrap());
            assert_eq!(peers.len(), 201);
            clients
        });
        assert!(clients.iter().all(is_ended));
    }
    assert_eq!(open_fds(), before);
}
