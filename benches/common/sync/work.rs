//! The work, for whoever has the names.

use std::hint::black_box;
use std::sync::Arc;

use super::names::{Handle, Mutex, Notify, Semaphore, There, broadcast, oneshot, watch};
use crate::common::measure::{Cost, Stopwatch, repeat};

const WARM_UP: u64 = 1_000;
/// Messages that a sender sends before it waits until all have them.
const BURST: u64 = 256;

pub(crate) async fn lock_alone(_: There, iterations: u64) -> Cost {
    let mutex = Arc::new(Mutex::new(0u64));
    let same = mutex.clone();
    let cost = repeat(WARM_UP, iterations, async move || {
        *black_box(&same).lock().await += 1;
    });
    let cost = cost.await;
    assert_eq!(*mutex.lock().await, WARM_UP + iterations);
    cost
}

/// Locks again and again, and holds the lock while another one may come.
async fn lock_often(mutex: Arc<Mutex<u64>>, count: u64, yields: bool) {
    for _ in 0..count {
        let mut guard = mutex.lock().await;
        if yields {
            tell_others().await;
        }
        *guard += 1;
    }
}

/// Lets the other tasks of the thread run, on any runtime.
async fn tell_others() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

pub(crate) async fn lock_beside(_: There, iterations: u64) -> Cost {
    let mutex = Arc::new(Mutex::new(0));
    let watch = Stopwatch::start();
    let [one, other] = [(); 2].map(|()| lock_often(mutex.clone(), iterations, true));
    futures::future::join(one, other).await;
    let cost = watch.stop();
    assert_eq!(*mutex.lock().await, 2 * iterations);
    cost
}

pub(crate) async fn lock_across(there: There, iterations: u64) -> Cost {
    let mutex = Arc::new(Mutex::new(0));
    let watch = Stopwatch::start();
    let other: Handle<()> = there.spawn(lock_often(mutex.clone(), iterations, false));
    lock_often(mutex.clone(), iterations, false).await;
    other.await.expect("it ends");
    let cost = watch.stop();
    assert_eq!(*mutex.lock().await, 2 * iterations);
    cost
}

pub(crate) async fn permit_alone(_: There, iterations: u64) -> Cost {
    let semaphore = Arc::new(Semaphore::new(1));
    let same = semaphore.clone();
    let cost = repeat(WARM_UP, iterations, async move || {
        drop(black_box(&same).acquire().await.expect("it is open"));
    });
    let cost = cost.await;
    assert_eq!(semaphore.available_permits(), 1);
    cost
}

pub(crate) async fn permits_alone(_: There, iterations: u64) -> Cost {
    let semaphore = Arc::new(Semaphore::new(4));
    let same = semaphore.clone();
    let cost = repeat(WARM_UP, iterations, async move || {
        drop(black_box(&same).acquire_many(3).await.expect("it is open"));
    });
    let cost = cost.await;
    assert_eq!(semaphore.available_permits(), 4);
    cost
}

async fn acquire_often(semaphore: Arc<Semaphore>, count: u64) -> u64 {
    for _ in 0..count {
        let permits = semaphore.acquire_many(2).await.expect("it is open");
        tell_others().await;
        drop(permits);
    }
    count
}

pub(crate) async fn permits_across(there: There, iterations: u64) -> Cost {
    let semaphore = Arc::new(Semaphore::new(4));
    let acquire = || acquire_often(semaphore.clone(), iterations);
    let watch = Stopwatch::start();
    let others: Vec<Handle<u64>> = (0..4).map(|_| there.spawn(acquire())).collect();
    let mut turns: u64 = futures::future::join_all((0..4).map(|_| acquire())).await.iter().sum();
    for other in others {
        turns += other.await.expect("it ends");
    }
    let cost = watch.stop();
    assert_eq!((turns, semaphore.available_permits()), (8 * iterations, 4));
    cost
}

pub(crate) async fn oneshot_alone(_: There, iterations: u64) -> Cost {
    repeat(WARM_UP, iterations, async move || {
        let (sender, receiver) = oneshot::channel();
        black_box(sender).send(7u64).expect("somebody receives");
        assert_eq!(receiver.await.expect("it was sent"), 7);
    })
    .await
}

