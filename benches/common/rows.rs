//! The rows of the table: a question, who answers it, and what the answer shall be.

use super::measure::Cost;
use super::runtimes::Waiting::{Asleep, Default};
use super::{balance, channels, echo, files, floors, hops, io_rows, local, sync};

/// One question.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Operations that one iteration of the contenders does.
    pub(crate) operations: u64,
    /// Ringpool first.
    pub(crate) contenders: &'static [Contender],
    pub(crate) goal: Goal,
    /// Numbers of the notes that belong to it.
    pub(crate) notes: &'static [usize],
}

/// Who answers.
pub(crate) struct Contender {
    pub(crate) who: Who,
    /// Starts what it needs, warms up, and gives the cost of so many iterations.
    pub(crate) run: fn(u64) -> Cost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Ringpool,
    Tokio,
    /// What the kernel or the processor needs without any runtime.
    Floor(&'static str),
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ringpool => "ringpool",
            Self::Tokio => "tokio",
            Self::Floor(name) => name,
        }
    }
}

/// What ringpool shall reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many nanoseconds an operation.
    WallNs(f64),
    /// So many times the wall time of the floor.
    WallOfFloor(f64),
    /// So many times the processor time of the floor.
    CpuOfFloor(f64),
    /// Less wall time and less processor time than tokio.
    AheadOfTokio,
}

pub(crate) const fn ringpool(run: fn(u64) -> Cost) -> Contender {
    Contender { who: Who::Ringpool, run }
}

pub(crate) const fn tokio(run: fn(u64) -> Cost) -> Contender {
    Contender { who: Who::Tokio, run }
}

pub(crate) const fn floor(name: &'static str, run: fn(u64) -> Cost) -> Contender {
    Contender { who: Who::Floor(name), run }
}

const CACHE_LINE: Contender = floor("cache line there and back", floors::cache_line);
const MSG_RING: Contender = floor("MSG_RING there and back", floors::ring_messages);
const MSG_RING_AFTER_GAP: Contender =
    floor("MSG_RING there and back", floors::ring_messages_after_gap);
const PARK: Contender = floor("park and unpark", floors::park);

/// What the table says about rows, by number.
pub(crate) const NOTES: [&str; 18] = [
    "Tokio: two current-thread runtimes, each on a thread pinned as ringpool's rings are. It has \
     no way to wait awake.",
    "Tokio cannot move a task; compared with spawning on the other runtime and awaiting, which \
     is what one does instead.",
    "Ringpool with `spin_before_sleep(0)`: both rings sleep whenever they wait. After a pause: \
     the calling thread computes for 30 µs before each operation, which is not counted.",
    "Tokio: a multi-thread runtime with two workers, pinned one each. The tasks are spawned from \
     one of them and stolen by the other; ringpool places them in turn.",
    "Tokio: a current-thread runtime on the same processor.",
    "The threads for blocking work of both may run on both processors. Warm, ringpool's ring waits \
     awake for the answer while the closure runs elsewhere.",
    "Tokio has no file operation of its own: each read is a closure on a thread for blocking \
     work, as `tokio::fs` does it, here without its extra copy.",
    "Processor time is the server's alone. The client is a thread of `std` on the second \
     processor that writes to all connections, then reads from all. Wall time is the client's.",
    "The bare server does one recv and one send a request and nothing else.",
    "At random places of a file of 64 MiB that is in memory, or, with `O_DIRECT`, on the disk; the \
     bare loop, too, has as many reads under way as the depth says.",
    "Both servers have one receive a connection, which the kernel completes again and again, each \
     time into one of 256 provided buffers, and one send a message, out of that buffer.",
    "To a peer on the same machine the kernel copies nevertheless, and has to find the pages, too: \
     what sending without a copy saves shows over a network only, and these rows show what it \
     costs. One send after the other, out of the first of eight buffers that has come back. \
     Processor time is that of the sending thread; the receiver is a thread of `std` on the second \
     processor.",
    "`or_copy` copies what is shorter than 16 KiB; so does the bare loop.",
    "Tokio: a multi-thread runtime with two workers, pinned one each. A worker that has nothing to \
     do takes half of the other's queue, which is open to it; one ring of ringpool takes only what \
     the other has laid out.",
    "Tokio's queue of a worker has 256 places; what does not fit goes, half a queue at once, to a \
     queue that all share behind a lock. The task spawned last is polled next, and the workers \
     wake each other.",
    "Ringpool: by `spawn_on`. Tokio has nothing like it: all are spawned on one worker, as in the \
     row below.",
    "Sixteen connections, eight with tasks born on each ring; in turn, for 64 requests, those of \
     one ring alone are used, by eight threads of `std` that each wait for their answer. Processor \
     time is the server's alone; the clients need the same two processors. By hand: the same pool \
     with `Balance::Manual`, where one ring serves and the other one sleeps. Tokio's connections \
     belong to no worker: one driver, which the workers take turns to be, says which are readable.",
    "By hand: the same pool with `Balance::Manual`, which shares nothing and lays nothing out.",
];

