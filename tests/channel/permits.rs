use crate::support::{ByHand, Drops};
use ringpool::channel::{
    Channel, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use std::thread;
use std::time::Duration;

#[test]
fn an_item_goes_through_a_reserved_place() {
    let channel = Channel::bounded(2);
    let permit = ByHand::new(channel.reserve()).finish().unwrap();
    assert!(channel.is_empty(), "a permit is no item");
    permit.send(7);
    assert_eq!(channel.len(), 1);
    assert_eq!(channel.try_recv(), Ok(7));
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_permit_occupies_a_place() {
    let channel = Channel::bounded(2);
    let permit = channel.try_reserve().unwrap();
    channel.try_send(1).unwrap();
    assert!(channel.is_full());
    assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(channel.try_reserve().unwrap_err(), TrySendError::Full(()));
    let waiting = ByHand::waiting(channel.send(3));
    permit.send(4);
    assert_eq!(waiting.wakes(), 0, "the place of the permit is the item's now");
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(waiting.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(4));
    assert_eq!(channel.try_recv(), Ok(3));
}

#[test]
fn all_places_can_be_reserved_and_used_in_any_order() {
    let channel = Channel::bounded(3);
    let mut permits: Vec<_> = (0..3).map(|_| channel.try_reserve().unwrap()).collect();
    permits.swap(0, 2);
    for (number, permit) in permits.into_iter().enumerate() {
        permit.send(number);
    }
    let received: Vec<_> = std::iter::from_fn(|| channel.try_recv().ok()).collect();
    assert_eq!(received, [0, 1, 2], "in the order they were sent");
    for number in 0..3 {
        channel.try_send(number).unwrap();
    }
    assert!(channel.is_full());
}

#[test]
fn a_dropped_permit_gives_its_place_back() {
    let channel = Channel::bounded(1);
    drop(channel.try_reserve().unwrap());
    channel.try_send(1).unwrap();
    assert_eq!(channel.try_recv(), Ok(1));
}

#[test]
fn a_dropped_permit_gives_its_place_to_the_first_in_line() {
    let channel = Channel::bounded(1);
    let permit = channel.try_reserve().unwrap();
    let first = ByHand::waiting(channel.reserve());
    let second = ByHand::waiting(channel.send(2));
    let third = ByHand::waiting(channel.reserve());
    drop(permit);
    assert_eq!((first.wakes(), second.wakes(), third.wakes()), (1, 0, 0));
    drop(first.finish().unwrap());
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert_eq!(second.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(2));
    assert_eq!(third.wakes(), 1);
    third.finish().unwrap().send(3);
    assert_eq!(channel.try_recv(), Ok(3));
}

#[test]
fn a_reserve_waits_until_there_is_space() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let mut waiting = ByHand::waiting(channel.reserve());
    assert!(waiting.poll().is_pending());
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)), "the place is taken");
    waiting.finish().unwrap().send(3);
    assert_eq!(channel.try_recv(), Ok(3));
}

#[test]
fn nobody_overtakes_who_waits_for_a_permit() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let reserve = ByHand::waiting(channel.reserve());
    let send = ByHand::waiting(channel.send(2));
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!((reserve.wakes(), send.wakes()), (1, 0));
    assert_eq!(channel.try_reserve().unwrap_err(), TrySendError::Full(()));
    reserve.finish().unwrap().send(3);
    assert_eq!(channel.try_recv(), Ok(3));
    assert_eq!(send.finish(), Ok(()));
}

#[test]
fn a_reserve_that_is_dropped_while_it_waits_leaves_the_line() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let first = ByHand::waiting(channel.reserve());
    let second = ByHand::waiting(channel.reserve());
    drop(first);
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(second.wakes(), 1);
    second.finish().unwrap().send(2);
    assert_eq!(channel.try_recv(), Ok(2));
}

