//! Channels between the rings of a pool.

use crate::common;
use ringpool::{Channel, Pool, spawn, spawn_on, switch_to, yield_now};
use std::future::Future;
use std::time::Duration;

const EACH: usize = 400;

/// Gives tasks to the rings in turns.
fn on_ring<T: Send + 'static>(
    pool: &Pool,
    number: usize,
    future: impl Future<Output = T> + Send + 'static,
) -> ringpool::Task<T> {
    spawn_on(&pool.runtime(number % 2), future)
}

#[test]
fn a_pipeline_over_two_rings_passes_everything_in_order() {
    let _limit = common::limit();
    let each = common::rounds(EACH);
    let pool = Pool::new(2);
    let (numbers, to_double) = Channel::unbounded().split();
    let (doubled, to_sum) = Channel::bounded(3).split();
    let source = on_ring(&pool, 0, async move {
        for number in 0..each {
            numbers.send(number).await.unwrap();
        }
    });
    let stage = on_ring(&pool, 1, async move {
        // Only what has a place further on is taken.
        while let Ok(place) = doubled.reserve().await {
            let Ok(number) = to_double.recv().await else { break };
            place.send(number * 2);
        }
    });
    let sink = on_ring(&pool, 0, async move {
        let mut next = 0;
        while let Ok(number) = to_sum.recv().await {
            assert_eq!(number, next * 2);
            next += 1;
        }
        next
    });
    source.wait().unwrap();
    stage.wait().unwrap();
    assert_eq!(sink.wait().unwrap(), each);
}

#[test]
fn a_permit_moves_to_another_ring_with_its_task() {
    let _limit = common::limit();
    let pool = Pool::new(2);
    let channel = Channel::bounded(1);
    let there = pool.runtime(1);
    pool.block_on(async {
        for number in 0..common::rounds(50) {
            let permit = channel.reserve().await.unwrap();
            let receiving = channel.clone();
            let receiver = spawn(async move { receiving.recv().await });
            switch_to(&there).await.unwrap();
            permit.send(number);
            assert_eq!(receiver.await.unwrap(), Ok(number));
            switch_to(&pool.runtime(0)).await.unwrap();
        }
    });
}

#[test]
fn tasks_that_are_cancelled_while_they_wait_for_places_lose_none() {
    let _limit = common::limit();
    let pool = Pool::new(2);
    let channel = Channel::bounded(2);
    for number in 0..common::rounds(60) {
        let permits = [(); 2].map(|()| channel.try_reserve().unwrap());
        let waiting: Vec<_> = (0..4)
            .map(|ring| {
                let sender = channel.clone();
                on_ring(&pool, ring, async move {
                    let permit = sender.reserve().await.unwrap();
                    yield_now().await;
                    permit.send(number);
                })
            })
            .collect();
        drop(permits);
        drop(waiting);
        // What was sent before the cancel is inside, and all other places come back.
        common::until(|| {
            while channel.try_recv().is_ok() {}
            channel.sender_count() == 1
        });
        while channel.try_recv().is_ok() {}
    }
    let _both = [(); 2].map(|()| channel.try_reserve().unwrap());
    assert!(channel.try_reserve().is_err());
}

#[test]
fn a_thread_and_tasks_of_two_rings_share_an_unbounded_channel() {
    let _limit = common::limit();
    let each = common::rounds(EACH);
    let pool = Pool::new(2);
    let (sender, receiver) = Channel::unbounded().split();
    let tasks: Vec<_> = (0..4)
        .map(|name| {
            let sender = sender.clone();
            on_ring(&pool, name, async move {
                for number in 0..each {
                    sender.send((name, number)).await.unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut next = [0; 4];
    while let Ok((name, number)) = receiver.recv_timeout(Duration::from_secs(30)) {
        assert_eq!(number, next[name]);
        next[name] += 1;
    }
    assert_eq!(next, [each; 4]);
    tasks.into_iter().for_each(|task| task.wait().unwrap());
}

#[test]
fn a_channel_without_places_hands_items_from_ring_to_ring() {
    let _limit = common::limit();
    let each = common::rounds(EACH);
    let pool = Pool::new(2);
    let (sender, receiver) = Channel::bounded(0).split();
    let senders = [0, 1].map(|number| {
        let sender = sender.clone();
        on_ring(&pool, number, async move {
            for item in 0..each {
                sender.send((number, item)).await.unwrap();
            }
        })
    });
    drop(sender);
    let receivers = [0, 1].map(|number| {
        let receiver = receiver.clone();
        on_ring(&pool, number, async move {
            let (mut next, mut count) = ([0, 0], 0);
            while let Ok((from, item)) = receiver.recv().await {
                // Each receiver gets a part of what each sender sends, in its order.
                assert!(item >= next[from]);
                next[from] = item + 1;
                count += 1;
            }
            count
        })
    });
    senders.into_iter().for_each(|sender| sender.wait().unwrap());
    drop(receiver);
    let counts = receivers.map(|receiver| receiver.wait().unwrap());
    assert_eq!(counts.iter().sum::<usize>(), 2 * each);
}
