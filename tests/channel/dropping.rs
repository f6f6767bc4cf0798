use crate::support::{ByHand, Drops};
use ringpool::channel::{Channel, TryRecvError};

#[test]
fn a_dropped_receive_gives_its_item_to_the_next_in_line() {
    let channel = Channel::bounded(1);
    let first = ByHand::waiting(channel.recv());
    let second = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.finish(), Ok(1));
}

#[test]
fn a_dropped_receive_puts_its_item_back_at_the_front() {
    let channel = Channel::bounded(1);
    let waiting = ByHand::waiting(channel.recv());
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
    drop(waiting);
    assert_eq!(channel.len(), 2, "above the capacity, for a while");
    assert!(channel.is_full());
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(channel.try_recv(), Ok(2));
    assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn items_given_back_in_any_order_keep_theirs() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let channel = Channel::bounded(1);
        let mut waiting: Vec<_> = (0..3).map(|_| Some(ByHand::waiting(channel.recv()))).collect();
        for number in 0..4 {
            channel.try_send(number).unwrap();
        }
        for place in order {
            waiting[place] = None;
        }
        for number in 0..4 {
            assert_eq!(channel.try_recv(), Ok(number), "given back as {order:?}");
        }
    }
}

#[test]
fn a_receive_that_is_dropped_while_it_waits_leaves_the_line() {
    let channel = Channel::bounded(1);
    let first = ByHand::waiting(channel.recv());
    let second = ByHand::waiting(channel.recv());
    let third = ByHand::waiting(channel.recv());
    drop(second);
    channel.try_send(1).unwrap();
    channel.try_send(2).unwrap();
    assert_eq!((first.finish(), third.finish()), (Ok(1), Ok(2)));
    let only = ByHand::waiting(channel.recv());
    drop(only);
    channel.try_send(3).unwrap();
    assert_eq!(channel.len(), 1);
}

#[test]
fn a_send_that_is_dropped_while_it_waits_takes_its_item_along() {
    let drops = Drops::new(3);
    let channel = Channel::bounded(1);
    channel.try_send(drops.item(0)).unwrap();
    let second = ByHand::waiting(channel.send(drops.item(1)));
    let third = ByHand::waiting(channel.send(drops.item(2)));
    drop(second);
    assert_eq!(drops.of(1), 1);
    assert_eq!(channel.try_recv().unwrap().number, 0);
    assert_eq!(third.finish().map_err(|_| ()), Ok(()));
    assert_eq!(channel.try_recv().unwrap().number, 2);
    drops.assert_once_each(3);
}

#[test]
fn a_send_that_is_dropped_after_its_item_was_accepted_has_sent_it() {
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let second = ByHand::waiting(channel.send(2));
    assert_eq!(channel.try_recv(), Ok(1));
    drop(second);
    assert_eq!(channel.try_recv(), Ok(2));
}

#[test]
fn a_send_that_was_never_polled_sends_nothing() {
    let drops = Drops::new(1);
    let channel = Channel::bounded(1);
    drop(channel.send(drops.item(0)));
    assert!(channel.is_empty());
    drops.assert_once_each(1);
}

#[test]
fn a_leaked_send_is_served_as_any_other() {
    let drops = Drops::new(3);
    let channel = Channel::bounded(1);
    channel.try_send(drops.item(0)).unwrap();
    ByHand::waiting(channel.send(drops.item(1))).leak();
    let third = ByHand::waiting(channel.send(drops.item(2)));
    for number in 0..3 {
        assert_eq!(channel.try_recv().unwrap().number, number);
    }
    assert!(third.finish().is_ok());
    drops.assert_once_each(3);
}

#[test]
fn a_leaked_receive_takes_one_item_and_harms_nobody_else() {
    let drops = Drops::new(3);
    let channel = Channel::bounded(1);
    ByHand::waiting(channel.recv()).leak();
    let second = ByHand::waiting(channel.recv());
    channel.try_send(drops.item(0)).unwrap();
    channel.try_send(drops.item(1)).unwrap();
    channel.try_send(drops.item(2)).unwrap();
    assert_eq!(second.finish().unwrap().number, 1);
    assert_eq!(channel.try_recv().unwrap().number, 2);
    assert_eq!(drops.of(0), 0);
    drop(channel);
    drops.assert_once_each(3);
}

#[test]
fn leaked_futures_of_all_kinds_are_dropped_with_the_channel() {
    let drops = Drops::new(4);
    let channel = Channel::bounded(1);
    ByHand::waiting(channel.recv()).leak();
    for number in 0..2 {
        channel.try_send(drops.item(number)).unwrap();
    }
    ByHand::waiting(channel.send(drops.item(2))).leak();
    channel.close();
    ByHand::new(channel.send(drops.item(3))).leak();
    drop(channel);
    for number in 0..3 {
        assert_eq!(drops.of(number), 1);
    }
    assert_eq!(drops.of(3), 0, "a send that is not in line holds its item itself");
}

#[test]
fn an_item_that_panics_when_dropped_does_not_hold_up_the_others() {
    struct Angry<'a>(bool, &'a std::cell::Cell<usize>);
    impl Drop for Angry<'_> {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            assert!(!self.0, "as the test wants it");
        }
    }
    let drops = std::cell::Cell::new(0);
    let channel = Channel::bounded(3);
    for number in 0..3 {
        assert!(channel.try_send(Angry(number == 1, &drops)).is_ok());
    }
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(channel)));
    assert!(outcome.is_err());
    assert_eq!(drops.get(), 3);
}