#[test]
fn a_reserve_that_is_dropped_after_it_got_a_place_gives_it_on() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let first = ByHand::waiting(channel.reserve());
    let second = ByHand::waiting(channel.send(2));
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(2));
    channel.try_send(3).unwrap();
}

#[test]
fn a_reserve_on_a_closed_channel_fails() {
    let (sender, receiver) = Channel::<u8>::bounded(1).split();
    let permit = sender.try_reserve().unwrap();
    let waiting = ByHand::waiting(sender.reserve());
    let owned = ByHand::waiting(sender.clone().reserve_owned());
    receiver.close();
    assert_eq!((waiting.wakes(), owned.wakes()), (1, 1));
    assert_eq!(waiting.finish().unwrap_err(), SendError(()));
    assert_eq!(owned.finish().unwrap_err(), SendError(()));
    assert_eq!(ByHand::new(sender.reserve()).finish().unwrap_err(), SendError(()));
    assert_eq!(sender.try_reserve().unwrap_err(), TrySendError::Closed(()));
    assert_eq!(sender.reserve_blocking().unwrap_err(), SendError(()));
    let reserved = sender.reserve_timeout(Duration::from_secs(60));
    assert_eq!(reserved.unwrap_err(), SendTimeoutError::Closed(()));
    assert!(matches!(sender.clone().try_reserve_owned(), Err(TrySendError::Closed(_))));
    drop(permit);
}

