//! `finally`: the clean-up runs, whatever becomes of the code before it.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::task::Waker;
use std::time::Duration;

use crate::common::*;
use crate::support::*;
use futures::FutureExt;
use ringpool::future::OneOf2;
use ringpool::stop::{StopSource, StopToken, finally, with_stop, with_timeout};
use ringpool::time::sleep;
use ringpool::{Pool, spawn, spawn_local, switch_to, yield_now};

/// A clean-up that awaits, also an operation, and then counts.
fn cleanup(done: &Count) -> impl Future<Output = ()> + Send + use<> {
    let done = done.clone();
    async move {
        yield_now().await;
        sleep(Duration::from_millis(1)).await;
        ringpool::op::nop().await.expect("in no scope that is stopped");
        assert!(!StopToken::current().is_stop_requested());
        done.add();
    }
}

#[test]
fn after_a_value_and_after_an_error() {
    let _limit = limit();
    let done = Count::new();
    Pool::new(1).block_on(async {
        assert_eq!(finally(async { 7 }, cleanup(&done)).await, 7);
        assert_eq!(done.get(), 1);
        let failed = async {
            yield_now().await;
            Err::<(), _>("error")
        };
        assert_eq!(finally(failed, cleanup(&done)).await, Err("error"));
        assert_eq!(done.get(), 2);
    });
}

#[test]
fn the_code_is_dropped_before_the_cleanup_begins() {
    let _limit = limit();
    let dropped = Count::new();
    let (held, seen) = (dropped.on_drop(), dropped.clone());
    Pool::new(1).block_on(finally(
        async move {
            let _held = held;
            yield_now().await;
        },
        async move { assert_eq!(seen.get(), 1) },
    ));
}

#[test]
fn after_a_panic_which_goes_on() {
    let _limit = limit();
    silence_panics_on_purpose();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let panics = async {
            yield_now().await;
            panic_on_purpose("the code")
        };
        let caught = AssertUnwindSafe(finally(panics, cleanup(&done))).catch_unwind().await;
        assert_eq!(text_of(&*caught.unwrap_err()), "the code");
        assert_eq!(done.get(), 1);
        let both =
            finally(async { panic_on_purpose("first") }, async { panic_on_purpose("second") });
        let caught = AssertUnwindSafe(both).catch_unwind().await;
        assert_eq!(text_of(&*caught.unwrap_err()), "second");
    });
}

#[test]
fn a_panic_of_a_destructor_is_one_of_the_code() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic_on_purpose("a destructor");
        }
    }
    let _limit = limit();
    silence_panics_on_purpose();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let held = Panics;
        let panics = std::future::poll_fn(move |_| {
            let _held = &held;
            std::task::Poll::Ready(())
        });
        let caught = AssertUnwindSafe(finally(panics, cleanup(&done))).catch_unwind().await;
        assert_eq!(text_of(&*caught.unwrap_err()), "a destructor");
        assert_eq!(done.get(), 1);
        let held = Panics;
        let mut dropped = Box::pin(finally(
            async move {
                let _held = held;
                never().await;
            },
            cleanup(&done),
        ));
        assert!(poll_now(&mut dropped).await.is_none());
        assert_eq!(panic_of(|| drop(dropped)), "a destructor");
        while done.get() < 2 {
            yield_now().await;
        }
    });
}

#[test]
fn who_cancels_a_task_finds_its_cleanup_done() {
    let _limit = limit();
    let done = Count::new();
    let pool = Pool::new(2);
    pool.block_on(async {
        for ring in 0..2 {
            let (reader, _writer) = pipe();
            let done = done.clone();
            let begun = Count::new();
            let begins = begun.clone();
            let work = async move {
                finally(
                    async move {
                        begins.add();
                        read(&reader).await.unwrap();
                    },
                    cleanup(&done),
                )
                .await;
            };
            let task = pool.runtime(ring).spawn(work);
            while begun.get() == 0 {
                yield_now().await;
            }
            assert!(task.cancel().await.is_none());
            assert!(begun.get() == 1);
        }
    });
    assert_eq!(done.get(), 2);
}

