//! Random operations against a model that is as plain as can be, and random threads.

use crate::model::Pair;
use crate::support::{ByHand, Counted, Drops, Random, seed};
use ringpool::channel::Channel;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

#[test]
fn random_operations_do_what_the_model_does() {
    let seed = seed();
    for round in 0..900 {
        let mut random = Random::new(seed.wrapping_add(round));
        let steps = 300;
        let drops = Drops::new(steps);
        let channel = match random.below(6) {
            5 => Channel::unbounded(),
            capacity => Channel::bounded(capacity),
        };
        let mut pair = Pair::new(&channel, &drops);
        for _ in 0..steps {
            pair.step(&mut random);
        }
        let made = pair.made();
        drop(pair);
        drop(channel);
        drops.assert_once_each(made);
    }
}

#[test]
fn an_unbounded_channel_that_is_sent_to_more_does_what_the_model_does() {
    let seed = seed();
    for round in 0..60 {
        let mut random = Random::new(seed.wrapping_add(round));
        let steps = 2_000;
        let drops = Drops::new(steps);
        let channel = Channel::unbounded();
        let mut pair = Pair::new(&channel, &drops);
        for step in 0..steps {
            // Long rises and falls, so that it spills over and drains.
            match (step / 300 % 2, random.below(3)) {
                (0, 0) => pair.try_send(),
                (1, 0) => pair.try_recv(),
                _ => pair.step(&mut random),
            }
        }
        let made = pair.made();
        drop(pair);
        drop(channel);
        drops.assert_once_each(made);
    }
}

/// Sends `each` items, giving up on waiting sends at random; says which were surely sent.
fn send_or_give_up(
    channel: &Channel<Counted>,
    drops: &Drops,
    next: &AtomicUsize,
    mut random: Random,
    each: usize,
) -> Vec<usize> {
    let mut surely_sent = Vec::new();
    for _ in 0..each {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let item = drops.item(number);
        let patience = random.below(40);
        let is_sent = match random.below(3) {
            0 => match poll_for(ByHand::new(channel.reserve()), patience) {
                Some(Ok(permit)) if random.below(4) > 0 => {
                    permit.send(item);
                    true
                }
                _ => false,
            },
            _ => poll_for(ByHand::new(channel.send(item)), patience).is_some_and(|r| r.is_ok()),
        };
        if is_sent {
            surely_sent.push(number);
        }
    }
    surely_sent
}

/// Polls for a while, and drops the future.
fn poll_for<F: Future>(mut future: ByHand<F>, patience: usize) -> Option<F::Output> {
    (0..=patience).find_map(|_| match future.poll() {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    })
}

/// Receives until told to stop, giving up on waiting receives at random.
fn receive_or_give_up(
    channel: &Channel<Counted>,
    stop: &AtomicBool,
    mut random: Random,
) -> Vec<usize> {
    let mut received = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        if let Some(outcome) = poll_for(ByHand::new(channel.recv()), random.below(20)) {
            received.extend(outcome.map(|item| item.number));
        }
    }
    received
}

#[test]
fn threads_that_give_up_at_random_lose_and_double_nothing() {
    let seed = seed();
    for round in 0..75 {
        let mut random = Random::new(seed.wrapping_add(round));
        let (threads, each) = (2, 150);
        let drops = Drops::new(threads * each);
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let channel = match random.below(5) {
            4 => Channel::unbounded(),
            capacity => Channel::bounded(capacity),
        };
        let (mut sent, mut received) = thread::scope(|scope| {
            let mut seeds = || Random::new(seed ^ random.below(usize::MAX >> 1) as u64);
            let senders: Vec<_> = (0..threads)
                .map(|_| {
                    let random = seeds();
                    scope.spawn(|| send_or_give_up(&channel, &drops, &next, random, each))
                })
                .collect();
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let random = seeds();
                    scope.spawn(|| receive_or_give_up(&channel, &stop, random))
                })
                .collect();
            let sent: Vec<_> = senders.into_iter().flat_map(|t| t.join().unwrap()).collect();
            stop.store(true, Ordering::SeqCst);
            let received: Vec<_> = receivers.into_iter().flat_map(|t| t.join().unwrap()).collect();
            (sent, received)
        });
        channel.close();
        received.extend(std::iter::from_fn(|| channel.try_recv().ok()).map(|item| item.number));
        sent.sort_unstable();
        received.sort_unstable();
        assert!(received.windows(2).all(|pair| pair[0] != pair[1]), "an item came out twice");
        let missing = sent.iter().find(|number| received.binary_search(number).is_err());
        assert_eq!(missing, None, "an accepted item was lost");
        drop(channel);
        drops.assert_once_each(threads * each);
    }
}