#[test]
fn a_permit_is_good_after_the_close_and_receivers_wait_for_its_item() {
    for capacity in [1, 3] {
        let channel = Channel::bounded(capacity);
        let permit = channel.try_reserve().unwrap();
        let first = ByHand::waiting(channel.recv());
        channel.close();
        assert_eq!(first.wakes(), 0);
        assert_eq!(channel.try_recv(), Err(TryRecvError::Empty), "it has not ended");
        let second = ByHand::waiting(channel.recv());
        permit.send(7);
        assert_eq!(first.finish(), Ok(7));
        assert_eq!(second.wakes(), 1);
        assert_eq!(second.finish(), Err(RecvError));
        assert_eq!(channel.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn a_permit_that_is_dropped_after_the_close_ends_the_channel() {
    let channel = Channel::<u8>::bounded(2);
    let permits = [(); 2].map(|()| channel.try_reserve().unwrap());
    let waiting = ByHand::waiting(channel.recv());
    channel.close();
    let [first, second] = permits;
    drop(first);
    assert_eq!(waiting.wakes(), 0);
    drop(second);
    assert_eq!(waiting.wakes(), 1);
    assert_eq!(waiting.finish(), Err(RecvError));
}

#[test]
fn an_item_that_nobody_can_receive_any_more_is_dropped_where_it_is_sent() {
    for channel in [Channel::bounded(1), Channel::unbounded()] {
        let drops = Drops::new(1);
        let (sender, receiver) = channel.split();
        let permit = sender.try_reserve().unwrap();
        drop(receiver);
        permit.send(drops.item(0));
        assert_eq!(drops.of(0), 1);
        assert!(sender.is_empty());
    }
}

#[test]
fn a_permit_that_owns_its_sender_keeps_the_channel_open() {
    let (sender, receiver) = Channel::bounded(1).split();
    let permit = ByHand::new(sender.reserve_owned()).finish().unwrap();
    assert!(!receiver.is_closed());
    let sender = permit.send(1);
    let full = sender.try_reserve_owned();
    let Err(TrySendError::Full(sender)) = full else { panic!("there is no room") };
    assert_eq!(receiver.try_recv(), Ok(1));
    drop(sender.try_reserve_owned().unwrap());
    assert!(receiver.is_closed(), "the last sender was in the permit");
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_permit_that_owns_its_sender_can_give_the_place_back() {
    let (sender, receiver) = Channel::bounded(1).split();
    let permit = sender.try_reserve_owned().unwrap();
    let sender = permit.release();
    assert!(sender.try_send(1).is_ok());
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_leaked_permit_keeps_no_receiver_waiting_once_the_senders_are_gone() {
    let (sender, receiver) = Channel::<u8>::bounded(1).split();
    std::mem::forget(sender.try_reserve().unwrap());
    assert!(sender.is_full());
    let waiting = ByHand::waiting(receiver.recv());
    sender.close();
    assert_eq!(waiting.wakes(), 0);
    drop(sender);
    assert_eq!(waiting.finish(), Err(RecvError));
}

#[test]
fn a_leaked_reserve_takes_its_place_with_it_and_nothing_else() {
    let channel = Channel::bounded(2);
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
    ByHand::waiting(channel.reserve()).leak();
    let waiting = ByHand::waiting(channel.send(3));
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(channel.try_recv(), Ok(2));
    assert_eq!(waiting.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(3));
    channel.try_send(4).unwrap();
    assert!(channel.is_full(), "one place was leaked");
}

#[test]
fn an_item_goes_to_a_waiting_receiver_though_all_places_are_reserved() {
    let channel = Channel::bounded(1);
    let permit = channel.try_reserve().unwrap();
    let reserve = ByHand::waiting(channel.reserve());
    let first = ByHand::waiting(channel.recv());
    let second = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    assert_eq!(first.finish(), Ok(1));
    permit.send(2);
    assert_eq!(second.finish(), Ok(2));
    assert_eq!(reserve.wakes(), 1, "the item needed no place, so it is free");
    let send = ByHand::waiting(channel.send(3));
    assert_eq!(channel.try_recv(), Ok(3), "from the sender itself");
    assert_eq!(send.finish(), Ok(()));
}

#[test]
fn with_capacity_zero_a_reserve_waits_for_a_receiver() {
    let channel = Channel::bounded(0);
    assert_eq!(channel.try_reserve().unwrap_err(), TrySendError::Full(()));
    let reserve = ByHand::waiting(channel.reserve());
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
    let receive = ByHand::waiting(channel.recv());
    assert_eq!(reserve.wakes(), 1);
    let permit = reserve.finish().unwrap();
    assert_eq!(channel.try_send(1), Err(TrySendError::Full(1)), "the receiver is promised");
    permit.send(2);
    assert_eq!(receive.finish(), Ok(2));
}

#[test]
fn with_capacity_zero_a_dropped_permit_gives_its_receiver_to_the_first_in_line() {
    let channel = Channel::bounded(0);
    let receive = ByHand::waiting(channel.recv());
    let permit = channel.try_reserve().unwrap();
    let send = ByHand::waiting(channel.send(1));
    drop(permit);
    assert_eq!((send.wakes(), receive.wakes()), (1, 1));
    assert_eq!(send.finish(), Ok(()));
    assert_eq!(receive.finish(), Ok(1));
}

#[test]
fn with_capacity_zero_an_item_whose_receiver_has_gone_is_kept_for_the_next() {
    let channel = Channel::bounded(0);
    let receive = ByHand::waiting(channel.recv());
    let permit = channel.try_reserve().unwrap();
    drop(receive);
    permit.send(1);
    assert_eq!(channel.len(), 1);
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(channel.try_send(2), Err(TrySendError::Full(2)));
}

#[test]
fn threads_wait_for_places_and_for_so_long() {
    let (sender, receiver) = Channel::bounded(1).split();
    let permit = sender.reserve_blocking().unwrap();
    let reserved = sender.reserve_timeout(Duration::from_millis(1));
    assert_eq!(reserved.unwrap_err(), SendTimeoutError::Timeout(()));
    let received = receiver.recv_timeout(Duration::from_millis(1));
    assert_eq!(received, Err(RecvTimeoutError::Timeout));
    permit.send(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..1_000 {
                match number % 2 {
                    0 => sender.reserve_blocking().unwrap().send(number),
                    _ => sender.reserve_timeout(Duration::MAX).unwrap().send(number),
                }
            }
        });
        for number in 0..1_000 {
            assert_eq!(receiver.recv_blocking(), Ok(number));
        }
    });
}
