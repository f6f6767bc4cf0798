//! Load that is not where it could be run: what a pool does about it, beside tokio's workers that
//! steal, and what it costs where there is nothing to do about it.

mod born;
mod computing;
mod fan;
mod hotspot;

use ringpool::Balance;

use self::born::Birth;
use self::computing::{EVEN, SHORT, UNEVEN, halves, in_turn};
use self::fan::Born;
use super::rows::{Goal, Row, floor, ringpool, tokio};

const MANY_BORN: Birth = Birth { tasks: 10_000, yields: 3 };
const SOME_THAT_STAY: Birth = Birth { tasks: 64, yields: 1_000 };

/// These rows, as the table has them.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "256 tasks that compute for 200 µs, all born on one of two threads",
        operations: 1,
        contenders: &[
            ringpool(|count| fan::ringpool(&EVEN, Born::Here, count)),
            tokio(|count| fan::tokio(&EVEN, count)),
            floor("two threads, half each", |count| halves(&EVEN, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14, 15],
    },
    Row {
        name: "512 tasks of 20 µs, but every 16th of 2 ms, all born on one of two threads",
        operations: 1,
        contenders: &[
            ringpool(|count| fan::ringpool(&UNEVEN, Born::Here, count)),
            tokio(|count| fan::tokio(&UNEVEN, count)),
            floor("two threads, from one counter", |count| in_turn(&UNEVEN, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14, 15],
    },
    Row {
        name: "fan-out to 64 tasks of 20 µs and fan-in, half on each of two threads",
        operations: 1,
        contenders: &[
            ringpool(|count| fan::ringpool(&SHORT, Born::HalfOnEach, count)),
            tokio(|count| fan::tokio(&SHORT, count)),
            floor("two threads, half each", |count| halves(&SHORT, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14, 16],
    },
    Row {
        name: "fan-out to 64 tasks of 20 µs and fan-in, all born on one of two threads",
        operations: 1,
        contenders: &[
            ringpool(|count| fan::ringpool(&SHORT, Born::Here, count)),
            tokio(|count| fan::tokio(&SHORT, count)),
            floor("two threads, half each", |count| halves(&SHORT, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14],
    },
    Row {
        name: "rotating hotspot over TCP, 50 µs of computing a request, a request",
        operations: hotspot::REQUESTS_A_PHASE,
        contenders: &[
            ringpool(|phases| hotspot::ringpool(Balance::Shed, phases)),
            tokio(hotspot::tokio),
            floor("ringpool, by hand", |phases| hotspot::ringpool(Balance::Manual, phases)),
        ],
        goal: Goal::AheadOfTokio,
        notes: &[14, 17],
    },
    Row {
        name: "64 tasks on each of two threads yield, a yield",
        operations: 2 * SOME_THAT_STAY.tasks * SOME_THAT_STAY.yields,
        contenders: &[
            ringpool(|count| born::ringpool(SOME_THAT_STAY, Balance::Shed, count)),
            tokio(|count| born::tokio(SOME_THAT_STAY, count)),
            floor("ringpool, by hand", |count| {
                born::ringpool(SOME_THAT_STAY, Balance::Manual, count)
            }),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14, 18],
    },
    Row {
        name: "10,000 tasks born on each of two threads yield three times, a task",
        operations: 2 * MANY_BORN.tasks,
        contenders: &[
            ringpool(|count| born::ringpool(MANY_BORN, Balance::Shed, count)),
            tokio(|count| born::tokio(MANY_BORN, count)),
            floor("ringpool, by hand", |count| born::ringpool(MANY_BORN, Balance::Manual, count)),
        ],
        goal: Goal::WallOfFloor(1.05),
        notes: &[14, 18],
    },
];
