//! What a pool says of its tasks: each once, in its state, with its operations.

mod common;

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::pipe;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Gate, here, limit, never, rounds, shut_down, until};
use ringpool::dump::{Awaited, PoolDump, RingState, TaskDump, TaskState};
use ringpool::op::{self, DirectFd, SharedFd};
use ringpool::task::{Builder, TaskId};
use ringpool::{Balance, Channel, Pool, Task, sync, time};

/// Longer than any ring here takes to answer that does not wait for a test.
const PATIENCE: Duration = Duration::from_secs(30);

fn found<T>(dump: &PoolDump, task: &Task<T>) -> TaskDump {
    dump.task(task.id()).unwrap_or_else(|| panic!("{:?} is not in:\n{dump}", task.id())).clone()
}

/// Dumps until `task` is as `is_so` wants it: it needs a moment to get there.
fn once<T>(pool: &Pool, task: &Task<T>, is_so: impl Fn(&TaskDump) -> bool) -> TaskDump {
    let mut last = None;
    until(|| {
        last = pool.dump_within(PATIENCE).task(task.id()).cloned();
        last.as_ref().is_some_and(&is_so)
    });
    last.expect("it was there")
}

fn is_waiting(task: &TaskDump) -> bool {
    task.state == TaskState::Waiting
}

/// A read that nothing comes for, the descriptor it is on, and what keeps it from ending.
fn silent_pipe() -> (SharedFd, i32, OwnedFd) {
    let (reader, writer) = pipe().expect("there are descriptors left");
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    let number = reader.as_raw_fd();
    (SharedFd::from(reader), number, writer)
}

#[test]
fn a_task_is_told_of_with_its_name_and_where_it_was_spawned_and_awaits() {
    let _limit = limit();
    let pool = Pool::new(2);
    let line = line!() + 1;
    let task = Builder::new().name("salt").spawn_on(&pool.runtime(1), async {
        time::sleep(Duration::from_secs(3600)).await;
    });
    let dump = once(&pool, &task, is_waiting);
    assert_eq!(dump.id, task.id());
    assert_eq!(dump.name.as_deref(), Some("salt"));
    assert_eq!((dump.spawned_at.file(), dump.spawned_at.line()), (file!(), line));
    assert_eq!(dump.ring, Some(1));
    assert!(!dump.is_local && !dump.is_cancelled);
    let awaits = dump.awaits.expect("a sleep says what it is");
    assert_eq!(awaits.what, Awaited::Timer);
    assert_eq!(awaits.at.map(|at| (at.file(), at.line())), Some((file!(), line + 1)));
    let text = pool.dump().to_string();
    let place = format!("{}:{}", file!(), line + 1);
    assert!(text.contains("\"salt\"") && text.contains(&place), "{text}");
}

#[test]
fn it_is_said_for_what_a_task_waits() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (items, lock) = (Arc::new(Channel::<u8>::bounded(1)), Arc::new(sync::Mutex::new(())));
    let held = lock.try_lock().expect("it is free");
    let receives = pool.spawn({
        let items = items.clone();
        async move { items.recv().await }
    });
    let locks = pool.spawn({
        let lock = lock.clone();
        async move { drop(lock.lock().await) }
    });
    let joins = pool.spawn(async { pool_task().await });
    let limited = pool.spawn({
        let items = items.clone();
        async move { time::timeout(Duration::from_secs(3600), items.recv()).await.map(drop) }
    });
    let unknown = pool.spawn(never());
    let what = |dump: TaskDump| dump.awaits.map(|awaits| awaits.what);
    assert_eq!(what(once(&pool, &receives, is_waiting)), Some(Awaited::Channel));
    assert_eq!(what(once(&pool, &locks, is_waiting)), Some(Awaited::Lock));
    assert_eq!(what(once(&pool, &joins, is_waiting)), Some(Awaited::Task));
    assert_eq!(what(once(&pool, &limited, is_waiting)), Some(Awaited::Channel));
    assert_eq!(what(once(&pool, &unknown, is_waiting)), None);
    drop(held);
}

/// Waits for a task that never ends.
async fn pool_task() {
    let _ = ringpool::spawn(never()).await;
}

#[test]
fn where_a_function_of_the_crate_awaits_is_not_told() {
    let _limit = limit();
    let pool = Pool::new(1);
    let task = pool.spawn(async {
        let (reader, _writer) = ringpool::pipe::pipe().expect("there are descriptors left");
        let _ = reader.read(vec![0; 8]).await;
    });
    let dump = once(&pool, &task, |task| !task.operations.is_empty() && is_waiting(task));
    let awaits = dump.awaits.expect("an operation says what it is");
    assert_eq!((awaits.what, awaits.at), (Awaited::Operation, None));
    assert_eq!(dump.operations[0].name, "READ");
}

