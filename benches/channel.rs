//! What a message costs between two pinned threads, one way and there and back.
//!
//! `cargo bench --bench channel [-- FILTER]`; with `--quick` a tenth of it. Each line is the
//! median and the best of some rounds, in nanoseconds a message, and the median of the processor
//! time of both threads; "parks" sleeps when it has to wait, "spins" never does.

#[allow(dead_code, reason = "other benches use the rest of it")]
#[path = "common/measure.rs"]
mod measure;

use measure::Stopwatch;
use ringpool::{Channel, Receiver, Sender};
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

const ROUNDS: usize = 9;
const ROUNDS_QUICK: usize = 3;

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, share) = if is_quick { (ROUNDS_QUICK, 10) } else { (ROUNDS, 1) };
    let wanted = |name: &str| filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let run = |name: String, messages: u64, round: &dyn Fn(u64)| {
        if wanted(&name) {
            report(&name, rounds, messages / share, round);
        }
    };
    for capacity in [1024, 64, 1] {
        let messages = if capacity == 1 { 20_000 } else { 2_000_000 };
        run(format!("one way, capacity {capacity}, parks"), messages, &|messages| {
            one_way(capacity, messages, Drive::Parks);
        });
        run(format!("one way, capacity {capacity}, spins"), messages, &|messages| {
            one_way(capacity, messages, Drive::Spins);
        });
    }
    run("one way, capacity 1024, threads block".into(), 2_000_000, &blocking_one_way);
    run("there and back, parks".into(), 20_000, &|messages| {
        there_and_back(messages, Drive::Parks);
    });
    run("there and back, spins".into(), 200_000, &|messages| {
        there_and_back(messages, Drive::Spins);
    });
    run("on one thread, capacity 1024, 1024 in and out".into(), 2_048_000, &|messages| {
        futures::executor::block_on(on_one_thread(messages));
    });
    run("on one thread, two tasks".into(), 2_000_000, &two_tasks);
    run("unbounded, one way, parks".into(), 2_000_000, &|messages| {
        unbounded_one_way(messages, Drive::Parks);
    });
    run("unbounded, one way, spins".into(), 2_000_000, &|messages| {
        unbounded_one_way(messages, Drive::Spins);
    });
    for burst in [32, 1024, 100_000] {
        run(format!("unbounded, on one thread, {burst} in and out"), 2_048_000, &|messages| {
            unbounded_on_one_thread(burst, messages);
        });
        run(
            format!("tokio, unbounded, on one thread, {burst} in and out"),
            2_048_000,
            &|messages| {
                tokio_unbounded_on_one_thread(burst, messages);
            },
        );
    }
    run("tokio, unbounded, one way, parks".into(), 2_000_000, &|messages| {
        tokio_unbounded_one_way(messages, Drive::Parks);
    });
    run("tokio, unbounded, one way, spins".into(), 2_000_000, &|messages| {
        tokio_unbounded_one_way(messages, Drive::Spins);
    });
    run("on one thread, reserved, capacity 1024".into(), 2_048_000, &|messages| {
        futures::executor::block_on(reserved_on_one_thread(messages));
    });
    run("tokio, on one thread, reserved, capacity 1024".into(), 2_048_000, &|messages| {
        futures::executor::block_on(tokio_reserved_on_one_thread(messages));
    });
    run("crossbeam, capacity 1024, threads block".into(), 2_000_000, &crossbeam_one_way);
}

fn report(name: &str, rounds: usize, messages: u64, round: &dyn Fn(u64)) {
    let costs = (0..rounds).map(|_| {
        let watch = Stopwatch::start();
        round(messages);
        watch.stop()
    });
    let a_message = |time: Duration| time.as_nanos() as f64 / messages as f64;
    let (mut wall, mut cpu): (Vec<f64>, Vec<f64>) =
        costs.map(|cost| (a_message(cost.wall), a_message(cost.cpu))).unzip();
    wall.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    let (middle, cpu) = (wall[rounds / 2], cpu[rounds / 2]);
    println!("{name:48} {middle:9.1} median {:9.1} best {cpu:9.1} processor", wall[0]);
}

#[derive(Clone, Copy)]
enum Drive {
    Parks,
    Spins,
}

impl Drive {
    fn run<F: Future>(self, future: F) -> F::Output {
        match self {
            Self::Parks => futures::executor::block_on(future),
            Self::Spins => spin_on(future),
        }
    }
}

fn one_way(capacity: usize, messages: u64, drive: Drive) {
    let (sender, receiver) = Channel::bounded(capacity).split();
    on_two_cores(
        || drive.run(send_all(sender, messages)),
        || drive.run(receive_all(receiver, messages)),
    );
}

