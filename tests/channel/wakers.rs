use crate::support::ByHand;
use ringpool::Channel;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};

#[test]
fn the_waker_of_the_last_poll_is_the_one_woken() {
    let channel = Channel::bounded(1);
    let mut moved = ByHand::waiting(channel.recv());
    let elsewhere = Arc::new(Counting::default());
    assert!(moved.poll_with(&Waker::from(Arc::clone(&elsewhere))).is_pending());
    channel.try_send(1).unwrap();
    assert_eq!((moved.wakes(), elsewhere.0.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(moved.finish(), Ok(1));

    channel.try_send(1).unwrap();
    let mut moved = ByHand::waiting(channel.send(2));
    assert!(moved.poll_with(&Waker::from(Arc::clone(&elsewhere))).is_pending());
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!((moved.wakes(), elsewhere.0.load(Ordering::SeqCst)), (0, 2));
    assert_eq!(moved.finish(), Ok(()));
}

#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("as the test wants it");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody_else() {
    let channel = Channel::bounded(1);
    let bad = Waker::from(Arc::new(Panicking));
    let mut first = ByHand::new(channel.recv());
    assert!(first.poll_with(&bad).is_pending());
    let second = ByHand::waiting(channel.recv());
    assert_eq!(channel.try_send(1), Ok(()));
    assert_eq!(first.finish(), Ok(1));

    let mut third = ByHand::new(channel.recv());
    assert!(third.poll_with(&bad).is_pending());
    let fourth = ByHand::waiting(channel.recv());
    channel.close();
    assert_eq!((second.wakes(), fourth.wakes()), (1, 1));
    assert!(second.finish().is_err() && third.finish().is_err() && fourth.finish().is_err());
}

/// A waker that uses the channel itself when it is woken.
struct Reentrant {
    channel: Channel<u32>,
    seen: Mutex<Vec<u32>>,
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        let _ = self.channel.try_send(100);
        while let Ok(item) = self.channel.try_recv() {
            self.seen.lock().unwrap().push(item);
        }
        assert!(self.channel.len() <= self.channel.capacity());
        self.channel.close();
    }
}

#[test]
fn a_waker_may_use_the_channel_it_is_woken_by() {
    let channel = Channel::bounded(2);
    let reentrant = Arc::new(Reentrant { channel: channel.clone(), seen: Mutex::default() });
    let mut waiting = ByHand::new(channel.recv());
    assert!(waiting.poll_with(&Waker::from(Arc::clone(&reentrant))).is_pending());
    channel.try_send(1).unwrap();
    assert_eq!(waiting.finish(), Ok(1));
    assert_eq!(*reentrant.seen.lock().unwrap(), [100]);
    assert!(channel.is_closed());
}

/// A waker whose clone panics.
static TABLE: RawWakerVTable =
    RawWakerVTable::new(|_| panic!("as the test wants it"), |_| {}, |_| {}, |_| {});

#[test]
fn a_waker_that_panics_when_cloned_loses_no_item_and_no_place() {
    // SAFETY: the table's functions ignore their pointer, and are safe to call from any thread.
    let bad = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let panics = |poll: &mut dyn FnMut() -> bool| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).is_err()
    };
    let channel = Channel::bounded(1);
    channel.try_send(1).unwrap();
    let mut sender = ByHand::new(channel.send(2));
    assert!(panics(&mut || sender.poll_with(&bad).is_ready()));
    assert!(sender.poll().is_pending());
    assert!(panics(&mut || sender.poll_with(&bad).is_ready()));
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(sender.wakes(), 1, "the earlier waker is still in place");
    assert_eq!(sender.finish(), Ok(()));
    assert_eq!(channel.try_recv(), Ok(2));

    let (sender, mut receiver) = channel.split();
    let mut stream = ByHand::waiting(futures::StreamExt::next(&mut receiver));
    assert!(panics(&mut || stream.poll_with(&bad).is_ready()));
    sender.try_send(3).unwrap();
    assert_eq!(stream.finish(), Some(3));
}

/// A waker that uses the channel when it is dropped for good; under the lock that would hang.
struct UsesItWhenDropped(Channel<u32>, Arc<Counting>);

impl Wake for UsesItWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for UsesItWhenDropped {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
        self.1.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn wakers_are_dropped_outside_of_the_lock() {
    let (done, finished) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let dropped = Arc::new(Counting::default());
        for capacity in [0, 1] {
            let channel = Channel::bounded(capacity);
            let waker =
                || Waker::from(Arc::new(UsesItWhenDropped(channel.clone(), Arc::clone(&dropped))));
            let mut replaced = ByHand::new(channel.recv());
            assert!(replaced.poll_with(&waker()).is_pending());
            assert!(replaced.poll().is_pending());
            drop(replaced);
            let mut abandoned = ByHand::new(channel.recv());
            assert!(abandoned.poll_with(&waker()).is_pending());
            drop(abandoned);
            while channel.try_send(1).is_ok() {}
            let mut abandoned = ByHand::new(channel.send(2));
            assert!(abandoned.poll_with(&waker()).is_pending());
            drop(abandoned);
        }
        done.send(dropped.0.load(Ordering::SeqCst)).unwrap();
    });
    assert_eq!(finished.recv_timeout(std::time::Duration::from_secs(60)), Ok(6));
    thread.join().unwrap();
}

/// Panics when a waker of it is dropped, and owns nothing: each clone counts as one of its own.
static PANICS_WHEN_DROPPED: RawWakerVTable = RawWakerVTable::new(
    |data| RawWaker::new(data, &PANICS_WHEN_DROPPED),
    |_| {},
    |_| {},
    |_| panic!("as the test wants it"),
);

/// A waker whose clones panic when they are dropped; itself it never is.
fn panics_when_dropped() -> std::mem::ManuallyDrop<Waker> {
    // SAFETY: the table's functions ignore their pointer, and are safe to call from any thread.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &PANICS_WHEN_DROPPED)) };
    std::mem::ManuallyDrop::new(waker)
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_loses_no_item() {
    let bad = panics_when_dropped();
    let handing_over = Channel::bounded(0);
    let sender = ByHand::waiting(handing_over.send(1));
    assert_eq!(ByHand::new(handing_over.recv()).poll_with(&bad), Poll::Ready(Ok(1)));
    assert_eq!(sender.finish(), Ok(()));

    let mut receiver = ByHand::new(handing_over.recv());
    assert!(receiver.poll_with(&bad).is_pending());
    assert!(receiver.poll().is_pending(), "the waker is exchanged");
    assert!(receiver.poll_with(&bad).is_pending());
    assert_eq!(handing_over.try_send(2), Ok(()));
    assert_eq!(receiver.finish(), Ok(2));

    let mut receiver = ByHand::new(handing_over.recv());
    assert!(receiver.poll_with(&bad).is_pending());
    drop(receiver);
    let sender = ByHand::waiting(handing_over.send(3));
    let mut second = ByHand::new(handing_over.send(4));
    assert!(second.poll_with(&bad).is_pending());
    drop(second);
    assert_eq!(handing_over.try_recv(), Ok(3));
    assert_eq!(sender.finish(), Ok(()));
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_loses_no_place() {
    let bad = panics_when_dropped();
    let (sender, receiver) = Channel::bounded(1).split();
    let permit = sender.try_reserve().unwrap();
    let mut waiting = ByHand::new(sender.reserve());
    assert!(waiting.poll_with(&bad).is_pending());
    drop(waiting);
    drop(permit);
    sender.try_reserve().unwrap().send(1);
    assert_eq!(receiver.try_recv(), Ok(1));
}
