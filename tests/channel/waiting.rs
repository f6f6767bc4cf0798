use crate::support::ByHand;
use futures::StreamExt;
use ringpool::channel::{Channel, RecvError, TryRecvError, TrySendError};

#[test]
fn a_full_channel_makes_the_sender_wait() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let second = ByHand::waiting(channel.send(2));
    assert_eq!(second.wakes(), 0);
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(second.wakes(), 1);
    assert_eq!(channel.len(), 1, "the freed place went to the waiting sender at once");
    assert_eq!(second.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(2));
}

#[test]
fn an_empty_channel_makes_the_receiver_wait() {
    let channel = Channel::bounded(1);
    let receiver = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    assert_eq!(receiver.wakes(), 1);
    assert!(channel.is_empty(), "the item was handed to the waiting receiver itself");
    assert_eq!(receiver.finish(), Ok(1));
}

#[test]
fn receivers_are_served_in_the_order_they_came() {
    let channel = Channel::bounded(2);
    let waiting: Vec<_> = (0..4).map(|_| ByHand::waiting(channel.recv())).collect();
    for (number, receiver) in waiting.iter().enumerate() {
        channel.try_send(number).unwrap();
        assert_eq!(receiver.wakes(), 1);
    }
    let received: Vec<_> = waiting.into_iter().map(|receiver| receiver.finish()).collect();
    assert_eq!(received, [Ok(0), Ok(1), Ok(2), Ok(3)]);
}

#[test]
fn senders_are_served_in_the_order_they_came() {
    let channel = Channel::bounded(1);
    channel.try_send(0).unwrap();
    let mut waiting: Vec<_> = (1..4).map(|n| ByHand::waiting(channel.send(n))).collect();
    for number in 0..4 {
        assert_eq!(channel.try_recv(), Ok(number));
        for (place, sender) in waiting.iter().enumerate() {
            assert_eq!(sender.wakes(), usize::from(place <= number));
        }
    }
    assert!(waiting.drain(..).all(|sender| sender.finish().is_ok()));
}

#[test]
fn nobody_overtakes_a_waiting_sender() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let second = ByHand::waiting(channel.send(2));
    assert_eq!(channel.try_recv(), Ok(1));
    // The waiting item took the place, although its sender has not been polled yet.
    assert_eq!(channel.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(channel.try_recv(), Ok(2));
    assert_eq!(second.finish(), Ok(()));
}

#[test]
fn nobody_overtakes_a_waiting_receiver() {
    let channel = Channel::bounded(1);
    let first = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
    let second = ByHand::waiting(channel.recv());
    assert_eq!(first.finish(), Ok(1));
    drop(second);
}

#[test]
fn with_capacity_zero_a_send_waits_for_its_receiver() {
    let channel = Channel::bounded(0);
    assert_eq!(channel.try_send(1), Err(TrySendError::Full(1)));
    assert!(channel.is_empty() && channel.is_full());
    let sender = ByHand::waiting(channel.send(1));
    assert_eq!(channel.len(), 0);
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(sender.wakes(), 1);
    assert_eq!(sender.finish(), Ok(()));
}

#[test]
fn with_capacity_zero_a_waiting_receiver_is_handed_the_item() {
    let channel = Channel::bounded(0);
    let receiver = ByHand::waiting(channel.recv());
    assert_eq!(channel.try_send(1), Ok(()));
    assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.finish(), Ok(1));
}

#[test]
fn a_future_can_be_polled_again_without_losing_its_place() {
    let channel = Channel::bounded(1);
    let mut first = ByHand::waiting(channel.recv());
    let second = ByHand::waiting(channel.recv());
    assert!(first.poll().is_pending());
    channel.try_send(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(first.finish(), Ok(1));
}

#[test]
fn a_receiver_is_a_stream_that_ends_when_the_channel_is_closed_and_empty() {
    let (sender, mut receiver) = Channel::bounded(2).split();
    sender.try_send(1).unwrap();
    assert_eq!(ByHand::new(receiver.next()).finish(), Some(1));
    drop(ByHand::waiting(receiver.next()));
    sender.try_send(2).unwrap();
    sender.try_send(3).unwrap();
    drop(sender);
    assert_eq!(ByHand::new(receiver.next()).finish(), Some(2));
    assert_eq!(ByHand::new(receiver.next()).finish(), Some(3));
    assert_eq!(ByHand::new(receiver.next()).finish(), None);
    assert_eq!(ByHand::new(receiver.next()).finish(), None);
}

#[test]
fn a_receive_takes_over_the_place_of_the_stream() {
    let (sender, mut receiver) = Channel::bounded(2).split();
    drop(ByHand::waiting(receiver.next()));
    let behind = receiver.clone();
    let behind = ByHand::waiting(behind.recv());
    let received = ByHand::waiting(receiver.recv());
    sender.try_send(1).unwrap();
    assert_eq!(received.finish(), Ok(1));

    drop(behind);
    drop(ByHand::waiting(receiver.next()));
    sender.try_send(2).unwrap();
    assert_eq!(receiver.try_recv(), Ok(2));
    drop(ByHand::waiting(receiver.next()));
    sender.try_send(3).unwrap();
    assert_eq!(receiver.recv_blocking(), Ok(3));
    drop(ByHand::waiting(receiver.next()));
    sender.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(receiver.recv_blocking(), Err(RecvError));
}

#[test]
fn a_stream_that_is_dropped_gives_its_item_to_the_next() {
    let (sender, mut receiver) = Channel::bounded(2).split();
    let other = receiver.clone();
    drop(ByHand::waiting(receiver.next()));
    sender.try_send(1).unwrap();
    assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
    drop(receiver);
    assert_eq!(other.try_recv(), Ok(1));
}
