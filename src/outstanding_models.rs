//! Loom models of what is out: nobody is woken too early, and nobody never.

use std::future::poll_fn;

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{Outstanding, Share};

/// Drops a share elsewhere, and counts that before.
fn give_back(share: Share, back: &Arc<AtomicUsize>) -> thread::JoinHandle<()> {
    let back = back.clone();
    thread::spawn(move || {
        back.fetch_add(1, Ordering::Relaxed);
        drop(share);
    })
}

fn wait(outstanding: &mut Outstanding) {
    block_on(poll_fn(|cx| outstanding.poll_zero(cx)));
}

#[test]
fn who_waits_is_woken_when_all_are_back_and_not_before() {
    loom::model(|| {
        let mut outstanding = Outstanding::new();
        let back = Arc::new(AtomicUsize::new(0));
        let threads = [(); 2].map(|()| give_back(outstanding.share(), &back));
        wait(&mut outstanding);
        assert_eq!(back.load(Ordering::Relaxed), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn what_a_dropped_count_has_out_is_counted_by_its_heir() {
    loom::model(|| {
        let (inner, mut outer) = (Outstanding::new(), Outstanding::new());
        let back = Arc::new(AtomicUsize::new(0));
        let thread = give_back(inner.share(), &back);
        inner.leave_to(|| Some(outer.share()));
        wait(&mut outer);
        assert_eq!(back.load(Ordering::Relaxed), 1);
        thread.join().unwrap();
    });
}

#[test]
fn a_count_that_waited_leaves_its_waker_behind_when_it_goes() {
    loom::model(|| {
        let mut inner = Outstanding::new();
        let mut outer = Outstanding::new();
        let back = Arc::new(AtomicUsize::new(0));
        let thread = give_back(inner.share(), &back);
        let _ = inner.poll_zero(&std::task::Context::from_waker(std::task::Waker::noop()));
        inner.leave_to(|| Some(outer.share()));
        wait(&mut outer);
        assert_eq!(back.load(Ordering::Relaxed), 1);
        thread.join().unwrap();
    });
}
