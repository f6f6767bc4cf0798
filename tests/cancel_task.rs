//! `task.cancel().await`, whatever the task is doing, from wherever it is asked.
//!
//! In each situation the future is dropped once, before the cancel returns, and nothing that the
//! task had in the kernel is left there: its buffers notice.

mod common;

use std::future::poll_fn;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Barrier};
use std::task::Poll;

use common::*;
use ringpool::buf::{IoBuf, IoBufMut};
use ringpool::op::{self, Op, SharedFd};
use ringpool::{Channel, Pool, Runtime, Task, net};
use ringpool::{spawn, spawn_blocking, spawn_local, spawn_on, switch_to, yield_now};

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Canceller {
    FirstRing,
    SecondRing,
    ForeignExecutor,
}

const CANCELLERS: [Canceller; 3] =
    [Canceller::FirstRing, Canceller::SecondRing, Canceller::ForeignExecutor];

impl Canceller {
    fn cancel<T: Send + 'static>(self, pool: &Pool, task: Task<T>) -> Option<T> {
        match self {
            Self::FirstRing => pool.block_on(task.cancel()),
            Self::SecondRing => spawn_on(&pool.runtime(1), task.cancel()).wait().unwrap(),
            Self::ForeignExecutor => futures::executor::block_on(task.cancel()),
        }
    }
}

/// What a task is given: it says that it has come to where it is to be cancelled, and counts drops.
#[derive(Clone)]
struct Inside {
    begun: Count,
    dropped: Count,
    rings: Vec<Runtime>,
}

/// Spawns the task on each ring in turn, cancels it from everywhere once it `begun`, and checks
/// that all `guards` that it made are dropped.
fn in_every_way<F>(guards: usize, body: impl Fn(Inside) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let _limit = limit();
    let pool = Pool::new(2);
    for home in pool.runtimes() {
        for canceller in CANCELLERS {
            for _ in 0..rounds(20) {
                let rings = pool.runtimes().to_vec();
                let inside = Inside { begun: Count::new(), dropped: Count::new(), rings };
                let (begun, dropped) = (inside.begun.clone(), inside.dropped.clone());
                let task = spawn_on(home, body(inside));
                begun.reaches(1);
                assert_eq!(canceller.cancel(&pool, task), None, "{canceller:?}");
                assert_eq!(dropped.get(), guards, "{canceller:?}");
            }
        }
    }
    shut_down(&pool);
}

/// Says that the task has begun once `future` is waiting, and waits for it.
async fn begun_with<F: Future>(inside: &Inside, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            inside.begun.add();
        }
        polled
    })
    .await
}

