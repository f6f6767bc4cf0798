//! Futexes, beside and against `futex(2)`.

use std::io::{ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ringpool::op;
use ringpool::{Pool, spawn, spawn_blocking};

use crate::common::{Count, CountsDrop, limit, until};
use crate::same::{called, errno_of, is_missing};
use crate::support::begin;

/// Wakes waiters as a thread that knows nothing of rings does.
fn wake_by_call(word: &AtomicU32, count: u32) -> u64 {
    // SAFETY: the word is there during the call.
    let woken = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    called(woken).unwrap()
}

/// Whether this kernel has no futex operations.
async fn are_missing(test: &str) -> bool {
    let woken: Result<u32> = op::futex_wake(Arc::new(AtomicU32::new(0)), 1).await;
    is_missing(&woken, test, "6.7")
}

#[test]
fn a_wait_ends_when_a_thread_wakes_it() {
    let _limit = limit();
    let word = Arc::new(AtomicU32::new(0));
    Pool::new(1).block_on(async {
        if are_missing("a_wait_ends_when_a_thread_wakes_it").await {
            return;
        }
        let mut wait = op::futex_wait(word.clone(), 0);
        begin(&mut wait).await;
        let waker = word.clone();
        let woken = spawn_blocking(move || {
            waker.store(1, Ordering::Release);
            until(|| wake_by_call(&waker, 1) == 1);
        });
        wait.await.unwrap();
        woken.await.unwrap();
        assert_eq!(word.load(Ordering::Acquire), 1);
    });
}

#[test]
fn a_thread_that_waits_is_woken_by_the_operation() {
    let _limit = limit();
    static WORD: AtomicU32 = AtomicU32::new(0);
    Pool::new(1).block_on(async {
        if are_missing("a_thread_that_waits_is_woken_by_the_operation").await {
            return;
        }
        let waiter = std::thread::spawn(|| {
            while WORD.load(Ordering::Acquire) == 0 {
                let (word, none) = (WORD.as_ptr(), std::ptr::null::<libc::timespec>());
                // SAFETY: the word is there during the call.
                unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, 0, none) };
            }
        });
        WORD.store(1, Ordering::Release);
        while !waiter.is_finished() {
            op::futex_wake(&WORD, 1).await.unwrap();
            ringpool::yield_now().await;
        }
        waiter.join().unwrap();
    });
}

#[test]
fn a_word_with_another_value_is_not_waited_for() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if are_missing("a_word_with_another_value_is_not_waited_for").await {
            return;
        }
        let word = Arc::new(AtomicU32::new(5));
        let error = op::futex_wait(word.clone(), 4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let error = op::futex_waitv(vec![(word.clone(), 5), (word, 4)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_wake_counts_whom_it_wakes_and_goes_by_the_mask() {
    let _limit = limit();
    let word = Arc::new(AtomicU32::new(0));
    Pool::new(1).block_on(async {
        if are_missing("a_wake_counts_whom_it_wakes_and_goes_by_the_mask").await {
            return;
        }
        let waiters = [1, 2, 2, 4].map(|mask| op::futex_wait(word.clone(), 0).mask(mask));
        let mut waiters = waiters.map(Some);
        for waiter in waiters.iter_mut().flatten() {
            begin(waiter).await;
        }
        let wake = |count, mask| op::futex_wake(word.clone(), count).mask(mask);
        assert_eq!(wake(9, 8).await.unwrap(), 0);
        assert_eq!(wake(0, 7).await.unwrap(), 0);
        assert_eq!(wake(9, 2).await.unwrap(), 2);
        for woken in [1, 2] {
            waiters[woken].take().unwrap().await.unwrap();
        }
        assert_eq!(wake(1, 5).await.unwrap(), 1, "no more than asked for");
        assert_eq!(wake(u32::MAX, u32::MAX).await.unwrap(), 1);
        for waiter in waiters.into_iter().flatten() {
            waiter.await.unwrap();
        }
        assert_eq!(errno_of(wake(1, 0).await), libc::EINVAL, "a mask without bits");
    });
}

#[test]
fn a_wait_for_several_words_says_which_was_woken() {
    let _limit = limit();
    Pool::new(1).block_on(async {
        if are_missing("a_wait_for_several_words_says_which_was_woken").await {
            return;
        }
        let words: Vec<_> = (0..128).map(|value| Arc::new(AtomicU32::new(value))).collect();
        for woken in [0, 77, 127] {
            let all = words.iter().cloned().zip(0..).collect();
            let mut wait = op::futex_waitv(all);
            begin(&mut wait).await;
            assert_eq!(op::futex_wake(words[woken].clone(), 1).await.unwrap(), 1);
            assert_eq!(wait.await.unwrap(), woken);
        }
    });
}

#[test]
fn no_words_and_too_many_are_refused() {
    let _limit = limit();
    let pool = Pool::new(1);
    for count in [0, 129] {
        let words = (0..count).map(|_| (Arc::new(AtomicU32::new(0)), 0)).collect();
        let error = pool.block_on(op::futex_waitv::<Arc<AtomicU32>>(words)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("not {count}")), "{error}");
    }
}

/// A word that counts when it goes.
struct Counted(Box<AtomicU32>, #[expect(dead_code, reason = "counts its drop")] CountsDrop);

// SAFETY: the word is in a box.
unsafe impl op::Futex for Counted {
    fn word(&self) -> &AtomicU32 {
        &self.0
    }
}

#[test]
fn a_word_stays_until_the_kernel_has_let_go_of_it() {
    let _limit = limit();
    let gone = Count::new();
    let word = || Counted(Box::new(AtomicU32::new(0)), gone.on_drop());
    Pool::new(1).block_on(async {
        if are_missing("a_word_stays_until_the_kernel_has_let_go_of_it").await {
            return;
        }
        let mut cancelled = op::futex_wait(word(), 0);
        begin(&mut cancelled).await;
        let mut dropped = op::futex_wait(word(), 0);
        begin(&mut dropped).await;
        let mut several = op::futex_waitv(vec![(word(), 0), (word(), 0)]);
        begin(&mut several).await;
        assert_eq!(gone.get(), 0);
        assert_eq!(errno_of(cancelled.cancel().await), libc::ECANCELED);
        assert_eq!(gone.get(), 1);
        drop(dropped);
        drop(several);
        while gone.get() < 4 {
            ringpool::yield_now().await;
        }
    });
}

#[test]
fn tasks_on_two_rings_pass_a_word_back_and_forth() {
    let _limit = limit();
    let pool = Pool::new(2);
    let word = Arc::new(AtomicU32::new(0));
    let rounds = 1000;
    pool.block_on(async {
        if are_missing("tasks_on_two_rings_pass_a_word_back_and_forth").await {
            return;
        }
        let player = |word: Arc<AtomicU32>, own: u32| async move {
            for round in 0..rounds {
                let turn = round * 2 + own;
                loop {
                    let now = word.load(Ordering::Acquire);
                    if now == turn {
                        break;
                    }
                    match op::futex_wait(word.clone(), now).await {
                        Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
                        _ => {}
                    }
                }
                word.store(turn + 1, Ordering::Release);
                op::futex_wake(word.clone(), 1).await.unwrap();
            }
        };
        let there = ringpool::spawn_on(&pool.runtime(1), player(word.clone(), 1));
        let here = spawn(player(word.clone(), 0));
        here.await.unwrap();
        there.await.unwrap();
        assert_eq!(word.load(Ordering::Acquire), rounds * 2);
    });
}
