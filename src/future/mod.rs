//! Several futures at once, in one task.
//!
//! | | ends with | the others | gives |
//! |---|---|---|---|
//! | [`join`](join()), [`join_all`] | the last | | all outputs |
//! | [`try_join`](try_join()), [`try_join_all`] | the first error, or the last | dropped and awaited | all values, or the error |
//! | [`race`](race()), [`race_all`] | the first | dropped and awaited | its output |
//! | [`select`](select()), [`select_all`] | the first | dropped | its output |
//! | [`parallel`](parallel()), [`parallel_all`] | the last | | all outputs, and the order |
//!
//! Any futures will do, on any executor: operations, timers, what waits for a channel, a lock or a
//! [`Task`](crate::Task), and blocks of code. They are polled in the task that awaits the
//! combinator, so they take turns and never run at the same time; [`spawn`](crate::spawn) what is
//! to run on another thread. In a tuple the futures may be of different types, and all that have
//! not ended are polled whenever one is woken. In the ranged forms (`_all`) only those are polled
//! that have been woken, so ten thousand cost no more each than ten.
//!
//! # Awaited
//!
//! A future that is dropped may leave an operation in the kernel, which is told to stop and answers
//! a moment later, with the memory and the descriptors that it keeps until then. `race` and
//! `try_join` wait for these answers: when they return, nothing is left in the kernel of what the
//! others were doing, also of what those have dropped before. That is what a cancelled task does,
//! too. An operation that cannot be stopped, such as a write to a disk, is awaited to its end. A
//! stream's dropped read is not awaited: it goes on for the next one who reads.
//!
//! A [`Task`](crate::Task) whose handle is dropped is cancelled, and its end is awaited in the same
//! way as that of [`cancel`](crate::Task::cancel), on whatever ring it lives. So is a closure on a
//! thread for blocking work that has begun, which cannot be interrupted; but not the lookup of a
//! host's name. With [`detach`](crate::Task::detach) nobody waits, nor with `select`.
//!
//! If a combinator is itself dropped, it drops all, and the task counts what that leaves; so does a
//! race around it.
//!
//! # Panics
//!
//! When a future panics, the others are dropped, what they leave is awaited (but for `select`), and
//! then the panic goes on. So does that of a destructor.

mod child;
mod children;
mod combined;
mod join;
mod many;
mod named;
mod one_of;
mod parallel;
mod race;
mod rules;
mod select;
mod try_join;
mod tuples;
mod wakes;

pub use join::{join, join_all};
pub use named::{
    Join, JoinAll, Parallel, ParallelAll, Race, RaceAll, Select, SelectAll, TryJoin, TryJoinAll,
};
pub use one_of::{OneOf2, OneOf3, OneOf4, OneOf5, OneOf6, OneOf7, OneOf8};
pub use parallel::{parallel, parallel_all};
pub use race::{race, race_all};
pub use select::{select, select_all};
pub use try_join::{try_join, try_join_all};
pub use tuples::{Futures, TryFutures};
