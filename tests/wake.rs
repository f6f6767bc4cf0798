//! Wakes: from every kind of thread, at every moment, by wakers of every kind.

#![allow(clippy::waker_clone_wake, reason = "a waker that is cloned elsewhere is what is tested")]

mod common;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use common::*;
use futures::future::{join, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use ringpool::op::nop;
use ringpool::time::sleep;
use ringpool::{Doorbell, DoorbellKind, Pool, spawn, spawn_on, switch_to, yield_now};

/// A task that is polled until it has seen `rounds` numbers, and tells each one it sees.
struct Numbers {
    sent: AtomicU64,
    seen: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Numbers {
    fn new() -> Arc<Self> {
        let (sent, seen) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { sent, seen, waker: Mutex::new(None) })
    }

    /// Sees every number until `last`.
    async fn see(&self, last: u64) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            let sent = self.sent.load(Ordering::SeqCst);
            self.seen.store(sent, Ordering::SeqCst);
            if sent == last { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Sends one, and says whether it has been seen.
    fn send(&self, number: u64) {
        self.sent.store(number, Ordering::SeqCst);
        let waker = self.waker.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn every_wake_from_a_plain_thread_is_followed_by_a_poll() {
    let _limit = limit();
    let pool = Pool::new(1);
    let numbers = Numbers::new();
    let seer = numbers.clone();
    let task = pool.spawn(async move { seer.see(20_000).await });
    until(|| numbers.waker.lock().unwrap().is_some());
    for number in 1..=20_000 {
        numbers.send(number);
        // A wake that was lost would be waited for in vain.
        until(|| numbers.seen.load(Ordering::SeqCst) >= number);
    }
    task.wait().unwrap();
}

#[test]
fn every_wake_from_another_ring_is_followed_by_a_poll() {
    let _limit = limit();
    let pool = Pool::new(2);
    let numbers = Numbers::new();
    let seer = numbers.clone();
    let last = rounds(20_000) as u64;
    let task = spawn_on(&pool.runtime(0), async move { seer.see(last).await });
    until(|| numbers.waker.lock().unwrap().is_some());
    let sender = numbers.clone();
    let sends = spawn_on(&pool.runtime(1), async move {
        for number in 1..=last {
            sender.send(number);
            while sender.seen.load(Ordering::SeqCst) < number {
                yield_now().await;
            }
        }
    });
    sends.wait().unwrap();
    task.wait().unwrap();
}

#[test]
fn wakes_from_many_threads_at_once_lose_none() {
    let _limit = limit();
    let pool = Pool::new(2);
    let rounds = 500;
    for _ in 0..rounds {
        let gates: Vec<_> = (0..4).map(|_| Gate::new()).collect();
        let doors = gates.clone();
        let task = pool.spawn(async move {
            join_all(doors.iter().map(Gate::pass)).await;
        });
        std::thread::scope(|scope| {
            for gate in &gates {
                scope.spawn(|| gate.open());
            }
        });
        task.wait().unwrap();
    }
}

#[test]
fn a_busy_senders_message_starts_at_once_and_not_when_it_goes_idle() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..20 {
            // The other ring goes to sleep now and then.
            sleep(Duration::from_millis(2)).await;
            let started = Gate::new();
            let signal = started.clone();
            spawn_on(&there, async move { signal.open() }).detach();
            // Never idle, never awaits what it waits for: only the other ring ends this.
            while !started.is_open() {
                yield_now().await;
            }
        }
    });
}

#[test]
fn a_sender_that_does_not_even_yield_has_sent_its_message() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..20 {
            sleep(Duration::from_millis(2)).await;
            let started = Gate::new();
            let signal = started.clone();
            spawn_on(&there, async move { signal.open() }).detach();
            started.wait();
        }
    });
}

#[test]
fn a_waker_kept_after_its_task_and_after_its_pool_does_nothing() {
    let _limit = limit();
    let pool = Pool::new(2);
    let kept: Vec<Waker> =
        pool.runtimes().iter().map(|rt| spawn_on(rt, own_waker()).wait().unwrap()).collect();
    for waker in &kept {
        waker.wake_by_ref();
        waker.clone().wake();
    }
    let at_home = kept.clone();
    pool.block_on(async move {
        for waker in at_home {
            waker.wake_by_ref();
            drop(waker.clone());
            waker.wake();
        }
    });
    drop(pool);
    for waker in &kept {
        waker.wake_by_ref();
        waker.clone().wake();
    }
    // New rings at the old addresses.
    let pool = Pool::new(2);
    for runtime in pool.runtimes() {
        let mine = kept.clone();
        let woken = spawn_on(runtime, async move {
            for waker in mine {
                waker.wake_by_ref();
                drop(waker.clone());
                waker.wake();
            }
        });
        woken.wait().unwrap();
    }
    drop(kept);
    assert_eq!(pool.spawn(async { 7 }).wait().unwrap(), 7);
}