#[test]
fn who_cancels_a_task_in_the_middle_of_its_cleanup_waits_for_the_rest() {
    let _limit = limit();
    let (done, begun) = (Count::new(), Count::new());
    Pool::new(1).block_on(async {
        let cleanup = {
            let (done, begun) = (done.clone(), begun.clone());
            async move {
                begun.add();
                sleep(Duration::from_millis(10)).await;
                done.add();
            }
        };
        let task = spawn(finally(async { 7 }, cleanup));
        while begun.get() == 0 {
            yield_now().await;
        }
        assert!(task.cancel().await.is_none(), "what the code gave is gone with it");
        assert_eq!((done.get(), begun.get()), (1, 1));
    });
}

#[test]
fn cleanups_inside_each_other_all_run() {
    let _limit = limit();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let inner = finally(never(), cleanup(&done));
        let task = spawn(finally(finally(inner, cleanup(&done)), cleanup(&done)));
        yield_now().await;
        task.cancel().await;
        assert_eq!(done.get(), 3);
    });
}

#[test]
fn one_that_a_task_drops_runs_beside_it_and_is_awaited_by_who_cancels_it() {
    let _limit = limit();
    let done = Count::new();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let left = Count::new();
        let task = spawn({
            let (left, done) = (left.clone(), done.clone());
            async move {
                let mut dropped = Box::pin(finally(never(), async move {
                    sleep(Duration::from_millis(20)).await;
                    done.add();
                }));
                assert!(poll_now(&mut dropped).await.is_none());
                drop(dropped);
                switch_to(&there).await.unwrap();
                left.add();
                never().await;
            }
        });
        while left.get() == 0 {
            yield_now().await;
        }
        task.cancel().await;
        assert_eq!(done.get(), 1, "also from another ring");
    });
}

#[test]
fn a_cleanup_is_shielded_from_the_stop_that_ended_the_code() {
    let _limit = limit();
    let done = Count::new();
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    Pool::new(1).block_on(async {
        let code = async {
            let mut reading = read(&reader);
            begin(&mut reading).await;
            source.stop();
            given_back(reading.await)
        };
        let buffer = with_stop(source.token(), finally(code, cleanup(&done))).await;
        assert_eq!((buffer.capacity(), done.get()), (77, 1));
        let limited =
            with_timeout(Duration::from_millis(1), finally(read(&reader), cleanup(&done))).await;
        given_back(limited.output);
        assert!(limited.is_late && done.get() == 2);
    });
}

#[test]
fn a_task_that_is_cancelled_in_a_panic_reports_it_after_the_cleanup() {
    let _limit = limit();
    silence_panics_on_purpose();
    let done = Count::new();
    let pool = Pool::new(1);
    pool.block_on(async {
        let task = spawn(finally(async { panic_on_purpose("the code") }, cleanup(&done)));
        yield_now().await;
        task.cancel().await;
        assert_eq!(done.get(), 1);
    });
    shut_down(&pool);
}

#[test]
fn one_that_was_never_polled_does_nothing() {
    let done = Count::new();
    let pool = Pool::new(1);
    pool.block_on(async {
        drop(finally(never(), cleanup(&done)));
        let task = spawn(finally(async {}, cleanup(&done)));
        task.cancel().await;
    });
    assert_eq!(done.get(), 0);
}

#[test]
fn without_a_ring_the_cleanup_is_dropped() {
    let _limit = limit();
    let dropped = Count::new();
    let held = dropped.on_drop();
    let mut outside = Box::pin(finally(pending::<()>(), async move {
        let _held = held;
        unreachable!("there is no ring to run it on")
    }));
    assert!(poll_once(&mut outside, Waker::noop()).is_pending());
    drop(outside);
    assert_eq!(dropped.get(), 1);
    let done = futures::executor::block_on(finally(async { 7 }, async {}));
    assert_eq!(done, 7, "but any executor polls it");
}

