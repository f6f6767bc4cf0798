//! Sources and tokens, on any executor.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread;

use crate::common::*;
use futures::executor::block_on;
use ringpool::stop::{StopSource, StopToken, Stopped, UntilStopped};

#[test]
fn a_stop_is_seen_by_all_that_have_the_source_or_a_token() {
    let source = StopSource::new();
    let (other, token) = (source.clone(), source.token());
    assert!(!source.is_stop_requested() && !token.clone().is_stop_requested());
    assert!(other.stop(), "nobody was before");
    assert!(!source.stop(), "one was");
    assert!(source.is_stop_requested() && token.is_stop_requested());
    assert!(source.token().is_stop_requested());
}

#[test]
fn a_source_that_is_dropped_stops_nothing() {
    let source = StopSource::new();
    let token = source.token();
    let child = token.child_source();
    drop(source);
    assert!(!token.is_stop_requested() && !child.is_stop_requested());
}

#[test]
fn a_stop_goes_down_the_tree_and_not_up() {
    let top = StopSource::new();
    let (left, right) = (top.child(), top.token().child_source());
    let below = left.child();
    left.stop();
    assert!(below.is_stop_requested());
    assert!(!top.is_stop_requested() && !right.is_stop_requested());
    top.stop();
    assert!(right.is_stop_requested());
}

#[test]
fn a_child_keeps_those_above_it() {
    let top = StopSource::new();
    let middle = top.child();
    let below = middle.child();
    drop(middle);
    top.stop();
    assert!(below.is_stop_requested());
}

#[test]
fn a_child_of_what_is_stopped_is_stopped_from_the_beginning() {
    let source = StopSource::new();
    source.stop();
    assert!(source.child().is_stop_requested());
    assert!(source.token().child_source().child().is_stop_requested());
}

#[test]
fn a_chain_that_is_longer_than_a_stack_is_stopped_and_freed() {
    let _limit = limit();
    let top = StopSource::new();
    let mut last = top.clone();
    for _ in 0..rounds(200_000) {
        last = last.child();
    }
    top.stop();
    assert!(last.is_stop_requested());
    drop(top);
    drop(last);
}

#[test]
fn a_token_that_nobody_stops_is_never_over() {
    let token = StopToken::never();
    assert!(poll_once(&mut token.stopped(), Waker::noop()).is_pending());
    assert!(!token.is_stop_requested());
    let child = token.child_source();
    child.stop();
    assert!(!token.is_stop_requested() && child.is_stop_requested());
}

#[test]
fn a_token_is_awaited_anywhere() {
    let _limit = limit();
    let source = StopSource::new();
    let token = source.token();
    let by_value = thread::spawn({
        let token = token.clone();
        move || block_on(async { token.await })
    });
    let by_reference = thread::spawn({
        let token = token.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio");
            runtime.block_on(async { (&token).await })
        }
    });
    let pool = ringpool::Pool::new(1);
    let in_a_pool = pool.spawn(token.child_source().token().stopped());
    source.stop();
    by_value.join().expect("it ends");
    by_reference.join().expect("it ends");
    in_a_pool.wait().expect("it ends");
    block_on(token.stopped());
}

#[test]
fn one_who_waits_is_woken_once_by_the_last_waker() {
    let source = StopSource::new();
    let mut waiting = source.token().stopped();
    let (first, wakes_of_first, first_dropped) = counting_waker();
    let (second, wakes_of_second, _) = counting_waker();
    assert!(poll_once(&mut waiting, &first).is_pending());
    assert!(poll_once(&mut waiting, &first).is_pending());
    assert!(poll_once(&mut waiting, &second).is_pending());
    drop(first);
    assert_eq!(first_dropped.get(), 1, "nobody keeps it");
    source.stop();
    assert_eq!((wakes_of_first.get(), wakes_of_second.get()), (0, 1));
    assert!(poll_once(&mut waiting, &second).is_ready());
}

#[test]
fn one_who_is_dropped_is_not_woken_and_keeps_no_waker() {
    let source = StopSource::new();
    let mut waiting = source.token().stopped();
    let (waker, wakes, dropped) = counting_waker();
    assert!(poll_once(&mut waiting, &waker).is_pending());
    drop(waiting);
    drop(waker);
    assert_eq!(dropped.get(), 1);
    source.stop();
    assert_eq!(wakes.get(), 0);
}

