//! What is measured: the rows of the tables.

use crate::Setting;
use crate::client::Client;
use crate::counted::{Counted, HowLong};
use crate::programs::{Contender, Program};
use crate::served::Served;
use crate::statistics::Turns;

/// One question.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ways: &'static [Way],
    pub(crate) work: Work,
    /// What is compared, the first being what matters most.
    pub(crate) compared: &'static [Figure],
    /// What one should know about it.
    pub(crate) remark: &'static str,
}

/// How it may be done; programs that can do it in several ways are there several times.
pub(crate) struct Way {
    /// What the table adds to the names of those who do it so.
    pub(crate) suffix: &'static str,
    /// The first of these workloads that a program has.
    pub(crate) workloads: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    Counted(Counted),
    Served(Served),
}

impl Work {
    /// One turn of one contender.
    pub(crate) fn measure(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        match self {
            Self::Counted(work) => work.measure(setting, contender, turns),
            Self::Served(work) => work.measure(setting, contender, turns),
        }
    }

    /// One more turn, in which system calls and allocations are counted.
    pub(crate) fn count(&self, setting: &Setting, contender: &Contender, turns: &mut Turns) {
        match self {
            Self::Counted(work) => work.count(setting, contender, turns),
            Self::Served(work) => work.count(setting, contender, turns),
        }
    }
}

/// One of the things that are measured; of all of them less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Wall,
    Cpu,
    P50,
    P99,
    Bytes,
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wall => "time",
            Self::Cpu => "CPU",
            Self::P50 => "median latency",
            Self::P99 => "99th percentile",
            Self::Bytes => "memory",
        }
    }

    pub(crate) fn of(self, turns: &Turns) -> &[f64] {
        match self {
            Self::Wall => &turns.wall_ns,
            Self::Cpu => &turns.cpu_ns,
            Self::P50 => &turns.p50_ns,
            Self::P99 => &turns.p99_ns,
            Self::Bytes => &turns.bytes,
        }
    }
}

const TIMES: &[Figure] = &[Figure::Wall, Figure::Cpu];
const ECHO_FIGURES: &[Figure] = &[Figure::P50, Figure::Cpu];
const LATENCIES: &[Figure] = &[Figure::Cpu, Figure::P50, Figure::P99];

/// The usual way: a workload of this name.
macro_rules! way {
    ($workload:literal) => {
        Way { suffix: "", workloads: &[$workload] }
    };
}

const ECHO: &[Way] = &[
    way!("echo"),
    Way { suffix: ", multishot", workloads: &["echo-multishot"] },
    Way { suffix: ", awake", workloads: &["echo-awake"] },
    Way { suffix: ", multishot, awake", workloads: &["echo-multishot-awake"] },
];

const fn counted(operations: u64) -> Work {
    Work::Counted(Counted { operations, depth: 1, how_long: HowLong::ATurn })
}

const fn read(depth: usize) -> Work {
    Work::Counted(Counted { operations: depth as u64, depth, how_long: HowLong::ATurn })
}

const fn served(client: Client, connections: usize, size: usize) -> Work {
    Work::Served(Served { client, connections, size })
}

/// What is done on processors and queues alone, or with files.
macro_rules! row {
    ($name:literal, $workload:literal, $work:expr, $remark:literal) => {
        Row { name: $name, ways: &[way!($workload)], work: $work, compared: TIMES, remark: $remark }
    };
}

macro_rules! echo_row {
    ($name:literal, $client:expr, $count:literal, $size:expr, $compared:expr, $remark:literal) => {
        Row {
            name: $name,
            ways: ECHO,
            work: served($client, $count, $size),
            compared: $compared,
            remark: $remark,
        }
    };
}

const KIB: usize = 1024;

/// The row that says what a runtime costs that does nothing.
pub(crate) const IDLE: &str = "idle with two threads, 500 ms";

