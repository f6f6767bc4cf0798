//! Branches that wait for locks, permits and notifications, and for tasks and groups.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use ringpool::channel::oneshot;
use ringpool::future::{OneOf2, join, race, select, select_all};
use ringpool::sync::{Event, Mutex, Notify, Semaphore};
use ringpool::task::TaskGroup;
use ringpool::{Channel, Pool, op, spawn_blocking, spawn_on, time};

use crate::common::*;
use crate::support::*;

/// Waits in a select behind a gate; then `grant` gives the branch what it waits for, and the gate,
/// which comes before it, opens. Says that the gate has won.
fn lose_what_was_granted<F: Future>(waiting: F, grant: impl FnOnce()) {
    let gate = Gate::new();
    let mut selecting = Box::pin(select((gate.pass(), waiting)));
    assert!(poll_once(&mut selecting, Waker::noop()).is_pending());
    grant();
    gate.open();
    let Poll::Ready(OneOf2::First(())) = poll_once(&mut selecting, Waker::noop()) else {
        panic!("the gate comes before");
    };
}

#[test]
fn a_lock_that_was_handed_to_a_branch_that_loses_comes_free_again() {
    let _limit = limit();
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    lose_what_was_granted(mutex.lock(), || drop(guard));
    assert_eq!(*mutex.try_lock().unwrap(), 1);
}

#[test]
fn permits_that_were_handed_to_a_branch_that_loses_are_there_again() {
    let _limit = limit();
    let semaphore = Semaphore::new(0);
    lose_what_was_granted(semaphore.acquire_many(3), || semaphore.add_permits(3));
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn a_notification_that_a_branch_loses_is_for_the_next() {
    let _limit = limit();
    let notify = Notify::new();
    lose_what_was_granted(notify.notified(), || notify.notify_one());
    assert!(notify.try_notified());
    let event = Event::auto();
    lose_what_was_granted(event.wait(), || event.set());
    assert!(event.try_wait());
}

#[test]
fn a_place_in_a_channel_and_a_single_value_are_not_lost() {
    let _limit = limit();
    let (sender, receiver) = Channel::bounded(1).split();
    sender.try_send(1).unwrap();
    lose_what_was_granted(sender.reserve(), || assert_eq!(receiver.try_recv(), Ok(1)));
    sender.try_send(2).unwrap();
    assert_eq!(receiver.try_recv(), Ok(2));
    let (sender, mut receiver) = oneshot::channel();
    lose_what_was_granted(&mut receiver, || sender.send('x').unwrap());
    assert_eq!(receiver.try_recv(), Ok('x'));
}

#[test]
fn primitives_of_all_kinds_take_part_in_one_select() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let (mutex, semaphore, notify) = (Mutex::new(()), Semaphore::new(0), Notify::new());
        let guard = mutex.lock().await;
        let asleep = time::sleep(LONG);
        let mut forever = spawn_on(&pool.runtime(1), never());
        let notifying = async {
            after(3, ()).await;
            notify.notify_one();
        };
        let selecting = select((
            mutex.lock(),
            semaphore.acquire(),
            &mut forever,
            asleep,
            op::timeout(LONG),
            notify.notified(),
        ));
        let (selected, ()) = join((selecting, notifying)).await;
        assert_eq!(selected.index(), 5);
        drop(selected);
        drop(guard);
        assert!(mutex.try_lock().is_ok());
        assert!(forever.cancel().await.is_none());
    });
    comes_to_rest(&pool);
}

#[test]
fn a_race_waits_for_the_tasks_of_a_group_that_a_loser_dropped() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        for turn in 0..rounds(100) {
            let (quiet, dropped) = (Quiet::new(), Count::new());
            let begun = Gate::new();
            let loser = async {
                let group = TaskGroup::new();
                for ring in pool.runtimes() {
                    let (guard, reading) = (dropped.on_drop(), quiet.reading());
                    let begun = begun.clone();
                    group.spawn_on(ring, async move {
                        let _guard = guard;
                        begun.open();
                        reading.await;
                    });
                }
                never().await;
            };
            let winner = async {
                begun.pass().await;
                after(turn % 3, ()).await;
            };
            assert_eq!(race((loser, winner)).await, OneOf2::Second(()));
            assert_eq!(dropped.get(), 2);
            quiet.comes_free();
        }
    });
}

#[test]
fn a_race_with_a_lent_task_loses_nothing_of_it() {
    let _limit = limit();
    let pool = Pool::new(2);
    pool.block_on(async {
        let gate = Gate::new();
        let passing = gate.clone();
        let mut task = spawn_on(&pool.runtime(1), async move {
            passing.pass().await;
            'r'
        });
        let waits = gate.clone();
        let mut job = spawn_blocking(move || {
            waits.wait();
            'b'
        });
        for _ in 0..10 {
            let raced = race((&mut task, &mut job, after(1, ()))).await;
            assert_eq!(raced.index(), 2);
        }
        gate.open();
        let (task, job) = join((task, job)).await;
        assert_eq!((task.unwrap(), job.unwrap()), ('r', 'b'));
    });
}

#[test]
fn a_loser_that_cannot_be_stopped_is_awaited_to_its_end() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let mut rounds_left = rounds(50);
        while rounds_left > 0 {
            rounds_left -= 1;
            let (reader, writer) = std::io::pipe().unwrap();
            let closing = op::close(op::SharedFd::from(std::os::fd::OwnedFd::from(writer)));
            race((closing, async {})).await;
            // The other end is closed by now, so this does not block.
            let text = std::io::read_to_string(reader).unwrap();
            assert_eq!(text, "");
        }
    });
}

#[test]
fn a_combinator_that_is_forgotten_harms_nobody() {
    let _limit = limit();
    let pool = Pool::new(1);
    let shared = Arc::new(());
    let reader = Quiet::new();
    pool.block_on(async {
        let waker = own_waker().await;
        let kept = shared.clone();
        let read = reader.read();
        let loser = Box::pin(async move {
            let _ = read.await;
            drop(kept);
        });
        let mut racing = Box::pin(race((loser, after(1, ()))));
        assert!(poll_once(&mut racing, &waker).is_pending());
        assert!(poll_once(&mut racing, &waker).is_pending(), "it waits for the kernel");
        forget(racing);
        let futures: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> =
            vec![Box::pin(time::sleep(LONG)), Box::pin(never())];
        let mut selecting = select_all(futures);
        assert!(poll_once(&mut selecting, &waker).is_pending());
        forget(selecting);
    });
    comes_to_rest(&pool);
    assert_eq!(Arc::strong_count(&shared), 1);
    reader.comes_free();
    shut_down(&pool);
}
