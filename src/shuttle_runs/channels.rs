//! Channels between tasks that move and are cancelled while they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;

use super::rings::Rings;
use super::{below, try_schedules};
use crate::{Channel, switch_to};

/// What was accepted for certain, and what came out.
#[derive(Default)]
struct Book {
    accepted: AtomicUsize,
    received: AtomicUsize,
}

#[test]
fn items_are_not_lost_by_senders_and_receivers_that_are_cancelled() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let channel = Channel::bounded(below(3));
        let book = Arc::new(Book::default());
        let mut tasks = Vec::new();
        for number in 0..3_usize {
            let (sender, book) = (channel.clone(), book.clone());
            tasks.push(rings.any().spawn(async move {
                for item in 0..2 {
                    let bit = 1 << (number * 2 + item);
                    sender.send(bit).await.expect("the channel is open");
                    book.accepted.fetch_or(bit, Ordering::SeqCst);
                }
            }));
        }
        for _ in 0..2 {
            let (receiver, book) = (channel.clone(), book.clone());
            let there = rings.any().clone();
            tasks.push(rings.any().spawn(async move {
                while let Ok(bit) = receiver.recv().await {
                    let before = book.received.fetch_or(bit, Ordering::SeqCst);
                    assert_eq!(before & bit, 0, "an item came twice");
                    switch_to(&there).await.expect("the ring runs");
                }
            }));
        }
        for task in tasks {
            (0..below(6)).for_each(|_| thread::yield_now());
            block_on(task.cancel());
        }
        while let Ok(bit) = channel.try_recv() {
            book.received.fetch_or(bit, Ordering::SeqCst);
        }
        let received = book.received.load(Ordering::SeqCst);
        assert_eq!(book.accepted.load(Ordering::SeqCst) & !received, 0, "items are lost");
        rings.stop();
    });
}

#[test]
fn a_close_ends_all_waits_of_tasks_that_move() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let channel = Channel::<u8>::bounded(1);
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let (channel, there) = (channel.clone(), rings.any().clone());
                rings.any().spawn(async move {
                    switch_to(&there).await.expect("the ring runs");
                    if number == 0 {
                        // Not for ever: some schedules never let go of a thread that is busy.
                        for _ in 0..10 {
                            let _ = channel.send(1).await;
                        }
                    } else {
                        while channel.recv().await.is_ok() {}
                    }
                })
            })
            .collect();
        (0..below(10)).for_each(|_| thread::yield_now());
        channel.close();
        tasks.into_iter().for_each(|task| block_on(task).expect("it ends"));
        rings.stop();
    });
}