async fn send_all(sender: Sender<u64>, messages: u64) {
    for number in 0..messages {
        sender.send(number).await.expect("the receiver stays");
    }
}

async fn receive_all(receiver: Receiver<u64>, messages: u64) {
    for number in 0..messages {
        assert_eq!(receiver.recv().await, Ok(number));
    }
}

fn there_and_back(messages: u64, drive: Drive) {
    let (ping, pinged) = Channel::bounded(1).split();
    let (pong, ponged) = Channel::bounded(1).split();
    on_two_cores(
        || {
            drive.run(async move {
                for number in 0..messages {
                    ping.send(number).await.expect("the other side stays");
                    assert_eq!(ponged.recv().await, Ok(number));
                }
            });
        },
        || {
            drive.run(async move {
                while let Ok(number) = pinged.recv().await {
                    if pong.send(number).await.is_err() {
                        break;
                    }
                }
            });
        },
    );
}

fn blocking_one_way(messages: u64) {
    let (sender, receiver) = Channel::bounded(1024).split();
    on_two_cores(
        || (0..messages).for_each(|number| sender.send_blocking(number).unwrap()),
        || (0..messages).for_each(|number| assert_eq!(receiver.recv_blocking(), Ok(number))),
    );
}

fn crossbeam_one_way(messages: u64) {
    let (sender, receiver) = crossbeam_channel::bounded(1024);
    on_two_cores(
        || (0..messages).for_each(|number| sender.send(number).unwrap()),
        || (0..messages).for_each(|number| assert_eq!(receiver.recv(), Ok(number))),
    );
}

async fn on_one_thread(messages: u64) {
    let channel = Channel::bounded(1024);
    for _ in 0..messages / 1024 {
        for number in 0..1024 {
            channel.send(black_box(number)).await.expect("it stays open");
        }
        for number in 0..1024 {
            assert_eq!(channel.recv().await, Ok(number));
        }
    }
}

fn unbounded_one_way(messages: u64, drive: Drive) {
    let (sender, receiver) = Channel::unbounded().split();
    on_two_cores(
        || drive.run(send_all(sender, messages)),
        || drive.run(receive_all(receiver, messages)),
    );
}

fn tokio_unbounded_one_way(messages: u64, drive: Drive) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    on_two_cores(
        move || (0..messages).for_each(|number| sender.send(number).expect("the receiver stays")),
        move || {
            drive.run(async {
                for number in 0..messages {
                    assert_eq!(receiver.recv().await, Some(number));
                }
            });
        },
    );
}

fn unbounded_on_one_thread(burst: u64, messages: u64) {
    let channel = Channel::unbounded();
    for _ in 0..messages / burst {
        (0..burst).for_each(|number| channel.try_send(black_box(number)).expect("it stays open"));
        (0..burst).for_each(|number| assert_eq!(channel.try_recv(), Ok(number)));
    }
}

fn tokio_unbounded_on_one_thread(burst: u64, messages: u64) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for _ in 0..messages / burst {
        (0..burst).for_each(|number| sender.send(black_box(number)).expect("it stays open"));
        (0..burst).for_each(|number| assert_eq!(receiver.try_recv(), Ok(number)));
    }
}

async fn reserved_on_one_thread(messages: u64) {
    let channel = Channel::bounded(1024);
    for _ in 0..messages / 1024 {
        for number in 0..1024 {
            channel.reserve().await.expect("it stays open").send(black_box(number));
        }
        for number in 0..1024 {
            assert_eq!(channel.recv().await, Ok(number));
        }
    }
}

async fn tokio_reserved_on_one_thread(messages: u64) {
    let (sender, mut receiver) = mpsc::channel(1024);
    for _ in 0..messages / 1024 {
        for number in 0..1024 {
            sender.reserve().await.expect("it stays open").send(black_box(number));
        }
        for number in 0..1024 {
            assert_eq!(receiver.recv().await, Some(number));
        }
    }
}

fn two_tasks(messages: u64) {
    let (sender, receiver) = Channel::bounded(1024).split();
    futures::executor::block_on(async {
        futures::join!(send_all(sender, messages), receive_all(receiver, messages));
    });
}

fn on_two_cores(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let pin_to = |place: usize| {
        if let Some(core) = cores.get(place) {
            core_affinity::set_for_current(*core);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            pin_to(0);
            first();
        });
        scope.spawn(|| {
            pin_to(1);
            second();
        });
    });
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Drives a future as a loop that never sleeps would.
fn spin_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !flag.0.swap(false, Ordering::Acquire) {
            std::hint::spin_loop();
        }
    }
}