/// A buffer that tells when the kernel has let go of it.
struct Watched(Vec<u8>, #[expect(dead_code)] CountsDrop);

// SAFETY: the vector's memory stays where it is when it is moved, and its length is changed only by
// `set_initialized_len`.
unsafe impl IoBuf for Watched {
    fn ptr(&self) -> *const u8 {
        self.0.as_ptr()
    }

    fn initialized_len(&self) -> usize {
        self.0.len()
    }
}

// SAFETY: as above; the vector has this capacity.
unsafe impl IoBufMut for Watched {
    fn ptr_mut(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// # Safety
    ///
    /// As in the trait.
    unsafe fn set_initialized_len(&mut self, len: usize) {
        // SAFETY: the caller has initialized so many.
        unsafe { self.0.set_len(len) }
    }
}

fn pipe() -> (SharedFd, SharedFd) {
    let (reader, writer) = std::io::pipe().expect("there are descriptors left");
    (SharedFd::from(OwnedFd::from(reader)), SharedFd::from(OwnedFd::from(writer)))
}

#[test]
fn a_task_that_has_not_begun_is_dropped_unpolled() {
    let _limit = limit();
    let pool = Pool::new(2);
    for canceller in [Canceller::FirstRing, Canceller::ForeignExecutor] {
        let (polled, dropped) = (Count::new(), Count::new());
        // The ring is busy, so that what is sent to it waits in its inbox.
        let (busy, gate) = (Gate::new(), Gate::new());
        let (signal, door) = (busy.clone(), gate.clone());
        let blocker = spawn_on(&pool.runtime(1), async move {
            signal.open();
            door.wait();
        });
        busy.wait();
        let (counts, guard) = (polled.clone(), dropped.on_drop());
        let task = spawn_on(&pool.runtime(1), async move {
            let _guard = guard;
            counts.add();
        });
        let cancel = task.cancel();
        gate.open();
        blocker.wait().unwrap();
        let output = match canceller {
            Canceller::FirstRing => pool.block_on(cancel),
            _ => futures::executor::block_on(cancel),
        };
        assert_eq!((output, polled.get(), dropped.get()), (None, 0, 1));
    }
}

#[test]
fn a_ready_task_is_dropped_and_not_polled_again() {
    let _limit = limit();
    let pool = Pool::new(1);
    pool.block_on(async {
        let (polls, dropped) = (Count::new(), Count::new());
        let (counts, guard) = (polls.clone(), dropped.on_drop());
        let task = spawn(async move {
            let _guard = guard;
            loop {
                counts.add();
                yield_now().await;
            }
        });
        while polls.get() < 3 {
            yield_now().await;
        }
        let cancel = task.cancel();
        let before = polls.get();
        assert_eq!(cancel.await, None);
        assert_eq!((polls.get(), dropped.get()), (before, 1));
    });
}

#[test]
fn a_task_that_is_being_polled_is_dropped_after_the_poll() {
    let _limit = limit();
    let pool = Pool::new(2);
    for ends_in_this_poll in [false, true] {
        for from_a_ring in [false, true] {
            let (inside, gate, dropped) = (Gate::new(), Gate::new(), Count::new());
            let (signal, door, guard) = (inside.clone(), gate.clone(), dropped.on_drop());
            let task = spawn_on(&pool.runtime(1), async move {
                let _guard = guard;
                signal.open();
                door.wait();
                if !ends_in_this_poll {
                    never().await;
                }
                7
            });
            inside.wait();
            let mut cancel = task.cancel();
            let (waker, ..) = counting_waker();
            assert!(poll_once(&mut cancel, &waker).is_pending());
            gate.open();
            let output = match from_a_ring {
                true => pool.block_on(cancel),
                false => futures::executor::block_on(cancel),
            };
            assert_eq!((output, dropped.get()), (ends_in_this_poll.then_some(7), 1));
        }
    }
}

#[test]
fn a_task_that_migrates_all_the_time_is_met_somewhere() {
    in_every_way(1, |inside| async move {
        let _guard = inside.dropped.on_drop();
        loop {
            for ring in &inside.rings {
                switch_to(ring).await.unwrap();
                inside.begun.add();
            }
        }
    });
}

#[test]
fn a_task_that_migrates_with_an_operation_in_flight_leaves_nothing() {
    in_every_way(2, |inside| async move {
        let _guard = inside.dropped.on_drop();
        let (reader, _writer) = pipe();
        let watched = Watched(Vec::with_capacity(16), inside.dropped.on_drop());
        let mut read = op::read(&reader, watched);
        assert!(futures::poll!(&mut read).is_pending());
        loop {
            for ring in &inside.rings {
                switch_to(ring).await.unwrap();
                inside.begun.add();
            }
        }
    });
}

#[test]
fn a_sleeping_task_is_dropped() {
    in_every_way(1, |inside| async move {
        let _guard = inside.dropped.on_drop();
        begun_with(&inside, ringpool::time::sleep(LIMIT * 10)).await;
    });
}

#[test]
fn a_task_that_waits_for_another_is_dropped_and_so_is_the_other_handle() {
    in_every_way(2, |inside| async move {
        let _guard = inside.dropped.on_drop();
        let ring = inside.rings[(here().unwrap() + 1) % 2].clone();
        let guard = inside.dropped.on_drop();
        let group = ringpool::task::TaskGroup::new();
        group.spawn_on(&ring, async move {
            let _guard = guard;
            never().await;
        });
        begun_with(&inside, group.next()).await;
    });
}

#[test]
fn a_task_that_awaits_a_handle_cancels_that_task_as_well() {
    let _limit = limit();
    let pool = Pool::new(2);
    let (waiting, dropped) = (Gate::new(), Count::new());
    let (signal, guard, there) = (waiting.clone(), dropped.on_drop(), pool.runtime(1));
    let task = pool.spawn(async move {
        let inner = spawn_on(&there, async move {
            let _guard = guard;
            never().await;
        });
        signal.open();
        let _ = inner.await;
    });
    waiting.wait();
    assert_eq!(futures::executor::block_on(task.cancel()), None);
    dropped.reaches(1);
}

#[test]
fn a_task_that_waits_for_an_item_loses_none() {
    let _limit = limit();
    let pool = Pool::new(2);
    let channel = Channel::bounded(1);
    for (home, canceller) in pool.runtimes().iter().flat_map(|ring| CANCELLERS.map(|by| (ring, by)))
    {
        for number in 0..rounds(100) {
            let (waiting, receiving) = (Count::new(), channel.clone());
            let signal = waiting.clone();
            let task = spawn_on(home, async move {
                let mut receive = receiving.recv();
                assert!(futures::poll!(&mut receive).is_pending());
                signal.add();
                receive.await
            });
            waiting.reaches(1);
            // Races with the cancel: the item is the output, or it is still there.
            let sending = channel.clone();
            let sender = pool.spawn(async move { sending.send(number).await.unwrap() });
            let item = match canceller.cancel(&pool, task) {
                Some(item) => item.unwrap(),
                None => futures::executor::block_on(channel.recv()).unwrap(),
            };
            assert_eq!(item, number);
            sender.wait().unwrap();
        }
    }
    assert!(channel.try_recv().is_err());
}

#[test]
fn a_task_that_waits_to_send_gives_its_place_to_the_next() {
    let _limit = limit();
    let pool = Pool::new(2);
    for canceller in CANCELLERS {
        let (channel, dropped, waiting) = (Channel::bounded(1), Count::new(), Count::new());
        let items: Vec<_> = (0..3).map(|_| dropped.on_drop()).collect();
        let mut senders = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let (sending, signal) = (channel.clone(), waiting.clone());
            senders.push(spawn_on(&pool.runtime(index % 2), async move {
                let mut send = sending.send((index, item));
                let polled = futures::poll!(&mut send);
                signal.add();
                if polled.is_pending() {
                    send.await.unwrap();
                }
            }));
            waiting.reaches(index + 1);
        }
        // The second is in line: its item goes with it, and the third has its place.
        let second = senders.remove(1);
        assert_eq!(canceller.cancel(&pool, second), None);
        assert_eq!(dropped.get(), 1);
        let received: Vec<_> =
            (0..2).map(|_| futures::executor::block_on(channel.recv()).unwrap().0).collect();
        assert_eq!(received, [0, 2]);
        senders.into_iter().for_each(|sender| sender.wait().unwrap());
    }
}

#[test]
fn a_blocking_job_that_runs_is_waited_for_and_one_in_the_queue_is_dropped() {
    let _limit = limit();
    let pool = Pool::builder().threads(2).blocking_thread_limit(1).build().unwrap();
    for canceller in CANCELLERS {
        let (running, gate, dropped) = (Gate::new(), Gate::new(), Count::new());
        let (signal, door) = (running.clone(), gate.clone());
        let first = pool.spawn_blocking(move || {
            signal.open();
            door.wait();
            7
        });
        running.wait();
        let (called, guard) = (Count::new(), dropped.on_drop());
        let calls = called.clone();
        let second = pool.spawn_blocking(move || {
            let _guard = guard;
            calls.add();
        });
        assert_eq!(canceller.cancel(&pool, second), None);
        assert_eq!((called.get(), dropped.get()), (0, 1));
        let mut cancel = first.cancel();
        let (waker, ..) = counting_waker();
        assert!(poll_once(&mut cancel, &waker).is_pending());
        gate.open();
        assert_eq!(futures::executor::block_on(cancel), Some(7));
    }
}

#[test]
fn a_task_that_waits_for_a_running_job_is_dropped_at_once() {
    let _limit = limit();
    let pool = Pool::new(2);
    let gate = Gate::new();
    for canceller in CANCELLERS {
        let (running, dropped) = (Gate::new(), Count::new());
        let (signal, door, guard) = (running.clone(), gate.clone(), dropped.on_drop());
        let task = pool.spawn(async move {
            let _guard = guard;
            let job = move || {
                signal.open();
                door.wait();
            };
            spawn_blocking(job).await.unwrap();
        });
        running.wait();
        assert_eq!(canceller.cancel(&pool, task), None);
        assert_eq!(dropped.get(), 1);
    }
    gate.open();
}

#[test]
fn an_operation_that_waits_in_the_kernel_is_back_when_its_task_is_gone() {
    in_every_way(2, |inside| async move {
        let _guard = inside.dropped.on_drop();
        let (reader, _writer) = pipe();
        let watched = Watched(Vec::with_capacity(16), inside.dropped.on_drop());
        let _ = begun_with(&inside, op::read(&reader, watched)).await;
    });
}

#[test]
fn an_accept_and_a_poll_are_back_when_their_task_is_gone() {
    in_every_way(1, |inside| async move {
        let _guard = inside.dropped.on_drop();
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (reader, _writer) = pipe();
        let accept = Box::pin(listener.accept());
        let poll = op::poll_add(&reader, libc::POLLIN);
        let _ = begun_with(&inside, futures::future::select(accept, poll)).await;
    });
}

#[test]
fn operations_deep_inside_nested_futures_are_back() {
    in_every_way(1 + 4 * 4, |inside| async move {
        let _guard = inside.dropped.on_drop();
        let pipes: Vec<_> = (0..4).map(|_| pipe()).collect();
        let reads = |(reader, _): &(SharedFd, SharedFd)| {
            let watched = Watched(Vec::with_capacity(16), inside.dropped.on_drop());
            let read: Op<_> = op::read(reader, watched);
            let limited = ringpool::time::timeout(LIMIT * 10, read);
            async move { limited.await.is_ok() }
        };
        let groups = (0..4).map(|_| futures::future::join_all(pipes.iter().map(reads)));
        begun_with(&inside, futures::future::join_all(groups)).await;
    });
}

/// A file that an io-wq worker reads, which cannot be stopped before somebody writes.
#[test]
fn an_operation_that_cannot_be_stopped_is_waited_for() {
    let _limit = limit();
    let pool = Pool::new(2);
    for canceller in CANCELLERS {
        for number in 0..rounds(10) {
            let dropped = Count::new();
            let begun = Count::new();
            let guard = dropped.on_drop();
            let (watched, signal) = (dropped.on_drop(), begun.clone());
            let file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags(libc::O_TMPFILE)
                .open(std::env::temp_dir());
            let mut file = file.expect("a temporary file");
            file.write_all(&[7; 65_536]).unwrap();
            let file = SharedFd::from(OwnedFd::from(file));
            let task = spawn_on(&pool.runtime(number % 2), async move {
                let _guard = guard;
                let buffer = Watched(vec![1; 65_536], watched);
                let mut write = op::write_at(&file, buffer, 0);
                let mut sync = op::fsync(&file);
                let _ = (futures::poll!(&mut write), futures::poll!(&mut sync));
                signal.add();
                let _ = (write.await, sync.await);
                never().await;
            });
            begun.reaches(1);
            assert_eq!(canceller.cancel(&pool, task), None);
            assert_eq!(dropped.get(), 2);
        }
    }
}

#[test]
fn a_buffer_that_the_network_keeps_is_waited_for() {
    let _limit = limit();
    let pool = Pool::new(2);
    for canceller in CANCELLERS {
        let (begun, dropped) = (Count::new(), Count::new());
        let (signal, guard, watched) = (begun.clone(), dropped.on_drop(), dropped.on_drop());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiver, _) = listener.accept().unwrap();
        let socket = SharedFd::from(OwnedFd::from(sender));
        let task = spawn_on(&pool.runtime(1), async move {
            let _guard = guard;
            // More than both ends keep: it waits until the other end reads.
            let buffer = Watched(vec![1; 32 << 20], watched);
            let mut send = op::send_zc(&socket, buffer, libc::MSG_WAITALL);
            assert!(futures::poll!(&mut send).is_pending());
            signal.add();
            let _ = send.await;
        });
        begun.reaches(1);
        let cancel = std::thread::spawn({
            let there = pool.runtime(1);
            move || match canceller {
                Canceller::ForeignExecutor => futures::executor::block_on(task.cancel()),
                _ => there.spawn(task.cancel()).wait().unwrap(),
            }
        });
        // The future goes at once; the network lets go of the buffer when the other end is closed.
        dropped.reaches(1);
        drop(receiver);
        assert_eq!(cancel.join().unwrap(), None);
        assert_eq!(dropped.get(), 2);
    }
}