/// All rows, as the table has them.
pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(balance::ROWS).chain(sync::ROWS).chain(io_rows::ROWS)
}

/// Those with tokio.
const ROWS: &[Row] = &[
    Row {
        name: "`spawn_on` and await, warm",
        operations: 1,
        contenders: &[
            ringpool(|count| hops::ringpool_spawn_on(Default, count)),
            tokio(hops::tokio_spawn_on),
            CACHE_LINE,
        ],
        goal: Goal::WallNs(1_500.0),
        notes: &[1],
    },
    Row {
        name: "`spawn_on` and await, asleep",
        operations: 1,
        contenders: &[
            ringpool(|count| hops::ringpool_spawn_on(Asleep, count)),
            tokio(hops::tokio_spawn_on),
            MSG_RING,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[1, 3],
    },
    Row {
        name: "`spawn_on` and await, asleep, after a pause",
        operations: 1,
        contenders: &[
            ringpool(hops::ringpool_spawn_on_after_gap),
            tokio(hops::tokio_spawn_on_after_gap),
            MSG_RING_AFTER_GAP,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[1, 3],
    },
    Row {
        name: "`switch_to` there and back, warm",
        operations: 1,
        contenders: &[
            ringpool(|count| hops::ringpool_switch(Default, count)),
            tokio(hops::tokio_spawn_on),
            CACHE_LINE,
        ],
        goal: Goal::WallNs(1_500.0),
        notes: &[1, 2],
    },
    Row {
        name: "`switch_to` there and back, asleep",
        operations: 1,
        contenders: &[
            ringpool(|count| hops::ringpool_switch(Asleep, count)),
            tokio(hops::tokio_spawn_on),
            MSG_RING,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[1, 2, 3],
    },
    Row {
        name: "`switch_to` there and back, asleep, after a pause",
        operations: 1,
        contenders: &[
            ringpool(hops::ringpool_switch_after_gap),
            tokio(hops::tokio_spawn_on_after_gap),
            MSG_RING_AFTER_GAP,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[1, 2, 3],
    },
    Row {
        name: "20,000 `spawn_on`, then await all, a task",
        operations: hops::BATCH,
        contenders: &[ringpool(hops::ringpool_batch), tokio(hops::tokio_batch)],
        goal: Goal::WallNs(250.0),
        notes: &[1],
    },
    Row {
        name: "20,000 tasks for both threads, then await all, a task",
        operations: hops::BATCH,
        contenders: &[ringpool(hops::ringpool_batch_for_both), tokio(hops::tokio_batch_for_both)],
        goal: Goal::WallNs(250.0),
        notes: &[4],
    },
    Row {
        name: "local spawn and await",
        operations: 1,
        contenders: &[ringpool(local::ringpool_spawn), tokio(local::tokio_spawn)],
        goal: Goal::WallNs(60.0),
        notes: &[5],
    },
    Row {
        name: "yield",
        operations: 1,
        contenders: &[ringpool(local::ringpool_yield), tokio(local::tokio_yield)],
        goal: Goal::WallNs(20.0),
        notes: &[5],
    },
    Row {
        name: "channel between rings, round trip, warm",
        operations: 1,
        contenders: &[
            ringpool(|count| channels::ringpool_round_trip(Default, count)),
            tokio(channels::tokio_round_trip),
            CACHE_LINE,
        ],
        goal: Goal::WallNs(1_500.0),
        notes: &[1],
    },
    Row {
        name: "channel between rings, round trip, asleep",
        operations: 1,
        contenders: &[
            ringpool(|count| channels::ringpool_round_trip(Asleep, count)),
            tokio(channels::tokio_round_trip),
            MSG_RING,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[1, 3],
    },
    Row {
        name: "channel between rings, one way, a message",
        operations: 1,
        contenders: &[ringpool(channels::ringpool_one_way), tokio(channels::tokio_one_way)],
        goal: Goal::WallNs(35.0),
        notes: &[1],
    },
    Row {
        name: "unbounded channel between rings, one way, a message",
        operations: 1,
        contenders: &[
            ringpool(channels::ringpool_one_way_unbounded),
            tokio(channels::tokio_one_way_unbounded),
        ],
        goal: Goal::AheadOfTokio,
        notes: &[1],
    },
    Row {
        name: "`spawn_blocking` and await, warm",
        operations: 1,
        contenders: &[
            ringpool(|count| local::ringpool_blocking(Default, count)),
            tokio(local::tokio_blocking),
            PARK,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[5, 6],
    },
    Row {
        name: "`spawn_blocking` and await, asleep",
        operations: 1,
        contenders: &[
            ringpool(|count| local::ringpool_blocking(Asleep, count)),
            tokio(local::tokio_blocking),
            PARK,
        ],
        goal: Goal::WallNs(10_000.0),
        notes: &[3, 5, 6],
    },
    Row {
        name: "timer made, polled, dropped",
        operations: 1,
        contenders: &[ringpool(local::ringpool_timer), tokio(local::tokio_timer)],
        goal: Goal::WallNs(60.0),
        notes: &[5],
    },
    Row {
        name: "4 KiB cached read, depth 1",
        operations: 1,
        contenders: &[
            ringpool(files::ringpool_reads),
            tokio(files::tokio_reads),
            floor("bare ring", |count| files::bare_reads(1, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[5, 7],
    },
    Row {
        name: "4 KiB cached read, depth 32",
        operations: files::DEPTH,
        contenders: &[
            ringpool(files::ringpool_reads_at_depth),
            tokio(files::tokio_reads_at_depth),
            floor("bare ring", |count| files::bare_reads(files::DEPTH, count * files::DEPTH)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[5, 7],
    },
    Row {
        name: "TCP echo 64 B, 1 connection, a request",
        operations: 1,
        contenders: &[
            ringpool(|rounds| echo::ringpool_echo(1, rounds)),
            tokio(|rounds| echo::tokio_echo(1, rounds)),
            floor("bare ring", |rounds| echo::bare_echo(1, rounds)),
        ],
        goal: Goal::CpuOfFloor(1.0),
        notes: &[5, 8, 9],
    },
    Row {
        name: "TCP echo 64 B, 64 connections, a request",
        operations: echo::MANY,
        contenders: &[
            ringpool(|rounds| echo::ringpool_echo(echo::MANY, rounds)),
            tokio(|rounds| echo::tokio_echo(echo::MANY, rounds)),
            floor("bare ring", |rounds| echo::bare_echo(echo::MANY, rounds)),
        ],
        goal: Goal::CpuOfFloor(1.0),
        notes: &[5, 8, 9],
    },
];