/// All rows, as the tables have them.
pub(crate) const ROWS: &[Row] = &[
    row!(
        "spawn on the other thread and await",
        "spawn-on",
        counted(1),
        "Runtimes that wait awake for a while, or always, do so. The floor: two threads that look \
         at one cache line in turns."
    ),
    row!(
        "spawn on the other thread and await, asleep",
        "spawn-on-asleep",
        counted(1),
        "No thread waits awake, as far as the runtime can be told so. The floor: two rings that \
         send each other a message by `IORING_OP_MSG_RING`."
    ),
    Row {
        name: "go to the other thread and back",
        ways: &[Way { suffix: "", workloads: &["switch", "spawn-on"] }],
        work: counted(1),
        compared: TIMES,
        remark: "Nobody else moves a running task on request: they spawn one there and await it.",
    },
    Row {
        name: "go to the other thread and back, asleep",
        ways: &[Way { suffix: "", workloads: &["switch-asleep", "spawn-on-asleep"] }],
        work: counted(1),
        compared: TIMES,
        remark: "As above, and no thread waits awake.",
    },
    row!(
        "20,000 tasks spawned on the other thread, then all awaited; a task",
        "batch",
        counted(20_000),
        "Tokio's multi-thread runtime cannot place a task: it spawns them where it is, and the \
         other worker steals."
    ),
    row!(
        "tasks spawned from two outside threads; a task",
        "storm",
        counted(10_000),
        "Onto one thread of the runtime, until all have run."
    ),
    row!("channel between threads, round trip", "channel-round-trip", counted(1), ""),
    row!(
        "channel between threads, round trip, asleep",
        "channel-round-trip-asleep",
        counted(1),
        ""
    ),
    row!("channel between threads, one way; a message", "channel-one-way", counted(1), ""),
    row!("local spawn and await", "local-spawn", counted(1), ""),
    row!("yield", "yield", counted(1), ""),
    row!("timer made, polled, dropped", "timer", counted(1), ""),
    row!(
        "100,000 tasks that sleep 1 to 100 ms; a task",
        "timers",
        counted(100_000),
        "The time of a task cannot be less than 1 µs, since the longest sleep is 100 ms."
    ),
    row!("spawn_blocking and await", "spawn-blocking", counted(1), "The floor: park and unpark."),
    row!("spawn_blocking and await, asleep", "spawn-blocking-asleep", counted(1), ""),
    row!(
        "fan-out to 64 tasks of 20 µs on two threads, and fan-in",
        "fan",
        counted(1),
        "The floor: two plain threads that do half of it each."
    ),
    row!(
        "256 tasks of 200 µs, all born on one of two threads",
        "compute",
        counted(1),
        "The floor: two plain threads that do half of it each."
    ),
    Row {
        name: "cancel 1,000 tasks that wait for a byte; a task",
        ways: &[way!("cancel")],
        work: counted(1_000),
        compared: &[Figure::Cpu],
        remark: "Spawned, waiting in a read of a connection of its own, cancelled 2 ms later \
                 (which is in the time), awaited. Afterwards every byte is still there. \
                 Ringpool returns when the kernel has nothing of the task any more, as the floor \
                 does; in glommio and tokio the kernel goes on to watch the connection, and compio \
                 does not wait for it.",
    },
    row!("4 KiB random read, cached, depth 1", "read", read(1), ""),
    row!("4 KiB random read, cached, depth 32", "read", read(32), ""),
    row!("4 KiB random read, cached, depth 128", "read", read(128), ""),
    row!(
        "copy of 64 MiB, 256 KiB at a time",
        "copy",
        counted(1),
        "One read, then one write, in the page cache."
    ),
    echo_row!("TCP echo 64 B, 1 connection", Client::Closed, 1, 64, ECHO_FIGURES, ""),
    echo_row!("TCP echo 64 B, 64 connections", Client::Closed, 64, 64, TIMES, ""),
    echo_row!("TCP echo 64 B, 1,000 connections", Client::Closed, 1_000, 64, TIMES, ""),
    echo_row!("TCP echo 1 KiB, 1 connection", Client::Closed, 1, KIB, ECHO_FIGURES, ""),
    echo_row!("TCP echo 1 KiB, 64 connections", Client::Closed, 64, KIB, TIMES, ""),
    echo_row!("TCP echo 1 KiB, 1,000 connections", Client::Closed, 1_000, KIB, TIMES, ""),
    echo_row!("TCP echo 16 KiB, 1 connection", Client::Closed, 1, 16 * KIB, ECHO_FIGURES, ""),
    echo_row!("TCP echo 16 KiB, 64 connections", Client::Closed, 64, 16 * KIB, TIMES, ""),
    echo_row!("TCP echo 16 KiB, 1,000 connections", Client::Closed, 1_000, 16 * KIB, TIMES, ""),
    echo_row!(
        "TCP echo 64 B, 1 connection, 2,000 a second",
        Client::Paced { per_second: 2_000 },
        1,
        64,
        LATENCIES,
        "A server that waits awake pays for its latency with processor time."
    ),
    echo_row!(
        "TCP echo 64 B, 64 connections, 20,000 a second",
        Client::Paced { per_second: 20_000 },
        64,
        64,
        LATENCIES,
        ""
    ),
    echo_row!(
        "TCP echo 1 KiB, 1,000 connections, 20,000 a second",
        Client::Paced { per_second: 20_000 },
        1_000,
        KIB,
        LATENCIES,
        ""
    ),
    Row {
        name: "HTTP/1.1 plaintext, 64 connections",
        ways: &[way!("http")],
        work: served(Client::Http, 64, 64),
        compared: TIMES,
        remark: "All servers have the same few lines of parsing.",
    },
    Row {
        name: "HTTP/1.1 plaintext, 1,000 connections",
        ways: &[way!("http")],
        work: served(Client::Http, 1_000, 64),
        compared: TIMES,
        remark: "",
    },
    Row {
        name: "accept, echo of 64 B and close, 16 at once",
        ways: &[way!("accept")],
        work: served(Client::Connecting, 16, 64),
        compared: TIMES,
        remark: "A connection for each message.",
    },
    Row {
        name: "rotating hotspot, 50 µs a request",
        ways: &[way!("hotspot")],
        work: served(Client::Hot, 16, 64),
        compared: TIMES,
        remark: "Sixteen connections, eight to each of two listeners, of which now those of one \
                 have requests, now those of the other. The clients, too, need both processors.",
    },
    Row {
        name: "start with two threads, a task on each, stop",
        ways: &[way!("cold-start")],
        work: counted(1),
        compared: TIMES,
        remark: "",
    },
    Row {
        name: IDLE,
        ways: &[way!("idle"), Way { suffix: ", awake", workloads: &["idle-awake"] }],
        work: Work::Counted(Counted { operations: 1, depth: 1, how_long: HowLong::Iterations(1) }),
        compared: &[Figure::Cpu],
        remark: "Both were busy a moment ago. The floor: a process with two threads that sleep.",
    },
    Row {
        name: "memory of a parked task",
        ways: &[way!("parked")],
        work: Work::Counted(Counted { operations: 1, depth: 1, how_long: HowLong::ParkedTasks }),
        compared: &[Figure::Bytes],
        remark: "Growth of the process, its future (a few bytes) included.",
    },
    Row {
        name: "memory of an idle TCP connection",
        ways: &[way!("connections")],
        work: served(Client::Idle, 1, 64),
        compared: &[Figure::Bytes],
        remark: "Growth of the server's process for each of many connections that have been used \
                 once; in the way that needs least in this runtime.",
    },
];

/// Workloads that no row has: they are for the plots.
const OF_PLOTS: &[&str] = &["yield-many", "rings"];

/// Finds workloads of programs that nobody asks for.
pub(crate) fn check(programs: &[Program]) -> Result<(), String> {
    let of_rows = || ROWS.iter().flat_map(|row| row.ways).flat_map(|way| way.workloads);
    let is_known = |name: &str| of_rows().chain(OF_PLOTS).any(|known| *known == name);
    for program in programs {
        if let Some(unknown) = program.workloads.iter().find(|name| !is_known(name)) {
            return Err(format!(
                "{} has a workload {unknown}, of which no row knows",
                program.name
            ));
        }
    }
    Ok(())
}