#[test]
fn a_finished_task_gives_its_output_and_a_panicked_one_its_panic() {
    let _limit = limit();
    let pool = Pool::new(2);
    for canceller in CANCELLERS {
        for home in pool.runtimes() {
            let task = spawn_on(home, async { String::from("done") });
            until(|| task.is_finished());
            assert_eq!(canceller.cancel(&pool, task).as_deref(), Some("done"));
        }
    }
    for home in pool.runtimes() {
        let task = spawn_on(home, async { panic_on_purpose("before the cancel") });
        until(|| task.is_finished());
        let said = panic_of(|| futures::executor::block_on(task.cancel()));
        assert_eq!(said, "before the cancel");
    }
}

#[test]
fn a_panic_while_the_task_is_dropped_reaches_who_cancelled_it() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic_on_purpose("in a destructor");
        }
    }
    let _limit = limit();
    let pool = Pool::new(2);
    let (waiting, given_back) = (Gate::new(), Count::new());
    let (signal, watched) = (waiting.clone(), given_back.on_drop());
    let task = spawn_on(&pool.runtime(1), async move {
        let _panics = Panics;
        let (reader, _writer) = pipe();
        let mut read = op::read(&reader, Watched(Vec::with_capacity(16), watched));
        assert!(futures::poll!(&mut read).is_pending());
        signal.open();
        let _ = read.await;
    });
    waiting.wait();
    let said = panic_of(|| futures::executor::block_on(task.cancel()));
    assert_eq!((said.as_str(), given_back.get()), ("in a destructor", 1));
}

