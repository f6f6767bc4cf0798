use crate::support::ByHand;
use ringpool::Channel;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

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

/// What a waker does when it is cloned, once; its clones panic when they are dropped.
struct Scripted(Mutex<Option<Box<dyn FnOnce() + Send>>>);

static SCRIPTED: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: it points to what `scripted` has leaked.
        let scripted = unsafe { &*data.cast::<Scripted>() };
        let step = scripted.0.lock().unwrap().take();
        step.into_iter().for_each(|step| step());
        RawWaker::new(data, &SCRIPTED)
    },
    |_| {},
    |_| {},
    |_| panic!("as the test wants it"),
);

/// Polls with a waker that runs `step` when it is cloned, and panics when it is dropped.
fn poll_scripted<F: std::future::Future>(
    waiting: &mut ByHand<F>,
    step: impl FnOnce() + Send + 'static,
) -> std::task::Poll<F::Output> {
    static KEPT: Mutex<Vec<&Scripted>> = Mutex::new(Vec::new());
    let scripted: &Scripted = Box::leak(Box::new(Scripted(Mutex::new(Some(Box::new(step))))));
    KEPT.lock().unwrap().push(scripted);
    // SAFETY: the table's functions may be called from any thread, and the data is never freed.
    let waker = unsafe { Waker::new(std::ptr::from_ref(scripted).cast(), &SCRIPTED) };
    waiting.poll_with(&std::mem::ManuallyDrop::new(waker))
}

#[test]
fn a_waker_that_panics_when_dropped_loses_nothing_that_came_meanwhile() {
    use std::task::Poll;

    let channel = Channel::bounded(1);
    let send = |item| {
        let channel = channel.clone();
        move || channel.try_send(item).unwrap()
    };
    let receive = || {
        let channel = channel.clone();
        move || assert!(channel.try_recv().is_ok())
    };
    let mut first = ByHand::new(channel.recv());
    assert_eq!(poll_scripted(&mut first, send(1)), Poll::Ready(Ok(1)));
    let mut in_line = ByHand::waiting(channel.recv());
    assert_eq!(poll_scripted(&mut in_line, send(2)), Poll::Ready(Ok(2)));

    let (sender, _receiver) = channel.clone().split();
    channel.try_send(3).unwrap();
    let mut first = ByHand::new(channel.send(4));
    assert_eq!(poll_scripted(&mut first, receive()), Poll::Ready(Ok(())));
    let mut in_line = ByHand::waiting(channel.send(5));
    assert_eq!(poll_scripted(&mut in_line, receive()), Poll::Ready(Ok(())));
    let mut first = ByHand::new(sender.reserve());
    assert!(poll_scripted(&mut first, receive()).is_ready(), "and the permit was dropped");
    channel.try_send(6).unwrap();
    let mut in_line = ByHand::waiting(sender.reserve());
    assert!(poll_scripted(&mut in_line, receive()).is_ready());
    assert_eq!(channel.try_send(7), Ok(()), "no place is left reserved");
}

#[test]
fn a_waker_that_panics_when_dropped_harms_nobody_who_gives_up() {
    let channel = Channel::bounded(1);
    let mut abandoned = ByHand::new(channel.recv());
    assert!(poll_scripted(&mut abandoned, || ()).is_pending());
    drop(abandoned);
    channel.try_send(1).unwrap();
    let mut abandoned = ByHand::new(channel.send(2));
    assert!(poll_scripted(&mut abandoned, || ()).is_pending());
    drop(abandoned);
    let (sender, mut receiver) = channel.split();
    let mut abandoned = ByHand::new(sender.reserve());
    assert!(poll_scripted(&mut abandoned, || ()).is_pending());
    drop(abandoned);
    assert_eq!(receiver.try_recv(), Ok(1));
    let mut next = ByHand::new(futures::StreamExt::next(&mut receiver));
    assert!(poll_scripted(&mut next, || ()).is_pending());
    drop(next);
    assert_eq!(receiver.try_recv(), Err(ringpool::TryRecvError::Empty));
}
