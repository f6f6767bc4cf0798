use crate::support::{ByHand, Drops};
use ringpool::channel::{Channel, RecvError, SendError, TryRecvError};
use std::thread;

#[test]
fn a_weak_sender_does_not_keep_the_channel_open() {
    let (sender, receiver) = Channel::bounded(1).split();
    let weak = sender.downgrade();
    let waiting = ByHand::waiting(receiver.recv());
    drop(sender);
    assert_eq!(waiting.finish(), Err::<u8, _>(RecvError));
    assert!(weak.upgrade().is_none());
    assert!(weak.clone().upgrade().is_none());
}

#[test]
fn a_weak_receiver_does_not_keep_the_channel_open_nor_the_items() {
    let drops = Drops::new(1);
    let (sender, receiver) = Channel::bounded(1).split();
    let weak = receiver.downgrade();
    sender.try_send(drops.item(0)).unwrap();
    drop(receiver);
    assert_eq!(drops.of(0), 1);
    assert!(sender.is_closed());
    assert!(weak.upgrade().is_none());
}

#[test]
fn an_upgraded_sender_keeps_the_channel_open() {
    let (sender, receiver) = Channel::bounded(1).split();
    let weak = sender.downgrade();
    let again = weak.upgrade().unwrap();
    drop(sender);
    assert!(!receiver.is_closed());
    again.try_send(1).unwrap();
    drop(again);
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn an_upgraded_receiver_keeps_the_channel_open() {
    let (sender, receiver) = Channel::bounded(1).split();
    let weak = receiver.downgrade();
    let again = weak.upgrade().unwrap();
    drop(receiver);
    sender.try_send(1).unwrap();
    assert_eq!(again.try_recv(), Ok(1));
    drop(again);
    assert_eq!(ByHand::new(sender.send(2)).finish(), Err(SendError(2)));
}

#[test]
fn a_closed_channel_can_be_upgraded_and_stays_closed() {
    let channel = Channel::<u8>::bounded(1);
    let (sender, receiver) = channel.clone().split();
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    channel.close();
    assert!(weak_sender.upgrade().unwrap().is_closed());
    assert!(weak_receiver.upgrade().unwrap().is_closed());
}

#[test]
fn handles_are_counted_and_weak_ones_are_not() {
    let channel = Channel::<u8>::bounded(1);
    assert_eq!((channel.sender_count(), channel.receiver_count()), (1, 1));
    let (sender, receiver) = channel.clone().split();
    let senders = [sender.clone(), sender.clone()];
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    assert_eq!((sender.sender_count(), sender.receiver_count()), (4, 2));
    assert_eq!((receiver.sender_count(), receiver.receiver_count()), (4, 2));
    drop(senders);
    drop(channel);
    assert_eq!((weak_sender.sender_count(), weak_sender.receiver_count()), (1, 1));
    let permit = sender.try_reserve_owned().unwrap();
    assert_eq!(weak_receiver.sender_count(), 1, "a permit that owns a sender counts as one");
    drop(permit);
    drop(receiver);
    assert_eq!((weak_receiver.sender_count(), weak_receiver.receiver_count()), (0, 0));
}

#[test]
fn who_upgrades_beside_the_last_drop_gets_an_open_channel_or_nothing() {
    for _ in 0..300 {
        let (sender, receiver) = Channel::bounded(1).split();
        let weak = sender.downgrade();
        let upgrading = thread::spawn(move || {
            let upgraded = weak.upgrade();
            upgraded.is_some_and(|sender| sender.try_send(1).is_ok())
        });
        drop(sender);
        let is_sent = upgrading.join().unwrap();
        assert_eq!(receiver.recv_blocking().is_ok(), is_sent);
    }
}
