//! Streams of multishot operations: accept, poll, timeout, and operations of a test's own.

mod common;
mod network;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use common::*;
use futures::{FutureExt, StreamExt};
use io_uring::types::{TimeoutFlags, Timespec};
use io_uring::{opcode, squeue};
use network::{alone, connect, is_ended, open_fds};
use ringpool::op::{self, After, Multishot, MultishotOperation, SharedFd, Shot, Start};
use ringpool::time::sleep;
use ringpool::{Pool, current, spawn_on, switch_to, yield_now};

/// A listener, and its address.
fn listener() -> (SharedFd, SocketAddr) {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (SharedFd::from(OwnedFd::from(listener)), address)
}

/// Reads what the client that this is the other end of has sent.
fn hear(connection: &SharedFd) -> u64 {
    let mut stream = StdStream::from(connection.as_fd().try_clone_to_owned().expect("it is open"));
    let mut number = [0; 8];
    stream.read_exact(&mut number).expect("the client has said it");
    u64::from_le_bytes(number)
}

/// A client that has said its number.
fn client(address: SocketAddr, number: u64) -> StdStream {
    let mut stream = connect(address);
    stream.write_all(&number.to_le_bytes()).expect("there is room");
    stream
}

fn numbers(count: u64) -> Vec<u64> {
    (0..count).collect()
}

/// Lets the ring of the calling task submit what it has, and look at completions.
async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// A clock of the test's own, to see what is called and what is dropped.
struct Ticks {
    interval: Timespec,
    /// Items alive.
    items: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
    gone: CountsDrop,
    /// What `item` does besides.
    also: fn(usize),
}

struct Tick(Arc<AtomicUsize>, usize);

impl Drop for Tick {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticks {
    fn new(also: fn(usize)) -> (Self, Arc<AtomicUsize>, Arc<AtomicUsize>, Count) {
        let (items, made, gone) = (Arc::default(), Arc::default(), Count::new());
        let interval = Timespec::from(Duration::from_micros(50));
        let (items, made): (Arc<AtomicUsize>, Arc<AtomicUsize>) = (items, made);
        let ticks =
            Self { interval, items: items.clone(), made: made.clone(), gone: gone.on_drop(), also };
        (ticks, items, made, gone)
    }
}

// SAFETY: the entry points to the interval, which is part of `self`.
unsafe impl MultishotOperation for Ticks {
    type Item = Tick;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let timeout = opcode::Timeout::new(&raw const self.interval);
        Ok(timeout.count(0).flags(TimeoutFlags::MULTISHOT).build())
    }

    fn item(&self, shot: Shot) -> Option<io::Result<Tick>> {
        match shot.result() {
            Err(error) if error.raw_os_error() != Some(libc::ETIME) => Some(Err(error)),
            _ => {
                let number = self.made.fetch_add(1, Ordering::SeqCst);
                (self.also)(number);
                self.items.fetch_add(1, Ordering::SeqCst);
                Some(Ok(Tick(self.items.clone(), number)))
            }
        }
    }

    fn after(&mut self, _: Shot) -> After {
        let _ = &self.gone;
        After::Again
    }
}

/// Whether this kernel has clocks that tick; says so if a test does nothing without.
fn has_ticks(pool: &Pool) -> bool {
    let tick = pool.block_on(op::timeout_multishot(Duration::from_micros(1)).count(1).next());
    let has = !matches!(tick, Some(Err(error)) if error.kind() == ErrorKind::Unsupported);
    if !has {
        println!("skipped: IORING_TIMEOUT_MULTISHOT, since Linux 6.4");
    }
    has
}

#[test]
fn every_client_of_a_stream_of_connections_comes_out_in_order() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, address) = listener();
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        let mut clients = Vec::new();
        let mut heard = Vec::new();
        for number in 0..100 {
            clients.push(client(address, number));
            if number % 3 == 0 {
                heard.push(hear(&connections.next().await.unwrap().unwrap()));
            }
        }
        while heard.len() < 100 {
            heard.push(hear(&connections.next().await.unwrap().unwrap()));
        }
        assert_eq!(heard, numbers(100));
    });
}