#[test]
fn an_operation_in_flight_is_told_of_with_its_descriptor() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, number, _writer) = silent_pipe();
    let task = pool.spawn(async move { op::read(&reader, vec![0; 8]).await.map(drop) });
    let dump = once(&pool, &task, |task| !task.operations.is_empty());
    let [operation] = &dump.operations[..] else { panic!("{dump}") };
    assert_eq!(operation.name, "READ");
    assert_eq!((operation.descriptor, operation.is_direct), (Some(number), false));
    assert_eq!((operation.ring, operation.task), (0, Some(task.id())));
    let text = pool.dump().to_string();
    assert!(text.contains(&format!("READ on fd {number}, ring 0")), "{text}");
    assert!(pool.block_on(task.cancel()).is_none());
    let left = pool.dump_within(PATIENCE);
    assert!(left.rings[0].operations.is_empty(), "{left}");
}

#[test]
fn a_direct_descriptor_is_told_from_others() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, _, _writer) = silent_pipe();
    let task = pool.spawn(async move {
        let direct = DirectFd::register(&reader).await?;
        op::read(&direct, vec![0; 8]).await.map(drop).map_err(|error| error.error)
    });
    let dump = once(&pool, &task, |task| task.operations.iter().any(|it| it.name == "READ"));
    let [operation] = &dump.operations[..] else { panic!("{dump}") };
    assert!(operation.is_direct && operation.descriptor.is_some(), "{dump}");
}