#[test]
fn on_a_ring_that_stops_the_cleanup_is_dropped() {
    let _limit = limit();
    let dropped = Count::new();
    let begun = Count::new();
    let pool = Pool::new(1);
    let (held, begins) = (dropped.on_drop(), begun.clone());
    pool.runtime(0)
        .spawn(finally(
            async move {
                begins.add();
                never().await;
            },
            async move {
                let _held = held;
                never().await;
            },
        ))
        .detach();
    begun.reaches(1);
    shut_down(&pool);
    drop(pool);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn what_is_not_send_cleans_up_as_well() {
    let _limit = limit();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let runs = {
            let done = done.clone();
            move || {
                let done = std::rc::Rc::new(done);
                let cleaning = spawn_local(finally(never(), async move {
                    yield_now().await;
                    done.add();
                }));
                // A local task stays, and so does its handle.
                spawn_local(async move {
                    yield_now().await;
                    cleaning.cancel().await;
                })
                .detach();
            }
        };
        runs();
        while done.get() == 0 {
            yield_now().await;
        }
    });
}

#[test]
fn a_race_waits_for_the_cleanup_of_who_lost() {
    let _limit = limit();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let loses = finally(never(), cleanup(&done));
        let wins = async {
            yield_now().await;
            7
        };
        let loses = async {
            loses.await;
            8
        };
        assert_eq!(ringpool::future::race((wins, loses)).await, OneOf2::First(7));
        assert_eq!(done.get(), 1);
    });
}

struct PanicsWhenDropped(&'static str);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic_on_purpose(self.0);
    }
}

#[test]
fn a_cleanup_goes_on_although_the_output_panics_when_it_is_dropped() {
    let _limit = limit();
    silence_panics_on_purpose();
    let done = Count::new();
    Pool::new(1).block_on(async {
        let ended = async { PanicsWhenDropped("an output") };
        let mut cleaning = Box::pin(finally(ended, cleanup(&done)));
        assert!(poll_now(&mut cleaning).await.is_none());
        assert_eq!(panic_of(|| drop(cleaning)), "an output");
        while done.get() < 1 {
            yield_now().await;
        }
    });
}

#[test]
fn destructors_that_panic_behind_a_panic_are_no_reason_to_abort() {
    let _limit = limit();
    silence_panics_on_purpose();
    Pool::new(1).block_on(async {
        let caught_of = |ends: fn() -> std::task::Poll<()>| async move {
            let held = PanicsWhenDropped("a clean-up's destructor");
            let cleanup = std::future::poll_fn(move |_| {
                let _held = &held;
                ends()
            });
            let code = async {
                yield_now().await;
                panic_on_purpose("the code")
            };
            let caught = AssertUnwindSafe(finally(code, cleanup)).catch_unwind().await;
            text_of(&*caught.unwrap_err()).to_owned()
        };
        let is_over = || std::task::Poll::Ready(());
        assert_eq!(caught_of(is_over).await, "a clean-up's destructor");
        let panics = || panic_on_purpose("a clean-up");
        assert_eq!(caught_of(panics).await, "a clean-up's destructor");
    });
}

#[test]
fn who_cancels_a_task_waits_for_what_its_cleanup_has_left_in_the_kernel() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    Pool::new(1).block_on(async {
        for _ in 0..20 {
            let reader = reader.clone();
            let task = spawn(finally(std::future::pending::<()>(), async move {
                let mut reading = read(&reader);
                begin(&mut reading).await;
            }));
            yield_now().await;
            task.cancel().await;
            let metrics = ringpool::current().expect("in a task").metrics();
            assert_eq!(metrics.operations_started, metrics.operations_completed);
        }
    });
}