#[test]
fn connections_that_nobody_takes_wait_with_the_kernel_and_come_when_they_are_taken() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, address) = listener();
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener).waiting_max(3);
        assert!(connections.next().now_or_never().is_none());
        turns(2).await;
        let _clients: Vec<_> = (0..100).map(|number| client(address, number)).collect();
        turns(20).await;
        let heard: Vec<_> =
            connections.by_ref().take(100).map(|it| hear(&it.unwrap())).collect().await;
        assert_eq!(heard, numbers(100));
        assert!(connections.next().now_or_never().is_none());
    });
}

#[test]
fn a_stream_that_is_stopped_gives_what_was_delivered_and_ends() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let before = open_fds();
    for round in 0..40 {
        let (listener, address) = listener();
        let there = pool.runtime(1);
        let clients = pool.block_on(async {
            let mut connections = op::accept_multishot(&listener).waiting_max(1 + round % 4);
            assert!(connections.next().now_or_never().is_none());
            turns(2).await;
            let clients: Vec<_> = (0..5).map(|number| client(address, number)).collect();
            turns(round % 5).await;
            if round % 2 == 0 {
                switch_to(&there).await.unwrap();
            }
            connections.stop();
            connections.stop();
            let mut heard = Vec::new();
            while let Some(connection) = connections.next().await {
                heard.push(hear(&connection.unwrap()));
            }
            // The others wait in the backlog.
            let mut rest = op::accept_multishot(&listener);
            while heard.len() < 5 {
                heard.push(hear(&rest.next().await.unwrap().unwrap()));
            }
            assert_eq!(heard, numbers(5));
            assert!(connections.next().await.is_none());
            clients
        });
        drop(clients);
    }
    until(|| open_fds() == before);
}

#[test]
fn a_stream_that_was_never_polled_can_be_stopped() {
    let (_alone, _limit) = (alone(), limit());
    let (listener, _) = listener();
    let mut connections = op::accept_multishot(&listener);
    connections.stop();
    assert!(connections.next().now_or_never().unwrap().is_none());
}

#[test]
fn a_stream_that_is_dropped_closes_what_was_delivered() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let before = open_fds();
    let mut clients = Vec::new();
    for round in 0..40 {
        let (listener, address) = listener();
        clients.extend(pool.block_on(async {
            let mut connections = op::accept_multishot(&listener);
            assert!(connections.next().now_or_never().is_none());
            turns(2).await;
            let clients = [(); 3].map(|()| connect(address));
            turns(round % 3).await;
            match round % 4 {
                0 => drop(connections),
                1 => spawn_on(&pool.runtime(1), async move { drop(connections) }).await.unwrap(),
                2 => on_a_plain_thread(move || drop(connections)),
                _ => drop(connections.next().await),
            }
            clients
        }));
    }
    assert!(clients.iter().all(is_ended));
    drop(clients);
    until(|| open_fds() == before);
}

#[test]
fn a_stream_goes_on_wherever_its_task_goes() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (listener, address) = listener();
    let clients = std::thread::spawn(move || {
        (0..300).map(|number| client(address, number)).collect::<Vec<_>>()
    });
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener).waiting_max(4);
        let mut heard = Vec::new();
        for number in 0..300 {
            switch_to(&pool.runtime(number / 7 % 2)).await.unwrap();
            heard.push(hear(&connections.next().await.unwrap().unwrap()));
        }
        assert_eq!(heard, numbers(300));
    });
    drop(clients.join().unwrap());
}

#[test]
fn a_stream_polled_on_a_foreign_executor_is_woken_there() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, address) = listener();
    let connections = pool.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        assert!(connections.next().now_or_never().is_none());
        connections
    });
    let clients = std::thread::spawn(move || {
        (0..60).map(|number| client(address, number)).collect::<Vec<_>>()
    });
    let taken = connections.take(60).map(|it| hear(&it.unwrap())).collect::<Vec<_>>();
    assert_eq!(futures::executor::block_on(taken), numbers(60));
    drop(clients.join().unwrap());
}

