//! Groups and races whose children move, while they or their parents are cancelled.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;

use super::moves::{Guard, wander};
use super::rings::Rings;
use super::{below, try_schedules};
use crate::future::{OneOf2, race};
use crate::op::{self, SharedFd};
use crate::task::{TaskGroup, scope};
use crate::{Channel, switch_to};

#[test]
fn a_group_has_the_outcome_of_every_child() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let runtimes = rings.runtimes.clone();
        let parent = rings.any().spawn(async move {
            let group = TaskGroup::new();
            for number in 0..4_usize {
                let there = runtimes[below(2)].clone();
                group.spawn_on(&runtimes[number % 2], async move {
                    switch_to(&there).await.expect("the ring runs");
                    number
                });
            }
            let mut sum = 0;
            while let Some(outcome) = group.next().await {
                sum += outcome.expect("it ends");
            }
            sum
        });
        assert_eq!(block_on(parent).expect("it ends"), 6);
        rings.stop();
    });
}

#[test]
fn who_awaits_the_cancel_of_a_parent_finds_no_child_alive() {
    try_schedules(|| {
        let rings = Rings::new(3);
        let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (runtimes, begins, goes) = (rings.runtimes.clone(), begun.clone(), gone.clone());
        let in_a_scope = below(2) == 0;
        let parent = rings.any().spawn(async move {
            let group = TaskGroup::new();
            let child = || {
                begins.fetch_add(1, Ordering::SeqCst);
                let (guard, runtimes) = (Guard(goes.clone()), runtimes.clone());
                async move {
                    let _guard = guard;
                    wander(runtimes).await;
                }
            };
            if in_a_scope {
                scope(async |scope| {
                    let children = [0, 1].map(|number| scope.spawn_on(&runtimes[number], child()));
                    for child in children {
                        let _ = child.await;
                    }
                })
                .await;
            } else {
                for runtime in &runtimes {
                    group.spawn_on(runtime, child());
                }
                group.wait_all().await;
            }
        });
        (0..below(12)).for_each(|_| thread::yield_now());
        block_on(parent.cancel());
        assert_eq!(gone.load(Ordering::SeqCst), begun.load(Ordering::SeqCst));
        rings.stop();
    });
}

/// The loser of a race is back from the kernel when the race is over, and takes no item with it.
#[test]
fn a_race_takes_one_item_or_its_loser_is_back() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let (items, receiver) = Channel::bounded(2).split();
        let (reader, _writer) = io::pipe().expect("a pipe");
        let reader = SharedFd::from(OwnedFd::from(reader));
        let there = rings.any().clone();
        let racer = rings.any().spawn(async move {
            let read = op::read(&reader, vec![0; 8]);
            switch_to(&there).await.expect("the ring runs");
            let OneOf2::First(item) = race((receiver.recv(), read)).await else {
                panic!("nobody writes");
            };
            reader.try_into_owned().expect("the operation has given it back");
            (item, receiver)
        });
        let sender = rings.any().spawn(async move {
            items.send(1).await.expect("there is room");
            items.send(2).await.expect("there is room");
        });
        block_on(sender).expect("it ends");
        let (item, receiver) = block_on(racer).expect("it ends");
        assert_eq!((item, receiver.try_recv()), (Ok(1), Ok(2)));
        rings.stop();
    });
}
