use crate::support::{ByHand, Drops};
use ringpool::channel::{Channel, RecvError, SendError, TryRecvError, TrySendError};

#[test]
fn what_was_accepted_comes_out_after_the_close() {
    let channel = Channel::bounded(3);
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
    channel.close();
    channel.close();
    assert!(channel.is_closed());
    assert_eq!(channel.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(channel.len(), 2);
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(ByHand::new(channel.recv()).finish(), Ok(2));
    assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(ByHand::new(channel.recv()).finish(), Err(RecvError));
}

#[test]
fn a_close_gives_waiting_senders_their_items_back() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let second = ByHand::waiting(channel.send(2));
    let third = ByHand::waiting(channel.send(3));
    channel.close();
    assert_eq!((second.wakes(), third.wakes()), (1, 1));
    assert_eq!(second.finish(), Err(SendError(2)));
    assert_eq!(third.finish(), Err(SendError(3)));
    assert_eq!(ByHand::new(channel.send(4)).finish(), Err(SendError(4)));
    assert_eq!(channel.try_recv(), Ok(1));
}

#[test]
fn a_close_ends_waiting_receivers() {
    for capacity in [0, 1] {
        let channel = Channel::<u8>::bounded(capacity);
        let waiting = ByHand::waiting(channel.recv());
        channel.close();
        assert_eq!(waiting.wakes(), 1);
        assert_eq!(waiting.finish(), Err(RecvError));
    }
}

#[test]
fn a_close_wakes_all_receivers_and_all_senders() {
    let channel = Channel::<u8>::bounded(2);
    let receivers: Vec<_> = (0..6).map(|_| ByHand::waiting(channel.recv())).collect();
    channel.close();
    assert!(receivers.iter().all(|receiver| receiver.wakes() == 1));
    for receiver in receivers {
        assert_eq!(receiver.finish(), Err(RecvError));
    }
    let channel = Channel::bounded(0);
    let senders: Vec<_> = (0..6).map(|n| ByHand::waiting(channel.send(n))).collect();
    let reservers: Vec<_> = (0..6).map(|_| ByHand::waiting(channel.reserve())).collect();
    channel.close();
    assert!(senders.iter().all(|sender| sender.wakes() == 1));
    assert!(reservers.iter().all(|reserver| reserver.wakes() == 1));
    for (number, sender) in senders.into_iter().enumerate() {
        assert_eq!(sender.finish(), Err(SendError(number)));
    }
    assert!(reservers.into_iter().all(|reserver| reserver.finish().is_err()));
}

#[test]
fn what_is_inside_is_dropped_after_a_close_too() {
    let drops = Drops::new(4);
    let channel = Channel::bounded(2);
    for number in 0..2 {
        channel.try_send(drops.item(number)).unwrap();
    }
    let waiting = ByHand::waiting(channel.send(drops.item(2)));
    let permitless = ByHand::waiting(channel.reserve());
    channel.close();
    drop(permitless);
    drop(waiting);
    assert_eq!((drops.of(0), drops.of(1), drops.of(2)), (0, 0, 1));
    drop(channel.try_send(drops.item(3)));
    drop(channel);
    drops.assert_once_each(4);
}

#[test]
fn an_item_handed_over_before_the_close_is_received_after_it() {
    let channel = Channel::bounded(1);
    let waiting = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    channel.close();
    assert_eq!(waiting.finish(), Ok(1));
}

#[test]
fn the_last_sender_closes() {
    let (sender, receiver) = Channel::bounded(1).split();
    let other = sender.clone();
    drop(sender);
    assert!(!receiver.is_closed());
    other.try_send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    let waiting = ByHand::waiting(receiver.recv());
    drop(other);
    assert!(receiver.is_closed());
    assert_eq!(waiting.finish(), Err(RecvError));
}

#[test]
fn the_last_receiver_closes_and_drops_what_is_left() {
    let drops = Drops::new(2);
    let (sender, receiver) = Channel::bounded(1).split();
    sender.try_send(drops.item(0)).unwrap();
    let waiting = ByHand::waiting(sender.send(drops.item(1)));
    drop(receiver);
    assert_eq!(drops.of(0), 1, "an item nobody can receive is dropped at once");
    assert_eq!(waiting.wakes(), 1);
    let back = waiting.finish().unwrap_err().into_inner();
    assert_eq!((back.number, drops.of(1)), (1, 0));
}

#[test]
fn a_whole_channel_beside_its_halves_keeps_both_ends_open() {
    let channel = Channel::bounded(2);
    let (sender, receiver) = channel.clone().split();
    drop(receiver);
    sender.try_send(1).unwrap();
    drop(sender);
    assert!(!channel.is_closed());
    assert_eq!(channel.try_recv(), Ok(1));
    let (sender, receiver) = channel.clone().split();
    drop(channel);
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
}

#[test]
fn what_is_in_the_channel_is_dropped_with_it() {
    let drops = Drops::new(3);
    let channel = Channel::bounded(5);
    for number in 0..3 {
        channel.try_send(drops.item(number)).unwrap();
    }
    drop(channel.clone());
    assert_eq!(drops.of(0), 0);
    drop(channel);
    drops.assert_once_each(3);
}

#[test]
fn an_item_that_owns_a_handle_of_its_own_channel_is_dropped_in_peace() {
    struct Loop(#[allow(dead_code, reason = "held for its drop")] ringpool::Sender<Loop>);
    let (sender, receiver) = Channel::bounded(2).split();
    assert!(sender.try_send(Loop(sender.clone())).is_ok());
    assert!(sender.try_send(Loop(sender.clone())).is_ok());
    drop(receiver);
    assert!(sender.is_closed() && sender.is_empty());
}