#[test]
fn one_who_is_forgotten_is_woken_and_harms_nobody() {
    let source = StopSource::new();
    let (waker, wakes, _) = counting_waker();
    let mut forgotten = source.token().stopped();
    assert!(poll_once(&mut forgotten, &waker).is_pending());
    forget(forgotten);
    let mut other = source.token().stopped();
    assert!(poll_once(&mut other, Waker::noop()).is_pending());
    source.stop();
    assert_eq!(wakes.get(), 1);
    assert!(poll_once(&mut other, Waker::noop()).is_ready());
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic_on_purpose("a waker");
    }
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    silence_panics_on_purpose();
    let source = StopSource::new();
    let (waker, wakes, _) = counting_waker();
    let mut all: Vec<_> = (0..3).map(|_| source.token().stopped()).collect();
    let panics = Waker::from(Arc::new(Panics));
    for (waiting, waker) in all.iter_mut().zip([&waker, &panics, &waker]) {
        assert!(poll_once(waiting, waker).is_pending());
    }
    source.stop();
    assert_eq!(wakes.get(), 2);
}

/// Does with the source, when it is woken, all that can be done with it.
struct ComesBack(StopSource, Mutex<Option<UntilStopped>>);

impl Wake for ComesBack {
    fn wake(self: Arc<Self>) {
        assert!(!self.0.stop());
        assert!(self.0.child().is_stop_requested());
        drop(self.1.lock().unwrap().take());
    }
}

#[test]
fn a_waker_may_come_back_to_the_source() {
    let _limit = limit();
    let source = StopSource::new();
    let mut held = source.token().stopped();
    assert!(poll_once(&mut held, Waker::noop()).is_pending());
    let comes_back = Arc::new(ComesBack(source.clone(), Mutex::new(Some(held))));
    let mut waiting = source.token().stopped();
    assert!(poll_once(&mut waiting, &Waker::from(comes_back.clone())).is_pending());
    source.stop();
    assert!(comes_back.1.lock().unwrap().is_none());
    assert_eq!(poll_once(&mut waiting, Waker::noop()), Poll::Ready(()));
}

#[test]
fn who_is_woken_by_a_child_finds_the_parent_stopped_and_all_others() {
    struct Looks(StopSource, StopToken, Count);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            assert!(self.0.is_stop_requested() && self.1.is_stop_requested());
            self.2.add();
        }
    }
    let top = StopSource::new();
    let children: Vec<_> = (0..5).map(|_| top.child()).collect();
    let seen = Count::new();
    let mut waiting: Vec<_> = children.iter().map(|child| child.token().stopped()).collect();
    for (index, waiting) in waiting.iter_mut().enumerate() {
        let sibling = children[(index + 1) % 5].token();
        let looks = Looks(top.clone(), sibling, seen.clone());
        assert!(poll_once(waiting, &Waker::from(Arc::new(looks))).is_pending());
    }
    top.stop();
    assert_eq!(seen.get(), 5);
}

#[test]
fn stops_from_many_threads_beside_new_children_and_those_who_go_stop_them_all() {
    let _limit = limit();
    for _ in 0..rounds(200) {
        let top = StopSource::new();
        thread::scope(|scope| {
            let works = || {
                let children: Vec<_> = (0..10).map(|_| top.child()).collect();
                let kept = children.into_iter().step_by(2).collect::<Vec<_>>();
                kept.iter().for_each(|child| block_on(child.token().stopped()));
            };
            scope.spawn(works);
            scope.spawn(works);
            scope.spawn(|| top.stop());
            top.stop();
        });
    }
}

#[test]
fn what_is_said_of_them_tells_whether_a_stop_was_asked_for() {
    let source = StopSource::default();
    assert_eq!(format!("{source:?}"), "StopSource { is_stop_requested: false }");
    source.stop();
    assert_eq!(format!("{:?}", source.token()), "StopToken { is_stop_requested: true }");
    let error = std::io::Error::from(Stopped::default());
    assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
    assert_eq!(Stopped::default().to_string(), "this was asked to stop");
}