#[test]
fn a_stream_whose_ring_has_stopped_keeps_what_was_delivered_and_goes_on_on_another() {
    let (_alone, _limit) = (alone(), limit());
    let first = Pool::new(1);
    let (listener, address) = listener();
    let (mut connections, clients) = first.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        assert!(connections.next().now_or_never().is_none());
        turns(2).await;
        let clients: Vec<_> = (0..4).map(|number| client(address, number)).collect();
        turns(20).await;
        (connections, clients)
    });
    drop(first);
    let second = Pool::new(1);
    second.block_on(async {
        let _more: Vec<_> = (4..8).map(|number| client(address, number)).collect();
        for number in 0..8 {
            assert_eq!(hear(&connections.next().await.unwrap().unwrap()), number);
        }
    });
    drop(clients);
}

#[test]
fn a_stream_is_refused_outside_a_pool_and_works_inside_afterwards() {
    let (_alone, _limit) = (alone(), limit());
    let (listener, address) = listener();
    let mut connections = op::accept_multishot(&listener);
    for _ in 0..2 {
        let refused = connections.next().now_or_never().unwrap().unwrap();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let _client = client(address, 7);
    let pool = Pool::new(1);
    let connection = pool.block_on(async { connections.next().await.unwrap().unwrap() });
    assert_eq!(hear(&connection), 7);
}

#[test]
fn an_accept_without_descriptors_says_so_and_goes_on_when_there_are_some() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, address) = listener();
    let clients: Vec<_> = (0..4).map(|number| client(address, number)).collect();
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        with_descriptors_used_up(async {
            for _ in 0..3 {
                let error = connections.next().await.unwrap().unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            }
        })
        .await;
        for number in 0..4 {
            assert_eq!(hear(&connections.next().await.unwrap().unwrap()), number);
        }
    });
    drop(clients);
}

/// Runs `future` while the process may open no descriptor more. What is under way has the limit
/// of when it began.
async fn with_descriptors_used_up<F: Future>(future: F) -> F::Output {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a limit of ours.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    let lowered = libc::rlimit { rlim_cur: 3, ..limit };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const lowered) }, 0);
    let output = future.await;
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    output
}

#[test]
fn a_listener_that_is_shut_down_says_so_and_ends_the_stream() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, _) = listener();
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener);
        assert!(connections.next().now_or_never().is_none());
        turns(2).await;
        // SAFETY: the descriptor is open.
        assert_eq!(unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) }, 0);
        let error = connections.next().await.unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert!(connections.next().await.is_none());
        let (reader, _writer) = pipe();
        let mut nonsense = op::accept_multishot(&reader);
        let error = nonsense.next().await.unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
        assert!(nonsense.next().await.is_none());
    });
}

#[test]
fn no_connection_is_lost_when_the_queue_of_completions_overflows() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::builder().threads(1).submission_entries(4).completion_entries(8);
    let pool = pool.build().unwrap();
    let (listener, address) = listener();
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener).waiting_max(1000);
        assert!(connections.next().now_or_never().is_none());
        turns(2).await;
        let _clients: Vec<_> = (0..100).map(|number| client(address, number)).collect();
        let taken = connections.take(100).map(|it| hear(&it.unwrap())).collect::<Vec<_>>();
        assert_eq!(taken.await, numbers(100));
    });
}

#[test]
fn a_poll_tells_of_each_arrival_once() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    pool.block_on(async {
        let mut ready = op::poll_multishot(&reader, libc::POLLIN);
        for _ in 0..50 {
            assert!(ready.next().now_or_never().is_none());
            writer.write_all(b"x").unwrap();
            assert_eq!(ready.next().await.unwrap().unwrap(), libc::POLLIN);
            turns(3).await;
            assert!(ready.next().now_or_never().is_none(), "nothing new has come");
        }
        drop(writer);
        assert_ne!(ready.next().await.unwrap().unwrap() & libc::POLLHUP, 0);
    });
}

#[test]
fn a_poll_of_what_is_ready_already_tells_of_it() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (reader, mut writer) = pipe();
    writer.write_all(b"x").unwrap();
    pool.block_on(async {
        let mut ready = op::poll_multishot(&reader, libc::POLLIN);
        assert_eq!(ready.next().await.unwrap().unwrap(), libc::POLLIN);
    });
}

