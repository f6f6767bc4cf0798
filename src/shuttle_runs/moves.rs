//! Tasks that move, are woken, awaited and cancelled, all at the same time.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use shuttle::future::block_on;
use shuttle::thread;

use super::rings::Rings;
use super::{below, try_schedules};
use crate::op::{self, SharedFd};
use crate::{Channel, Runtime, Task, spawn_on, switch_to, yield_now};

/// Counts on drop.
pub(super) struct Guard(pub(super) Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Goes to random rings for ever.
pub(super) async fn wander(runtimes: Vec<Runtime>) {
    loop {
        switch_to(&runtimes[below(runtimes.len())]).await.expect("the ring runs");
        yield_now().await;
    }
}

/// A wake that was sent to the ring that the task has left must be sent after it: another wake, of
/// what the task waits for by then, has found the node under way and has left the rest to it.
#[test]
fn a_task_that_moves_while_it_is_woken_from_two_sides_notices() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let (items, receiver) = Channel::bounded(1).split();
        let (wakers, strangers) = Channel::bounded(1).split();
        let runtimes = rings.runtimes.clone();
        let task = rings.runtimes[0].spawn(async move {
            let mut receive = Box::pin(receiver.recv());
            poll_fn(|cx| Poll::Ready(wakers.try_send(cx.waker().clone()))).await.expect("room");
            let polled = poll_fn(|cx| Poll::Ready(receive.as_mut().poll(cx))).await;
            for hop in 0..5 {
                switch_to(&runtimes[hop % 2]).await.expect("the ring runs");
            }
            match polled {
                Poll::Ready(item) => item,
                Poll::Pending => receive.await,
            }
        });
        let stranger = thread::spawn(move || {
            let waker = block_on(strangers.recv()).expect("a waker");
            (0..4).for_each(|_| waker.wake_by_ref());
        });
        let sender = thread::spawn(move || block_on(items.send(7)));
        assert_eq!(block_on(task).expect("it ends"), Ok(7));
        stranger.join().expect("it does not panic");
        sender.join().expect("it does not panic").expect("the channel is open");
        rings.stop();
    });
}

/// Cancels in one of the ways there are.
async fn cancel_somehow(task: Task<()>) {
    match below(3) {
        0 => drop(task),
        1 => drop(task.cancel()),
        _ => assert_eq!(task.cancel().await, None),
    }
}

#[test]
fn a_task_that_goes_to_and_fro_is_awaited_from_outside() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let [first, second] = [0, 1].map(|index| rings.runtimes[index].clone());
        let task = rings.any().spawn(async move {
            for _ in 0..3 {
                switch_to(&second).await.expect("the ring runs");
                switch_to(&first).await.expect("the ring runs");
            }
            7
        });
        assert_eq!(block_on(task).expect("it ends"), 7);
        rings.stop();
    });
}

#[test]
fn wandering_tasks_are_cancelled_by_plain_threads_and_by_tasks() {
    try_schedules(|| {
        let rings = Rings::new(3);
        let gone = Arc::new(AtomicUsize::new(0));
        let victims: Vec<_> = (0..4)
            .map(|_| {
                let (guard, runtimes) = (Guard(gone.clone()), rings.runtimes.clone());
                rings.any().spawn(async move {
                    let _guard = guard;
                    wander(runtimes).await;
                })
            })
            .collect();
        let mut threads = Vec::new();
        let mut tasks = Vec::new();
        for (number, victim) in victims.into_iter().enumerate() {
            if number % 2 == 0 {
                threads.push(thread::spawn(move || block_on(cancel_somehow(victim))));
            } else {
                tasks.push(rings.any().spawn(cancel_somehow(victim)));
            }
        }
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
        tasks.into_iter().for_each(|task| block_on(task).expect("it ends"));
        rings.stop();
        assert_eq!(gone.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn tasks_that_await_each_other_across_rings_are_cancelled_together() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let gone = Arc::new(AtomicUsize::new(0));
        let (outer, inner) = (Guard(gone.clone()), Guard(gone.clone()));
        let (there, runtimes) = (rings.runtimes[1].clone(), rings.runtimes.clone());
        let task = rings.runtimes[0].spawn(async move {
            let _guard = outer;
            let other = spawn_on(&there, async move {
                let _guard = inner;
                wander(runtimes).await;
            });
            let _ = other.await;
        });
        (0..below(8)).for_each(|_| thread::yield_now());
        block_on(cancel_somehow(task));
        rings.stop();
        assert_eq!(gone.load(Ordering::SeqCst), 2);
    });
}

/// Two rings that cancel each other's tasks do not wait for each other.
#[test]
fn two_rings_cancel_each_others_tasks() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let cancellers: Vec<_> = [(0, 1), (1, 0)]
            .into_iter()
            .map(|(from, to)| {
                let runtimes = rings.runtimes.clone();
                let there = rings.runtimes[to].clone();
                rings.runtimes[from].spawn(async move {
                    for _ in 0..2 {
                        let victim = spawn_on(&there, wander(runtimes.clone()));
                        (0..below(3)).for_each(|_| thread::yield_now());
                        cancel_somehow(victim).await;
                    }
                })
            })
            .collect();
        cancellers.into_iter().for_each(|task| block_on(task).expect("it ends"));
        rings.stop();
    });
}

/// Nobody writes, so a read ends only when it is told to; and its descriptor is closed by then.
#[test]
fn a_cancel_that_is_awaited_leaves_no_operation_of_a_task_that_moves() {
    try_schedules(|| {
        let rings = Rings::new(2);
        let (reader, writer) = io::pipe().expect("a pipe");
        let reader = SharedFd::from(OwnedFd::from(reader));
        let runtimes = rings.runtimes.clone();
        let task = rings.any().spawn(async move {
            let mut read = op::read(&reader, vec![0; 8]);
            drop(reader);
            loop {
                let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut read).poll(cx)));
                assert!(polled.await.is_pending(), "nobody writes");
                switch_to(&runtimes[below(2)]).await.expect("the ring runs");
            }
        });
        (0..below(20)).for_each(|_| thread::yield_now());
        assert_eq!(block_on(task.cancel()), None);
        assert_eq!(has_no_reader(&writer), Some(true));
        rings.stop();
    });
}

/// Whether all readers of a pipe are gone.
fn has_no_reader(mut writer: &io::PipeWriter) -> Option<bool> {
    use std::io::Write;

    match writer.write(&[1]) {
        Ok(_) => Some(false),
        Err(error) => (error.kind() == io::ErrorKind::BrokenPipe).then_some(true),
    }
}