#[test]
fn a_local_task_is_dropped_on_its_ring() {
    let _limit = limit();
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let dropped = Count::new();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let guard = dropped.on_drop();
        spawn_on(&there, async move {
            let task = spawn_local(async move {
                let _here = (std::rc::Rc::new(()), guard);
                let (reader, _writer) = pipe();
                let _ = op::read(&reader, vec![0; 16]).await;
            });
            yield_now().await;
            sender.send(task).unwrap();
        })
        .await
        .unwrap();
        assert_eq!(receiver.await.unwrap().cancel().await, None);
        assert_eq!(dropped.get(), 1);
    });
}

/// Tasks of as many rings, each of which cancels the next one's, all at the same time.
fn cancel_in_a_circle(count: usize) {
    let _limit = limit();
    let pool = Pool::new(count);
    for _ in 0..rounds(50) {
        let (dropped, start) = (Count::new(), Arc::new(Barrier::new(count)));
        let victims: Vec<_> = (0..count)
            .map(|index| {
                let guard = dropped.on_drop();
                let waiting = async move {
                    let _guard = guard;
                    let (reader, _writer) = pipe();
                    let _ = op::read(&reader, vec![0; 16]).await;
                };
                spawn_on(&pool.runtime(index), waiting)
            })
            .collect();
        let cancellers: Vec<_> = victims
            .into_iter()
            .enumerate()
            .map(|(index, victim)| {
                let start = start.clone();
                spawn_on(&pool.runtime((index + 1) % count), async move {
                    start.wait();
                    victim.cancel().await
                })
            })
            .collect();
        for canceller in cancellers {
            assert_eq!(canceller.wait().unwrap(), None);
        }
        assert_eq!(dropped.get(), count);
    }
}