#[test]
fn after_a_switch_an_operation_is_still_on_its_ring_and_its_tasks() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (there, (reader, number, _writer)) = (pool.runtime(1), silent_pipe());
    let task = pool.runtime(0).spawn(async move {
        let mut read = op::read(&reader, vec![0; 8]);
        poll_fn(|cx| {
            assert!(Pin::new(&mut read).poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        ringpool::switch_to(&there).await.expect("it is there");
        assert_eq!(here(), Some(1));
        read.await.map(drop)
    });
    let dump = once(&pool, &task, |task| task.ring == Some(1) && is_waiting(task));
    let [operation] = &dump.operations[..] else { panic!("{dump}") };
    assert_eq!((operation.name, operation.ring), ("READ", 0));
    assert_eq!(operation.descriptor, Some(number));
}

#[test]
fn an_operation_whose_task_has_ended_is_told_of_all_the_same() {
    let _limit = limit();
    let pool = Pool::new(1);
    let (reader, number, _writer) = silent_pipe();
    let read = pool.block_on(async move {
        let mut read = op::read(&reader, vec![0; 8]);
        poll_fn(|cx| std::task::Poll::Ready(Pin::new(&mut read).poll(cx).is_pending())).await;
        read
    });
    let dump = pool.dump_within(PATIENCE);
    let [operation] = &dump.rings[0].operations[..] else { panic!("{dump}") };
    assert_eq!((operation.name, operation.descriptor), ("READ", Some(number)));
    drop(read);
}

#[test]
fn a_ring_tells_of_its_own_tasks_during_a_poll() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let dumping = pool.clone();
    let (reader, _, writer) = silent_pipe();
    let elsewhere = pool.runtime(1).spawn(never());
    until(|| pool.dump_within(PATIENCE).task(elsewhere.id()).is_some());
    let task = pool.runtime(0).spawn(async move {
        let local = Builder::new().name("here").spawn_local(never());
        let reads = ringpool::spawn(async move { op::read(&reader, vec![0; 8]).await.map(drop) });
        let ready = dumping.dump_within(PATIENCE);
        ringpool::yield_now().await;
        let waiting = dumping.dump_within(PATIENCE);
        let (local_id, id) = (local.id(), reads.id());
        let cancel = reads.cancel();
        ringpool::yield_now().await;
        let ending = dumping.dump_within(PATIENCE);
        assert!(cancel.await.is_none());
        (ready, waiting, ending, local_id, id)
    });
    let own = task.id();
    let (ready, waiting, ending, local, reads) = task.wait().expect("it ends");
    let state = |dump: &PoolDump, id: TaskId| dump.task(id).map(|task| task.state);
    assert_eq!(state(&ready, own), Some(TaskState::Running), "{ready}");
    assert_eq!(state(&ready, elsewhere.id()), Some(TaskState::Waiting), "{ready}");
    assert_eq!(state(&ready, local), Some(TaskState::Ready), "{ready}");
    assert!(ready.task(local).is_some_and(|task| task.is_local), "{ready}");
    assert_eq!(state(&waiting, local), Some(TaskState::Waiting), "{waiting}");
    assert_eq!(state(&ending, reads), Some(TaskState::WindingDown), "{ending}");
    assert_eq!(ending.task(reads).map(|task| task.operations.len()), Some(1), "{ending}");
    assert!(ending.task(reads).is_some_and(|task| task.is_cancelled), "{ending}");
    drop(writer);
}

#[test]
fn closures_that_block_are_told_of() {
    let _limit = limit();
    let pool = Pool::builder().threads(1).blocking_thread_limit(1).build().expect("a pool");
    let (begun, end) = (Gate::new(), Gate::new());
    let runs = pool.spawn_blocking({
        let (begun, end) = (begun.clone(), end.clone());
        move || {
            begun.open();
            end.wait();
        }
    });
    begun.wait();
    let waits = pool.spawn_blocking(|| ());
    let dump = pool.dump_within(PATIENCE);
    let (runs_dump, waits_dump) = (found(&dump, &runs), found(&dump, &waits));
    assert_eq!((runs_dump.state, runs_dump.ring), (TaskState::Blocking, None));
    assert_eq!((waits_dump.state, waits_dump.spawned_at.file()), (TaskState::Queued, file!()));
    end.open();
    runs.wait().and(waits.wait()).expect("both end");
    until(|| pool.dump_within(PATIENCE).blocking.is_empty());
}

/// A task that keeps its ring busy with one poll, until the gate is opened.
fn stuck(pool: &Pool, ring: usize, end: &Gate) -> Task<()> {
    let (begun, end) = (Gate::new(), end.clone());
    let task = Builder::new().name("stuck").spawn_on(&pool.runtime(ring), {
        let begun = begun.clone();
        async move {
            begun.open();
            end.wait();
        }
    });
    begun.wait();
    task
}

#[test]
fn a_ring_in_a_long_poll_is_told_of_with_the_task() {
    let _limit = limit();
    let pool = Pool::new(2);
    let other = pool.runtime(0).spawn(never());
    until(|| pool.dump_within(PATIENCE).task(other.id()).is_some());
    let end = Gate::new();
    let line = line!() + 1;
    let task = stuck(&pool, 1, &end);
    let wait = Duration::from_millis(100);
    let first = pool.dump_within(wait);
    let second = pool.dump_within(wait);
    end.open();
    task.wait().expect("it ends");
    assert!(!matches!(first.rings[0].state, RingState::InPoll(_)), "{first}");
    let RingState::InPoll(poll) = &first.rings[1].state else { panic!("{first}") };
    assert_eq!((poll.ring, poll.name.as_deref()), (1, Some("stuck")));
    assert_eq!(poll.spawned_at.file(), file!());
    assert!(poll.spawned_at.line() < line, "it is spawned above");
    assert!(poll.lasted >= wait / 2, "{first}");
    let RingState::InPoll(again) = &second.rings[1].state else { panic!("{second}") };
    assert!(again.lasted >= poll.lasted + wait / 2, "{first}{second}");
    assert!(second.to_string().contains("\"stuck\""), "{second}");
    assert!(matches!(pool.dump_within(PATIENCE).rings[1].state, RingState::Answered));
}

#[test]
fn a_task_that_is_under_way_while_the_rings_answer_is_told_of() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let end = Gate::new();
    let there = pool.runtime(0);
    let received = move || there.metrics().messages_received;
    let (there, is_busy, before) = (pool.runtime(0), end.clone(), received());
    // In a poll that does not end before ring 0 has answered; and then sends it a task.
    let sends = pool.runtime(1).spawn(async move {
        is_busy.open();
        until(|| received() > before);
        there.spawn(never())
    });
    end.wait();
    let dump = pool.dump_within(PATIENCE);
    let sent = sends.wait().expect("it ends");
    let arrived = found(&dump, &sent);
    assert_eq!((arrived.state, arrived.ring), (TaskState::UnderWay, Some(0)), "{dump}");
    let later = found(&pool.dump_within(PATIENCE), &sent);
    assert_eq!(later.state, TaskState::Waiting);
}

