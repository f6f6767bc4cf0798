//! Scopes: which token counts where, and what `shield`, `until` and `checkpoint` do in them.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use crate::common::*;
use crate::support::*;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use ringpool::stop::{StopSource, StopToken, Stopped, checkpoint, shield, until, with_stop};
use ringpool::time::{sleep, timeout};
use ringpool::{Channel, Pool, spawn, switch_to, yield_now};

fn is_stopped() -> bool {
    StopToken::current().is_stop_requested()
}

#[test]
fn the_scope_is_there_while_its_future_is_polled_and_not_between() {
    let _limit = limit();
    let source = StopSource::new();
    source.stop();
    Pool::new(1).block_on(async {
        let mut inside = Box::pin(with_stop(source.token(), async {
            assert!(is_stopped());
            yield_now().await;
            assert!(is_stopped());
        }));
        assert!(!is_stopped());
        assert_eq!(poll_now(&mut inside).await, None);
        assert!(!is_stopped());
        inside.await;
        assert!(!is_stopped());
    });
}

#[test]
fn either_token_stops_the_inner_scope() {
    let pool = Pool::new(1);
    for stops_outer in [false, true] {
        let (outer, inner) = (StopSource::new(), StopSource::new());
        let (outer_token, inner_token) = (outer.token(), inner.token());
        pool.block_on(with_stop(outer_token, async {
            with_stop(inner_token, async {
                assert!(!is_stopped());
                if stops_outer {
                    outer.stop()
                } else {
                    inner.stop()
                };
                assert!(is_stopped());
            })
            .await;
            assert_eq!(is_stopped(), stops_outer);
        }));
    }
}

#[test]
fn a_scope_that_moves_into_another_one_is_stopped_by_that() {
    let (first, second, ours) = (StopSource::new(), StopSource::new(), StopSource::new());
    Pool::new(1).block_on(async {
        let mut inside = Box::pin(with_stop(ours.token(), async {
            loop {
                if is_stopped() {
                    break;
                }
                yield_now().await;
            }
        }));
        assert_eq!(poll_now(&mut Box::pin(with_stop(first.token(), &mut inside))).await, None);
        first.stop();
        assert_eq!(poll_now(&mut Box::pin(with_stop(second.token(), &mut inside))).await, None);
        second.stop();
        with_stop(second.token(), inside).await;
    });
    assert!(!ours.is_stop_requested());
}

#[test]
fn a_panic_in_a_scope_leaves_none_behind() {
    let source = StopSource::new();
    source.stop();
    Pool::new(1).block_on(async {
        let panics = with_stop(source.token(), async { panic_on_purpose("inside") });
        AssertUnwindSafe(panics).catch_unwind().await.unwrap_err();
        assert!(!is_stopped());
        let panics = shield(async { panic_on_purpose("inside") });
        let caught = with_stop(source.token(), async {
            AssertUnwindSafe(panics).catch_unwind().await.unwrap_err();
            is_stopped()
        });
        assert!(caught.await);
    });
}

#[test]
fn a_task_that_is_spawned_inside_is_in_no_scope() {
    let source = StopSource::new();
    source.stop();
    Pool::new(1).block_on(with_stop(source.token(), async {
        let token = StopToken::current();
        let task =
            spawn(async move { (is_stopped(), with_stop(token, async { is_stopped() }).await) });
        assert_eq!(task.await.unwrap(), (false, true));
    }));
}

#[test]
fn a_scope_goes_with_its_task_to_other_rings() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    let begins = Gate::new();
    let task = pool.spawn({
        let (there, token, begins) = (pool.runtime(1), source.token(), begins.clone());
        with_stop(token, async move {
            let mut here_first = read(&reader);
            begin(&mut here_first).await;
            switch_to(&there).await.unwrap();
            let mut there_second = read(&reader);
            begin(&mut there_second).await;
            begins.open();
            (here_first.await, there_second.await, here())
        })
    });
    begins.wait();
    source.stop();
    let (first, second, ring) = task.wait().unwrap();
    assert_eq!(given_back(first).capacity(), 77);
    assert_eq!(given_back(second).capacity(), 77);
    assert_eq!(ring, Some(1));
}

#[test]
fn each_future_of_a_set_hears_of_the_stop() {
    let _limit = limit();
    let (reader, _writer) = pipe();
    let source = StopSource::new();
    let token = source.token();
    Pool::new(1).block_on(with_stop(token, async {
        let mut all: FuturesUnordered<_> = (0..50).map(|_| read(&reader)).collect();
        let before = started();
        assert!(all.next().now_or_never().is_none());
        assert_eq!(started(), before + 50);
        yield_now().await;
        source.stop();
        let buffers: Vec<_> = all.map(given_back).collect().await;
        assert_eq!(buffers.len(), 50);
        assert!(buffers.iter().all(|buffer| buffer.capacity() == 77));
    }));
}

