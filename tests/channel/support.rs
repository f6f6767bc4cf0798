//! A waker that counts, a future polled by hand, items whose drops are counted, and a generator.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

static LEAKED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

#[derive(Default)]
pub(crate) struct WakeCount(AtomicUsize);

impl WakeCount {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future polled by hand, with its own counting waker.
pub(crate) struct ByHand<F> {
    future: Pin<Box<F>>,
    count: Arc<WakeCount>,
}

impl<F: Future> ByHand<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), count: Arc::default() }
    }

    /// A future that was polled once and had to wait.
    pub(crate) fn waiting(future: F) -> Self {
        let mut by_hand = Self::new(future);
        assert!(by_hand.poll().is_pending(), "it was to wait");
        by_hand
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.count));
        self.poll_with(&waker)
    }

    pub(crate) fn poll_with(&mut self, waker: &Waker) -> Poll<F::Output> {
        self.future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// The result of a future that must be ready.
    #[track_caller]
    pub(crate) fn finish(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it was to be ready"),
        }
    }

    pub(crate) fn wakes(&self) -> usize {
        self.count.get()
    }

    /// Leaks the future. Its address is kept, so that a leak checker knows it was on purpose.
    pub(crate) fn leak(self) {
        // SAFETY: the future is never touched again, so it is not moved either.
        let future = Box::leak(unsafe { Pin::into_inner_unchecked(self.future) });
        LEAKED.lock().unwrap().push(std::ptr::from_mut(future).expose_provenance());
    }
}

/// Counts its drops in a place of its own.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) number: usize,
    drops: Arc<[AtomicUsize]>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops[self.number].fetch_add(1, Ordering::SeqCst);
    }
}

pub(crate) struct Drops(Arc<[AtomicUsize]>);

impl Drops {
    pub(crate) fn new(items: usize) -> Self {
        Self((0..items).map(|_| AtomicUsize::new(0)).collect())
    }

    pub(crate) fn item(&self, number: usize) -> Counted {
        Counted { number, drops: Arc::clone(&self.0) }
    }

    pub(crate) fn of(&self, number: usize) -> usize {
        self.0[number].load(Ordering::SeqCst)
    }

    /// Each of the first `made` items was dropped once, the others never.
    #[track_caller]
    pub(crate) fn assert_once_each(&self, made: usize) {
        for (number, drops) in self.0.iter().enumerate() {
            let expected = usize::from(number < made);
            assert_eq!(drops.load(Ordering::SeqCst), expected, "drops of item {number}");
        }
    }
}

/// A small generator of repeatable numbers (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..8 {
            random.below(2);
        }
        random
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }
}

/// A seed from outside (`CHANNEL_SEED`) or a fresh one; printed, so that a failure can be repeated.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    let seed = match std::env::var("CHANNEL_SEED") {
        Ok(seed) => seed.parse().expect("CHANNEL_SEED is a number"),
        Err(_) => RandomState::new().hash_one(0),
    };
    println!("to repeat: CHANNEL_SEED={seed}");
    seed
}

/// Awaits a future that never has to wait, and sees that another task of the ring gets its turn
/// before it ends.
#[track_caller]
pub(crate) fn assert_others_run(future: impl Future<Output = ()> + Send) {
    let turns = crate::common::Count::new();
    let others = ringpool::Pool::new(1).block_on(async {
        let of_other = turns.clone();
        let other = ringpool::spawn(async move { of_other.add() });
        future.await;
        let others = turns.get();
        other.await.unwrap();
        others
    });
    assert_eq!(others, 1, "the other task had its turn");
}