#[test]
fn of_tasks_that_move_all_the_time_each_is_told_of_once() {
    const TASKS: usize = 50;
    let _limit = limit();
    let pool = Pool::new(3);
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (runtimes, is_over) = (pool.runtimes().to_vec(), is_over.clone());
            pool.spawn(async move {
                let mut switches = 0_usize;
                while !is_over.load(Ordering::Relaxed) {
                    switches += 1;
                    let there = &runtimes[(number + switches) % runtimes.len()];
                    ringpool::switch_to(there).await.expect("it is there");
                }
                switches
            })
        })
        .collect();
    // What was sent from here has arrived, and only moves between the rings from now on.
    until(|| {
        let dump = pool.dump_within(PATIENCE);
        tasks.iter().all(|task| dump.task(task.id()).is_some())
    });
    for _ in 0..rounds(300) {
        let dump = pool.dump_within(PATIENCE);
        let mut times = HashMap::<TaskId, usize>::new();
        dump.tasks().for_each(|task| *times.entry(task.id).or_default() += 1);
        assert!(times.values().all(|times| *times == 1), "{times:?}\n{dump}");
        for task in &tasks {
            assert!(times.contains_key(&task.id()), "{:?} is not in:\n{dump}", task.id());
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let switches: usize = tasks.into_iter().map(|task| task.wait().expect("it ends")).sum();
    assert!(switches > TASKS, "they moved");
}

#[test]
fn two_rings_may_look_at_each_other() {
    let _limit = limit();
    let pool = Arc::new(Pool::new(2));
    let look = |ring: usize| {
        let looking = pool.clone();
        let task = pool.runtime(ring).spawn(async move {
            // Each of them may wait for the other, which does not answer meanwhile.
            looking.dump_within(Duration::from_millis(50))
        });
        (ring, task)
    };
    for (ring, task) in [look(0), look(1)] {
        let id = task.id();
        let dump = task.wait().expect("it ends");
        assert!(matches!(dump.rings[ring].state, RingState::Answered), "{dump}");
        assert_eq!(dump.task(id).map(|task| task.state), Some(TaskState::Running), "{dump}");
    }
}

#[test]
fn a_pool_that_has_stopped_says_so() {
    let _limit = limit();
    let pool = Pool::new(2);
    let task = pool.spawn(never());
    shut_down(&pool);
    let dump = pool.dump();
    assert!(dump.rings.iter().all(|ring| matches!(ring.state, RingState::Stopped)), "{dump}");
    assert_eq!(dump.tasks().count(), 0, "{dump}");
    assert!(dump.to_string().contains("ring 1"), "{dump}");
    drop(task);
}

#[test]
fn a_task_grows_older() {
    let _limit = limit();
    let pool = Pool::new(1);
    let task = pool.spawn(never());
    let first = once(&pool, &task, is_waiting);
    let later = once(&pool, &task, |task| task.age >= first.age + Duration::from_millis(50));
    assert!(later.age < PATIENCE, "{later}");
}

/// Says when it is being dropped, and then lasts until the gate is opened.
struct Lasts {
    begins: Gate,
    end: Gate,
}

impl Drop for Lasts {
    fn drop(&mut self) {
        self.begins.open();
        self.end.wait();
    }
}

#[test]
fn a_ring_that_takes_no_more_messages_and_still_drops_a_task_says_so() {
    let _limit = limit();
    let pool = Pool::new(1);
    let lasting = |name: &str| {
        let (begins, end) = (Gate::new(), Gate::new());
        let lasts = Lasts { begins: begins.clone(), end: end.clone() };
        let task = Builder::new().name(name).spawn_on(&pool.runtime(0), async move {
            let _lasts = lasts;
            never().await;
        });
        (task, begins, end)
    };
    let (first, begins, end) = lasting("first");
    once(&pool, &first, is_waiting);
    pool.shutdown(Duration::ZERO).expect_err("there is no time for it");
    begins.wait();
    // It comes in with the last messages.
    let (last, last_begins, last_end) = lasting("last");
    end.open();
    last_begins.wait();
    let (dump, id) = (pool.dump(), last.id());
    // It takes no wake either; who cancels the task there is not held up by that.
    drop(last.cancel());
    last_end.open();
    let RingState::InPoll(poll) = &dump.rings[0].state else { panic!("{dump}") };
    assert_eq!(poll.task, id, "{dump}");
    drop(first);
}

#[test]
fn a_ring_that_answers_at_first_only_is_told_of_with_its_tasks_and_the_poll_it_is_in() {
    let _limit = limit();
    // No other message shall come to ring 0 before the first question.
    let pool = Pool::builder().threads(2).balance(Balance::Manual).build().expect("a pool");
    let end = Gate::new();
    let (there, gets_stuck, begun) = (pool.runtime(0), end.clone(), Gate::new());
    let begins = begun.clone();
    let task = pool.runtime(0).spawn(async move {
        let before = there.metrics().messages_received;
        begins.open();
        // Until it has been asked for the first time.
        while there.metrics().messages_received == before {
            ringpool::yield_now().await;
        }
        gets_stuck.wait();
    });
    begun.wait();
    // Keeps the second question from being asked at once.
    let other = stuck(&pool, 1, &end);
    let dump = pool.dump_within(Duration::from_secs(2));
    end.open();
    let RingState::InPoll(poll) = &dump.rings[0].state else { panic!("{dump}") };
    assert_eq!(poll.task, task.id(), "{dump}");
    assert_eq!(found(&dump, &task).ring, Some(0), "{dump}");
    task.wait().and(other.wait()).expect("both end");
}