#[test]
fn a_clock_ticks_as_often_as_it_was_asked_for() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    if !has_ticks(&pool) {
        return;
    }
    for clock in [libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME, libc::CLOCK_REALTIME] {
        for count in [0, 1, 2, 30] {
            let ticks = op::timeout_multishot(Duration::from_micros(200)).count(count).clock(clock);
            let started = Instant::now();
            let there = pool.runtime(1);
            let ticked = pool.block_on(async move {
                let mut ticks = ticks.waiting_max(4);
                let mut ticked = 0;
                while let Some(tick) = ticks.next().await {
                    tick.unwrap();
                    ticked += 1;
                    if ticked == 10 {
                        switch_to(&there).await.unwrap();
                    }
                }
                ticked
            });
            assert_eq!(ticked, count);
            if clock != libc::CLOCK_REALTIME {
                assert!(started.elapsed() >= Duration::from_micros(200) * count);
            }
        }
    }
}

#[test]
fn a_clock_that_cannot_be_is_refused() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    pool.block_on(async {
        let wrong = [
            op::timeout_multishot(Duration::ZERO),
            op::timeout_multishot(Duration::from_secs(1)).clock(libc::CLOCK_PROCESS_CPUTIME_ID),
        ];
        for mut ticks in wrong {
            let error = ticks.next().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        let mut never = op::timeout_multishot(Duration::MAX);
        assert!(never.next().now_or_never().is_none());
        turns(5).await;
        assert!(never.next().now_or_never().is_none());
    });
}

#[test]
fn ticks_that_nobody_takes_stop_the_clock_until_they_are_taken() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    if !has_ticks(&pool) {
        return;
    }
    let (ticks, alive, made, _) = Ticks::new(|_| ());
    pool.block_on(async {
        let mut ticks = Multishot::new(ticks).waiting_max(5);
        assert!(ticks.next().now_or_never().is_none());
        while current().unwrap().metrics().operations_completed < 2 {
            yield_now().await;
        }
        let waiting = alive.load(Ordering::SeqCst);
        assert!(waiting >= 5, "{waiting}");
        for number in 0..waiting + 20 {
            assert_eq!(ticks.next().await.unwrap().unwrap().1, number);
        }
        assert!(made.load(Ordering::SeqCst) >= waiting + 20);
    });
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_panic_in_an_operation_of_the_users_costs_one_item() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    if !has_ticks(&pool) {
        return;
    }
    let (ticks, alive, _, gone) = Ticks::new(|number| {
        if number % 2 == 1 {
            panic_on_purpose("in item");
        }
    });
    pool.block_on(async {
        let mut ticks = Multishot::new(ticks);
        for number in 0..10 {
            assert_eq!(ticks.next().await.unwrap().unwrap().1, 2 * number);
        }
    });
    until(|| gone.get() == 1);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn streams_dropped_anywhere_at_any_time_leave_nothing() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    if !has_ticks(&pool) {
        return;
    }
    let mut random = network::Random::new();
    let mut counts = Vec::new();
    for round in 0..300 {
        let (ticks, alive, _, gone) = Ticks::new(|_| ());
        counts.push((alive, gone));
        let mut ticks = Multishot::new(ticks).waiting_max(1 + random.below(4));
        let (before, home) = (random.below(4), random.below(2));
        let there = pool.runtime(random.below(2));
        let task = spawn_on(&pool.runtime(home), async move {
            for _ in 0..before {
                let _ = ticks.next().await.unwrap().unwrap();
            }
            let _ = ticks.next().now_or_never();
            switch_to(&there).await.unwrap();
            if round % 5 == 0 {
                ticks.stop();
            }
            match round % 3 {
                0 => drop(ticks),
                1 => on_a_plain_thread(move || drop(ticks)),
                _ => {
                    let _ = ticks.next().await;
                }
            }
        });
        if round % 7 == 0 {
            drop(task);
        } else {
            task.wait().unwrap();
        }
    }
    until(|| counts.iter().all(|(_, gone)| gone.get() == 1));
    assert!(counts.iter().all(|(alive, _)| alive.load(Ordering::SeqCst) == 0));
}

#[test]
fn a_stream_that_is_forgotten_does_not_keep_its_ring_from_stopping() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    if !has_ticks(&pool) {
        return;
    }
    let (ticks, alive, _, gone) = Ticks::new(|_| ());
    pool.block_on(async {
        let mut ticks = Multishot::new(ticks).waiting_max(3);
        assert!(ticks.next().now_or_never().is_none());
        forget(ticks);
        while current().unwrap().metrics().operations_completed < 2 {
            yield_now().await;
        }
    });
    shut_down(&pool);
    assert!(alive.load(Ordering::SeqCst) >= 3);
    assert_eq!(gone.get(), 0);
}

