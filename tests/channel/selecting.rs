//! Channels among the branches of a select: a branch that loses takes nothing with it.

use crate::support::ByHand;
use futures::{FutureExt, select_biased};
use ringpool::channel::{Channel, RecvError, TryRecvError};

#[test]
fn of_two_channels_the_first_with_an_item_wins_and_the_other_loses_nothing() {
    let (one, two) = (Channel::bounded(1), Channel::bounded(1));
    let either = || async {
        select_biased! {
            item = one.recv().fuse() => ("one", item),
            item = two.recv().fuse() => ("two", item),
        }
    };
    two.try_send(2).unwrap();
    assert_eq!(ByHand::new(either()).finish(), ("two", Ok(2)));

    one.try_send(1).unwrap();
    two.try_send(2).unwrap();
    assert_eq!(ByHand::new(either()).finish(), ("one", Ok(1)));
    assert_eq!((one.len(), two.len()), (0, 1));
    assert_eq!(ByHand::new(either()).finish(), ("two", Ok(2)));

    let waiting = ByHand::waiting(either());
    two.try_send(3).unwrap();
    one.try_send(4).unwrap();
    assert_eq!(waiting.finish(), ("one", Ok(4)), "both were handed over");
    assert_eq!(two.try_recv(), Ok(3), "and this one went back");

    let waiting = ByHand::waiting(either());
    two.close();
    assert_eq!(waiting.finish(), ("two", Err(RecvError)));
}

#[test]
fn a_receive_and_a_send_in_one_select_do_one_of_the_two() {
    let (from, to) = (Channel::<u8>::bounded(1), Channel::bounded(1));
    let either = || async {
        select_biased! {
            item = from.recv().fuse() => item.ok(),
            sent = to.send(9).fuse() => sent.ok().and(None),
        }
    };
    assert_eq!(ByHand::new(either()).finish(), None);
    assert_eq!(to.len(), 1);
    let waiting = ByHand::waiting(either());
    from.try_send(1).unwrap();
    assert_eq!(waiting.finish(), Some(1));
    assert_eq!(to.try_recv(), Ok(9));
    assert_eq!(to.try_recv(), Err(TryRecvError::Empty), "the send that lost was not done");
}

#[test]
fn a_reserve_that_loses_a_select_keeps_the_item_and_no_place() {
    let (to, stop) = (Channel::bounded(1), Channel::<()>::bounded(1));
    to.try_send(0).unwrap();
    let item = Box::new(7);
    let step = ByHand::waiting(async {
        select_biased! {
            _ = stop.recv().fuse() => None,
            permit = to.reserve().fuse() => permit.ok(),
        }
    });
    assert_eq!(to.try_recv(), Ok(0), "the place goes to the reserve");
    stop.try_send(()).unwrap();
    assert!(step.finish().is_none(), "which loses all the same");
    to.try_send(*item).unwrap();
    assert_eq!(to.try_recv(), Ok(7));
}