/// All of them are made before the clock starts.
pub(crate) async fn oneshot_across(there: There, iterations: u64) -> Cost {
    let count = WARM_UP + iterations;
    let channels = || (0..count).map(|_| oneshot::channel()).unzip::<_, _, Vec<_>, Vec<_>>();
    let ((senders, to_receive), (to_send, receivers)) = (channels(), channels());
    let mut pairs = senders.into_iter().zip(receivers);
    let echo: Handle<()> = there.spawn(async move {
        for (receiver, sender) in to_receive.into_iter().zip(to_send) {
            let number: u64 = receiver.await.expect("it was sent");
            sender.send(number + 1).expect("somebody receives");
        }
    });
    let cost = repeat(WARM_UP, iterations, async move || {
        let (sender, receiver) = pairs.next().expect("there are as many");
        sender.send(7).expect("somebody receives");
        assert_eq!(receiver.await.expect("it was sent"), 8);
    });
    let cost = cost.await;
    echo.await.expect("it ends");
    cost
}

pub(crate) async fn watch_across(there: There, iterations: u64) -> Cost {
    let (to_there, mut there_from) = watch::channel(0u64);
    let (to_here, mut here_from) = watch::channel(0u64);
    let echo: Handle<u64> = there.spawn(async move {
        let mut last = 0;
        while there_from.changed().await.is_ok() {
            last = *there_from.borrow_and_update();
            to_here.send(last).expect("somebody receives");
        }
        last
    });
    let mut number = 0;
    let cost = repeat(WARM_UP, iterations, async move || {
        number += 1;
        to_there.send(number).expect("somebody receives");
        here_from.changed().await.expect("somebody sends");
        assert_eq!(*here_from.borrow_and_update(), number);
    });
    let cost = cost.await;
    assert_eq!(echo.await.expect("it ends"), WARM_UP + iterations);
    cost
}

pub(crate) async fn notify_across(there: There, iterations: u64) -> Cost {
    let [to_there, to_here] = [(); 2].map(|()| Arc::new(Notify::new()));
    let (there_from, back) = (to_there.clone(), to_here.clone());
    let echo: Handle<u64> = there.spawn(async move {
        for _ in 0..WARM_UP + iterations {
            there_from.notified().await;
            back.notify_one();
        }
        WARM_UP + iterations
    });
    let cost = repeat(WARM_UP, iterations, async move || {
        to_there.notify_one();
        to_here.notified().await;
    });
    let cost = cost.await;
    assert_eq!(echo.await.expect("it ends"), WARM_UP + iterations);
    cost
}

/// To so many, every second one on this thread, but a single one on the other.
pub(crate) async fn broadcast_across(there: There, receivers: u32, iterations: u64) -> Cost {
    let (sender, first) = broadcast::channel(BURST as usize);
    drop(first);
    let all_have_it = Arc::new(Semaphore::new(0));
    let receive = || {
        let (mut receiver, all_have_it) = (sender.subscribe(), all_have_it.clone());
        async move {
            let mut sum = 0u64;
            for _ in 0..iterations {
                for _ in 0..BURST {
                    sum += receiver.recv().await.expect("it is not too slow");
                }
                all_have_it.add_permits(1);
            }
            sum
        }
    };
    let on_this_thread = receivers / 2;
    let others: Vec<Handle<u64>> =
        (on_this_thread..receivers).map(|_| there.spawn(receive())).collect();
    let here = futures::future::join_all((0..on_this_thread).map(|_| receive()));
    let watch = Stopwatch::start();
    let send = async {
        for _ in 0..iterations {
            for number in 0..BURST {
                sender.send(number).expect("somebody receives");
            }
            all_have_it.acquire_many(receivers).await.expect("it is open").forget();
        }
    };
    let (mut sums, ()) = futures::future::join(here, send).await;
    for other in others {
        sums.push(other.await.expect("it ends"));
    }
    let cost = watch.stop();
    assert_eq!(sums, vec![iterations * (BURST * (BURST - 1) / 2); receivers as usize]);
    cost
}
