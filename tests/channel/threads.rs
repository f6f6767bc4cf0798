use crate::common::{limit, panic_of};
use futures::executor::block_on;
use ringpool::channel::{Channel, RecvTimeoutError, SendTimeoutError};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

#[test]
fn many_senders_and_receivers_pass_every_item_once_and_in_order() {
    for capacity in [0, 1, 2, 7, 64] {
        let (senders, receivers, each) = (3, 3, 3_000);
        let (sender, receiver) = Channel::bounded(capacity).split();
        let mut received = thread::scope(|scope| {
            for source in 0..senders {
                let sender = sender.clone();
                scope.spawn(move || {
                    for number in 0..each {
                        let item = (source, number);
                        if number % 2 == 0 {
                            sender.send_blocking(item).unwrap();
                        } else {
                            block_on(sender.send(item)).unwrap();
                        }
                    }
                });
            }
            drop(sender);
            let receivers: Vec<_> = (0..receivers)
                .map(|_| {
                    let receiver = receiver.clone();
                    scope.spawn(move || block_on(futures::StreamExt::collect::<Vec<_>>(receiver)))
                })
                .collect();
            let per_receiver = receivers.into_iter().map(|thread| thread.join().unwrap());
            per_receiver.inspect(|got| assert_in_order(got, senders)).flatten().collect::<Vec<_>>()
        });
        received.sort_unstable();
        let all = (0..senders).flat_map(|source| (0..each).map(move |number| (source, number)));
        assert!(received.into_iter().eq(all), "capacity {capacity}");
    }
}

fn assert_in_order(items: &[(usize, usize)], senders: usize) {
    for source in 0..senders {
        let numbers = items.iter().filter(|item| item.0 == source).map(|item| item.1);
        assert!(numbers.is_sorted(), "the items of one sender come in order");
    }
}

#[test]
fn a_blocked_thread_is_released_by_the_other_end() {
    for capacity in [0, 1] {
        let channel = Channel::bounded(capacity);
        thread::scope(|scope| {
            let receiver =
                scope.spawn(|| (0..100).map(|_| channel.recv_blocking().unwrap()).sum::<u32>());
            for number in 0..100 {
                channel.send_blocking(number).unwrap();
            }
            assert_eq!(receiver.join().unwrap(), 4950);
        });
    }
}

#[test]
fn a_blocked_thread_is_released_by_a_close() {
    let channel = Channel::<u8>::bounded(1);
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            start.wait();
            channel.recv_blocking()
        });
        start.wait();
        channel.close();
        assert!(receiver.join().unwrap().is_err());
    });
}

#[test]
fn a_wait_with_a_timeout_gives_the_item_back_or_takes_none() {
    let short = Duration::from_millis(2);
    let channel = Channel::bounded(1);
    assert_eq!(channel.recv_timeout(short), Err(RecvTimeoutError::Timeout));
    assert_eq!(channel.send_timeout(1, short), Ok(()));
    assert_eq!(channel.send_timeout(2, short), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(channel.len(), 1);
    assert_eq!(channel.recv_timeout(Duration::MAX), Ok(1));
    channel.close();
    assert_eq!(channel.send_timeout(3, Duration::MAX), Err(SendTimeoutError::Closed(3)));
    assert_eq!(channel.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Closed));
}

#[test]
fn waits_with_a_timeout_lose_nothing_under_way() {
    let (sender, receiver) = Channel::bounded(1).split();
    let count = 2_000;
    let received = thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..count {
                let mut item = number;
                while let Err(error) = sender.send_timeout(item, Duration::from_micros(20)) {
                    item = error.into_inner();
                }
            }
        });
        let mut received = Vec::new();
        loop {
            match receiver.recv_timeout(Duration::from_micros(20)) {
                Ok(item) => received.push(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Closed) => return received,
            }
        }
    });
    assert!(received.into_iter().eq(0..count));
}

#[test]
fn a_blocking_form_panics_on_the_thread_of_a_ring_and_takes_nothing() {
    let _limit = limit();
    let channel = Channel::<u8>::bounded(2);
    let messages = ringpool::Pool::new(1).block_on(async {
        let long = Duration::from_secs(60);
        [
            panic_of(|| channel.send_blocking(1)),
            panic_of(|| channel.send_timeout(1, long)),
            panic_of(|| channel.recv_blocking()),
            panic_of(|| channel.recv_timeout(long)),
            panic_of(|| drop(channel.reserve_blocking())),
            panic_of(|| drop(channel.reserve_timeout(long))),
        ]
    });
    for (message, instead) in
        messages.iter().zip(["send", "send", "recv", "recv", "reserve", "reserve"])
    {
        let advice = format!("await `{instead}`, or call this from `spawn_blocking`");
        assert!(message.contains(&advice), "{message}");
    }
    assert!(channel.is_empty());
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
}

#[test]
fn a_receive_that_panics_on_a_ring_leaves_the_place_of_the_stream_in_line() {
    let _limit = limit();
    let (sender, mut receiver) = Channel::<u8>::bounded(1).split();
    ringpool::Pool::new(1).block_on(async {
        assert!(futures::poll!(futures::StreamExt::next(&mut receiver)).is_pending());
        sender.try_send(7).unwrap();
        panic_of(|| receiver.recv_blocking());
        panic_of(|| receiver.recv_timeout(Duration::from_secs(60)));
        assert_eq!(receiver.recv().await, Ok(7));
    });
}
