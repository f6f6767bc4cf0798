use crate::support::{ByHand, Drops};
use futures::StreamExt;
use ringpool::channel::{
    Channel, RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError,
};
use std::thread;
use std::time::Duration;

/// More than are held without the lock.
const MANY: usize = 5_000;

#[test]
fn a_send_never_waits() {
    let channel = Channel::unbounded();
    for number in 0..MANY {
        match number % 3 {
            0 => channel.try_send(number).unwrap(),
            1 => channel.send_blocking(number).unwrap(),
            _ => ByHand::new(channel.send(number)).finish().unwrap(),
        }
        assert_eq!(channel.len(), number + 1);
        assert!(!channel.is_full());
    }
    assert_eq!(channel.capacity(), usize::MAX);
    for number in 0..MANY {
        assert_eq!(channel.try_recv(), Ok(number));
    }
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn items_keep_their_order_when_it_fills_and_drains_in_turns() {
    let channel = Channel::unbounded();
    let (mut sent, mut received) = (0, 0);
    for (more, fewer) in [(10, 5), (70, 74), (1, 2), (500, 100), (3, 403), (64, 64), (65, 65)] {
        for _ in 0..more {
            channel.try_send(sent).unwrap();
            sent += 1;
        }
        for _ in 0..fewer {
            assert_eq!(channel.try_recv(), Ok(received));
            received += 1;
        }
        assert_eq!(channel.len(), sent - received);
    }
}

#[test]
fn a_receiver_that_waits_is_handed_the_item() {
    let channel = Channel::unbounded();
    let first = ByHand::waiting(channel.recv());
    let second = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.finish(), Ok(1));
    assert_eq!(channel.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
}

#[test]
fn an_item_given_back_is_older_than_all_others() {
    let channel = Channel::unbounded();
    let waiting = ByHand::waiting(channel.recv());
    for number in 0..MANY {
        channel.try_send(number).unwrap();
    }
    drop(waiting);
    assert_eq!(channel.len(), MANY);
    for number in 0..MANY {
        assert_eq!(ByHand::new(channel.recv()).finish(), Ok(number));
    }
}

#[test]
fn it_drains_after_the_close() {
    let (sender, mut receiver) = Channel::unbounded().split();
    for number in 0..MANY {
        sender.try_send(number).unwrap();
    }
    sender.close();
    assert_eq!(sender.try_send(0), Err(TrySendError::Closed(0)));
    assert_eq!(ByHand::new(sender.send(0)).finish(), Err(SendError(0)));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(receiver.recv_blocking(), Ok(1));
    for number in 2..MANY {
        assert_eq!(ByHand::new(receiver.next()).finish(), Some(number));
    }
    assert_eq!(ByHand::new(receiver.next()).finish(), None);
    assert_eq!(receiver.recv_blocking(), Err(RecvError));
}

#[test]
fn a_close_ends_all_waiting_receivers() {
    let channel = Channel::<u8>::unbounded();
    let waiting: Vec<_> = (0..5).map(|_| ByHand::waiting(channel.recv())).collect();
    channel.close();
    for receive in waiting {
        assert_eq!(receive.wakes(), 1);
        assert_eq!(receive.finish(), Err(RecvError));
    }
}

#[test]
fn what_is_left_is_dropped_with_the_last_receiver() {
    let drops = Drops::new(MANY);
    let (sender, receiver) = Channel::unbounded().split();
    for number in 0..MANY {
        sender.try_send(drops.item(number)).unwrap();
    }
    drop(receiver);
    drops.assert_once_each(MANY);
    assert!(sender.is_closed() && sender.is_empty());
}

#[test]
fn what_is_left_is_dropped_with_the_channel() {
    let drops = Drops::new(MANY);
    let channel = Channel::unbounded();
    for number in 0..MANY {
        channel.try_send(drops.item(number)).unwrap();
    }
    drop(channel);
    drops.assert_once_each(MANY);
}

#[test]
fn a_place_can_be_reserved_at_any_time() {
    let channel = Channel::unbounded();
    let permits: Vec<_> = (0..100).map(|_| channel.try_reserve().unwrap()).collect();
    channel.try_send(0).unwrap();
    channel.close();
    for (number, permit) in permits.into_iter().enumerate() {
        permit.send(number + 1);
    }
    for number in 0..=100 {
        assert_eq!(channel.try_recv(), Ok(number));
    }
    assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn threads_pass_everything_in_the_order_of_each() {
    let (senders, each) = (3, 30_000);
    let (sender, receiver) = Channel::unbounded().split();
    thread::scope(|scope| {
        for name in 0..senders {
            let sender = sender.clone();
            scope.spawn(move || (0..each).for_each(|n| sender.try_send((name, n)).unwrap()));
        }
        drop(sender);
        let mut next = vec![0; senders];
        while let Ok((name, number)) = receiver.recv_blocking() {
            assert_eq!(number, next[name]);
            next[name] += 1;
        }
        assert_eq!(next, [each; 3]);
    });
}

#[test]
fn threads_share_what_is_inside() {
    let (receivers, all) = (3, 60_000);
    let (sender, receiver) = Channel::unbounded().split();
    let mut received: Vec<_> = thread::scope(|scope| {
        let receive = |receiver: ringpool::Receiver<usize>| {
            std::iter::from_fn(|| receiver.recv_blocking().ok()).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..receivers)
            .map(|_| {
                let receiver = receiver.clone();
                scope.spawn(move || receive(receiver))
            })
            .collect();
        (0..all).for_each(|number| sender.try_send(number).unwrap());
        drop(sender);
        let parts = threads.into_iter().map(|thread| thread.join().unwrap());
        let parts: Vec<_> = parts.inspect(|part| assert!(part.is_sorted())).collect();
        parts.concat()
    });
    received.sort_unstable();
    assert!(received.into_iter().eq(0..all));
}
