use futures::executor::block_on;
use ringpool::channel::{Channel, RecvError, SendError, TryRecvError, TrySendError};
use ringpool::{Receiver, Sender};
use std::io;

#[test]
fn items_come_out_in_the_order_they_went_in() {
    let channel = Channel::bounded(3);
    for round in 0..10 {
        for number in 0..3 {
            channel.try_send(round * 3 + number).unwrap();
        }
        for number in 0..3 {
            assert_eq!(channel.try_recv(), Ok(round * 3 + number));
        }
    }
}

#[test]
fn the_capacity_is_exact() {
    for capacity in [1, 2, 3, 5, 7, 8, 100] {
        let channel = Channel::bounded(capacity);
        assert_eq!(channel.capacity(), capacity);
        for lap in 0..3 {
            for number in 0..capacity {
                assert_eq!(channel.len(), number);
                assert!(!channel.is_full());
                channel.try_send(number).unwrap();
            }
            assert!(channel.is_full());
            assert_eq!(channel.try_send(9), Err(TrySendError::Full(9)));
            for number in 0..capacity {
                assert_eq!(channel.try_recv(), Ok(number), "lap {lap}");
            }
            assert!(channel.is_empty());
            assert_eq!(channel.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn a_send_with_room_and_a_receive_with_items_are_ready_at_once() {
    let channel = Channel::bounded(2);
    assert_eq!(block_on(channel.send('a')), Ok(()));
    assert_eq!(block_on(channel.send('b')), Ok(()));
    assert_eq!(block_on(channel.recv()), Ok('a'));
    assert_eq!(block_on(channel.recv()), Ok('b'));
}

#[test]
fn items_without_a_size_are_counted_too() {
    let channel = Channel::bounded(2);
    channel.try_send(()).unwrap();
    channel.try_send(()).unwrap();
    assert_eq!(channel.try_send(()), Err(TrySendError::Full(())));
    assert_eq!(channel.try_recv(), Ok(()));
    assert_eq!(channel.len(), 1);
}

#[test]
fn items_need_no_default_no_copy_and_no_debug() {
    struct Plain(Box<u8>);
    let channel = Channel::bounded(1);
    assert!(channel.try_send(Plain(Box::new(1))).is_ok());
    let error = channel.try_send(Plain(Box::new(2))).unwrap_err();
    assert_eq!(format!("{error:?}"), "Full(..)");
    assert_eq!(*error.into_inner().0, 2);
    assert!(format!("{channel:?}").contains("capacity: 1"));
    assert!(channel.try_recv().is_ok_and(|item| *item.0 == 1));
}

#[test]
fn big_items_arrive_whole() {
    let channel = Channel::bounded(2);
    channel.try_send([7_u64; 500]).unwrap();
    channel.try_send([8_u64; 500]).unwrap();
    assert_eq!(channel.try_recv(), Ok([7; 500]));
    assert_eq!(channel.try_recv(), Ok([8; 500]));
}

#[test]
fn a_capacity_without_memory_panics() {
    let outcome = std::panic::catch_unwind(|| Channel::<u64>::bounded(usize::MAX));
    assert!(outcome.is_err());
}

#[test]
fn errors_become_io_errors_with_a_fitting_kind() {
    let kind = |error: io::Error| error.kind();
    assert_eq!(kind(SendError(1).into()), io::ErrorKind::BrokenPipe);
    assert_eq!(kind(TrySendError::Full(1).into()), io::ErrorKind::WouldBlock);
    assert_eq!(kind(TrySendError::Closed(1).into()), io::ErrorKind::BrokenPipe);
    assert_eq!(kind(RecvError.into()), io::ErrorKind::UnexpectedEof);
    assert_eq!(kind(TryRecvError::Empty.into()), io::ErrorKind::WouldBlock);
    assert_eq!(kind(TryRecvError::Closed.into()), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_panic_of_others_leaves_the_handles_usable() {
    fn keeps_its_promise_after_a_panic<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    keeps_its_promise_after_a_panic::<Channel<Box<u8>>>();
    keeps_its_promise_after_a_panic::<Sender<Box<u8>>>();
    keeps_its_promise_after_a_panic::<Receiver<Box<u8>>>();
}

#[test]
fn handles_and_futures_go_to_other_threads() {
    fn sendable<T: Send>(_: &T) {}
    fn shareable<T: Sync>(_: &T) {}
    let channel = Channel::<std::cell::Cell<u8>>::bounded(1);
    sendable(&channel);
    shareable(&channel);
    sendable(&channel.send(std::cell::Cell::new(1)));
    sendable(&channel.recv());
    let (sender, receiver): (Sender<_>, Receiver<_>) = channel.split();
    sendable(&sender);
    shareable(&sender);
    sendable(&receiver);
    shareable(&receiver);
}
