//! Tasks that rings give to each other, while they are woken, awaited and cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;

use super::moves::Guard;
use super::rings::Rings;
use super::{below, try_schedules};
use crate::{Balance, Channel, spawn, yield_now};

/// Rings that keep one task each.
fn rings(count: usize) -> Rings {
    Rings::with_balance(count, Balance::Shed)
}

/// Lets other tasks run for ever, and other threads: a schedule need not be fair by itself.
async fn rest_never() {
    loop {
        thread::yield_now();
        yield_now().await;
    }
}

#[test]
fn tasks_born_on_one_ring_all_end_and_end_once() {
    try_schedules(|| {
        let rings = rings(3);
        let ends = Arc::new(AtomicUsize::new(0));
        let task = rings.runtimes[0].spawn({
            let ends = ends.clone();
            async move {
                let children: Vec<_> = (0..5)
                    .map(|turns| {
                        let guard = Guard(ends.clone());
                        spawn(async move {
                            let _guard = guard;
                            for _ in 0..turns % 3 {
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                for child in children {
                    child.await.expect("it ends");
                }
            }
        });
        block_on(task).expect("it ends");
        assert_eq!(ends.load(Ordering::SeqCst), 5);
        rings.stop();
    });
}

/// The wakes of the channel meet tasks that lie on a shelf, and such as have just been taken.
#[test]
fn tasks_that_are_given_away_are_woken_by_each_other_and_from_outside() {
    try_schedules(|| {
        let rings = rings(2);
        let (from_outside, outside) = Channel::bounded(1).split();
        let task = rings.runtimes[0].spawn(async move {
            let (to, from) = Channel::bounded(1).split();
            let children = [
                spawn(async move {
                    while let Ok(item) = outside.recv().await {
                        to.send(item).await.expect("the channel is open");
                    }
                    0
                }),
                spawn(async move {
                    let mut sum = 0;
                    while let Ok(item) = from.recv().await {
                        sum += item;
                        yield_now().await;
                    }
                    sum
                }),
                spawn(async {
                    yield_now().await;
                    0
                }),
            ];
            let mut sum = 0;
            for child in children {
                sum += child.await.expect("it ends");
            }
            sum
        });
        let sender = thread::spawn(move || {
            (1..=4).for_each(|item| block_on(from_outside.send(item)).expect("it is open"));
        });
        assert_eq!(block_on(task).expect("it ends"), 10);
        sender.join().expect("it does not panic");
        rings.stop();
    });
}

#[test]
fn tasks_that_are_given_away_are_cancelled_from_inside_and_outside() {
    try_schedules(|| {
        let rings = rings(2);
        let gone = Arc::new(AtomicUsize::new(0));
        let (to, from) = Channel::bounded(4).split();
        let task = rings.runtimes[0].spawn({
            let gone = gone.clone();
            async move {
                for number in 0..4 {
                    let guard = Guard(gone.clone());
                    let victim = spawn(async move {
                        let _guard = guard;
                        rest_never().await;
                    });
                    if number % 2 == 0 {
                        to.send(victim).await.expect("the channel is open");
                    } else {
                        (0..below(3)).for_each(|_| thread::yield_now());
                        drop(victim);
                    }
                }
            }
        });
        for _ in 0..2 {
            let victim = block_on(from.recv()).expect("a victim");
            assert_eq!(block_on(victim.cancel()), None);
        }
        block_on(task).expect("it ends");
        rings.stop();
        assert_eq!(gone.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn rings_stop_while_tasks_lie_on_their_shelves() {
    try_schedules(|| {
        let rings = rings(3);
        let gone = Arc::new(AtomicUsize::new(0));
        let begin = rings.runtimes[0].spawn({
            let gone = gone.clone();
            async move {
                for _ in 0..5 {
                    let guard = Guard(gone.clone());
                    let restless = async move {
                        let _guard = guard;
                        rest_never().await;
                    };
                    spawn(restless).detach();
                }
            }
        });
        block_on(begin).expect("it ends");
        (0..below(30)).for_each(|_| thread::yield_now());
        rings.stop();
        assert_eq!(gone.load(Ordering::SeqCst), 5);
    });
}