#[test]
fn a_pool_that_is_dropped_ends_its_streams() {
    let (_alone, _limit) = (alone(), limit());
    let before = open_fds();
    let (counts, clients) = {
        let pool = Pool::new(2);
        let armed = Count::new();
        let counts: Vec<_> = (0..20)
            .map(|index| {
                let (ticks, alive, _, gone) = Ticks::new(|_| ());
                let armed = armed.clone();
                pool.runtime(index % 2)
                    .spawn(async move {
                        let (listener, _) = listener();
                        let mut connections = op::accept_multishot(&listener);
                        let mut ticks = Multishot::new(ticks).waiting_max(2);
                        assert!(connections.next().now_or_never().is_none());
                        let _ = ticks.next().now_or_never();
                        armed.add();
                        connections.next().await;
                    })
                    .detach();
                (alive, gone)
            })
            .collect();
        armed.reaches(20);
        (counts, ())
    };
    let () = clients;
    for (alive, gone) in counts {
        assert_eq!((alive.load(Ordering::SeqCst), gone.get()), (0, 1));
    }
    assert_eq!(open_fds(), before);
}

/// An operation that holds its own stream, and drops it when its completion comes.
struct DropsItself(Arc<Mutex<Option<Multishot<DropsItself>>>>, #[expect(dead_code)] CountsDrop);

// SAFETY: the entry points to nothing.
unsafe impl MultishotOperation for DropsItself {
    type Item = ();

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        Ok(opcode::Nop::new().build())
    }

    fn item(&self, _: Shot) -> Option<io::Result<()>> {
        let stream = self.0.lock().unwrap().take();
        drop(stream);
        Some(Ok(()))
    }

    fn after(&mut self, _: Shot) -> After {
        After::Again
    }
}

#[test]
fn a_stream_that_is_dropped_by_its_own_operation_is_over_and_not_asked_for_again() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (own, gone) = (Arc::new(Mutex::new(None)), Count::new());
    pool.block_on(async {
        let mut stream = Multishot::new(DropsItself(own.clone(), gone.on_drop()));
        assert!(stream.next().now_or_never().is_none());
        *own.lock().unwrap() = Some(stream);
        while gone.get() == 0 {
            yield_now().await;
        }
        sleep(Duration::from_millis(5)).await;
        let before = current().unwrap().metrics().enters;
        sleep(Duration::from_millis(100)).await;
        let enters = current().unwrap().metrics().enters - before;
        assert!(enters < 50, "{enters} system calls in a tenth of a second of rest");
    });
    shut_down(&pool);
    assert_eq!(gone.get(), 1);
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_costs_no_item() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    if !has_ticks(&pool) {
        return;
    }
    let (ticks, _, _, _) = Ticks::new(|_| ());
    pool.block_on(async {
        let mut ticks = Multishot::new(ticks);
        let ill = Waker::from(Arc::new(PanicsWhenDropped));
        assert!(poll_once(&mut ticks.next(), &ill).is_pending());
        drop(ill);
        // The last of it goes where the stream takes the next waker in its place.
        let replaced =
            AssertUnwindSafe(|| poll_once(&mut ticks.next(), Waker::noop()).is_pending());
        panic_of(replaced);
        for number in 0..20 {
            assert_eq!(ticks.next().await.unwrap().unwrap().1, number);
        }
    });
}

struct PanicsWhenDropped;

impl Wake for PanicsWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic_on_purpose("a waker's drop");
    }
}

#[test]
fn a_stream_that_always_has_items_lets_other_tasks_run() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(1);
    let (listener, address) = listener();
    let clients = std::thread::spawn(move || {
        (0..400).map(|number| client(address, number)).collect::<Vec<_>>()
    });
    pool.block_on(async {
        let mut connections = op::accept_multishot(&listener).waiting_max(1000);
        connections.next().await.unwrap().unwrap();
        let other = ringpool::spawn(async { 5 });
        for _ in 1..400 {
            connections.next().await.unwrap().unwrap();
        }
        assert!(other.is_finished());
    });
    drop(clients.join().unwrap());
}
