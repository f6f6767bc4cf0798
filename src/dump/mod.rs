//! What a pool is doing: every task, what it waits for, and what the kernel has of it.
//!
//! [`Pool::dump`](crate::Pool::dump) gives a [`PoolDump`], which can be printed.
//!
//! ```text
//! ring 0, core 0: 2 tasks
//!   task 1025 "in", src/in.rs:5:9, waiting, 3.2 s old, waits for an operation at src/in.rs:7:31
//!     READ on fd 5, ring 0, for 3.2 s
//!   task 1026, src/main.rs:20:5, ready, 12 ms old
//! ring 1, core 1: does not answer, in a poll of task 2048 "hash", src/main.rs:31:9, for >= 450 ms
//! ```

// # How it is found out
//
// A ring's tasks and operations are touched by its own thread only, so who wants to know sends each
// ring a message (`gather.rs`) and waits for the answers, for a limited time. What a ring that does
// not answer is polling it has written down before (`running.rs`), and how long that has lasted at
// least is known from when somebody saw it first (`FirstSeen`).
//
// While the rings answer tasks move. A ring that has answered writes down who arrives from then on
// (`Looks`), until it gets a second message, which is sent when all have answered. So of a task
// that lives all that time, one of these is true: a ring has found it among its own; or it was
// under way when all rings had answered, or before, to a ring that had answered, and that ring
// writes it down before it gets the second message, which was sent later. Whoever was found more
// than once is told of once.

mod display;
mod gather;
mod long_poll;
mod looks;

use std::panic::Location;
use std::time::Duration;

pub use crate::awaiting::Awaited;
use crate::task::TaskId;

pub(crate) use gather::{Sources, gather};
pub use long_poll::LongPoll;
pub(crate) use long_poll::{FirstSeen, long_poll};
pub(crate) use looks::{Answer, Looks};

/// What a pool is doing; made by [`Pool::dump`](crate::Pool::dump).
///
/// A task that lives all the time that the dump takes is in it exactly once, unless its ring does
/// not answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolDump {
    /// One for each ring, in order.
    pub rings: Vec<RingDump>,
    /// Closures on threads for blocking work, and those that wait for a thread.
    pub blocking: Vec<TaskDump>,
}

impl PoolDump {
    /// All tasks, ring by ring, and then the blocking ones.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskDump> {
        self.rings.iter().flat_map(|ring| &ring.tasks).chain(&self.blocking)
    }

    /// The task with this number, if it was found.
    pub fn task(&self, id: TaskId) -> Option<&TaskDump> {
        self.tasks().find(|task| task.id == id)
    }
}

/// What a ring is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RingDump {
    /// Its place in the pool, from 0.
    pub index: usize,
    /// The processor its thread is pinned to, if it is pinned.
    pub core: Option<usize>,
    /// Whether it has answered, and if not, why. It is asked twice: one that only answered at first
    /// has its tasks here, but for those that came in after that.
    pub state: RingState,
    /// The tasks that live here, or were on their way here.
    pub tasks: Vec<TaskDump>,
    /// Operations in flight here that none of the dump's tasks has begun: their task has ended and
    /// left them to a stream, say, or lives on a ring that has not answered.
    pub operations: Vec<OperationDump>,
}

/// Whether a ring has said what it is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RingState {
    /// It has.
    Answered,
    /// It has not, since it is in a poll that does not end, or drops a task as long.
    InPoll(LongPoll),
    /// It has not, although it polls one task after the other: they take so long, or there are so
    /// many messages before ours.
    Busy,
    /// It has not, and is in no poll: it has no processor, is in a system call or in a waker.
    Silent,
    /// It has stopped, and has no tasks.
    Stopped,
}

/// What a task is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// Its number.
    pub id: TaskId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// The ring that it lives on or is on its way to; `None` for a blocking one.
    pub ring: Option<usize>,
    /// What it is doing.
    pub state: TaskState,
    /// How long it has been there: to within 10 ms on a ring whose tasks do not keep it from
    /// looking at the clock, which it does every few turns of its loop.
    pub age: Duration,
    /// What it waits for, if that is known.
    pub awaits: Option<Awaiting>,
    /// It never leaves its ring: it was made by `spawn_local`.
    pub is_local: bool,
    /// It was asked to end.
    pub is_cancelled: bool,
    /// Its operations in flight: those that it has begun, on whatever ring.
    pub operations: Vec<OperationDump>,
}

/// The state of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// Being polled now, by the very thread that made the dump.
    Running,
    /// To be polled when its turn comes.
    Ready,
    /// Waiting to be woken.
    Waiting,
    /// Under way to its ring, from another one or newly spawned.
    UnderWay,
    /// Dropped, and waiting until the kernel has given back its operations.
    WindingDown,
    /// Blocking: its closure waits for a thread.
    Queued,
    /// Blocking: its closure runs.
    Blocking,
}

/// What a task waits for: the first thing that it looked at, if it waits for several. That may be
/// one that it waits for no more: a future that was polled and dropped within the same poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Awaiting {
    /// What kind of thing it is.
    pub what: Awaited,
    /// Where the `await` is, if it is one of this crate's futures that is awaited there. It is not
    /// known of the async functions of this crate, and of futures within others.
    pub at: Option<&'static Location<'static>>,
}

/// An operation that the kernel has, or that stands in line for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OperationDump {
    /// What it is called, without the `IORING_OP_` before it.
    pub name: &'static str,
    /// Its code.
    pub opcode: u8,
    /// The descriptor it is about, if it is about one.
    pub descriptor: Option<i32>,
    /// The descriptor is a place in the ring's table; see [`DirectFd`](crate::op::DirectFd).
    pub is_direct: bool,
    /// The ring that it was begun on, and will end on.
    pub ring: usize,
    /// The task that has begun it.
    pub task: Option<TaskId>,
    /// How long it has been in flight; as precise as [`TaskDump::age`].
    pub age: Duration,
}
