//! A storm of cancels: tasks that wait for everything there is, on all rings, are cancelled from
//! all sides at random moments; afterwards nothing is left of them, and nothing is lost.

#[path = "memory/allocator.rs"]
mod allocator;
#[path = "storm/cancellers.rs"]
mod cancellers;
mod common;
mod network;
#[path = "storm/victims.rs"]
mod victims;
#[path = "storm/world.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

use allocator::Counted;
use cancellers::Cancellers;
use common::*;
use network::{Random, connect, is_ended, open_fds};
use ringpool::{Doorbell, Pool, Runtime};
use world::{Ledger, World};

#[global_allocator]
static COUNTED: Counted = Counted::new();

/// How many tasks are cancelled in all; AddressSanitizer makes each of them take longer.
const TASKS: usize = if cfg!(ringpool_asan) { 30_000 } else { 100_000 };
/// So many have to be spawned within the limit of time, and then as many more.
const TASKS_A_LIMIT: usize = 2_000;
const RINGS: usize = 3;
/// One task opens at most two descriptors of its own; its share of the connections is one more.
const DESCRIPTORS_OF_A_TASK: usize = 3;
/// For the pool, the harness, and connections between two owners.
const SPARE_DESCRIPTORS: usize = 200;

/// Where others want the processors, all these threads take turns for long. That is no stall as
/// long as the storm goes on.
fn patience() -> Duration {
    if is_emulated() { 4 * LIMIT } else { LIMIT }
}

/// How many tasks may be alive at once.
fn crowd() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    let free = (limit.rlim_cur as usize).saturating_sub(open_fds() + SPARE_DESCRIPTORS);
    (free / DESCRIPTORS_OF_A_TASK).clamp(20, 500)
}

/// Connects again and again until `over`; says how often. All of these connections have ended when
/// it returns.
fn clients(world: &World, over: &Gate, random: &mut Random) {
    let mut open = std::collections::VecDeque::new();
    while !over.is_open() {
        open.push_back(connect(world.address));
        world.ledger.connected.add();
        if open.len() > 8 + random.below(16) {
            assert!(is_ended(&open.pop_front().expect("there are some")), "nobody sends anything");
        }
    }
    assert!(open.iter().all(is_ended), "a connection is neither served nor closed");
}

/// Takes in what the storm has left at the listener, until the clients have had enough.
fn serve_the_rest(pool: &Pool, world: &World, are_served: impl Fn() -> bool + Sync) {
    pool.block_on(async {
        while !are_served() {
            let accepted = world.listener.accept();
            if ringpool::time::timeout(Duration::from_millis(1), accepted).await.is_ok() {
                world.ledger.accepted.add();
            }
        }
    });
}

/// Waits until nothing is alive and nothing in the kernel.
fn all_is_over(runtimes: &[Runtime]) {
    until(|| {
        runtimes.iter().all(|runtime| {
            let metrics = runtime.metrics();
            metrics.tasks_alive == 0 && metrics.operations_started == metrics.operations_completed
        })
    });
}

/// Spawns so many tasks, a crowd at a time, and has all of them cancelled.
fn storm_over(pool: &Pool, tasks: usize, random: &mut Random) -> Arc<Ledger> {
    let world = Arc::new(World::new(pool, tasks));
    let ledger = world.ledger.clone();
    let (over, crowd) = (Gate::new(), crowd());
    std::thread::scope(|scope| {
        let mut of_clients = random.fork();
        let (known, ends) = (&world, &over);
        let clients = scope.spawn(move || clients(known, ends, &mut of_clients));
        let cancellers = Cancellers::start(pool, random);
        let mut limit = None;
        for number in 0..tasks {
            if number % TASKS_A_LIMIT == 0 {
                limit = Some(limit_of(patience()));
            }
            until(|| ledger.alive() < crowd);
            let runtime = &world.runtimes[random.below(RINGS)];
            let victim = victims::spawn(runtime, &world, random);
            cancellers.give(victim, random);
        }
        drop(limit);
        let _limit = limit_of(patience());
        cancellers.finish();
        over.open();
        serve_the_rest(pool, &world, || clients.is_finished());
        clients.join().expect("the clients do not panic");
    });
    let _limit = limit_of(patience());
    // Those whose handles were dropped may still be on their way out.
    until(|| Arc::strong_count(&world) == 1);
    let world = Arc::into_inner(world).expect("no task is left that knows it");
    world.end();
    all_is_over(pool.runtimes());
    ledger
}

/// The bytes that are left of a storm over so many tasks.
fn left_of(tasks: usize, doorbell: Doorbell, seed: u64) -> isize {
    let descriptors = open_fds();
    let before = COUNTED.allocated().cast_signed();
    let mut random = Random::from_seed(seed);
    let pool = Pool::builder()
        .threads(RINGS)
        .doorbell(doorbell)
        .blocking_thread_limit(2)
        .build()
        .expect("a pool");
    let ledger = storm_over(&pool, tasks, &mut random);
    drop(pool);
    until(|| threads_named("ringpool").is_empty());
    ledger.check();
    let (polled, accepted) = (ledger.polled.get(), ledger.accepted.get());
    println!("{polled} of {tasks} tasks had begun to wait, {accepted} connections were made");
    assert!(polled > tasks / 4, "most were cancelled before they began");
    drop(ledger);
    until(|| open_fds() == descriptors);
    COUNTED.allocated().cast_signed() - before
}

#[test]
fn a_storm_of_cancels_leaves_nothing_and_loses_nothing() {
    let seed = Random::new().next();
    for (doorbell, tasks) in
        [(Doorbell::Automatic, rounds(TASKS) * 4 / 5), (Doorbell::EventFd, rounds(TASKS) / 5)]
    {
        // On a thread of its own, for what a thread keeps for itself goes with it.
        let left_of = move |tasks| on_a_plain_thread(move || left_of(tasks, doorbell, seed));
        // What a process keeps for good, it takes at the first time.
        left_of(100);
        let (few, many) = (left_of(200), left_of(tasks));
        println!("{few} bytes are left of 200 tasks, {many} of {tasks}: {doorbell:?}");
        assert!(many < few + 4096, "{few} bytes are left of 200 tasks, {many} of {tasks}");
    }
}