#[test]
fn a_waker_of_a_task_that_waits_may_be_dropped_and_cloned_anywhere() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
    let door = Gate::new();
    let gate = door.clone();
    let task = spawn_on(&pool.runtime(0), async move {
        for _ in 0..10_000 {
            let waker = own_waker().await;
            sender.send(waker.clone()).unwrap();
            if sender.send(waker).is_err() {
                return;
            }
        }
        drop(sender);
        gate.pass().await;
    });
    let other = spawn_on(&pool.runtime(1), async move {
        let mut kept = Vec::new();
        for (number, waker) in receiver.iter().enumerate() {
            match number % 3 {
                0 => drop(waker),
                1 => waker.wake(),
                _ => kept.push(waker.clone()),
            }
        }
        kept.len()
    });
    assert_eq!(other.wait().unwrap(), 6666);
    door.open();
    task.wait().unwrap();
}

#[test]
fn sets_of_futures_with_wakers_of_their_own_get_every_wake() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        for _ in 0..20 {
            let mut operations: FuturesUnordered<_> = (0..500).map(|_| nop()).collect();
            while let Some(answer) = operations.next().await {
                answer.unwrap();
            }
            let timers = (0..100).map(|number| sleep(Duration::from_micros(number * 10)));
            let tasks = (0..100).map(|number| spawn_on(&there, async move { number }));
            let (ended, _) = join(join_all(tasks), join_all(timers)).await;
            let sum: usize = ended.into_iter().map(|answer| answer.unwrap()).sum();
            assert_eq!(sum, 4950);
            switch_to(&there).await.unwrap();
            switch_to(&pool.runtime(0)).await.unwrap();
        }
    });
}

#[test]
fn the_last_waker_of_many_is_the_one_that_is_woken() {
    let _limit = limit();
    let pool = Pool::new(2);
    for runtime in pool.runtimes() {
        for _ in 0..500 {
            let gate = Gate::new();
            let door = gate.clone();
            let mut task = spawn_on(runtime, async move { door.pass().await });
            let wakers: Vec<_> = (0..4).map(|_| counting_waker()).collect();
            let opener = std::thread::spawn(move || gate.open());
            let mut ready = false;
            for (waker, ..) in &wakers {
                ready = ready || poll_once(&mut task, waker).is_ready();
            }
            let (_, last, _) = &wakers[3];
            if !ready {
                last.reaches(1);
            }
            opener.join().unwrap();
            drop(task);
            for (waker, _, dropped) in wakers {
                drop(waker);
                dropped.reaches(1);
                assert_eq!(dropped.get(), 1);
            }
        }
    }
}

#[test]
fn a_foreign_executor_may_wait_for_operations_it_carries() {
    let _limit = limit();
    let pool = Pool::new(1);
    // Started on a ring, waited for on a thread that has none.
    for _ in 0..200 {
        let carried = pool.spawn(async {
            let (mut operation, mut timer) = (nop(), sleep(Duration::from_micros(20)));
            assert!(poll_once(&mut operation, Waker::noop()).is_pending());
            assert!(poll_once(&mut timer, Waker::noop()).is_pending());
            (operation, timer)
        });
        let (operation, timer) = carried.wait().unwrap();
        let (answer, ()) = futures::executor::block_on(join(operation, timer));
        answer.unwrap();
    }
    let error = futures::executor::block_on(nop()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn a_task_woken_while_it_runs_is_polled_again_once() {
    let _limit = limit();
    let pool = Pool::new(1);
    let polls = Count::new();
    let counts = polls.clone();
    let task = pool.spawn(async move {
        let mut first = true;
        poll_fn(|cx| {
            counts.add();
            if !std::mem::take(&mut first) {
                return Poll::Ready(());
            }
            for _ in 0..10 {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
        // Wakes that came too late for anything are not kept.
        spawn(async {}).await.unwrap();
        counts.get()
    });
    assert_eq!(task.wait().unwrap(), 2);
}

#[test]
fn a_ring_says_by_what_it_is_woken_until_it_has_stopped() {
    let _limit = limit();
    let told = ringpool::capabilities();
    for (doorbell, has_messages) in [(Doorbell::EventFd, false), (Doorbell::MsgRing, true)] {
        let pool = Pool::builder().threads(2).doorbell(doorbell).build().unwrap();
        let ring = pool.runtime(1);
        let from_ring = pool.block_on(async { ring.doorbell() });
        let from_thread = ring.doorbell();
        if has_messages {
            assert_eq!(from_ring, Some(DoorbellKind::RingMessage));
            assert_eq!(from_thread, told.doorbell_from_threads);
        } else {
            assert_eq!(from_ring, Some(DoorbellKind::EventFd));
            assert_eq!(from_thread, Some(DoorbellKind::EventFd));
        }
        shut_down(&pool);
        assert_eq!(ring.doorbell(), None);
    }
}