#[test]
fn an_operation_hears_of_the_scope_it_was_polled_in_last() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let (first, second) = (StopSource::new(), StopSource::new());
    Pool::new(1).block_on(async {
        let mut reading = read(&reader);
        begin(&mut with_stop(first.token(), &mut reading)).await;
        assert!(poll_now(&mut with_stop(second.token(), &mut reading)).await.is_none());
        first.stop();
        yield_now().await;
        assert!(poll_now(&mut with_stop(second.token(), &mut reading)).await.is_none());
        assert!(poll_now(&mut reading).await.is_none(), "and in none");
        second.stop();
        yield_now().await;
        assert!(poll_now(&mut reading).await.is_none());
        put(&mut writer, b"salt");
        assert_eq!(reading.await.unwrap().1, b"salt");
    });
}

#[test]
fn a_shield_hides_all_scopes_until_it_ends() {
    let _limit = limit();
    let (reader, mut writer) = pipe();
    let (outer, inner, own) = (StopSource::new(), StopSource::new(), StopSource::new());
    let both = with_stop(
        outer.token(),
        with_stop(inner.token(), async {
            let mut shielded = shield(read(&reader));
            begin(&mut shielded).await;
            outer.stop();
            inner.stop();
            yield_now().await;
            assert!(poll_now(&mut shielded).await.is_none());
            put(&mut writer, b"pepper");
            assert_eq!(shielded.await.unwrap().1, b"pepper");
            shield(async {
                assert!(!is_stopped());
                with_stop(own.token(), async { assert!(!is_stopped()) }).await;
            })
            .await;
            given_back(read(&reader).await);
        }),
    );
    Pool::new(1).block_on(both);
}

#[test]
fn a_stop_ends_every_kind_of_wait_that_is_told_to_by_until() {
    let _limit = limit();
    let pool = Pool::new(2);
    let channel = Channel::<u32>::bounded(1);
    let full = Channel::bounded(1);
    full.try_send(0).unwrap();
    let never = pool.runtime(1).spawn(never());
    let source = StopSource::new();
    let token = source.token();
    pool.block_on(with_stop(token, async {
        let ends = spawn(async move {
            yield_now().await;
            source.stop();
        });
        let waits = futures::join!(
            until(channel.recv()),
            until(full.send(1)),
            until(sleep(Duration::from_secs(1000))),
            until(never),
            until(std::future::pending::<()>()),
        );
        assert_eq!(waits.0, Err(Stopped::default()));
        assert!(waits.1.is_err() && waits.2.is_err() && waits.3.is_err() && waits.4.is_err());
        ends.await.unwrap();
    }));
    assert_eq!(full.try_recv(), Ok(0));
    assert!(full.try_recv().is_err(), "what was not sent is not there");
}

#[test]
fn what_is_ready_comes_before_a_stop() {
    let source = StopSource::new();
    source.stop();
    let channel = Channel::bounded(10);
    (0..10).for_each(|item| channel.try_send(item).unwrap());
    Pool::new(1).block_on(with_stop(source.token(), async {
        let mut items = Vec::new();
        while let Ok(item) = until(channel.recv()).await {
            items.push(item.unwrap());
        }
        assert_eq!(items, Vec::from_iter(0..10));
    }));
}

#[test]
fn a_token_ends_a_wait_without_a_scope_and_without_a_pool() {
    let _limit = limit();
    let source = StopSource::new();
    let token = source.token();
    assert_eq!(futures::executor::block_on(token.until(async { 7 })), Ok(7));
    let thread = std::thread::spawn(move || {
        futures::executor::block_on(token.until(std::future::pending::<()>()))
    });
    source.stop();
    assert_eq!(thread.join().unwrap(), Err(Stopped::default()));
    assert_eq!(futures::executor::block_on(until(async { 8 })), Ok(8));
}

#[test]
fn an_until_that_is_dropped_is_not_woken() {
    let source = StopSource::new();
    let (waker, wakes, dropped) = counting_waker();
    let mut waiting = Box::pin(with_stop(source.token(), until(std::future::pending::<()>())));
    assert!(poll_once(&mut waiting, &waker).is_pending());
    drop(waiting);
    drop(waker);
    source.stop();
    assert_eq!((wakes.get(), dropped.get()), (0, 1));
}

#[test]
fn a_checkpoint_tells_of_the_stop_and_lets_others_run() {
    let _limit = limit();
    let source = StopSource::new();
    let token = source.token();
    Pool::new(1).block_on(async {
        let other = spawn(async move {
            source.stop();
        });
        let computed = with_stop(token, async {
            while checkpoint().await.is_ok() {}
            checkpoint().await
        });
        assert_eq!(computed.await, Err(Stopped::default()));
        other.await.unwrap();
        assert_eq!(checkpoint().await, Ok(()), "in no scope");
    });
}

#[test]
fn a_timeout_inside_a_scope_goes_on_as_it_did() {
    let source = StopSource::new();
    source.stop();
    Pool::new(1).block_on(with_stop(source.token(), async {
        assert!(timeout(Duration::from_millis(1), never()).await.is_err());
    }));
}
