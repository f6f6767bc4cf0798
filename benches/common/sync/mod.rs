//! Locks, signals and channels of both: the same file of work, compiled for each of them.

use ringpool::channel as ringpool_channel;
use ringpool::sync as ringpool_sync;

use super::rows::{Contender, Goal, Row, ringpool, tokio};
use super::runtimes::{TokioNeighbour, Waiting, on_tokio, pool};

/// With the names of ringpool.
#[path = "."]
mod on_ringpool {
    pub(super) mod names {
        pub(crate) use super::super::ringpool_channel::{broadcast, oneshot, watch};
        pub(crate) use super::super::ringpool_sync::{Mutex, Notify, Semaphore};
        pub(crate) use ringpool::Task as Handle;

        /// The other thread.
        pub(crate) type There = ringpool::Runtime;
    }

    #[path = "work.rs"]
    pub(super) mod work;
}

/// With those of tokio.
#[path = "."]
#[allow(clippy::duplicate_mod, reason = "that it is the same file is what makes it comparable")]
mod on_tokio_runtime {
    pub(super) mod names {
        pub(crate) use tokio::sync::{Mutex, Notify, Semaphore, broadcast, oneshot, watch};
        pub(crate) use tokio::task::JoinHandle as Handle;

        /// The other thread.
        pub(crate) type There = tokio::runtime::Handle;
    }

    #[path = "work.rs"]
    pub(super) mod work;
}

/// Two rings against two current-thread runtimes, on the same two processors.
macro_rules! contenders {
    ($waiting:expr, $work:ident($($argument:expr),*)) => {
        &[
            ringpool(|count| {
                let pool = pool(2, $waiting);
                let there = pool.runtime(1);
                pool.block_on(on_ringpool::work::$work(there, $($argument,)* count))
            }),
            tokio(|count| {
                let neighbour = TokioNeighbour::start();
                let there = neighbour.handle.clone();
                on_tokio(on_tokio_runtime::work::$work(there, $($argument,)* count))
            }),
        ] as &[Contender]
    };
}

macro_rules! row {
    ($name:literal, $operations:expr, $work:ident($($argument:expr),*)) => {
        Row {
            name: $name,
            operations: $operations,
            contenders: contenders!(Waiting::Default, $work($($argument),*)),
            goal: Goal::AheadOfTokio,
            notes: &[1],
        }
    };
    ($name:literal, asleep, $operations:expr, $work:ident($($argument:expr),*)) => {
        Row {
            name: concat!($name, ", asleep"),
            operations: $operations,
            contenders: contenders!(Waiting::Asleep, $work($($argument),*)),
            goal: Goal::AheadOfTokio,
            notes: &[1, 3],
        }
    };
}

pub(crate) const ROWS: &[Row] = &[
    row!("Mutex, alone", 1, lock_alone()),
    row!("Mutex, two tasks of one thread, a lock", 2, lock_beside()),
    row!("Mutex, a task on each of two threads, a lock", 2, lock_across()),
    row!("Semaphore, alone", 1, permit_alone()),
    row!("Semaphore, three permits at once, alone", 1, permits_alone()),
    row!(
        "Semaphore, eight tasks on two threads take two of four permits, a turn",
        8,
        permits_across()
    ),
    row!("oneshot, made, sent and received in one task", 1, oneshot_alone()),
    row!("oneshot between two threads, round trip", 1, oneshot_across()),
    row!("watch between two threads, round trip", 1, watch_across()),
    row!("Notify between two threads, round trip", 1, notify_across()),
    row!("broadcast to one on the other thread, a message", 256, broadcast_across(1)),
    row!("broadcast to one on the other thread, a message", asleep, 256, broadcast_across(1)),
    row!("broadcast to four on two threads, a message", 256, broadcast_across(4)),
    row!("broadcast to four on two threads, a message", asleep, 256, broadcast_across(4)),
];