#[test]
fn two_rings_cancel_each_others_tasks_at_the_same_time() {
    cancel_in_a_circle(2);
}

#[test]
fn three_rings_cancel_each_others_tasks_at_the_same_time() {
    cancel_in_a_circle(3);
}

#[test]
fn tasks_that_cancel_each_other_all_end() {
    let _limit = limit();
    for count in [2, 3] {
        let pool = Pool::new(count);
        for _ in 0..rounds(50) {
            let (dropped, ended) = (Count::new(), Count::new());
            let handles: Vec<_> = (0..count).map(|_| Channel::<Task<()>>::bounded(1)).collect();
            for index in 0..count {
                let own = handles[index].clone();
                let (guard, ends) = (dropped.on_drop(), ended.clone());
                // It is cancelled by the one before it while it waits for the one behind it.
                let task = spawn_on(&pool.runtime(index), async move {
                    let _guard = guard;
                    let next = own.recv().await.unwrap();
                    next.cancel().await;
                    ends.add();
                });
                handles[(index + 1) % count].try_send(task).unwrap();
            }
            dropped.reaches(count);
            assert!(ended.get() < count);
        }
    }
}

#[test]
fn a_cancel_that_is_dropped_halfway_is_a_cancel_all_the_same() {
    let _limit = limit();
    let pool = Pool::new(2);
    for from_a_ring in [true, false] {
        let (begun, dropped) = (Count::new(), Count::new());
        let (signal, guard, watched) = (begun.clone(), dropped.on_drop(), dropped.on_drop());
        let task = spawn_on(&pool.runtime(1), async move {
            let _guard = guard;
            let (reader, _writer) = pipe();
            let mut read = op::read(&reader, Watched(Vec::with_capacity(16), watched));
            assert!(futures::poll!(&mut read).is_pending());
            signal.add();
            let _ = read.await;
        });
        begun.reaches(1);
        let half = async move {
            let mut cancel = task.cancel();
            poll_fn(|cx| {
                let _ = std::pin::Pin::new(&mut cancel).poll(cx);
                Poll::Ready(())
            })
            .await;
        };
        match from_a_ring {
            true => pool.block_on(half),
            false => futures::executor::block_on(half),
        }
        dropped.reaches(2);
    }
}

#[test]
fn a_request_is_made_by_the_call_and_not_by_the_first_poll() {
    let _limit = limit();
    let pool = Pool::new(2);
    let dropped = Count::new();
    let guard = dropped.on_drop();
    let task = spawn_on(&pool.runtime(1), async move {
        let _guard = guard;
        never().await;
    });
    let cancel = task.cancel();
    dropped.reaches(1);
    assert_eq!(futures::executor::block_on(cancel), None);
}
