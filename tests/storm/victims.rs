//! The tasks that are cancelled: each waits for something, or is on its way.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use ringpool::op::{self, SharedFd};
use ringpool::task::TaskGroup;
use ringpool::{Runtime, Task, spawn_blocking, spawn_on, switch_to, yield_now};

use crate::common::*;
use crate::network::Random;
use crate::world::{PERMITS, World, shared};

/// So long does no test last.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// A task, and whether its future is gone.
pub(crate) struct Victim {
    pub(crate) task: Task<()>,
    pub(crate) gone: Count,
}

/// Spawns a task that waits for something.
pub(crate) fn spawn(runtime: &Runtime, world: &Arc<World>, random: &mut Random) -> Victim {
    let gone = Count::new();
    let guard = (world.ledger.begin(), gone.on_drop());
    let (world, random) = (world.clone(), random.fork());
    let task = runtime.spawn(async move {
        let _guard = guard;
        world.ledger.polled.add();
        wait(&world, random).await;
    });
    Victim { task, gone }
}

async fn wait(world: &Arc<World>, mut random: Random) {
    match random.below(21) {
        0 => read_own_pipe().await,
        1 => drop(op::poll_add(&world.silent, libc::POLLIN).await),
        2 => drop(op::timeout(FOR_EVER).await),
        3 => ringpool::time::sleep(FOR_EVER).await,
        4 => timers(&mut random).await,
        5 | 6 => world.send_some().await,
        7 | 8 => receive(world).await,
        9 | 10 => accept(world).await,
        11 => travel(world, &mut random).await,
        12 => another(world, &mut random).await,
        13 => peers(&mut random).await,
        14 => spawn_blocking(std::thread::yield_now).await.expect("it does not panic"),
        15 => busy().await,
        16 => lock(world).await,
        17 => take_permits(world, &mut random).await,
        18 => world.signal.notified().await,
        19 => group(world).await,
        _ => several(world).await,
    }
}

/// A pipe of its own, and a read that only a cancel ends.
async fn read_own_pipe() {
    let (reader, _writer) = io::pipe().expect("a pipe");
    let _ = op::read(&shared(reader), vec![0; 64]).await;
}

async fn timers(random: &mut Random) {
    for _ in 0..20 {
        ringpool::time::sleep(Duration::from_micros(random.below(100) as u64)).await;
    }
}

async fn receive(world: &World) {
    while let Ok(item) = world.items.recv().await {
        world.ledger.received(&item);
    }
}

async fn accept(world: &World) {
    loop {
        let (connection, _) = world.listener.accept().await.expect("a connection");
        world.ledger.accepted.add();
        yield_now().await;
        drop(connection);
    }
}

/// To and fro, with an operation under way that was begun elsewhere.
async fn travel(world: &World, random: &mut Random) {
    let mut read = op::read(&world.silent, vec![0; 8]);
    loop {
        let to = &world.runtimes[random.below(world.runtimes.len())];
        switch_to(to).await.expect("the ring runs");
        if random.below(2) == 0 {
            assert!(poll_once(&mut read, &own_waker().await).is_pending());
        }
        if random.below(8) == 0 {
            read = op::read(&world.silent, vec![0; 8]);
        }
        yield_now().await;
    }
}

/// Waits for a task of another ring that waits itself.
async fn another(world: &Arc<World>, random: &mut Random) {
    let there = &world.runtimes[random.below(world.runtimes.len())];
    let (guard, silent) = (world.ledger.begin(), world.silent.clone());
    let waits_in_kernel = random.below(2) == 0;
    let other = spawn_on(there, async move {
        let _guard = guard;
        if waits_in_kernel {
            let _ = op::read(&silent, vec![0; 8]).await;
        } else {
            never().await;
        }
    });
    let _ = other.await;
}

/// A message to itself, which may arrive before the cancel, after it, or at the same time.
async fn peers(random: &mut Random) {
    let (here, there) = UnixStream::pair().expect("a pair");
    let [here, there] = [here, there].map(|end| SharedFd::from(OwnedFd::from(end)));
    let mut receive = op::recv(&here, vec![0; 16], 0);
    let _ = poll_once(&mut receive, &own_waker().await);
    for _ in 0..random.below(4) {
        yield_now().await;
    }
    op::send(&there, vec![7; 16], 0).await.expect("the peer is there");
    assert_eq!(receive.await.expect("it was sent"), (16, vec![7; 16]));
}

async fn busy() {
    for _ in 0..200 {
        op::nop().await.expect("nothing can be done");
        yield_now().await;
    }
}

/// Holds the lock for a while, again and again: nobody else may have it meanwhile.
async fn lock(world: &World) {
    for _ in 0..10 {
        let mut guard = world.lock.lock().await;
        let before = *guard;
        *guard += 1;
        yield_now().await;
        assert_eq!(*guard, before + 1, "two hold the lock");
    }
}

async fn take_permits(world: &World, random: &mut Random) {
    for _ in 0..10 {
        let count = 1 + random.below(PERMITS) as u32;
        let permits = world.permits.acquire_many(count).await.expect("it is open");
        yield_now().await;
        drop(permits);
        world.signal.notify_one();
    }
}

/// Waits for children on all rings that never end by themselves.
async fn group(world: &Arc<World>) {
    let group = TaskGroup::new();
    for runtime in &world.runtimes {
        let (guard, silent) = (world.ledger.begin(), world.silent.clone());
        group.spawn_on(runtime, async move {
            let _guard = guard;
            let _ = op::read(&silent, vec![0; 8]).await;
        });
    }
    group.wait_all().await;
}

/// An operation, a timer and a place in a line at once.
async fn several(world: &World) {
    let mut read = op::read(&world.silent, vec![0; 8]);
    let _ = poll_once(&mut read, &own_waker().await);
    futures::join!(
        async { drop(read.await) },
        ringpool::time::sleep(FOR_EVER),
        receive(world),
        accept(world),
    );
}
